// @ts-check
// What is done to a key: rotate with an overlap, switch off and on, revoke; and the one time it is shown.
import { html } from '../../lib.js';
import { patch, post } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Form, useForm } from '../../kit/form.js';
import { confirm, Dialog, toast } from '../../kit/overlay.js';
import { Button, Copy, Notice } from '../../kit/parts.js';
import { seconds } from '../../kit/time.js';

/** The key itself, this once. @param {{made: any, model: string, onClose: () => void}} props */
export function Made({ made, model, onClose }) {
  const close = async () => {
    if (await confirm({ title: 'Is it in a safe place?', text: 'The key can’t be shown again. If it is lost, rotate it or make another.', action: 'I have it' })) onClose();
  };
  return html`<${Dialog} wide sticky title=${`The key of ${made.name}`} onClose=${close} footer=${html`<button class="btn primary" onClick=${close}>Done</button>`}>
    <div class="col gap-4"><${Notice} kind="warn" title="Copy it now: it is shown this once.">Only its fingerprint is kept. It begins with <code>${made.prefix}</code>.<//>
      <${Once} label="API key" text=${made.key} />
      ${made.webhook_secret && html`<details><summary class="soft">It signs its web callbacks with a secret of its own</summary><div class="col gap-3"><${Once} label="Signing secret" text=${made.webhook_secret} /></div></details>`}
      <section class="col gap-3"><h3>How to use it</h3><p class="soft">Put it into <code>AI_SERVER_KEY</code>; programs read it from there.</p>
        <${Call} label="A first call" call=${{ path: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content: 'Hello' }] } }} />
        <p class="small faint">Clients of OpenAI: base URL <code>${location.origin}/v1</code> and this key. People: sign in to this page with it.</p></section></div><//>`;
}

function Once({ label, text }) {
  return html`<div class="once"><code aria-label=${label}>${text}</code><${Copy} text=${text} label=${`Copy the ${label.toLowerCase()}`} small=${false}>Copy<//></div>`;
}

const OVERLAPS = [[0, 'At once'], [3600, 'After an hour'], [86400, 'After a day'], [7 * 86400, 'After a week'], [30 * 86400, 'After 30 days']];

/** @param {{key_: any, onClose: () => void, onMade: (made: any) => void}} props */
export function Rotate({ key_, onClose, onMade }) {
  const form = useForm({ overlap: '86400', signing: false });
  const body = { overlap: Number(form.values.overlap), ...(form.values.signing ? { signing: true } : {}) };
  return html`<${Dialog} title=${`Rotate ${key_.name}`} onClose=${onClose}><div class="col gap-4">
    <p class="soft">A new key with the same rights and limits. Meanwhile both work, so that programs can be changed one by one.</p>
    <${Form} form=${form} submit="Make the new key" icon="refresh" onSubmit=${() => post(`/admin/keys/${key_.id}/rotate`, body)} onDone=${onMade} actions=${html`<${Button} onClick=${onClose}>Cancel<//>`} fields=${[
      { name: 'overlap', label: 'The old key ends', type: 'select', required: true, options: OVERLAPS.map(([value, label]) => [String(value), label]), hint: body.overlap ? `Both work for ${seconds(body.overlap)}.` : 'Programs that still hold it are refused.' },
      { name: 'signing', label: 'Also a new secret for signing callbacks', type: 'switch', hint: 'Receivers must be told in the same moment.' },
    ]} />
    <${Call} label="Rotate this key" call=${{ path: `/admin/keys/${key_.id}/rotate`, body }} /></div><//>`;
}

/** Off and on again. @param {any} key @param {() => void} done */
export async function switched(key, done) {
  await patch(`/admin/keys/${key.id}`, { disabled: key.disabled ? 0 : Date.now() / 1000 });
  toast(`${called(key)} is switched ${key.disabled ? 'on' : 'off'}.`, key.disabled ? {} : { action: ['Undo', () => patch(`/admin/keys/${key.id}`, { disabled: 0 }).then(done, toast.error)] });
  done();
}

/** Its name, where that can be read in a line and typed; else how the key begins. */
const called = (key) => (key.name.length <= 40 && key.name === key.name.trim().replace(/\s+/g, ' ') ? key.name : key.prefix);

export async function revoked(key) {
  const sure = await confirm({ title: `Revoke ${key.name}?`, text: `Programs that use ${key.prefix}… are refused within a second. It can’t be taken back.`, action: `Revoke ${called(key)}`, danger: true, type: called(key) });
  if (!sure) return false;
  await post(`/admin/keys/${key.id}/revoke`);
  toast(`${called(key)} is revoked.`);
  return true;
}
