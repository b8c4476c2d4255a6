// @ts-check
// The history of a feature: threads kept on the server under the key, listed by date; open, pin, rename, delete, clear, search.
//
//   html`<${History} group="text_to_image" at=${params.id} href=${(id) => `/ui/images/${id}`} fresh="/ui/images" noun="picture" />`
//        // the column beside the page (wide screens); on a phone put html`<${HistoryButton} …the same props… />` into Page's `actions`
//   const thread = await openThread(params.id);                                  // {id, title, about, body, …}; 404: an ApiError
//   const kept = await keepThread('text_to_image', id, { title, about, body });   // id '' makes a new one; then go(`/ui/images/${kept.id}`)
//   if (error.code === 'conflict') …                                             // another tab or browser has changed it meanwhile
//   await pinThread('text_to_image', thread, '/artifacts/…png');                 // pinned on top; a picture becomes its icon (checklist 115)
//
// Props: `group` the feature; `at` the open one's id; `href(id)` its address (links) or `onOpen(id)`; `fresh` / `onNew` a new one;
// `onGone(ids)` after deleting (by default one is led to `fresh` when the open one is gone); `onRename(thread)` to show its new title;
// `more(thread)` further items of its menu (`Menu`'s form, such as exports); `noun` what one is called.
//
// What a newcomer would get wrong: a list holds heads alone (title, about); the body is read by `openThread`. Save after each
// turn with `keepThread`: it knows what this tab has last seen, so that two tabs never overwrite each other unnoticed.
import { cx, html, sheet, signal, useEffect, useRef, useState } from '../lib.js';
import { del, get, patch, post } from './api.js';
import { Icon } from './icons.js';
import { ask, confirm, Drawer, Menu, toast } from './overlay.js';
import { Button, Empty, Failed, Skeleton } from './parts.js';
import { exact, group as dated } from './time.js';
import { go } from '../shell/router.js';

await sheet(new URL('../css/threads.css', import.meta.url));

/** @typedef {{id: number|string, title: string, about: string, group: string, created: number, changed: number, size: number, body?: any}} Thread */

const PAGE = 60;
/** What happened to a thread in this tab; lists follow it. @type {any} */
const news = signal({});
/** `changed` of each thread as this tab has last seen it. @type {Map<string, number>} */
const seen = new Map();

const told = (thread) => (seen.set(String(thread.id), thread.changed), thread);
const place = (group) => `threads/${group}`;

/** The whole thread. @param {number|string} id @returns {Promise<Thread>} */
export async function openThread(id, more = {}) {
  return told(await get(`/saved/threads/${id}`, undefined, more));
}

/**
 * Save a thread, a new one when `id` is empty. Raises `ApiError`; its code is `conflict` when it was changed elsewhere meanwhile
 * (`force` saves nevertheless).
 * @param {string} group @param {number|string|null|undefined} id @param {{title?: string, about?: string, body?: any}} fields @param {{force?: boolean}} [how]
 * @returns {Promise<Thread>}
 */
export async function keepThread(group, id, fields, { force = false } = {}) {
  const cut = { ...fields, ...(fields.title !== undefined && { title: fields.title.slice(0, 200) }), ...(fields.about !== undefined && { about: fields.about.slice(0, 300) }) };
  const kept = id ? await patch(`/saved/threads/${id}`, force ? cut : { ...cut, seen: seen.get(String(id)) }) : await post('/saved/threads', { ...cut, group });
  const { body, ...head } = told(kept);
  news.value = { group, head };
  return kept;
}

/** Save while the page is being closed: nobody waits for it. Up to 60 kB, the browser's limit. @param {number|string} id @param {{about?: string, body?: any}} fields */
export function keepAtLast(id, fields) {
  const body = JSON.stringify({ ...fields, seen: seen.get(String(id)) });
  if (body.length < 60_000) fetch(`/saved/threads/${id}`, { method: 'PATCH', keepalive: true, headers: { 'content-type': 'application/json' }, body }).catch(() => {});
}

