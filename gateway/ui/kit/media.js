// @ts-check
// Pictures, sound and video that the server holds: small previews, a light box, a player, a gallery of results, a field that takes one.
//
//   html`<${ResultGallery} items=${job.result.artifacts} onGone=${(item) => …} />`       tiles; a click opens the light box; players for sound
//   html`<${Thumb} item=${file} onOpen=${() => setAt(0)} />`                              one tile; `width` of the small picture, `fit="contain"`
//   html`<${Lightbox} items=${files} at=${at} onAt=${setAt} onClose=${() => setAt(-1)} />` arrows, zoom (+ - 0, wheel, drag), i, d, Escape
//   html`<${Player} item=${file} />`                                                      sound with its wave and video, with speed and download
//   { name: 'image', label: 'Image', type: 'custom', full: true,                          // a form's field: its value is a file of the server
//     render: ({ value, set, base }) => html`<${MediaInput} label="Image" accept="image/*" value=${value} onChange=${set} base=${base} everywhere paste />` }
//   const items = fileMenu(file, { onGone });                                             // for kit/overlay.js's Menu: download, link, sizes, use as input …
//
// An item is a file as `/files` or a job's `artifacts` tell it: `{id, url, file_name, content_type, size, width?, height?, seconds?, created?,
// job?}`. What a newcomer would get wrong: `url` may name another host (`files.base_url`); the page may only ask its own: use `place(url)`.
import { cx, html, sheet, useState } from '../lib.js';
import { Menu } from './overlay.js';
import { fileMenu } from './media/acts.js';
import { FileName, kindOf } from './media/file.js';
import { Lightbox } from './media/lightbox.js';
import { Player } from './media/player.js';
import { Thumb } from './media/thumb.js';

export { fileMenu } from './media/acts.js';
export { kindOf, place, variant } from './media/file.js';
export { MediaInput } from './media/input.js';
export { Lightbox, Player, Thumb };

await sheet(new URL('../css/media.css', import.meta.url));

/**
 * What a job made: tiles for pictures and video, players for sound, lines for other files; with the light box behind.
 * @param {{items: any[], label?: string, menu?: (item: any) => any[], onGone?: (item: any) => void, fit?: 'cover'|'contain', about?: (item: any) => any}} props
 *   `menu`: further entries of a file's menu; `about`: what stands in the light box's details instead of what the server knows
 */
export function ResultGallery({ items, label = 'Results', menu, onGone, fit = 'contain', about }) {
  const [at, setAt] = useState(-1);
  const seen = items.filter((one) => ['image', 'video'].includes(kindOf(one)));
  const rest = items.filter((one) => !seen.includes(one));
  const acts = (item) => html`<${Menu} small label=${`Actions of ${item.file_name || 'the file'}`} items=${fileMenu(item, { more: menu?.(item), onGone })} />`;
  return html`<div class="col gap-3">
    ${seen.length > 0 && html`<ul class=${cx('tiles plain', { one: seen.length === 1, few: seen.length < 4 })} aria-label=${label}>${seen.map((item, i) => html`<li key=${item.id || item.url} class="tile">
      <${Thumb} item=${item} fit=${fit} width=${seen.length === 1 ? 1024 : 640} onOpen=${() => setAt(i)} /><span class="over">${acts(item)}</span></li>`)}</ul>`}
    ${rest.map((item) => html`<div key=${item.id || item.url} class="row">${kindOf(item) === 'audio' ? html`<div class="grow"><${Player} item=${item} /></div>` : html`<div class="grow"><${FileName} item=${item} /></div>`}${acts(item)}</div>`)}
    <${Lightbox} items=${seen} at=${at} onAt=${setAt} onClose=${() => setAt(-1)} menu=${menu} about=${about} onGone=${(item) => (setAt(-1), onGone?.(item))} /></div>`;
}
