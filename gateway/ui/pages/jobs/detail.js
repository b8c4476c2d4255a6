// @ts-check
// All that is known of one job, and what can be done to it. In a drawer over a list, and as a page of its own.
import { html, useState } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Call, Json } from '../../kit/code.js';
import { Badge, Button, Empty, Facts, Failed, Notice, Skeleton, State } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { When, bytes, count, exact, money, seconds } from '../../kit/time.js';
import { Preview, Stage } from '../live/rows.js';
import { useTick } from '../live/feed.js';
import { ACTS, act, words } from './acts.js';
import { Input, Output } from './output.js';
import { Bars, Runs, Story } from './timeline.js';

const OPEN = 1500;

/** The job, asked again and again while it is open. @param {string|undefined} id */
export function useJob(id) {
  const [open, setOpen] = useState(true);
  const found = useApi(id ? `/admin/jobs/${encodeURIComponent(id)}` : null, { every: open ? OPEN : 0 });
  const job = found.data && String(found.data.id) === String(id) ? found.data : null;
  if (job && !job.finished !== open) setOpen(!job.finished);
  return { ...found, job };
}

/** @param {{id: string, found: any, row?: any, now?: () => number, done?: () => void}} props `row`: of the live feed; `done`: something was done to it */
export function Detail({ id, found, row, now = () => Date.now() / 1000, done = () => {} }) {
  useTick();
  const { job, error } = found;
  if (!job && error?.status === 404) return row ? html`<${LiveCall} row=${row} now=${now} />` : html`<${Empty} icon="search" title=${`There is no job ${id}`} action=${html`<${Button} href="/ui/jobs?period=all">All jobs<//>`}>Live calls that ran well are in the archive a second or two after they end; their text only where the archive keeps bodies.<//>`;
  if (!job) return error ? html`<${Failed} error=${error} retry=${found.reload} />` : html`<${Skeleton} lines=${8} />`;
  return html`<div class="col gap-4"><${Actions} job=${job} done=${() => (found.reload(), done())} />
    ${job.error && html`<${Notice} kind="bad" title=${job.message || job.error}><span class="small mono">${job.error}</span><//>`}
    ${job.state === 'running' && !job.request && job.why_no_body && html`<${Notice} title="Its caller waits">${job.why_no_body}<//>`}
    ${job.state === 'running' && html`<div class="row top">${row?.preview && html`<${Preview} job=${row} large />`}<div class="grow"><${Stage} job=${row ?? { job: job.id, state: 'running', percent: job.progress === null ? null : job.progress * 100, stage: job.stage }} /></div></div>`}
    <${Bars} job=${job} now=${now()} />
    <${Parts} job=${row && !job.provider ? { ...job, provider: row.provider, agent: row.agent } : job} /></div>`;
}

/** What can be done now. */
export function Actions({ job, done }) {
  return html`<div class="row wrap"><${State} of=${job.state} />${job.first && html`<${Badge} kind="accent">first<//>`}${job.run > 0 && html`<${Badge}>run ${job.run}<//>`}
    <span class="strong">${words(job.op)}</span><span class="soft cut">${job.model}</span><span class="grow"></span>
    ${job.actions.map((name) => html`<${Button} key=${name} small icon=${ACTS[name].icon} danger=${ACTS[name].danger} data-tip=${ACTS[name].tip} onClick=${async () => (await act(name, job)) && done()}>${ACTS[name].label}<//>`)}</div>`;
}

function Parts({ job }) {
  const [tab, setTab] = useState('facts');
  const calls = job.timeline.filter((one) => one.what.startsWith('callback'));
  const tabs = /** @type {any} */ ([['facts', 'Overview'], ['story', 'Events', job.timeline.length], ['input', 'Input'], ['output', 'Output'], ['route', 'Routing', job.trail.length || null],
    ...(job.reply_to || calls.length ? [['callback', 'Callback', calls.length || null]] : []), ...(job.runs.length ? [['runs', 'Runs', job.runs.length]] : []), ['raw', 'Raw']]);
  return html`<${Tabs} label="Job" tabs=${tabs} value=${tab} onChange=${setTab}><${Part} tab=${tab} job=${job} calls=${calls} /><//>`;
}

function Part({ tab, job, calls }) {
  if (tab === 'story') return html`<${Story} timeline=${job.timeline} />`;
  if (tab === 'input') return job.request === null || job.request === undefined ? html`<${Missing} job=${job} what="request" />` : html`<${Input} body=${job.request} />`;
  if (tab === 'output') return job.result === null || job.result === undefined ? html`<${Missing} job=${job} what="result" />` : html`<${Output} body=${job.result} />`;
  if (tab === 'route') return html`<${Routing} job=${job} />`;
  if (tab === 'callback') return html`<div class="col gap-4"><${Facts} of=${[['To', job.reply_to], ['Deliveries', count(calls.filter((one) => one.attempt).length)]]} />${calls.length ? html`<${Story} timeline=${calls} />` : html`<p class="soft">The callback is sent when the job has ended.</p>`}</div>`;
  if (tab === 'runs') return html`<${Runs} runs=${job.runs} />`;
  if (tab === 'raw') return html`<div class="col gap-4"><${Json} value=${job} label=${`Job ${job.id}`} most="520px" /><${Call} label="Ask for this job" call=${{ method: 'GET', path: `/admin/jobs/${job.id}` }} /></div>`;
  return html`<${Overview} job=${job} />`;
}

