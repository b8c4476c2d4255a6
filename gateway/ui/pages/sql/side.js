// @ts-check
// Beside the editor: the tables with what their columns mean, saved queries (own and shared), what was run lately, examples.
import { html, useState } from '../../lib.js';
import { get, del, patch } from '../../kit/api.js';
import { Icon } from '../../kit/icons.js';
import { Menu, ask, confirm, toast } from '../../kit/overlay.js';
import { Badge, Empty, Loaded } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { pref } from '../../kit/store.js';
import { When, count, seconds } from '../../kit/time.js';
import { may } from '../../shell/session.js';
import { EXAMPLES } from './examples.js';
import { history } from './run.js';

/** @param {{schema: any, saved: any, current: any, insert: (text: string) => void, open: (draft: {sql: string, id?: string, title?: string, month?: string}) => void}} props */
export function Side({ schema, saved, current, insert, open }) {
  const tab = pref('sql.side', 'tables');
  const panel = { tables: html`<${Tables} schema=${schema} insert=${insert} />`, saved: html`<${Saved} saved=${saved} current=${current} open=${open} />`, history: html`<${History} open=${open} />`, examples: html`<${Examples} open=${open} />` }[tab.value];
  return html`<aside class="sql-side" aria-label="Tables and queries"><${Tabs} label="Beside the editor" tabs=${[['tables', 'Tables'], ['saved', 'Saved'], ['history', 'History'], ['examples', 'Examples']]} value=${tab.value} onChange=${(next) => (tab.value = next)}>${panel}<//></aside>`;
}

function Tables({ schema, insert }) {
  const [q, setQ] = useState('');
  const fits = (one) => `${one.name} ${one.about}`.toLowerCase().includes(q.toLowerCase());
  return html`<${Loaded} of=${schema}>${({ tables }) => html`<div class="col gap-1"><input class="input bare" type="search" placeholder="Find a column" aria-label="Find a column" value=${q} onInput=${(e) => setQ(e.target.value)} />
    <ul class="tree">${tables.map((table) => [table, table.columns.filter((one) => !q || fits(one) || fits(table))]).filter(([, columns]) => columns.length).map(([table, columns]) => html`<li key=${table.name}><details open=${!!q || table.name === 'requests'}>
      <summary data-tip=${table.about}>${table.name} <span class="faint small num">${table.columns.length}</span></summary>
      <ul>${columns.map((one) => html`<li key=${one.name}><button type="button" data-tip=${`${one.about} (${one.type})`} onClick=${() => insert(one.name)}><span class="cut">${one.name}</span><span class="type">${one.type.toLowerCase()}</span></button></li>`)}</ul></details></li>`)}</ul></div>`}<//>`;
}

function Saved({ saved, current, open }) {
  const load = async (one) => {
    const whole = await get(`/saved/queries/${one.id}`);
    open({ sql: whole.body?.sql ?? '', month: whole.body?.month ?? '', ...(one.own ? { id: one.id, title: one.title } : {}) });
    if (!one.own) toast('A shared query: what you save is your own copy', { kind: 'info' });
  };
  const rename = async (one) => {
    const title = await ask({ title: 'Rename the query', label: 'Name', value: one.title });
    if (title) (await patch(`/saved/queries/${one.id}`, { title }), saved.reload());
  };
  const drop = async (one) => {
    if (!(await confirm({ title: `Delete “${one.title}”?`, text: one.shared ? 'It is shared: it is gone for everybody.' : 'The query is gone; the archive stays as it is.', action: 'Delete the query', danger: true }))) return;
    await del(`/saved/queries/${one.id}`);
    toast(`“${one.title}” is deleted`);
    saved.reload();
  };
  const share = async (one) => {
    await patch(`/saved/queries/${one.id}`, { shared: !one.shared });
    toast(one.shared ? 'Only you see it now' : 'Every key of this tenant that may ask sees it now');
    saved.reload();
  };
  const safely = (work) => () => work().catch(toast.error);
  return html`<${Loaded} of=${saved} empty=${html`<${Empty} icon="star" title="Nothing saved yet">Write a statement and press Ctrl-S: it stays with your key, on every machine.<//>`}>${(all) => all.data.map((one) => html`<div class="item" key=${one.id} aria-current=${current === one.id ? 'true' : null}>
    <button type="button" class="open" onClick=${safely(() => load(one))}><span class="row"><span class="cut strong">${one.title}</span>${one.shared && html`<${Badge} kind="accent">shared<//>`}</span><span class="mono">${one.about}</span></button>
    ${one.own && html`<${Menu} small label=${`More for ${one.title}`} items=${[{ label: 'Rename', icon: 'edit', onSelect: safely(() => rename(one)) }, may('admin') && { label: one.shared ? 'Stop sharing' : 'Share with all keys', icon: 'globe', onSelect: safely(() => share(one)) }, '-', { label: 'Delete', icon: 'trash', danger: true, onSelect: safely(() => drop(one)) }]} />`}</div>`)}<//>`;
}

function History({ open }) {
  const kept = history();
  if (!kept.value.length) return html`<${Empty} icon="history" title="Nothing run yet">The last 50 statements are kept in this browser.<//>`;
  const clear = async () => {
    const before = kept.value;
    kept.value = [];
    toast('The history is cleared', { action: ['Undo', () => (kept.value = before)] });
  };
  return html`${kept.value.map((one) => html`<div class="item" key=${one.at}><button type="button" class="open" onClick=${() => open({ sql: one.sql, month: one.month })}><span class="mono">${one.sql.replace(/\s+/g, ' ')}</span>
      <span class="small faint"><${When} at=${one.at} /> · ${one.error ? html`<span class="bad-text">failed</span>` : `${count(one.rows)} rows`} · ${seconds(one.ms / 1000)}</span></button></div>`)}
    <div class="item"><button type="button" class="open soft small" onClick=${clear}><${Icon} name="trash" size="12" /> Clear the history</button></div>`;
}

const Examples = ({ open }) => EXAMPLES.map(([title, sql]) => html`<div class="item" key=${title}><button type="button" class="open" onClick=${() => open({ sql })}><span class="strong">${title}</span><span class="mono">${sql.replace(/\s+/g, ' ')}</span></button></div>`);

