// @ts-check
// Code and JSON to read and copy, and the equivalent call of a form in curl, Python and TypeScript.
//
//   html`<${Code} text=${source} language="python" />`          html`<${Json} value=${job} label="Input" />`
//   html`<${Call} call=${{ method: 'POST', path: '/v1/chat/completions', body: { model, messages } }} />`
//   html`<${Call} call=${{ method: 'POST', path: '/v1/audio/transcriptions', form: { model: 'm' }, files: { file: 'speech.wav' } }} />`
//   html`<${CodeTabs} label="First call" samples=${[['curl', 'curl', text, 'bash'], …]} />`     [id, title, text, language]
//
// A call never holds the person's key: it reads it from AI_SERVER_KEY.
import { html, useEffect, useState } from '../lib.js';
import { highlighted } from './highlight.js';
import { Copy } from './parts.js';
import { shared } from './store.js';
import { Tabs } from './tabs.js';

/** @param {{text: string, language?: string, label?: string, wrap?: boolean, most?: string, bare?: boolean, actions?: any}} props `most`: the height it may take */
export function Code({ text, language = '', label, wrap, most, bare, actions }) {
  const pre = html`<${Pre} text=${text} language=${language} wrap=${wrap} most=${most} label=${label} />`;
  if (bare) return pre;
  return html`<div class="code"><header><span class="small soft grow cut">${label ?? language}</span>${actions}<${Copy} text=${text} /></header>${pre}</div>`;
}

function Pre({ text, language, wrap, most, label }) {
  const [done, setDone] = useState(/** @type {any} */ ({ text: '', markup: null }));
  useEffect(() => {
    let current = true;
    highlighted(text, language).then((markup) => current && setDone({ text, markup }), () => {});
    return () => (current = false);
  }, [text, language]);
  const style = most ? { '--most': most } : {};
  const name = label ?? language ?? 'Code';
  if (done.markup !== null && done.text === text) return html`<pre class=${wrap ? 'wrap' : ''} style=${style} tabindex="0" role="region" aria-label=${name}><code dangerouslySetInnerHTML=${{ __html: done.markup }}></code></pre>`;
  return html`<pre class=${wrap ? 'wrap' : ''} style=${style} tabindex="0" role="region" aria-label=${name}><code>${text}</code></pre>`;
}

/** Any value as JSON; a text that holds JSON is made readable. */
export function Json({ value, label = 'JSON', most, actions }) {
  let text;
  try {
    text = JSON.stringify(typeof value === 'string' ? JSON.parse(value) : value, null, 2);
  } catch {
    text = String(value);
  }
  return html`<${Code} text=${text ?? 'null'} language="json" label=${label} most=${most} wrap=${true} actions=${actions} />`;
}

/** Samples in several languages; the chosen one is remembered. @param {{samples: [string, string, string, string][], label: string, most?: string}} props */
export function CodeTabs({ samples, label, most }) {
  const chosen = shared('language', 'curl');
  const one = samples.find(([id]) => id === chosen.value) ?? samples[0];
  if (!one) return null;
  return html`<div class="code"><header><${Tabs} pills label=${label} tabs=${samples.map(([id, title]) => [id, title])} value=${one[0]} onChange=${(id) => (chosen.value = id)} /><${Copy} text=${one[2]} /></header>
    <${Pre} text=${one[2]} language=${one[3]} most=${most} label=${`${label}: ${one[1]}`} /></div>`;
}

/** `save`: the answer is no JSON but bytes for a file of that name.
 * @typedef {{method?: string, path: string, query?: any, body?: any, form?: Record<string, any>, files?: Record<string, string|string[]>, save?: string}} AnyCall */

/** The call that a form makes, for a program. @param {{call: AnyCall, label?: string, most?: string}} props */
export function Call({ call, label = 'The same from a program', most = '320px' }) {
  return html`<${CodeTabs} label=${label} most=${most} samples=${samples(call)} />`;
}

/** @param {AnyCall} call @param {string} [origin] @returns {[string, string, string, string][]} */
export function samples(call, origin = location.origin) {
  const clean = { ...call, method: call.method ?? 'POST', body: call.body && drop(call.body), form: call.form && drop(call.form) };
  const url = origin + call.path + (call.query ? `?${new URLSearchParams(drop(call.query))}` : '');
  return [['curl', 'curl', asCurl(clean, url), 'bash'], ['python', 'Python', asPython(clean, url), 'python'], ['typescript', 'TypeScript', asScript(clean, url), 'typescript']];
}

