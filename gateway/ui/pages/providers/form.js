// @ts-check
// Add or change a provider: its address and key, what it serves, how much at a time, how long to wait. Saved, then tested at will.
import { html, useState } from '../../lib.js';
import { get, patch, post, useApi } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { useForm } from '../../kit/form.js';
import { confirm, Dialog, Drawer, toast } from '../../kit/overlay.js';
import { Button, Notice } from '../../kit/parts.js';
import { mine } from '../admin/meanwhile.js';
import { complain, SectionForm } from '../admin/sections.js';
import { HeadersField, headersOf, headersSent, ModelsField, modelsSent, notesSent, SEALED, secretOf, SecretField, secretSent, secretWrong, tagsOf } from './fields.js';
import { PickDialog } from './pick.js';
import { proven, Seen } from './test.js';
import { LISTS, TypeCards } from './types.js';

const origin = (url) => {
  try {
    return new URL(url).origin;
  } catch {
    return url;
  }
};
const PLAIN = ['priority', 'slots', 'reserve', 'pool', 'host', 'cost', 'requests_per_minute', 'tokens_per_minute', 'connect_timeout', 'first_timeout', 'stall_timeout', 'check_seconds', 'check_timeout', 'enabled', 'discover', 'base_url'];
/** What a model of such a provider mostly does. */
const FIRST = { comfyui: 'text_to_image', replicate: 'text_to_image', speech: 'speech_to_text' };
const NEW = { name: '', base_url: '', priority: 5, slots: 32, reserve: -1, pool: '', host: '', cost: 0, requests_per_minute: 0, tokens_per_minute: 0, connect_timeout: 5, first_timeout: 120, stall_timeout: 60, check_seconds: 30, check_timeout: 10, enabled: true, discover: true, models: [], key: '', headers: {}, notes: '' };

/** A provider as the form holds it. */
export function valuesOf(provider) {
  const { tags, notes } = tagsOf(provider.notes);
  return { ...Object.fromEntries(['name', ...PLAIN].map((name) => [name, provider[name] ?? NEW[name]])), models: provider.models ?? [], secret: secretOf(provider.key), headers: headersOf(provider.headers), notes, tags };
}

/** The form as the API wants it. @param {any} values @param {any} type */
export function sent(values, type) {
  return { name: values.name.trim(), ...(type?.type ? { type: type.type } : {}), ...(type ? { kind: type.kind } : {}), ...Object.fromEntries(PLAIN.map((name) => [name, values[name]])),
    base_url: values.base_url.trim(), key: secretSent(values.secret), headers: headersSent(values.headers), models: modelsSent(values.models), notes: notesSent(values.notes, values.tags) };
}

/** Only what differs from how it was opened. */
export function changed(values, provider) {
  const before = sent(valuesOf(provider), null), after = sent(values, null);
  const fields = Object.fromEntries(Object.entries(after).filter(([name, value]) => name !== 'name' && JSON.stringify(value) !== JSON.stringify(before[name])));
  return fields;
}

/** The same for others to read: without what is secret. */
const shownCall = (body, headers) => ({ ...body, ...(body.key && body.key !== SEALED && !body.key.startsWith('env:') ? { key: 'THE_PROVIDERS_KEY' } : {}),
  ...(body.headers ? { headers: Object.fromEntries(Object.entries(body.headers).map(([name, value]) => [name, /auth|key|token|secret|cookie|passw|credential/i.test(name) && value !== SEALED && !value.startsWith('env:') ? 'ITS_VALUE' : value])) } : {}) });

/** Add: the cards, then the form. @param {{type: any, types: any[], names: string[], onType: (type: any) => void, onClose: () => void, onSaved: (provider: any) => void}} props */
export function AddProvider({ type, names, onType, onClose, onSaved }) {
  if (!type) return html`<${Dialog} wide title="Add a provider" onClose=${onClose}><${TypeCards} onPick=${onType} /><//>`;
  let name = type.type || (type.id === 'custom' ? '' : type.kind);
  for (let i = 2; names.includes(name); i++) name = `${(type.type || type.kind)}-${i}`;
  const env = type.env?.[0] ?? '';
  const start = { ...NEW, name, base_url: type.base_url ?? '', priority: type.priority ?? NEW.priority, slots: type.slots ?? NEW.slots, headers: type.headers ?? {} };
  return html`<${ProviderForm} key=${type.id} title=${`Add ${type.title}`} start=${{ ...valuesOf(start), secret: env ? { mode: 'own', text: '' } : { mode: 'none', text: '' } }} type=${type} env=${env} onClose=${onClose} onSaved=${onSaved} back=${() => onType(null)} />`;
}

