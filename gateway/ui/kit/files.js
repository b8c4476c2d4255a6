// @ts-check
// Choosing files: click, drop on the area, drop anywhere on the page, paste. Shows thumbnails and players.
//
//   html`<${Files} label="Image" accept="image/*" value=${files} onChange=${setFiles} paste everywhere />`
//   html`<${Files} label="Clips" accept="video/*" many most=${10_000_000} value=${files} onChange=${setFiles} />`
//
// The value is always a list of `File`. What does not fit `accept` or `most` (bytes) is refused with a toast that says why.
import { cx, html, useEffect, useId, useMemo, useRef, useState } from '../lib.js';
import { Icon } from './icons.js';
import { toast } from './overlay.js';
import { bytes } from './time.js';

/**
 * @param {{value: File[], onChange: (files: File[]) => void, label?: string, accept?: string, many?: boolean, most?: number,
 *   paste?: boolean, everywhere?: boolean, hint?: string, base?: any, disabled?: boolean}} props
 */
export function Files({ value = [], onChange, label = 'File', accept = '', many, most, paste, everywhere, base = {}, disabled }) {
  const own = useId();
  const [over, setOver] = useState(false);
  const add = (files) => {
    const good = [...files].filter((one) => {
      if (!fits(one, accept)) return toast(`${one.name} is not of a kind that fits here (${accept}).`, { kind: 'bad' });
      if (most && one.size > most) return toast(`${one.name} is ${bytes(one.size)}; at most ${bytes(most)} here.`, { kind: 'bad' });
      return true;
    });
    if (good.length) onChange(many ? [...value, ...good] : [good[0]]);
  };
  const page = useDrop(add, { anywhere: !!everywhere && !disabled, paste: paste && !disabled });
  const ways = ['drop', paste && 'paste', 'choose'].filter(Boolean).join(', ').replace(/, (\w+)$/, ' or $1');
  return html`<div class="col">
    <label class=${cx('drop', { over })} onDragOver=${(e) => (e.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)}
        onDrop=${(e) => (e.preventDefault(), setOver(false), disabled || add(e.dataTransfer.files))}>
      <${Icon} name="upload" size="20" /><span><span class="strong">${ways[0].toUpperCase() + ways.slice(1)}</span> ${many ? 'files' : 'a file'}</span>
      <span class="small faint">${[accept.replaceAll(',', ', ').replaceAll('/*', ''), most && `up to ${bytes(most)}`].filter(Boolean).join(' · ')}</span>
      <input class="hidden" type="file" aria-label=${base.id ? null : label} id=${base.id ?? own} ...${base} accept=${accept} multiple=${many} disabled=${disabled}
        onChange=${(e) => (add(e.target.files), (e.target.value = ''))} /></label>
    ${value.length > 0 && html`<div class="files">${value.map((one) => html`<${FileCard} key=${one.name + one.size + one.lastModified} file=${one} onRemove=${() => onChange(value.filter((each) => each !== one))} />`)}</div>`}
    ${page && html`<div class="everywhere">Drop to use as ${label.toLowerCase()}</div>`}</div>`;
}

/**
 * Files dropped anywhere on the page, or pasted. Returns whether some hover over it.
 * @param {(files: FileList) => void} take @param {{anywhere?: boolean, paste?: boolean}} [how]
 */
export function useDrop(take, { anywhere = true, paste = false } = {}) {
  const [over, setOver] = useState(false), latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    let depth = 0;
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const give = (event, files) => files?.length && (event.preventDefault(), latest.current(files));
    const on = /** @type {Record<string, any>} */ ({
      ...(anywhere && {
        dragenter: (event) => carries(event) && (event.preventDefault(), depth++, setOver(true)),
        dragleave: () => (depth = Math.max(0, depth - 1)) || setOver(false),
        dragover: (event) => carries(event) && event.preventDefault(),
        drop: (event) => ((depth = 0), setOver(false), event.defaultPrevented || give(event, event.dataTransfer?.files)),
      }),
      ...(paste && { paste: (event) => give(event, event.clipboardData?.files) }),
    });
    for (const [name, one] of Object.entries(on)) addEventListener(name, one);
    return () => Object.entries(on).forEach(([name, one]) => removeEventListener(name, one));
  }, [anywhere, paste]);
  return over;
}

/** A chosen file, with what can be seen or heard of it. */
function FileCard({ file, onRemove }) {
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const kind = file.type.split('/')[0];
  return html`<div class="filecard">
    ${kind === 'image' ? html`<img src=${url} alt="" />` : kind === 'audio' ? html`<audio controls src=${url}></audio>` : kind === 'video' ? html`<video src=${url} muted></video>` : html`<${Icon} name="file" size="20" />`}
    <div class="col gap-1"><span class="cut small strong">${file.name}</span><span class="faint small">${bytes(file.size)}</span></div>
    ${onRemove && html`<button type="button" class="btn ghost only small" aria-label=${`Remove ${file.name}`} onClick=${onRemove}><${Icon} name="close" /></button>`}</div>`;
}

function fits(file, accept) {
  if (!accept) return true;
  return accept.split(',').map((one) => one.trim().toLowerCase()).some((one) =>
    one.startsWith('.') ? file.name.toLowerCase().endsWith(one) : one.endsWith('/*') ? file.type.startsWith(one.slice(0, -1)) : file.type === one);
}
