// @ts-check
// One provider: how it is doing, what it serves, who serves it, what was changed and when, and the way back.
import { html } from '../lib.js';
import { post, useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Table } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { confirm, Menu, toast } from '../kit/overlay.js';
import { Badge, Button, Card, Empty, Facts, Failed, Loaded, Notice, Skeleton, Stat, State } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { ago, count, money, seconds } from '../kit/time.js';
import { go, useQuery } from '../shell/router.js';
import { Versions } from './admin/parts.js';
import { headersOf, Tags } from './providers/fields.js';
import { EditProvider } from './providers/form.js';
import { TestDialog } from './providers/test.js';
import { allTypes, typeOf } from './providers/types.js';
import { removed, switched, useProviders } from './providers.js';

export default function Provider({ params }) {
  const { name } = params;
  const list = useProviders();
  const [query, setQuery] = useQuery();
  const one = list.rows?.find((each) => each.name === name);
  const crumbs = /** @type {[string, string][]} */ ([['Providers', '/ui/providers']]);
  if (!list.rows) return html`<${Page} title=${name} crumbs=${crumbs}>${list.error ? html`<${Failed} error=${list.error} retry=${list.reload} />` : html`<${Skeleton} lines=${8} />`}<//>`;
  if (!one) return html`<${Page} title=${name} crumbs=${crumbs}><${Gone} name=${name} onBack=${list.reload} /><//>`;
  const actions = html`<${Button} icon="pulse" onClick=${() => setQuery({ test: 1 })}>Test<//><${Button} icon="edit" onClick=${() => setQuery({ edit: 1 })}>Change<//>
    <${Menu} label=${`More for ${name}`} items=${[
      { label: one.enabled ? 'Switch off' : 'Switch on', icon: one.enabled ? 'pause' : 'play', onSelect: () => switched(one).then(list.reload, toast.error) },
      { label: 'Its requests', icon: 'logs', href: `/ui/logs?provider=${encodeURIComponent(name)}` }, '-',
      { label: 'Remove', icon: 'trash', danger: true, onSelect: () => removed(name).then((done) => done && go('/ui/providers'), toast.error) },
    ]} />`;
  const tab = query.tab ?? 'now';
  return html`<${Page} title=${name} wide crumbs=${crumbs} actions=${actions} about=${html`<span class="row wrap"><${State} of=${one.shown} /><${Badge}>${one.kind}<//><${Tags} tags=${one.tags} /><span class="mono small">${one.base_url}</span></span>`}>
    ${one.live?.why && one.shown !== 'off' && html`<${Notice} kind=${one.shown === 'cooling' || one.shown === 'probing' ? 'warn' : 'bad'} title=${one.live.why}>${one.live.until ? `It goes on ${ago(one.live.until)}.` : one.live.since ? `Since ${ago(one.live.since)}.` : ''}<//>`}
    <${Tiles} one=${one} />
    <${Tabs} label=${`About ${name}`} tabs=${[['now', 'Overview'], ['models', 'Models'], ['history', 'History']]} value=${tab} onChange=${(id) => setQuery({ tab: id === 'now' ? '' : id })}>
      ${tab === 'models' ? html`<${Models} one=${one} />` : tab === 'history' ? html`<${History} name=${name} onBack=${list.reload} />` : html`<${Overview} one=${one} />`}<//>
    ${query.edit && html`<${Edit} one=${one} onClose=${() => setQuery({ edit: '' })} onSaved=${list.reload} />`}
    ${query.test && html`<${TestDialog} name=${name} models=${one.models.map((each) => each.name)} onClose=${() => setQuery({ test: '' })} />`}
  <//>`;
}

function Edit({ one, onClose, onSaved }) {
  const types = useApi(allTypes, { deps: [] });
  return types.data ? html`<${EditProvider} provider=${one} type=${typeOf(one, types.data)} onClose=${onClose} onSaved=${onSaved} />` : null;
}

function Tiles({ one }) {
  const live = one.live;
  return html`<div class="cards">
    <${Stat} name="In flight" icon="pulse" value=${`${live?.in_flight ?? 0} / ${one.slots}`} note=${one.reserve < 0 ? 'an eighth is kept for people who wait' : `${one.reserve} kept for people who wait`} />
    <${Stat} name="Latency" icon="clock" value=${seconds(live?.latency_seconds)} note=${`first token ${seconds(live?.first_seconds)}`} />
    <${Stat} name="Done" icon="check" value=${count(live?.done ?? 0)} note="since its agents started" />
    <${Stat} name="Failed" icon="alert" value=${count(live?.failed ?? 0)} kind=${live?.failed ? 'bad' : ''} note=${`${count(live?.retried ?? 0)} went on elsewhere`} />
  </div>`;
}

