// @ts-check
// What fails, where, and what was said last; what was tried again, and whether that helped.
import { html } from '../../lib.js';
import { Columns, Ranks } from '../../kit/chart.js';
import { Table } from '../../kit/grid.js';
import { Empty } from '../../kit/parts.js';
import { When, count, iso, ms, percent, short } from '../../kit/time.js';
import { slots } from '../jobs/period.js';
import { ReportCard, useReport } from './parts.js';
import { logLink, slotOf, visit } from './words.js';

/** @param {import('./overview.js').Place} place */
export function Errors({ period, filters, asked }) {
  const errors = useReport('errors', { ...asked, limit: 200 }), over = useReport('usage', { ...asked, by: period.by });
  const retries = useReport('retries', asked), attempts = useReport('attempts', asked);
  const link = (row, more = {}) => logLink(period, filters, { outcome: 'failed', error: row.error, provider: row.provider, model: row.model, ...more });
  const fine = html`<${Empty} icon="check" title="Nothing failed in this time">Choose a longer time to look further back.<//>`;
  return html`<div class="cards wide">
      <${ReportCard} of=${over} title=${`Failures by ${period.by}`}>${(rows) => html`<${Failures} rows=${rows} period=${period} filters=${filters} />`}<//>
      <${ReportCard} of=${errors} title="By code" empty=${fine}>${(rows) => html`<${Ranks} label="Failures by code" format=${count} rows=${summed(rows).map(([code, n]) => ({ name: code, value: n, color: 7, href: logLink(period, filters, { error: code }) }))} />`}<//></div>
    <${ReportCard} of=${errors} title="What failed" pad=${false} empty=${fine}>${(rows) => html`<${Table} label="What failed" rows=${rows} columns=${[
      { key: 'error', title: 'Code', mono: true, render: (row) => html`<a href=${link(row)}>${row.error}</a>` }, { key: 'provider', title: 'Provider' }, { key: 'model', title: 'Model' },
      { key: 'requests', title: 'Requests', end: true, render: (row) => count(row.requests) }, { key: 'last_at', title: 'Last', render: (row) => html`<${When} at=${row.last_at} />` },
      { key: 'last_message', title: 'What was said last' }, { key: 'last_job', title: 'Request', mono: true, render: (row) => html`<a href=${link(row, { open: row.last_job })}>${row.last_job}</a>` }]} />`}<//>
    <div class="cards wide">
      <${ReportCard} of=${retries} title="Tried again" pad=${false}>${(rows) => html`<${Table} label="Tried again" rows=${rows} columns=${[{ key: 'provider', title: 'Provider', render: (row) => row.provider || 'none' }, { key: 'requests', title: 'Requests', end: true, render: (row) => count(row.requests) },
        { key: 'attempts', title: 'Attempts', end: true, render: (row) => count(row.attempts) }, { key: 'retried', title: 'Tried again', end: true, render: (row) => count(row.retried) }, { key: 'share', title: 'Share', end: true, render: (row) => percent(row.share) }, { key: 'saved', title: 'Done at last', end: true, render: (row) => count(row.saved) }]} />`}<//>
      <${ReportCard} of=${attempts} title="Attempts" pad=${false}>${(rows) => html`<${Table} label="Attempts" rows=${rows} columns=${[{ key: 'provider', title: 'Provider' }, { key: 'error', title: 'Ended with', render: (row) => row.error ?? 'success' },
        { key: 'attempts', title: 'Attempts', end: true, render: (row) => count(row.attempts) }, { key: 'tried_again', title: 'Tried again', end: true, render: (row) => count(row.tried_again) }, { key: 'mean_ms', title: 'On average', end: true, render: (row) => ms(row.mean_ms) }]} />`}<//></div>`;
}

function summed(rows) {
  const sums = new Map();
  for (const row of rows) sums.set(row.error, (sums.get(row.error) ?? 0) + row.requests);
  return [...sums];
}

function Failures({ rows, period, filters }) {
  const by = period.by, first = period.from ?? Math.min(...rows.map((row) => slotOf(by, row[by]).from));
  const times = slots(by, first, period.to), at = new Map(rows.map((row) => [row[by], row]));
  const of = (name) => times.map((one) => at.get(one.id)?.[name] ?? 0);
  return html`<${Columns} label=${`Failures by ${by}`} height=${210} format=${short} names=${times.map((one) => one.name)} series=${[{ name: 'failed', values: of('failed'), color: 7 }, { name: 'cancelled', values: of('cancelled'), color: 8 }]}
    onPick=${(i) => visit(logLink({ id: 'own', query: { from: iso(times[i].from), to: iso(times[i].to) } }, filters, { outcome: 'failed' }))} />`;
}
