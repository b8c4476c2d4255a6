// @ts-check
// Sound with its wave, video with its poster: play, seek, speed, save.
//
//   html`<${Player} item=${file} />`                              Space and arrows work where the focus is
//   html`<${Player} item=${file} control=${ref} onTime=${set} />` ref.current.seek(12.5) plays from there; onTime tells the seconds
import { html, useEffect, useRef, useState } from '../../lib.js';
import { Button } from '../parts.js';
import { download, kindOf, place, variant } from './file.js';

const BARS = 140, LARGEST = 30_000_000, LONGEST = 900; // bytes; seconds, of which each is 0.4 MB while the wave is made

/** @param {{item: any, control?: {current: any}, onTime?: (seconds: number) => void}} props */
export function Player({ item, control, onTime }) {
  const own = place(item.url);
  if (kindOf(item) === 'video') return html`<video class="player" controls preload="metadata" playsinline poster=${variant(own, { width: 960, format: 'webp' })} src=${own} aria-label=${item.file_name}></video>`;
  return html`<${Sound} item=${item} src=${own} control=${control} onTime=${onTime} />`;
}

function Sound({ item, src, control, onTime }) {
  const ref = useRef(/** @type {any} */ (null));
  const [playing, setPlaying] = useState(false), [at, setAt] = useState(0), [length, setLength] = useState(item.seconds ?? 0), [speed, setSpeed] = useState(1), [failed, setFailed] = useState(false);
  const { bars, length: heard } = useBars(src, item.size > LARGEST || item.seconds > LONGEST), whole = length || heard; // a recording's length is told by nobody
  const toggle = () => (ref.current.paused ? ref.current.play().catch(() => setFailed(true)) : ref.current.pause());
  const seek = (to) => ((ref.current.currentTime = to), setAt(to));
  if (control) control.current = { seek: (to) => (seek(to), ref.current.play().catch(() => {})) };
  useEffect(() => {
    if (!playing) return;
    let frame = 0;
    const follow = () => (setAt(ref.current?.currentTime ?? 0), onTime?.(ref.current?.currentTime ?? 0), (frame = requestAnimationFrame(follow)));
    frame = requestAnimationFrame(follow);
    return () => cancelAnimationFrame(frame);
  }, [playing]);
  const known = () => Number.isFinite(ref.current.duration) && setLength(ref.current.duration);
  const share = whole ? Math.min(1, at / whole) : 0;
  return html`<div class="player sound" role="group" aria-label=${item.file_name || 'Sound'}>
    <audio ref=${ref} src=${src} preload="metadata" onPlay=${() => setPlaying(true)} onPause=${() => setPlaying(false)} onEnded=${() => setPlaying(false)} onLoadedMetadata=${known} onDurationChange=${known} onError=${() => setFailed(true)}></audio>
    <${Button} primary icon=${playing ? 'pause' : 'play'} label=${playing ? 'Pause' : 'Play'} onClick=${() => void toggle()} />
    <div class="wave"><${Wave} bars=${bars} /><div class="gone" style=${{ clipPath: `inset(0 ${100 - share * 100}% 0 0)` }}><${Wave} bars=${bars} /></div>
      <input type="range" min="0" max=${whole || 1} step="0.01" value=${at} aria-label="Position" aria-valuetext=${`${clock(at)} of ${clock(whole)}`} onInput=${(e) => seek(Number(e.target.value))} /></div>
    <span class="small faint num nowrap">${failed ? 'can’t be played here' : `${clock(at)} / ${clock(whole)}`}</span>
    <button type="button" class="btn ghost small num" aria-label=${`Speed ${speed}`} data-tip="Speed" onClick=${() => { const next = { 1: 1.5, 1.5: 2, 2: 0.75, 0.75: 1 }[speed] ?? 1; ref.current.playbackRate = next; setSpeed(next); }}>${speed}×</button>
    <${Button} ghost icon="download" label="Download" onClick=${() => download(item)} /></div>`;
}

/** `m:ss`, or `h:mm:ss`. @param {number} s */
export function clock(s) {
  const whole = Math.floor(s || 0), two = (n) => String(n).padStart(2, '0');
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

function Wave({ bars }) {
  const path = (bars ?? Array(BARS).fill(0.08)).map((one, i) => `M${i + 0.5} ${(16 - one * 15).toFixed(1)}V${(16 + one * 15).toFixed(1)}`).join('');
  return html`<svg viewBox=${`0 0 ${BARS} 32`} preserveAspectRatio="none" aria-hidden="true"><path d=${path} /></svg>`;
}

/** The loudest moment of each of `BARS` pieces, 0 to 1, and the seconds; null and 0 while unknown or too large. */
function useBars(src, large) {
  const [bars, setBars] = useState(/** @type {{bars: number[]|null, length: number}} */ ({ bars: null, length: 0 }));
  useEffect(() => {
    const stop = new AbortController();
    if (!large) loud(src, stop.signal).then(setBars, () => {});
    return () => stop.abort();
  }, [src]);
  return bars;
}

async function loud(src, signal) {
  const reply = await fetch(src, { signal });
  if (!reply.ok) return { bars: null, length: 0 };
  const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await reply.arrayBuffer());
  const data = sound.getChannelData(0), each = Math.max(1, Math.floor(data.length / BARS)), hop = Math.max(1, Math.floor(each / 200));
  const tops = Array.from({ length: BARS }, (_, i) => {
    let top = 0;
    for (let at = i * each; at < Math.min(data.length, (i + 1) * each); at += hop) top = Math.max(top, Math.abs(data[at]));
    return top;
  });
  const most = Math.max(...tops, 0.01);
  return { bars: tops.map((one) => Math.max(0.04, one / most)), length: sound.duration };
}
