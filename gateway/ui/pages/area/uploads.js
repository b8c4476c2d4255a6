// @ts-check
// Uploads into the key's file area: several at once, with progress, and those that break go on where they broke (tus).
//
//   const [one] = add(files, { area: 'private', expires: '7d' });   const file = await one.done;    // the file as /files shows it
//   uploads.value       every upload of this tab: {id, name, size, sent, state: waiting|sending|paused|failed|done, error, file}
//   unfinished()        those that another visit began: choose the same file again and they go on
//
// What a newcomer would get wrong: the queue outlives the page. Whoever leads to another page goes on sending; only closing the tab
// stops it, and then the server keeps what has come for a day.
import { signal } from '../../lib.js';
import { api, ApiError, upload } from '../../kit/api.js';
import { pref } from '../../kit/store.js';

const PIECE = 8 * 1024 * 1024;
/** Smaller ones go as a form, in one request. */
const SMALL = 4 * 1024 * 1024;
const AT_ONCE = 2, TRIES = 5;
const TUS = { 'tus-resumable': '1.0.0' };

/** @typedef {{id: number, name: string, size: number, sent: number, state: 'waiting'|'sending'|'paused'|'failed'|'done', error: any, file: any, done: Promise<any>}} Upload */
/** @type {{value: Upload[], peek: () => Upload[]}} */
export const uploads = signal(/** @type {Upload[]} */ ([]));
/** Counts finished uploads: lists of files follow it. */
export const arrived = signal(0);

/** What only this module knows of an upload. @type {Map<number, any>} */
const works = new Map();
let number = 0;

/** Where an upload stands that was not finished, by what its file looks like. */
const kept = () => pref('uploads', {});
const print = (file) => `${file.name}|${file.size}|${file.lastModified}`;

/** Uploads of an earlier visit, the newest first: `{name, size, at}`. */
export function unfinished() {
  const now = Date.now() / 1000;
  const going = new Set(uploads.value.filter((one) => one.state !== 'done').map((one) => one.name));
  return Object.values(kept().value).filter((one) => now - one.at < 86400 && !going.has(one.name)).sort((a, b) => b.at - a.at);
}

export function forget(name) {
  kept().value = Object.fromEntries(Object.entries(kept().peek()).filter(([, one]) => one.name !== name));
}

/** @param {Iterable<File>} files @param {{area?: string, expires?: string}} [how] @returns {Upload[]} */
export function add(files, how = {}) {
  const more = [...files].map((file) => begin(file, how));
  uploads.value = [...uploads.peek().filter((one) => one.state !== 'done'), ...more];
  pump();
  return more;
}

/** @param {File} file @param {any} how @returns {Upload} */
function begin(file, how) {
  const id = ++number;
  const work = { file, how, address: '', stop: null, tries: 0 };
  const done = new Promise((resolve, reject) => Object.assign(work, { resolve, reject }));
  done.catch(() => {}); // whoever waits hears of it; else the list says it
  works.set(id, work);
  return { id, name: file.name, size: file.size, sent: 0, state: 'waiting', error: null, file: null, done };
}

function set(id, change) {
  uploads.value = uploads.peek().map((one) => (one.id === id ? { ...one, ...change } : one));
}

function pump() {
  const list = uploads.peek();
  const free = AT_ONCE - list.filter((one) => one.state === 'sending').length;
  list.filter((one) => one.state === 'waiting').slice(0, Math.max(0, free)).forEach(run);
}

export function pause(id) {
  set(id, { state: 'paused' });
  works.get(id)?.stop?.abort();
}

export function resume(id) {
  Object.assign(works.get(id), { tries: 0 });
  set(id, { state: 'waiting', error: null });
  pump();
}

