// @ts-check
// Drawing a mask over a picture: brush and eraser of any size, undo, redo, clear, invert; by pointer, and by keys alone.
//
// The value is what was drawn, `{strokes: [{erase, size, points: [x, y, …]}], inverted}` in pixels of the picture, so that it can be kept,
// undone and drawn again. `painter.current()` gives the mask as a PNG of the picture's size: white is painted anew, black stays.
import { cx, html, useEffect, useLayoutEffect, useRef, useState } from '../../lib.js';
import { place } from '../../kit/media.js';
import { Button, Skeleton } from '../../kit/parts.js';

const NONE = { strokes: [], inverted: false };

/** @param {{image: any, value: any, onChange: (value: any) => void, base: any, painter: {current: any}}} props */
export function MaskField({ image, value, onChange, base, painter }) {
  const [size, setSize] = useState(/** @type {number[]|null} */ (null));
  const old = useRef(image?.id);
  useEffect(() => {
    const picture = new Image();
    picture.onload = () => setSize([picture.naturalWidth, picture.naturalHeight]);
    picture.src = place(image?.url);
    if (old.current !== image?.id) onChange(null); // another picture, another mask
    old.current = image?.id;
    return () => (picture.onload = null);
  }, [image?.id]);
  if (!image) return null;
  if (!size) return html`<${Skeleton} lines=${4} />`;
  painter.current = () => exported(size, value ?? NONE);
  return html`<${Canvas} image=${image} size=${size} value=${value ?? NONE} onChange=${(next) => onChange(next.strokes.length || next.inverted ? next : null)} base=${base} />`;
}

