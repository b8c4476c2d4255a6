// @ts-check
// What these pages ask the archive for: reports and SQL as lists of objects, and the chart of outcomes over a period.
import { html } from '../../lib.js';
import { post, useApi } from '../../kit/api.js';
import { Columns } from '../../kit/chart.js';
import { Loaded } from '../../kit/parts.js';
import { short } from '../../kit/time.js';
import { objects } from '../analytics/words.js';
import { slots, ticksOf } from './period.js';

/** A report. `data` is a list of objects. @param {string|null} name @param {Record<string, any>} query @param {{every?: number}} [how] */
export function useReport(name, query, how = {}) {
  const asked = useApi(name && `/admin/reports/${name}`, { query, every: how.every });
  return { ...asked, data: asked.data && objects(asked.data), sql: asked.data?.sql };
}

/** An answer of `/admin/sql`. @param {string} sql @param {{every?: number}} [how] */
export function useSql(sql, how = {}) {
  const asked = useApi((signal) => post('/admin/sql', { sql }, { signal }), { deps: [sql], every: how.every });
  return { ...asked, data: asked.data && objects(asked.data) };
}

export const OUTCOMES = [['done', 2], ['failed', 7], ['cancelled', 8]];

/** What ended in each hour (day, month) of a period. `filters`: what a report can narrow by; `onPick`: a span was chosen. */
export function OutcomeChart({ period, filters, onPick, height = 150, every }) {
  const found = useReport('usage', { by: `${period.by},outcome`, ...period.query, ...filters }, { every });
  return html`<${Loaded} of=${found} lines=${5}>${(rows) => {
    const first = period.from ?? Math.min(...rows.map((row) => startOf(row[period.by])), Date.now() / 1000 - 3600);
    const times = slots(period.by, first, period.to);
    return html`<${Columns} label=${`Requests by ${period.by}, ${period.title.toLowerCase()}`} names=${times.map((one) => one.name)} ticks=${ticksOf(times)} height=${height} format=${short}
      onPick=${onPick && ((i) => onPick(times[i].from, times[i].to))} series=${OUTCOMES.map(([name, color]) => ({ name, color, values: valuesOf(rows, times, period.by, name) }))} />`;
  }}<//>`;
}

const startOf = (id) => (typeof id === 'number' ? id : Date.parse(id.length === 7 ? `${id}-01` : id) / 1000);

function valuesOf(rows, times, by, outcome) {
  const sums = new Map();
  for (const row of rows) if (row.outcome === outcome) sums.set(row[by], (sums.get(row[by]) ?? 0) + row.requests);
  return times.map((one) => sums.get(one.id) ?? 0);
}
