// @ts-check
// Every operation that this server can do, with how often it ran, how it went and how long it took.
import { html, sheet } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Columns, Ranks } from '../kit/chart.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Drawer } from '../kit/overlay.js';
import { Badge, Button, Card, Empty, Facts, Loaded } from '../kit/parts.js';
import { When, count, money, percent, seconds, short } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { words } from './jobs/acts.js';
import { OutcomeChart, useReport, useSql } from './jobs/asked.js';
import { Period, slots, ticksOf, usePeriod } from './jobs/period.js';

await sheet(new URL('./jobs.css', import.meta.url));

export default function Operations() {
  const period = usePeriod('30d');
  const [query, setQuery] = useQuery();
  const found = useOperations(period);
  const chosen = found.rows?.find((one) => one.op === query.op);
  return html`<${Page} title="Operations" wide about="What this server can be asked for, and how each has run." actions=${html`<${Period} of=${period} />`}>
    <${Card} title="Runs"><${Runs} period=${period} /><//>
    <${Grid} id="operations" label="Operations" rows=${found.rows} rowKey="op" error=${found.error} retry=${found.reload} at=${query.op} sort="-requests" onOpen=${(row) => setQuery({ op: row.op })} columns=${COLUMNS}
      empty=${html`<${Empty} icon="bolt" title="No operation yet" action=${html`<${Button} href="/ui/providers?add=choose">Add a provider<//>`}>They come with the first provider.<//>`} />
    <${Drawer} wide open=${!!chosen} onClose=${() => setQuery({ op: '' })} title=${chosen && words(chosen.op)}>${chosen && html`<${Detail} one=${chosen} period=${period} />`}<//><//>`;
}

const LAST = "SELECT op, epoch(max(created)) AS last_run FROM requests GROUP BY op";

/** What ran, and what is served and has not run yet. */
function useOperations(period) {
  const ran = useReport('usage', { by: 'op', ...period.query }), took = useReport('latency', { by: 'op', ...period.query });
  const calls = useReport('usage', { by: 'op', op: 'callback', ...period.query }), callTook = useReport('latency', { by: 'op', op: 'callback', ...period.query });
  const last = useSql(LAST), served = useApi('/v1/models', {});
  const error = ran.error ?? took.error;
  if (!ran.data || !took.data) return { rows: error ? [] : undefined, error, reload: ran.reload };
  const models = served.data?.data ?? [], can = new Map();
  for (const model of models) for (const op of model.operations) can.set(op, (can.get(op) ?? 0) + 1);
  const all = [...ran.data, ...(calls.data ?? [])], times = new Map([...took.data, ...(callTook.data ?? [])].map((one) => [one.op, one])), lasts = new Map((last.data ?? []).map((one) => [one.op, one.last_run]));
  const names = [...new Set([...all.map((one) => one.op), ...can.keys()])];
  const rows = names.map((op) => ({ op, requests: 0, failed: 0, cancelled: 0, tokens_in: 0, tokens_out: 0, cost: null, ...all.find((one) => one.op === op), ...pick(times.get(op)), last_run: last.data ? lasts.get(op) ?? null : undefined, models: can.get(op) ?? 0 }));
  return { rows, error, reload: ran.reload };
}

const pick = (one) => ({ mean_ms: one?.mean_ms ?? null, p50_ms: one?.p50_ms ?? null, p95_ms: one?.p95_ms ?? null, p99_ms: one?.p99_ms ?? null });
const ms = (value) => (value === null ? html`<span class="faint">–</span>` : html`<span>${seconds(value / 1000)}</span>`);

const COLUMNS = [
  { key: 'op', title: 'Operation', width: 156, render: (row) => html`<span class="strong">${words(row.op)}</span>` },
  { key: 'requests', title: 'Runs', width: 80, end: true, render: (row) => html`<span>${count(row.requests)}</span>` },
  { key: 'ok', title: 'Done', width: 80, end: true, value: (row) => row.requests - row.failed - row.cancelled, render: (row) => html`<span>${count(row.requests - row.failed - row.cancelled)}</span>` },
  { key: 'failed', title: 'Failed', width: 110, end: true, render: (row) => (row.failed ? html`<span class="bad-text">${count(row.failed)} (${percent(row.failed / row.requests)})</span>` : html`<span>0</span>`) },
  { key: 'cancelled', title: 'Cancelled', width: 90, end: true },
  { key: 'mean_ms', title: 'Mean', width: 90, end: true, render: (row) => ms(row.mean_ms) }, { key: 'p50_ms', title: 'Median', width: 90, end: true, hidden: true, render: (row) => ms(row.p50_ms) },
  { key: 'p95_ms', title: '95 of 100', width: 96, end: true, render: (row) => ms(row.p95_ms) }, { key: 'p99_ms', title: '99 of 100', width: 96, end: true, hidden: true, render: (row) => ms(row.p99_ms) },
  { key: 'cost', title: 'Cost', width: 90, end: true, render: (row) => html`<span>${row.cost ? money(row.cost) : ''}</span>` },
  { key: 'last_run', title: 'Last run', width: 96, end: true, render: (row) => (row.last_run ? html`<${When} at=${row.last_run} />` : html`<span class="faint">${row.last_run === null ? 'never' : '…'}</span>`) },
  { key: 'models', title: 'Served', width: 98, end: true, render: (row) => (row.models ? html`<${Badge} kind="ok">${row.models} ${row.models === 1 ? 'model' : 'models'}<//>` : html`<span class="faint">no</span>`) },
];

