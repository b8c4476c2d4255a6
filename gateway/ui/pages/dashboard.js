// @ts-check
// How the house does: totals of a time, who did the work, what it came to by provider, model and month; and who works now.
import { html, sheet } from '../lib.js';
import { post, useApi } from '../kit/api.js';
import { Columns } from '../kit/chart.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Badge, Button, Card, Empty, Failed, Skeleton, Stat } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { count, money, percent, short } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { byKind, sqlOf } from './dashboard/sums.js';
import { Period, monthName, slots, ticksOf, usePeriod } from './jobs/period.js';
import { words } from './jobs/acts.js';
import { useLive, useTick } from './live/feed.js';
import { Processes } from './live/house.js';
import { Pulse } from './live.js';

await sheet(new URL('./jobs.css', import.meta.url));

export default function Dashboard() {
  const period = usePeriod('7d');
  const live = useLive();
  const sql = sqlOf(period);
  const found = useApi((signal) => post('/admin/sql', { sql }, { signal }), { deps: [sql], every: 60000 });
  const sums = found.data && byKind(found.data);
  return html`<${Page} title="Dashboard" wide about="What this server has done, and who does it." actions=${html`<${Period} of=${period} />`}>
    ${found.error && html`<${Failed} error=${found.error} retry=${found.reload} />`}
    <${Totals} sums=${sums} period=${period} />
    ${!sums && !found.error ? html`<${Skeleton} lines=${6} />` : sums && (sums.all.requests ? html`<${Charts} sums=${sums} period=${period} /><${Stats} sums=${sums} period=${period} />` : html`<${Card}><${Empty} icon="chart" title="Nothing was asked in this time" action=${html`<${Button} href="/ui/">The first call<//>`}>As soon as a program asks, it is counted here; give the archive a second or two.<//><//>`)}
    <${Workers} live=${live} /><//>`;
}

/** The tiles: those of the period, then those of now. */
function Totals({ sums, period }) {
  const all = sums?.all, shown = (value, how = short) => (all ? how(value) : null), when = period.title.toLowerCase();
  return html`<div class="cards tiles">
    <${Stat} name="Requests" icon="list" value=${shown(all?.requests, count)} note=${when} href=${linkOf(period, {})} />
    <${Stat} name="Failed" icon="alert" value=${shown(all?.failed, count)} kind=${all?.failed ? 'bad' : ''} note=${all?.requests ? percent(all.failed / all.requests) : ' '} href=${linkOf(period, { state: 'failed' })} />
    <${Stat} name="Tokens in" icon="text" value=${shown(all?.tokens_in ?? 0)} note="of prompts" /><${Stat} name="Tokens out" icon="text" value=${shown(all?.tokens_out ?? 0)} note="of answers" />
    <${Stat} name="Tokens/s" icon="bolt" value=${shown(all?.speed ?? null)} note="of one answer" /><${Stat} name="Minutes" icon="clock" value=${shown(all?.minutes ?? 0, (n) => short(Math.round(n * 10) / 10))} note="of all requests" />
    <${Stat} name="Cost" icon="dollar" value=${shown(all?.cost ?? 0, money)} note="where known" /></div>`;
}

const linkOf = (period, more) => `/ui/jobs?${new URLSearchParams(Object.fromEntries(Object.entries({ ...(period.id === 'own' ? period.query : { period: period.id }), ...more }).filter(([, value]) => value)))}`;

function Charts({ sums, period }) {
  const first = period.from ?? Math.min(Date.now() / 1000 - 3600, ...sums.slot.map((one) => (period.by === 'hour' ? Number(one.name) : Date.parse(one.name.length === 7 ? `${one.name}-01` : one.name) / 1000)));
  const times = slots(period.by, first, period.to), at = new Map(sums.slot.map((one) => [period.by === 'hour' ? Number(one.name) : one.name, one]));
  const of = (value) => times.map((one) => (at.has(one.id) ? value(at.get(one.id)) : 0)), names = times.map((one) => one.name), ticks = ticksOf(times), pick = (i) => period.between(times[i].from, times[i].to);
  return html`<div class="cards wide">
    <${Card} title=${`Requests by ${period.by}`}><${Columns} label=${`Requests by ${period.by}`} height=${190} format=${short} names=${names} ticks=${ticks} onPick=${pick} series=${[{ name: 'done', color: 2, values: of((one) => one.requests - one.failed - one.cancelled) }, { name: 'failed', color: 7, values: of((one) => one.failed) }, { name: 'cancelled', color: 8, values: of((one) => one.cancelled) }]} /><//>
    <${Card} title=${`Tokens by ${period.by}`}><${Columns} label=${`Tokens by ${period.by}`} height=${190} format=${short} names=${names} ticks=${ticks} onPick=${pick} series=${[{ name: 'prompts', color: 5, values: of((one) => one.tokens_in) }, { name: 'answers', color: 1, values: of((one) => one.tokens_out) }]} /><//></div>`;
}

