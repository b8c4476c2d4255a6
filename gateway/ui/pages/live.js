// @ts-check
// The whole house as it is this second: what runs, what waits, who works, what failed; queues can be held and jobs cancelled.
import { html, sheet } from '../lib.js';
import { Page } from '../kit/layout.js';
import { Badge, Card, Failed, Notice, Skeleton, Stat } from '../kit/parts.js';
import { count, short } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { JobDrawer } from './jobs/drawer.js';
import { useLive, useTick } from './live/feed.js';
import { Hour } from './live/charts.js';
import { Failed as FailedLately, Keys, Processes, Providers } from './live/house.js';
import { Queues, Running, Waiting } from './live/rows.js';

await sheet(new URL('./jobs.css', import.meta.url));

export default function Live() {
  const live = useLive();
  const [query, setQuery] = useQuery();
  useTick();
  const open = (row) => setQuery({ job: row.job });
  return html`<${Page} title="Live" wide about="Everything that this house does now, on all its gateways and agents." actions=${html`<${Pulse} live=${live} />`}>
    ${live.error && html`<${Failed} error=${live.error} retry=${live.retry} />`}
    ${live.data ? html`<${House} live=${live} open=${open} />` : !live.error && html`<${Skeleton} lines=${8} />`}
    <${JobDrawer} id=${query.job} live=${live} onClose=${() => setQuery({ job: '' })} /><//>`;
}

/** Whether what one sees is of now. */
export const Pulse = ({ live }) => (live.open && live.data?.totals.bus !== false ? html`<${Badge} kind="ok"><i class="dot live"></i>live<//>` : html`<${Badge} kind="warn" dot>${live.data && live.data.totals.bus === false ? 'bus away' : 'connecting'}<//>`);

function House({ live, open }) {
  const { data } = live, { totals } = data;
  return html`${totals.bus === false && html`<${Notice} kind="warn" title="This gateway has lost the bus">What you see is what was last heard. It connects again by itself.<//>`}
    <${Tiles} totals=${totals} />
    <${Card} title=${html`Running <span class="faint num">${totals.running}</span>`} pad=${false}><${Running} jobs=${data.jobs} now=${live.now} onOpen=${open} total=${totals.running} /><//>
    <div class="cards wide halves"><${Card} title="Queues" pad=${false}><${Queues} queues=${data.queues} /><//>
      <${Card} title="Providers" pad=${false}><${Providers} providers=${data.providers} /><//></div>
    <${Hour} minutes=${data.minutes} />
    <div class="cards wide halves"><${Card} title=${html`Waiting <span class="faint num">${totals.waiting_queued}</span>`} pad=${false}><${Waiting} jobs=${data.queued} onOpen=${open} /><//>
      <${Card} title="Failed lately" pad=${false}><${FailedLately} failed=${data.failed} onOpen=${open} /><//></div>
    <div class="cards wide halves"><${Card} title="Processes" pad=${false}><${Processes} processes=${data.processes} now=${live.now} self=${data.gateway} /><//>
      <${Card} title="Keys that ask" pad=${false}><${Keys} keys=${data.keys} /><//></div>`;
}

export function Tiles({ totals }) {
  return html`<div class="cards tiles">
    <${Stat} name="Running" icon="pulse" value=${count(totals.running)} note=${`${totals.running_live} live, ${totals.running_durable} queued`} />
    <${Stat} name="Slots in use" icon="gauge" value=${`${totals.in_flight} of ${totals.slots}`} note=${totals.slots ? `${Math.round((totals.in_flight / totals.slots) * 100)} %` : 'no agent'} />
    <${Stat} name="Waiting" icon="stack" value=${count(totals.waiting_live + totals.waiting_queued)} note=${`${totals.waiting_live} live, ${totals.waiting_queued} queued`} />
    <${Stat} name="Scheduled" icon="clock" value=${count(totals.scheduled)} note="for a later attempt" href="/ui/jobs?tab=scheduled" />
    <${Stat} name="Requests a minute" icon="chart" value=${short(Math.round(totals.requests_minute))} note="in the last 60 s" />
    <${Stat} name="Cooling" icon="alert" value=${count(totals.cooling)} kind=${totals.cooling ? 'warn' : ''} note=${totals.cooling === 1 ? 'provider' : 'providers'} /></div>`;
}
