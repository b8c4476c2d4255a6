// @ts-check
// A file as a person would look at it: picture, film, sound, text; what can't be shown is said so, with the way to save it.
//
//   html`<${Show} file=${file} />`
import { html, sheet, useEffect, useState } from '../../lib.js';
import { api } from '../../kit/api.js';
import { Code } from '../../kit/code.js';
import { Icon } from '../../kit/icons.js';
import { Player, variant } from '../../kit/media.js';
import { Button, Failed, Skeleton } from '../../kit/parts.js';
import { bytes } from '../../kit/time.js';
import { content, iconOf, kindOf, languageOf, playable } from './kinds.js';

await sheet(new URL('./area.css', import.meta.url));

/** Bytes of a text that are shown. */
const READ = 128 * 1024;

/** @param {{file: any, label?: string}} props */
export function Show({ file, label }) {
  const kind = kindOf(file), name = label ?? file.file_name ?? 'File';
  const [bad, setBad] = useState(false);
  useEffect(() => setBad(false), [file.id, file.url]);
  if (kind === 'image') {
    const src = playable(file) && !bad ? content(file) : variant(file.url, { width: 1600, height: 1600, fit: 'inside', format: 'webp' });
    return html`<div class="show"><img src=${src} alt=${name} onError=${() => setBad(true)} /></div>`;
  }
  if (kind === 'video') return playable(file) && !bad ? html`<div class="show"><video controls preload="metadata" src=${content(file)} aria-label=${name} onError=${() => setBad(true)}></video></div>`
    : html`<div class="col"><div class="show"><img src=${variant(file.url, { width: 960, format: 'webp' })} alt=${`A frame of ${name}`} /></div><p class="small faint">Your browser does not play this format. Download it, or convert it to mp4.</p></div>`;
  if (kind === 'audio') return html`<${Player} item=${file} />`;
  if (kind === 'text') return html`<${Text} file=${file} />`;
  return html`<div class="empty"><span class="pic"><${Icon} name=${iconOf(file)} size="20" /></span><h3>${kind === 'pdf' ? 'A PDF document' : 'No preview of this kind'}</h3><p>${file.content_type} · ${bytes(file.size)}</p>
    <${Button} icon="download" href=${content(file, true)} download=${file.file_name}>Download<//></div>`;
}

function Text({ file }) {
  const [told, setTold] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const stop = new AbortController();
    setTold(null);
    api(content(file), { as: 'text', signal: stop.signal, headers: { accept: '*/*', ...(file.size > READ && { range: `bytes=0-${READ - 1}` }) } })
      .then((text) => setTold({ text: readable(file, text) }), (error) => error.name !== 'AbortError' && setTold({ error }));
    return () => stop.abort();
  }, [file.id]);
  if (!told) return html`<${Skeleton} lines=${5} />`;
  if (told.error) return html`<${Failed} error=${told.error} />`;
  return html`<div class="col"><${Code} text=${told.text} language=${languageOf(file)} label=${file.file_name} wrap=${true} most="420px" />
    ${file.size > READ && html`<p class="small faint">The first ${bytes(READ)} of ${bytes(file.size)}.</p>`}</div>`;
}

function readable(file, text) {
  if (languageOf(file) !== 'json' || file.size > READ) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
