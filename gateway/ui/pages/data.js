// @ts-check
// Every table of the archive, as it is: its columns, how many rows each month has, and the rows, page by page.
import { html, sheet, useMemo, useState } from '../lib.js';
import { address, post, useApi } from '../kit/api.js';
import { Columns } from '../kit/chart.js';
import { Grid, Table } from '../kit/grid.js';
import { Icon } from '../kit/icons.js';
import { Drawer } from '../kit/overlay.js';
import { Page, Split } from '../kit/layout.js';
import { Button, Card, Copy, Empty, Facts, Failed, Loaded, Skeleton } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { count, short } from '../kit/time.js';
import { go, useQuery } from '../shell/router.js';
import { OPERATORS, PAGE, perMonth, sizes, whole } from './data/sql.js';
import { lastMonths, monthName } from './jobs/period.js';
import { Cell, isNumber } from './sql/result.js';

await sheet(new URL('./analytics.css', import.meta.url));

export default function Data({ params }) {
  const schema = useApi('/admin/sql/schema');
  const tables = schema.data?.tables ?? [], table = tables.find((one) => one.name === params.table);
  const counted = useApi(tables.length ? (signal) => post('/admin/sql', { sql: sizes(tables) }, { signal }) : null, { deps: [tables.length] });
  const sizesOf = new Map((counted.data?.rows ?? []).map((row) => [row[0], row]));
  const list = tables.map((one) => html`<a class="item" key=${one.name} href=${`/ui/data/${one.name}`} aria-current=${one === table ? 'true' : null}><span class="strong mono cut">${one.name}</span>
    <span class="num small soft">${sizesOf.has(one.name) ? short(Number(sizesOf.get(one.name)[1])) : counted.error ? '–' : html`<${Icon} name="refresh" class="spin" size="11" />`}</span><span class="about">${one.about}</span></a>`);
  return html`<${Page} title=${table ? table.name : 'Data'} fill crumbs=${table ? [['Data', '/ui/data']] : undefined} about=${table ? table.about : 'Every table of the archive, with what is in it.'}>
    ${schema.error && html`<${Failed} error=${schema.error} retry=${schema.reload} />`}
    ${schema.loading && !schema.data ? html`<${Skeleton} lines=${8} />` : params.table && !table ? html`<${Empty} icon="database" title="There is no such table" action=${html`<${Button} href="/ui/data">All tables<//>`} />`
      : html`<div class="col grow data-list"><${Split} label="Tables" list=${list} detail=${table && html`<${Browse} key=${table.name} table=${table} />`} />
        ${!table && html`<div class="phone-hide"><${Empty} icon="database" title="Choose a table" action=${html`<${Button} href="/ui/data/requests">requests<//>`}>Rows that were not written to files yet are among them.<//></div>`}</div>`}<//>`;
}

/** The filters of the address, as long as they are filters. @returns {import('./data/sql.js').Where[]} */
function read(text) {
  try {
    const found = JSON.parse(text || '[]');
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one) && one.length === 3 && one.every((each) => typeof each === 'string')) : [];
  } catch {
    return [];
  }
}

