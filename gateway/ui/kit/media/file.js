// @ts-check
// What a file of the server is: its kind, its address on this host, the addresses of its smaller pictures.
import { html } from '../../lib.js';
import { Icon } from '../icons.js';
import { bytes, seconds } from '../time.js';

/** Below so many bytes a picture is shown as it is: a smaller one would hardly be smaller. */
export const SMALL = 24_000;

/** @param {{content_type?: string}|null|undefined} item @returns {'image'|'video'|'audio'|'text'|'other'} */
export function kindOf(item) {
  const word = (item?.content_type ?? '').split('/')[0];
  return /** @type {any} */ (['image', 'video', 'audio', 'text'].includes(word) ? word : 'other');
}

/** The file's address on this host, whatever host its `url` names. @param {string} url */
export function place(url = '') {
  const at = url.indexOf('/artifacts/');
  return at < 0 ? url : url.slice(at);
}

/** The address of another size (docs/how-to/show-pictures.md). @param {string} url @param {Record<string, string|number|undefined>} options */
export function variant(url, options) {
  const said = Object.entries(options).filter(([, value]) => value !== undefined && value !== '').map(([name, value]) => `${name}=${value}`).join(',');
  return `/variants/${said}/${place(url).replace(/^\/artifacts\//, '')}`;
}

/** `1024 × 768 · 1.2 MB`, as far as it is known. */
export const measures = (item) => [item.width && item.height && `${item.width} × ${item.height}`, item.seconds && seconds(item.seconds), item.size && bytes(item.size)].filter(Boolean).join(' · ');

/** A line for a file that can be neither seen nor heard. */
export function FileName({ item }) {
  return html`<a class="row" href=${place(item.url)} target="_blank" rel="noopener"><${Icon} name="file" /><span class="cut">${item.file_name || item.id}</span><span class="faint small nowrap">${measures(item)}</span></a>`;
}

/** Save it under its name. @param {any} item */
export function download(item) {
  const link = document.createElement('a');
  link.href = `${place(item.url)}?download=1`;
  link.download = item.file_name || '';
  link.click();
}
