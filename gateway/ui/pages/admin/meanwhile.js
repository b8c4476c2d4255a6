// @ts-check
// Two people at one thing: before a form is saved, what is there now is laid beside what the form began with. Fields that only
// the other one changed are theirs, for a form sends what differs alone; about a field that both changed one is asked.
//
//   if (!(await mine({ name: 'lab', began, now, wish }))) return;        wish: the fields that would be sent
import { html } from '../../lib.js';
import { confirm } from '../../kit/overlay.js';
import { told } from './parts.js';

const SECRET = new Set(['key', 'headers']);
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/**
 * Whether to go on. @param {{name: string, began: Record<string, any>, now: Record<string, any>, wish: Record<string, any>}} how
 * @returns {Promise<boolean>}
 */
export async function mine({ name, began, now, wish }) {
  const both = Object.keys(wish).filter((field) => field in now && !same(began[field], now[field]) && !same(wish[field], now[field]));
  if (!both.length) return true;
  return confirm({ title: `${name} was changed meanwhile`, action: 'Save mine', danger: true, text: html`Somebody else has set ${both.map((field) => html`<br /><b>${field.replaceAll('_', ' ')}</b>${SECRET.has(field) ? '' : ` to ${told(field, now[field])}; it was ${told(field, began[field])}, and yours is ${told(field, wish[field])}`}`)}` });
}
