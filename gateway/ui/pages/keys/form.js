// @ts-check
// Create or change a key: what it may do, how much, how long, and whose it is.
import { html, useState } from '../../lib.js';
import { get, patch, post, useApi } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { useForm } from '../../kit/form.js';
import { useModels } from '../../kit/models.js';
import { confirm, Drawer, toast } from '../../kit/overlay.js';
import { asLocal, bytes, fromLocal } from '../../kit/time.js';
import { mine } from '../admin/meanwhile.js';
import { SectionForm } from '../admin/sections.js';
import { Preview } from './patterns.js';

const SCOPES = [
  { value: 'admin', label: 'Admin', hint: 'Everything an administrator does, this page too.' },
  { value: 'analytics', label: 'Analytics', hint: 'Questions about its own requests: SQL, reports, the log.' },
  { value: 'metrics', label: 'Metrics', hint: 'Reads /metrics and nothing else: for a scraper.' },
];
const NEW = { name: '', scopes: [], apis: [], models: [], requests_per_minute: 0, tokens_per_minute: 0, budget_day: 0, budget_month: 0, priority: 'normal', user: '', user_id: '', notes: '', bodies: '', storage_bytes: 0, cache_seconds: 0, expires: 0, ref: '' };
const ENDS = [['0', 'Never'], ['7', 'In a week'], ['30', 'In 30 days'], ['90', 'In 90 days'], ['365', 'In a year'], ['date', 'On a day …']];
const MB = 1_000_000;

/** A key as the form holds it. */
export function valuesOf(key) {
  const all = { ...NEW, ...key };
  return { ...Object.fromEntries(Object.keys(NEW).map((name) => [name, all[name] ?? NEW[name]])), ends: all.expires ? 'date' : '0', day: asLocal(all.expires), storage_mb: all.storage_bytes / MB, meta: Object.keys(all.meta ?? {}).length ? JSON.stringify(all.meta, null, 2) : '' };
}

/** As the API wants it. */
export function sent(values) {
  const { ends, day, storage_mb: mb, meta, expires: _, ...rest } = values;
  const numbers = ['requests_per_minute', 'tokens_per_minute', 'budget_day', 'budget_month', 'cache_seconds'];
  return { ...rest, ...Object.fromEntries(numbers.map((name) => [name, Number(values[name]) || 0])), storage_bytes: Math.round((Number(mb) || 0) * MB), meta: meta?.trim() ? JSON.parse(meta) : {},
    ...(ends === 'date' ? { expires: fromLocal(day) ?? 0 } : ends === '0' ? { expires: 0 } : { days: Number(ends) }) };
}

/** Without what is as it is anyway. */
const lean = (body, from) => Object.fromEntries(Object.entries(body).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(from[name] ?? NEW[name] ?? (name === 'meta' ? {} : undefined))));

/** @param {{key_?: any, onClose: () => void, onDone: (key: any) => void}} props `key_`: the key that is changed; without one it is created */
export function KeyForm({ key_, onClose, onDone }) {
  const [began] = useState(key_); // the list behind is read again and again; what is sent is what was changed here
  const form = useForm(valuesOf(began));
  const catalogue = useApi('/admin/catalogue');
  const models = useModels('');
  const body = (() => {
    try {
      return lean(sent(form.values), began ? sent(valuesOf(began)) : {});
    } catch {
      return { name: form.values.name };
    }
  })();
  const save = async () => {
    if (!began) return post('/admin/keys', body);
    if (await mine({ name: began.name, began, now: await get(`/admin/keys/${began.id}`), wish: body })) return patch(`/admin/keys/${began.id}`, body);
    throw new DOMException('thought better of it', 'AbortError');
  };
  const close = async () => {
    if (form.dirty && !(await confirm({ title: 'Leave without saving?', text: 'What you changed here is lost.', action: 'Leave', danger: true }))) return;
    onClose();
  };
  return html`<${Drawer} sticky title=${key_ ? `Change ${key_.name}` : 'New key'} onClose=${close} footer=${html`<button class="btn" type="button" onClick=${close}>Cancel</button>
      <button type="submit" form="key" class="btn primary" disabled=${form.busy}>${key_ ? 'Save' : 'Create key'}</button>`}>
    <div class="col gap-4"><${SectionForm} id="key" bare form=${form} sections=${sections(form, catalogue.data?.operations ?? [], models, asLocal(began?.expires))} onSubmit=${save} onDone=${(key) => { if (key_) toast(`${key.name} is saved; in force within a second.`); onDone(key); }} />
    <section class="col gap-3"><h3>The same from a program</h3><${Call} label="Save this key" call=${key_ ? { method: 'PATCH', path: `/admin/keys/${key_.id}`, body } : { path: '/admin/keys', body }} /></section></div><//>`;
}

