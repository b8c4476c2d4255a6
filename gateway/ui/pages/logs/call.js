// @ts-check
// A request of the log as the call that would ask the same again. Pure.
//
//   callOf(row).call     for kit/code.js;   .sketch: the body was not kept, and only its model is known

const PATHS = /** @type {Record<string, [string, any]>} */ ({
  chat: ['/v1/chat/completions', { messages: [{ role: 'user', content: '…' }] }],
  embeddings: ['/v1/embeddings', { input: '…' }],
});

/** @param {any} row @returns {{call: any, sketch: boolean}} */
export function callOf(row) {
  const [path, empty] = PATHS[row.op] ?? [`/media/${row.op}`, {}];
  let kept = null;
  try {
    kept = JSON.parse(row.request);
  } catch { /* not kept, or no JSON */ }
  const known = kept && typeof kept === 'object' && !Array.isArray(kept);
  const body = known ? { model: row.model, ...kept } : { model: row.model || undefined, ...empty, ...(row.stream ? { stream: true } : {}) };
  return { call: { method: 'POST', path, body }, sketch: !known };
}
