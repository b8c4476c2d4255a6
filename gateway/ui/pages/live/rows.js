// @ts-check
// Tables of the live view that several pages show: what runs, what waits, the queues.
//
//   html`<${Running} jobs=${live.jobs} now=${live.now} onOpen=${(job) => …} />`     html`<${Waiting} jobs=${live.queued} />`
//   html`<${Queues} queues=${live.queues} />`
import { cx, html, useState } from '../../lib.js';
import { Button, Empty, Progress, State } from '../../kit/parts.js';
import { Icon } from '../../kit/icons.js';
import { Menu, toast } from '../../kit/overlay.js';
import { When, count, seconds } from '../../kit/time.js';
import { act, hold, words } from '../jobs/acts.js';

const SHOWN = 40;

/** A table whose rows keep their place in the page as they come and go. */
export function Rows({ label, head, rows, row, id, onOpen }) {
  return html`<div class="scroll-x" tabindex="0" role="region" aria-label=${label}><table class="plain-table live-table"><thead><tr>${head.map((one) => html`<th scope="col" class=${cx({ end: one[0] === '>' })}>${one.replace(/^>/, '')}</th>`)}</tr></thead>
    <tbody>${rows.map((one) => html`<tr key=${id(one)} class=${cx({ can: onOpen })} onClick=${onOpen && ((e) => !e.target.closest('a,button') && onOpen(one))}>${row(one)}</tr>`)}</tbody></table></div>`;
}

/** @param {{jobs: any[], now: () => number, onOpen: (job: any) => void, total?: number}} props */
export function Running({ jobs, now, onOpen, total = jobs.length }) {
  const [all, setAll] = useState(false);
  if (!jobs.length) return html`<${Empty} icon="pulse" title="Nothing runs right now">What any gateway or agent has in hand is here the moment it begins.<//>`;
  return html`<div><${Rows} label="Running jobs" head=${['', 'Job', 'What', 'Stage', '>Tokens', '>Time', 'Attempts', '']} rows=${all ? jobs : jobs.slice(0, SHOWN)} id=${(job) => job.job} onOpen=${onOpen} row=${(job) => html`
      <td class="preview"><${Preview} job=${job} /></td>
      <td><a class="mono" href=${`/ui/jobs/${job.job}`} onClick=${(e) => (e.preventDefault(), onOpen(job))}>${job.job}</a><div class="small faint cut">${job.key_name || job.key}${job.tag && ` · ${job.tag}`}</div></td>
      <td><div class="row"><span class="strong nowrap">${words(job.op)}</span><${State} of=${job.state} /></div><div class="small soft cut">${[job.model, job.provider || job.queue].filter(Boolean).join(' · ')}</div></td>
      <td class="stage"><${Stage} job=${job} /></td>
      <td class="end">${job.tokens ? count(job.tokens) : html`<span class="faint">–</span>`}${job.first && job.started ? html`<div class="small faint nowrap">${rate(job, now())}</div>` : ''}</td>
      <td class="end nowrap">${seconds(Math.max(0, Math.round((now() - (job.started ?? job.created)) * 10) / 10))}<div class="small faint">${job.style}${job.stream ? ', stream' : ''}</div></td>
      <td><${Trail} job=${job} /></td>
      <td class="end"><${Button} small icon="stop" label=${`Cancel job ${job.job}`} onClick=${() => act('cancel', { ...job, id: job.job })} /></td>`} />
    ${jobs.length > SHOWN && html`<div class="rest"><${Button} small ghost onClick=${() => setAll(!all)}>${all ? 'Fewer' : `All ${jobs.length}${total > jobs.length ? ` of ${total}` : ''}`}<//></div>`}</div>`;
}

const rate = (job, now) => {
  const gone = now - job.first;
  return gone > 0.5 && job.tokens > 1 ? `${(job.tokens / gone).toFixed(0)}/s` : '';
};

/** The picture as it stands. Its number changes with it, so the address does. */
export function Preview({ job, large }) {
  if (!job.preview) return html`<span class="peek none"><${Icon} name=${ICONS[kindOf(job.op)] ?? 'bolt'} class="faint" /></span>`;
  return html`<img class=${cx('peek', { large })} alt=${`Job ${job.job} as it stands`} src=${`/admin/live/jobs/${job.job}/preview?n=${job.previews}`} />`;
}

const ICONS = { image: 'image', video: 'video', audio: 'music', speech: 'speaker', text: 'text', chat: 'chat' };
const kindOf = (op) => (op === 'chat' ? 'chat' : /image/.test(op) ? 'image' : /video/.test(op) ? 'video' : /speech/.test(op) ? 'speech' : /audio/.test(op) ? 'audio' : 'text');

