// @ts-check
// What an administrator does to jobs and queues: ask first where it ends something, do it, say what was done.
import { post } from '../../kit/api.js';
import { ask, confirm, toast } from '../../kit/overlay.js';
import { go } from '../../shell/router.js';

/** `ask`: what one is told before it is done to several at once. @type {Record<string, {icon: string, label: string, done: string, danger?: boolean, tip: string, for: string, ask?: string}>} */
export const ACTS = {
  cancel: { icon: 'stop', label: 'Cancel', done: 'cancelled', danger: true, tip: 'End it as cancelled; the provider’s call stops', for: 'open jobs', ask: 'Those that have ended already stay as they are.' },
  requeue: { icon: 'refresh', label: 'Requeue', done: 'put back', tip: 'Run the same job once more, under its id', for: 'failed jobs' },
  replay: { icon: 'replay', label: 'Replay', done: 'replayed', tip: 'A new job with the same request; its key pays again', for: 'ended jobs', ask: 'Each is made anew, and costs its key once more.' },
  first: { icon: 'first', label: 'Put first', done: 'put first', tip: 'Before all others of its queue', for: 'waiting jobs' },
};

/** One job. Returns true when it was done. */
export async function act(action, job) {
  if (action === 'cancel' && !(await confirm({ title: `Cancel job ${job.id ?? job.job}?`, text: `${words(job.op)} with ${job.model || 'its default model'}. It ends as cancelled, and its caller is told so.`, action: 'Cancel the job', danger: true }))) return false;
  const id = job.id ?? job.job;
  const told = await post(`/admin/jobs/${id}/${action}`);
  const next = told.replayed_as;
  toast(next ? `Replayed as job ${next}` : `Job ${id} is ${ACTS[action].done}`, next ? { action: ['Open', () => go(`/ui/jobs/${next}`)] } : {});
  return true;
}

/** The chosen ones. */
export async function actOnChosen(action, rows, done) {
  const what = ACTS[action], many = `${rows.length} ${rows.length === 1 ? 'job' : 'jobs'}`;
  if (what.ask && !(await confirm({ title: `${what.label} ${many}?`, text: what.ask, action: `${what.label} ${many}`, danger: what.danger }))) return;
  said(action, await post(`/admin/jobs/${action}`, { ids: rows.map((row) => row.id), most: 10000 }));
  done();
}

/** What came of a bulk action. */
export function said(action, told) {
  const done = `${told.done.toLocaleString('en')} ${told.done === 1 ? 'job' : 'jobs'} ${ACTS[action].done}`;
  const [first] = told.failed;
  if (!first) return toast(told.matched ? done : 'No job to do this to');
  toast(`${done}; ${told.failed.length.toLocaleString('en')} not: ${first.why ?? first.error ?? first.message}`, { kind: told.done ? 'info' : 'bad', seconds: 10 });
}

/** pause, drain or resume a queue. */
export async function hold(name, action) {
  if (action === 'resume') {
    await post(`/admin/queues/${encodeURIComponent(name)}/resume`);
    return toast(`${name} goes on`);
  }
  const drain = action === 'drain';
  const note = await ask({ title: drain ? `Drain ${name}?` : `Pause ${name}?`, label: 'Why', value: 'Maintenance', action: drain ? 'Drain' : 'Pause',
    hint: drain ? 'Nothing new starts; what waits moves to other queues that serve it.' : 'Nothing new starts; what runs ends, what waits waits on.' });
  if (note === null) return;
  await post(`/admin/queues/${encodeURIComponent(name)}/${action}`, { note });
  toast(drain ? `${name} is draining` : `${name} is paused`, { action: ['Undo', () => hold(name, 'resume').catch(toast.error)] });
}

/** `text_to_image` as people read it. */
export const words = (op) => String(op ?? '').replaceAll('_', ' ');