function Overview({ one }) {
  const limits = [['requests_per_minute', 'requests'], ['tokens_per_minute', 'tokens']].filter(([name]) => one[name]).map(([name, word]) => `${count(one[name])} ${word} a minute`);
  const headers = headersOf(one.headers).map((each) => (each.kept ? `${each.name}: ••••••` : `${each.name}: ${each.value}`));
  return html`<div class="col gap-4"><div class="cards wide"><${Card} title="How it is set"><${Facts} of=${[
      ['Type', one.type || one.kind], ['Address', one.base_url && html`<code>${one.base_url}</code>`],
      ['Key', one.key === 'sealed' ? 'sealed' : one.key.startsWith('env:') ? html`from <code>${one.key.slice(4)}</code>` : 'none'],
      ['Headers', headers.length ? html`<code>${headers.join(', ')}</code>` : null], ['Priority', `${one.priority} (0 first, 9 last)`], ['Queue', one.pool || one.name],
      ['Limits', limits.length ? limits.join(', ') : 'none known'], ['Timeouts', `${seconds(one.connect_timeout)} to connect, ${seconds(one.first_timeout)} to the first word, ${seconds(one.stall_timeout)} of silence`],
      ['Checks', one.check_seconds ? `every ${seconds(one.check_seconds)}` : 'none'], ['Only on', one.host], ['Notes', one.about],
    ]} /><//>
    <${Card} title="Agents that serve it" pad=${false}>${one.agents.length ? html`<${Table} label="Agents" rows=${one.agents} columns=${[
      { key: 'agent', title: 'Agent', mono: true }, { key: 'host', title: 'Machine' }, { key: 'slots', title: 'Slots', end: true, render: (each) => `${each.in_flight} / ${each.slots}` },
      { key: 'state', title: 'State', render: (each) => html`<${State} of=${each.draining ? 'draining' : each.reason ? 'cooling' : 'ready'} />${each.reason && html`<div class="small soft">${each.reason}</div>`}` },
    ]} />` : html`<${Empty} icon="server" title=${one.enabled ? 'No agent serves it now' : 'It is switched off'}>${one.enabled ? html`Start one: <code>ai-server agent ${one.name}</code>` : 'Agents serve what is switched on.'}<//>`}<//></div>
    <section class="col gap-3"><h2>From a program</h2><${Call} label="Read this provider" call=${{ method: 'GET', path: `/admin/providers/${one.name}` }} /></section></div>`;
}

function Models({ one }) {
  const models = useApi('/admin/models', { every: 15000 });
  return html`<${Loaded} of=${models}>${(answer) => {
    const served = answer.data.flatMap((each) => each.providers.filter((by) => by.provider === one.name).map((by) => ({ ...each, ...by })));
    const missing = one.models.filter((each) => !served.some((by) => by.native === (each.native || each.name) || by.id === each.name)).map((each) => ({ id: each.name, native: each.native || each.name, op: each.op ?? 'chat', online: false, missing: true, aliases: each.aliases ?? [] }));
    const rows = [...served, ...missing].filter((each) => each.id !== 'default');
    return rows.length ? html`<${Card} pad=${false}><${Table} label="Models" rows=${rows} columns=${[
      { key: 'id', title: 'Model', render: (each) => html`<span class="strong">${each.id}</span>${each.aliases?.length > 0 && html`<div class="small faint">${each.aliases.join(', ')}</div>`}` },
      { key: 'native', title: 'There it is called', mono: true }, { key: 'op', title: 'Does', render: (each) => each.op.replaceAll('_', ' ') },
      { key: 'online', title: 'Now', render: (each) => html`<${Badge} dot kind=${each.online ? 'ok' : 'bad'}>${each.missing ? 'not served' : each.online ? 'there' : 'not there'}<//>` },
      { key: 'price', title: 'Price for 1 M tokens', end: true, render: (each) => (each.price ? `${money(each.price.input)} in, ${money(each.price.output)} out` : '–') },
      { key: 'context', title: 'Context', end: true, render: (each) => (each.context ? count(each.context) : '–') },
    ]} /><//>` : html`<${Empty} icon="cube" title="No models yet">They are listed as soon as an agent has asked the provider for them.<//>`;
  }}<//>`;
}

const back = (name, done) => async (version) => {
  const sure = await confirm({ title: `Back to version ${version.revision}?`, text: `${name} is then as it was on ${new Date(version.at).toLocaleString()}. What is now stays in the history.`, action: 'Roll back' });
  if (!sure) return;
  await post(`/admin/providers/${name}/rollback`, { revision: version.revision });
  toast(`${name} is as it was.`);
  done();
};

function History({ name, onBack, gone = false }) {
  const history = useApi(`/admin/providers/${name}/history`);
  return html`<${Loaded} of=${history}>${(answer) => html`<${Versions} versions=${answer.data} gone=${gone} onBack=${back(name, () => (history.reload(), onBack()))} />`}<//>`;
}

/** It is not there, but may have been. */
function Gone({ name, onBack }) {
  const history = useApi(`/admin/providers/${encodeURIComponent(name)}/history`);
  if (history.error?.status === 404) return html`<${Empty} icon="server" title=${`There is no provider called ${name}`} action=${html`<${Button} href="/ui/providers">All providers<//>`}><//>`;
  return html`<div class="col gap-4"><${Notice} kind="warn" title=${`${name} was removed.`}>Any version below brings it back.<//><${Loaded} of=${history}>${(answer) => html`<${Versions} gone versions=${answer.data} onBack=${back(name, onBack)} />`}<//></div>`;
}
