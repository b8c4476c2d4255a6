// @ts-check
// The runs of a thread, the newest first: how far each is, what it made, what went wrong, and the ways on.
import { html, useEffect, useState } from '../../lib.js';
import { ResultGallery } from '../../kit/media.js';
import { Made } from '../../kit/media/lightbox.js';
import { Menu } from '../../kit/overlay.js';
import { Button, Empty, Failed, Progress, State } from '../../kit/parts.js';
import { money, seconds, When } from '../../kit/time.js';
import { cancel, edit, ended, live } from './runs.js';
import { Texts } from './told.js';

/** @param {{feature: import('./features.js').Feature & {path: string}, thread: any, onUse: (run: any) => void, onAgain: (run: any) => Promise<any>, onSeed: (seed: number) => void}} props */
export function Runs({ feature, thread, onUse, onAgain, onSeed }) {
  const runs = thread?.body?.runs ?? [];
  if (!runs.length) return html`<${Empty} icon=${feature.icon} title=${`Your ${feature.noun}s appear here`}>${feature.empty}<//>`;
  return html`<ol class="plain runs" aria-label="Results">${runs.map((run) => html`<li key=${run.job}><${Run} feature=${feature} thread=${thread} run=${run} onUse=${onUse} onAgain=${onAgain} onSeed=${onSeed} /></li>`)}</ol>`;
}

function Run({ feature, thread, run, onUse, onAgain, onSeed }) {
  const now = ended(run) ? null : live.value[run.job] ?? {};
  const words = run.body.positive_prompt || run.body.input || run.body.prompt || run.files?.image?.file_name || run.files?.audio?.file_name;
  const seed = run.body.seed;
  const change = (what) => edit(feature.op, thread.id, (all) => what(all));
  const gone = (item) => change((all) => all.map((one) => (one.job === run.job ? { ...one, artifacts: one.artifacts.filter((each) => each.id !== item.id) } : one)));
  const items = (run.artifacts ?? []).map((one) => ({ ...one, job: run.job, created: one.created ?? run.finished }));
  return html`<article class="run card"><div class="body col gap-3">
    <div class="row top"><div class="grow"><p class="said">${words}</p><div class="row wrap small faint">
      ${run.status !== 'done' && html`<${State} of=${now?.status ?? run.status} />`}<${When} at=${run.at} />${run.model && run.model !== 'default' && html`<span>${run.model}</span>`}${run.duration > 0 && html`<span>${seconds(run.duration)}</span>`}${run.cost > 0 && html`<span>${money(run.cost)}</span>`}
      ${seed && html`<button type="button" class="chip num" data-tip="Use this seed" aria-label=${`Use the seed ${seed}`} onClick=${() => onSeed(seed)}>seed ${seed}</button>`}</div></div>
      <${Menu} small label="Actions of the run" items=${[{ label: 'Use its values', icon: 'edit', onSelect: () => onUse(run) }, ended(run) && { label: 'Run again', icon: 'replay', onSelect: () => onAgain(run) }, '-',
        ended(run) ? { label: 'Remove from the thread', icon: 'close', onSelect: () => change((all) => all.filter((one) => one.job !== run.job)) } : { label: 'Cancel', icon: 'stop', danger: true, onSelect: () => cancel(run.job) }]} /></div>
    ${now && html`<${Going} feature=${feature} run=${run} now=${now} />`}
    ${run.error && run.status !== 'cancelled' && html`<${Failed} error=${run.error} />`}
    ${items.length > 0 && html`<${ResultGallery} items=${items} label=${`Made of ${words}`} onGone=${gone} about=${() => html`<${Made} run=${run} />`} menu=${() => [{ label: 'Use its values', icon: 'edit', onSelect: () => onUse(run) }]} />`}
    ${run.texts?.length > 0 && html`<${Texts} run=${run} />`}
    ${run.status === 'done' && !items.length && !run.texts?.length && html`<p class="faint small">What it made has been deleted.</p>`}
    ${ended(run) && html`<div class="row"><${Button} small icon="replay" onClick=${() => onAgain(run)}>Run again<//><${Button} small ghost icon="edit" onClick=${() => onUse(run)}>Use its values<//></div>`}
  </div></article>`;
}

/** A run that has not ended: its preview, how far, how long still. */
function Going({ feature, run, now }) {
  const left = useLeft(now);
  const share = typeof now.share === 'number' ? now.share : undefined;
  const word = now.status === 'queued' || !now.status ? 'Waits for its turn' : now.stage || 'Works on it';
  return html`<div class="going col" role="status">${now.preview && html`<img class="preview" src=${now.preview} alt="As it stands" />`}
    <div class="row small"><span class="grow cut">${word}${share !== undefined ? ` · ${Math.round(share * 100)} %` : ''}</span>${left !== null && html`<span class="faint num">about ${seconds(left)} left</span>`}
      <${Button} small icon="stop" onClick=${() => cancel(run.job)}>Cancel<//></div>
    <${Progress} value=${share} label=${`${feature.title}: progress`} />
    <span class="faint small">You may leave this page: the server goes on, and this thread keeps the result.</span></div>`;
}

/** Seconds that are left, counting down between two words of the server. */
function useLeft(now) {
  const [, turn] = useState(0);
  useEffect(() => {
    if (typeof now.eta !== 'number') return;
    const timer = setInterval(() => turn((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [now.eta, now.asked]);
  return typeof now.eta === 'number' ? Math.max(0, Math.round(now.eta - (Date.now() / 1000 - (now.asked ?? Date.now() / 1000)))) : null;
}