const Missing = ({ job, what }) => html`<${Empty} icon="file" title=${`The ${what} is not here`}>${job.why_no_body ?? 'It was not kept.'}<//>`;

function Overview({ job }) {
  const used = job.usage ?? {}, tokens = Object.entries(used).filter(([, n]) => typeof n === 'number' && n > 0);
  return html`<${Facts} of=${[
    ['Model', html`${job.model}${job.served && job.served !== job.model ? html` <span class="soft">answered by ${job.served}</span>` : ''}`],
    ['Provider', job.provider && html`${job.provider} <span class="faint">${[job.queue !== job.provider && `queue ${job.queue}`, job.agent && `agent ${job.agent}`].filter(Boolean).join(', ')}</span>`],
    ['Queue', job.provider ? null : job.queue], ['API key', html`<a href=${`/ui/jobs?period=all&key=${job.key}`}>${job.key_name || job.key}</a>${job.tenant !== 'default' ? html` <span class="faint">tenant ${job.tenant}</span>` : ''}`],
    ['Style', `${job.style}${job.stream ? ', streamed' : ''}${job.dialect ? `, ${job.dialect}` : ''}`],
    ['Accepted', html`${exact(job.created)} <span class="faint">(<${When} at=${job.created} />)</span>`], ['Waited', job.wait_ms === null || job.wait_ms === undefined ? null : seconds(job.wait_ms / 1000)],
    ['In all', job.total_ms === null || job.total_ms === undefined ? null : seconds(job.total_ms / 1000)], ['Deadline', job.finished || !job.deadline ? null : html`<${When} at=${job.deadline} />`], ['Attempts', count(job.attempts)],
    ['Tokens', tokens.length === 0 ? null : tokens.map(([name, n]) => `${count(n)} ${name.replace(/^tokens_|_tokens$/g, '').replace('prompt', 'in').replace('completion', 'out').replaceAll('_', ' ')}`).join(', ')], ['Cost', job.cost === null || job.cost === undefined ? null : money(job.cost)],
    ['Result', !job.result_bytes ? null : `${bytes(job.result_bytes)} ${job.result_type ?? ''}`], ['Tag', job.tag && html`<a href=${`/ui/jobs?period=all&tag=${encodeURIComponent(job.tag)}`}>${job.tag}</a>`], ['Reference', job.ref],
    ['Caller', [job.client, job.user_agent].filter(Boolean).join(' · ')], ['Replay of', job.replay_of && html`<a href=${`/ui/jobs/${job.replay_of}`}>${job.replay_of}</a>`], ['Part of', job.parent && html`<a href=${`/ui/jobs/${job.parent}`}>${job.parent}</a>`],
  ]} />`;
}

function Routing({ job }) {
  if (!job.trail.length) return html`<${Empty} icon="flow" title="No step of routing is kept">Steps are kept with the job for a week: which queue was chosen, which were passed over, and why.<//>`;
  return html`<ol class="story" aria-label="Routing">${job.trail.map((one, i) => html`<li><span class="at small">${i + 1}</span><div>${typeof one === 'string' ? one : html`<${Step} one=${one} />`}</div></li>`)}</ol>`;
}

function Step({ one }) {
  const { what, why, reason, ...rest } = one;
  return html`<span class="strong">${what ?? one.step ?? ''}</span> <span class="soft">${why ?? reason ?? ''}</span><div class="small soft">${Object.entries(rest).filter(([, value]) => value !== '' && value !== null && value !== undefined).map(([name, value]) => html`<span class="nowrap">${words(name)}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}</span> `)}</div>`;
}

/** A call that nobody stores: all that is known is what the feed tells. */
function LiveCall({ row, now }) {
  return html`<div class="col gap-4"><div class="row wrap"><${State} of=${row.state ?? 'failed'} /><span class="strong">${words(row.op)}</span><span class="soft">${row.model}</span></div>
    <div class="row top">${row.preview && html`<${Preview} job=${row} large />`}<div class="grow"><${Stage} job=${row} /></div></div>
    <${Notice} title="A live call">Its caller holds the line, so nothing of it is stored while it runs. It is in the archive when it has ended.<//>
    <${Facts} of=${[['Provider', row.provider || row.queue], ['Agent', row.agent], ['API key', row.key_name || row.key], ['Style', `${row.style}${row.stream ? ', streamed' : ''}`], ['Since', seconds(Math.max(0, Math.floor(now() - (row.started ?? row.created ?? now()))))],
      ['Tokens so far', row.tokens ? count(row.tokens) : null], ['Attempt', row.attempt], ['Error', row.code && `${row.code}: ${row.message}`], ['Tag', row.tag], ['Reference', row.ref], ['Caller', row.client]]} />
    ${row.trail?.length > 0 && html`<${Story} timeline=${row.trail.map((one) => ({ at: one.started, what: 'attempt failed', attempt: one.number, provider: one.provider, queue: one.queue, seconds: one.seconds, error: one.code, message: one.message }))} />`}</div>`;
}