/** @param {Thread} thread @param {string} title @returns {Promise<Thread>} */
async function renameThread(thread, title) {
  const known = seen.get(String(thread.id));
  const kept = await patch(`/saved/threads/${thread.id}`, { title });
  if (known === undefined || known === thread.changed) told(kept); // else what this tab holds is old, and must stay so
  const { body, ...head } = kept;
  news.value = { group: thread.group, head };
  return kept;
}

/** @param {Thread} thread */
async function dropThread(thread) {
  await del(`/saved/threads/${thread.id}`).catch((error) => {
    if (error.status !== 404) throw error; // gone already: as wanted
  });
  await unpinThread(thread.group, thread.id);
  news.value = { group: thread.group, gone: [String(thread.id)] };
}

/* Pins: one small record a pinned thread, group `threads/FEATURE`, about `ID ICON`. */

/** @typedef {{pin: number, id: string, icon: string, title: string}} Pin */

/** @param {string} group @returns {Promise<Pin[]>} */
async function pinsOf(group) {
  const answer = await get('/saved/pins', { group: place(group), limit: 1000 });
  return answer.data.map((one) => ({ pin: one.id, id: one.about.split(' ')[0], icon: one.about.split(' ')[1] ?? '', title: one.title }));
}

/** To the top of its list; `icon` is the address of a picture of this server. @param {string} group @param {{id: number|string, title: string}} thread @param {string} [icon] */
export async function pinThread(group, thread, icon = '') {
  const old = (await pinsOf(group)).find((one) => one.id === String(thread.id));
  const fields = { title: thread.title, about: `${thread.id} ${icon}`.trim(), group: place(group) };
  await (old ? patch(`/saved/pins/${old.pin}`, fields) : post('/saved/pins', fields));
  news.value = { group, pins: true };
}

/** @param {string} group @param {number|string} id */
async function unpinThread(group, id) {
  const old = (await pinsOf(group)).find((one) => one.id === String(id));
  if (!old) return;
  await del(`/saved/pins/${old.pin}`);
  news.value = { group, pins: true };
}

/* The list */

/**
 * The threads of a feature, a page at a time, kept true while this tab changes them.
 * @param {string} group @param {string} [q]
 */
function useThreads(group, q = '') {
  const [state, set] = useState(/** @type {any} */ ({ rows: null, next: null, total: 0, error: null, pins: [] }));
  const [turn, setTurn] = useState(0);
  const load = async (after, stop) => {
    try {
      const answer = await get('/saved/threads', { group, q, limit: PAGE, after }, { signal: stop?.signal });
      set((old) => ({ ...old, rows: after ? merged(old.rows, answer.data) : answer.data, next: answer.next, total: answer.total, error: null }));
    } catch (error) {
      if (error.name !== 'AbortError') set((old) => ({ ...old, error }));
    }
  };
  const pins = () => pinsOf(group).then((found) => set((old) => ({ ...old, pins: found })), () => {});
  useEffect(() => {
    const stop = new AbortController();
    load(0, stop);
    return () => stop.abort();
  }, [group, q, turn]);
  useEffect(() => void pins(), [group, turn]);
  useEffect(() => {
    const back = () => !document.hidden && setTurn((n) => n + 1);
    document.addEventListener('visibilitychange', back);
    return () => document.removeEventListener('visibilitychange', back);
  }, []);
  const last = useRef(news.peek());
  const heard = news.value;
  useEffect(() => {
    if (heard === last.current) return;
    last.current = heard;
    if (heard.group !== group) return;
    if (heard.pins) pins();
    if (heard.gone) set((old) => ({ ...old, rows: old.rows?.filter((one) => !heard.gone.includes(String(one.id))), total: Math.max(0, old.total - heard.gone.length) }));
    if (heard.head) set((old) => added(old, heard.head));
    if (heard.cleared) set((old) => ({ ...old, rows: [], next: null, total: 0, pins: [] }));
  }, [heard]);
  return { ...state, more: () => load(state.next), reload: () => setTurn((n) => n + 1) };
}

