// @ts-check
// Providers: where capacity comes from. The list with how each is doing now; add one from a card, switch, test, change, remove.
import { html } from '../lib.js';
import { del, post, useApi } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { confirm, Menu, toast } from '../kit/overlay.js';
import { Badge, Button, Empty, State } from '../kit/parts.js';
import { useKeys } from '../kit/keys.js';
import { ago, count, seconds } from '../kit/time.js';
import { go, useQuery } from '../shell/router.js';
import { useCommands } from '../shell/palette.js';
import { Tile } from './admin/parts.js';
import { Tags, tagsOf } from './providers/fields.js';
import { AddProvider, EditProvider } from './providers/form.js';
import { TestDialog } from './providers/test.js';
import { allTypes, typeOf } from './providers/types.js';

/** Each provider as it is set, with what the live view says of it, its tags, and what people read of its notes (`about`). */
export function useProviders() {
  const set = useApi('/admin/providers', { every: 5000 });
  const live = useApi('/admin/live', { every: 5000 });
  const now = Object.fromEntries((live.data?.providers ?? []).map((one) => [one.name, one]));
  const rows = set.data?.data.filter((one) => one.kind !== 'callbacks').map((one) => ({ ...one, live: now[one.name], shown: shownState(one, now[one.name]), tags: tagsOf(one.notes).tags, about: tagsOf(one.notes).notes }));
  return { ...set, rows, reload: () => (set.reload(), live.reload()) };
}

/** What was set a moment ago is known before the live view has heard of it. */
const shownState = (one, live) => (one.state === 'off' || one.state === 'away' || !live ? one.state : live.state);

export async function removed(name) {
  const sure = await confirm({ title: `Remove ${name}?`, text: 'Calls under way go on to their end. Its history stays: it can be brought back.', action: `Remove ${name}`, danger: true });
  if (!sure) return false;
  await del(`/admin/providers/${name}`);
  toast(`${name} is removed.`, { seconds: 10, action: ['Bring it back', () => go(`/ui/providers/${name}`, { tab: 'history' })] });
  return true;
}

export const switched = async (one) => {
  await post(`/admin/providers/${one.name}/${one.enabled ? 'disable' : 'enable'}`);
  toast(`${one.name} is switched ${one.enabled ? 'off' : 'on'}.`);
};

export default function Providers() {
  const list = useProviders();
  const types = useApi(allTypes, { deps: [] });
  const [query, setQuery] = useQuery();
  const names = (list.rows ?? []).map((one) => one.name);
  const type = query.add && query.add !== 'choose' ? types.data?.find((one) => one.id === query.add) : null;
  const editing = list.rows?.find((one) => one.name === query.edit), testing = list.rows?.find((one) => one.name === query.test);
  const tags = [...new Set((list.rows ?? []).flatMap((one) => one.tags))].sort(), kinds = [...new Set((list.rows ?? []).map((one) => one.kind))].sort();
  const add = () => setQuery({ add: 'choose' });
  useKeys({ n: ['Add a provider', add] });
  useCommands([{ title: 'Add a provider', icon: 'plus', run: add }]);
  const button = html`<${Button} primary icon="plus" label="Add a provider (n)" onClick=${add}>Add provider<//>`;
  return html`<${Page} title="Providers" wide about="Where capacity comes from: services, machines of your own, tools. A change is in force everywhere within a second." actions=${button}>
    <${Grid} id="providers" label="Providers" rows=${list.rows} rowKey="name" url error=${list.error} retry=${list.reload} sort="priority" most=${720} onOpen=${(row) => go(`/ui/providers/${row.name}`)} columns=${columns({ kinds, tags, list, setQuery, types: types.data ?? [] })}
      empty=${html`<${Empty} icon="server" title="No provider yet" action=${button}>A provider answers requests: a service with a key, an Ollama or ComfyUI of your own, or a tool of this machine.<//>`} />
    ${query.add && (query.add === 'choose' || types.data) && html`<${AddProvider} type=${type} names=${names} onType=${(one) => setQuery({ add: one ? one.id : 'choose' })} onClose=${() => setQuery({ add: '' })} onSaved=${list.reload} />`}
    ${editing && types.data && html`<${EditProvider} key=${editing.name} provider=${editing} type=${typeOf(editing, types.data)} onClose=${() => setQuery({ edit: '' })} onSaved=${list.reload} />`}
    ${testing && html`<${TestDialog} name=${testing.name} models=${testing.models.map((one) => one.name)} onClose=${() => setQuery({ test: '' })} />`}
  <//>`;
}

