// @ts-check
// Another size and format of a picture: choose, look at it, take the address. Of a video it is a frame, of a sound its waveform.
import { html, useEffect, useRef, useState } from '../../lib.js';
import { api } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Field, useForm } from '../../kit/form.js';
import { variant } from '../../kit/media.js';
import { Button, Copy, Failed, Skeleton } from '../../kit/parts.js';
import { bytes } from '../../kit/time.js';
import { kindOf } from '../area/kinds.js';

const FITS = [['cover', 'Cover: fill it, cut what is over'], ['contain', 'Contain: all of it, with edges'], ['fill', 'Fill: distort it'], ['inside', 'Inside: as large as fits']];
const FIELDS = [
  { name: 'width', label: 'Width', type: 'number', min: 1, max: 4096, placeholder: 'by the other side' },
  { name: 'height', label: 'Height', type: 'number', min: 1, max: 4096, placeholder: 'by the other side' },
  { name: 'fit', label: 'Fit', type: 'select', required: true, options: FITS },
  { name: 'format', label: 'Format', type: 'select', required: true, options: [['auto', 'What the browser likes best'], 'webp', 'avif', 'jpeg', 'png'] },
  { name: 'quality', label: 'Quality', type: 'slider', min: 1, max: 100, step: 1, full: true },
];
const PRESETS = [['Thumbnail', { width: 160, height: 160, fit: 'cover' }], ['Card', { width: 640, height: 360, fit: 'cover' }], ['Page', { width: 1280, height: null, fit: 'inside' }], ['Icon', { width: 64, height: 64, fit: 'cover', format: 'png' }]];

/** @param {{file: any}} props */
export function Variants({ file }) {
  const form = useForm({ width: 640, height: null, fit: 'inside', format: 'webp', quality: 80 });
  const { width, height, fit, format, quality } = form.values;
  const options = { width, height, ...(width && height && { fit }), format, ...(format !== 'png' && quality !== 80 && { quality }) };
  const path = width || height ? variant(file.url, Object.fromEntries(Object.entries(options).filter(([, value]) => value))) : '';
  const use = (preset) => Object.entries(preset).forEach(([name, value]) => form.set(name, value));
  const seen = FIELDS.filter((one) => one.name !== 'fit' || (width && height)).filter((one) => one.name !== 'quality' || format !== 'png');
  return html`<div class="col gap-4"><p class="soft">The server makes any size when it is first asked for and keeps it for the next${{ video: '; of a video, a frame', audio: '; of a sound, its waveform' }[kindOf(file)] ?? ''}. Who may read the file may read its variants.</p>
    <div class="row wrap">${PRESETS.map(([title, preset]) => html`<${Button} small onClick=${() => use(preset)}>${title}<//>`)}</div>
    <div class="form two">${seen.map((field) => html`<${Field} key=${field.name} field=${field} form=${form} />`)}</div>
    ${path ? html`<${Made} path=${path} name=${file.file_name} />` : html`<p class="faint">Say a width, a height or both.</p>`}
    ${path && html`<${Call} call=${{ method: 'GET', path, save: `variant.${format === 'auto' ? 'jpg' : format}` }} />`}</div>`;
}

/** The variant itself, asked for once the typing rests. */
function Made({ path, name }) {
  const [seen, setSeen] = useState(/** @type {any} */ (null)), last = useRef('');
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const blob = await api(path, { as: 'blob', signal: stop.signal, headers: { accept: 'image/avif,image/webp,*/*' } });
        const url = URL.createObjectURL(blob), size = await measured(url);
        if (last.current) URL.revokeObjectURL(last.current);
        last.current = url;
        setSeen({ path, url, ...size, bytes: blob.size, type: blob.type });
      } catch (error) {
        if (/** @type {any} */ (error).name !== 'AbortError') setSeen({ path, error });
      }
    }, 250);
    return () => (clearTimeout(timer), stop.abort());
  }, [path]);
  useEffect(() => () => void (last.current && URL.revokeObjectURL(last.current)), []);
  const whole = location.origin + path;
  return html`<div class="col gap-3"><div class="row"><input class="input mono" readonly aria-label="Address of the variant" value=${whole} onFocus=${(e) => e.target.select()} /><${Copy} text=${whole} small=${false} label="Copy the address" /><${Button} icon="external" label="Open" href=${path} target="_blank" rel="noopener" /></div>
    ${!seen ? html`<${Skeleton} lines=${3} />` : seen.error ? html`<${Failed} error=${seen.error} />` : html`<figure class="col" aria-busy=${String(seen.path !== path)}><div class="show checkered"><img src=${seen.url} alt=${`Variant of ${name}`} /></div>
      <figcaption class="small faint num" role="status">${seen.width} × ${seen.height} · ${bytes(seen.bytes)} · ${seen.type.split('/')[1]}</figcaption></figure>`}</div>`;
}

function measured(url) {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => done({ width: 0, height: 0 });
    image.src = url;
  });
}
