// @ts-check
// Every job, open and ended, as one list: found by filters, looked into, and acted on one by one or all at once.
import { html, sheet, useState } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Menu } from '../kit/overlay.js';
import { Badge, Button, Card, Empty } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { short } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { ACTS, actOnChosen } from './jobs/acts.js';
import { OutcomeChart } from './jobs/asked.js';
import { Bulk } from './jobs/bulk.js';
import { JobDrawer } from './jobs/drawer.js';
import { History } from './jobs/history.js';
import { Period, usePeriod } from './jobs/period.js';
import { columns, useJobs } from './jobs/source.js';
import { LiveQueue, Scheduled } from './jobs/waiting.js';

await sheet(new URL('./jobs.css', import.meta.url));

const FILTERS = ['state', 'op', 'model', 'provider', 'queue', 'key', 'style', 'tag', 'error', 'q'];
const TABS = /** @type {[string, string][]} */ ([['list', 'All jobs'], ['live', 'Live queue'], ['scheduled', 'Scheduled'], ['history', 'By month']]);

export default function Jobs() {
  const [query, setQuery] = useQuery();
  const tab = TABS.some(([id]) => id === query.tab) ? query.tab : 'list';
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);
  const list = tab === 'list';
  return html`<${Page} title="Jobs" fill class="jobs-page">
    <${Tabs} label="Jobs" tabs=${TABS} value=${tab} onChange=${(id) => setQuery({ tab: id === 'list' ? '' : id })} />
    ${list ? html`<${List} turn=${turn} again=${again} />` : tab === 'live' ? html`<${LiveQueue} />` : tab === 'scheduled' ? html`<${Scheduled} />` : html`<${History} />`}
    ${tab !== 'live' && html`<${JobDrawer} id=${query.job} onClose=${() => setQuery({ job: '' })} done=${again} />`}<//>`;
}

/** What the filter says, as the API wants it. `period`: its times too */
const filterOf = (query, period) => Object.fromEntries([...FILTERS.map((name) => [name, query[name]]), ['from', period.query.from], ['to', period.query.to]].filter(([, value]) => value));

function List({ turn, again }) {
  const [query, setQuery] = useQuery();
  const period = usePeriod('24h');
  const [bulk, setBulk] = useState('');
  const filter = filterOf(query, period);
  const source = useJobs('/admin/jobs', period.query, { every: period.to ? 0 : 5000, turn });
  const known = useKnown();
  return html`
    <div class="row wrap between"><${Period} of=${period} /><${States} filter=${filter} turn=${turn} state=${query.state ?? ''} choose=${(state) => setQuery({ state })} /></div>
    <${Card}><${OutcomeChart} period=${period} filters=${chartable(query)} onPick=${period.between} height=${120} every=${60000} />${!query.q && !query.queue && !query.error && !query.state ? '' : html`<p class="small faint">The chart counts what ended, narrowed by operation, model, provider, key and tag only.</p>`}<//>
    <${Grid} id="jobs" label="Jobs" source=${source} rowKey="id" url fill pick at=${Number(query.job) || undefined} onOpen=${(row) => setQuery({ job: row.id })} columns=${columns(known)}
      actions=${(rows, clear) => Object.entries(ACTS).map(([name, what]) => html`<${Button} key=${name} small icon=${what.icon} danger=${what.danger} data-tip=${what.tip} onClick=${() => actOnChosen(name, rows, () => (clear(), again()))}>${what.label}<//>`)}
      toolbar=${html`<${Menu} label="All that match" button="All that match…" ghost=${false} items=${Object.entries(ACTS).map(([name, what]) => ({ label: `${what.label} them`, icon: what.icon, danger: what.danger, onSelect: () => setBulk(name) }))} />`}
      empty=${html`<${Empty} icon="list" title="No job in this time" action=${period.id !== 'all' && html`<${Button} onClick=${() => period.set('all')}>Look at all time<//>`}>Whatever programs ask of this server is here, also what is answered at once.<//>`} />
    ${bulk && html`<${Bulk} action=${bulk} filter=${filter} onClose=${() => setBulk('')} onDone=${() => (setBulk(''), again())} />`}`;
}

/** What a report can narrow by; of several words it takes none. */
const chartable = (query) => Object.fromEntries(['op', 'model', 'provider', 'key', 'tag'].filter((name) => query[name] && !query[name].includes(',')).map((name) => [name, query[name]]));

/** How many there are in each state: a click shows those. */
function States({ filter, turn, state, choose }) {
  const { state: _, ...rest } = filter;
  const counted = useApi('/admin/jobs', { query: { ...rest, counts: 1, limit: 1 }, every: 20000, deps: [turn] });
  return html`<div class="states" role="group" aria-label="By state">${['queued', 'running', 'done', 'failed', 'cancelled'].map((name) => html`
    <${Button} key=${name} on=${state === name} onClick=${() => choose(state === name ? '' : name)}><span>${name}</span> <b>${counted.data ? short(counted.data.counts[name]) : '…'}</b><//>`)}
    ${counted.data?.counts.exact === false && html`<${Badge} kind="warn">at least<//>`}</div>`;
}

/** Names to choose from. */
function useKnown() {
  const queues = useApi('/admin/queues', {}), served = useApi('/v1/models', {});
  const list = queues.data?.data ?? [];
  return { queues: list.map((one) => one.queue), providers: [...new Set(list.flatMap((one) => one.providers))].sort(), ops: [...new Set(['chat', 'embeddings', 'callback', ...(served.data?.data ?? []).flatMap((one) => one.operations)])].sort() };
}
