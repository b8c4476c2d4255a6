// @ts-check
// Keyboard shortcuts, one list for the whole UI; `?` shows it.
//
//   useKeys({ 'n': ['New key', create], 'mod+enter': ['Send', send] }, 'Keys');   // as long as the component is there
//
// `mod` is Ctrl, or Cmd on a Mac. Two keys in a row are written with a space: 'g j'. Letters are not heard while one types;
// combinations with `mod` are. What a newcomer would get wrong: a page must not take `/`, `?`, `g …` and Escape.
import { signal, useEffect, useRef } from '../lib.js';

/** @type {Map<string, {keys: string, title: string, group: string, run: (event: KeyboardEvent) => void}[]>} */
const known = new Map();
export const all = signal(/** @type {{keys: string, title: string, group: string}[]} */ ([]));
const mac = /mac|iphone|ipad/i.test(navigator.platform);
let first = '', timer = 0;

/** Register; returns how to take it back. The latest wins. */
export function bind(keys, title, run, group = 'Everywhere') {
  const one = { keys, title, run, group };
  known.set(keys, [...(known.get(keys) ?? []), one]);
  told();
  return () => {
    known.set(keys, (known.get(keys) ?? []).filter((each) => each !== one));
    told();
  };
}

/** @param {Record<string, [string, (event: KeyboardEvent) => void]>} map @param {string} [group] */
export function useKeys(map, group = 'This page') {
  const now = useRef(map);
  now.current = map;
  useEffect(() => {
    const stops = Object.entries(map).map(([keys, [title]]) => bind(keys, title, (event) => now.current[keys]?.[1](event), group));
    return () => stops.forEach((stop) => stop());
  }, [Object.keys(map).join('|'), group]);
}

function told() {
  all.value = [...known.values()].flatMap((list) => (list.length ? [list[list.length - 1]] : []));
}

/** As a person reads it. */
export function shown(keys) {
  const names = { mod: mac ? '⌘' : 'Ctrl', enter: '↵', escape: 'Esc', arrowup: '↑', arrowdown: '↓', shift: '⇧' };
  return keys.split(' ').map((one) => one.split('+').map((part) => names[part] ?? part.toUpperCase()));
}

function typing(target) {
  return target.closest?.('input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]');
}

addEventListener('keydown', (event) => {
  if (!event.key || event.defaultPrevented || event.isComposing || event.altKey) return; // a browser that fills a form in sends one without a key
  const mod = mac ? event.metaKey : event.ctrlKey;
  const key = event.key.toLowerCase();
  const target = /** @type {any} */ (event.target);
  if (!mod && typing(target)) return;
  if ((event.ctrlKey || event.metaKey) && !mod) return;
  const pressed = (mod ? 'mod+' : '') + (event.shiftKey && key.length > 1 ? 'shift+' : '') + key;
  const inside = document.querySelector('dialog[open]');
  const find = (name) => {
    const list = known.get(name);
    return list?.[list.length - 1];
  };
  const found = (first && find(`${first} ${pressed}`)) || find(pressed);
  clearTimeout(timer);
  const began = !first && !mod && [...known.keys()].some((name) => name.startsWith(`${pressed} `) && known.get(name)?.length);
  first = '';
  if (key === 'escape' && document.querySelector('dialog[open], :popover-open:not(.toasts, .tip)')) return; // theirs
  if (found && !(inside && !mod && !inside.contains(target))) {
    event.preventDefault();
    found.run(event);
  } else if (began && !inside) {
    first = pressed;
    timer = setTimeout(() => (first = ''), 1000);
  }
});
