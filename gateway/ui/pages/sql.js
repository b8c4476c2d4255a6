// @ts-check
// The SQL console: ask the archive anything, see the rows or a chart of them, keep the question.
import { html, sheet, useEffect, useMemo, useRef, useState } from '../lib.js';
import { get, patch, post, useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { useKeys } from '../kit/keys.js';
import { Page } from '../kit/layout.js';
import { Menu, ask, confirm, toast } from '../kit/overlay.js';
import { Badge, Button, Empty, Notice, Skeleton } from '../kit/parts.js';
import { pref } from '../kit/store.js';
import { Tabs } from '../kit/tabs.js';
import { count, seconds } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { useCommands } from '../shell/palette.js';
import { lastMonths, monthName } from './jobs/period.js';
import { Editor } from './sql/editor.js';
import { EXAMPLES } from './sql/examples.js';
import { ResultChart, ResultGrid } from './sql/result.js';
import { download, history, useRun } from './sql/run.js';
import { Side } from './sql/side.js';
import { chosen, placeOf } from './sql/words.js';

await sheet(new URL('./sql.css', import.meta.url));

const NEW = { sql: EXAMPLES[0][1], id: '', title: '', kept: '' };

export default function Sql() {
  const draft = pref('sql.draft', NEW), area = useRef(/** @type {any} */ (null));
  const how = pref('sql.how', { limit: 1000, seconds: 30 });
  const [query, setQuery] = useQuery();
  const [view, setView] = useState('rows');
  const run = useRun();
  const schema = useApi('/admin/sql/schema'), saved = useApi('/saved/queries', { query: { limit: 500 } });
  const tables = useMemo(() => schema.data?.tables ?? [], [schema.data]);
  const { sql, id, title } = draft.value, month = query.month ?? '';
  const asked = { ...how.value, month }, dirty = sql !== draft.value.kept;
  const set = (more) => (draft.value = { ...draft.value, ...more });
  /** Another statement takes the place of what was written; what was not kept anywhere can be had back. */
  const open = (one) => {
    const before = draft.value;
    put(one);
    if (one.sql !== before.sql && isLost(before)) toast('Another statement is in the editor', { kind: 'info', action: ['Back to mine', () => (set(before), setQuery({ sql: '', query: before.id }))] });
  };
  const put = (one) => (set({ sql: one.sql, id: one.id ?? '', title: one.title ?? '', kept: one.id ? one.sql : '' }), run.forget(), setQuery({ sql: '', query: one.id ?? '', ...(one.month !== undefined ? { month: one.month } : {}) }), area.current?.focus());
  useEffect(() => {
    if (query.sql) open({ sql: query.sql });
    else if (query.query && query.query !== id) get(`/saved/queries/${encodeURIComponent(query.query)}`).then((one) => open({ sql: one.body?.sql ?? '', month: one.body?.month ?? '', ...(one.own ? { id: one.id, title: one.title } : {}) }), toast.error);
  }, [query.sql, query.query]);
  const start = () => {
    const one = chosen(sql, area.current?.selectionStart ?? 0, area.current?.selectionEnd ?? 0);
    return run.run(one.sql, one.from, asked);
  };
  const keep = async (anew) => {
    const body = { sql, month }, about = sql.replace(/\s+/g, ' ').slice(0, 200);
    if (id && !anew) {
      await patch(`/saved/queries/${id}`, { body, about });
      toast(`“${title}” is saved`);
      return set({ kept: sql }), saved.reload();
    }
    const name = await ask({ title: 'Save the query', label: 'Name', value: title, hint: 'It stays with your key, on every machine.' });
    if (!name) return;
    const made = await post('/saved/queries', { title: name, about, body });
    toast(`“${name}” is saved`);
    set({ id: made.id, title: name, kept: sql });
    setQuery({ query: made.id, sql: '' });
    saved.reload();
  };
  const fresh = async () => {
    if (id && dirty && !(await confirm({ title: `Leave “${title}” as it was saved?`, text: 'What you changed since is lost.', action: 'Begin anew', danger: true }))) return;
    open({ sql: '' });
  };
  const safe = (work) => () => work().catch(toast.error);
  useKeys({ 'mod+enter': ['Run', start], 'mod+s': ['Save the query', safe(() => keep(false))], escape: ['Cancel the run', () => run.running && run.cancel()] }, 'SQL');
  useCommands([{ title: 'Run the statement', icon: 'play', run: start }, { title: 'Save the query', icon: 'star', run: safe(() => keep(false)) }, { title: 'New query', icon: 'plus', run: safe(fresh) }]);
  const wrong = useMemo(() => placed(run, sql), [run.error, sql]);
  return html`<${Page} title="SQL" fill class="sql" about="Ask the archive anything: one reading statement, in DuckDB’s SQL." actions=${html`<${Button} icon="plus" onClick=${fresh}>New<//><${Button} icon="star" onClick=${() => keep(false)}>${id ? 'Save' : 'Save …'}<//>${id && html`<${Menu} label="More" items=${[{ label: 'Save as a new query', icon: 'copy', onSelect: safe(() => keep(true)) }]} />`}`}>
    <div class="sql-room"><${Side} schema=${schema} saved=${saved} current=${id} insert=${(text) => inserted(area, sql, text, set)} open=${open} />
      <div class="sql-main">${id && html`<div class="row"><span class="strong cut">${title}</span>${dirty && html`<${Badge} kind="warn">changed<//>`}</div>`}
        <${Editor} value=${sql} onChange=${(text) => set({ sql: text })} onRun=${start} onCancel=${() => run.running && run.cancel()} tables=${tables} wrong=${wrong} area=${area} invalid=${!!run.error && run.error.code !== 'cancelled'} describedby="sql-said" />
        <${Bar} run=${run} start=${start} how=${how} month=${month} setMonth=${(next) => setQuery({ month: next })} asked=${asked} />
        <div id="sql-said" role="status">${run.error && html`<${Wrong} error=${run.error} jump=${wrong && (() => (area.current.focus(), area.current.setSelectionRange(wrong.from, wrong.to)))} />`}</div>
        <div class="sql-result">${run.answer ? html`<${Tabs} label="Result" tabs=${[['rows', 'Rows', run.answer.row_count.toLocaleString('en')], ['chart', 'Chart'], ['program', 'From a program']]} value=${view} onChange=${setView}>
            ${(run.answer.warnings ?? []).map((one) => html`<${Notice} kind="warn">${one}<//>`)}
            ${view === 'rows' ? html`<${ResultGrid} answer=${run.answer} />` : view === 'chart' ? html`<${ResultChart} answer=${run.answer} />` : html`<${Call} call=${{ method: 'POST', path: '/admin/sql', body: { sql: run.sql, month: month || undefined, limit: how.value.limit } }} />`}<//>`
          : run.running ? html`<${Skeleton} lines=${5} />` : html`<${Empty} icon="database" title="Ctrl-Enter runs the statement">Or what is selected of it. Tables and their columns are beside; Ctrl-Space completes a name.<//>`}</div></div></div><//>`;
}

/** Whether what was written is kept nowhere: not saved, not run, no example. */
const isLost = ({ sql, kept }) => !!sql.trim() && sql !== kept && !EXAMPLES.some(([, one]) => one === sql) && !history().value.some((one) => one.sql.trim() === sql.trim());

/** Where the error is, in the whole text; null when the text has changed since. */
function placed(run, sql) {
  if (!run.error?.message || sql.slice(run.from, run.from + run.sql.length) !== run.sql) return null;
  const found = placeOf(run.sql, run.error.message);
  return found && { from: found.from + run.from, to: found.to + run.from };
}

function inserted(area, sql, text, set) {
  const box = area.current, from = box.selectionStart, lead = /\w$/.test(sql.slice(0, from)) ? ' ' : '', made = lead + text;
  set({ sql: sql.slice(0, from) + made + sql.slice(box.selectionEnd) });
  requestAnimationFrame(() => (box.focus(), box.setSelectionRange(from + made.length, from + made.length)));
}

function Wrong({ error, jump }) {
  return html`<${Notice} kind=${error.code === 'cancelled' ? 'info' : 'bad'} title=${error.message} action=${jump && html`<${Button} small onClick=${jump}>Show where<//>`} />`;
}

const LIMITS = [100, 1000, 10000, 100000], SECONDS = [10, 30, 120, 300];

function Bar({ run, start, how, month, setMonth, asked }) {
  const pick = (label, value, options, set) => html`<select class="input" aria-label=${label} value=${value} onChange=${(e) => set(e.target.value)}>${options.map(([one, name]) => html`<option value=${one} selected=${String(one) === String(value)}>${name}</option>`)}</select>`;
  const answer = run.answer, file = (kind) => ({ label: kind === 'json' ? 'JSON, these rows' : `${kind === 'csv' ? 'CSV' : 'Parquet'}, all rows`, icon: 'download', onSelect: () => download(kind, run.sql, asked, answer).catch(toast.error) });
  return html`<div class="sql-bar">${run.running ? html`<${Button} icon="stop" onClick=${run.cancel}>Cancel<//>` : html`<${Button} primary icon="play" label="Ctrl-Enter" onClick=${start}>Run<//>`}
    ${pick('Month', month, [['', 'All months'], ...lastMonths().map((one) => [one, monthName(one)])], setMonth)}
    ${pick('Rows at most', how.value.limit, LIMITS.map((one) => [one, `${count(one)} rows`]), (value) => (how.value = { ...how.value, limit: Number(value) }))}
    ${pick('Time at most', how.value.seconds, SECONDS.map((one) => [one, `${one} s`]), (value) => (how.value = { ...how.value, seconds: Number(value) }))}
    <span class="grow"></span>${run.running && html`<${Since} at=${run.since} />`}
    ${!run.running && answer && html`<span class="small soft num" role="status">${count(answer.row_count)} ${answer.row_count === 1 ? 'row' : 'rows'} in ${seconds(answer.elapsed_ms / 1000)}${answer.cut ? ', and there are more' : ''}</span>
      <${Menu} label="Download" button=${html`Download`} items=${[file('csv'), file('json'), file('parquet')]} />`}</div>`;
}

function Since({ at }) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), 200);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="small soft num">${((Date.now() - at) / 1000).toFixed(1)} s</span>`;
}
