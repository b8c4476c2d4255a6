// @ts-check
// The models served now, asked once and kept for half a minute.
//
//   const list = useModels('chat');                                        // [] until they are there; [{id, owned_by, operations, architecture?}]
//   const served = useServed('chat');                                      // the same as useApi tells it: {data, error, reload}
//   { name: 'model', type: 'combo', options: modelOptions('chat') }        // for a form
import { get, useApi } from './api.js';

const FRESH = 30_000;
let asked = 0, kept = /** @type {Promise<any[]>|null} */ (null);

/** Every model this key may use. @returns {Promise<any[]>} */
export function models() {
  if (!kept || Date.now() - asked > FRESH) {
    asked = Date.now();
    kept = get('/v1/models').then((answer) => answer.data);
    kept.catch(() => (kept = null));
  }
  return kept;
}

/** Those that can do `op` (`chat`, `text_to_image` …); all without one. */
const modelsFor = async (op) => (await models()).filter((one) => !op || one.operations.includes(op));

const made = new Map();

/** For a combo: the same function for the same `op`, so that it may stand in a render. */
export function modelOptions(op) {
  if (!made.has(op)) made.set(op, async () => (await modelsFor(op)).map((one) => ({ value: one.id, label: one.id, more: [op === 'chat' && sees(one) && 'takes pictures', one.owned_by].filter(Boolean).join(' · ') })));
  return made.get(op);
}

/** Whether a model takes pictures; null: nobody has said. @param {any} one @returns {boolean|null} */
export const sees = (one) => one.architecture?.input_modalities.includes('image') ?? null;

/** Those for `op`, as `useApi` tells them; a model that comes or goes is seen without a reload. */
export const useServed = (op) => useApi(() => modelsFor(op), { deps: [op], every: FRESH });

const NONE = /** @type {any[]} */ ([]);

/** @returns {any[]} */
export const useModels = (op) => useServed(op).data ?? NONE;
