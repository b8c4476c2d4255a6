// @ts-check
// Who is signed in. `me.value`: undefined while nobody knows yet, null for nobody, else `{id, name, scopes}`.
//
//   if (may('admin')) …        may('analytics') is true for admins too; may('') for everybody
import { effect, signal } from '../lib.js';
import { api, expired, get, post, recovered } from '../kit/api.js';
import { toast } from '../kit/overlay.js';
import { owned } from '../kit/store.js';

/** @type {any} */
export const me = signal(undefined);
/** The session has ended in the middle of something: the way in lies over the page, which stays as it is. */
export const ended = signal(false);

export function may(scope) {
  const scopes = me.value?.scopes ?? [];
  return !scope || scopes.includes('admin') || scopes.includes(scope);
}

/** Ask the server who we are. */
export async function look() {
  try {
    const { signed_in: signed, ...who } = await get('/ui/session', undefined, { silent: true });
    if (signed) known(who);
    else me.value = null;
  } catch (error) {
    if (/** @type {any} */ (error).status === 401) me.value = null;
    else if (me.peek() === undefined) {
      setTimeout(look, 1000); // the server is away: the banner says so
    }
  }
}

/** @param {string} name @param {string} key @param {boolean} remember */
export async function signIn(name, key, remember) {
  const body = { provider: 'credentials', userName: name || undefined, password: key, rememberMe: remember };
  const told = await api('/api/Authenticate', { method: 'POST', body, silent: true });
  known({ id: told.userId, name: told.displayName, scopes: told.permissions });
  if (!ended.peek() || last !== told.userId) return;
  ended.value = false;
  recovered.value++; // what failed meanwhile is asked again
}

/** Ends the session; the page is loaded anew, for what its modules remember is of this person. */
export async function signOut() {
  try {
    await post('/api/Authenticate', { provider: 'logout' }, { silent: true });
  } catch (error) {
    return toast(`You are still signed in: ${/** @type {any} */ (error).message}`, { kind: 'bad' });
  }
  history.replaceState({}, '');
  location.reload();
}

let last = '';

/** @param {{id: string, name: string, scopes: string[]}} who */
function known(who) {
  if (last && last !== who.id) return location.reload(); // another key after the session had ended: nothing of the first may be left
  last = who.id;
  owned(who.id);
  me.value = who;
}

effect(() => {
  if (expired.value && me.peek()) ended.value = true;
});
