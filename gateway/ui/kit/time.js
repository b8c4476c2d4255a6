// @ts-check
// Numbers as people read them: times, durations, sizes, money, tokens.
//
//   ago(job.created)  → "3 min ago"      seconds(1.234) → "1.23 s"      bytes(1536) → "1.5 kB"
//   ms(1234)          → "1.23 s"         iso(at)        → "2026-11-23T09:00:00Z"
//   money(0.0031)     → "$0.0031"        count(12345)   → "12,345"      short(12345) → "12.3k"
//   html`<${When} at=${job.created} />`  → relative, exact on hover, kept current by itself
//
// Times are Unix seconds everywhere in the API.
import { html, useEffect, useState } from '../lib.js';

const number = new Intl.NumberFormat('en');
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

/** @param {number|null|undefined} n */
export const count = (n) => (n === null || n === undefined ? '–' : number.format(n));

/** @param {number|null|undefined} n */
export function short(n) {
  if (n === null || n === undefined) return '–';
  for (const [size, word] of /** @type {[number, string][]} */ ([[1e9, 'B'], [1e6, 'M'], [1e3, 'k']])) {
    if (Math.abs(n) >= size) return `${trim(n / size)}${word}`;
  }
  return Number.isInteger(n) ? String(n) : trim(n);
}

/** @param {number} n */
const trim = (n) => String(Number(n.toFixed(Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2)));

export const percent = (part) => (part === null || part === undefined ? '–' : `${trim(part * 100)} %`);

/** @param {number|null|undefined} n */
export function bytes(n) {
  if (n === null || n === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  while (n >= 1000 && at < 4) (n /= 1000), at++;
  return `${at ? trim(n) : n} ${units[at]}`;
}

/** Dollars; small ones keep two digits that say something. @param {number|null|undefined} n */
export function money(n) {
  if (n === null || n === undefined) return '–';
  if (n === 0) return '$0';
  if (Math.abs(n) >= 1) return `$${number.format(Number(n.toFixed(2)))}`.replace(/\.\d$/, '$&0');
  return `$${Number(n.toPrecision(2))}`.replace(/\$(\S*)e-(\d+)/, (_, a, b) => `$${Number(`${a}e-${b}`).toFixed(Number(b) + 1)}`);
}

/** A duration in seconds. @param {number|null|undefined} s */
export function seconds(s) {
  if (s === null || s === undefined) return '–';
  if (s === 0) return '0 s';
  if (s < 0.0009995) return `${Math.round(s * 1e6)} µs`;
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.95) return `${trim(s)} s`;
  if (s < 3599.5) return split(s, 60, 1, ['min', 's']);
  return s < 86370 ? split(s, 3600, 60, ['h', 'min']) : split(s, 86400, 3600, ['d', 'h']);
}

/** Rounded before it is split, so that it never says `1 min 60 s`. */
function split(s, big, small, [many, few]) {
  const n = Math.round(s / small), per = big / small;
  return `${Math.floor(n / per)} ${many} ${n % per} ${few}`;
}

/** A duration in milliseconds. @param {number|null|undefined} n */
export const ms = (n) => seconds(n === null || n === undefined ? n : n / 1000);

/** @param {number|null|undefined} at Unix seconds */
export const exact = (at) => (at ? whole.format(at * 1000) : '–');
/** As programs read it, in UTC. @param {number|null|undefined} at Unix seconds */
export const iso = (at) => (at ? new Date(at * 1000).toISOString().replace('.000Z', 'Z') : '');
/** As `<input type="datetime-local">` wants it, in this clock's zone; '' for none. @param {number|null|undefined} at */
export const asLocal = (at) => (at ? new Date(at * 1000 - new Date(at * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 16) : '');
/** Unix seconds of such a field; null for an empty one. @param {string} text */
export const fromLocal = (text) => (text ? new Date(text).getTime() / 1000 : null);
/** Hours, minutes and seconds. @param {number} at */
export const hour = (at) => clock.format(at * 1000);

/** @param {number|null|undefined} at Unix seconds @param {number} [now] */
export function ago(at, now = Date.now() / 1000) {
  if (!at) return 'never';
  const gone = now - at, away = Math.abs(gone);
  const words = (text) => (gone >= 0 ? `${text} ago` : `in ${text}`);
  if (away < 5) return 'just now';
  if (away < 60) return words(`${Math.round(away)} s`);
  if (away < 3600) return words(`${Math.round(away / 60)} min`);
  if (away < 86400) return words(`${Math.round(away / 3600)} h`);
  if (away < 86400 * 30) return words(`${Math.round(away / 86400)} d`);
  return whole.format(at * 1000).split(',').slice(0, -1).join(',') || whole.format(at * 1000);
}

/** Where in a list by days a time belongs: Today, Yesterday, Previous 7 days, a month. @param {number} at */
export function group(at) {
  const then = new Date(at * 1000), today = new Date();
  today.setHours(0, 0, 0, 0);
  const days = Math.ceil((today.getTime() - then.getTime()) / 86400000);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days <= 7) return 'Previous 7 days';
  if (days <= 30) return 'Previous 30 days';
  return new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' }).format(then);
}

/** A time that stays true while one looks at it. */
export function When({ at }) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), Date.now() / 1000 - at < 90 ? 5000 : 30000);
    return () => clearInterval(timer);
  }, [at]);
  if (!at) return html`<span class="faint">never</span>`;
  return html`<time class="nowrap" datetime=${new Date(at * 1000).toISOString()} data-tip=${exact(at)}>${ago(at)}</time>`;
}