const MOST = 6;

/** The busiest operations over the period; the others together. */
function Runs({ period }) {
  const found = useReport('usage', { by: `${period.by},op`, ...period.query });
  return html`<${Loaded} of=${found} lines=${5}>${(rows) => {
    const sums = new Map();
    for (const row of rows) sums.set(row.op, (sums.get(row.op) ?? 0) + row.requests);
    const names = [...sums].sort((a, b) => b[1] - a[1]).map(([op]) => op), shown = names.slice(0, MOST);
    const first = period.from ?? Math.min(Date.now() / 1000 - 3600, ...rows.map((row) => (typeof row[period.by] === 'number' ? row[period.by] : Date.parse(row[period.by].length === 7 ? `${row[period.by]}-01` : row[period.by]) / 1000)));
    const times = rows.length ? slots(period.by, first, period.to) : [];
    const of = (fits) => { const at = new Map(); for (const row of rows) if (fits(row.op)) at.set(row[period.by], (at.get(row[period.by]) ?? 0) + row.requests); return times.map((one) => at.get(one.id) ?? 0); };
    const series = shown.map((op) => ({ name: words(op), values: of((one) => one === op) }));
    if (names.length > MOST) series.push({ name: 'others', values: of((one) => !shown.includes(one)) });
    return html`<${Columns} label=${`Runs by ${period.by}`} height=${170} format=${short} names=${times.map((one) => one.name)} ticks=${ticksOf(times)} series=${series} onPick=${(i) => period.between(times[i].from, times[i].to)} />`;
  }}<//>`;
}

function Detail({ one, period }) {
  const models = useReport('usage', { by: 'model', op: one.op, ...period.query }), errors = useReport('errors', { op: one.op, limit: 20, ...period.query });
  const link = `/ui/jobs?op=${one.op}&${new URLSearchParams(Object.fromEntries(Object.entries(period.id === 'own' ? period.query : { period: period.id }).filter(([, value]) => value)))}`;
  return html`<div class="col gap-6"><${Facts} of=${[['Runs', count(one.requests)], ['Failed', one.failed ? `${count(one.failed)} (${percent(one.failed / one.requests)})` : '0'], ['Half of them took', one.p50_ms === null ? null : seconds(one.p50_ms / 1000)], ['95 of 100', one.p95_ms === null ? null : seconds(one.p95_ms / 1000)], ['99 of 100', one.p99_ms === null ? null : seconds(one.p99_ms / 1000)],
      ['Tokens', one.tokens_in || one.tokens_out ? `${short(one.tokens_in)} in, ${short(one.tokens_out)} out` : null], ['Cost', one.cost ? money(one.cost) : null], ['Last run', one.last_run && html`<${When} at=${one.last_run} />`]]} />
    <div><${Button} icon="list" href=${link}>Its jobs<//></div>
    <section class="col"><h3>${period.title}</h3><${OutcomeChart} period=${period} filters=${{ op: one.op }} height=${140} /></section>
    <section class="col"><h3>By model</h3><${Loaded} of=${models}>${(rows) => html`<${Ranks} label="Runs by model" rows=${rows.map((row) => ({ name: row.model, value: row.requests, note: row.failed ? `${count(row.failed)} failed` : '' }))} />`}<//></section>
    <section class="col"><h3>What went wrong</h3><${Loaded} of=${errors} empty=${html`<p class="soft">Nothing failed in this time.</p>`}>${(rows) => html`<ul class="story">${rows.map((row) => html`<li><span class="at small">${count(row.requests)} ×</span><div><span class="mono bad-text">${row.error}</span> <span class="soft">${[row.provider, row.model].filter(Boolean).join(' · ')}</span><div class="small soft">${row.last_message} <a href=${`/ui/jobs/${row.last_job}`}>the last one</a></div></div></li>`)}</ul>`}<//></section></div>`;
}
