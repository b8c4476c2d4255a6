// @ts-check
// What analytics and the log share: the names of what one may filter by, reports as objects, and links into the log.
//
// What a newcomer would get wrong: which report groups by which word (`usage` reads the rollup, `breakdown` the rows), and that
// an empty name ('' or null: no tag, no provider) can't be asked of the log, so it is no link.
import { get } from '../../kit/api.js';
import { asLocal, iso } from '../../kit/time.js';
import { go } from '../../shell/router.js';

/** @type {Record<string, string>} by word of the API */
export const NAMES = {
  op: 'Operation', model: 'Model', provider: 'Provider', key: 'Key', user: 'User', client: 'IP address', status: 'Status', tag: 'Tag', duration: 'Duration',
  outcome: 'Outcome', error: 'Error', style: 'Style', queue: 'Queue', browser: 'Browser', device: 'Device', bot: 'Bot', user_agent: 'User agent', ref: 'Reference',
};
export const TIMES = /** @type {Record<string, string>} */ ({ hour: 'Hour', day: 'Day', month: 'Month' });
/** Words that only the rows know: of the report `breakdown`. */
export const TRAITS = ['status', 'tag', 'duration', 'client', 'browser', 'device', 'bot', 'user_agent', 'error'];
/** What reports can be narrowed by. */
export const NARROWED = ['op', 'model', 'provider', 'key', 'user', 'tag'];
/** What the log can be narrowed by. */
export const LOGGED = Object.keys(NAMES);

/** The rows of a report as objects. @param {string} name @param {Record<string, any>} query @param {AbortSignal} [signal] */
export async function report(name, query, signal) {
  const answer = await get(`/admin/reports/${name}`, query, { signal });
  return { ...answer, rows: objects(answer) };
}

/** @param {{columns: any[], rows: any[][]}} answer */
export const objects = (answer) => answer.rows.map((row) => Object.fromEntries(answer.columns.map((one, i) => [one.name ?? one, row[i]])));

/** Requests, tokens and cost by a word, whichever report knows it. */
export const byWord = (word, query, signal) => report(TRAITS.includes(word) ? 'breakdown' : 'usage', { ...query, by: word }, signal);

/** What a row is called. @param {string} word @param {any} row */
export function nameOf(word, row) {
  const value = row[word];
  if (word === 'key') return row.key_name || value || 'none';
  if (word === 'hour') return asLocal(value).replace('T', ' ');
  return shownAs(word, value);
}

/** A filter's value for people. @param {string} word @param {any} value */
export function shownAs(word, value) {
  if (value === '' || value === null || value === undefined || (word === 'status' && value === '0')) return UNNAMED[word] ?? 'none';
  if (value === 'None') return { browser: 'other programs', device: 'other devices' }[word] ?? value;
  return word === 'duration' ? took(value) : String(value);
}

/** What has no name of a kind. @type {Record<string, string>} */
const UNNAMED = { browser: 'bots', device: 'unknown', bot: 'no bot', tag: 'no tag', error: 'no error', provider: 'no provider', user_agent: 'unknown', client: 'unknown', status: 'no answer' };

const took = (text) => {
  const [from, to] = String(text ?? '').split('-'), words = (ms) => (Number(ms) >= 1000 ? `${Number(ms) / 1000} s` : `${ms} ms`);
  return !text ? 'none' : !to ? `over ${words(from)}` : from === '0' ? `up to ${words(to)}` : `${words(from)} – ${words(to)}`;
};

/** The query of a time and its filters, for this page's neighbours. @param {any} period @param {Record<string, string>} filters */
export const scope = (period, filters) => ({ ...(period.id === 'own' ? period.query : { period: period.id }), ...filters });

/** The address of the log with these filters. @param {any} period @param {Record<string, any>} filters @param {Record<string, any>} [more] */
export function logLink(period, filters, more = {}) {
  const said = Object.entries({ ...scope(period, filters), ...more }).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return `/ui/logs?${new URLSearchParams(said.map(([name, value]) => [name, String(value)]))}`;
}

/** The log of one row of a grouping; empty: it can't be asked for. @param {string} word @param {any} row */
export function rowLink(word, row, period, filters, more = {}) {
  const value = row[word];
  if (value === '' || value === null || value === undefined || value === '0') return '';
  if (!(word in TIMES)) return logLink(period, filters, { ...more, [word]: value });
  const { from, to } = slotOf(word, value);
  return logLink({ id: 'own', query: { from: iso(from), to: iso(to) } }, filters, more);
}

/** @param {string} word @param {any} value as a report tells it @returns {{from: number, to: number}} */
export function slotOf(word, value) {
  if (word === 'hour') return { from: value, to: value + 3600 };
  const from = Date.parse(`${value}${word === 'month' ? '-01' : ''}T00:00:00Z`) / 1000;
  if (word === 'day') return { from, to: from + 86400 };
  const [year, month] = value.split('-').map(Number);
  return { from, to: Date.UTC(year, month, 1) / 1000 };
}

/** The time before, as long; null: there is none. A month is followed back by the month before it. @param {any} period */
export function before(period) {
  if (!period.from) return null;
  if (/^\d{4}-\d\d$/.test(period.id)) {
    const start = new Date(period.from * 1000);
    return { from: iso(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() - 1, 1) / 1000), to: iso(period.from) };
  }
  const until = period.to ?? Math.floor(Date.now() / 60000) * 60;
  return { from: iso(period.from - (until - period.from)), to: iso(period.from) };
}

/** How much more (or less) than before, as a text and whether there is one. @param {number|null|undefined} now @param {number|null|undefined} then */
export function change(now, then) {
  if (now === null || now === undefined || then === null || then === undefined || (!now && !then)) return '';
  if (!then) return 'new';
  const part = (now - then) / then;
  if (Math.abs(part) < 0.005) return '±0 %';
  return `${part > 0 ? '+' : '−'}${Math.abs(part) >= 9.995 ? `${Math.round(Math.abs(part) + 1)}×` : `${Math.round(Math.abs(part) * 100)} %`}`;
}

/** Go to an address that has its query in it. @param {string} href */
export function visit(href) {
  const [path, query] = href.split('?');
  go(path, Object.fromEntries(new URLSearchParams(query)));
}