const KINDS = /** @type {[string, string][]} */ ([['provider', 'By provider'], ['model', 'By model'], ['month', 'By month'], ['op', 'By operation']]);

function Stats({ sums, period }) {
  const [query, setQuery] = useQuery();
  const by = KINDS.some(([id]) => id === query.by) ? query.by : 'provider';
  const title = { provider: 'Provider', model: 'Model', month: 'Month', op: 'Operation' }[by];
  const name = (row) => (by === 'month' ? monthName(row.name) : by === 'op' ? words(row.name) : row.name || (by === 'provider' ? 'none (from the cache)' : '–'));
  const link = (row) => (by === 'month' ? `/ui/jobs?period=${row.name}` : row.name ? linkOf(period, { [by]: row.name }) : null);
  return html`<div><${Tabs} label="Statistics" tabs=${KINDS} value=${by} onChange=${(id) => setQuery({ by: id === 'provider' ? '' : id, sort: '' })}>
    <${Grid} key=${by} id=${`dashboard-${by}`} label=${`Statistics by ${title.toLowerCase()}`} rows=${sums[by]} rowKey="name" columns=${[
      { key: 'name', title, width: 200, value: (row) => (by === 'month' ? row.name : name(row)), render: (row) => (link(row) ? html`<a class="strong cut" href=${link(row)}>${name(row)}</a>` : html`<span class="soft">${name(row)}</span>`) },
      { key: 'requests', title: 'Requests', width: 100, end: true, render: (row) => html`<span>${count(row.requests)}</span>` },
      { key: 'failed', title: 'Failed', width: 110, end: true, render: (row) => (row.failed ? html`<span class="bad-text">${count(row.failed)} (${percent(row.failed / row.requests)})</span>` : html`<span>0</span>`) },
      { key: 'tokens_in', title: 'Tokens in', width: 100, end: true, render: (row) => html`<span>${short(row.tokens_in)}</span>` }, { key: 'tokens_out', title: 'Tokens out', width: 100, end: true, render: (row) => html`<span>${short(row.tokens_out)}</span>` },
      { key: 'minutes', title: 'Minutes', width: 100, end: true, render: (row) => html`<span>${short(row.minutes)}</span>` },
      { key: 'speed', title: 'Tokens/s', width: 90, end: true, render: (row) => html`<span>${row.speed === null ? '–' : short(row.speed)}</span>` },
      { key: 'cost', title: 'Cost', width: 100, end: true, render: (row) => html`<span>${money(row.cost)}</span>` },
    ]} /><//></div>`;
}

/** Who works now: from the live feed. */
function Workers({ live }) {
  useTick(2000);
  if (!live.data) return live.error ? html`<${Failed} error=${live.error} retry=${live.retry} />` : html`<${Skeleton} lines=${3} />`;
  const { totals, processes } = live.data, providers = live.data.providers.filter((one) => one.kind !== 'callbacks');
  const ready = providers.filter((one) => one.state === 'ready').length, agents = processes.filter((one) => one.role === 'agent' && one.state === 'ok').length;
  return html`<${Card} title="Workers" pad=${false} actions=${html`<span class="row wrap">${providers.length ? html`<${Badge} kind=${ready === providers.length ? 'ok' : 'warn'}>${ready} of ${providers.length} providers ready<//>` : html`<${Button} small primary icon="plus" href="/ui/providers?add=choose">Add a provider<//>`}<${Badge}>${agents} ${agents === 1 ? 'agent' : 'agents'}<//><${Badge} kind="info">${totals.running} running<//><${Badge}>${totals.waiting_live + totals.waiting_queued} waiting<//><${Pulse} live=${live} /><${Button} small ghost href="/ui/live">Live<//></span>`}>
    <${Processes} processes=${processes} now=${live.now} self=${live.data.gateway} /><//>`;
}