const merged = (rows, more) => [...rows, ...more.filter((one) => !rows.some((each) => each.id === one.id))];

function added(old, head) {
  const rows = (old.rows ?? []).filter((one) => one.id !== head.id);
  return { ...old, rows: [head, ...rows], total: old.total + (rows.length === (old.rows ?? []).length ? 1 : 0) };
}

/** The column beside a page; hidden on a phone. */
export function History(props) {
  return html`<aside class="history phone-hide" aria-label="History"><${Threads} ...${props} /></aside>`;
}

/** The same list in a drawer, for the page's head on a phone. */
export function HistoryButton(props) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [props.at]);
  return html`<span class="phone-only"><${Button} icon="history" label="History" onClick=${() => setOpen(true)} /></span>
    <${Drawer} open=${open} onClose=${() => setOpen(false)} title="History"><div class="history" onClick=${(e) => e.target.closest('a[href]') && setOpen(false)}><${Threads} ...${props} /></div><//>`;
}

/**
 * @param {{group: string, at?: number|string|null, href?: (id: any) => string, onOpen?: (id: any) => void, fresh?: string, onNew?: () => void,
 *   onGone?: (ids: string[]) => void, onRename?: (thread: Thread) => void, more?: (thread: Thread) => any[], noun?: string}} props
 */