function Canvas({ image, size, value, onChange, base }) {
  const [wide, high] = size, small = Math.min(wide, high);
  const ref = useRef(/** @type {any} */ (null)), going = useRef(/** @type {any} */ (null));
  const [erase, setErase] = useState(false), [share, setShare] = useState(12), [undone, setUndone] = useState(/** @type {any[]} */ ([]));
  const [spot, setSpot] = useState(/** @type {any} */ (null)), [pen, setPen] = useState(false);
  const brush = Math.max(1, Math.round((small * share) / 100));
  const paint = () => show(ref.current, { ...value, strokes: going.current ? [...value.strokes, going.current] : value.strokes });
  useLayoutEffect(paint, [value, image.id]);
  const commit = (stroke) => (setUndone([]), onChange({ ...value, strokes: [...value.strokes, stroke] }));
  const undo = () => value.strokes.length && (setUndone([...undone, value.strokes.at(-1)]), onChange({ ...value, strokes: value.strokes.slice(0, -1) }));
  const redo = () => undone.length && (setUndone(undone.slice(0, -1)), onChange({ ...value, strokes: [...value.strokes, undone.at(-1)] }));
  const clear = () => (setUndone([]), onChange(NONE));
  const invert = () => onChange({ ...value, inverted: !value.inverted });
  const spotOf = (event) => {
    const box = ref.current.getBoundingClientRect();
    return [Math.round(((event.clientX - box.left) / box.width) * wide), Math.round(((event.clientY - box.top) / box.height) * high)];
  };
  const pointer = {
    onPointerDown: (event) => {
      if (event.button) return;
      event.preventDefault();
      ref.current.focus();
      ref.current.setPointerCapture(event.pointerId);
      going.current = { erase, size: brush, points: spotOf(event) };
      paint();
    },
    onPointerMove: (event) => {
      setSpot(spotOf(event));
      if (!going.current) return;
      for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) going.current.points.push(...spotOf(one));
      paint();
    },
    onPointerUp: () => {
      const stroke = going.current;
      going.current = null;
      if (stroke) commit(stroke);
    },
    onPointerLeave: () => !going.current && setSpot(null),
  };
  const keys = (event) => {
    const mod = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    const step = Math.max(1, Math.round(small * (event.shiftKey ? 0.1 : 0.02)));
    const way = { arrowleft: [-step, 0], arrowright: [step, 0], arrowup: [0, -step], arrowdown: [0, step] }[key];
    const from = spot ?? [Math.round(wide / 2), Math.round(high / 2)];
    const acts = mod ? { z: event.shiftKey ? redo : undo, y: redo } : { b: () => setErase(false), e: () => setErase(true), '[': () => setShare(Math.max(1, share - 2)), ']': () => setShare(Math.min(60, share + 2)), i: invert,
      ' ': () => (setSpot(from), setPen(!pen), !pen && commit({ erase, size: brush, points: from })) };
    const act = way ? () => move(from, way) : acts[key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const move = (from, [dx, dy]) => {
    const to = [Math.min(wide, Math.max(0, from[0] + dx)), Math.min(high, Math.max(0, from[1] + dy))];
    setSpot(to);
    const last = value.strokes.at(-1);
    if (pen && last) onChange({ ...value, strokes: [...value.strokes.slice(0, -1), { ...last, points: [...last.points, ...to] }] });
  };
  return html`<div class="mask col">
    <div class="row wrap gap-1" role="toolbar" aria-label="Mask">
      <${Button} small icon="brush" label="Brush (B)" on=${!erase} onClick=${() => setErase(false)} /><${Button} small icon="eraser" label="Eraser (E)" on=${erase} onClick=${() => setErase(true)} />
      <label class="row small grow"><span class="hidden">Size of the brush</span><input type="range" min="1" max="60" value=${share} data-tip="Size ([ and ])" onInput=${(e) => setShare(Number(e.target.value))} /></label>
      <${Button} small ghost icon="undo" label="Undo (Ctrl+Z)" disabled=${!value.strokes.length} onClick=${() => void undo()} /><${Button} small ghost icon="redo" label="Redo (Ctrl+Y)" disabled=${!undone.length} onClick=${() => void redo()} />
      <${Button} small ghost icon="contrast" label="Invert (I)" on=${value.inverted} onClick=${invert} /><${Button} small ghost icon="trash" label="Clear the mask" disabled=${!value.strokes.length && !value.inverted} onClick=${clear} /></div>
    <div class=${cx('canvas', { erase })} style=${{ aspectRatio: `${wide} / ${high}`, maxWidth: `${Math.round((460 * wide) / high)}px` }}>
      <img src=${place(image.url)} alt="" draggable=${false} />
      <canvas ref=${ref} width=${wide} height=${high} tabindex="0" role="application" aria-label="Mask: draw with the pointer, or move with the arrows and press Space to put the brush down and lift it" aria-describedby=${base['aria-describedby']} aria-invalid=${base['aria-invalid']} ...${pointer} onKeyDown=${keys}></canvas>
      ${spot && html`<i class=${cx('brush', { down: pen })} style=${{ left: `${(spot[0] / wide) * 100}%`, top: `${(spot[1] / high) * 100}%`, width: `${(brush / wide) * 100}%` }}></i>`}</div>
    <span class="faint small">${value.inverted ? 'All but what you draw is painted anew.' : 'What you draw over is painted anew.'} ${pen ? 'The brush is down.' : ''}</span></div>`;
}

/** White where it is drawn, nothing else: what is shown and what is sent are made of this. */
function drawn([wide, high], { strokes, inverted }) {
  const canvas = Object.assign(document.createElement('canvas'), { width: wide, height: high });
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  ink.lineCap = ink.lineJoin = 'round';
  ink.strokeStyle = ink.fillStyle = 'white';
  for (const { erase, size, points } of strokes) {
    ink.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    ink.lineWidth = size;
    ink.beginPath();
    ink.moveTo(points[0], points[1]);
    for (let i = 2; i < points.length; i += 2) ink.lineTo(points[i], points[i + 1]);
    if (points.length === 2) ink.lineTo(points[0] + 0.01, points[1]);
    ink.stroke();
  }
  if (inverted) {
    ink.globalCompositeOperation = 'source-out';
    ink.fillRect(0, 0, wide, high);
  }
  return canvas;
}

function show(canvas, value) {
  if (!canvas) return;
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  ink.globalCompositeOperation = 'source-over';
  ink.clearRect(0, 0, canvas.width, canvas.height);
  ink.drawImage(drawn([canvas.width, canvas.height], value), 0, 0);
  ink.globalCompositeOperation = 'source-in';
  ink.fillStyle = getComputedStyle(canvas).color;
  ink.fillRect(0, 0, canvas.width, canvas.height);
}

/** @param {[number, number]} size @param {any} value @returns {Promise<Blob>} */
function exported(size, value) {
  const canvas = Object.assign(document.createElement('canvas'), { width: size[0], height: size[1] });
  const ink = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  ink.fillStyle = 'black';
  ink.fillRect(0, 0, size[0], size[1]);
  ink.drawImage(drawn(size, value), 0, 0);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('The mask could not be written.'))), 'image/png'));
}
