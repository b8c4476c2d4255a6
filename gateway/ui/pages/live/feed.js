// @ts-check
// The live feed as a page holds it: a snapshot, then changes that are merged by the rules of docs/reference/live.md.
//
//   const live = useLive();      live.data?.queues (arrays, in order), live.data.totals, live.open, live.error, live.now()
//
// What a newcomer would get wrong: times are the server's; `now()` is the server's clock too, so that a wrong clock here does no harm.
import { useEffect, useRef, useState } from '../../lib.js';
import { ApiError, follow, get } from '../../kit/api.js';

const TABLES = { queues: 'name', providers: 'name', keys: 'id', processes: 'process', jobs: 'job', queued: 'job', failed: 'id', minutes: 'minute' };
const PATIENCE = 3000;

/** What is held, from a snapshot. */
export function held(state) {
  return { ...state, ...Object.fromEntries(Object.entries(TABLES).map(([table, id]) => [table, new Map(state[table].map((row) => [row[id], row]))])) };
}

/** Merge a change into what is held. */
export function merge(live, change) {
  for (const [table, names] of Object.entries(change.gone ?? {})) for (const name of names) live[table].delete(name);
  for (const [table, id] of Object.entries(TABLES)) {
    for (const row of change[table] ?? []) live[table].set(row[id], { ...live[table].get(row[id]), ...row });
  }
  live.totals = { ...live.totals, ...change.totals };
  live.at = change.at;
}

const by = (name) => (a, b) => (a[name] < b[name] ? -1 : a[name] > b[name] ? 1 : 0);

/** As a page shows it: lists in their order. What runs is in the order of its beginning, so that rows do not jump. */
function shown(live) {
  const list = (table) => [...live[table].values()];
  return { ...live, queues: list('queues').sort(by('name')), providers: list('providers').sort(by('name')), processes: list('processes').sort(by('process')),
    keys: list('keys').sort((a, b) => b.running - a.running || b.requests_hour - a.requests_hour), jobs: list('jobs').sort((a, b) => (a.started ?? a.created) - (b.started ?? b.created) || a.job - b.job),
    queued: list('queued').sort((a, b) => b.job - a.job), failed: list('failed').sort((a, b) => b.at - a.at), minutes: list('minutes').sort(by('minute')) };
}

/** @returns {{data: any, open: boolean, error: any, now: () => number, retry: () => void}} */
export function useLive() {
  const [state, set] = useState(/** @type {any} */ ({ data: null, open: false, error: null }));
  const [turn, setTurn] = useState(0);
  const live = useRef(/** @type {any} */ (null)), ahead = useRef(0);
  useEffect(() => {
    const put = (more) => set((old) => ({ ...old, ...more }));
    const draw = () => (ahead.current = live.current.at - Date.now() / 1000, put({ data: shown(live.current), error: null }));
    const stop = follow('/admin/live/events', {
      onState: (word) => put({ open: word === 'open' }),
      onEvent: ({ event, data }) => {
        if (event === 'state') live.current = held(data);
        else if (event === 'change' && live.current) merge(live.current, data);
        else if (event === 'error') return put({ error: new ApiError(data.error?.message ?? 'The server closed the feed.', data.error) });
        else return;
        draw();
      },
    });
    // Whoever may not look, or one too many, gets no feed; the snapshot says why in words.
    const timer = setTimeout(() => !live.current && get('/admin/live').then((data) => live.current || ((live.current = held(data)), draw()), (error) => put({ error })), PATIENCE);
    return () => (stop(), clearTimeout(timer));
  }, [turn]);
  return { ...state, now: () => Date.now() / 1000 + ahead.current, retry: () => setTurn((n) => n + 1) };
}

/** Redraws every second. */
export function useTick(every = 1000) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && turn((n) => n + 1), every);
    return () => clearInterval(timer);
  }, []);
}
