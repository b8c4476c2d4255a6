// @ts-check
// Where a file came from: the thread and the run that made it, found by its job (threads of features name their jobs in `about`).
//
//   const origin = await originOf(item);    // {thread, run, job} or null
import { get } from '../api.js';

/** @type {Map<string, Promise<any>>} */
const asked = new Map();

/** @param {any} item a file with `job` @returns {Promise<{thread: any, run: any, job: any}|null>} */
export function originOf(item) {
  const job = String(item?.job ?? '');
  if (!job) return Promise.resolve(null);
  if (!asked.has(job)) {
    const found = look(job);
    asked.set(job, found);
    found.then((one) => !one?.thread && asked.delete(job), () => asked.delete(job)); // it may be kept a moment later
  }
  return /** @type {Promise<any>} */ (asked.get(job));
}

async function look(job) {
  const { data } = await get('/saved/threads', { q: job, limit: 5 });
  for (const head of data) {
    const thread = await get(`/saved/threads/${head.id}`);
    const run = thread.body?.runs?.find((one) => String(one.job) === job);
    if (run) return { thread, run, job };
  }
  return { thread: null, run: null, job };
}
