// @ts-check
// What several views of analytics show: a report in a card with its SQL and CSV, and a choice of the word to group by.
import { html } from '../../lib.js';
import { address, useApi } from '../../kit/api.js';
import { Button, Card, Empty, Loaded } from '../../kit/parts.js';
import { useQuery } from '../../shell/router.js';
import { NAMES, TIMES, report } from './words.js';

/** A report, asked again when its question changes. @param {string} name @param {Record<string, any>} query */
export function useReport(name, query) {
  const found = useApi((signal) => report(name, query, signal), { deps: [name, JSON.stringify(query)] });
  return { ...found, name, query };
}

/** A card around a report. @param {{of: any, title: any, pad?: boolean, lines?: number, empty?: any, actions?: any, children: (rows: any[]) => any}} props */
export function ReportCard({ of, title, pad = true, lines, empty, actions, children }) {
  const csv = address(`/admin/reports/${of.name}`, { ...of.query, format: 'csv' });
  return html`<${Card} title=${title} pad=${pad} actions=${html`${actions}${of.data && html`<${Button} small ghost icon="database" label="Open as SQL" href=${address('/ui/sql', { sql: of.data.sql })} />`}
      <${Button} small ghost icon="download" label="Download as CSV" href=${csv} download />`}>
    <${Loaded} of=${of} lines=${lines}>${(answer) => (answer.rows.length ? children(answer.rows) : empty ?? html`<${Empty} icon="chart" title="Nothing in this time">Choose a longer time, or take a filter away.<//>`)}<//><//>`;
}

/** @param {{words: string[], usual: string, name?: string}} props */
export function useBy({ words, usual, name = 'by' }) {
  const [query, setQuery] = useQuery();
  const by = words.includes(query[name]) ? query[name] : usual;
  const pick = html`<label class="row"><span class="soft">By</span><select class="input" aria-label="By" value=${by} onChange=${(e) => setQuery({ [name]: e.target.value === usual ? '' : e.target.value })}>
    ${words.map((one) => html`<option value=${one} selected=${one === by}>${NAMES[one] ?? TIMES[one]}</option>`)}</select></label>`;
  return /** @type {[string, any]} */ ([by, pick]);
}
