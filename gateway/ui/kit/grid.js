// @ts-check
// A table for 10 rows or 100,000: only the rows in sight exist, more are fetched as one scrolls, and a person chooses columns.
//
//   html`<${Grid} id="keys" label="API keys" rows=${keys} rowKey="id" onOpen=${(row) => go(`/ui/keys/${row.id}`)} columns=${[
//     { key: 'name', title: 'Name', width: 200 },
//     { key: 'state', title: 'State', width: 110, render: (row) => html`<${State} of=${row.state} />`, filter: ['on', 'revoked'] },
//     { key: 'cost', title: 'Cost', width: 100, end: true, render: (row) => money(row.cost) },
//     { key: 'notes', title: 'Notes', hidden: true },
//   ]} />`
//
//   Rows from the server, page by page (the server sorts, filters and searches):
//   html`<${Grid} id="jobs" label="Jobs" rowKey="id" source=${useSource('/admin/jobs')} columns=… />`
//   useSource(path, { query, rows: (answer) => answer.data, next: (answer) => answer.next, every: 5000 })
//   It asks `path?limit=&after=&q=&sort=&KEY=` with the filters by their column's key (or `param`).
//
// More: `pick` (rows can be chosen) with `actions=${(rows, clear) => buttons}`, `toolbar=${…}`, `empty=${…}`, `fill` (takes the height
// there is), `search=${false}`, `url` (filters, search and order in the address; one grid a page). `value: (row) => …` is what a column
// sorts, filters and exports by when `row[key]` is not it. `filter`: true (text), a list, or `{options, label}`. `sort: false`: not sortable.
// Keyboard: arrows, PageUp/Down, Home, End, Enter opens, Space picks.
import { cx, html, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from '../lib.js';
import { address, api, csv, recovered, save } from './api.js';
import { Icon } from './icons.js';
import { Menu, toast } from './overlay.js';
import { Button, Copy, Empty, Failed } from './parts.js';
import { pref } from './store.js';
import { count } from './time.js';
import { useQuery } from '../shell/router.js';

const HEIGHT = 40, BEYOND = 12, MOST = 100_000;

/** Rows of the server by cursor. @param {string} path @param {{query?: any, rows?: (answer: any) => any[], next?: (answer: any) => any, limit?: number, every?: number, sort?: boolean}} [how] `sort`: the server can order */
export function useSource(path, how = {}) {
  const key = address(path, how.query);
  return useMemo(() => ({
    path, every: how.every, sort: how.sort ?? false,
    address: (asked) => address(key, { ...asked, limit: asked.limit ?? how.limit ?? 100 }),
    async page(asked, signal) {
      const answer = await api(this.address(asked), { signal });
      return { rows: (how.rows ?? ((one) => one.data ?? one))(answer), next: how.next ? how.next(answer) : answer.next ?? null, total: answer.total };
    },
  }), [key]);
}

/**
 * @param {{id: string, label: string, columns: any[], rows?: any[], source?: any, rowKey?: string|((row: any) => any), onOpen?: (row: any) => void, href?: (row: any) => string,
 *   pick?: boolean, actions?: (rows: any[], clear: () => void) => any, toolbar?: any, empty?: any, error?: any, retry?: () => void, loading?: boolean, fill?: boolean, search?: boolean,
 *   url?: boolean, height?: number, most?: number, sort?: string, at?: any}} props `sort`: the first order, `-created` is descending; `at`: the key of the row that is open
 */
export function Grid(props) {
  const { label, rowKey, onOpen, pick, actions, toolbar, fill, height = HEIGHT, most = 560 } = props;
  const view = useView(props);
  const data = useRows(props, view);
  const box = useRef(/** @type {any} */ (null));
  const [top, setTop] = useState(0), [tall, setTall] = useState(600);
  const [at, setAt] = useState(-1);
  const [picked, setPicked] = useState(/** @type {Map<any, any>} */ (new Map()));
  const base = useId();
  const rows = data.rows, keyOf = keyed(rowKey);
  useLayoutEffect(() => {
    const see = new ResizeObserver(() => setTall(box.current?.clientHeight || 600));
    see.observe(box.current);
    return () => see.disconnect();
  }, []);
  const from = Math.max(0, Math.floor((top - 34) / height) - BEYOND), to = Math.min(rows.length, Math.ceil((top + tall) / height) + BEYOND);
  useEffect(() => {
    if (data.more && to > rows.length - 40) data.load();
  }, [to, rows.length, data.more, data.loading]);
  useEffect(() => (setAt(-1), setPicked(new Map()), box.current && (box.current.scrollTop = 0)), [view.stamp]);
  const move = (next) => {
    const where = Math.max(0, Math.min(rows.length - 1, next));
    setAt(where);
    const y = where * height, scroll = box.current;
    if (y < scroll.scrollTop) scroll.scrollTop = y;
    else if (y + height + 34 > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = y + height + 34 - scroll.clientHeight;
  };
  const toggle = (row) => setPicked((old) => {
    const next = new Map(old);
    if (!next.delete(keyOf(row))) next.set(keyOf(row), row);
    return next;
  });
  const keys = (event) => {
    if (event.target !== box.current) return;
    const step = Math.max(1, Math.floor((box.current.clientHeight - 34) / height) - 1);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + step, PageUp: at - step, Home: 0, End: rows.length - 1 }[event.key];
    if (next !== undefined) (event.preventDefault(), move(next));
    else if (event.key === 'Enter' && rows[at]) (event.preventDefault(), onOpen?.(rows[at]));
    else if (event.key === ' ' && rows[at]) (event.preventDefault(), pick ? toggle(rows[at]) : onOpen?.(rows[at]));
  };
  const columns = view.columns;
  const template = (pick ? '40px ' : '') + columns.map((one) => (one.width ? `minmax(${one.width}px, ${one.grow ?? (one.end ? 0.5 : 1)}fr)` : 'minmax(160px, 2fr)')).join(' ');
  const least = columns.reduce((sum, one) => sum + (one.width ?? 160), pick ? 40 : 0);
  const clear = () => setPicked(new Map());
  const fit = Math.min(most, Math.max(rows.length, 3) * height + 36 + (rows.length ? 0 : 110));
  const all = rows.length > 0 && picked.size === rows.length;
  return html`<div class=${cx('grid', { fill })}>
    ${picked.size > 0 && actions ? html`<div key="picked" class="toolbar"><div class="picked"><span class="strong num">${picked.size} chosen</span>${actions([...picked.values()], clear)}<span class="grow"></span><${Button} small ghost icon="close" onClick=${clear}>Clear<//></div></div>`
      : html`<${Toolbar} key="toolbar" props=${props} view=${view} data=${data} extra=${toolbar} />`}
    <div key="scroll" ref=${box} class=${cx('scroll', { fit: !fill })} role="grid" tabindex="0" aria-label=${label} aria-rowcount=${data.more ? -1 : rows.length + 1} aria-colcount=${columns.length} aria-multiselectable=${pick ? 'true' : null}
      aria-activedescendant=${at >= from && at < to ? `${base}-${at}` : null} aria-busy=${String(data.loading)} onScroll=${(e) => setTop(e.currentTarget.scrollTop)} onKeyDown=${keys} onFocus=${(e) => e.target === box.current && at < 0 && rows.length && setAt(0)}
      style=${{ '--columns': template, '--least': `${least}px`, '--height': `${height}px`, ...(fill ? {} : { height: `${fit}px` }) }}>
      <div class="gh" role="row" aria-rowindex="1">${pick && html`<div role="columnheader"><input type="checkbox" aria-label="Choose all that are loaded" checked=${all}
        onChange=${() => setPicked(all ? new Map() : new Map(rows.map((row) => [keyOf(row), row])))} /></div>`}${columns.map((one) => html`<${Head} key=${one.key} one=${one} view=${view} />`)}</div>
      <div class="rows" role="rowgroup" style=${{ height: `${rows.length * height}px` }}>${rows.slice(from, to).map((row, i) => {
        const where = from + i, mine = keyOf(row);
        return html`<div key=${mine} id=${`${base}-${where}`} role="row" aria-rowindex=${where + 2} aria-selected=${pick || props.at !== undefined ? String(picked.has(mine) || (props.at !== undefined && props.at === mine)) : null} class=${cx('gr', { at: where === at, can: !!onOpen })}
            style=${{ top: `${where * height}px` }} onClick=${(e) => press(e, row, where)}>
          ${pick && html`<div role="gridcell"><input type="checkbox" tabindex="-1" aria-label="Choose" checked=${picked.has(mine)} onClick=${(e) => e.stopPropagation()} onChange=${() => toggle(row)} /></div>`}
          ${columns.map((one) => html`<div key=${one.key} role="gridcell" class=${cx({ end: one.end, mono: one.mono })}>${one.render ? one.render(row) : html`<span>${plain(valueOf(one, row))}</span>`}</div>`)}</div>`;
      })}</div>
      ${!rows.length && html`<div role="row"><div role="gridcell" aria-colindex="1" aria-colspan=${columns.length}>${data.error ? html`<div class="row wrap" style=${{ padding: '16px' }}><div class="grow"><${Failed} error=${data.error} retry=${data.again} /></div></div>`
        : data.loading ? html`<div class="col gap-4" style=${{ padding: '14px' }}>${[80, 64, 72].map((w) => html`<span class="skeleton" style=${{ width: `${w}%` }}></span>`)}<span class="hidden">Loading</span></div>`
        : view.narrowed ? html`<${Empty} icon="search" title="Nothing matches" action=${html`<${Button} small onClick=${view.clear}>Clear search and filters<//>`}><//>`
        : props.empty ?? html`<${Empty} icon="list" title="Nothing here yet" />`}</div></div>`}
    </div>
    <div key="foot" class="foot"><span class="num" role="status">${foot(rows.length, data)}</span>${data.loading && rows.length > 0 && html`<${Icon} name="refresh" class="spin" size="12" />`}
      ${data.error && rows.length > 0 && html`<span class="bad-text cut">${data.error.message}</span><${Button} small ghost icon="refresh" onClick=${data.load}>Try again<//>`}</div>
  </div>`;

  function press(event, row, where) {
    if (event.target.closest('a,button,input,select,label,summary')) return;
    setAt(where);
    if (String(getSelection())) return;
    onOpen?.(row);
  }
}

const foot = (n, data) => `${count(n)}${data.more ? '+' : ''} ${n === 1 && !data.more ? 'row' : 'rows'}${data.total > n ? ` of ${count(data.total)}` : ''}`;
/** @param {string|((row: any) => any)} rowKey @returns {(row: any) => any} */
const keyed = (rowKey = 'id') => (typeof rowKey === 'function' ? rowKey : (row) => row[rowKey]);
const valueOf = (one, row) => (one.value ? one.value(row) : row[one.key]);
const plain = (value) => (value === null || value === undefined ? '' : Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? JSON.stringify(value) : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value));

function Head({ one, view }) {
  const mine = view.sort === one.key ? 1 : view.sort === `-${one.key}` ? -1 : 0;
  if (!view.sortable(one)) return html`<div role="columnheader" class=${cx({ end: one.end })}><span class="cut">${one.title}</span></div>`;
  return html`<div role="columnheader" class=${cx({ end: one.end })} aria-sort=${mine > 0 ? 'ascending' : mine < 0 ? 'descending' : 'none'}>
    <button type="button" onClick=${() => view.order(mine < 0 ? '' : mine > 0 ? `-${one.key}` : one.key)}><span class="cut">${one.title}</span>
      ${mine !== 0 && html`<${Icon} name=${mine > 0 ? 'up' : 'down'} size="12" />`}</button></div>`;
}

function Toolbar({ props, view, data, extra }) {
  const filters = props.columns.filter((one) => one.filter);
  const exported = async () => {
    const rows = await data.all();
    save(`${props.id}.csv`, csv(rows, view.columns.map((one) => ({ key: one.key, title: one.title, value: one.csv ?? ((row) => valueOf(one, row)) }))), 'text/csv');
    if (rows.length >= MOST) toast(`The file holds the first ${count(MOST)} rows.`, { kind: 'info' });
  };
  return html`<div class="toolbar" role="toolbar" aria-label=${`${props.label}: search and filters`}>
    ${props.search !== false && html`<div class="within"><${Icon} name="search" size="14" /><input class="input" type="search" placeholder="Search" aria-label=${`Search ${props.label}`} value=${view.typed} onInput=${(e) => view.type(e.target.value)} /></div>`}
    ${filters.map((one) => html`<${Filter} key=${one.key} one=${one} value=${view.filters[one.key] ?? ''} set=${(value) => view.filter(one.key, value)} />`)}
    ${view.narrowed && html`<${Button} small ghost icon="close" onClick=${view.clear}>Clear<//>`}
    <span class="grow"></span>${extra}
    ${props.source && html`<${Copy} text=${() => new URL(props.source.address(view.asked), location.href).href} label="Copy the API's address" small=${false} />`}
    <${Button} ghost icon="download" label="Export as CSV" onClick=${exported} />
    <${Menu} label="Columns" icon="columns" items=${props.columns.filter((one) => one.title).map((one) => ({ label: one.title, checked: view.shown(one), onSelect: () => view.show(one, !view.shown(one)) }))} /></div>`;
}

function Filter({ one, value, set }) {
  const [typed, setTyped] = useState(value);  // of its own: a redraw must not take away what is half typed
  useEffect(() => setTyped(value), [value]);
  const list = one.filter === true ? null : Array.isArray(one.filter) ? one.filter : one.filter.options;
  const name = one.filter.label ?? one.title;
  const wide = { width: list ? 'auto' : '130px', maxWidth: '180px' };
  if (!list) return html`<input class="input" style=${wide} placeholder=${name} aria-label=${`Filter by ${name}`} value=${typed} onInput=${(e) => setTyped(e.target.value)} onChange=${(e) => set(e.target.value)} onKeyDown=${(e) => e.key === 'Enter' && set(e.target.value)} />`;
  return html`<select class="input" style=${wide} aria-label=${`Filter by ${name}`} value=${value} onChange=${(e) => set(e.target.value)}><option value="">${name}: all</option>
    ${list.map((each) => { const [v, t] = Array.isArray(each) ? each : [each, each]; return html`<option value=${v} selected=${v === value}>${t}</option>`; })}</select>`;
}

/** What a person wants to see: order, filters, search, columns. @param {any} props */
function useView({ id, columns, source, url, sort: first = '' }) {
  const kept = pref(`grid.${id}`, { hidden: /** @type {any} */ (null), sort: '' });
  const [query, setQuery] = useQuery();
  const [own, setOwn] = useState(/** @type {Record<string, string>} */ ({}));
  const said = url ? query : own;
  const put = (more) => (url ? setQuery(more) : setOwn((old) => Object.fromEntries(Object.entries({ ...old, ...more }).filter(([, value]) => value))));
  const [typed, setTyped] = useState(said.q ?? '');
  const timer = useRef(0);
  useEffect(() => setTyped(said.q ?? ''), [said.q]);
  const filters = Object.fromEntries(columns.filter((one) => one.filter && said[one.key]).map((one) => [one.key, said[one.key]]));
  const sort = said.sort ?? (kept.value.sort || first);
  const hidden = kept.value.hidden ?? columns.filter((one) => one.hidden).map((one) => one.key);
  const params = Object.fromEntries(columns.filter((one) => filters[one.key]).map((one) => [one.param ?? one.key, filters[one.key]]));
  const asked = { ...params, ...(said.q ? { q: said.q } : {}), ...(source?.sort && sort ? { sort } : {}) };
  return {
    typed, filters, sort, asked, q: said.q ?? '', stamp: JSON.stringify([asked, sort]),
    narrowed: !!said.q || Object.keys(filters).length > 0,
    columns: columns.filter((one) => !hidden.includes(one.key)),
    shown: (one) => !hidden.includes(one.key),
    show: (one, yes) => (kept.value = { ...kept.value, hidden: yes ? hidden.filter((key) => key !== one.key) : [...hidden, one.key] }),
    sortable: (one) => one.sort !== false && one.title && (!source || source.sort),
    order: (next) => (put({ sort: next }), (kept.value = { ...kept.value, sort: next })),
    filter: (key, value) => put({ [key]: value }),
    type(text) {
      setTyped(text);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => put({ q: text }), source ? 250 : 60);
    },
    clear: () => (setTyped(''), put({ q: '', ...Object.fromEntries(columns.map((one) => [one.key, ''])) })),
  };
}

/** The rows to show: the given ones, narrowed and ordered here, or the server's, page after page. @param {any} props @param {any} view */
function useRows({ rows: given, source, columns, loading, error, retry, rowKey }, view) {
  const [state, set] = useState(/** @type {any} */ ({ rows: [], next: null, loading: true, error: null, total: 0 }));
  const going = useRef(/** @type {any} */ (null));
  const ask = (after, quiet = false) => {
    going.current?.abort();
    const mine = going.current = new AbortController(), over = () => going.current === mine && (going.current = null);
    set((old) => ({ ...old, ...(after || quiet ? {} : { rows: [], next: null }), loading: true, error: null }));
    source.page({ ...view.asked, ...(after ? { after } : {}) }, mine.signal).then(
      (page) => !mine.signal.aborted && set((old) => ({ rows: after ? [...old.rows, ...page.rows] : quiet && old.rows.length > page.rows.length && page.next ? merged(page.rows, old.rows, keyed(rowKey)) : page.rows,
        next: quiet && old.rows.length > page.rows.length ? old.next : page.next, loading: false, error: null, total: page.total ?? 0 })),
      (failed) => failed.name !== 'AbortError' && set((old) => ({ ...old, loading: false, error: failed }))).finally(over);
  };
  useEffect(() => {
    if (!source) return;
    ask(null);
    return () => going.current?.abort();
  }, [source, view.stamp]);
  useEffect(() => {
    if (!source) return;
    let first = true;
    const stop = recovered.subscribe(() => (first ? (first = false) : ask(null)));
    const timer = source.every ? setInterval(() => !document.hidden && !going.current && ask(null, true), source.every) : 0;
    return () => (stop(), clearInterval(timer));
  }, [source, view.stamp]);
  const own = useMemo(() => (given ? ordered(narrowed(given, columns, view), columns, view.sort) : []), [given, view.stamp, view.q]);
  if (!source) return { rows: own, more: false, loading: loading ?? given === undefined, error, load: () => {}, again: retry, all: async () => own, total: given?.length ?? 0 };
  return {
    ...state, more: state.next !== null && state.next !== undefined,
    load: () => !state.loading && state.next && ask(state.next),
    again: () => ask(null),
    async all() {
      const found = [...state.rows];
      for (let next = state.next; next && found.length < MOST;) {
        const page = await source.page({ ...view.asked, after: next, limit: 1000 });
        found.push(...page.rows);
        next = page.next;
      }
      return found;
    },
  };
}

/** Fresh first rows before the old ones that follow them. */
function merged(fresh, old, key) {
  const known = new Set(fresh.map(key));
  return [...fresh, ...old.filter((row) => !known.has(key(row)))];
}

function narrowed(rows, columns, view) {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const active = columns.filter((one) => view.filters[one.key]);
  if (!words.length && !active.length) return rows;
  return rows.filter((row) => active.every((one) => {
    const value = valueOf(one, row), wanted = view.filters[one.key];
    if (one.filter === true) return plain(value).toLowerCase().includes(wanted.toLowerCase());
    return Array.isArray(value) ? value.map(String).includes(wanted) : String(value) === wanted;
  }) && (!words.length || (() => { const text = columns.map((one) => plain(valueOf(one, row))).join(' ').toLowerCase(); return words.every((word) => text.includes(word)); })()));
}

function ordered(rows, columns, sort) {
  if (!sort) return rows;
  const down = sort[0] === '-', one = columns.find((each) => each.key === (down ? sort.slice(1) : sort));
  if (!one) return rows;
  const by = (row) => (one.order ?? ((each) => valueOf(one, each)))(row) ?? '';
  return [...rows].sort((a, b) => {
    const x = by(a), y = by(b);
    const less = typeof x === 'number' && typeof y === 'number' ? x - y : plain(x).localeCompare(plain(y), undefined, { numeric: true });
    return down ? -less : less;
  });
}

/** A short plain table, for a handful of rows inside a card. Columns as in Grid. */
export function Table({ columns, rows, label, onOpen }) {
  return html`<div class="scroll-x" tabindex="0" role="region" aria-label=${label}><table class="plain-table"><thead><tr>${columns.map((one) => html`<th scope="col" class=${cx({ end: one.end })}>${one.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr onClick=${onOpen && (() => onOpen(row))}>${columns.map((one) => html`<td class=${cx({ end: one.end, mono: one.mono })}>${one.render ? one.render(row) : plain(valueOf(one, row))}</td>`)}</tr>`)}</tbody></table></div>`;
}
