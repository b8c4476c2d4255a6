// @ts-check
// The archive by month: how much there was, what it came to, and the way to each month's jobs.
import { html } from '../../lib.js';
import { Columns } from '../../kit/chart.js';
import { Card, Empty, Loaded } from '../../kit/parts.js';
import { count, money, percent, short } from '../../kit/time.js';
import { go } from '../../shell/router.js';
import { Rows } from '../live/rows.js';
import { useReport } from './asked.js';
import { monthName } from './period.js';

export function History() {
  const found = useReport('usage', { by: 'month' });
  return html`<${Loaded} of=${found} lines=${6} empty=${html`<${Empty} icon="calendar" title="The archive is empty">Jobs are in it a second or two after they end, month by month.<//>`}>${(rows) => {
    const up = [...rows].reverse(), open = (month) => go('/ui/jobs', { period: month });
    const done = up.map((one) => one.requests - one.failed - one.cancelled);
    return html`<${Card} title="Requests by month"><${Columns} label="Requests by month" height=${180} format=${short} names=${up.map((one) => one.month)} onPick=${(i) => open(up[i].month)}
        series=${[{ name: 'done', values: done, color: 2 }, { name: 'failed', values: up.map((one) => one.failed), color: 7 }, { name: 'cancelled', values: up.map((one) => one.cancelled), color: 8 }]} /><//>
      <${Card} title="Months" pad=${false}><${Rows} label="Months" head=${['Month', '>Requests', '>Failed', '>Cancelled', '>Tokens in', '>Tokens out', '>Cost']} rows=${rows} id=${(one) => one.month} onOpen=${(one) => open(one.month)} row=${(one) => html`
        <th scope="row"><a href=${`/ui/jobs?period=${one.month}`}>${monthName(one.month)}</a></th><td class="end">${count(one.requests)}</td><td class="end">${count(one.failed)} <span class="faint">${percent(one.failed / one.requests)}</span></td><td class="end">${count(one.cancelled)}</td>
        <td class="end">${short(one.tokens_in)}</td><td class="end">${short(one.tokens_out)}</td><td class="end">${money(one.cost)}</td>`} /><//>`;
  }}<//>`;
}
