// @ts-check
// A field that takes a file: dropped, pasted, chosen, or one the server holds already. It is uploaded at once, so that nothing is
// lost on reload and a run can be made again; what nobody uses lapses after 30 days.
//
// The value is an item (kit/media.js) or null; with `many` a list. `error` of the upload stands beside the field.
import { html, useEffect, useId, useRef, useState } from '../../lib.js';
import { get, upload, useApi } from '../api.js';
import { Files } from '../files.js';
import { Icon } from '../icons.js';
import { Dialog } from '../overlay.js';
import { Button, Empty, Loaded, Progress } from '../parts.js';
import { FileName, kindOf, measures, place } from './file.js';
import { Player } from './player.js';
import { Thumb } from './thumb.js';

const KEPT = '30d';

/** Store one file in the key's own area. @param {File} file @param {{onProgress?: (part: number) => void, signal?: AbortSignal, lasting?: boolean}} [how] `lasting`: until it is deleted @returns {Promise<any>} */
export async function keep(file, how = {}) {
  const form = new FormData();
  form.append('area', 'private');
  if (!how.lasting) form.append('expires_after', KEPT);
  form.append('file', file, file.name);
  const answer = await upload('/files', form, how);
  return answer.data ? answer.data[0] : answer;
}

/**
 * @param {{value: any, onChange: (value: any) => void, label?: string, accept?: string, many?: boolean, most?: number, paste?: boolean, everywhere?: boolean, base?: any, extra?: any}} props
 *   `extra`: beside "From the gallery", such as a button that records
 */
export function MediaInput({ value, onChange, label = 'File', accept = '', many, most, paste, everywhere, base = {}, extra }) {
  const list = many ? value ?? [] : value ? [value] : [];
  const [going, setGoing] = useState(/** @type {any} */ (null)), [error, setError] = useState(''), [picks, setPicks] = useState(false);
  const stop = useRef(/** @type {any} */ (null)), id = useId(), now = useRef(list);
  now.current = list;
  useEffect(() => () => stop.current?.abort(), []);
  const give = (items) => onChange(many ? [...now.current, ...items] : items[0]);
  const take = async (files) => {
    stop.current?.abort();
    const mine = (stop.current = new AbortController());
    setError('');
    try {
      for (const file of files) {
        setGoing({ name: file.name, part: 0 });
        const item = await keep(file, { signal: mine.signal, onProgress: (part) => setGoing({ name: file.name, part }) });
        give([item]);
      }
    } catch (failure) {
      if (failure.name !== 'AbortError') setError(failure.message);
    } finally {
      if (stop.current === mine) setGoing(null);
    }
  };
  const kind = accept.split('/')[0];
  return html`<div class="col">
    ${(many || !list.length) && !going && html`<${Files} label=${label} accept=${accept} many=${many} most=${most} paste=${paste} everywhere=${everywhere} base=${base} value=${[]} onChange=${take} />`}
    ${going && html`<div class="filecard"><${Icon} name="upload" /><div class="col gap-1 grow"><span class="small cut">${going.name}</span><${Progress} value=${going.part} label=${`Upload of ${going.name}`} /></div><${Button} small ghost icon="close" label="Stop the upload" onClick=${() => stop.current?.abort()} /></div>`}
    ${list.map((item) => html`<${Held} key=${item.id} item=${item} onRemove=${() => onChange(many ? list.filter((one) => one !== item) : null)} />`)}
    ${(many || !list.length) && html`<div class="row wrap"><${Button} small icon="images" onClick=${() => setPicks(true)}>From the gallery<//>${extra?.(take)}</div>`}
    ${error && html`<span class="error" id=${id} role="alert"><${Icon} name="alert" size="13" />${error}</span>`}
    ${picks && html`<${Picks} kind=${kind} onPick=${(item) => (setPicks(false), give([item]))} onClose=${() => setPicks(false)} />`}</div>`;
}

/** A chosen file. */
function Held({ item, onRemove }) {
  const kind = kindOf(item);
  const drop = html`<${Button} small ghost icon="close" label=${`Remove ${item.file_name}`} onClick=${onRemove} />`;
  if (kind === 'audio') return html`<div class="row"><div class="grow"><${Player} item=${item} /></div>${drop}</div>`;
  return html`<div class="filecard held">${kind === 'image' || kind === 'video' ? html`<${Thumb} item=${item} width=${160} />` : html`<${FileName} item=${item} />`}
    <div class="col gap-1 grow"><a class="cut small strong" href=${place(item.url)} target="_blank" rel="noopener">${item.file_name}</a><span class="faint small">${measures(item)}</span></div>${drop}</div>`;
}

/** Files of this key, to take one as input. */
function Picks({ kind, onPick, onClose }) {
  const files = useApi((signal) => get('/files', { limit: 300 }, { signal }));
  const fits = (one) => !kind || kindOf(one) === kind;
  return html`<${Dialog} wide title="From the gallery" onClose=${onClose}>
    <${Loaded} of=${files}>${({ data }) => (data.some(fits) ? html`<ul class="tiles plain small">${data.filter(fits).map((item) => html`<li key=${item.id} class="tile">${kind === 'audio'
      ? html`<button type="button" class="thumb audio" aria-label=${`Use ${item.file_name}`} onClick=${() => onPick(item)}><span class="none"><${Icon} name="music" size="22" /><span class="small cut">${item.file_name}</span></span></button>`
      : html`<${Thumb} item=${item} width=${320} label=${`Use ${item.file_name}`} onOpen=${() => onPick(item)} />`}</li>`)}</ul>`
      : html`<${Empty} icon="images" title="Nothing that fits yet">What you upload and what jobs make can be taken from here.<//>`)}<//><//>`;
}
