// @ts-check
// Models as an administrator sees them: who serves what at which price, the catalogue behind the names, rules of routing, and
// where a request would go now and why.
import { html } from '../lib.js';
import { get, useApi } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Badge, Button, Empty } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { count, money } from '../kit/time.js';
import { go, useQuery } from '../shell/router.js';
import { Ask } from './catalogue/ask.js';
import { RuleForm, Rules } from './catalogue/rules.js';
import { Tile } from './admin/parts.js';

const words = (op) => op.replaceAll('_', ' ');
const TABS = /** @type {[string, string][]} */ ([['served', 'Served'], ['ai', 'AI models'], ['media', 'Media models'], ['types', 'AI types'], ['media-types', 'Media types'], ['rules', 'Routing rules'], ['route', 'Where would it go']]);

export default function Catalogue() {
  const [query, setQuery] = useQuery();
  const tab = TABS.some(([id]) => id === query.tab) ? query.tab : 'served';
  const rules = useApi('/admin/rules');
  const choose = (id) => go('/ui/catalogue', id === 'served' ? {} : { tab: id });
  const Panel = { served: Served, ai: AiModels, media: MediaModels, types: AiTypes, 'media-types': MediaTypes, rules: Rules, route: Ask }[tab];
  return html`<${Page} title="Models and routing" wide about="Which models there are, under which names and prices, who serves them, and how requests are spread."
      actions=${html`<${Button} icon="flow" onClick=${() => choose('route')}>Where would it go<//><${Button} primary icon="plus" onClick=${() => setQuery({ rule: '*' })}>New rule<//>`}>
    <${Tabs} label="Models" tabs=${TABS} value=${tab} onChange=${choose}><${Panel} key=${tab} rules=${rules} /><//>
    ${query.rule && (query.rule === '*' || rules.data) && html`<${RuleForm} key=${query.rule} rules=${rules.data?.data ?? []} model=${query.rule === '*' ? '' : query.rule} onClose=${() => setQuery({ rule: '' })} onDone=${() => (setQuery({ rule: '' }), rules.reload())} />`}
  <//>`;
}

const cheapest = (row) => row.providers.map((by) => by.price).filter(Boolean).sort((a, b) => a.input + a.output - b.input - b.output)[0];
const priced = (price) => (price ? (price.input || price.output ? `${money(price.input)} / ${money(price.output)}` : 'free') : '–');

function Served({ rules }) {
  const models = useApi('/admin/models', { every: 15000 });
  const [, setQuery] = useQuery();
  const ruled = new Map((rules.data?.data ?? []).map((one) => [one.model, one]));
  const rows = models.data?.data.filter((one) => one.id !== 'default').map((one) => ({ ...one, key: `${one.id} ${one.op}`, price: cheapest(one), rule: ruled.get(one.id)?.strategy ?? 'balanced', names: one.providers.map((by) => by.provider) }));
  const ops = [...new Set((rows ?? []).map((one) => one.op))].sort(), who = [...new Set((rows ?? []).flatMap((one) => one.names))].sort();
  return html`<${Grid} id="served" label="Served models" rows=${rows} rowKey="key" url error=${models.error} retry=${models.reload} most=${720} onOpen=${(row) => setQuery({ rule: row.id })} columns=${[
    { key: 'id', title: 'Model', width: 164, render: (row) => html`<span class="strong">${row.id}</span>` },
    { key: 'op', title: 'Does', width: 104, filter: { label: 'Does', options: ops.map((one) => [one, words(one)]) }, render: (row) => html`<span>${words(row.op)}</span>` },
    { key: 'names', title: 'Served by', width: 156, filter: who, render: (row) => row.providers.map((by) => html`<${Badge} key=${by.provider} dot kind=${by.online ? 'ok' : 'bad'} data-tip=${`${by.native === row.id ? '' : `called ${by.native} there; `}${by.online ? 'online' : 'offline'}`}>${by.provider}<//>`) },
    { key: 'aliases', title: 'Also called', width: 150, render: (row) => html`<span class="soft">${row.aliases.join(', ')}</span>` },
    { key: 'price', title: 'Price in / out, 1 M', width: 140, end: true, value: (row) => (row.price ? row.price.input + row.price.output : null), csv: (row) => priced(row.price), render: (row) => html`<span data-tip=${[...row.providers.map((by) => `${by.provider}: ${priced(by.price)}`), row.price?.estimated && 'The maker’s list price: the provider’s own is not known'].filter(Boolean).join('\n')}>${priced(row.price)}${row.price?.estimated ? ' ~' : ''}</span>` },
    { key: 'context', title: 'Context', width: 84, end: true, render: (row) => html`<span>${row.context ? count(row.context) : '–'}</span>` },
    { key: 'vision', title: 'Vision', width: 76, filter: { label: 'Vision', options: [['true', 'sees pictures'], ['false', 'text only']] }, render: (row) => (row.vision ? html`<${Badge} kind="accent">sees<//>` : html`<span class="faint">–</span>`) },
    { key: 'rule', title: 'Spread', width: 100, render: (row) => html`<span class=${ruled.has(row.id) ? 'strong' : 'faint'}>${row.rule}</span>` },
  ]} empty=${html`<${Empty} icon="cube" title="No model is served" action=${html`<${Button} href="/ui/providers?add=choose">Add a provider<//>`}>Models are listed as soon as a provider serves them.<//>`} />`;
}

