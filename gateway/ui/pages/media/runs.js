// @ts-check
// Runs of a feature: each is a queued job, kept in a thread of the history. They are followed by this module, not by the page, so
// that leaving the page (or the tab: the server goes on) loses nothing; who comes back sees how far it is, or the result.
//
// What a newcomer would get wrong: the thread is read anew before each change, for its runs end one after another and in other
// tabs too; changes of one thread wait for each other.
import { signal } from '../../lib.js';
import { del, get, post, stream } from '../../kit/api.js';
import { keep } from '../../kit/media/input.js';
import { toast } from '../../kit/overlay.js';
import { keepThread, openThread } from '../../kit/threads.js';
import { go, here } from '../../shell/router.js';
import { aboutOf, bodyOf, chance, filesOf, titleOf } from './values.js';

const MOST = 2; // followed by events; others are asked now and then, for a browser has six lines to a host
const PAUSE = 1500;
const RUNS = 100;
const ENDED = new Set(['done', 'failed', 'cancelled', 'lost']);

/** What is known now of jobs that have not ended, by id: {status, share, stage, eta, preview, at}. */
export const live = signal(/** @type {Record<string, any>} */ ({}));
/** The thread that was changed last. @type {any} */
export const changed = signal(null);
const followed = new Set();
let lines = 0;
/** @type {Map<string, Promise<any>>} */
const queues = new Map();

export const ended = (run) => ENDED.has(run.status);

/**
 * Ask for it, keep it in the thread (a new one without `thread`), follow it. Raises `ApiError`. Returns the thread.
 * @param {import('./features.js').Feature & {path: string}} feature @param {any} values @param {any} thread its id
 * @param {(() => Promise<Blob>)|string|null} [mask] the drawn mask, or the file of one
 */
export async function begin(feature, values, thread, mask) {
  const body = bodyOf(feature, values);
  if (feature.fields.some((one) => one.name === 'seed') && !body.seed) body.seed = chance();
  if (mask) body.mask = typeof mask === 'string' ? mask : (await keep(new File([await mask()], 'mask.png', { type: 'image/png' }))).id;
  const job = await post(`/media/${feature.op}`, body, { headers: { prefer: 'respond-async' } });
  const run = { job: job.id, at: Date.now() / 1000, path: feature.path, op: feature.op, status: 'queued', body, files: filesOf(feature, values), chance: !values.seed, ...(mask && { strokes: values.mask }) };
  tell(run.job, { status: 'queued', at: run.at });
  const kept = thread ? await edit(feature.op, thread, (runs) => [run, ...runs].slice(0, RUNS)) : await keepThread(feature.op, '', { title: titleOf(feature, values), about: aboutOf([run]), body: { runs: [run] } });
  watch(feature, kept.id, run.job);
  return kept;
}

/** Change the runs of a thread, on top of whatever they are by now. @param {string} group @param {any} id @param {(runs: any[]) => any[]} change */
export function edit(group, id, change) {
  const before = queues.get(String(id)) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(async () => {
    for (let tries = 0; ; tries++) {
      const thread = await openThread(id);
      const runs = change(thread.body?.runs ?? []);
      try {
        const kept = await keepThread(group, id, { about: aboutOf(runs), body: { ...thread.body, runs } });
        changed.value = kept;
        return kept;
      } catch (error) {
        if (/** @type {any} */ (error).code !== 'conflict' || tries > 4) throw error;
      }
    }
  });
  queues.set(String(id), mine);
  return mine;
}

/** Stop it wherever it is. */
export const cancel = async (job) => tell(job, { status: (await del(`/jobs/${job}`)).status });

function tell(job, more) {
  live.value = { ...live.peek(), [job]: { ...live.peek()[job], ...more } };
}

/** Follow a job until it has ended, then keep how. Does nothing when it is followed already. */
export function watch(feature, thread, job) {
  if (followed.has(job)) return;
  followed.add(job);
  follow(job).then((end) => settle(feature, thread, job, end)).catch(() => {}).finally(() => followed.delete(job));
}

async function follow(job) {
  let last = '0', wait = 300;
  for (;;) {
    try {
      const view = await get(`/jobs/${job}`, undefined, { silent: true });
      if (ENDED.has(view.status)) return ending(view);
      tell(job, { status: view.status, share: view.progress, stage: view.stage, eta: view.eta, queue: view.queue, attempt: view.attempt, asked: Date.now() / 1000 });
      if (lines < MOST) last = await listen(job, last);
      else await pause(PAUSE);
    } catch (error) {
      const { status } = /** @type {any} */ (error);
      if (status === 404) return lost(job);
      if (status === 401 || status === 403) throw error;
      await pause(wait = Math.min(wait * 1.7, 8000));
    }
  }
}

/** Its events, as they come; ends with them. */
async function listen(job, last) {
  lines++;
  try {
    for await (const { event, data, id } of stream(`/jobs/${job}/events`, undefined, { query: { after: last }, silent: true })) {
      last = id || last;
      if (event === 'progress') tell(job, { status: 'running', share: data.share, stage: data.stage, eta: data.eta, ...(data.preview && { preview: data.preview }), asked: Date.now() / 1000 });
      if (event === 'done' || event === 'failed') return last;
    }
  } finally {
    lines--;
  }
  await pause(300);
  return last;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function ending(view) {
  const { status, model, provider, cost, error, result, finished, started } = view;
  const took = view.duration_ms ? view.duration_ms / 1000 : finished && started ? finished - started : null;
  const told = status === 'done' ? { artifacts: result?.artifacts ?? [], texts: result?.texts ?? [] } : { error: { message: error?.message ?? `The job was ${status}.`, code: error?.code ?? '', param: error?.param } };
  return { status, model: result?.model || model, provider, cost, duration: took || result?.duration || null, finished, ...told };
}

/** A job that the server knows no more: what it made is still among the files. */
async function lost(job) {
  const { data } = await get('/files', { purpose: 'artifact', limit: 1000 });
  const artifacts = data.filter((one) => String(one.job) === String(job));
  return artifacts.length ? { status: 'done', artifacts, texts: [] } : { status: 'lost', error: { message: 'The server does not know this job any more.', code: 'not_found' } };
}

async function settle(feature, thread, job, end) {
  await edit(feature.op, thread, (runs) => runs.map((one) => (String(one.job) === String(job) ? { ...one, ...end } : one)));
  const { [job]: _, ...rest } = live.peek();
  live.value = rest;
  const to = `${feature.path}/${thread}`;
  if (here.peek().path === to || end.status === 'cancelled') return;
  const open = /** @type {[string, () => void]} */ (['Open', () => go(`/ui${to}`)]);
  if (end.status === 'done') toast(`${feature.title}: done`, { action: open });
  else toast(`${feature.title}: ${end.error.message}`, { kind: 'bad', action: open });
}
