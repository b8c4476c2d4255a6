// @ts-check
// The answer of a statement: a grid of any number of rows, or a chart of it.
import { html, useMemo } from '../../lib.js';
import { Columns, Donut, Ranks, TimeChart } from '../../kit/chart.js';
import { Grid } from '../../kit/grid.js';
import { Empty } from '../../kit/parts.js';
import { pref } from '../../kit/store.js';
import { short } from '../../kit/time.js';

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*)$/;
const TIME = /^(TIMESTAMP.*|DATE)$/;
export const isNumber = (type) => NUMBER.test(type);
export const isTime = (type) => TIME.test(type);
const plain = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));

/** A cell, as text and nothing else. */
export function Cell({ value }) {
  if (value === null || value === undefined) return html`<span class="null">null</span>`;
  const text = plain(value);
  return html`<span class="cut">${text.length > 400 ? `${text.slice(0, 400)} …` : text}</span>`;
}

/** @param {{answer: import('./run.js').Answer, onOpen?: (row: any) => void}} props */
export function ResultGrid({ answer, onOpen }) {
  const rows = useMemo(() => answer.rows.map((cells, n) => Object.fromEntries([['n', n], ...cells.map((one, i) => [`c${i}`, one])])), [answer]);
  const columns = useMemo(() => answer.columns.map((one, i) => ({ key: `c${i}`, title: one.name, end: isNumber(one.type), width: widthOf(answer, i), render: (row) => html`<${Cell} value=${row[`c${i}`]} />` })), [answer]);
  return html`<${Grid} key=${answer.id} id=${`sql.${answer.columns.map((one) => one.name).join(',')}`} label="Result" fill rows=${rows} rowKey="n" columns=${columns} height=${32} onOpen=${onOpen} empty=${html`<${Empty} icon="database" title="No rows">The statement is right; nothing fits it.<//>`} />`;
}

function widthOf(answer, i) {
  const longest = answer.rows.slice(0, 50).reduce((most, row) => Math.max(most, row[i] === null ? 4 : plain(row[i]).length), answer.columns[i].name.length + 1);
  return Math.max(70, Math.min(340, longest * 7.4 + 24));
}

const KINDS = [['columns', 'Columns'], ['line', 'Line'], ['ranks', 'Ranks'], ['ring', 'Ring']];
const MOST = 12;

/** What to draw, unless one chooses. @param {import('./run.js').Answer} answer */
export function guess(answer) {
  const numbers = answer.columns.filter((one) => isNumber(one.type)).map((one) => one.name), others = answer.columns.filter((one) => !isNumber(one.type));
  const time = others.find((one) => isTime(one.type));
  const x = (time ?? others[0] ?? answer.columns[0])?.name ?? '';
  const series = others.find((one) => one.name !== x && !isTime(one.type))?.name ?? '';
  return { kind: time ? 'columns' : 'ranks', x, y: numbers.find((one) => one !== x) ?? '', series: time ? series : '' };
}

/** @param {{answer: import('./run.js').Answer}} props */
export function ResultChart({ answer }) {
  const names = answer.columns.map((one) => one.name), kept = pref('sql.chart', /** @type {Record<string, any>} */ ({})), id = names.join(',');
  const how = { ...guess(answer), ...(kept.value[id] ?? {}) };
  const set = (more) => (kept.value = Object.fromEntries([...Object.entries(kept.value).filter(([one]) => one !== id).slice(-20), [id, { ...how, ...more }]]));
  const numbers = answer.columns.filter((one) => isNumber(one.type)).map((one) => one.name);
  const pick = (label, name, options) => html`<label><span class="soft">${label}</span><select class="input" aria-label=${label} value=${how[name]} onChange=${(e) => set({ [name]: e.target.value })}>${options.map(([value, title]) => html`<option value=${value} selected=${value === how[name]}>${title}</option>`)}</select></label>`;
  const own = (list) => list.map((one) => [one, one]);
  return html`<div class="sql-chart"><div class="sql-bar">${pick('Kind', 'kind', KINDS)}${pick('Across', 'x', own(names))}${pick('Up', 'y', own(numbers))}${['columns', 'line'].includes(how.kind) && pick('Split by', 'series', [['', 'nothing'], ...own(names.filter((one) => one !== how.x && one !== how.y))])}</div>
    ${numbers.length ? html`<${Drawn} answer=${answer} how=${how} />` : html`<${Empty} icon="chart" title="No number to draw">Add one to the statement, as count(*).<//>`}</div>`;
}

function Drawn({ answer, how }) {
  const at = (name) => answer.columns.findIndex((one) => one.name === name), x = at(how.x), y = at(how.y), s = how.series ? at(how.series) : -1;
  if (x < 0 || y < 0) return html`<${Empty} icon="chart" title="Nothing to draw it over">A chart wants a number and something beside it: a day, a name.<//>`;
  const title = `${how.y} by ${how.x}`, value = (row) => Number(row[y]) || 0, name = (row) => (row[x] === null ? 'null' : isTime(answer.columns[x].type) ? plain(row[x]).replace('T', ' ').replace(/(:00)?(\.0+)?Z?$/, '').replace(/ 00:00$/, '') : plain(row[x]));
  if (how.kind === 'ranks' || how.kind === 'ring') {
    const sums = new Map();
    for (const row of answer.rows) sums.set(name(row), (sums.get(name(row)) ?? 0) + value(row));
    const all = [...sums].map(([one, n]) => ({ name: one, value: n }));
    if (how.kind === 'ranks') return html`<${Ranks} label=${title} rows=${all} format=${short} most=${20} />`;
    all.sort((a, b) => b.value - a.value);
    const rest = all.slice(7).reduce((sum, one) => sum + one.value, 0);
    return html`<${Donut} label=${title} format=${short} parts=${[...all.slice(0, 7), ...(rest ? [{ name: 'others', value: rest, color: 8 }] : [])]} />`;
  }
  const made = pivot(answer.rows, name, s < 0 ? () => how.y : (row) => (row[s] === null || row[s] === '' ? 'none' : plain(row[s])), value);
  if (how.kind === 'line' && isTime(answer.columns[x].type)) {
    const times = new Map(answer.rows.map((row) => [name(row), Date.parse(row[x]) / 1000])), order = made.names.map((one, i) => [times.get(one) ?? 0, i]).sort((a, b) => a[0] - b[0]);
    return html`<${TimeChart} label=${title} height=${280} format=${short} times=${order.map(([time]) => time)} series=${made.series.map((one) => ({ ...one, values: order.map(([, i]) => one.values[i]) }))} />`;
  }
  return html`<${Columns} label=${title} height=${280} format=${short} names=${made.names} series=${made.series} />`;
}

function pivot(rows, name, series, value) {
  const names = [...new Set(rows.map(name))].slice(0, 1000), at = new Map(names.map((one, i) => [one, i])), made = new Map();
  for (const row of rows) {
    const i = at.get(name(row)), which = series(row);
    if (i === undefined) continue;
    const key = made.has(which) || made.size < MOST ? which : 'others';
    if (!made.has(key)) made.set(key, names.map(() => 0));
    made.get(key)[i] += value(row);
  }
  return { names, series: [...made].map(([one, values]) => ({ name: one, values })) };
}
