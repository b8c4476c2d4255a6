// @ts-check
// The small parts: buttons, badges, states, cards, tiles, empty and failed states, facts, progress, copy.
//
//   html`<${Button} icon="plus" primary onClick=${add}>New key<//>`
//   html`<${Button} icon="trash" label="Delete" danger onClick=${drop} />`      icon alone: `label` is its name and tooltip
//   html`<${State} of="failed" />  <${Badge} kind="ok">ready<//>`
//   html`<${Loaded} of=${useApi('/admin/live')}>${(data) => html`…`}<//>`        loading, failed or your content
//   html`<${Empty} icon="key" title="No keys yet" action=${html`<${Button}>New key<//>`}>Programs need one.<//>`
//
// A Button whose onClick returns a promise is busy until it is done, and a failure becomes a toast.
import { cx, html, useState } from '../lib.js';
import { Icon } from './icons.js';
import { toast } from './overlay.js';

/**
 * @param {{icon?: string, label?: string, primary?: boolean, ghost?: boolean, danger?: boolean, small?: boolean, on?: boolean,
 *   busy?: boolean, disabled?: boolean, href?: string, type?: string, onClick?: (event: any) => any, children?: any, [more: string]: any}} props
 */
export function Button({ icon, label, primary, ghost, danger, small, on, busy, disabled, href, type = 'button', onClick, children, class: extra, ...more }) {
  const [working, setWorking] = useState(false);
  const only = !children || (Array.isArray(children) && !children.length);
  const press = async (event) => {
    if (busy || working) return event.preventDefault();
    const result = onClick?.(event);
    if (!result?.then) return;
    setWorking(true);
    try {
      await result;
    } catch (error) {
      if (error.name !== 'AbortError') toast.error(error);
    } finally {
      setWorking(false);
    }
  };
  const waits = busy || working;
  const look = cx('btn', extra, { primary, ghost, danger, small, on, only });
  const inside = html`${waits ? html`<${Icon} name="refresh" class="spin" />` : icon && html`<${Icon} name=${icon} />`}${children}`;
  const named = only ? { 'aria-label': label, 'data-tip': label } : label ? { 'data-tip': label } : {};
  if (href && !disabled) return html`<a class=${look} href=${href} onClick=${onClick} ...${named} ...${more}>${inside}</a>`;
  return html`<button type=${type} class=${look} disabled=${disabled} aria-disabled=${waits ? 'true' : null} aria-pressed=${on === undefined ? null : String(on)}
    onClick=${press} ...${named} ...${more}>${inside}</button>`;
}

/** @param {{kind?: ''|'ok'|'warn'|'bad'|'info'|'accent', dot?: boolean, children?: any, [more: string]: any}} props */
export function Badge({ kind = '', dot, children, ...more }) {
  return html`<span class=${cx('badge', kind)} ...${more}>${dot && html`<i class="dot"></i>`}${children}</span>`;
}

const STATES = {
  ok: 'ok', done: 'ok', completed: 'ok', succeeded: 'ok', ready: 'ok', online: 'ok', active: 'ok', on: 'ok', enabled: 'ok', delivered: 'ok',
  running: 'info', started: 'info', streaming: 'info', working: 'info', queued: 'accent', waiting: 'accent', scheduled: 'accent', pending: 'accent',
  retrying: 'warn', cooling: 'warn', paused: 'warn', draining: 'warn', expiring: 'warn', busy: 'warn', degraded: 'warn',
  failed: 'bad', error: 'bad', dead: 'bad', offline: 'bad', expired: 'bad', revoked: 'bad', timeout: 'bad', refused: 'bad',
};
const LIVE = new Set(['running', 'started', 'streaming', 'working']);

/** The state of a job, provider, key or queue, in its colour; an unknown one is grey. */
export function State({ of }) {
  const word = String(of ?? '').toLowerCase();
  return html`<span class=${cx('badge', STATES[word])}><i class=${cx('dot', { live: LIVE.has(word) })}></i>${word || 'unknown'}</span>`;
}

