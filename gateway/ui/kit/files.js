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
  const [over, setOver] = useState(false), [page, setPage] = useState(false);
  const add = (files) => {
    const good = [...files].filter((one) => {
      if (!fits(one, accept)) return toast(`${one.name} is not of a kind that fits here (${accept}).`, { kind: 'bad' });
      if (most && one.size > most) return toast(`${one.name} is ${bytes(one.size)}; at most ${bytes(most)} here.`, { kind: 'bad' });
      return true;
    });
    if (good.length) onChange(many ? [...value, ...good] : [good[0]]);
  };
  const latest = useRef(add);
  latest.current = add;
  useEffect(() => {
    if (disabled) return;
    let depth = 0;
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const enter = (event) => carries(event) && (event.preventDefault(), depth++, setPage(true));
    const leave = () => (depth = Math.max(0, depth - 1)) || setPage(false);
    const hover = (event) => carries(event) && event.preventDefault();
    const drop = (event) => {
      depth = 0;
      setPage(false);
      if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      latest.current(event.dataTransfer.files);
    };
    const pasted = (event) => event.clipboardData?.files.length && (event.preventDefault(), latest.current(event.clipboardData.files));
    const on = { ...(everywhere && { dragenter: enter, dragleave: leave, dragover: hover, drop }), ...(paste && { paste: pasted }) };
    for (const [name, one] of Object.entries(on)) addEventListener(name, /** @type {any} */ (one));
    return () => Object.entries(on).forEach(([name, one]) => removeEventListener(name, /** @type {any} */ (one)));
  }, [everywhere, paste, disabled]);
  const ways = ['drop', paste && 'paste', 'choose'].filter(Boolean).join(', ').replace(/, (\w+)$/, ' or $1');
  return html`<div class="col">
    <label class=${cx('drop', { over })} onDragOver=${(e) => (e.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)}
        onDrop=${(e) => (e.preventDefault(), setOver(false), add(e.dataTransfer.files))}>
      <${Icon} name="upload" size="20" /><span><span class="strong">${ways[0].toUpperCase() + ways.slice(1)}</span> ${many ? 'files' : 'a file'}</span>
      <span class="small faint">${[accept.replaceAll(',', ', ').replaceAll('/*', ''), most && `up to ${bytes(most)}`].filter(Boolean).join(' · ')}</span>
      <input class="hidden" type="file" aria-label=${base.id ? null : label} id=${base.id ?? own} ...${base} accept=${accept} multiple=${many} disabled=${disabled}
        onChange=${(e) => (add(e.target.files), (e.target.value = ''))} /></label>
    ${value.length > 0 && html`<div class="files">${value.map((one) => html`<${FileCard} key=${one.name + one.size + one.lastModified} file=${one} onRemove=${() => onChange(value.filter((each) => each !== one))} />`)}</div>`}
    ${page && html`<div class="everywhere">Drop to use as ${label.toLowerCase()}</div>`}</div>`;
}

/** A chosen file, with what can be seen or heard of it. */
export function FileCard({ file, onRemove }) {
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
