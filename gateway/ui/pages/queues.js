// @ts-check
// Each queue with what waits in it and who serves it; an administrator pauses, drains and resumes it here.
import { html, sheet } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Drawer } from '../kit/overlay.js';
import { Button, Empty, Facts, Notice, Progress, State } from '../kit/parts.js';
import { When, count, exact, seconds } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { words } from './jobs/acts.js';
import { Hold, Rows } from './live/rows.js';

await sheet(new URL('./jobs.css', import.meta.url));

export default function Queues() {
  const list = useApi('/admin/queues', { every: 3000 });
  const [query, setQuery] = useQuery();
  const chosen = list.data?.data.find((one) => one.queue === query.queue);
  return html`<${Page} title="Queues" wide about="A queue is a provider, or a pool of several. Hold one to look after what is behind it; what runs ends first.">
    <${Grid} id="queues" label="Queues" rows=${list.data?.data} rowKey="queue" error=${list.error} retry=${list.reload} at=${query.queue} onOpen=${(row) => setQuery({ queue: row.queue })} columns=${columns(list.reload)} height=${48}
      empty=${html`<${Empty} icon="stack" title="No queue yet" action=${html`<${Button} href="/ui/providers?add=choose">Add a provider<//>`}>A queue comes with the first provider.<//>`} />
    <${Drawer} open=${!!chosen} onClose=${() => setQuery({ queue: '' })} title=${chosen?.queue}>${chosen && html`<${Detail} one=${chosen} reload=${list.reload} />`}<//><//>`;
}

const wait = (one) => (one.expected_wait === null ? html`<span class="faint">${one.paused ? 'held' : 'nobody takes it'}</span>` : html`<span>${one.expected_wait < 0.05 ? 'none' : seconds(one.expected_wait)}</span>`);

const columns = (reload) => [
  { key: 'queue', title: 'Queue', width: 116, render: (row) => html`<span class="strong">${row.queue}</span>` },
  { key: 'state', title: 'State', width: 98, filter: ['ready', 'paused', 'draining', 'cooling', 'offline', 'away', 'off'], render: (row) => html`<${State} of=${row.state} />` },
  { key: 'why', title: 'Why', width: 138, value: (row) => row.paused?.note || row.reason, render: (row) => html`<span data-tip=${row.paused?.note || row.reason || null}>${row.paused?.note || row.reason}${row.cooling_until ? html` until <${When} at=${row.cooling_until} />` : ''}</span>` },
  { key: 'providers', title: 'Providers', width: 104 },
  { key: 'in_flight', title: 'Slots', width: 140, render: (row) => html`<span class="row"><span class="mini"><${Progress} value=${row.slots ? row.in_flight / row.slots : 0} label=${`Slots of ${row.queue} in use`} /></span><span class="num nowrap">${row.in_flight} of ${row.slots}</span></span>` },
  { key: 'waiting', title: 'Waits', width: 64, end: true, render: (row) => html`<span>${count(row.waiting)}</span>` },
  { key: 'waiting_since', title: 'Oldest', width: 88, end: true, render: (row) => (row.waiting_since ? html`<${When} at=${row.waiting_since} />` : html`<span class="faint">–</span>`) },
  { key: 'expected_wait', title: 'New job waits', width: 124, end: true, render: wait },
  { key: 'acts', title: '', width: 126, end: true, sort: false, value: () => '', render: (row) => html`<${Hold} name=${row.queue} state=${row.state} then=${reload} />` },
];

function Detail({ one, reload }) {
  const next = useApi('/admin/jobs', { query: { queue: one.queue, state: 'open', limit: 20 }, every: 3000 });
  return html`<div class="col gap-6"><div class="row between"><${State} of=${one.state} /><${Hold} name=${one.queue} state=${one.state} then=${reload} /></div>
    ${one.paused && html`<${Notice} kind="warn" title=${one.paused.mode === 'drain' ? 'It is being drained' : 'It is paused'}>${one.paused.note && html`${one.paused.note}. `}Since ${exact(one.paused.at)}, by ${one.paused.by}.<//>`}
    ${!one.paused && one.reason && html`<${Notice} kind="warn" title=${one.reason} />`}
    <${Facts} of=${[['Providers', one.providers.join(', ')], ['Slots', `${one.in_flight} of ${one.slots} in use`], ['Waits', `${count(one.waiting)}: ${one.waiting_live} live, ${one.waiting_first} to go first`], ['Oldest', one.waiting_since && html`<${When} at=${one.waiting_since} />`], ['Wait of a new job', wait(one)]]} />
    <div class="col"><h3>Open jobs</h3>${next.data?.data.length ? html`<${Rows} label="Open jobs" head=${['State', 'Job', 'What', 'Since']} rows=${next.data.data} id=${(row) => row.id} row=${(row) => html`<td><${State} of=${row.state} /></td><td><a class="num-id" href=${`/ui/jobs/${row.id}`}>${row.id}</a></td><td>${words(row.op)} <span class="soft">${row.model}</span></td><td><${When} at=${row.created} /></td>`} />
      <div><${Button} small ghost href=${`/ui/jobs?period=all&state=open&queue=${encodeURIComponent(one.queue)}`}>All of them<//></div>` : html`<p class="soft">None is open.</p>`}</div>
    <${Call} label="Pause it" call=${{ path: `/admin/queues/${encodeURIComponent(one.queue)}/pause`, body: { note: 'Maintenance' } }} /></div>`;
}
