// @ts-check
// The way in: a key, and how one wants to be called. Afterwards one is where one wanted to be.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../lib.js';
import { Icon } from '../kit/icons.js';
import { Button, Notice } from '../kit/parts.js';
import { Logo } from './logo.js';
import { titled } from './router.js';
import { signIn } from './session.js';

export function SignIn() {
  useEffect(() => titled('Sign in'), []);
  return html`<main class="signin" id="main" tabindex="-1"><${Way} /></main>`;
}

/** Over a page whose session has ended: what is half typed there is still there afterwards. Nothing but a key closes it. */
export function SignInAgain() {
  const box = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    const before = /** @type {any} */ (document.activeElement);
    box.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${box} class="signin" aria-label="Sign in" onCancel=${(e) => e.preventDefault()} onKeyDown=${(e) => e.key === 'Escape' && e.preventDefault()}><${Way} again /></dialog>`;
}

function Way({ again = false }) {
  const [name, setName] = useState(''), [key, setKey] = useState(''), [remember, setRemember] = useState(true), [seen, setSeen] = useState(false);
  const [failed, setFailed] = useState(''), [busy, setBusy] = useState(false);
  const send = async (event) => {
    event.preventDefault();
    if (!key.trim()) return setFailed('Paste an API key of this server.');
    setBusy(true);
    setFailed('');
    try {
      await signIn(name.trim(), key.trim(), remember);
    } catch (error) {
      const wrong = /** @type {any} */ (error);
      setFailed(wrong.status === 401 ? 'This key is not one of this server’s, or it has expired or been revoked.' : wrong.message);
      setBusy(false);
    }
  };
  return html`<div class="card">
    <${Logo} /><h1>Sign in to AI Server</h1><p class="soft">With an API key of this server.</p>
    <form onSubmit=${send} noValidate>
      ${again && !failed && html`<${Notice} kind="info">Your session has ended. Sign in to go on where you were.<//>`}
      ${failed && html`<${Notice} kind="bad">${failed}<//>`}
      <div class="field"><label for="signin-key">API key</label><div class="within"><${Icon} name="key" size="15" /><input class="input mono" id="signin-key" name="password" type=${seen ? 'text' : 'password'} autocomplete="current-password"
        autofocus spellcheck="false" aria-invalid=${failed ? 'true' : null} placeholder="ais-…" value=${key} onInput=${(e) => setKey(e.target.value)} />
        <span class="after"><${Button} ghost small icon="eye" label=${seen ? 'Hide the key' : 'Show the key'} onClick=${() => setSeen(!seen)} /></span></div></div>
      <div class="field"><label for="signin-name">Your name <span class="faint small">optional</span></label><input class="input" id="signin-name" name="username" autocomplete="username" maxlength="100" placeholder="As you want to be called" value=${name} onInput=${(e) => setName(e.target.value)} /></div>
      <label class="check"><input type="checkbox" checked=${remember} onChange=${(e) => setRemember(e.target.checked)} /><span>Stay signed in on this computer for two weeks</span></label>
      <${Button} type="submit" primary busy=${busy}>Sign in<//>
    </form>
    <p class="small faint" style=${{ marginTop: '20px' }}>No key? An administrator makes one: <code>ai-server keys create NAME</code>. The API can be read without one in the <a href="/explorer">explorer</a>.</p></div>`;
}
