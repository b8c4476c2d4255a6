// @ts-check
// Forms from a list of fields, with the server's own complaints beside the field they are about.
//
//   const form = useForm({ name: '', scopes: [], slots: 8 });
//   html`<${Form} form=${form} submit="Create" onSubmit=${(values) => post('/admin/keys', values)} onDone=${(key) => …} fields=${[
//     { name: 'name', label: 'Name', required: true, hint: 'What the program is called.' },
//     { name: 'model', label: 'Model', type: 'combo', options: modelOptions('chat') },
//     { name: 'slots', label: 'Slots', type: 'slider', min: 1, max: 64 },
//     { name: 'scopes', label: 'Scopes', type: 'checks', options: ['admin', 'analytics'] },
//     { name: 'image', label: 'Image', type: 'file', accept: 'image/*', paste: true, everywhere: true },
//   ]} />`
//
// Types: text (default), password, url, email, textarea, number, select, combo, tags, checks, check, switch, slider, file,
// date, datetime, range (two dates), json, custom (`render: ({value, set, id}) => …`). Also `show: (values) => boolean`, `full`, `disabled`.
// `form.values`, `form.set(name, value)`, `form.reset(values?)`, `form.dirty`, `form.errors`, `form.fail(error)`.
// `html`<${Field} field=${…} form=${form} />`` renders one of them where you like.
import { cx, html, useEffect, useId, useRef, useState } from '../lib.js';
import { Files } from './files.js';
import { Icon } from './icons.js';
import { Combo } from './combo.js';
import { Button, Failed } from './parts.js';

/** @param {Record<string, any>} initial */
export function useForm(initial) {
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState(/** @type {Record<string, string>} */ ({}));
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const start = useRef(initial);
  return {
    values, errors, failed, busy, setBusy,
    dirty: JSON.stringify(values) !== JSON.stringify(start.current),
    set(name, value) {
      setValues((old) => ({ ...old, [name]: value }));
      setErrors(({ [name]: _, ...rest }) => rest);
    },
    reset(next = start.current) {
      start.current = next;
      setValues(next);
      setErrors({});
      setFailed(null);
    },
    complain: setErrors,
    /** Shows a failure: at its field when it names one that is there. */
    fail(error, names = Object.keys(values)) {
      if (error?.status === 401) return; // the way in lies over the page
      const mine = Object.fromEntries(Object.entries(error?.fields ?? {}).map(([name, text]) => [own(name, names), text]).filter(([name]) => name));
      setErrors(mine);
      setFailed(error && !Object.keys(mine).length ? error : null);
    },
  };
}

