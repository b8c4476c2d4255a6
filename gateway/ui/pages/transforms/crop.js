// @ts-check
// A rectangle to cut out: drawn with the mouse, moved, pulled at eight handles, held to an aspect; by keyboard too.
//
//   html`<${Crop} size=${{ width, height }} value=${rect} onChange=${setRect} aspect=${16 / 9} />`    over a picture, in its pixels
import { cx, html, useRef, useState } from '../../lib.js';
import { Button } from '../../kit/parts.js';
import { drawn, inside, largest, moved, pulled, shaped } from './geometry.js';

const HANDLES = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];
const share = (part, whole) => `${(part / whole) * 100}%`;

/** @param {{size: {width: number, height: number}, value: any, onChange: (rect: any) => void, aspect?: number}} props */
export function Crop({ size, value, onChange, aspect = 0 }) {
  const box = useRef(/** @type {any} */ (null)), going = useRef(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const rect = value.width && value.height ? inside(value, size) : null;
  const point = (event) => {
    const at = box.current.getBoundingClientRect();
    return { x: ((event.clientX - at.left) / at.width) * size.width, y: ((event.clientY - at.top) / at.height) * size.height };
  };
  const down = (event) => {
    if (event.button) return;
    event.preventDefault();
    const handle = event.target.dataset?.handle, from = point(event);
    const mode = handle ? 'pull' : rect && event.target.closest('.crop-rect') ? 'move' : 'draw';
    going.current = { mode, handle, from, rect };
    setBusy(true);
    box.current.setPointerCapture(event.pointerId);
    (box.current.querySelector('.crop-rect') ?? box.current).focus?.({ preventScroll: true });
  };
  const move = (event) => {
    const now = going.current, to = point(event);
    if (!now) return;
    if (now.mode === 'draw') onChange(drawn(now.from, to, size, aspect));
    else if (now.mode === 'move') onChange(moved(now.rect, to.x - now.from.x, to.y - now.from.y, size));
    else onChange(pulled(now.rect, now.handle, to, size, aspect));
  };
  const up = () => ((going.current = null), setBusy(false));
  const keys = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !rect) return;
    event.preventDefault();
    const step = event.ctrlKey || event.metaKey ? 10 : 1, [dx, dy] = [way[0] * step, way[1] * step];
    if (event.shiftKey) onChange(pulled(rect, aspect ? (dx ? 'e' : 's') : 'se', { x: rect.x + rect.width + dx, y: rect.y + rect.height + dy }, size, aspect));
    else onChange(moved(rect, dx, dy, size));
  };
  const style = rect && { left: share(rect.x, size.width), top: share(rect.y, size.height), width: share(rect.width, size.width), height: share(rect.height, size.height) };
  return html`<div ref=${box} class=${cx('crop', { busy, none: !rect })} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}>
    ${rect && html`<div class="crop-rect" style=${style} tabindex="0" role="group" aria-roledescription="crop" onKeyDown=${keys}
        aria-label=${`${rect.width} by ${rect.height} pixels, at ${rect.x}, ${rect.y}. Arrows move it, with Shift they change its size, with Ctrl by ten.`}>
      <i class="third v"></i><i class="third h"></i><span class="crop-size num">${rect.width} × ${rect.height}</span>${HANDLES.map((one) => html`<b key=${one} class=${`handle ${one}`} data-handle=${one}></b>`)}</div>`}</div>`;
}

const ASPECTS = [['', 'Free'], ['own', 'As it is'], ['1', '1:1'], [String(4 / 3), '4:3'], [String(3 / 2), '3:2'], [String(16 / 9), '16:9'], [String(3 / 4), '3:4'], [String(9 / 16), '9:16']];
export const aspectOf = (word, size) => (word === 'own' ? (size ? size.width / size.height : 0) : Number(word) || 0);

/** The choice of an aspect, and all of the picture again. */
export function Aspects({ value, onValue, size, rect, onRect }) {
  const choose = (word) => {
    onValue(word);
    if (size && word) onRect(rect.width ? shaped(inside(rect, size), size, aspectOf(word, size)) : largest(size, aspectOf(word, size)));
  };
  return html`<div class="row wrap"><div class="row wrap gap-1" role="group" aria-label="Aspect">${ASPECTS.map(([word, title]) => html`<${Button} key=${word} small ghost on=${value === word} onClick=${() => choose(word)}>${title}<//>`)}</div>
    <${Button} small disabled=${!size} onClick=${() => onRect(largest(size, aspectOf(value, size)))}>All of it<//></div>`;
}
