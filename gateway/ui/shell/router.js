// @ts-check
// Where the person is. Links are ordinary `<a href="/ui/…">`; a page is loaded when it is first wanted.
//
//   go('/ui/jobs/123');  go('/ui/jobs', { state: 'failed' });
//   const [query, setQuery] = useQuery();   setQuery({ state: 'failed', q: '' });     // the address's query; empty takes away
//
// What a newcomer would get wrong: `setQuery` replaces the history entry, `go` makes one.
import { computed, signal } from '../lib.js';
import { pages } from '../pages.js';

export const BASE = '/ui';
/** @type {any} */
export const here = signal(read());
/** The page and its params, for the address of now; null: there is none. */
export const route = computed(() => match(here.value.path));
const scrolls = new Map();

function read() {
  const path = location.pathname.replace(/^\/ui/, '').replace(/(.)\/$/, '$1') || '/';
  return { path, search: location.search, key: history.state?.key ?? 'first' };
}

/** @returns {{page: any, params: Record<string, string>}|null} */
export function match(path) {
  for (const page of pages) {
    for (const pattern of [page.path].flat()) {
      const params = fits(pattern, path);
      if (params) return { page, params };
    }
  }
  return null;
}

function fits(pattern, path) {
  const want = pattern.split('/'), is = path.split('/').map(plain), params = /** @type {Record<string, string>} */ ({});
  if (want.length !== is.length) return null;
  for (let i = 0; i < want.length; i++) {
    if (want[i][0] === ':' && is[i]) params[want[i].slice(1)] = is[i];
    else if (want[i] !== is[i]) return null;
  }
  return params;
}

/** A piece of the path as it was meant; one with a broken escape (`50%`) as it stands. */
function plain(piece) {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}

const main = () => document.getElementById('main');

/** @param {string} to @param {Record<string, any>} [query] @param {{replace?: boolean}} [how] */
export function go(to, query, how = {}) {
  const said = query ? new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '').map(([k, v]) => [k, String(v)])).toString() : '';
  const address = said ? `${to}?${said}` : to;
  scrolls.set(here.peek().key, main()?.scrollTop ?? 0);
  const key = how.replace ? here.peek().key : Math.random().toString(36).slice(2);
  history[how.replace ? 'replaceState' : 'pushState']({ key }, '', address);
  const before = here.peek().path;
  here.value = read();
  if (here.value.path !== before) arrived(0);
}

/** @returns {[Record<string, string>, (more: Record<string, any>) => void]} */
export function useQuery() {
  const { path, search } = here.value, query = Object.fromEntries(new URLSearchParams(search));
  return [query, (more) => {
    if (here.peek().path !== path) return; // what came too late: the address is another page's by now
    const next = { ...Object.fromEntries(new URLSearchParams(here.peek().search)), ...more };
    go(location.pathname, next, { replace: true });
  }];
}

/** The tab's title. */
export function titled(title) {
  document.title = title ? `${title} · AI Server` : 'AI Server';
}

/** The page changed: to its top (or where one was, once it is tall enough again), the focus to its content so that readers begin there. */
function arrived(y) {
  const until = performance.now() + 5000, key = here.peek().key;
  let tall = 0, last = 0; // the page grows while it loads, and the browser holds what is in sight, not the place
  let theirs = false; // whoever scrolls meanwhile is not pulled back
  const heard = new AbortController();
  for (const name of ['wheel', 'touchmove', 'keydown']) addEventListener(name, () => (theirs = true), { passive: true, signal: heard.signal });
  const settle = () => {
    const place = main();
    if (!place || theirs || here.peek().key !== key) return heard.abort();
    if (place.scrollHeight !== tall) (tall = place.scrollHeight), (last = performance.now());
    if (Math.abs(place.scrollTop - y) > 1) place.scrollTop = y;
    const now = performance.now();
    if (y && now < until && (now < last + 1000 || Math.abs(place.scrollTop - y) > 2)) requestAnimationFrame(settle);
    else heard.abort();
  };
  requestAnimationFrame(() => requestAnimationFrame(() => {
    settle();
    const place = main();
    if (place && !document.querySelector('dialog[open]') && !place.contains(document.activeElement)) place.focus({ preventScroll: true });
  }));
}

export function start() {
  history.scrollRestoration = 'manual';
  addEventListener('popstate', () => {
    scrolls.set(here.peek().key, main()?.scrollTop ?? 0);
    here.value = read();
    arrived(scrolls.get(here.value.key) ?? 0);
  });
  document.addEventListener('click', (event) => {
    const link = /** @type {any} */ (event.target).closest?.('a[href]');
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute('download')) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || !(url.pathname === BASE || url.pathname.startsWith(`${BASE}/`)) || url.hash) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}
