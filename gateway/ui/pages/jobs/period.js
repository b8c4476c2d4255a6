// @ts-check
// The time a page looks at: the last hours or days, a month, or from one day to another. Kept in the address.
//
//   const period = usePeriod('24h');   period.from, period.to   Unix seconds or null;   period.query   for a report or a list
//   html`<${Period} of=${period} />`
//
// What a newcomer would get wrong: “the last 24 hours” begins at a full minute, so that a page that redraws does not ask anew.
import { html, useEffect, useState } from '../../lib.js';
import { Button } from '../../kit/parts.js';
import { asLocal, fromLocal, iso } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';

const HOUR = 3600, DAY = 86400;
/** @type {[string, string, number][]} id, what it is called, seconds */
const SPANS = [['1h', 'Last hour', HOUR], ['24h', 'Last 24 hours', DAY], ['7d', 'Last 7 days', 7 * DAY], ['30d', 'Last 30 days', 30 * DAY], ['90d', 'Last 90 days', 90 * DAY], ['all', 'All time', 0]];

/** @param {string} usual @returns {any} */
export function usePeriod(usual = '24h') {
  const [query, setQuery] = useQuery();
  const [minute, setMinute] = useState(() => Math.floor(Date.now() / 60000) * 60);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setMinute(Math.floor(Date.now() / 60000) * 60), 60000);
    return () => clearInterval(timer);
  }, []);
  const id = query.from || query.to ? 'own' : query.period || usual;
  return { id, ...spanOf(id, query, minute), set: (next) => setQuery({ period: next === usual ? '' : next, from: '', to: '' }),
    between: (from, to) => setQuery({ period: '', from: iso(from), to: iso(to) }) };
}

function spanOf(id, query, minute) {
  const made = (from, to, title) => ({ from, to, title, by: stepOf(from, to), query: { from: iso(from), to: iso(to) } });
  if (id === 'own') return made(moment(query.from), moment(query.to), 'Chosen time');
  if (/^\d{4}-\d\d$/.test(id)) {
    const [year, month] = id.split('-').map(Number);
    return made(Date.UTC(year, month - 1, 1) / 1000, Date.UTC(year, month, 1) / 1000, monthName(id));
  }
  const span = SPANS.find(([one]) => one === id) ?? SPANS[1];
  return made(span[2] ? minute - span[2] : null, null, span[1]);
}

/** How fine a chart of that time is. */
function stepOf(from, to) {
  const span = from ? (to ?? Date.now() / 1000) - from : Infinity;
  return span <= 8 * DAY ? 'hour' : span <= 400 * DAY ? 'day' : 'month';
}

const moment = (text) => (text ? (Number(text) || Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text) / 1000) || null : null);
export const monthName = (id) => new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(Date.parse(`${id}-15T00:00:00Z`));

/** The last months, the newest first: `2026-11`. */
export function lastMonths(many = 12) {
  const now = new Date();
  return Array.from({ length: many }, (_, i) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - i, 1)).toISOString().slice(0, 7));
}

/** @param {{of: any, own?: boolean, only?: string[]}} props `own`: from and to can be chosen; `only`: of the spans */
export function Period({ of, own = true, only }) {
  const [open, setOpen] = useState(of.id === 'own');
  useEffect(() => of.id === 'own' && setOpen(true), [of.id]);
  const choose = (value) => (value === 'own' ? setOpen(true) : (setOpen(false), of.set(value)));
  const shown = open ? 'own' : of.id;
  return html`<div class="row wrap" role="group" aria-label="Time">
    <select class="input period" aria-label="Period" value=${shown} onChange=${(e) => choose(e.target.value)}>
      ${SPANS.filter(([id]) => !only || only.includes(id)).map(([id, title]) => html`<option value=${id} selected=${id === shown}>${title}</option>`)}
      <optgroup label="Month">${lastMonths().map((id) => html`<option value=${id} selected=${id === shown}>${monthName(id)}</option>`)}</optgroup>
      ${own && html`<option value="own" selected=${shown === 'own'}>From … to …</option>`}</select>
    ${open && html`<${Own} of=${of} />`}</div>`;
}

function Own({ of }) {
  return html`<input class="input moment" type="datetime-local" aria-label="From" value=${asLocal(of.from)} onChange=${(e) => of.between(fromLocal(e.target.value), of.to)} />
    <span class="faint">to</span><input class="input moment" type="datetime-local" aria-label="To" value=${asLocal(of.to)} onChange=${(e) => of.between(of.from, fromLocal(e.target.value))} />
    ${of.id === 'own' && html`<${Button} ghost small icon="close" label="Forget the chosen time" onClick=${() => of.between(null, null)} />`}`;
}

/** What stands under the columns of these. */
export const ticksOf = (times) => (times[0]?.tick === undefined ? undefined : times.map((one) => one.tick));

/** Every hour, day or month from the first to the last, as a report names them. @returns {{id: string|number, name: string, tick?: string, from: number, to: number}[]} */
export function slots(by, from, to) {
  const found = [], last = (to ?? Date.now() / 1000) - 1;
  if (by === 'month') {
    for (let at = new Date(Date.UTC(new Date(from * 1000).getUTCFullYear(), new Date(from * 1000).getUTCMonth(), 1)); at.getTime() / 1000 <= last;) {
      const next = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
      found.push({ id: at.toISOString().slice(0, 7), name: at.toISOString().slice(0, 7), from: at.getTime() / 1000, to: next.getTime() / 1000 });
      at = next;
    }
    return found;
  }
  const step = by === 'hour' ? HOUR : DAY, long = by === 'hour' && last - from > 2 * DAY;
  for (let at = Math.floor(from / step) * step; at <= last && found.length < 1000; at += step) {
    const when = new Date(at * 1000);
    const name = by === 'hour' ? clock(when) : day(when);
    found.push({ id: by === 'hour' ? at : when.toISOString().slice(0, 10), name: long ? `${local(when)}, ${two(when.getHours())}:${two(when.getMinutes())}` : name, from: at, to: at + step,
      ...(long ? { tick: when.getHours() === 0 ? local(when) : '' } : {}) });
  }
  return found;
}

const two = (n) => String(n).padStart(2, '0');
const clock = (when) => (when.getHours() === 0 ? local(when) : `${two(when.getHours())}:${two(when.getMinutes())}`);
const local = (when) => `${when.getDate()} ${when.toLocaleString('en', { month: 'short' })}`;
const day = (when) => `${when.getUTCDate()} ${when.toLocaleString('en', { month: 'short', timeZone: 'UTC' })}`;
