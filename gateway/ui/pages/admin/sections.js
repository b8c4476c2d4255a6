// @ts-check
// Long forms in sections that fold, with the server's complaints at their field wherever that is.
//
//   html`<${SectionForm} form=${useForm(…)} submit="Save" onSubmit=${save} onDone=${close} sections=${[
//     { fields: [{ name: 'name', label: 'Name', required: true }] },                      without a title: always open
//     { title: 'Limits', about: 'Empty: none.', fields: […], open: true },
//   ]} />`
//
// What a newcomer would get wrong: the server names what is wrong as `models[2].name` or `headers.X-Api-Key`; the field here is
// `models` or `headers`. A section with a complaint opens by itself.
import { html, useEffect, useRef, useState } from '../../lib.js';
import { Field, sending, sends } from '../../kit/form.js';
import { Icon } from '../../kit/icons.js';
import { Button, Failed } from '../../kit/parts.js';

/** The field a failure is about, of those there are. @param {any} error @param {string[]} names */
export function fieldOf(error, names) {
  const param = String(error?.param ?? '');
  const root = param.split(/[.[]/)[0];
  return names.includes(param) ? param : names.includes(root) ? root : '';
}

/** The server's words without the name of the thing, which one sees. */
export const said = (message) => String(message).replace(/^(?:providers|keys|models)\.(?:'[^']*'|[^:\s]+): (.)/, (_, one) => one.toUpperCase());

/**
 * @param {{form: any, sections: any[], onSubmit: (values: any) => any, onDone?: (answer: any) => void, submit?: string, id?: string, bare?: boolean, actions?: any, children?: any}} props
 *   `bare`: no buttons; they stand elsewhere with `form=ID`
 */
export function SectionForm({ form, sections, onSubmit, onDone, submit = 'Save', id, bare, actions, children }) {
  const box = useRef(/** @type {any} */ (null));
  const seen = sections.filter(Boolean).map((one) => ({ ...one, fields: one.fields.filter((field) => field && (!field.show || field.show(form.values))) })).filter((one) => one.fields.length || one.render);
  const names = seen.flatMap((one) => one.fields.map((field) => field.name));
  const send = sending(form, seen.flatMap((one) => one.fields), {
    onSubmit, onDone,
    onWrong: () => focusFirst(box.current),
    onFailed: (error) => complain(form, error, names, box.current),
  });
  return html`<form ref=${box} id=${id} class="form" noValidate onSubmit=${send} onKeyDown=${sends(send)}>
    ${form.failed && html`<${Failed} error=${form.failed} />`}
    ${seen.map((one, i) => html`<${Section} key=${one.title ?? i} one=${one} form=${form} />`)}
    ${children}
    ${!bare && html`<div class="row wrap"><${Button} type="submit" primary busy=${form.busy} label="Ctrl+Enter">${submit}<//>${actions}</div>`}
  </form>`;
}

/** Shows a failure at its field, or above the form. */
export function complain(form, error, names, box = document) {
  const field = fieldOf(error, names);
  if (field) form.complain({ [field]: said(error.message) });
  else form.fail(error, []);
  setTimeout(() => focusFirst(box));
}

function focusFirst(box) {
  setTimeout(() => (box?.querySelector('[aria-invalid="true"]') ?? box?.querySelector('.notice.bad'))?.scrollIntoView({ block: 'center' }));
  setTimeout(() => box?.querySelector('[aria-invalid="true"]')?.focus({ preventScroll: true }), 30);
}

function Section({ one, form }) {
  const wrong = one.fields.some((field) => form.errors[field.name]);
  const [open, setOpen] = useState(!!one.open);
  useEffect(() => {
    if (wrong) setOpen(true);
  }, [wrong]);
  const inside = html`<div class="form two">${one.fields.map((field) => html`<${Field} key=${field.name} field=${field} form=${form} />`)}${one.render?.()}</div>`;
  if (!one.title) return inside;
  return html`<details class="card section" open=${open} onToggle=${(e) => setOpen(e.currentTarget.open)}>
    <summary><${Icon} name="right" size="14" class="turn" /><span class="strong">${one.title}</span><span class="faint small cut grow">${one.about}</span></summary><div class="body">${inside}</div></details>`;
}
