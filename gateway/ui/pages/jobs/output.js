// @ts-check
// What was asked and what came of it, as a person would look at it: messages, pictures, sound, films, texts, vectors.
//
//   html`<${Input} body=${job.request} />`      html`<${Output} body=${job.result} />`
//
// What a newcomer would get wrong: bodies come in several dialects and may be cut; whatever is not known here is shown as JSON.
import { html } from '../../lib.js';
import { Code, Json } from '../../kit/code.js';
import { Markdown } from '../../kit/markdown.js';
import { Badge, Button, Copy } from '../../kit/parts.js';
import { bytes, count, seconds } from '../../kit/time.js';

/** @param {{body: any}} props */
export function Input({ body }) {
  const messages = body?.messages ?? (typeof body?.prompt === 'string' ? [{ role: 'prompt', content: body.prompt }] : typeof body?.text === 'string' ? [{ role: 'text', content: body.text }] : null);
  return html`<div class="col gap-4">${messages && html`<div>${messages.map((one) => html`<${Message} one=${one} />`)}</div>`}<${Json} value=${body} label="Request" most="420px" /></div>`;
}

/** @param {{body: any}} props */
export function Output({ body }) {
  const shown = rendered(body);
  return html`<div class="col gap-4">${shown}<${Json} value=${trimmed(body)} label="Result" most="420px" /></div>`;
}

function rendered(body) {
  if (typeof body === 'string') return html`<${Code} text=${body} label="Text" wrap />`;
  if (Array.isArray(body?.choices)) return html`<div>${body.choices.map((one) => html`<${Message} one=${one.message ?? { role: 'assistant', content: one.text }} why=${one.finish_reason} />`)}</div>`;
  if (body?.artifacts || body?.texts) return html`<div class="col gap-4">${(body.texts ?? []).map((one) => html`<${Text} one=${one} />`)}${body.artifacts?.length > 0 && html`<div class="outputs">${body.artifacts.map((one) => html`<${Artifact} one=${one} />`)}</div>`}</div>`;
  if (Array.isArray(body?.data) && body.data[0]?.embedding) return html`<${Vectors} data=${body.data} />`;
  if (Array.isArray(body?.data) && (body.data[0]?.url || body.data[0]?.b64_json)) return html`<div class="outputs">${body.data.map((one) => html`<${Artifact} one=${{ url: one.url ?? `data:image/png;base64,${one.b64_json}`, content_type: 'image/png', title: one.revised_prompt }} />`)}</div>`;
  if (typeof body?.text === 'string') return html`<${Text} one=${body} />`;
  return null;
}

function Message({ one, why }) {
  const parts = Array.isArray(one.content) ? one.content : [{ type: 'text', text: one.content ?? '' }];
  return html`<div class="quote"><div class="who row">${one.role}${why && why !== 'stop' && html` <${Badge} kind="warn">${why}<//>`}<span class="grow"></span><${Copy} text=${parts.map((part) => part.text ?? '').join('\n')} label="Copy the text" /></div>
    ${one.reasoning_content && html`<details><summary class="small soft">Reasoning</summary><p class="small soft">${one.reasoning_content}</p></details>`}
    ${parts.map((part) => (part.text !== undefined ? html`<${Markdown} text=${part.text ?? ''} />` : part.image_url?.url?.startsWith('data:') ? html`<img class="peek large" alt="Picture of the request" src=${part.image_url.url} />` : html`<${Badge}>${part.type ?? 'part'}<//>`))}
    ${one.tool_calls?.map((call) => html`<${Code} label=${`calls ${call.function?.name}`} language="json" text=${call.function?.arguments ?? ''} wrap />`)}</div>`;
}

function Text({ one }) {
  return html`<div class="quote"><div class="who row">${[one.language, one.seconds && seconds(one.seconds)].filter(Boolean).join(' · ') || 'text'}<span class="grow"></span><${Copy} text=${one.text} label="Copy the text" /></div><${Markdown} text=${one.text} /></div>`;
}

/** A file that the job made, shown as what it is. */
function Artifact({ one }) {
  const kind = String(one.content_type ?? '').split('/')[0], name = one.file_name || one.title || one.url?.split('/').pop() || 'file';
  const note = [one.width && `${one.width} × ${one.height}`, one.seconds && seconds(one.seconds), one.size && bytes(one.size)].filter(Boolean).join(' · ');
  return html`<figure>${kind === 'image' ? html`<a href=${one.url} target="_blank" rel="noopener"><img src=${one.url} alt=${one.title || name} loading="lazy" /></a>` : kind === 'audio' ? html`<audio controls preload="none" src=${one.url} aria-label=${name}></audio>` : kind === 'video' ? html`<video controls preload="metadata" src=${one.url} aria-label=${name}></video>` : ''}
    <figcaption><span class="cut grow" data-tip=${name}>${name}</span><span class="faint nowrap">${note}</span><${Button} small ghost icon="download" label=${`Download ${name}`} href=${one.url} download=${name} /></figcaption></figure>`;
}

function Vectors({ data }) {
  return html`<p class="soft">${count(data.length)} ${data.length === 1 ? 'vector' : 'vectors'} of ${count(data[0].embedding.length)} numbers.</p>`;
}

/** Without the long bytes and vectors: nobody reads those. */
function trimmed(value) {
  if (typeof value === 'string') return value.length > 4000 && /^[A-Za-z0-9+/=_-]+$/.test(value.slice(0, 200)) ? `${value.slice(0, 60)}… (${bytes(value.length)})` : value;
  if (Array.isArray(value)) return value.length > 64 && typeof value[0] === 'number' ? [...value.slice(0, 8), `… ${value.length} numbers`] : value.map(trimmed);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, trimmed(one)]));
  return value;
}