/** @param {{provider: any, type: any, onClose: () => void, onSaved: (provider: any) => void}} props */
export const EditProvider = ({ provider, type, onClose, onSaved }) => html`<${ProviderForm} title=${`Change ${provider.name}`} start=${valuesOf(provider)} provider=${provider} type=${type} onClose=${onClose} onSaved=${onSaved} />`;

function ProviderForm({ title, start, provider, type, env, onClose, onSaved, back }) {
  const form = useForm(start);
  const [known, setKnown] = useState(/** @type {any} */ (provider ?? null));
  const [seen, setSeen] = useState(/** @type {any} */ (null));
  const [pick, setPick] = useState(false);
  const catalogue = useApi('/admin/catalogue');
  const { values } = form;
  const kind = known?.kind ?? type?.kind, here = type?.here;
  const moved = !!known && known.key === SEALED && values.secret.mode === 'kept' && origin(values.base_url.trim()) !== origin(known.base_url);
  const body = known ? changed(values, known) : sent(values, type);
  const save = async () => {
    const now = known && await get(`/admin/providers/${known.name}`);
    if (known && !(await mine({ name: known.name, began: known, now, wish: body }))) throw new DOMException('thought better of it', 'AbortError');
    const saved = !known ? await post('/admin/providers', body) : Object.keys(body).length ? await patch(`/admin/providers/${known.name}`, body) : now;
    setKnown(saved);
    form.reset(valuesOf(saved)); // the secret that was typed is gone from the page
    return saved;
  };
  const test = async () => {
    setSeen({ busy: true });
    try {
      const saved = form.dirty || !known ? await save() : known;
      const found = await proven(saved.name);
      setSeen(found);
      onSaved(saved, true);
      if (!found.ok) complain(form, { message: found.error, param: found.code === 'provider_auth' ? 'secret' : found.step === 'settings' ? 'secret' : found.code === 'provider_unreachable' ? 'base_url' : '' }, ['secret', 'base_url']);
    } catch (error) {
      setSeen(null);
      if (/** @type {any} */ (error).name !== 'AbortError') complain(form, renamed(error), names);
    }
  };
  const close = async () => {
    if (form.dirty && !(await confirm({ title: 'Leave without saving?', text: 'What you changed here is lost.', action: 'Leave', danger: true }))) return;
    onClose();
  };
  const names = Object.keys(values);
  const list = sections({ known, type, here, env, moved, kind, operations: catalogue.data?.operations ?? ['chat'], onPick: LISTS.includes(kind) && values.base_url ? () => setPick(true) : undefined });
  return html`<${Drawer} sticky title=${title} onClose=${close} footer=${html`
      <${Button} icon="pulse" label="Asks for its models, and chats one token" busy=${seen?.busy} onClick=${test}>${form.dirty || !known ? 'Save and test' : 'Test'}<//>
      <button type="submit" form="provider" class="btn primary" disabled=${form.busy || (!!known && !form.dirty)}>${known ? 'Save' : 'Add provider'}</button>`}>
    <div class="col gap-4">
      ${!known && html`<div class="row wrap small soft">${back && html`<${Button} small icon="left" onClick=${back}>Another type<//>`}${type?.docs && html`<span>Its <a href=${type.docs} target="_blank" rel="noopener noreferrer">documentation</a></span>`}</div>`}
      ${seen && !seen.busy && html`<${Seen} of=${seen} />`}
      <${SectionForm} id="provider" bare form=${form} sections=${list} onSubmit=${() => save().catch((error) => { throw renamed(error); })} onDone=${(saved) => { toast(known ? `${saved.name} is saved; in force within a second.` : `${saved.name} is added.`); onSaved(saved); onClose(); }} />
      <section class="col gap-3"><h3>The same from a program</h3><${Call} label="Save this provider" call=${known ? { method: 'PATCH', path: `/admin/providers/${known.name}`, body: shownCall(body) } : { path: '/admin/providers', body: shownCall(body) }} /></section></div>
    ${pick && html`<${PickDialog} where=${{ kind, base_url: values.base_url.trim(), key: values.secret.mode === 'own' ? values.secret.text : '' }} chosen=${values.models} onClose=${() => setPick(false)}
      onUse=${(models) => { form.set('models', models); form.set('discover', false); setPick(false); }} />`}<//>`;
}