/** Without what was not said; long data: URLs and base64 are shortened. */
function drop(thing) {
  const short = (value) => (typeof value === 'string' && value.length > 400 && /^(data:|[A-Za-z0-9+/=]+$)/.test(value) ? `${value.slice(0, 40)}…`
    : Array.isArray(value) ? value.map(short) : value && typeof value === 'object' ? drop(value) : value);
  return Object.fromEntries(Object.entries(thing).filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => [name, short(value)]));
}

const quoted = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;
const files = (call) => Object.entries(call.files ?? {}).flatMap(([name, one]) => (Array.isArray(one) ? one : [one]).map((file) => [name, file]));
const multipart = (call) => call.files || call.form;

function asCurl(call, url) {
  const lines = [`curl ${call.method === 'GET' ? '' : `-X ${call.method} `}${quoted(url)}`, '-H "Authorization: Bearer $AI_SERVER_KEY"'];
  if (multipart(call)) {
    for (const [name, value] of Object.entries(call.form ?? {})) lines.push(`-F ${quoted(`${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)}`);
    for (const [name, file] of files(call)) lines.push(`-F ${quoted(`${name}=@${file}`)}`);
  } else if (call.body !== undefined) {
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(call.body, null, 2))}`);
  }
  if (call.save) lines.push(`-o ${quoted(call.save)}`);
  return lines.join(' \\\n  ');
}

/** A value as Python writes it. */
function python(value, pad = '') {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const more = `${pad}    `;
  const inside = Array.isArray(value) ? value.map((one) => more + python(one, more)) : Object.entries(value).map(([name, one]) => `${more}${JSON.stringify(name)}: ${python(one, more)}`);
  if (!inside.length) return Array.isArray(value) ? '[]' : '{}';
  const flat = inside.map((one) => one.trim()).join(', ');
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return flat.length < 70 && !flat.includes('\n') ? open + flat + close : `${open}\n${inside.join(',\n')},\n${pad}${close}`;
}

function asPython(call, url) {
  const lines = ['import os', 'import requests', '', `answer = requests.${call.method.toLowerCase()}(`, `    ${JSON.stringify(url)},`, '    headers={"Authorization": f"Bearer {os.environ[\'AI_SERVER_KEY\']}"},'];
  if (multipart(call)) {
    const form = Object.fromEntries(Object.entries(call.form ?? {}).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : value]));
    if (Object.keys(form).length) lines.push(`    data=${python(form, '    ')},`);
    if (files(call).length) lines.push(`    files=[${files(call).map(([name, file]) => `(${JSON.stringify(name)}, open(${JSON.stringify(file)}, "rb"))`).join(', ')}],`);
  } else if (call.body !== undefined) lines.push(`    json=${python(call.body, '    ')},`);
  const end = call.save ? `open(${JSON.stringify(call.save)}, "wb").write(answer.content)` : `print(answer.${call.body?.stream ? 'text' : 'json()'})`;
  return [...lines, ')', 'answer.raise_for_status()', end].join('\n');
}

function asScript(call, url) {
  const head = 'Authorization: `Bearer ${process.env.AI_SERVER_KEY}`';
  const lines = call.save ? ["import { writeFile } from 'node:fs/promises'", ''] : [];
  if (multipart(call)) {
    if (files(call).length) lines.push("import { openAsBlob } from 'node:fs'", '');
    lines.push('const form = new FormData()');
    for (const [name, value] of Object.entries(call.form ?? {})) lines.push(`form.append('${name}', ${JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : String(value))})`);
    for (const [name, file] of files(call)) lines.push(`form.append('${name}', await openAsBlob(${JSON.stringify(file)}), ${JSON.stringify(file)})`);
    lines.push('', `const answer = await fetch(${JSON.stringify(url)}, { method: '${call.method}', headers: { ${head} }, body: form })`);
  } else {
    const body = call.body === undefined ? '' : `\n  body: JSON.stringify(${JSON.stringify(call.body, null, 2).replaceAll('\n', '\n  ')}),`;
    lines.push(`const answer = await fetch(${JSON.stringify(url)}, {`, `  method: '${call.method}',`, `  headers: { ${head}${body ? ", 'Content-Type': 'application/json'" : ''} },${body}`, '})');
  }
  const end = call.save ? `await writeFile(${JSON.stringify(call.save)}, Buffer.from(await answer.arrayBuffer()))` : 'console.log(await answer.json())';
  return [...lines, 'if (!answer.ok) throw new Error(await answer.text())', end].join('\n');
}
