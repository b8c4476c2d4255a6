// @ts-check
// Test a provider: its list of models, and one token of chat if wished; what was seen is shown as it was.
import { html, useState } from '../../lib.js';
import { post } from '../../kit/api.js';
import { Dialog } from '../../kit/overlay.js';
import { Button, Facts, Notice } from '../../kit/parts.js';
import { seconds } from '../../kit/time.js';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Ask an agent to test it. A provider that was just saved has one within a second. @param {string} name @param {any} [wish] */
export async function tested(name, wish = {}) {
  for (let tries = 0; ; tries++) {
    try {
      return await post(`/admin/providers/${encodeURIComponent(name)}/test`, wish);
    } catch (error) {
      if (/** @type {any} */ (error).status !== 503 || tries >= 4) throw error;
      await pause(400);
    }
  }
}

/** The list of models, and then one token of chat: a list is often given to whoever asks, with a wrong key too. */
export async function proven(name) {
  const listed = await tested(name);
  if (!listed.ok) return listed;
  const chatted = await tested(name, { chat: true });
  return chatted.ok || chatted.code !== 'invalid_request' ? chatted : listed; // it has no model to chat with: a media provider
}

const STEPS = { settings: 'before anything was sent', models: 'when asked for its models', chat: 'when asked to chat' };

/** What a test saw. */
export function Seen({ of }) {
  return html`<${Notice} kind=${of.ok ? 'ok' : 'bad'} title=${of.ok ? `${of.provider} answers.` : `${of.provider} failed ${STEPS[of.step] ?? ''}.`}>
    <div class="col gap-3">${of.error && html`<div>${of.error} <span class="mono small soft">${of.code}</span></div>`}
    ${of.ok && html`<${Facts} of=${[
      ['Models', of.list_ms !== undefined && of.list_ms !== null ? html`${of.models} in ${seconds(of.list_ms / 1000)}${of.some?.length ? html`<div class="small soft">${of.some.join(', ')}${of.models > of.some.length ? ' …' : ''}</div>` : ''}` : 'it has no list; it was only called'],
      ['Chat', of.chat_model && html`<span>one token of <code>${of.chat_model}</code> in ${seconds(of.chat_ms / 1000)}</span>`],
    ]} />`}</div><//>`;
}

/** @param {{name: string, models: string[], onClose: () => void}} props */
export function TestDialog({ name, models, onClose }) {
  const [seen, setSeen] = useState(/** @type {any} */ (null));
  const [model, setModel] = useState('');
  const run = async (wish) => {
    setSeen(null);
    setSeen(await tested(name, wish));
  };
  return html`<${Dialog} title=${`Test ${name}`} onClose=${onClose} footer=${html`<button class="btn" onClick=${onClose}>Close</button>`}>
    <div class="col gap-4"><p class="soft">An agent calls the provider with its own key, as it would for a request: what works here works for callers.</p>
      <div class="row wrap"><${Button} primary icon="pulse" autofocus onClick=${() => run({})}>Ask for its models<//></div>
      <div class="row wrap"><select class="input" style=${{ width: 'auto', maxWidth: '260px' }} aria-label="Model to chat with" value=${model} onChange=${(e) => setModel(e.target.value)}><option value="">A small model</option>${models.map((one) => html`<option value=${one}>${one}</option>`)}</select>
        <${Button} icon="chat" onClick=${() => run({ chat: true, model })}>Chat one token<//><span class="faint small">It costs what one token costs.</span></div>
      <div aria-live="polite">${seen && html`<${Seen} of=${seen} />`}</div></div><//>`;
}
