// @ts-check
// Every request that came, the newest first: narrow them down, look into one, take the rows along as CSV.
import { html, sheet, useMemo, useRef } from '../lib.js';
import { address, get } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Button, Empty, State } from '../kit/parts.js';
import { When, count, money, seconds } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { Filters, useFilters } from './analytics/filters.js';
import { LOGGED } from './analytics/words.js';
import { Period, usePeriod } from './jobs/period.js';
import { RequestDrawer } from './logs/detail.js';

await sheet(new URL('./analytics.css', import.meta.url));

const PAGE = 200, LONGEST = 500, FEW = 50;

export default function Logs() {
  const period = usePeriod('all'), filters = useFilters(LOGGED);
  const [query, setQuery] = useQuery();
  const asked = { ...period.query, ...filters.values };
  const source = useRequests(asked);
  const csv = address('/admin/requests', { ...asked, q: query.q, format: 'csv' });
  const narrow = Object.keys(filters.values).length > 0 || period.from;
  return html`<${Page} title="Logs" fill class="logs" about="Every request, however it ended."
      actions=${html`<${Period} of=${period} /><${Button} icon="download" href=${csv} download label="All columns of what is filtered, up to 100,000 rows">CSV<//>`}>
    <${Filters} of=${filters} />
    <${Grid} id="logs" label="Requests" fill url source=${source} rowKey=${(row) => `${row.job}.${row.run ?? 0}`} columns=${COLUMNS} at=${query.open} onOpen=${(row) => setQuery({ open: row.job })}
      empty=${html`<${Empty} icon="logs" title=${narrow ? 'No request fits' : 'No request yet'} action=${narrow ? html`<${Button} onClick=${() => (filters.clear(), period.set('all'))}>Show all<//>` : html`<${Button} href="/ui/">The first call<//>`}>
        ${narrow ? 'Choose a longer time, or take a filter away.' : 'As soon as a program asks, it is listed here.'}<//>`} />
    <${RequestDrawer} id=${query.open} asked=${{ ...asked, q: query.q }} source=${source} onOpen=${(id) => setQuery({ open: id })} onClose=${() => setQuery({ open: '' })} /><//>`;
}

/** Pages of the log; it remembers what it gave, so that the detail can go to the next one. @param {Record<string, any>} query */
function useRequests(query) {
  const key = address('/admin/requests', query);
  const list = useRef(/** @type {any[]} */ ([]));
  return useMemo(() => ({
    path: '/admin/requests', sort: false, list, next: /** @type {any} */ (null), said: /** @type {any} */ ({}),
    address: (asked) => address(key, { ...asked, limit: Math.min(asked.limit ?? PAGE, LONGEST) }),
    async page(asked, signal) {
      const answer = await get(this.address(asked), undefined, { signal });
      while (answer.data.length < FEW && answer.looked_back_to) {  // a search looks through some of the log at a time
        const more = await get(this.address({ ...asked, after: answer.next }), undefined, { signal });
        Object.assign(answer, more, { data: [...answer.data, ...more.data] });
      }
      list.current = asked.after ? [...list.current, ...answer.data] : answer.data;
      this.next = answer.next;
      this.said = asked;
      return { rows: answer.data, next: answer.next };
    },
  }), [key]);
}

const ms = (value) => (value === null || value === undefined ? '' : seconds(value / 1000));
const COLUMNS = [
  { key: 'created', title: 'When', width: 88, render: (row) => html`<${When} at=${row.created} />`, csv: (row) => new Date(row.created * 1000).toISOString() },
  { key: 'outcome', title: 'Outcome', width: 96, render: (row) => html`<${State} of=${row.outcome} />` },
  { key: 'status', title: 'Status', width: 66, end: true },
  { key: 'op', title: 'Operation', width: 90 },
  { key: 'key', title: 'Key', width: 84, value: (row) => row.key_name ?? row.key },
  { key: 'key_user', title: 'User', width: 100, hidden: true },
  { key: 'model', title: 'Model', width: 118, value: (row) => row.served || row.model },
  { key: 'provider', title: 'Provider', width: 84 },
  { key: 'tokens', title: 'Tokens', width: 92, end: true, value: (row) => row.tokens_in + row.tokens_out, render: (row) => html`<span>${row.tokens_in || row.tokens_out ? `${count(row.tokens_in)} → ${count(row.tokens_out)}` : ''}</span>` },
  { key: 'total_ms', title: 'Took', width: 74, end: true, render: (row) => html`<span>${ms(row.total_ms)}</span>` },
  { key: 'first_ms', title: 'First piece', width: 84, end: true, hidden: true, render: (row) => html`<span>${ms(row.first_ms)}</span>` },
  { key: 'wait_ms', title: 'Waited', width: 80, end: true, hidden: true, render: (row) => html`<span>${ms(row.wait_ms)}</span>` },
  { key: 'cost', title: 'Cost', width: 98, end: true, render: (row) => html`<span>${row.cost ? money(row.cost) : ''}</span>` },
  { key: 'error', title: 'Error', width: 108, render: (row) => html`<span class="bad-text" data-tip=${row.message}>${row.error ?? ''}</span>` },
  { key: 'client', title: 'Address', width: 110 },
  { key: 'tag', title: 'Tag', width: 90 },
  { key: 'job', title: 'Job', width: 150, mono: true, hidden: true }, { key: 'ref', title: 'Reference', width: 130, hidden: true }, { key: 'style', title: 'Style', width: 80, hidden: true },
  { key: 'queue', title: 'Queue', width: 100, hidden: true }, { key: 'attempts', title: 'Attempts', width: 78, end: true, hidden: true }, { key: 'cached', title: 'From the cache', width: 90, hidden: true },
  { key: 'message', title: 'Message', width: 240, hidden: true }, { key: 'user_agent', title: 'User agent', width: 200, hidden: true },
];
