// @ts-check
// The wave of a sound, from its bytes while they are few, else the picture that the server makes of it.
import { html, useEffect, useState } from '../../lib.js';
import { api } from '../../kit/api.js';
import { variant } from '../../kit/media.js';
import { content } from '../area/kinds.js';

const PIECES = 400, LARGEST = 30_000_000;

/** @param {{file: any}} props */
export function Wave({ file }) {
  const [tops, setTops] = useState(/** @type {number[]|null|false} */ (null));
  useEffect(() => {
    const stop = new AbortController();
    if (file.size > LARGEST) setTops(false);
    else peaks(file, stop.signal).then(setTops, (error) => error.name !== 'AbortError' && setTops(false));
    return () => stop.abort();
  }, [file.id]);
  if (tops === false) return html`<img class="strip whole" src=${variant(file.url, { width: 1280, height: 320, fit: 'fill', format: 'png' })} alt="" />`;
  const path = (tops ?? []).map((one, i) => `M${i + 0.5} ${(32 - one * 31).toFixed(1)}V${(32 + one * 31).toFixed(1)}`).join('');
  return html`<svg class="peaks" viewBox=${`0 0 ${PIECES} 64`} preserveAspectRatio="none" role="img" aria-label="Waveform"><path d=${path} /></svg>`;
}

/** The loudest moment of each piece, 0 to 1. */
async function peaks(file, signal) {
  const blob = await api(content(file), { as: 'blob', signal, headers: { accept: '*/*' } });
  const sound = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(await blob.arrayBuffer());
  const data = sound.getChannelData(0), each = Math.max(1, Math.floor(data.length / PIECES)), hop = Math.max(1, Math.floor(each / 300));
  const tops = Array.from({ length: PIECES }, (_, i) => {
    let top = 0;
    for (let at = i * each; at < Math.min(data.length, (i + 1) * each); at += hop) top = Math.max(top, Math.abs(data[at]));
    return top;
  });
  const most = Math.max(...tops, 0.01);
  return tops.map((one) => Math.max(0.02, one / most));
}
