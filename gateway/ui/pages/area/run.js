// @ts-check
// A queued job as a page sees it: start it, follow its progress, cancel it, and take up one that was started before.
//
//   const run = useRun();
//   const id = await run.start('/media/crop_image', { image: 'file-1', width: 10, height: 10 });    // raises ApiError
//   run.attach(query.job);            // after a reload; nothing happens when it is followed already
//   run.state  '' | queued | running | done | failed | cancelled      run.share, run.stage, run.eta, run.preview, run.result, run.error
//   html`<${Running} run=${run} />`   // the bar, with its way out
//   const thread = await begun(GROUP, { title, body: { … } }, id);    // into the history from its start on, so that leaving the page loses nothing
//   useEnd(GROUP, run, query.run);    // and what came of it, when it is known; of a run the server has forgotten the thread tells that
import { html, useEffect, useRef, useState } from '../../lib.js';
import { api, ApiError, del, follow, get } from '../../kit/api.js';
import { toast } from '../../kit/overlay.js';
import { keepThread, openThread } from '../../kit/threads.js';
import { Icon } from '../../kit/icons.js';
import { Button, Failed, Notice, Progress } from '../../kit/parts.js';
import { seconds } from '../../kit/time.js';

const EMPTY = { id: '', state: '', share: null, stage: '', eta: null, preview: '', result: null, error: null, took: null, started: 0 };

export function useRun() {
  const [now, set] = useState(/** @type {any} */ (EMPTY));
  const stop = useRef(/** @type {null|(() => void)} */ (null)), at = useRef('');
  const change = (id, more) => at.current === id && set((old) => ({ ...old, ...more }));
  const ended = async (id) => {
    stop.current?.();
    try {
      change(id, viewed(await get(`/jobs/${id}`)));
    } catch (error) {
      change(id, { state: 'failed', error });
    }
  };
  const watch = (id) => {
    stop.current?.();
    stop.current = follow(`/jobs/${id}/events`, {
      onEvent: ({ event, data }) => {
        if (event === 'progress') change(id, { state: 'running', share: data.share, stage: data.stage, eta: data.eta ?? null, ...(data.preview && { preview: data.preview }) });
        else if (event === 'done' || event === 'failed') ended(id);
      },
    });
  };
  useEffect(() => () => stop.current?.(), []);
  return {
    ...now,
    busy: now.state === 'queued' || now.state === 'running',
    async start(path, body) {
      stop.current?.();
      at.current = 'new';
      set({ ...EMPTY, state: 'queued', started: Date.now() / 1000 });
      try {
        const told = await api(path, { method: 'POST', query: { queue: 1 }, body });
        at.current = String(told.id);
        set((old) => ({ ...old, id: at.current }));
        watch(at.current);
        return at.current;
      } catch (error) {
        at.current = '';
        set(EMPTY);
        throw error;
      }
    },
    async attach(id) {
      if (!id || at.current === id || at.current === 'new') return;
      at.current = id;
      set({ ...EMPTY, id, state: 'queued' });
      try {
        const view = await get(`/jobs/${id}`);
        change(id, viewed(view));
        if (!view.finished) watch(id);
      } catch (error) {
        change(id, { state: 'failed', error: /** @type {any} */ (error).status === 404 ? new ApiError('This run is no longer kept.', { code: 'gone' }) : error });
      }
    },
    async cancel() {
      const id = at.current;
      await del(`/jobs/${id}`);
      await ended(id);
    },
    clear() {
      stop.current?.();
      at.current = '';
      set(EMPTY);
    },
    /** Show what came of a run that the server has forgotten. */
    show({ artifacts, texts }) {
      stop.current?.();
      at.current = 'kept';
      set({ ...EMPTY, state: 'done', result: { artifacts, texts } });
    },
  };
}

/** A thread of its own for a run that has begun; null when it could not be kept, and the person knows. @returns {Promise<any>} */
export const begun = (group, { title, about = '', body }, job) => keepThread(group, '', { title, about: `${about} job ${job}`.trim(), body: { ...body, runs: [{ job }] } }).catch((error) => (toast.error(error), null));

/** @param {string} group @param {ReturnType<typeof useRun>} run @param {string} [thread] its id */
export function useEnd(group, run, thread) {
  useEffect(() => {
    if (thread && (run.state === 'done' || run.error?.code === 'gone')) told(group, run, thread).catch(toast.error);
  }, [run.state, thread]);
}

async function told(group, run, thread) {
  const { body } = await openThread(thread), [one] = body?.runs ?? [];
  if (run.error) return one?.artifacts && run.show(one);
  if (!one || one.artifacts || String(one.job) !== run.id) return;
  const { artifacts = [], texts = [] } = run.result;
  await keepThread(group, thread, { body: { ...body, runs: [{ ...one, artifacts, texts }] } });
}

/** Of a job's view. */
function viewed(view) {
  const error = view.error && view.status !== 'cancelled' && new ApiError(view.error.message, { code: view.error.code, param: view.error.param ?? '', fields: view.error.param ? { [view.error.param]: view.error.message } : {} });
  return { state: view.status, share: view.progress ?? null, stage: view.stage ?? '', eta: view.eta ?? null, result: view.result ?? null, error: error || null, took: view.duration_ms ? view.duration_ms / 1000 : null };
}

/** What goes on, or how it failed; nothing once it is done. */
export function Running({ run }) {
  if (run.state === 'cancelled') return html`<${Notice} kind="warn" title="Cancelled">Nothing was made.<//>`;
  if (run.error) return html`<${Failed} error=${run.error} />`;
  if (!run.busy) return null;
  const word = run.state === 'queued' ? 'Waiting for its turn' : run.stage || 'Working';
  return html`<div class="running col" role="status"><div class="row"><${Icon} name="refresh" class="spin" /><span class="strong">${word}</span><span class="grow"></span>
      <span class="small soft num">${run.share ? `${Math.round(run.share * 100)} %` : ''}${run.eta ? ` · ${seconds(run.eta)} left` : ''}</span>
      <${Button} small icon="stop" disabled=${!run.id} onClick=${run.cancel}>Cancel<//></div>
    <${Progress} value=${typeof run.share === 'number' ? run.share : undefined} label=${word} />
    ${run.preview && html`<div class="show"><img src=${run.preview} alt="The picture as it stands" /></div>`}</div>`;
}
