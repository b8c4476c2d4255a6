// @ts-check
// What runs and waits this second, live calls too; and what waits for its time: a later attempt, a callback to be tried again.
import { html } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Card, Empty, Failed, Loaded, Skeleton } from '../../kit/parts.js';
import { When } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { useLive, useTick } from '../live/feed.js';
import { Queues, Rows, Running, Waiting } from '../live/rows.js';
import { words } from './acts.js';
import { JobDrawer } from './drawer.js';

export function LiveQueue() {
  const live = useLive();
  const [query, setQuery] = useQuery();
  useTick();
  const open = (row) => setQuery({ job: row.job });
  if (!live.data) return live.error ? html`<${Failed} error=${live.error} retry=${live.retry} />` : html`<${Skeleton} lines=${8} />`;
  const { data } = live;
  return html`<${Card} title=${html`Running <span class="faint num">${data.totals.running}</span>`} pad=${false}><${Running} jobs=${data.jobs} now=${live.now} onOpen=${open} total=${data.totals.running} /><//>
    <${Card} title=${html`Waiting <span class="faint num">${data.totals.waiting_queued}</span>`} pad=${false} actions=${html`<a class="small" href="/ui/jobs?period=all&state=queued">All of them</a>`}><${Waiting} jobs=${data.queued} onOpen=${open} /><//>
    <${Card} title="Queues" pad=${false}><${Queues} queues=${data.queues} /><//>
    <${JobDrawer} id=${query.job} live=${live} onClose=${() => setQuery({ job: '' })} />`;
}

/** Queued jobs that were tried before wait for the time of their next attempt. */
export function Scheduled() {
  const found = useApi('/admin/jobs', { query: { state: 'queued', limit: 500 }, every: 4000 });
  const live = useApi('/admin/live', { every: 8000 });
  const [, setQuery] = useQuery();
  const rows = found.data?.data.filter((one) => one.attempts > 0 || one.op === 'callback');
  const total = live.data?.totals.scheduled;
  return html`<p class="soft">After a failure that may pass, a job waits before its next attempt; so does a callback whose receiver was away.${total !== undefined ? html` On the bus now: <b class="num">${total}</b>.` : ''}</p>
    <${Card} title="Waits for a later attempt" pad=${false}><${Loaded} of=${{ ...found, data: rows }} empty=${html`<${Empty} icon="clock" title="Nothing is scheduled">Jobs come here between two attempts.<//>`}>${(list) => html`
      <${Rows} label="Scheduled jobs" head=${['Job', 'What', 'Queue', 'Key', '>Attempts', 'Since']} rows=${list} id=${(one) => one.id} onOpen=${(one) => setQuery({ job: one.id })} row=${(one) => html`
        <td class="num-id">${one.id}</td><td><span class="strong">${words(one.op)}</span> <span class="soft">${one.model}</span></td><td>${one.queue}</td><td>${one.key_name || one.key}</td><td class="end">${one.attempts}</td><td><${When} at=${one.created} /></td>`} />`}<//><//>`;
}