function AiModels() {
  const found = useApi(async () => Promise.all([get('/api/QueryAiModels'), get('/admin/catalogue')]), { deps: [] });
  const served = useApi('/admin/models');
  const now = new Set((served.data?.data ?? []).map((one) => one.id));
  const rows = found.data && found.data[0].results.flatMap((one) => one.tags.map((tag) => {
    const id = `${one.id}:${tag}`, known = found.data[1].models[id] ?? {};
    return { id, family: one.id, tag, latest: one.latest === tag, vision: !!known.vision, context: known.context || null, natives: Object.keys(known.native ?? {}).filter((each) => each !== '*'), served: now.has(id) };
  }));
  return html`<${Grid} id="ai-models" label="AI models" rows=${rows} rowKey="id" url error=${found.error} retry=${found.reload} most=${720} columns=${[
    { key: 'id', title: 'Model', width: 220, render: (row) => html`<span class="strong">${row.id}</span>` },
    { key: 'family', title: 'Family', width: 140, filter: true },
    { key: 'latest', title: 'Bare name', width: 110, value: (row) => (row.latest ? row.family : ''), render: (row) => (row.latest ? html`<${Badge}>${row.family}<//>` : null) },
    { key: 'vision', title: 'Vision', width: 90, filter: { label: 'Vision', options: [['true', 'sees pictures'], ['false', 'text only']] }, render: (row) => (row.vision ? html`<${Badge} kind="accent">sees<//>` : html`<span class="faint">–</span>`) },
    { key: 'context', title: 'Context', width: 100, end: true, render: (row) => html`<span>${row.context ? count(row.context) : '–'}</span>` },
    { key: 'natives', title: 'Known at', width: 220, render: (row) => html`<span class="soft">${row.natives.join(', ')}</span>` },
    { key: 'served', title: 'Here', width: 100, filter: { label: 'Here', options: [['true', 'served'], ['false', 'not served']] }, render: (row) => (row.served ? html`<${Badge} kind="ok" dot>served<//>` : html`<span class="faint">no</span>`) },
  ]} />`;
}

function MediaModels() {
  const found = useApi('/api/QueryMediaModels');
  const rows = found.data?.results.map((one) => ({ ...one, kinds: Object.keys(one.apiModels ?? {}), tasks: [...new Set(Object.values(one.supportedTasks ?? {}).flat())] }));
  return html`<${Grid} id="media-models" label="Media models" rows=${rows} rowKey="id" url error=${found.error} retry=${found.reload} most=${720} columns=${[
    { key: 'id', title: 'Model', width: 240, render: (row) => html`<span class="strong">${row.id}</span>` },
    { key: 'type', title: 'Type', width: 140, filter: [...new Set((rows ?? []).map((one) => one.type).filter(Boolean))].sort() },
    { key: 'tasks', title: 'Can do', width: 220, render: (row) => row.tasks.map((one) => html`<${Badge} key=${one}>${one}<//>`) },
    { key: 'kinds', title: 'Known at', width: 180, filter: [...new Set((rows ?? []).flatMap((one) => one.kinds))].sort() },
    { key: 'apiModels', title: 'There it is called', width: 260, sort: false, value: (row) => Object.values(row.apiModels ?? {}).join(', '), render: (row) => html`<span class="mono soft">${Object.values(row.apiModels ?? {}).join(', ')}</span>` },
  ]} empty=${html`<${Empty} icon="image" title="No media model is known" action=${html`<${Button} href="/ui/providers?add=choose">Add a media provider<//>`}><//>`} />`;
}

const TYPES = (add) => [
  { key: 'id', title: 'Type', width: 190, render: (row) => html`<${Tile} small name=${row.id} /><span class="strong cut">${row.id}</span>` },
  { key: 'provider', title: 'Engine', width: 180 },
  { key: 'apiBaseUrl', title: 'Address', width: 240, mono: true },
  { key: 'website', title: 'Website', width: 220, render: (row) => (/^https?:/.test(row.website) ? html`<a href=${row.website} target="_blank" rel="noopener noreferrer">${row.website.replace(/^https?:\/\//, '')}</a>` : null) },
  { key: 'known', title: 'Models known', width: 110, end: true, value: (row) => Object.keys(row.apiModels ?? {}).length },
  { key: 'add', title: '', width: 90, sort: false, render: (row) => html`<${Button} small ghost icon="plus" onClick=${() => add(row)}>Add<//>` },
];

/** The grids of types lead to the cards of the providers' page. */
function Types({ label, path }) {
  const found = useApi(path);
  return html`<${Grid} id=${label.replace(' ', '-').toLowerCase()} label=${label} rows=${found.data?.results} rowKey="id" url error=${found.error} retry=${found.reload} most=${720} columns=${TYPES(() => go('/ui/providers', { add: 'choose' }))} />`;
}

const AiTypes = () => html`<${Types} label="AI types" path="/api/QueryAiTypes" />`;
const MediaTypes = () => html`<${Types} label="Media types" path="/api/QueryMediaTypes" />`;
