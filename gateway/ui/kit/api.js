// @ts-check
// Everything the UI says to the server. The session's cookie goes along by itself; errors come as `ApiError`, in words.
//
//   const jobs = await get('/admin/jobs', { state: 'failed', limit: 50 });
//   const key = await post('/admin/keys', { name: 'app' });
//   const { data, error, loading, reload } = useApi('/admin/live', { every: 5000 });
//   for await (const event of stream('/v1/chat/completions', { model, messages, stream: true }, { signal })) …
//   const stop = follow('/admin/live/events', { onEvent: (event) => … });     // reconnects by itself
//   await upload('/v1/files', form, { onProgress: (part) => … });
//
// What a newcomer would get wrong: a 401 ends the session for the whole UI (the sign-in page comes by itself), and a server
// that can't be reached shows the banner by itself; a page only shows its own failures.
import { signal, effect, useEffect, useRef, useState } from '../lib.js';

export { csv, save } from './files-out.js';
export { follow, stream } from './events.js';

/** The server can't be reached. */
export const offline = signal(false);
/** Counts how often the server came back: a page that follows it loads again. */
export const recovered = signal(0);
/** Set by the session: what to do when the server says 401. */
export const expired = signal(0);

/** A failure, in words a person can act on. */
export class ApiError extends Error {
  /** @param {string} message @param {{status?: number, code?: string, param?: string, fields?: Record<string, string>, request?: string, body?: any}} [more] */
  constructor(message, more = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = more.status ?? 0;
    this.code = more.code ?? '';
    /** The field of the request that is wrong. */
    this.param = more.param ?? '';
    /** Messages by field. */
    this.fields = more.fields ?? {};
    /** The request's id, for the log. */
    this.request = more.request ?? '';
    this.body = more.body;
  }
}

/**
 * @typedef {{method?: string, query?: Record<string, any>, body?: any, headers?: Record<string, string>,
 *   signal?: AbortSignal, as?: 'json'|'text'|'blob'|'response', silent?: boolean, onReply?: (reply: Response) => void}} Asked
 */

/**
 * One request. `body`: an object goes as JSON, FormData, Blob and string as they are. Raises `ApiError`, or `AbortError`.
 * @param {string} path @param {Asked} [asked]
 * @returns {Promise<any>}
 */
export async function api(path, asked = {}) {
  const reply = await send(path, asked);
  if (asked.as === 'response') return reply;
  if (asked.as === 'blob') return reply.blob();
  if (asked.as === 'text') return reply.text();
  const text = await reply.text();
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const get = (path, query, more = {}) => api(path, { ...more, query });
export const post = (path, body, more = {}) => api(path, { ...more, method: 'POST', body: body ?? {} });
export const put = (path, body, more = {}) => api(path, { ...more, method: 'PUT', body });
export const patch = (path, body, more = {}) => api(path, { ...more, method: 'PATCH', body });
export const del = (path, body, more = {}) => api(path, { ...more, method: 'DELETE', body });

/** The address with its query; empty values are left out, lists are repeated. */
export function address(path, query = {}) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') said.append(name, String(one));
    }
  }
  const text = said.toString();
  return text ? path + (path.includes('?') ? '&' : '?') + text : path;
}

/** The response itself, once it is a good one. @param {string} path @param {Asked} asked @returns {Promise<Response>} */
export async function send(path, asked) {
  const { method = 'GET', query, body, headers = {}, signal: stop } = asked;
  const raw = body === undefined || typeof body === 'string' || body instanceof FormData || body instanceof Blob;
  let reply;
  try {
    reply = await fetch(address(path, query), {
      method,
      signal: stop,
      headers: { accept: 'application/json', ...(raw ? {} : { 'content-type': 'application/json' }), ...headers },
      body: raw ? body : JSON.stringify(body),
      credentials: 'same-origin',
    });
  } catch (error) {
    if (/** @type {any} */ (error).name === 'AbortError') throw error;
    away();
    throw new ApiError('The server can’t be reached. This page tries again by itself.', { code: 'offline' });
  }
  if (reply.ok) return reply;
  const failed = await failure(reply);
  if (reply.status === 401 && !asked.silent) expired.value++;
  throw failed;
}

/** What the server said went wrong, in whichever of its dialects. @param {Response} reply */
async function failure(reply) {
  const text = await reply.text().catch(() => '');
  let body;
  try {
    body = JSON.parse(text);
  } catch { /* a proxy's page */ }
  return told(reply.status, body, reply.headers.get('x-request-id') ?? '');
}

