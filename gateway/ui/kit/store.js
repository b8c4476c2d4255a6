// @ts-check
// What a person prefers, kept in this browser under the key that signed in: choices of columns, drafts, the theme.
//
//   const width = pref('chat.sidebar', 280);     // a signal; the same one wherever it is asked for
//   width.value = 320;                           // kept at once
//   const theme = shared('theme', 'system');     // the same for every key in this browser
//
// What a newcomer would get wrong: nothing secret and nothing large belongs here, and it may always be empty.
import { signal, effect } from '../lib.js';

/** @type {Map<string, any>} */
const known = new Map();
let owner = 'nobody';

/** Whose preferences these are from now on: a key's id. */
export function owned(id) {
  if (id === owner) return;
  owner = id;
  for (const [name, one] of known) if (!one.shared) one.signal.value = read(place(name), one.initial);
}

/** A kept preference of this person. */
export function pref(name, initial) {
  return kept(name, initial, false);
}

/** A kept preference of this browser, whoever signs in. */
export function shared(name, initial) {
  return kept(name, initial, true);
}

function kept(name, initial, all) {
  if (!known.has(name)) {
    const one = { initial, shared: all, signal: signal(read(all ? `ai:${name}` : place(name), initial)) };
    known.set(name, one);
    let first = true;
    effect(() => {
      const value = one.signal.value;
      if (!first) write(all ? `ai:${name}` : place(name), value);
      first = false;
    });
  }
  return known.get(name).signal;
}

function place(name) {
  return `ai:${owner}:${name}`;
}

function read(key, initial) {
  try {
    const text = localStorage.getItem(key);
    if (text === null) return initial;
    return typeof initial === 'string' ? text : JSON.parse(text);
  } catch {
    return initial;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, typeof value === 'string' ? value : JSON.stringify(value));
  } catch { /* full or switched off: it lasts for this visit */ }
}

export const theme = shared('theme', 'system');
effect(() => {
  const chosen = theme.value;
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
});

/** Call `then` whenever the colours change; returns how to stop. */
export function onTheme(then) {
  const media = matchMedia('(prefers-color-scheme: dark)');
  media.addEventListener('change', then);
  let first = true;
  const stop = effect(() => {
    theme.value;
    if (!first) then();
    first = false;
  });
  return () => (media.removeEventListener('change', then), stop());
}