export function Threads({ group, at, href, onOpen, fresh, onNew, onGone, onRename, more, noun = 'thread' }) {
  const [typed, setTyped] = useState(''), [q, setQ] = useState('');
  const list = useThreads(group, q);
  useEffect(() => {
    const timer = setTimeout(() => setQ(typed.trim()), typed ? 200 : 0);
    return () => clearTimeout(timer);
  }, [typed]);
  const gone = (ids) => (onGone ? onGone(ids) : ids.includes(String(at)) && (fresh ? go(fresh) : onNew?.()));
  const pinned = new Map(list.pins.map((one) => [one.id, one]));
  const act = { rename: (one) => rename({ ...one, group }, noun, pinned.get(String(one.id)), onRename), drop: (one) => drop({ ...one, group }, noun, gone), pin: (one) => (pinned.has(String(one.id)) ? unpinThread(group, one.id) : pinThread(group, one)) };
  const none = list.rows && !list.rows.length && !(pinned.size && !q);
  return html`<div class="threads">
    <div class="row"><div class="within grow"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search the history" placeholder="Search" value=${typed}
        onInput=${(e) => setTyped(e.target.value)} onKeyDown=${(e) => e.key === 'Escape' && typed && (e.stopPropagation(), setTyped(''))} /></div>
      ${(fresh || onNew) && html`<${Button} icon="plus" label=${`New ${noun}`} href=${fresh} onClick=${onNew} />`}
      <${Menu} label="All of them" items=${[{ label: 'Clear all …', icon: 'trash', danger: true, disabled: !list.total, onSelect: () => clear(group, noun, list.total, gone) }]} /></div>
    ${list.error && html`<${Failed} error=${list.error} retry=${list.reload} />`}
    ${!list.rows && !list.error && html`<${Skeleton} lines=${5} />`}
    ${none && (q ? html`<p class="faint small center">Nothing is called “${q}”.</p>` : html`<${Empty} icon="history" title=${`No ${noun} yet`}>What you make is kept here, on the server and for your key alone.<//>`)}
    <div class="dates" onKeyDown=${arrows}>${grouped(list.rows ?? [], q ? [] : list.pins).map(([title, rows]) => html`<section key=${title}><h3>${title}</h3>
      <ul class="plain">${rows.map((one) => html`<${Row} key=${one.id} one=${one} pin=${pinned.get(String(one.id))} current=${String(one.id) === String(at ?? '')} href=${href} onOpen=${onOpen} act=${act} more=${more} />`)}</ul></section>`)}
      ${list.next !== null && html`<${Button} ghost small onClick=${list.more}>Show older<//>`}</div></div>`;
}

/** By date, the pinned first; a pin whose thread is not loaded yet is shown by what the pin knows. */
function grouped(rows, pins) {
  const top = pins.map((pin) => rows.find((one) => String(one.id) === pin.id) ?? { id: pin.id, title: pin.title, about: '', changed: 0 });
  const taken = new Set(pins.map((one) => one.id)), sections = new Map();
  for (const one of rows) {
    if (taken.has(String(one.id))) continue;
    const name = dated(one.changed);
    sections.set(name, [...(sections.get(name) ?? []), one]);
  }
  return [...(top.length ? [['Pinned', top]] : []), ...sections];
}

function Row({ one, pin, current, href, onOpen, act, more }) {
  const keys = (event) => {
    if (event.key === 'F2') (event.preventDefault(), act.rename(one));
    if (event.key === 'Delete') (event.preventDefault(), act.drop(one));
  };
  const inside = html`${pin && (pin.icon ? html`<img class="picture" src=${pin.icon} alt="" />` : html`<${Icon} name="pin" size="13" class="faint" label="Pinned" />`)}<span class="cut">${one.title}</span>`;
  const tip = one.changed ? `${one.title} · ${exact(one.changed)}` : one.title;
  const common = { class: 'open', 'aria-current': current ? 'true' : null, 'data-tip': tip, onKeyDown: keys };
  return html`<li class=${cx('thread', { at: current })}>
    ${href ? html`<a href=${href(one.id)} ...${common}>${inside}</a>` : html`<button type="button" onClick=${() => onOpen(one.id)} ...${common}>${inside}</button>`}
    <${Menu} small label=${`Actions of ${one.title}`} items=${[
      { label: pin ? 'Unpin' : 'Pin to the top', icon: 'pin', onSelect: () => act.pin(one).catch(toast.error) },
      { label: 'Rename', icon: 'edit', more: 'F2', onSelect: () => act.rename(one) },
      ...(more ? more(one) : []), '-',
      { label: 'Delete', icon: 'trash', more: 'Del', danger: true, onSelect: () => act.drop(one) }]} /></li>`;
}

/** Up and down go through the threads. */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.closest('.open')) return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll('.open')];
  all[all.indexOf(event.target.closest('.open')) + step]?.focus();
}

async function rename(one, noun, pin, renamed) {
  const title = await ask({ title: `Rename the ${noun}`, label: 'Title', value: one.title, action: 'Rename' });
  if (!title || title === one.title) return;
  try {
    renamed?.(await renameThread(one, title));
    if (pin) await pinThread(one.group, { id: one.id, title }, pin.icon);
    toast(`Renamed to “${title}”`);
  } catch (error) {
    toast.error(error);
  }
}

async function drop(one, noun, gone) {
  if (!(await confirm({ title: `Delete “${one.title}”?`, text: `The ${noun} is gone for good, in every browser.`, action: 'Delete', danger: true }))) return;
  await dropThread(one).then(() => (gone([String(one.id)]), toast(`“${one.title}” is deleted`)), toast.error);
}

async function clear(group, noun, total, gone) {
  const sure = await confirm({ title: `Delete all ${total} ${noun}s?`, text: 'Those of this page, in every browser. This cannot be taken back.', action: 'Delete all', danger: true });
  if (!sure) return;
  try {
    const { deleted } = await del('/saved/threads', undefined, { query: { group } });
    await del('/saved/pins', undefined, { query: { group: place(group) } });
    const all = [...seen.keys()];
    news.value = { group, cleared: true };
    gone(all);
    toast(`${deleted} deleted`);
  } catch (error) {
    toast.error(error);
  }
}
