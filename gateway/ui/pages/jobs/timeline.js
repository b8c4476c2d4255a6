// @ts-check
// A job's story: its waits and attempts as bars over time, then each event in words.
import { html } from '../../lib.js';
import { Badge } from '../../kit/parts.js';
import { exact, hour, money, seconds } from '../../kit/time.js';

/**
 * Spans out of the events: the wait before each attempt, each attempt until it ended. `to` null: it still goes on.
 * @param {any[]} timeline @param {boolean} ended
 * @returns {{name: string, kind: 'wait'|'ok'|'bad'|'run', from: number, to: number|null, note: string}[]}
 */
export function spans(timeline, ended) {
  const found = /** @type {any[]} */ ([]);
  const begun = timeline.filter((one) => one.what === 'begun');
  let free = timeline[0]?.at;
  for (const [i, one] of begun.entries()) {
    if (one.at - free > 0.0005) found.push({ name: i ? 'wait' : 'waited', kind: 'wait', from: free, to: one.at, note: `${seconds(one.at - free)} ${i ? 'before the next attempt' : 'in the queue'}` });
    const end = timeline.find((each) => each.attempt === one.attempt && each.at >= one.at && each.what.startsWith('attempt '));
    const to = end?.at ?? (ended ? timeline.at(-1).at : null);
    const who = one.provider || one.queue || 'attempt';
    found.push({ name: `${one.attempt}. ${who}`, kind: !end && !ended ? 'run' : end?.error || (end ?? {}).what === 'attempt failed' ? 'bad' : 'ok', from: one.at, to, note: [to && seconds(to - one.at), end?.error].filter(Boolean).join(' · ') });
    free = to ?? one.at;
  }
  if (!begun.length && timeline.length) found.push({ name: 'waits', kind: 'wait', from: timeline[0].at, to: ended ? timeline.at(-1).at : null, note: ended ? 'no attempt was made' : 'for an agent' });
  return found;
}

const COLORS = { wait: 'var(--line-strong)', ok: 'var(--c2)', bad: 'var(--c7)', run: 'var(--c1)' };
const NAMES = { wait: 'waits', ok: 'done', bad: 'failed', run: 'runs' };

/** @param {{job: any, now: number}} props */
export function Bars({ job, now }) {
  const list = spans(job.timeline, !!job.finished);
  if (!list.length) return null;
  const first = job.timeline.find((one) => one.what.startsWith('first piece'))?.at;
  const from = list[0].from, to = Math.max(...list.map((one) => one.to ?? now), job.finished ?? 0, from + 0.001), all = to - from;
  const at = (moment) => `${(((moment - from) / all) * 100).toFixed(3)}%`;
  return html`<div class="timeline" role="img" aria-label=${`Timeline: ${list.map((one) => `${one.name} ${NAMES[one.kind]} ${one.note}`).join('; ')}`}>
    ${list.map((one, i) => html`<span class="small cut">${one.name}</span>
      <span class="lane" data-tip=${`${NAMES[one.kind]}, from ${hour(one.from)}`}><i class=${one.to ? '' : 'open'} style=${{ left: at(one.from), width: at(from + (one.to ?? now) - one.from), '--color': COLORS[one.kind] }}></i>
        ${first && first >= one.from && first <= (one.to ?? now) && one.kind !== 'wait' && html`<b style=${{ left: at(first) }} data-tip="first piece of the answer"></b>`}</span>
      <span class="small num soft right">${one.to ? seconds(one.to - one.from) : seconds(Math.max(0, now - one.from))}</span>`)}
    <span></span><span class="row between small faint num"><span>0</span><span>${seconds(all)}</span></span><span></span></div>`;
}

const BAD = /fail/;

/** @param {{timeline: any[]}} props */
export function Story({ timeline }) {
  const from = timeline[0]?.at ?? 0;
  return html`<ol class="story" aria-label="What happened">${timeline.map((one) => html`<li><span class="at small" data-tip=${exact(one.at)}>${one.at === from ? hour(one.at) : `+${seconds(one.at - from)}`}</span>
    <div><span class=${BAD.test(one.what) ? 'bad-text strong' : 'strong'}>${one.what}</span>${one.attempt ? html` <${Badge}>attempt ${one.attempt}<//>` : ''}
      <span class="soft"> ${[one.provider || one.queue, one.agent, one.stage, one.share !== undefined && one.share !== null ? `${Math.round(one.share * 100)} %` : '', one.chunks ? `${one.chunks} pieces` : '', one.to && `to ${one.to}`, one.job && `job ${one.job}`, one.seconds && seconds(one.seconds)].filter(Boolean).join(' · ')}</span>
      ${(one.error || one.message) && html`<div class="small"><span class="mono bad-text">${one.error}</span> <span class="soft">${one.message}</span></div>`}</div></li>`)}</ol>`;
}

/** Earlier runs of a job that was put back. @param {{runs: any[]}} props */
export function Runs({ runs }) {
  return html`<ol class="story" aria-label="Earlier runs">${runs.map((one) => html`<li><span class="at small">run ${one.run}</span><div><span class=${one.state === 'failed' ? 'bad-text strong' : 'strong'}>${one.state}</span>
    <span class="soft"> ${[one.provider, one.attempts && `${one.attempts} ${one.attempts === 1 ? 'attempt' : 'attempts'}`, exact(one.created), one.cost ? money(one.cost) : ''].filter(Boolean).join(' · ')}</span>
    ${one.error && html`<div class="small"><span class="mono bad-text">${one.error}</span> <span class="soft">${one.message}</span></div>`}</div></li>`)}</ol>`;
}
