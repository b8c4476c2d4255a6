// @ts-check
// Requests, tokens, cost or failures over the time as columns, split by whatever one chooses; a click leads to that hour's log.
import { html } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Columns } from '../../kit/chart.js';
import { Card, Loaded } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { iso, money, short } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { slots } from '../jobs/period.js';
import { NAMES, logLink, nameOf, report, slotOf, visit } from './words.js';

/** id, title, of a row, how it is written @type {[string, string, (row: any) => number, (n: number) => string][]} */
export const MEASURES = [
  ['requests', 'Requests', (row) => row.requests, short], ['tokens', 'Tokens', (row) => (row.tokens_in ?? 0) + (row.tokens_out ?? 0), short],
  ['cost', 'Cost', (row) => row.cost ?? 0, money], ['failed', 'Failures', (row) => row.failed ?? 0, short],
];
const SPLITS = ['outcome', 'model', 'provider', 'op', 'key', 'user', 'style'];
const OUTCOMES = /** @type {Record<string, number>} */ ({ done: 2, failed: 7, cancelled: 8 });
const MOST = 7;

/** @param {import('./overview.js').Place} place */
export function OverTime({ period, filters, asked }) {
  const [query, setQuery] = useQuery();
  const split = SPLITS.includes(query.split) ? query.split : 'outcome';
  const [id, title, of, format] = MEASURES.find(([one]) => one === query.measure) ?? MEASURES[0];
  const found = useApi((signal) => report('usage', { ...asked, by: `${period.by},${split}`, limit: 10000 }, signal), { deps: [JSON.stringify(asked), period.by, split] });
  return html`<${Card} title=${`${title} by ${period.by}`} actions=${html`<div class="choices"><${Tabs} pills label="What is counted" tabs=${MEASURES.map(([one, name]) => [one, name])} value=${id} onChange=${(next) => setQuery({ measure: next === 'requests' ? '' : next })} />
      <select class="input" aria-label="Split by" value=${split} onChange=${(e) => setQuery({ split: e.target.value === 'outcome' ? '' : e.target.value })}>${SPLITS.map((one) => html`<option value=${one} selected=${one === split}>by ${NAMES[one].toLowerCase()}</option>`)}</select></div>`}>
    <${Loaded} of=${found} lines=${6}>${(answer) => {
      const made = stacked(answer.rows, period, split, of);
      return html`<${Columns} label=${`${title} by ${period.by} and ${NAMES[split].toLowerCase()}`} height=${230} format=${format} names=${made.times.map((one) => one.name)} series=${made.series}
        onPick=${(i) => visit(logLink({ id: 'own', query: { from: iso(made.times[i].from), to: iso(made.times[i].to) } }, filters, id === 'failed' ? { outcome: 'failed' } : {}))} />`;
    }}<//><//>`;
}

/** One series for each of the largest, and one for all others; a column for each hour or day, also the empty ones. */
export function stacked(rows, period, split, of) {
  const by = period.by, first = period.from ?? Math.min(...rows.map((row) => slotOf(by, row[by]).from), Date.now() / 1000 - 3600);
  const times = slots(by, first, period.to), at = new Map(times.map((one, i) => [one.id, i])), sums = new Map();
  for (const row of rows) sums.set(nameOf(split, row), (sums.get(nameOf(split, row)) ?? 0) + of(row));
  const names = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a)), shown = names.length > MOST + 1 ? names.slice(0, MOST) : names;
  const series = /** @type {any[]} */ (shown.map((name, i) => ({ name, values: times.map(() => 0), color: split === 'outcome' ? OUTCOMES[name] : i + 1 })));
  if (shown.length < names.length) series.push({ name: `${names.length - shown.length} others`, values: times.map(() => 0), color: 8 });
  for (const row of rows) {
    const i = at.get(row[by]), which = shown.indexOf(nameOf(split, row));
    if (i !== undefined) series[which < 0 ? series.length - 1 : which].values[i] += of(row);
  }
  return { times, series: series.length ? series : [{ name: 'requests', values: times.map(() => 0) }] };
}