function sections(form, operations, models, until) {
  const { values } = form;
  return [
    { fields: [
      { name: 'name', label: 'Name', required: true, full: true, autofocus: true, hint: 'What the program or person is called.' },
      { name: 'user', label: 'User', hint: 'Whose key it is; reports count by it.' },
      { name: 'ends', label: 'Expires', type: 'select', required: true, options: ENDS },
      { name: 'day', label: 'Ends on', type: 'datetime', required: true, show: () => values.ends === 'date', hint: 'In the time of this computer.', check: (value) => (value === until || new Date(value).getTime() > Date.now() ? '' : 'A day to come.') },
    ] },
    { title: 'Rights', about: 'What it may do; nothing chosen: an app that may use every model', open: true, fields: [
      { name: 'scopes', label: 'Scopes', type: 'checks', options: SCOPES, full: true, hint: values.scopes.includes('admin') ? 'Whoever holds it can change everything here.' : 'None: it may use models and see what is its own.' },
      { name: 'apis', label: 'APIs', type: 'tags', free: false, options: operations.map((one) => ({ value: one, label: one.replaceAll('_', ' ') })), full: true, placeholder: 'All of them', hint: 'Operations it may use; none chosen: all.' },
      { name: 'models', label: 'Models', type: 'tags', options: models.map((one) => one.id), full: true, placeholder: 'All of them', hint: 'Names or patterns: gpt-4*, llama3.?:*, *:free' },
    ], render: () => html`<div class="full"><${Preview} patterns=${values.models} models=${models.map((one) => one.id)} /></div>` },
    { title: 'Limits and budgets', about: '0: none', fields: [
      { name: 'requests_per_minute', label: 'Requests a minute', type: 'number', min: 0, step: 1 },
      { name: 'tokens_per_minute', label: 'Tokens a minute', type: 'number', min: 0, step: 1 },
      { name: 'budget_day', label: 'US dollars a day', type: 'number', min: 0, hint: 'A day in UTC.' },
      { name: 'budget_month', label: 'US dollars a month', type: 'number', min: 0 },
      { name: 'storage_mb', label: 'Storage in MB', type: 'number', min: 0, hint: values.storage_mb ? bytes(values.storage_mb * MB) : '0: as the settings say for all keys.' },
      { name: 'cache_seconds', label: 'Cache answers for seconds', type: 'number', min: 0, hint: 'Equal requests get the kept answer.' },
      { name: 'priority', label: 'Priority', type: 'select', required: true, options: [['high', 'High'], ['normal', 'Normal'], ['low', 'Low']], hint: 'Whose calls go first when slots are short.' },
    ] },
    { title: 'Bodies and notes', about: 'What is kept of it, and what you note', fields: [
      { name: 'bodies', label: 'Text of its requests and answers in the archive', type: 'select', full: true, options: [['', 'As the setting says'], ['on', 'Keep it'], ['off', 'Never keep it']] },
      { name: 'user_id', label: 'User’s id', mono: true, hint: 'In a system of yours.' },
      { name: 'ref', label: 'Reference', mono: true },
      { name: 'meta', label: 'More, as JSON', type: 'json', rows: 3, hint: 'Names and texts: {"team": "web"}' },
      { name: 'notes', label: 'Notes', type: 'textarea' },
    ] },
  ];
}
