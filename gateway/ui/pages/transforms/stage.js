// @ts-check
// The picture, or a frame of the video, on which one crops and places; tells its true size once it is known.
//
//   html`<${Stage} file=${file} onSize=${setSize}>${(size) => html`…laid over it…`}<//>`
import { html, useEffect, useRef, useState } from '../../lib.js';
import { variant } from '../../kit/media.js';
import { Notice, Skeleton } from '../../kit/parts.js';
import { content, playable } from '../area/kinds.js';

/** @param {{file: any, onSize: (size: {width: number, height: number}) => void, children: (size: any) => any}} props */
export function Stage({ file, onSize, children }) {
  const [size, setSize] = useState(/** @type {any} */ (null)), [way, setWay] = useState(playable(file) ? 0 : 1);
  const moving = file.content_type.startsWith('video/');
  const known = (width, height) => {
    if (!width) return;
    const real = way && moving && file.width ? { width: file.width, height: file.height } : { width, height };
    setSize(real);
    onSize(real);
  };
  const bad = () => setWay((old) => old + 1);
  if (way > 1) return html`<${Notice} kind="warn" title="No picture of it can be shown here">The numbers beside work all the same.<//>`;
  const picture = way ? variant(file.url, moving ? { width: 1280, format: 'webp' } : { width: 4096, height: 4096, fit: 'inside', format: 'webp' }) : content(file);
  return html`<div class="stage-box"><div class="workpiece">
      ${moving && !way ? html`<${Film} src=${picture} onKnown=${known} onBad=${bad} />` : html`<img src=${picture} alt=${file.file_name} draggable=${false} onLoad=${(e) => known(e.target.naturalWidth, e.target.naturalHeight)} onError=${bad} />`}
      ${size && children(size)}</div>${!size && html`<div class="grow"><${Skeleton} lines=${4} /></div>`}</div>`;
}

/** A video that stands still at the moment one chooses. */
function Film({ src, onKnown, onBad }) {
  const ref = useRef(/** @type {any} */ (null)), [length, setLength] = useState(0), [at, setAt] = useState(0);
  useEffect(() => {
    if (ref.current && Math.abs(ref.current.currentTime - at) > 0.01) ref.current.currentTime = at;
  }, [at]);
  const known = () => {
    const { videoWidth, videoHeight, duration } = ref.current;
    if (!videoWidth) return onBad();
    setLength(Number.isFinite(duration) ? duration : 0);
    setAt(Math.min(1, (duration || 0) / 10));
    onKnown(videoWidth, videoHeight);
  };
  return html`<video ref=${ref} src=${src} muted playsinline preload="auto" onLoadedMetadata=${known} onError=${onBad}></video>
    ${length > 0 && html`<label class="frame-at small"><span class="hidden">Frame</span><input type="range" min="0" max=${length} step="0.04" value=${at} aria-valuetext=${`second ${at.toFixed(1)}`} onInput=${(e) => setAt(Number(e.target.value))} /></label>`}`;
}
