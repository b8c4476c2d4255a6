// @ts-check
// How long requests take and how fast answers come: percentiles over the time and by group, tokens a second, the slowest ones.
import { html } from '../../lib.js';
import { TimeChart } from '../../kit/chart.js';
import { Table } from '../../kit/grid.js';
import { Tabs } from '../../kit/tabs.js';
import { When, count, iso, ms, short } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { ReportCard, useBy, useReport } from './parts.js';
import { logLink, nameOf, rowLink, slotOf, visit } from './words.js';

const METRICS = /** @type {[string, string][]} */ ([['total', 'In all'], ['first', 'To the first piece'], ['wait', 'Waiting']]);
const WORDS = ['model', 'provider', 'op', 'key', 'user', 'queue', 'style'];

/** @param {import('./overview.js').Place} place */
export function Speed({ period, filters, asked }) {
  const [query, setQuery] = useQuery();
  const metric = METRICS.some(([id]) => id === query.metric) ? query.metric : 'total';
  const [by, pick] = useBy({ words: WORDS, usual: 'model' });
  const over = useReport('latency', { ...asked, metric, by: period.by }), groups = useReport('latency', { ...asked, metric, by });
  const speed = useReport('speed', { ...asked, by }), slowest = useReport('slowest', { ...asked, metric, limit: 20 });
  const name = { key: 'name', title: 'Name', render: (row) => html`<${Named} row=${row} by=${by} period=${period} filters=${filters} />` };
  const time = (key, title) => ({ key, title, end: true, render: (row) => ms(row[key]) });
  return html`<div class="choices">${pick}<${Tabs} pills label="What is measured" tabs=${METRICS} value=${metric} onChange=${(next) => setQuery({ metric: next === 'total' ? '' : next })} /></div>
    <${ReportCard} of=${over} title=${`Percentiles by ${period.by}`} lines=${6}>${(rows) => html`<${Percentiles} rows=${rows} by=${period.by} filters=${filters} />`}<//>
    <div class="cards wide">
      <${ReportCard} of=${groups} title="Duration" pad=${false}>${(rows) => html`<${Table} label="Duration" rows=${rows} columns=${[name, { key: 'requests', title: 'Requests', end: true, render: (row) => count(row.requests) }, time('mean_ms', 'Average'), time('p50_ms', '50 %'), time('p95_ms', '95 %'), time('p99_ms', '99 %')]} />`}<//>
      <${ReportCard} of=${speed} title="Tokens a second" pad=${false}>${(rows) => html`<${Table} label="Tokens a second" rows=${rows} columns=${[name, { key: 'tokens_out', title: 'Tokens', end: true, render: (row) => short(row.tokens_out) },
        { key: 'tokens_per_second', title: 'In all', end: true, render: (row) => short(row.tokens_per_second) }, { key: 'streamed_per_second', title: 'While streaming', end: true, render: (row) => short(row.streamed_per_second) }, time('mean_first_ms', 'First piece')]} />`}<//></div>
    <${ReportCard} of=${slowest} title="The slowest" pad=${false}>${(rows) => html`<${Table} label="The slowest requests" rows=${rows} onOpen=${(row) => visit(logLink(period, filters, { open: row.job }))} columns=${[
      { key: 'job', title: 'Request', mono: true, render: (row) => html`<a href=${logLink(period, filters, { open: row.job })}>${row.job}</a>` }, { key: 'created', title: 'When', render: (row) => html`<${When} at=${row.created} />` },
      { key: 'key', title: 'Key', render: (row) => nameOf('key', row) }, { key: 'model', title: 'Model' }, { key: 'provider', title: 'Provider' }, { key: 'outcome', title: 'Outcome' }, { key: 'error', title: 'Error' },
      time('wait_ms', 'Waited'), time('first_ms', 'First piece'), time('total_ms', 'In all')]} />`}<//>`;
}

function Named({ row, by, period, filters }) {
  const href = rowLink(by, row, period, filters);
  return href ? html`<a href=${href}>${nameOf(by, row)}</a>` : html`<span class="faint">${nameOf(by, row)}</span>`;
}

function Percentiles({ rows, by, filters }) {
  const sorted = [...rows].sort((a, b) => slotOf(by, a[by]).from - slotOf(by, b[by]).from);
  const of = (key) => sorted.map((row) => row[key]);
  return html`<${TimeChart} label=${`Percentiles by ${by}`} height=${230} format=${ms} times=${sorted.map((row) => slotOf(by, row[by]).from)}
    series=${[{ name: '99 %', values: of('p99_ms'), color: 7 }, { name: '95 %', values: of('p95_ms'), color: 3 }, { name: '50 %', values: of('p50_ms'), color: 1 }]}
    onPick=${(from, to) => visit(logLink({ id: 'own', query: { from: iso(Math.floor(from)), to: iso(Math.ceil(to)) } }, filters))} />`;
}