function columns({ kinds, tags, list, setQuery, types }) {
  return [
    { key: 'name', title: 'Provider', width: 140, render: (row) => html`<${Tile} small name=${typeOf(row, types)?.title ?? row.name} /><span class="strong cut">${row.name}</span>` },
    { key: 'shown', title: 'State', width: 96, filter: ['ready', 'probing', 'cooling', 'offline', 'draining', 'away', 'off'], render: (row) => html`<span data-tip=${row.live?.why || null}><${State} of=${row.shown} /></span>` },
    { key: 'kind', title: 'Kind', width: 80, filter: kinds },
    { key: 'count', title: 'Models', width: 76, end: true, value: (row) => row.agents.reduce((most, one) => Math.max(most, one.models), row.models.length) },
    { key: 'slots', title: 'Slots', width: 116, value: (row) => row.slots, render: (row) => html`<span class="slots"><span class="bar" aria-hidden="true"><i style=${{ width: `${Math.min(100, ((row.live?.in_flight ?? 0) / row.slots) * 100)}%` }}></i></span><span class="num">${row.live?.in_flight ?? 0} / ${row.slots}</span></span>` },
    { key: 'latency', title: 'Latency', width: 76, end: true, value: (row) => row.live?.latency_seconds ?? null, render: (row) => html`<span>${seconds(row.live?.latency_seconds)}</span>` },
    { key: 'first', title: 'First token', width: 100, end: true, hidden: true, value: (row) => row.live?.first_seconds ?? null, render: (row) => html`<span>${seconds(row.live?.first_seconds)}</span>` },
    { key: 'cooldown', title: 'Outage', width: 96, value: (row) => row.live?.until ?? row.live?.since ?? null, render: (row) => (row.live?.until ? html`<${Badge} kind="warn">back ${ago(row.live.until)}<//>` : row.live?.since ? html`<span class="faint">${ago(row.live.since)}</span>` : html`<span class="faint">–</span>`) },
    { key: 'failed', title: 'Failed', width: 80, end: true, hidden: true, value: (row) => row.live?.failed ?? 0, render: (row) => html`<span>${count(row.live?.failed ?? 0)}</span>` },
    { key: 'agents', title: 'Agents', width: 74, end: true, value: (row) => row.agents.length },
    { key: 'priority', title: 'Priority', width: 92, end: true },
    { key: 'tags', title: 'Tags', width: 90, ...(tags.length ? { filter: tags } : {}), render: (row) => html`<${Tags} tags=${row.tags} />` },
    { key: 'base_url', title: 'Address', width: 200, hidden: true, mono: true },
    { key: 'pool', title: 'Pool', width: 90, hidden: true },
    { key: 'do', title: '', width: 52, sort: false, render: (row) => html`<${Menu} small label=${`Actions of ${row.name}`} items=${[
      { label: 'Test connection', icon: 'pulse', onSelect: () => setQuery({ test: row.name }) },
      { label: row.enabled ? 'Switch off' : 'Switch on', icon: row.enabled ? 'pause' : 'play', onSelect: () => switched(row).then(list.reload, toast.error) },
      { label: 'Change', icon: 'edit', onSelect: () => setQuery({ edit: row.name }) },
      { label: 'History', icon: 'history', onSelect: () => go(`/ui/providers/${row.name}`, { tab: 'history' }) }, '-',
      { label: 'Remove', icon: 'trash', danger: true, onSelect: () => removed(row.name).then((done) => done && list.reload(), toast.error) },
    ]} />` },
  ];
}
