// @ts-check
// The start: who is signed in, then the frame or the way in.
import { html, render } from './lib.js';
import { offline } from './kit/api.js';
import { startTips, Toasts } from './kit/overlay.js';
import { Frame } from './shell/frame.js';
import { route, start } from './shell/router.js';
import { ended, look, me } from './shell/session.js';
import { SignIn, SignInAgain } from './shell/signin.js';

function App() {
  const who = me.value;
  return html`${who === undefined ? html`<main class="signin" aria-busy="true">${offline.value && html`<p role="status">The server can’t be reached. Trying again …</p>`}</main>` : who ? html`<${Frame} />${ended.value && html`<${SignInAgain} />`}` : html`<${SignIn} />`}<${Toasts} />`;
}

look();
route.peek()?.page.load().catch(() => {}); // comes while the server says who this is; a failure is told by who draws it
start();
startTips();
render(html`<${App} />`, /** @type {any} */ (document.getElementById('app')));
