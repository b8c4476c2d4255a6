// @ts-check
// A piece of a film or a sound: two handles on its line, what lies between is played. I and O put the ends where it stands.
//
//   html`<${Timeline} file=${file} from=${0} to=${null} onChange=${({ from, to }) => …} />`     seconds; `to` null is the end
import { cx, html, useEffect, useRef, useState } from '../../lib.js';
import { useKeys } from '../../kit/keys.js';
import { variant } from '../../kit/media.js';
import { Button, Notice } from '../../kit/parts.js';
import { content, playable } from '../area/kinds.js';
import { Wave } from './wave.js';

const LEAST = 0.04;
const round = (s) => Math.round(s * 1000) / 1000;

/** `1:02.50` @param {number} s */
export const stamp = (s) => `${Math.floor(s / 60)}:${(s % 60).toFixed(2).padStart(5, '0')}`;

/** @param {{file: any, from: number, to: number|null, onChange: (piece: {from: number, to: number|null}) => void}} props */
export function Timeline({ file, from, to, onChange }) {
  const media = useRef(/** @type {any} */ (null)), track = useRef(/** @type {any} */ (null)), until = useRef(/** @type {number|null} */ (null));
  const [length, setLength] = useState(file.seconds ?? 0), [at, setAt] = useState(0), [playing, setPlaying] = useState(false), [bad, setBad] = useState(!playable(file));
  const end = to ?? length, audio = file.content_type.startsWith('audio/');
  const seek = (second) => media.current && (media.current.currentTime = Math.min(Math.max(second, 0), length));
  const change = (side, second) => {
    const next = round(side === 'from' ? Math.min(Math.max(0, second), end - LEAST) : Math.max(Math.min(length, second), (from || 0) + LEAST));
    onChange(side === 'from' ? { from: next, to } : { from, to: next >= length ? null : next });
    seek(next);
  };
  useEffect(() => {
    if (!playing) return;
    let frame = 0;
    const follow = () => {
      const now = media.current?.currentTime ?? 0;
      setAt(now);
      if (until.current !== null && now >= until.current) (media.current.pause(), (until.current = null));
      frame = requestAnimationFrame(follow);
    };
    frame = requestAnimationFrame(follow);
    return () => cancelAnimationFrame(frame);
  }, [playing]);
  const play = () => {
    if (playing) return media.current.pause();
    until.current = end;
    if (at < from || at >= end - 0.05) seek(from);
    media.current.play().catch(() => setBad(true));
  };
  useKeys({ i: ['Begin here', () => change('from', at)], o: ['End here', () => change('to', at)], p: ['Play the piece', play] }, 'Trim');
  const known = () => Number.isFinite(media.current.duration) && setLength(media.current.duration);
  const second = (event) => {
    const place = track.current.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - place.left) / place.width)) * length;
  };
  const Tag = audio ? 'audio' : 'video';
  const share = (s) => `${length ? (Math.min(s, length) / length) * 100 : 0}%`;
  return html`<div class="col gap-3">
    <div class=${audio ? 'hidden' : 'show'}><${Tag} ref=${media} src=${content(file)} preload="auto" playsinline aria-label=${file.file_name} onLoadedMetadata=${known} onDurationChange=${known} onTimeUpdate=${() => setAt(media.current.currentTime)}
      onPlay=${() => setPlaying(true)} onPause=${() => setPlaying(false)} onError=${() => setBad(true)}></${Tag}></div>
    ${bad && html`<${Notice} kind="warn" title="Your browser does not play this format">Say the times as numbers; the server understands it.<//>`}
    <div ref=${track} class=${cx('track', { audio })} onPointerDown=${(e) => !e.button && e.target === e.currentTarget && seek(second(e))}>
      ${audio ? html`<${Wave} file=${file} />` : html`<img class="strip" src=${variant(file.url, { width: 160, height: 90, fit: 'cover', format: 'webp' })} alt="" />`}
      <i class="cut-off" style=${{ left: '0%', width: share(from) }}></i><i class="cut-off" style=${{ left: share(end), right: '0px' }}></i><i class="piece" style=${{ left: share(from), width: `calc(${share(end)} - ${share(from)})` }}></i>
      <i class="now" style=${{ left: share(at) }}></i>
      ${length > 0 && html`<${End} side="from" label="Start" value=${from} length=${length} at=${share(from)} second=${second} change=${change} /><${End} side="to" label="End" value=${end} length=${length} at=${share(end)} second=${second} change=${change} />`}</div>
    <div class="row wrap"><${Button} icon=${playing ? 'pause' : 'play'} disabled=${bad || !length} onClick=${play}>${playing ? 'Pause' : 'Play the piece'}<//>
      <${Button} small disabled=${!length} onClick=${() => change('from', at)}>Begin here <kbd>I</kbd><//><${Button} small disabled=${!length} onClick=${() => change('to', at)}>End here <kbd>O</kbd><//>
      <span class="grow"></span><span class="small soft num" role="status">${stamp(at)} · piece of ${stamp(Math.max(0, end - from))} of ${stamp(length)}</span></div></div>`;
}

/** A handle; arrows move it by a tenth of a second, with Shift by one. */
function End({ side, label, value, length, at, second, change }) {
  const [held, setHeld] = useState(false);
  const keys = (event) => {
    const step = event.shiftKey ? 1 : 0.1;
    const next = { ArrowLeft: value - step, ArrowRight: value + step, PageDown: value - 10, PageUp: value + 10, Home: 0, End: length }[event.key];
    if (next !== undefined) (event.preventDefault(), change(side, next));
  };
  return html`<div class=${cx('end-handle', side)} style=${{ left: at }} role="slider" tabindex="0" aria-label=${label} aria-valuemin="0" aria-valuemax=${length} aria-valuenow=${value} aria-valuetext=${stamp(value)} onKeyDown=${keys}
    onPointerDown=${(e) => !e.button && (e.currentTarget.setPointerCapture(e.pointerId), setHeld(true))} onPointerMove=${(e) => held && change(side, second(e))} onPointerUp=${() => setHeld(false)} onPointerCancel=${() => setHeld(false)}></div>`;
}
