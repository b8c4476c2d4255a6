// @ts-check
// The start: who is signed in, then the frame or the way in.
import { html, render, useEffect } from './lib.js';
import { offline } from './kit/api.js';
import { startTips, Toasts } from './kit/overlay.js';
import { Frame } from './shell/frame.js';
import { start } from './shell/router.js';
import { look, me } from './shell/session.js';
import { SignIn } from './shell/signin.js';

function App() {
  useEffect(() => void look(), []);
  const who = me.value;
  return html`${who === undefined ? html`<main class="signin" aria-busy="true">${offline.value && html`<p role="status">The server can’t be reached. Trying again …</p>`}</main>` : who ? html`<${Frame} />` : html`<${SignIn} />`}<${Toasts} />`;
}

start();
startTips();
render(html`<${App} />`, /** @type {any} */ (document.getElementById('app')));
