// @ts-check
// The prompt library: one's own, those an administrator shares, those that come with the server. `/saved/prompts`, body {text}.
//
//   const prompts = usePrompts();           // {data: {data: [...]}, error, reload}; kept true while this tab changes them
//   await addPrompt({ title, text });       changePrompt(id, { title, text, shared });  dropPrompt(id)
//   options=${promptOptions}                // for a Combo
import { signal } from '../../lib.js';
import { del, get, patch, post, useApi } from '../../kit/api.js';

/** Counts changes made in this tab. */
const turn = signal(0);
const MOST = 1000;

export function usePrompts() {
  const list = useApi('/saved/prompts', { query: { limit: MOST }, deps: [turn.value] });
  return list;
}

/** Whose it is, for badges and filters. @param {any} one @returns {'own'|'shared'|'built_in'} */
export const sort = (one) => (one.built_in ? 'built_in' : one.own ? 'own' : 'shared');
export const SORTS = { own: 'Yours', shared: 'Shared', built_in: 'Built in' };

export async function promptOptions() {
  const answer = await get('/saved/prompts', { limit: MOST });
  return answer.data.map((one) => ({ value: String(one.id), label: one.title, more: SORTS[sort(one)] }));
}

/** @param {{title?: string, text?: string, shared?: boolean}} one */
const fields = ({ title, text, shared }) => ({ ...(title !== undefined && { title }), ...(text !== undefined && { body: { text }, about: text.slice(0, 300) }), ...(shared !== undefined && { shared }) });
const done = (answer) => (turn.value++, answer);

/** @param {{title: string, text: string, shared?: boolean}} one */
export const addPrompt = async (one) => done(await post('/saved/prompts', fields(one)));
/** `seen`: the `changed` one has read; another's change in between is then a conflict. @param {string|number} id @param {any} one @param {number} [seen] */
export const changePrompt = async (id, one, seen) => done(await patch(`/saved/prompts/${id}`, { ...fields(one), ...(seen && { seen }) }));
export const dropPrompt = async (id) => done(await del(`/saved/prompts/${id}`));
