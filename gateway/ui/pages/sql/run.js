// @ts-check
// A run of a statement: asked, cancelled, told; and what was run lately, kept in this browser.
import { useEffect, useRef, useState } from '../../lib.js';
import { api, del, post, save } from '../../kit/api.js';
import { pref } from '../../kit/store.js';

const MOST = 50;
/** @typedef {{columns: {name: string, type: string}[], rows: any[][], row_count: number, cut: boolean, warnings: string[], elapsed_ms: number, id: string}} Answer */
/** @returns {{value: {sql: string, at: number, ms: number, rows: number, error: string, month: string}[]}} */
export const history = () => pref('sql.history', []);

/** @returns {{answer: Answer|null, error: any, sql: string, from: number, running: boolean, since: number, run: (sql: string, from: number, how: any) => Promise<void>, cancel: () => void, forget: () => void}} */
export function useRun() {
  const [state, set] = useState(/** @type {any} */ ({ answer: null, error: null, sql: '', from: 0, running: false, since: 0 }));
  const going = useRef(/** @type {any} */ (null));
  const cancel = () => {
    const mine = going.current;
    if (!mine) return;
    del(`/admin/sql/${mine.id}`, undefined, { silent: true }).catch(() => mine.stop.abort());
    setTimeout(() => mine.stop.abort(), 1500);
  };
  useEffect(() => () => going.current?.stop.abort(), []);
  const run = async (sql, from, how) => {
    if (!sql.trim()) return;
    going.current?.stop.abort();
    const mine = going.current = { id: `ui-${crypto.getRandomValues(new Uint32Array(3)).join('-')}`, stop: new AbortController() }, since = Date.now();
    set((old) => ({ ...old, running: true, since, error: null }));
    const ended = (more) => {
      if (going.current !== mine) return;
      going.current = null;
      set((old) => ({ ...old, running: false, sql, from, ...more }));
      remember({ sql, at: since / 1000, ms: more.answer?.elapsed_ms ?? Date.now() - since, rows: more.answer?.row_count ?? 0, error: more.error?.message ?? '', month: how.month ?? '' });
    };
    try {
      ended({ answer: await post('/admin/sql', { sql, month: how.month || null, limit: how.limit, seconds: how.seconds, id: mine.id }, { signal: mine.stop.signal }), error: null });
    } catch (error) {
      ended({ answer: null, error: /** @type {any} */ (error).name === 'AbortError' ? { message: 'Cancelled.', code: 'cancelled' } : error });
    }
  };
  return { ...state, run, cancel, forget: () => set((old) => ({ ...old, error: null })) };
}

function remember(one) {
  const kept = history();
  kept.value = [one, ...kept.value.filter((each) => each.sql !== one.sql)].slice(0, MOST);
}

/** The whole answer as a file. @param {'csv'|'parquet'|'json'} kind @param {string} sql @param {any} how @param {Answer|null} answer */
export async function download(kind, sql, how, answer) {
  if (kind === 'json') {
    const rows = (answer?.rows ?? []).map((row) => Object.fromEntries((answer?.columns ?? []).map((one, i) => [one.name, row[i]])));
    return save('query.json', JSON.stringify(rows, null, 1), 'application/json');
  }
  save(`query.${kind}`, await api('/admin/sql', { method: 'POST', body: { sql, month: how.month || null, seconds: 300, format: kind }, as: 'blob' }));
}
