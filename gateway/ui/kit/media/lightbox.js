// @ts-check
// Files large: arrows for the next, + - 0 and the wheel to zoom, drag to move, i for what is known, d to save, Escape.
import { cx, html, useEffect, useRef, useState } from '../../lib.js';
import { useApi } from '../api.js';
import { Icon } from '../icons.js';
import { Dialog, Menu } from '../overlay.js';
import { Button, Facts } from '../parts.js';
import { pref } from '../store.js';
import { bytes, seconds, When } from '../time.js';
import { fileMenu } from './acts.js';
import { download, kindOf, measures, place } from './file.js';
import { originOf } from './origin.js';
import { Player } from './player.js';

const MOST = 12;

/**
 * @param {{items: any[], at: number, onAt: (at: number) => void, onClose: () => void, menu?: (item: any) => any[], about?: (item: any) => any, onGone?: (item: any) => void}} props
 *   `at` -1: closed; `about`: what stands in the details instead of the thread's words
 */
export function Lightbox({ items, at, onAt, onClose, menu, about, onGone }) {
  const item = items[at];
  const shown = pref('lightbox.details', false);
  const zoom = useZoom(item?.url);
  if (!item) return null;
  const step = (by) => at + by >= 0 && at + by < items.length && onAt(at + by);
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.target.closest('input, textarea, select, audio, video, [role=menu]')) return;
    const act = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => onAt(0), End: () => onAt(items.length - 1), '+': () => zoom.by(1.4), '=': () => zoom.by(1.4), '-': () => zoom.by(1 / 1.4),
      0: () => zoom.fit(), i: () => (shown.value = !shown.value), d: () => download(item) }[event.key];
    if (act) (event.preventDefault(), event.stopPropagation(), act());
  };
  const picture = kindOf(item) === 'image';
  return html`<div onKeyDown=${keys}><${Dialog} full title=${item.title || item.file_name || 'File'} onClose=${onClose} actions=${html`
      <span class="faint small num nowrap phone-hide">${at + 1} of ${items.length}</span>
      ${picture && html`<span class="row gap-1 phone-hide"><${Button} ghost icon="minus" label="Smaller (-)" onClick=${() => zoom.by(1 / 1.4)} /><button type="button" class="btn ghost small num" data-tip="Fit (0)" onClick=${zoom.fit}>${Math.round(zoom.scale * 100)} %</button><${Button} ghost icon="plus" label="Larger (+)" onClick=${() => zoom.by(1.4)} /></span>`}
      <${Button} ghost icon="download" label="Download (d)" onClick=${() => download(item)} /><${Button} ghost icon="info" label="Details (i)" on=${shown.value} onClick=${() => (shown.value = !shown.value)} />
      <${Menu} label="Actions" items=${fileMenu(item, { more: menu?.(item), onGone })} />`}>
    <div class=${cx('lightbox', { told: shown.value })}>
      <div class=${cx('stage', { zoomed: zoom.scale > 1 })} ref=${zoom.ref} ...${picture ? zoom.on : {}}>
        ${picture ? html`<img key=${item.url} src=${place(item.url)} alt=${item.title || item.file_name || ''} draggable=${false} style=${{ transform: `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})` }} />`
          : html`<div class="grow"><${Player} key=${item.url} item=${item} /></div>`}
        ${at > 0 && html`<button type="button" class="btn step left" aria-label="Previous" onClick=${() => step(-1)}><${Icon} name="left" size="20" /></button>`}
        ${at < items.length - 1 && html`<button type="button" class="btn step right" aria-label="Next" onClick=${() => step(1)}><${Icon} name="right" size="20" /></button>`}
      </div>
      ${shown.value && html`<aside class="told col gap-4" aria-label="Details"><${Details} key=${item.id || item.url} item=${item} about=${about} /></aside>`}
    </div><//></div>`;
}

/** What is known of a file: by its thread, where that is there. */
function Details({ item, about }) {
  const origin = useApi(about || !item.job ? null : () => originOf(item), { deps: [item.job] });
  const { thread, run } = origin.data ?? {};
  return html`${about ? about(item) : run && html`<${Made} run=${run} thread=${thread} />`}
    <${Facts} of=${[['Name', item.file_name], ['Kind', item.content_type], ['Measures', measures({ ...item, size: 0, seconds: 0 })], ['Length', item.seconds && seconds(item.seconds)], ['Size', item.size && bytes(item.size)],
      ['Made', item.created && html`<${When} at=${item.created} />`], ['Until', item.expires && html`<${When} at=${item.expires} />`], ['Area', item.area], ['File', item.id && html`<code>${item.id}</code>`], ['Job', item.job && html`<code>${item.job}</code>`]]} />`;
}

/** How it was made, as the thread of a feature keeps it. */
export function Made({ run, thread }) {
  const body = run.body ?? {}, words = body.positive_prompt || body.input || body.prompt;
  return html`${words && html`<div class="col gap-1"><span class="faint small">Prompt</span><p class="words">${words}</p></div>`}
    <${Facts} of=${[['Model', run.model || body.model], ['Provider', run.provider], ['Seed', body.seed && html`<code>${body.seed}</code>`], ['Steps', body.steps], ['Took', run.duration && seconds(run.duration)]]} />
    ${thread && run.path && html`<a href=${`/ui${run.path}/${thread.id}`}>Open its thread</a>`}`;
}

function useZoom(url) {
  const ref = useRef(/** @type {any} */ (null)), from = useRef(/** @type {any} */ (null));
  const [view, setView] = useState({ scale: 1, x: 0, y: 0 });
  useEffect(() => setView({ scale: 1, x: 0, y: 0 }), [url]);
  const by = (factor, at) => setView((old) => {
    const scale = Math.min(MOST, Math.max(1, old.scale * factor));
    if (scale === 1) return { scale, x: 0, y: 0 };
    const box = ref.current?.getBoundingClientRect(), grown = scale / old.scale;
    const cx = at && box ? at.x - box.left - box.width / 2 : 0, cy = at && box ? at.y - box.top - box.height / 2 : 0;
    return { scale, x: cx - (cx - old.x) * grown, y: cy - (cy - old.y) * grown };
  });
  const fit = () => setView({ scale: 1, x: 0, y: 0 });
  useEffect(() => {
    const stage = ref.current;
    if (!stage) return;
    const wheel = (event) => (event.preventDefault(), by(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY }));
    stage.addEventListener('wheel', wheel, { passive: false });
    return () => stage.removeEventListener('wheel', wheel);
  }, [url]);
  const on = {
    onDblClick: (event) => (view.scale > 1 ? fit() : by(3, { x: event.clientX, y: event.clientY })),
    onPointerDown: (event) => event.target.tagName === 'IMG' && view.scale > 1 && ((from.current = { x: event.clientX - view.x, y: event.clientY - view.y }), ref.current.setPointerCapture(event.pointerId)),
    onPointerMove: (event) => from.current && setView((old) => ({ ...old, x: event.clientX - from.current.x, y: event.clientY - from.current.y })),
    onPointerUp: () => (from.current = null),
  };
  return { ref, ...view, by, fit, on };
}