/** Take it off the list; what has come is thrown away. */
export function cancel(id) {
  const work = works.get(id);
  uploads.value = uploads.peek().filter((one) => one.id !== id);
  works.delete(id);
  if (!work) return;
  work.stop?.abort();
  work.reject(new DOMException('stopped', 'AbortError'));
  if (work.address) api(work.address, { method: 'DELETE', headers: TUS }).catch(() => {});
  note(work.file, null);
  pump();
}

export function clear() {
  uploads.value = uploads.peek().filter((one) => one.state !== 'done');
}

async function run(one) {
  const work = works.get(one.id);
  work.stop = new AbortController();
  set(one.id, { state: 'sending', error: null });
  const far = (sent) => set(one.id, { sent });
  try {
    const file = await (work.file.size > SMALL ? large(work, far) : small(work, far));
    set(one.id, { state: 'done', sent: one.size, file });
    work.resolve(file);
    arrived.value++;
  } catch (error) {
    if (!works.has(one.id) || /** @type {any} */ (error).name === 'AbortError') return;
    failed(one.id, work, error);
  } finally {
    pump();
  }
}

/** A line that broke is tried again, after longer and longer pauses; what the server refuses is not. */
function failed(id, work, error) {
  const broke = error.code === 'offline' || error.status >= 500;
  if (broke && work.address && ++work.tries < TRIES) {
    setTimeout(() => works.has(id) && uploads.peek().some((one) => one.id === id && one.state === 'sending') && (set(id, { state: 'waiting' }), pump()), 500 * 2 ** work.tries);
    return;
  }
  set(id, { state: 'failed', error });
  work.reject(error);
}

async function small(work, far) {
  const form = new FormData();
  form.append('area', work.how.area ?? 'private');
  if (work.how.expires) form.append('expires_after', work.how.expires);
  form.append('file', work.file, work.file.name);
  return upload('/files', form, { signal: work.stop.signal, onProgress: (part) => far(part * work.file.size) });
}

async function large(work, far) {
  const { file } = work;
  work.address ||= kept().peek()[print(file)]?.address ?? '';
  let at = work.address ? await offset(work) : -1;
  if (at < 0) [work.address, at] = [await create(work), 0];
  note(file, work.address);
  while (at < file.size) {
    far(at);
    const from = at, piece = file.slice(at, at + PIECE);
    await upload(work.address, piece, {
      method: 'PATCH', signal: work.stop.signal, onProgress: (part) => far(from + part * piece.size),
      headers: { ...TUS, 'upload-offset': String(at), 'content-type': 'application/offset+octet-stream' },
    });
    work.tries = 0;
    at += piece.size;
  }
  note(file, null);
  return api(`/files/${work.address.split('/').pop()}`);
}

/** How much of it the server has; -1: it knows nothing of it any more. */
async function offset(work) {
  try {
    const reply = await api(work.address, { method: 'HEAD', headers: TUS, as: 'response', signal: work.stop.signal });
    return Number(reply.headers.get('upload-offset'));
  } catch (error) {
    if (/** @type {any} */ (error).status === 404) return -1;
    throw error;
  }
}

async function create({ file, how, stop }) {
  const said = { filename: file.name, filetype: file.type, area: how.area ?? 'private', expires_after: how.expires ?? '' };
  const metadata = Object.entries(said).filter(([, value]) => value).map(([name, value]) => `${name} ${base64(value)}`).join(',');
  const reply = await api('/files/tus', { method: 'POST', as: 'response', signal: stop.signal, headers: { ...TUS, 'upload-length': String(file.size), 'upload-metadata': metadata } });
  const where = reply.headers.get('location');
  if (!where) throw new ApiError('The server did not say where to send the file.');
  return new URL(where, location.href).pathname;
}

/** Remembers where an upload goes, so that another visit can go on; null: it is done. */
function note(file, address) {
  const { [print(file)]: _, ...rest } = kept().peek();
  kept().value = address ? { ...rest, [print(file)]: { name: file.name, size: file.size, address, at: Date.now() / 1000 } } : rest;
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
