// @ts-check
// The way in: a key, and how one wants to be called. Afterwards one is where one wanted to be.
import { html, useEffect, useState } from '../lib.js';
import { Icon } from '../kit/icons.js';
import { Button, Notice } from '../kit/parts.js';
import { Logo } from './logo.js';
import { titled } from './router.js';
import { signIn, why } from './session.js';

export function SignIn() {
  const [name, setName] = useState(''), [key, setKey] = useState(''), [remember, setRemember] = useState(true), [seen, setSeen] = useState(false);
  const [failed, setFailed] = useState(''), [busy, setBusy] = useState(false);
  useEffect(() => titled('Sign in'), []);
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
  return html`<main class="signin" id="main" tabindex="-1"><div class="card">
    <${Logo} /><h1>Sign in to AI Server</h1><p class="soft">With an API key of this server.</p>
    <form onSubmit=${send} noValidate>
      ${why.value && !failed && html`<${Notice} kind="info">${why.value}<//>`}
      ${failed && html`<${Notice} kind="bad">${failed}<//>`}
      <div class="field"><label for="key">API key</label><div class="within"><${Icon} name="key" size="15" /><input class="input mono" id="key" name="password" type=${seen ? 'text' : 'password'} autocomplete="current-password"
        autofocus spellcheck="false" aria-invalid=${failed ? 'true' : null} placeholder="ais-…" value=${key} onInput=${(e) => setKey(e.target.value)} />
        <span class="after"><${Button} ghost small icon="eye" label=${seen ? 'Hide the key' : 'Show the key'} onClick=${() => setSeen(!seen)} /></span></div></div>
      <div class="field"><label for="name">Your name <span class="faint small">optional</span></label><input class="input" id="name" name="username" autocomplete="username" maxlength="100" placeholder="As you want to be called" value=${name} onInput=${(e) => setName(e.target.value)} /></div>
      <label class="check"><input type="checkbox" checked=${remember} onChange=${(e) => setRemember(e.target.checked)} /><span>Stay signed in on this computer for two weeks</span></label>
      <${Button} type="submit" primary busy=${busy}>Sign in<//>
    </form>
    <p class="small faint" style=${{ marginTop: '20px' }}>No key? An administrator makes one: <code>ai-server keys create NAME</code>. The API can be read without one in the <a href="/explorer">explorer</a>.</p>
  </div></main>`;
}
