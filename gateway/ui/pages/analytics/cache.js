// @ts-check
// Answers out of our own cache, and prompts out of the providers': how many, over the time and by group.
import { html } from '../../lib.js';
import { TimeChart } from '../../kit/chart.js';
import { Table } from '../../kit/grid.js';
import { count, percent, short } from '../../kit/time.js';
import { ReportCard, useBy, useReport } from './parts.js';
import { nameOf, rowLink, slotOf } from './words.js';

/** @param {import('./overview.js').Place} place */
export function Cache({ period, filters, asked }) {
  const [by, pick] = useBy({ words: ['model', 'provider', 'op', 'key', 'user'], usual: 'model' });
  const over = useReport('cache', { ...asked, by: period.by }), groups = useReport('cache', { ...asked, by });
  return html`<div class="choices">${pick}</div>
    <${ReportCard} of=${over} title=${`Shares by ${period.by}`} lines=${6}>${(rows) => html`<${Shares} rows=${rows} by=${period.by} />`}<//>
    <${ReportCard} of=${groups} title="Cache hits" pad=${false}>${(rows) => html`<${Table} label="Cache hits" rows=${rows} columns=${[
      { key: 'name', title: 'Name', render: (row) => { const href = rowLink(by, row, period, filters); return href ? html`<a href=${href}>${nameOf(by, row)}</a>` : html`<span class="faint">${nameOf(by, row)}</span>`; } },
      { key: 'requests', title: 'Requests', end: true, render: (row) => count(row.requests) }, { key: 'from_our_cache', title: 'From our cache', end: true, render: (row) => count(row.from_our_cache) }, { key: 'our_share', title: 'Share', end: true, render: (row) => percent(row.our_share) },
      { key: 'tokens_in', title: 'Tokens in', end: true, render: (row) => short(row.tokens_in) }, { key: 'tokens_cached', title: 'Cached by the provider', end: true, render: (row) => short(row.tokens_cached) }, { key: 'providers_share', title: 'Share', end: true, render: (row) => percent(row.providers_share) },
      { key: 'tokens_written', title: 'Written', end: true, render: (row) => short(row.tokens_written) }]} />`}<//>`;
}

function Shares({ rows, by }) {
  const sorted = [...rows].sort((a, b) => slotOf(by, a[by]).from - slotOf(by, b[by]).from);
  return html`<${TimeChart} label=${`Cache shares by ${by}`} height=${210} format=${percent} times=${sorted.map((row) => slotOf(by, row[by]).from)}
    series=${[{ name: 'answers from our cache', values: sorted.map((row) => row.our_share) }, { name: 'prompt tokens from the provider’s', values: sorted.map((row) => row.providers_share) }]} />`;
}