function told(status, body, request) {
  const error = body?.error ?? body?.responseStatus ?? {};
  const fields = /** @type {Record<string, string>} */ ({});
  for (const one of error.errors ?? []) if (one.fieldName) fields[one.fieldName] = one.message;
  if (error.param) fields[error.param] = error.message;
  const message = (typeof error === 'string' ? error : error.message) || plain(status);
  return new ApiError(message, { status, code: error.code ?? error.errorCode ?? '', param: error.param ?? '', fields, request, body });
}

function plain(status) {
  if (status === 401) return 'Sign in to go on.';
  if (status === 403) return 'Your key may not do this.';
  if (status === 404) return 'There is no such thing here (any more).';
  if (status === 413) return 'That is too large for this server.';
  if (status === 429) return 'Too many requests just now. Wait a moment and try again.';
  if (status >= 500) return `The server failed (${status}). Its log says why.`;
  return `The server answered ${status}.`;
}

let waiting = false;

/** Nobody answers: say so, and ask until somebody does. */
function away() {
  offline.value = true;
  if (waiting) return;
  waiting = true;
  let pause = 500;
  const again = async () => {
    try {
      const reply = await fetch('/up', { cache: 'no-store' });
      if (reply.ok) {
        waiting = false;
        offline.value = false;
        recovered.value++;
        return;
      }
    } catch { /* still away */ }
    pause = Math.min(pause * 1.6, 5000);
    setTimeout(again, pause);
  };
  setTimeout(again, pause);
}

addEventListener('offline', away);

/**
 * Send a form with files and tell how far it is (0 to 1). Raises `ApiError`.
 * @param {string} path @param {FormData|Blob} body
 * @param {{method?: string, headers?: Record<string, string>, onProgress?: (part: number) => void, signal?: AbortSignal}} [how]
 * @returns {Promise<any>}
 */
export function upload(path, body, how = {}) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open(how.method ?? 'POST', path);
    request.setRequestHeader('accept', 'application/json');
    for (const [name, value] of Object.entries(how.headers ?? {})) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && how.onProgress?.(event.loaded / event.total);
    request.onerror = () => (away(), fail(new ApiError('The connection broke during the upload.', { code: 'offline' })));
    request.onabort = () => fail(new DOMException('stopped', 'AbortError'));
    request.onload = () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* no JSON */ }
      if (request.status < 300) return done(answer);
      if (request.status === 401) expired.value++;
      fail(told(request.status, answer, request.getResponseHeader('x-request-id') ?? ''));
    };
    how.signal?.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}

/**
 * A component's data: loads, loads again when `path` or `query` change, every so often if told, and when the server is back.
 * `path` may be a function `(signal) => Promise`, then `deps` say when it is asked again; null asks nothing.
 * @param {string|null|((signal: AbortSignal) => Promise<any>)} path
 * @param {{query?: Record<string, any>, deps?: any[], every?: number}} [how]
 * @returns {{data: any, error: any, loading: boolean, reload: () => void, set: (data: any) => void}}
 */
export function useApi(path, how = {}) {
  const [state, set] = useState(/** @type {any} */ ({ data: undefined, error: null, loading: path !== null }));
  const [turn, setTurn] = useState(0);
  const asked = typeof path === 'string' ? address(path, how.query) : path === null ? null : 'function';
  const latest = useRef(path), going = useRef(false);
  latest.current = path;
  useEffect(() => {
    if (asked === null) return;
    const stop = new AbortController();
    set((old) => ({ ...old, loading: true }));
    going.current = true;
    const ask = latest.current;
    const work = typeof ask === 'function' ? ask(stop.signal) : api(String(asked), { signal: stop.signal });
    work.then(
      (data) => !stop.signal.aborted && ((going.current = false), set({ data, error: null, loading: false })),
      (error) => !stop.signal.aborted && ((going.current = false), set((old) => ({ ...old, error, loading: false }))),
    );
    return () => stop.abort();
  }, [asked, turn, ...(how.deps ?? [])]);
  useEffect(() => {
    if (!how.every) return;
    const timer = setInterval(() => !document.hidden && !offline.peek() && !going.current && setTurn((n) => n + 1), how.every); // who asks anew before the answer is there never gets one
    return () => clearInterval(timer);
  }, [how.every]);
  useEffect(() => {
    let first = true;
    return effect(() => {
      recovered.value;
      if (!first) setTurn((n) => n + 1);
      first = false;
    });
  }, []);
  return { ...state, reload: () => setTurn((n) => n + 1), set: (data) => set((old) => ({ ...old, data })) };
}
