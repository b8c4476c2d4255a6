// @ts-check
// The files of this key, narrowed by kind, purpose, area and words.
//
// What a newcomer would get wrong: the server narrows by purpose, area and the beginning of a name; kinds and words inside of names
// are looked for here. So while one of these is asked for, older pages are fetched until all are here (or MOST).
import { useEffect, useState } from '../../lib.js';
import { get } from '../../kit/api.js';
import { kindOf } from '../area/kinds.js';
import { arrived } from '../area/uploads.js';

const PAGE = 500, MOST = 20_000;

/** @param {{kind?: string, purpose?: string, area?: string, q?: string}} query */
export function useFiles(query) {
  const { kind = '', purpose = '', area = '', q = '' } = query;
  const [state, set] = useState(/** @type {any} */ ({ rows: null, more: false, last: '', error: null }));
  const [turn, setTurn] = useState(0), [busy, setBusy] = useState(false);
  const uploaded = arrived.value;
  const load = async (after, signal) => {
    setBusy(true);
    try {
      const answer = await get('/files', { purpose, area, after, limit: PAGE }, { signal });
      set((old) => ({ rows: after ? [...old.rows, ...answer.data] : answer.data, more: answer.has_more, last: answer.last_id, error: null }));
    } catch (error) {
      if (/** @type {any} */ (error).name !== 'AbortError') set((old) => ({ ...old, error }));
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    load('', stop.signal);
    return () => stop.abort();
  }, [purpose, area, turn, uploaded]);
  const word = q.trim().toLowerCase(), narrow = !!(word || kind);
  useEffect(() => {
    if (narrow && state.more && !busy && !state.error && state.rows.length < MOST) load(state.last);
  }, [narrow, state]);
  const rows = state.rows?.filter((one) => (!kind || kindOf(one) === kind) && (!word || `${one.file_name} ${one.id}`.toLowerCase().includes(word)));
  return {
    rows, busy, error: state.error, more: state.more, looking: narrow && state.more && busy,
    older: () => load(state.last),
    reload: () => setTurn((n) => n + 1),
    gone: (ids) => set((old) => ({ ...old, rows: old.rows?.filter((one) => !ids.includes(one.id)) })),
  };
}