/** The field that a server's `param` means: `request.model`, `Model` and `model` are one. */
function own(param, names) {
  const plain = (text) => text.split('.').pop().replace(/\[.*/, '').replaceAll('_', '').toLowerCase();
  return names.find((name) => plain(name) === plain(param));
}

/**
 * @param {{form: ReturnType<typeof useForm>, fields: any[], onSubmit: (values: any) => any, onDone?: (answer: any) => void, submit?: string,
 *   icon?: string, two?: boolean, actions?: any, children?: any, danger?: boolean, id?: string, bare?: boolean}} props `bare`: no button (it stands in a dialog's footer with `form=ID`)
 */
export function Form({ form, fields, onSubmit, onDone, submit = 'Save', icon, two, actions, children, danger, id, bare }) {
  const box = useRef(/** @type {any} */ (null));
  const [refused, setRefused] = useState(0);
  useEffect(() => void (refused && box.current?.querySelector('[aria-invalid="true"]')?.focus()), [refused]);
  const seen = fields.filter((field) => field && (!field.show || field.show(form.values)));
  const refuse = () => setRefused((n) => n + 1);
  const send = sending(form, seen, {
    onSubmit, onDone, onWrong: refuse,
    onFailed: (error) => {
      form.fail(error, seen.map((field) => field.name));
      refuse();
    },
  });
  return html`<form ref=${box} id=${id} class=${cx('form', { two })} noValidate onSubmit=${send} onKeyDown=${sends(send)}>
    ${form.failed && html`<div class="full"><${Failed} error=${form.failed} /></div>`}
    ${seen.map((field) => html`<${Field} key=${field.name} field=${field} form=${form} />`)}
    ${children && html`<div class="full">${children}</div>`}
    ${!bare && html`<div class="row full"><${Button} type="submit" primary danger=${danger} icon=${icon} busy=${form.busy} label="Ctrl+Enter">${submit}<//>${actions}</div>`}
  </form>`;
}

/**
 * What sending a form does, whatever it looks like: checks the fields, asks, and tells what came of it. A caller who left is told nothing.
 * @param {any} form @param {any[]} fields those that are shown
 * @param {{onSubmit: (values: any) => any, onDone?: (answer: any) => void, onWrong: () => void, onFailed: (error: any) => void}} then
 */
export const sending = (form, fields, { onSubmit, onDone, onWrong, onFailed }) => async (event) => {
  event?.preventDefault();
  if (form.busy) return;
  const wrong = check(fields, form.values);
  form.complain(wrong);
  if (Object.keys(wrong).length) return onWrong();
  form.setBusy(true);
  form.fail(null);
  try {
    const answer = await onSubmit(form.values);
    onDone?.(answer);
  } catch (error) {
    if (/** @type {any} */ (error).name !== 'AbortError') onFailed(error);
  } finally {
    form.setBusy(false);
  }
};

/** Ctrl+Enter in a form sends this one, also where a page has several. */
export const sends = (send) => (event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.defaultPrevented && (event.preventDefault(), send());

/** What is wrong before anybody is asked: messages by field. */
export function check(fields, values) {
  const wrong = {};
  for (const field of fields) {
    const value = values[field.name];
    const none = value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length);
    const told = none ? (field.required ? `${field.label} is needed.` : '') : complaint(field, value) || field.check?.(value, values);
    if (told) wrong[field.name] = told;
  }
  return wrong;
}

function complaint(field, value) {
  if (field.type === 'number' || field.type === 'slider') {
    if (Number.isNaN(Number(value))) return 'A number, please.';
    if (field.min !== undefined && value < field.min) return `At least ${field.min}.`;
    if (field.max !== undefined && value > field.max) return `At most ${field.max}.`;
  }
  if (field.type === 'json' && typeof value === 'string') {
    try {
      JSON.parse(value);
    } catch (error) {
      return `This is no JSON: ${/** @type {any} */ (error).message}`;
    }
  }
  return '';
}

/** One field: label, control, hint, complaint. */
export function Field({ field, form }) {
  const id = useId();
  const { name, label, hint, type = 'text', required } = field;
  const error = form.errors[name];
  const value = form.values[name];
  const set = (next) => (form.set(name, next), field.onChange?.(next));
  const told = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || null;
  const base = { id, name, 'aria-describedby': told, 'aria-invalid': error ? 'true' : null, 'aria-required': required ? 'true' : null, disabled: field.disabled };
  const foot = html`${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}
    ${error && html`<span class="error" id=${`${id}-error`}><${Icon} name="alert" size="13" />${error}</span>`}`;
  if (type === 'check' || type === 'switch') {
    return html`<div class=${cx('field', { full: field.full })}><label class="check"><input type="checkbox" role=${type === 'switch' ? 'switch' : null} class=${type === 'switch' ? 'switch' : ''}
      ...${base} checked=${!!value} onChange=${(e) => set(e.target.checked)} /><span>${label}</span></label>${foot}</div>`;
  }
  const mark = required ? html`<span class="faint small" aria-hidden="true">required</span>` : null;
  const Control = CONTROLS[type] ?? Line;
  const inside = html`<${Control} field=${field} base=${base} value=${value} set=${set} form=${form} />`;
  if (type === 'checks' || type === 'range') {
    return html`<fieldset class=${cx('field', { full: field.full })} aria-describedby=${told}><legend>${label}${mark}</legend>${inside}${foot}</fieldset>`;
  }
  return html`<div class=${cx('field', { full: field.full || type === 'textarea' || type === 'file' || type === 'json' })}>
    <label for=${id}>${label}${mark}</label>${inside}${foot}</div>`;
}

const WORDS = { password: 'password', url: 'url', email: 'email', date: 'date', datetime: 'datetime-local', time: 'time' };

function Line({ field, base, value, set }) {
  return html`<input class=${cx('input', { mono: field.mono })} type=${WORDS[field.type] ?? 'text'} value=${value ?? ''} placeholder=${field.placeholder} autofocus=${field.autofocus}
    autocomplete=${field.autocomplete ?? 'off'} spellcheck=${field.mono ? 'false' : null} maxLength=${field.maxLength} ...${base} onInput=${(e) => set(e.target.value)} />`;
}

function Area({ field, base, value, set }) {
  const mono = field.mono || field.type === 'json';
  const text = typeof value === 'string' || value === undefined || value === null ? value ?? '' : JSON.stringify(value, null, 2);
  return html`<textarea class=${cx('input', { mono })} rows=${field.rows ?? (mono ? 6 : 3)} placeholder=${field.placeholder} autofocus=${field.autofocus} spellcheck=${mono ? 'false' : null} ...${base}
    onInput=${(e) => set(e.target.value)} value=${text}></textarea>`;
}

function Amount({ field, base, value, set }) {
  const read = (text) => (text === '' ? (field.empty ?? null) : Number(text));
  return html`<input class="input num" type="number" inputmode="decimal" min=${field.min} max=${field.max} step=${field.step ?? 'any'} placeholder=${field.placeholder} value=${value ?? ''} ...${base} onInput=${(e) => set(read(e.target.value))} />`;
}

function Slider({ field, base, value, set }) {
  const { min = 0, max = 1, step = 0.01 } = field;
  return html`<div class="slider"><input type="range" min=${min} max=${max} step=${step} value=${value ?? min} ...${base} onInput=${(e) => set(Number(e.target.value))} />
    <input class="input num" type="number" aria-label=${`${field.label}, as a number`} min=${min} max=${max} step=${step} value=${value ?? ''} onInput=${(e) => set(e.target.value === '' ? null : Number(e.target.value))} /></div>`;
}

/** Options as `{value, label}`, from strings, pairs or such objects. */
const options = (list) => (list ?? []).map((one) => (typeof one === 'string' ? { value: one, label: one } : Array.isArray(one) ? { value: one[0], label: one[1] } : one));

function Select({ field, base, value, set }) {
  return html`<select class="input" ...${base} value=${value ?? ''} onChange=${(e) => set(e.target.value)}>
    ${(field.placeholder || !field.required) && !options(field.options).some((o) => o.value === '') && html`<option value="">${field.placeholder ?? '—'}</option>`}
    ${options(field.options).map((one) => html`<option value=${one.value} selected=${one.value === value}>${one.label}</option>`)}</select>`;
}

function Checks({ field, value, set }) {
  const chosen = value ?? [];
  return html`<div class="row wrap gap-4">${options(field.options).map((one) => html`<label class="check" data-tip=${one.hint}><input type="checkbox" checked=${chosen.includes(one.value)}
    onChange=${(e) => set(e.target.checked ? [...chosen, one.value] : chosen.filter((each) => each !== one.value))} /><span>${one.label}</span></label>`)}</div>`;
}

function Range({ field, value, set }) {
  const [from, to] = value ?? ['', ''];
  const type = field.time ? 'datetime-local' : 'date';
  return html`<div class="row"><input class="input" type=${type} aria-label=${`${field.label}: from`} value=${from} max=${to || null} onInput=${(e) => set([e.target.value, to])} />
    <span class="faint">to</span><input class="input" type=${type} aria-label=${`${field.label}: to`} value=${to} min=${from || null} onInput=${(e) => set([from, e.target.value])} /></div>`;
}

const CONTROLS = {
  textarea: Area, json: Area, number: Amount, slider: Slider, select: Select, checks: Checks, range: Range,
  combo: ({ field, base, value, set }) => html`<${Combo} ...${field} base=${base} value=${value ?? ''} onChange=${set} />`,
  tags: ({ field, base, value, set }) => html`<${Combo} ...${field} base=${base} many=${true} value=${value ?? []} onChange=${set} />`,
  file: ({ field, base, value, set }) => html`<${Files} ...${field} base=${base} value=${value ?? []} onChange=${set} />`,
  custom: ({ field, base, value, set, form }) => field.render({ value, set, id: base.id, base, form }),
};