function Browse({ table }) {
  const [query, setQuery] = useQuery();
  const where = read(query.where), month = /^\d{4}-\d\d$/.test(query.month ?? '') ? query.month : '', key = JSON.stringify([table.name, where, month]);
  const [row, setRow] = useState(/** @type {any} */ (null));
  const source = useRows(table, where, month, key);
  const columns = useMemo(() => table.columns.map((one) => ({ key: one.name, title: one.name, end: isNumber(one.type), width: WIDE[one.name] ?? Math.max(84, Math.min(240, one.name.length * 8 + (one.type === 'TIMESTAMP' ? 176 : 44))), hidden: LONG.has(one.name), render: (each) => html`<${Cell} value=${each[one.name]} />` })), [table.name]);
  const put = (next) => setQuery({ where: next.length ? JSON.stringify(next) : '' });
  return html`<${Tabs} label=${table.name} tabs=${[['rows', 'Rows'], ['columns', 'Columns', table.columns.length], ['months', 'Months']]} value=${query.view ?? 'rows'} onChange=${(next) => setQuery({ view: next === 'rows' ? '' : next })} />
    ${query.view === 'columns' ? html`<${Card} pad=${false}><${Table} label=${`Columns of ${table.name}`} rows=${table.columns} columns=${[{ key: 'name', title: 'Column', mono: true }, { key: 'type', title: 'Type', mono: true }, { key: 'about', title: 'Meaning' }]} /><//>`
      : query.view === 'months' ? html`<${Months} table=${table} where=${where} pick=${(next) => setQuery({ month: next, view: '' })} />`
      : html`<${WhereBar} table=${table} where=${where} put=${put} month=${month} setMonth=${(next) => setQuery({ month: next })} />
        <${Grid} id=${`data.${table.name}`} label=${`Rows of ${table.name}`} fill search=${false} source=${source} rowKey="row" columns=${columns} sort="" onOpen=${setRow} toolbar=${html`<${Button} small ghost icon="database" href=${address('/ui/sql', { sql: `${whole(table, where, month, '')}\nLIMIT 1000` })}>As SQL<//>`}
          empty=${html`<${Empty} icon="database" title=${where.length || month ? 'No row fits' : 'No row yet'} action=${(where.length || month) && html`<${Button} onClick=${() => setQuery({ where: '', month: '' })}>Show all<//>`}>${where.length || month ? 'Take a filter away, or choose another month.' : 'What happens is written here a second or two later.'}<//>`} />`}
    ${row && html`<${Drawer} onClose=${() => setRow(null)} title=${`A row of ${table.name}`} actions=${html`<${Copy} text=${() => JSON.stringify(row, null, 2)} label="Copy as JSON" small=${false} />${table.name === 'requests' && html`<${Button} small icon="logs" onClick=${() => go('/ui/logs', { open: row.job })}>In the log<//>`}`}>
      <${Facts} of=${table.columns.map((one) => [html`<span class="mono" data-tip=${one.about}>${one.name}</span>`, row[one.name] === null ? html`<span class="null">null</span>` : row[one.name] === '' ? html`<span class="null">empty</span>` : typeof row[one.name] === 'object' ? JSON.stringify(row[one.name]) : String(row[one.name])])} /><//>`}`;
}

/** Numbers of jobs, ids of keys: to be read whole. */
const WIDE = /** @type {Record<string, number>} */ ({ job: 156, key: 152, id: 190, model: 140, provider: 110 });
const LONG = new Set(['request', 'response', 'trail', 'detail', 'total_hist', 'first_hist', 'wait_hist', 'seq']);

/** Rows in pages, ordered by the server. */
function useRows(table, where, month, key) {
  return useMemo(() => ({
    path: '/admin/sql', sort: true,
    address: () => '/admin/sql',
    async page(asked, signal) {
      const from = Number(asked.after ?? 0), size = Math.min(asked.limit ?? PAGE, 1000);
      const answer = await post('/admin/sql', { sql: `${whole(table, where, month, asked.sort ?? '')}\nLIMIT ${size + 1} OFFSET ${from}`, limit: size + 1 }, { signal });
      const rows = answer.rows.slice(0, size).map((cells, i) => ({ ...Object.fromEntries(answer.columns.map((one, at) => [one.name, cells[at]])), row: from + i }));
      return { rows, next: answer.rows.length > size ? from + size : null };
    },
  }), [key]);
}

function WhereBar({ table, where, put, month, setMonth }) {
  const [column, setColumn] = useState(table.columns[0].name), [how, setHow] = useState('has'), [value, setValue] = useState('');
  const free = how !== 'null' && how !== 'some';
  const add = (event) => {
    event.preventDefault();
    if (free && !value) return;
    put([...where, [column, how, free ? value : '']]);
    setValue('');
  };
  const sign = (one) => OPERATORS.find(([id]) => id === one)?.[1] ?? one;
  return html`<form class="where" onSubmit=${add} aria-label="Filters"><select class="input" aria-label="Month" value=${month} onChange=${(e) => setMonth(e.target.value)}><option value="">All months</option>${[...new Set([...(month ? [month] : []), ...lastMonths(24)])].map((one) => html`<option value=${one} selected=${one === month}>${monthName(one)}</option>`)}</select>
    ${where.map((one, i) => html`<span class="chip" key=${i}><span class="mono">${one[0]}</span><span class="faint">${sign(one[1])}</span><span class="cut">${one[2]}</span><button type="button" aria-label=${`Remove the filter ${one[0]}`} onClick=${() => put(where.filter((_, at) => at !== i))}><${Icon} name="close" size="12" /></button></span>`)}
    <select class="input" aria-label="Column" value=${column} onChange=${(e) => setColumn(e.target.value)}>${table.columns.map((one) => html`<option value=${one.name} selected=${one.name === column}>${one.name}</option>`)}</select>
    <select class="input" aria-label="How" value=${how} onChange=${(e) => setHow(e.target.value)}>${OPERATORS.map(([id, name]) => html`<option value=${id} selected=${id === how}>${name}</option>`)}</select>
    ${free && html`<input class="input" aria-label="Value" placeholder="Value" value=${value} onInput=${(e) => setValue(e.target.value)} />`}<${Button} type="submit" icon="plus" disabled=${free && !value}>Filter<//></form>`;
}

function Months({ table, where, pick }) {
  const found = useApi((signal) => post('/admin/sql', { sql: perMonth(table, where) }, { signal }), { deps: [table.name, JSON.stringify(where)] });
  return html`<${Loaded} of=${found}>${(answer) => (answer.rows.length ? html`<${Card} title="Rows by month"><${Columns} label="Rows by month" height=${200} format=${short} names=${answer.rows.map((row) => row[0])} series=${[{ name: 'rows', values: answer.rows.map((row) => Number(row[1])) }]} onPick=${(i) => pick(answer.rows[i][0])} /><//>
    <${Card} pad=${false}><${Table} label="Rows by month" rows=${[...answer.rows].reverse()} columns=${[{ key: 0, title: 'Month', render: (row) => html`<${Button} small ghost onClick=${() => pick(row[0])}>${row[0]}<//>` }, { key: 1, title: 'Rows', end: true, render: (row) => count(Number(row[1])) }]} /><//>` : html`<${Empty} icon="database" title="No row yet">What happens is written here a second or two later.<//>`)}<//>`;
}
