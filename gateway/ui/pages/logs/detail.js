// @ts-check
// One request with all that is known of it: its fields, attempts, callbacks, files and bodies, and how to ask the same again.
//
// What a newcomer would get wrong: bodies are kept only where the setting `archive.bodies` says so; without them the call is a
// sketch, and says so. Arrow keys go to the next row of the log behind the panel, also over the end of what was loaded.
import { html, useState } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Call, Json } from '../../kit/code.js';
import { Table } from '../../kit/grid.js';
import { useKeys } from '../../kit/keys.js';
import { Drawer } from '../../kit/overlay.js';
import { Badge, Button, Copy, Facts, Loaded, Notice, State } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { bytes, count, exact, money, seconds } from '../../kit/time.js';
import { may } from '../../shell/session.js';
import { callOf } from './call.js';

const ms = (value) => (value === null || value === undefined ? null : seconds(value / 1000));

/** @param {{id: string|undefined, asked: any, source: any, onOpen: (id: any) => void, onClose: () => void}} props */
export function RequestDrawer(props) {
  return props.id ? html`<${Open} ...${props} />` : null;
}

function Open({ id, source, onOpen, onClose }) {
  const found = useApi(`/admin/requests/${encodeURIComponent(id)}`);
  const [tab, setTab] = useState('all');
  const list = source.list.current, at = list.findIndex((row) => String(row.job) === id);
  const step = async (by) => {
    if (at < 0) return;
    if (at + by >= list.length && source.next) await source.page({ ...source.said, after: source.next });
    const next = source.list.current[at + by];
    if (next) onOpen(next.job);
  };
  useKeys({ arrowdown: ['Next request', () => step(1)], arrowup: ['Previous request', () => step(-1)], j: ['Next request', () => step(1)], k: ['Previous request', () => step(-1)] }, 'A request');
  const mine = found.data && String(found.data.request.job) === id ? found : { ...found, data: undefined };
  return html`<${Drawer} wide onClose=${onClose} title=${`Request ${id}`} actions=${html`<${Button} ghost icon="up" label="Previous (↑)" disabled=${at < 1} onClick=${() => step(-1)} /><${Button} ghost icon="down" label="Next (↓)" disabled=${at < 0 || (at + 1 >= list.length && !source.next)} onClick=${() => step(1)} />
      <${Copy} text=${id} label="Copy the number" small=${false} />${may('admin') && html`<${Button} small icon="external" href=${`/ui/jobs/${id}`}>Job<//>`}`}>
    <div class="log-detail" tabindex="-1" autofocus><${Loaded} of=${mine} lines=${10}>${(all) => html`<${Detail} all=${all} tab=${tab} setTab=${setTab} />`}<//></div><//>`;
}

function Detail({ all, tab, setTab }) {
  const tabs = /** @type {[string, string, any?][]} */ ([['all', 'Fields'], ['attempts', 'Attempts', all.attempts.length], ['bodies', 'Bodies'], ['call', 'The same call'], ['callbacks', 'Callbacks', all.callbacks.length], ['files', 'Files', all.files.length], ['runs', 'Runs', all.runs.length]])
    .filter(([id, , n]) => !['callbacks', 'files', 'runs'].includes(id) || n);
  const shown = tabs.some(([id]) => id === tab) ? tab : 'all';
  const view = { all: Fields, attempts: Attempts, bodies: Bodies, call: Again, callbacks: Callbacks, files: Files, runs: Runs }[shown];
  return html`<${Tabs} label="Request" tabs=${tabs} value=${shown} onChange=${setTab}><${view} all=${all} one=${all.request} /><//>`;
}

