// @ts-check
// One tile: a small picture of a file, made when it is first seen; what has none shows its icon.
import { cx, html, useEffect, useState } from '../../lib.js';
import { Icon } from '../icons.js';
import { seconds } from '../time.js';
import { kindOf, place, SMALL, variant } from './file.js';

const ICONS = { image: 'image', video: 'video', audio: 'music', text: 'text', other: 'file' };

/**
 * One tile: a small picture of the file, made when it is first seen. Video plays while one points at it.
 * @param {{item: any, onOpen?: () => void, width?: number, fit?: 'cover'|'contain', label?: string}} props
 */
export function Thumb({ item, onOpen, width = 480, fit = 'cover', label }) {
  const kind = kindOf(item);
  const [alive, setAlive] = useState(false);
  const name = label ?? `Open ${item.title || item.file_name || kind}`;
  const inside = html`<${Still} item=${item} width=${width} />
    ${kind === 'video' && alive && html`<video src=${place(item.url)} muted autoplay loop playsinline></video>`}
    ${(kind === 'video' || kind === 'audio') && html`<span class="mark">${html`<${Icon} name=${kind === 'video' ? 'play' : 'music'} size="12" />`}${item.seconds ? seconds(item.seconds) : ''}</span>`}`;
  const on = kind === 'video' ? { onPointerEnter: () => setAlive(true), onPointerLeave: () => setAlive(false), onFocus: () => setAlive(true), onBlur: () => setAlive(false) } : {};
  const look = cx('thumb', kind, fit), shape = fit === 'contain' && item.width && item.height ? { aspectRatio: `${item.width} / ${item.height}` } : {};
  return onOpen ? html`<button type="button" class=${look} style=${shape} aria-label=${name} onClick=${onOpen} ...${on}>${inside}</button>` : html`<span class=${look} style=${shape} ...${on}>${inside}</span>`;
}

/** The still picture; when the server can make no small one (503, a broken file), the file itself, then its icon. */
function Still({ item, width }) {
  const kind = kindOf(item), own = place(item.url);
  const ways = kind === 'image' ? (item.size > SMALL ? [variant(own, { width, format: 'webp' }), own] : [own]) : kind === 'video' ? [variant(own, { width, format: 'webp' })] : [];
  const [at, setAt] = useState(0), [ready, setReady] = useState(false);
  useEffect(() => (setAt(0), setReady(false)), [item.url]);
  if (at >= ways.length) return html`<span class="none"><${Icon} name=${ICONS[kind]} size="26" />${kind === 'audio' || kind === 'other' ? html`<span class="small cut">${item.file_name}</span>` : ''}</span>`;
  return html`<img class=${ready ? '' : 'waits'} src=${ways[at]} alt="" loading="lazy" decoding="async" draggable=${false} onLoad=${() => setReady(true)} onError=${() => setAt(at + 1)} />`;
}
