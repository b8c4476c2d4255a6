// @ts-check
// Who is signed in. `me.value`: undefined while nobody knows yet, null for nobody, else `{id, name, scopes}`.
//
//   if (may('admin')) …        may('analytics') is true for admins too; may('') for everybody
import { effect, signal } from '../lib.js';
import { api, expired, get, post } from '../kit/api.js';
import { owned } from '../kit/store.js';

/** @type {any} */
export const me = signal(undefined);
/** Why the sign-in page is shown again. */
export const why = signal('');

export function may(scope) {
  const scopes = me.value?.scopes ?? [];
  return !scope || scopes.includes('admin') || scopes.includes(scope);
}

/** Ask the server who we are. */
export async function look() {
  try {
    const { signed_in: signed } = await get('/ui/session', undefined, { silent: true });
    if (signed) known(await get('/api/Authenticate', undefined, { silent: true }));
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
  known(await api('/api/Authenticate', { method: 'POST', body, silent: true }));
  why.value = '';
}

export async function signOut() {
  await post('/api/Authenticate', { provider: 'logout' }, { silent: true }).catch(() => {});
  owned('nobody');
  me.value = null;
}

function known(told) {
  owned(told.userId);
  me.value = { id: told.userId, name: told.displayName || told.userName || 'You', scopes: told.permissions ?? (told.roles?.includes('Admin') ? ['admin'] : []) };
}

effect(() => {
  if (!expired.value || !me.peek()) return;
  why.value = 'Your session has ended. Sign in to go on where you were.';
  me.value = null;
});
