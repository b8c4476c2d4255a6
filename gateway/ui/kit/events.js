// @ts-check
// Server-sent events: of one answer (`stream`), or followed for as long as a page is there (`follow`). Import them from `kit/api.js`.
import { send } from './api.js';

/**
 * A response that comes in pieces (server-sent events), as an async generator of `{event, data, id}`; `data` is parsed when
 * it is JSON. Ends at `[DONE]` or with the connection. Raises `ApiError`. `onReply` sees the headers before the first event.
 * @param {string} path @param {any} body @param {import('./api.js').Asked} [more]
 */
export async function* stream(path, body, more = {}) {
  const asked = body === undefined ? more : { method: 'POST', ...more, body };
  const reply = await send(path, { ...asked, headers: { accept: 'text/event-stream', ...more.headers } });
  asked.onReply?.(reply);
  yield* events(reply);
}

/** @param {Response} reply */
async function* events(reply) {
  const reader = /** @type {ReadableStream} */ (reply.body).pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const one = event(block);
        if (!one) continue;
        if (one.data === '[DONE]') return;
        yield one;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function event(block) {
  const one = { event: 'message', data: /** @type {any} */ (''), id: '' };
  const lines = [];
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(':');
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
    if (name === 'data') lines.push(value);
    else if (name === 'event') one.event = value;
    else if (name === 'id') one.id = value;
  }
  if (!lines.length) return null;
  one.data = lines.join('\n');
  if (/^[[{"\d]|^(true|false|null)$/.test(one.data)) {
    try {
      one.data = JSON.parse(one.data);
    } catch { /* text that looks like JSON */ }
  }
  return one;
}

/**
 * Follow a server's events for as long as the page wants: reconnects with growing pauses and `Last-Event-ID`, and rests while
 * the tab is hidden. Returns how to stop.
 * @param {string} path
 * @param {{onEvent: (event: {event: string, data: any, id: string}) => void, onState?: (state: 'open'|'waiting') => void, query?: Record<string, any>}} how
 */
export function follow(path, how) {
  let stopped = false, last = '', pause = 500;
  /** @type {AbortController|null} */
  let going = null;
  const run = async () => {
    if (stopped || document.hidden || going) return;
    const mine = going = new AbortController();
    try {
      const headers = { accept: 'text/event-stream', ...(last ? { 'last-event-id': last } : {}) };
      const reply = await send(path, { query: how.query, headers, signal: mine.signal });
      how.onState?.('open');
      pause = 500;
      for await (const one of events(reply)) {
        if (one.id) last = one.id;
        if (!stopped) how.onEvent(one);
      }
    } catch (error) {
      const status = /** @type {any} */ (error).status;
      if (status >= 400 && status < 500 && status !== 429) stopped = true;
    }
    if (going === mine) going = null;
    if (stopped) return;
    how.onState?.('waiting');
    pause = Math.min(pause * 1.7, 10000);
    setTimeout(run, document.hidden ? 0 : pause);
  };
  const seen = () => (document.hidden ? going?.abort() : run());
  document.addEventListener('visibilitychange', seen);
  run();
  return () => {
    stopped = true;
    document.removeEventListener('visibilitychange', seen);
    going?.abort();
  };
}
