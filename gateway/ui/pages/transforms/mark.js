// @ts-check
// A watermark as it will lie over the picture: click or drag it to one of the five places, pull its corner for its size.
//
//   html`<${Mark} size=${size} video=${false} mark=${file} values=${values} onChange=${(change) => …} />`
import { html, useRef, useState } from '../../lib.js';
import { content } from '../area/kinds.js';
import { nearest, placed } from './geometry.js';
import { PLACES } from './ops.js';

/** @param {{size: {width: number, height: number}, video: boolean, mark: any, values: any, onChange: (change: any) => void}} props */
export function Mark({ size, video, mark, values, onChange }) {
  const box = useRef(/** @type {any} */ (null)), going = useRef(''), [own, setOwn] = useState({ width: 0, height: 0 });
  const wide = own.width ? (video ? size.width * values.watermark_scale : own.width * values.watermark_scale) : 0;
  const laid = { width: wide, height: own.width ? (wide * own.height) / own.width : 0 };
  const at = placed(values.position, size, laid);
  const point = (event) => {
    const place = box.current.getBoundingClientRect();
    return { x: ((event.clientX - place.left) / place.width) * size.width, y: ((event.clientY - place.top) / place.height) * size.height };
  };
  const down = (event) => {
    if (event.button) return;
    event.preventDefault();
    going.current = event.target.classList.contains('handle') ? 'pull' : 'place';
    box.current.setPointerCapture(event.pointerId);
    move(event);
  };
  const move = (event) => {
    const to = point(event);
    if (going.current === 'place') onChange({ position: nearest(to, size) });
    if (going.current === 'pull') {
      const left = values.position.endsWith('Right'), wanted = Math.abs(values.position === 'Center' ? (to.x - size.width / 2) * 2 : left ? size.width - 10 - to.x : to.x - 10);
      const scale = wanted / (video ? size.width : own.width || 1);
      onChange({ watermark_scale: Math.round(Math.min(video ? 1 : 4, Math.max(video ? 0.01 : 0.05, scale)) * 100) / 100 });
    }
  };
  const part = (value, all) => `${(value / all) * 100}%`;
  const style = { left: part(at.x, size.width), top: part(at.y, size.height), width: part(laid.width, size.width), height: part(laid.height, size.height) };
  const corner = { TopLeft: 'se', TopRight: 'sw', BottomLeft: 'ne', BottomRight: 'nw', Center: 'se' }[values.position];
  const where = PLACES.find(([name]) => name === values.position)?.[1].toLowerCase();
  return html`<div ref=${box} class="marks" onPointerDown=${down} onPointerMove=${move} onPointerUp=${() => (going.current = '')} onPointerCancel=${() => (going.current = '')}>
    ${PLACES.map(([name]) => html`<i key=${name} class=${`place ${name}`}></i>`)}
    ${mark && html`<div class="mark-laid" style=${style}><img src=${content(mark)} alt=${`The watermark, ${where}`} draggable=${false} style=${{ opacity: String(values.opacity) }} onLoad=${(e) => setOwn({ width: e.target.naturalWidth, height: e.target.naturalHeight })} />
      ${own.width > 0 && html`<b class=${`handle ${corner}`}></b>`}</div>`}</div>`;
}