function Fields({ one }) {
  const more = Object.entries(one).filter(([name]) => !KNOWN.has(name));
  return html`<div class="row wrap"><${State} of=${one.outcome} />${one.status ? html`<${Badge}>HTTP ${one.status}<//>` : ''}${one.cached && html`<${Badge} kind="accent">from the cache<//>`}${one.stream && html`<${Badge}>stream<//>`}${one.run > 0 && html`<${Badge}>run ${one.run}<//>`}</div>
    ${one.error && html`<br /><${Notice} kind="bad" title=${one.error}>${one.message}<//>`}
    <h3>Who asked</h3><${Facts} of=${[['When', exact(one.created)], ['Key', one.key_name ? html`${one.key_name} <span class="mono faint">${one.key}</span>` : html`<span class="mono">${one.key}</span>`], ['User', one.key_user], ['Tenant', one.tenant], ['Address', one.client], ['User agent', one.user_agent], ['Reference', one.ref], ['Tag', one.tag]]} />
    <h3>What</h3><${Facts} of=${[['Operation', one.op], ['Style', one.style], ['Model', one.model], ['Answered by', one.served], ['Provider', one.provider], ['Queue', one.queue], ['Agent', one.agent], ['Attempts', count(one.attempts)], ['Reports job', one.parent || null], ['To', one.target]]} />
    <h3>How long</h3><${Facts} of=${[['Waited', ms(one.wait_ms)], ['First piece', ms(one.first_ms)], ['In all', ms(one.total_ms)]]} />
    <h3>How much</h3><${Facts} of=${[['Tokens in', count(one.tokens_in)], ['… of them cached', one.tokens_cached ? count(one.tokens_cached) : null], ['… written to the cache', one.tokens_written ? count(one.tokens_written) : null], ['Tokens out', count(one.tokens_out)], ['… of them reasoning', one.tokens_reasoning ? count(one.tokens_reasoning) : null], ['Counted by', one.estimated ? 'us: the provider did not' : 'the provider'], ['Cost', one.cost === null ? 'no price is known' : `${money(one.cost)}${one.cost_estimated ? ', an estimate' : ''}`]]} />
    ${more.length > 0 && html`<h3>More</h3><${Facts} of=${more.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])} />`}`;
}

const KNOWN = new Set(['job', 'created', 'tenant', 'key', 'key_name', 'key_user', 'op', 'style', 'stream', 'model', 'outcome', 'status', 'queue', 'provider', 'agent', 'attempts', 'error', 'message', 'tokens_in', 'tokens_out', 'tokens_cached', 'tokens_reasoning', 'tokens_written',
  'estimated', 'first_ms', 'wait_ms', 'total_ms', 'ref', 'tag', 'client', 'user_agent', 'request', 'response', 'trail', 'parent', 'cost', 'cost_estimated', 'cached', 'served', 'run', 'target']);

function Attempts({ all }) {
  if (!all.attempts.length) return html`<p class="soft">${all.request.cached ? 'It was answered from the cache: no provider was asked.' : 'No attempt was made.'}</p>`;
  return html`<${Table} label="Attempts" rows=${all.attempts} columns=${[{ key: 'n', title: '#', end: true }, { key: 'outcome', title: 'Ended', render: (row) => html`<${State} of=${row.outcome} />` }, { key: 'provider', title: 'Provider' }, { key: 'agent', title: 'Agent' }, { key: 'served', title: 'Model', value: (row) => row.served || row.model },
    { key: 'started', title: 'Began', render: (row) => exact(row.started) }, { key: 'ms', title: 'Took', end: true, render: (row) => ms(row.ms) }, { key: 'status', title: 'HTTP', end: true }, { key: 'error', title: 'Error', mono: true }, { key: 'message', title: 'Message' }]} />`;
}

function Bodies({ one }) {
  if (!one.request && !one.response) return html`<${Notice} title="The bodies were not kept">Prompts and answers are kept only where the setting <code>archive.bodies</code> is on, or the key asks for it, and only from then on.<//>`;
  return html`<div class="col gap-4">${one.request ? html`<${Json} value=${one.request} label="Request" most="420px" />` : ''}${one.response ? html`<${Json} value=${one.response} label="Answer" most="420px" />` : html`<p class="soft">The answer was not kept.</p>`}</div>`;
}

function Again({ one }) {
  const made = callOf(one);
  return html`<div class="col gap-4">${made.sketch && html`<${Notice} title="The body was not kept">What was sent is not known; put it where the dots are.<//>`}<${Call} call=${made.call} label="The same request" most="520px" /></div>`;
}

const Callbacks = ({ all }) => html`<${Table} label="Callbacks" rows=${all.callbacks} columns=${[{ key: 'n', title: '#', end: true }, { key: 'outcome', title: 'Ended', render: (row) => html`<${State} of=${row.outcome} />` }, { key: 'host', title: 'To' }, { key: 'started', title: 'Began', render: (row) => exact(row.started) }, { key: 'ms', title: 'Took', end: true, render: (row) => ms(row.ms) }, { key: 'status', title: 'HTTP', end: true }, { key: 'error', title: 'Error', mono: true }, { key: 'message', title: 'Message' }]} />`;
const Files = ({ all }) => html`<${Table} label="Files" rows=${all.files} columns=${[{ key: 'time', title: 'When', render: (row) => exact(row.time) }, { key: 'event', title: 'What' }, { key: 'name', title: 'Name' }, { key: 'content_type', title: 'Type' }, { key: 'size', title: 'Size', end: true, render: (row) => bytes(row.size) }, { key: 'file', title: 'File', mono: true }]} />`;
const Runs = ({ all }) => html`<${Table} label="Earlier runs" rows=${all.runs} columns=${[{ key: 'run', title: 'Run', end: true }, { key: 'created', title: 'When', render: (row) => exact(row.created) }, { key: 'outcome', title: 'Ended', render: (row) => html`<${State} of=${row.outcome} />` }, { key: 'error', title: 'Error', mono: true }, { key: 'message', title: 'Message' }, { key: 'total_ms', title: 'Took', end: true, render: (row) => ms(row.total_ms) }]} />`;
