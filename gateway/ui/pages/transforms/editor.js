// @ts-check
// What stands over the file while one says what shall become of it: a rectangle, a watermark, a piece of its length, or the file alone.
import { html, useState } from '../../lib.js';
import { Show } from '../area/show.js';
import { Aspects, aspectOf, Crop } from './crop.js';
import { Mark } from './mark.js';
import { Stage } from './stage.js';
import { Timeline } from './timeline.js';

/** @param {{op: string, file: any, values: any, set: (change: any) => void, size: any, onSize: (size: any) => void}} props */
export function Editor({ op, file, values, set, size, onSize }) {
  const [aspect, setAspect] = useState('');
  if (op.startsWith('crop_')) {
    return html`<div class="col gap-3"><${Aspects} value=${aspect} onValue=${setAspect} size=${size} rect=${values} onRect=${set} />
      <${Stage} file=${file} onSize=${onSize}>${(real) => html`<${Crop} size=${real} value=${values} onChange=${set} aspect=${aspectOf(aspect, real)} />`}<//>
      <p class="small faint">${values.width ? 'Drag inside to move, at a handle to change; arrows move it by a pixel.' : 'Drag over the picture what shall stay.'}</p></div>`;
  }
  if (op.startsWith('watermark_')) {
    return html`<div class="col gap-3"><${Stage} file=${file} onSize=${onSize}>${(real) => html`<${Mark} size=${real} video=${op === 'watermark_video'} mark=${values.watermark} values=${values} onChange=${set} />`}<//>
      <p class="small faint">${values.watermark ? 'Click or drag it to its place, pull its corner for its size.' : 'Choose the watermark beside.'}</p></div>`;
  }
  if (op.startsWith('trim_')) {
    return html`<${Timeline} file=${file} from=${values.start_time || 0} to=${values.end_time} onChange=${({ from, to }) => set({ start_time: from, end_time: to })} />`;
  }
  if (op.startsWith('scale_')) {
    return html`<div class="col gap-3"><${Stage} file=${file} onSize=${onSize}>${() => null}<//><p class="small faint num" role="status">${size ? told(size, values) : ''}</p></div>`;
  }
  return html`<${Show} file=${file} />`;
}

/** What a scaled picture will measure. */
function told(size, { width, height }) {
  const wide = width || (height ? Math.max(1, Math.round((size.width * height) / size.height)) : size.width), high = height || (width ? Math.max(1, Math.round((size.height * width) / size.width)) : size.height);
  const bent = width && height && Math.abs(width / height / (size.width / size.height) - 1) > 0.01;
  return `${size.width} × ${size.height} becomes ${wide} × ${high}${bent ? ', distorted' : ''}.`;
}
