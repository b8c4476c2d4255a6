// @ts-check
// Keys and providers that nobody used lately: candidates to take away.
import { html } from '../../lib.js';
import { Table } from '../../kit/grid.js';
import { Empty } from '../../kit/parts.js';
import { When, count } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { may } from '../../shell/session.js';
import { ReportCard, useReport } from './parts.js';
import { logLink, nameOf } from './words.js';

const DAYS = [1, 7, 14, 30, 60, 90, 180, 365];

export function Idle() {
  const [query, setQuery] = useQuery();
  const days = DAYS.includes(Number(query.days)) ? Number(query.days) : 30;
  return html`<div class="choices"><label class="row"><span class="soft">Without a request for</span><select class="input" aria-label="Days" value=${days} onChange=${(e) => setQuery({ days: e.target.value === '30' ? '' : e.target.value })}>
      ${DAYS.map((one) => html`<option value=${one} selected=${one === days}>${one === 1 ? 'a day' : `${one} days`}</option>`)}</select></label><span class="faint small">The time and the filters above do not count here.</span></div>
    <div class="cards wide"><${Of} by="key" title="Keys" days=${days} page="keys" /><${Of} by="provider" title="Providers" days=${days} page="providers" /></div>`;
}

function Of({ by, title, days, page }) {
  const found = useReport('idle', { by, days, limit: 500 });
  const link = (row) => (may('admin') ? `/ui/${page}/${encodeURIComponent(row[by])}` : logLink({ id: 'all', query: {} }, { [by]: row[by] }));
  return html`<${ReportCard} of=${found} title=${html`${title} <span class="faint num">${found.data ? count(found.data.rows.length) : ''}</span>`} pad=${false} empty=${html`<${Empty} icon="check" title=${`No ${by} is idle`}>Each had a request in this time.<//>`}>
    ${(rows) => html`<${Table} label=${`Idle ${by}s`} rows=${rows} columns=${[{ key: by, title: title.slice(0, -1), render: (row) => html`<a href=${link(row)}>${nameOf(by, row)}</a>` },
      { key: 'last_hour', title: 'Last request', render: (row) => html`<${When} at=${row.last_hour} />` }, { key: 'days', title: 'Days', end: true, render: (row) => (row.days === null ? 'never' : count(row.days)) }]} />`}<//>`;
}