/** The server calls the secret `key`; the field here is `secret`. */
function renamed(error) {
  if (error.param === 'key') error.param = 'secret';
  return error;
}

function sections({ known, type, here, env, moved, kind, operations, onPick }) {
  return [
    { fields: [
      { name: 'name', label: 'Name', required: true, disabled: !!known, mono: true, hint: known ? 'A provider keeps its name.' : 'a–z, 0–9, - and _; it names the queue.', autofocus: !known },
      { name: 'base_url', label: 'Address', type: 'url', mono: true, required: !here && ['openai', 'ollama', 'comfyui'].includes(kind), placeholder: 'https://api.example.com/v1', hint: here ? 'It needs none.' : type?.base_url ? `${type.title} is at ${type.base_url}` : undefined },
      !here && { name: 'secret', label: 'Key', type: 'custom', full: true, hint: moved ? 'The address names another server: give its key again, so that no secret goes where it was not meant to.' : env && !known ? `Usually in ${env}.` : 'Sealed with the server’s master key; nobody sees it again, you neither.',
        check: secretWrong, render: ({ value, set, base }) => html`<${SecretField} value=${value} set=${set} base=${base} kept=${known?.key === SEALED} wrong=${moved} />` },
      { name: 'enabled', label: 'Switched on', type: 'switch', full: true },
    ], render: () => moved && html`<div class="full"><${Notice} kind="warn">The key is not taken along to another server.<//></div>` },
    { title: 'Models', about: 'What it serves, under which names', open: true, fields: [
      { name: 'discover', label: 'Also list the models the provider itself names', type: 'switch', full: true },
      { name: 'models', label: 'Models', type: 'custom', full: true, hint: 'Empty: those it names itself. Paste several names at once to add them all.', render: ({ value, set, base }) => html`<${ModelsField} value=${value} set=${set} base=${base} operations=${operations} first=${FIRST[kind]} onPick=${onPick} />` },
    ] },
    { title: 'Slots, priority and limits', about: 'Who is asked first, and how much at a time', fields: [
      { name: 'slots', label: 'Slots', type: 'number', min: 1, max: 5000, step: 1, required: true, hint: 'Calls at a time, over all its agents.' },
      { name: 'priority', label: 'Priority', type: 'slider', min: 0, max: 9, step: 1, hint: '0 is served first, 9 last.' },
      { name: 'reserve', label: 'Reserved for people who wait', type: 'number', min: -1, step: 1, hint: 'Of the slots, kept for sync calls. -1: an eighth.' },
      { name: 'cost', label: 'Cost', type: 'number', min: 0, hint: 'Breaks ties, lower first; any unit.' },
      { name: 'requests_per_minute', label: 'Requests a minute', type: 'number', min: 0, hint: 'What the provider allows us; 0: no limit known.' },
      { name: 'tokens_per_minute', label: 'Tokens a minute', type: 'number', min: 0, hint: '0: no limit known.' },
      { name: 'pool', label: 'Pool', mono: true, hint: 'Providers of one pool share one queue.' },
      { name: 'host', label: 'Only on the machine', mono: true, hint: 'Empty: any. Else only `ai-server agent` there serves it.' },
    ] },
    { title: 'Timeouts and health', about: 'How long to wait, how often to look', fields: [
      ['connect_timeout', 'To connect', 'Seconds.'], ['first_timeout', 'To the first word', 'Seconds until the response begins.'], ['stall_timeout', 'Between two pieces', 'Seconds of silence in a stream.'],
      ['check_seconds', 'Between two checks', 'Seconds; 0: none. They spend no tokens.'], ['check_timeout', 'For a check', 'Seconds.'],
    ].map(([name, label, hint]) => ({ name, label, hint, type: 'number', min: 0 })) },
    { title: 'Headers', about: 'Sent with every call', fields: [
      { name: 'headers', label: 'Headers', type: 'custom', full: true, hint: 'Those that are called like a secret (key, token, auth …) are sealed as the key is.', render: ({ value, set, base }) => html`<${HeadersField} value=${value} set=${set} base=${base} />` },
    ] },
    { title: 'Tags and notes', about: 'For you and your colleagues', fields: [
      { name: 'tags', label: 'Tags', type: 'tags', full: true, placeholder: 'gpu, cheap …', options: [] },
      { name: 'notes', label: 'Notes', type: 'textarea' },
    ] },
  ];
}