export function Stage({ job }) {
  if (job.state === 'waiting') return html`<span class="faint">waits for an agent</span>`;
  const known = job.percent !== null && job.percent !== undefined;
  if (!known && !job.stage) return html`<span class="faint">${job.first ? 'answers' : 'begun'}</span>`;
  return html`<div class="row between small"><span class="cut">${job.stage || 'at work'}</span><span class="num faint nowrap">${known ? `${Math.round(job.percent)} %` : ''}${job.eta_seconds ? ` · ${seconds(Math.round(job.eta_seconds))} left` : ''}</span></div>
    <${Progress} value=${known ? job.percent / 100 : undefined} label=${`Job ${job.job}`} />`;
}

/** The attempts so far, each with how it ended. */
function Trail({ job }) {
  const past = job.trail ?? [];
  return html`<span class="tries" aria-label=${`Attempt ${job.attempt}`}>${past.map((one) => html`<span class="badge bad" tabindex="0" data-tip=${`${one.provider || one.queue}: ${one.code ?? ''} ${one.message ?? ''} after ${seconds(one.seconds)}`}>${one.number} ${one.provider || one.queue}</span>`)}
    <span class="badge info">${job.attempt}</span></span>`;
}

/** @param {{jobs: any[], onOpen: (job: any) => void}} props */
export function Waiting({ jobs, onOpen }) {
  if (!jobs.length) return html`<${Empty} icon="check" title="Nothing waits">Queued jobs that no agent has taken yet are here.<//>`;
  return html`<${Rows} label="Waiting jobs" head=${['Job', 'What', 'Queue', 'Key', 'Since', '']} rows=${jobs} id=${(job) => job.job} onOpen=${onOpen} row=${(job) => html`
    <td><a class="mono" href=${`/ui/jobs/${job.job}`} onClick=${(e) => (e.preventDefault(), onOpen(job))}>${job.job}</a></td><td><span class="strong">${words(job.op)}</span> <span class="soft">${job.model}</span>${job.first && html` <span class="badge accent">first</span>`}${job.attempt > 1 && html` <span class="badge warn">attempt ${job.attempt}</span>`}</td>
    <td>${job.queue}</td><td>${job.key_name || job.key}</td><td><${When} at=${job.created} /></td>
    <td class="end"><span class="acts">${!job.first && html`<${Button} small ghost icon="first" label=${`Put job ${job.job} first`} onClick=${() => act('first', { ...job, id: job.job })} />`}
      <${Button} small ghost icon="stop" label=${`Cancel job ${job.job}`} onClick=${() => act('cancel', { ...job, id: job.job })} /></span></td>`} />`;
}

/** @param {{queues: any[]}} props */
export function Queues({ queues }) {
  if (!queues.length) return html`<${Empty} icon="stack" title="No queue yet">A queue comes with the first provider.<//>`;
  return html`<${Rows} label="Queues" head=${['Queue', 'State', 'Slots', '>Waits', '>Wait of a new job', '']} rows=${queues} id=${(one) => one.name} row=${(one) => html`
    <th scope="row"><a href=${`/ui/queues?queue=${encodeURIComponent(one.name)}`}>${one.name}</a>${one.providers.join() !== one.name && html`<div class="small faint cut">${one.providers.join(', ')}</div>`}</th>
    <td><${State} of=${one.state} />${(one.why || one.until) && html`<div class="small soft why">${one.why}${one.until ? html` until <${When} at=${one.until} />` : ''}</div>`}</td>
    <td class="taken"><div class="row between small num"><span>${one.in_flight} of ${one.slots}</span></div><${Progress} value=${one.slots ? one.in_flight / one.slots : 0} label=${`Slots of ${one.name} in use`} /></td>
    <td class="end">${count(one.waiting)}<div class="small faint nowrap">${one.waiting_live ? `${one.waiting_live} live` : ''}</div></td>
    <td class="end nowrap">${one.wait_seconds === null ? html`<span class="faint">nobody takes it</span>` : one.wait_seconds < 0.05 ? 'none' : seconds(one.wait_seconds)}</td>
    <td class="end"><${Hold} name=${one.name} state=${one.state} /></td>`} />`;
}

/** Pause or resume, and what else. `then`: when it is done */
export function Hold({ name, state, then = () => {} }) {
  const held = state === 'paused' || state === 'draining';
  const run = (action) => hold(name, action).then(then);
  return html`<span class="acts">${held ? html`<${Button} small icon="play" onClick=${() => run('resume')}>Resume<//>` : html`<${Button} small icon="pause" onClick=${() => run('pause')}>Pause<//>`}
    <${Menu} label=${`More for ${name}`} small items=${[!held && { label: 'Drain', icon: 'out', onSelect: () => run('drain').catch(toast.error) }, { label: 'Jobs that wait', icon: 'list', href: `/ui/jobs?period=all&queue=${encodeURIComponent(name)}&state=queued` },
      { label: 'All its jobs', icon: 'history', href: `/ui/jobs?period=all&queue=${encodeURIComponent(name)}` }]} /></span>`;
}