/** @param {{title?: any, actions?: any, pad?: boolean, children?: any, class?: string}} props */
export function Card({ title, actions, pad = true, children, class: extra = '' }) {
  return html`<section class=${cx('card', extra)}>
    ${(title || actions) && html`<header><h2 class="grow cut">${title}</h2>${actions}</header>`}
    ${pad ? html`<div class="body">${children}</div>` : children}
  </section>`;
}

/** A number that matters. `note`: a line under it; `href`: leads to its rows. */
export function Stat({ name, value, note, icon, href, kind }) {
  const inside = html`<span class="name">${icon && html`<${Icon} name=${icon} size="14" />`}${name}</span>
    <span class=${cx('value', kind && `${kind}-text`)}>${value ?? html`<span class="skeleton">${' '}</span>`}</span>
    ${note !== undefined && html`<span class="note">${note}</span>`}`;
  return href ? html`<a class="card stat" href=${href}>${inside}</a>` : html`<div class="card stat">${inside}</div>`;
}

/** Nothing here yet: what it would be, and the way to the first one. */
export function Empty({ icon = 'info', title, action, children }) {
  return html`<div class="empty"><span class="pic"><${Icon} name=${icon} size="20" /></span><h3>${title}</h3>
    ${children && html`<p>${children}</p>`}${action}</div>`;
}

/** @param {{kind?: 'info'|'ok'|'warn'|'bad', title?: any, action?: any, children?: any}} props */
export function Notice({ kind = 'info', title, action, children }) {
  const icon = { info: 'info', ok: 'check', warn: 'alert', bad: 'alert' }[kind];
  return html`<div class=${cx('notice', kind)} role=${kind === 'bad' ? 'alert' : 'status'}><${Icon} name=${icon} />
    <div class="grow">${title && html`<div class="strong">${title}</div>`}${children}</div>${action}</div>`;
}

/** A failure with its words, its code and the way on. */
export function Failed({ error, retry }) {
  const code = [error.code, error.request && `request ${error.request}`].filter(Boolean).join(' · ');
  return html`<${Notice} kind="bad" title=${error.message} action=${retry && html`<${Button} small icon="refresh" onClick=${() => retry()}>Try again<//>`}>
    ${code && html`<div class="small soft mono">${code}</div>`}<//>`;
}

/** What `useApi` gave: its content once there is some, lines that shimmer before, the failure else. */
export function Loaded({ of, lines = 4, empty, children }) {
  if (of.data !== undefined && of.data !== null) {
    const list = Array.isArray(of.data) ? of.data : of.data.data;
    if (empty && Array.isArray(list) && !list.length) return empty;
    return html`${of.error && html`<${Failed} error=${of.error} retry=${of.reload} />`}${children(of.data)}`;
  }
  if (of.error) return html`<${Failed} error=${of.error} retry=${of.reload} />`;
  return html`<${Skeleton} lines=${lines} />`;
}

export function Skeleton({ lines = 4 }) {
  return html`<div class="col gap-3" role="status" aria-label="Loading">
    ${Array.from({ length: lines }, (_, i) => html`<span class="skeleton" style=${{ width: `${96 - ((i * 17) % 40)}%` }}></span>`)}</div>`;
}

/** How far something is, 0 to 1; without a value: it works on it. */
export function Progress({ value, kind, label = 'Progress' }) {
  const known = typeof value === 'number';
  return html`<span class=${cx('bar', kind, { free: !known })} role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${known ? Math.round(value * 100) : null}><i style=${known ? { width: `${Math.min(100, value * 100)}%` } : {}}></i></span>`;
}

/** Names and values: `of=${[['Model', 'm'], ['Cost', money(x)]]}`; empty values are left out. */
export function Facts({ of }) {
  return html`<dl class="facts">${of.filter((one) => one && one[1] !== undefined && one[1] !== null && one[1] !== '').map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** Copies `text` (or what it returns). */
export function Copy({ text, label = 'Copy', small = true, children }) {
  const [done, setDone] = useState(false);
  const go = async () => {
    await copy(typeof text === 'function' ? text() : text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<${Button} ghost small=${small} icon=${done ? 'check' : 'copy'} label=${done ? 'Copied' : label} onClick=${go}>${children}<//>`;
}

/** Into the clipboard, also where the page has no right to it (plain http). */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}
