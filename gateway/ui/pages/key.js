// @ts-check
// One key: its rights and limits, what it has used of them, its last month, and what was done to it.
import { html } from '../lib.js';
import { get, useApi } from '../kit/api.js';
import { Spark } from '../kit/chart.js';
import { Call } from '../kit/code.js';
import { Page } from '../kit/layout.js';
import { useModels } from '../kit/models.js';
import { Menu } from '../kit/overlay.js';
import { Badge, Button, Card, Empty, Facts, Failed, Notice, Skeleton, Stat, State } from '../kit/parts.js';
import { ago, bytes, count, exact, money, short, When } from '../kit/time.js';
import { objects } from './analytics/words.js';
import { Changes, detailOf, Meter } from './admin/parts.js';
import { Preview } from './keys/patterns.js';
import { limitsOf, menuOf, stateOf, useKeyActs } from './keys.js';

const DAYS = 30;

export default function Key({ params }) {
  const one = useApi(`/admin/keys/${params.id}`, { every: 15000 });
  const { setQuery, overlay } = useKeyActs(one.reload);
  const key = one.data;
  const crumbs = /** @type {[string, string][]} */ ([['Keys', '/ui/keys']]);
  if (one.error?.status === 404) return html`<${Page} title="No such key" crumbs=${crumbs}><${Empty} icon="key" title="There is no such key" action=${html`<${Button} href="/ui/keys">All keys<//>`}>${one.error.message}<//><//>`;
  if (!key || key.id !== params.id) return html`<${Page} title="Key" crumbs=${crumbs}>${one.error ? html`<${Failed} error=${one.error} retry=${one.reload} />` : html`<${Skeleton} lines=${8} />`}<//>`;
  const live = key.state === 'active' || key.state === 'disabled';
  const actions = html`${live && !key.replaced_by && html`<${Button} icon="refresh" onClick=${() => setQuery({ rotate: key.id })}>Rotate<//>`}<${Button} icon="edit" onClick=${() => setQuery({ edit: key.id })}>Change<//>
    <${Menu} label=${`More for ${key.name}`} items=${menuOf(key, setQuery, one.reload)} />`;
  return html`<${Page} title=${key.name} wide crumbs=${crumbs} actions=${actions} about=${html`<span class="row wrap"><${State} of=${stateOf(key)} />${key.scopes.map((each) => html`<${Badge} kind=${each === 'admin' ? 'warn' : 'accent'}>${each}<//>`)}<span class="mono small">${key.prefix}…</span>${key.user && html`<span class="small">of ${key.user}</span>`}</span>`}>
    <${Told} key_=${key} />
    <${Usage} key_=${key} />
    <div class="cards wide"><${Rights} key_=${key} /><${Used} key_=${key} /></div>
    <${Trail} id=${key.id} />
    <section class="col gap-3"><h2>From a program</h2><${Call} label="Read this key" call=${{ method: 'GET', path: `/admin/keys/${key.id}` }} /></section>
    ${overlay([key])}
  <//>`;
}

/** Where it comes from and goes to. */
function Told({ key_ }) {
  const to = (id, text) => html`<a href=${`/ui/keys/${id}`}>${text}</a>`;
  if (key_.replaced_by) return html`<${Notice} kind="warn" title="It was rotated.">${key_.state === 'ending' ? `Both work until ${exact(key_.expires)}. ` : ''}${to(key_.replaced_by, 'Its successor')}<//>`;
  if (key_.state === 'disabled') return html`<${Notice} kind="warn" title=${`Switched off ${ago(key_.disabled)}.`}>It is refused until it is switched on again.<//>`;
  if (key_.replaces) return html`<${Notice} title="It replaces another key.">${to(key_.replaces, 'The one before it')}<//>`;
  return null;
}

/** Requests by day, from the archive. */
function Usage({ key_ }) {
  const dates = Array.from({ length: DAYS }, (_, i) => new Date(Date.now() - (DAYS - 1 - i) * 86400000).toISOString().slice(0, 10));
  const days = useApi('/admin/reports/usage', { query: { key: key_.id, by: 'day', from: dates[0] } });
  const found = days.data ? objects(days.data) : [];
  const sum = (name) => found.reduce((all, row) => all + (row[name] ?? 0), 0);
  const by = Object.fromEntries(found.map((row) => [row.day, row.requests]));
  const values = dates.map((one) => by[one] ?? 0);
  if (days.error) return html`<${Notice} title="Its history can’t be read now.">${days.error.message}<//>`;
  return html`<div class="cards"><${Card} title=${`Requests of ${DAYS} days`}>${days.data ? html`<${Spark} values=${values} label=${`Requests a day: ${values.join(', ')}`} /><div class="small faint">most on a day: ${count(Math.max(...values))}</div>` : html`<${Skeleton} lines=${2} />`}<//>
    <${Stat} name="Requests" icon="logs" value=${days.data && short(sum('requests'))} note=${`in ${DAYS} days`} href=${`/ui/logs?key=${key_.id}`} />
    <${Stat} name="Tokens" icon="text" value=${days.data && short(sum('tokens_in') + sum('tokens_out'))} note=${`${short(sum('tokens_out'))} of them answers`} />
    <${Stat} name="Cost" icon="dollar" value=${days.data && money(sum('cost'))} note="at list prices or yours" /></div>`;
}

function Rights({ key_ }) {
  const models = useModels('');
  return html`<${Card} title="What it may do"><div class="col gap-4"><${Facts} of=${[
    ['Scopes', key_.scopes.join(', ') || 'none: an app'], ['APIs', key_.apis.length ? key_.apis.map((one) => one.replaceAll('_', ' ')).join(', ') : 'all'], ['Models', key_.models.length ? html`<code>${key_.models.join(', ')}</code>` : 'all'],
    ['Priority', key_.priority], ['Limits', limitsOf(key_).join(', ') || 'none'], ['Expires', key_.expires ? html`<${When} at=${key_.expires} />` : 'never'], ['Bodies', { on: 'kept in the archive', off: 'never kept' }[key_.bodies] ?? 'as the setting says'],
    ['Cache', key_.cache_seconds ? `${count(key_.cache_seconds)} s` : null], ['Last used', html`<${When} at=${key_.last_used} />`], ['Created', html`<${When} at=${key_.created} />`], ['Tenant', key_.tenant === 'default' ? null : key_.tenant], ['User’s id', key_.user_id], ['Reference', key_.ref],
    ['More', Object.keys(key_.meta ?? {}).length ? html`<code>${JSON.stringify(key_.meta)}</code>` : null], ['Notes', key_.notes], ['Id', html`<code>${key_.id}</code>`],
  ]} />${key_.models.length > 0 && html`<${Preview} patterns=${key_.models} models=${models.map((one) => one.id)} />`}</div><//>`;
}

export function Used({ key_ }) {
  const { spent = {}, storage } = key_;
  return html`<${Card} title="What it has used"><div class="col gap-4">
    ${key_.budget_day > 0 && html`<${Meter} name="Spent today (UTC)" used=${spent.day ?? 0} of=${key_.budget_day} format=${money} />`}
    ${key_.budget_month > 0 && html`<${Meter} name="Spent this month" used=${spent.month ?? 0} of=${key_.budget_month} format=${money} />`}
    ${!key_.budget_day && !key_.budget_month && html`<p class="faint small">It has no budget; what it cost is in the reports.</p>`}
    ${storage && html`<${Meter} name=${`Stored in ${count(storage.files)} ${storage.files === 1 ? 'file' : 'files'}`} used=${storage.used_bytes} of=${storage.limit_bytes} format=${bytes} />`}</div><//>`;
}

/** What was done to it. */
function Trail({ id }) {
  const acts = useApi(() => get('/admin/audit', { name: id, limit: 8 }), { deps: [id] });
  if (acts.error) return null;
  return html`<${Card} title="What was done to it" actions=${html`<${Button} small ghost href=${`/ui/audit?name=${id}`}>All of it<//>`} pad=${false}>${!acts.data ? html`<div class="body"><${Skeleton} lines=${3} /></div>` : !acts.data.data.length ? html`<${Empty} icon="shield" title="Nothing in the trail yet" />`
    : acts.data.data.map((one) => html`<div class="version" key=${one.id}><div class="grow col gap-1"><div class="row wrap"><span class="strong">${one.action.replaceAll('_', ' ')}</span><span class="small soft"><${When} at=${one.time} /> by ${one.actor_name ?? one.actor}</span></div>
      <${Changes} plain of=${detailOf(one)} /></div></div>`)}<//>`;
}
