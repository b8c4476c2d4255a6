// @ts-check
// The models served now, asked once and kept for half a minute.
//
//   const list = useModels('chat');                                        // [] until they are there; [{id, owned_by, operations}]
//   { name: 'model', type: 'combo', options: modelOptions('chat') }        // for a form
import { useEffect, useState } from '../lib.js';
import { get } from './api.js';

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
export const modelsFor = async (op) => (await models()).filter((one) => !op || one.operations.includes(op));

const made = new Map();

/** For a combo: the same function for the same `op`, so that it may stand in a render. */
export function modelOptions(op) {
  if (!made.has(op)) made.set(op, async () => (await modelsFor(op)).map((one) => ({ value: one.id, label: one.id, more: one.owned_by })));
  return made.get(op);
}

/** @returns {any[]} */
export function useModels(op) {
  const [list, setList] = useState(/** @type {any[]} */ ([]));
  useEffect(() => {
    let current = true;
    modelsFor(op).then((found) => current && setList(found), () => {});
    return () => (current = false);
  }, [op]);
  return list;
}
