// @ts-check
// The one place pages import the language of the UI from: Preact, its hooks, signals and `html`.
//
//   import { html, useState, signal } from '../lib.js';
//   export default function Hello() {
//     const [n, setN] = useState(0);
//     return html`<button onClick=${() => setN(n + 1)}>Clicked ${n} times</button>`;
//   }
//
// What a newcomer would get wrong: a component is closed with `<//>`, every tag must be closed (`<br />`), and `style` takes
// an object with units (`{ width: '40%' }`): a string would be refused by the page's content policy.
import htm from './vendor/htm.js';
import { h } from './vendor/preact.js';
import { useState } from './vendor/hooks.js';
import * as signals from './vendor/signals.js';

export const html = htm.bind(h);
export { render, Component } from './vendor/preact.js';
export { useState, useEffect, useLayoutEffect, useMemo, useRef } from './vendor/hooks.js';

/** @template T @typedef {{value: T, peek: () => T, subscribe: (heard: (value: T) => void) => () => void}} Signal */
export const signal = /** @type {<T>(value: T) => Signal<T>} */ (/** @type {any} */ (signals.signal));
export const computed = /** @type {<T>(made: () => T) => Readonly<Signal<T>>} */ (/** @type {any} */ (signals.computed));
export const effect = /** @type {(run: () => any) => () => void} */ (/** @type {any} */ (signals.effect));

let ids = 0;

/** An id for a field and its label. Preact's own counts from nought in each tree, and a dialog is a tree of its own. */
export const useId = () => useState(() => `id-${++ids}`)[0];

const sheets = new Map();

/**
 * Load a page's own stylesheet once: `await sheet(new URL('./chat.css', import.meta.url))` at the top of the module.
 * @param {URL|string} url
 * @returns {Promise<void>}
 */
export function sheet(url) {
  const href = String(url);
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((done) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = href;
      link.onload = link.onerror = () => done(undefined);
      document.head.append(link);
    }));
  }
  return sheets.get(href);
}

/** Class names from strings, and from the keys of objects whose value is true. */
export function cx(...parts) {
  return parts
    .flatMap((one) => (!one ? [] : typeof one === 'string' ? [one] : Object.keys(one).filter((key) => one[key])))
    .join(' ');
}
