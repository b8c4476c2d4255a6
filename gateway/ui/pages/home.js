// @ts-check
// The first page: what is served now, how to call it in eleven languages from this very address, how to run one's own.
import { html } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Code, CodeTabs, samples } from '../kit/code.js';
import { Icon } from '../kit/icons.js';
import { Page } from '../kit/layout.js';
import { Badge, Button, Card, Copy, Empty, Loaded } from '../kit/parts.js';
import { shared } from '../kit/store.js';
import { Tabs } from '../kit/tabs.js';
import { pages } from '../pages.js';
import { BASE } from '../shell/router.js';
import { may, me } from '../shell/session.js';
import { FEATURES } from './media/features.js';

/** Of `/types`: those that start with a chat. The two JavaScript flavours ask for the models instead; ours below do not. */
const SPOKEN = ['csharp', 'java', 'kotlin', 'swift', 'php', 'dart', 'fsharp', 'vbnet'];

export default function Home() {
  const list = useApi('/v1/models', { every: 15000 });
  const about = useApi('/', {});
  const model = list.data?.data.find((one) => one.operations.includes('chat'))?.id ?? 'MODEL';
  return html`<${Page} title=${`Welcome, ${me.value.name}`} about=${`Your private AI gateway${about.data?.version ? `, version ${about.data.version}` : ''}. One address for every model, provider and program.`}>
    <${Doors} list=${list} />
    <div class="cards wide">
      <${Address} /><${Served} list=${list} />
    </div>
    <${FirstCall} model=${model} />
    <${Install} />
    <div class="cards">${LINKS.map(([href, icon, title, text]) => html`<a class="card pad" href=${href} target="_blank" rel="noopener"><div class="row"><${Icon} name=${icon} /><h3 class="grow">${title}</h3><${Icon} name="external" size="14" class="faint" /></div><p class="soft small">${text}</p></a>`)}</div>
  <//>`;
}

const LINKS = [
  ['/explorer', 'code', 'API explorer', 'Every call of this server, with a form to try it.'],
  ['/types', 'book', 'Typed clients', 'Requests and answers as types, in thirteen flavours.'],
  ['/openapi.json', 'file', 'OpenAPI', 'The whole description for tools, OpenAPI 3.1.'],
  ['/asyncapi.json', 'flow', 'AsyncAPI', 'The same for programs that speak on the bus.'],
];

/** The pages one may go to, as large doors; behind which there is nobody yet, they say so. */
function Doors({ list }) {
  const served = list.data && new Set(list.data.data.flatMap((one) => one.operations));
  const closed = ({ name }) => served && FEATURES[name] && !served.has(FEATURES[name].op);
  const mine = pages.filter((one) => one.section === 'use' && one.name !== 'home' && one.menu !== false && may(one.scope));
  return html`<nav class="cards" aria-label="What to do">${mine.map((one) => html`<a class="card pad row" href=${BASE + [one.path].flat()[0]}><${Icon} name=${one.icon} size="18" /><span><span class="strong">${one.title}</span>${closed(one) && html`<br /><span class="faint small">no provider yet</span>`}</span></a>`)}</nav>`;
}

function Address() {
  const rows = [['OpenAI', `${location.origin}/v1`], ['Anthropic', location.origin], ['Ollama', location.origin], ['Gemini', location.origin], ['AI Server', `${location.origin}/api`]];
  return html`<${Card} title="Point a program here"><div class="col gap-3"><p class="soft">Any client of these works with this address as its base URL and one of this server’s keys.</p>
    <dl class="facts">${rows.map(([name, url]) => html`<dt>${name}</dt><dd class="row"><code class="grow">${url}</code><${Copy} text=${url} label=${`Copy the address for ${name}`} /></dd>`)}</dl></div><//>`;
}

function Served({ list }) {
  return html`<${Card} title="Served now" actions=${html`<${Button} small ghost href="/ui/models">All models<//>`}>
    <${Loaded} of=${list} empty=${html`<${Empty} icon="cube" title="No model is served yet">As soon as a provider is connected, its models are here.<//>`}>${(data) => html`<div class="col gap-3">
      <div class="row wrap">${byOperation(data.data).map(([op, n]) => html`<${Badge} kind="accent">${op.replaceAll('_', ' ')} · ${n}<//>`)}</div>
      <ul class="plain col gap-1">${data.data.slice(0, 7).map((one) => html`<li class="row"><a class="cut" href=${`/ui/models?model=${encodeURIComponent(one.id)}`}>${one.id}</a><span class="grow"></span><span class="faint small cut">${one.owned_by}</span></li>`)}</ul>
      ${data.data.length > 7 && html`<p class="faint small">and ${data.data.length - 7} more</p>`}</div>`}<//><//>`;
}

function byOperation(models) {
  const sums = new Map();
  for (const one of models) for (const op of one.operations) sums.set(op, (sums.get(op) ?? 0) + 1);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function FirstCall({ model }) {
  const types = useApi('/types', { query: { format: 'json' } });
  const [curl, python, script] = samples({ path: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content: 'Hello' }] } });
  const spoken = (types.data?.languages ?? []).filter((one) => SPOKEN.includes(one.name)).map((one) => [one.name, one.title, one.start.replaceAll('llama3.2', model).trim(), one.name]);
  return html`<section class="col gap-3"><h2>A first call</h2><p class="soft">Put a key into <code>AI_SERVER_KEY</code>; everything else is as it must be.</p>
    <${CodeTabs} label="A first call" most="340px" samples=${[curl, python, script, ...spoken]} /></section>`;
}

const WAYS = [
  ['try', 'Try it', 'python3 ops/bootstrap.py try', 'Installs into the folder, starts with a small real model and asks it a first question. Needs Python 3.11 and nothing else.'],
  ['install', 'Install', './install.sh', 'Finds provider keys in the environment, asks for what is missing and starts the server.'],
  ['run', 'Run', 'make setup\nmake run', 'From a checkout, with what it needs in `.venv`.'],
  ['compose', 'Containers', 'docker compose up -d', 'NATS, gateway, agents and archiver as services of their own.'],
  ['agent', 'A GPU box', 'ai-server agent NAME', 'On another machine: serves a provider of that host through the same bus.'],
];

function Install() {
  const chosen = shared('install', 'try');
  const one = WAYS.find(([id]) => id === chosen.value) ?? WAYS[0];
  return html`<section class="col gap-3"><h2>Run your own</h2>
    <div class="row wrap between"><${Tabs} pills label="Ways to install" tabs=${WAYS.map(([id, title]) => [id, title])} value=${one[0]} onChange=${(id) => (chosen.value = id)} /></div>
    <p class="soft">${one[3]}</p><${Code} label=${one[1]} language="bash" text=${one[2]} /></section>`;
}
