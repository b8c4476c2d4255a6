// @ts-check
// The inputs of a workflow as a form: what a ComfyUI said of them (`GET /workflows/NAME/inputs`) becomes fields, values become a request.
//
// What a newcomer would get wrong: the form holds every value, but only what differs from the workflow's own goes into the request. So the
// request stays readable, and a changed workflow keeps its new defaults. A seed that is left to chance is not sent at all.
import { html } from '../../lib.js';
import { MediaInput } from '../../kit/media.js';
import { Button } from '../../kit/parts.js';

const TYPES = { string: 'text', integer: 'number', number: 'number', boolean: 'switch', choice: 'select', file: 'custom' };
const ACCEPT = { image: 'image/*', mask: 'image/*', audio: 'audio/*', video: 'video/*' };
/** Seeds of ComfyUI go further than numbers of a browser are exact. */
const LARGEST = 2 ** 53 - 1;
/** A slider is better than a number where the way is short. */
const SHORT = 200;

/** @param {any} input */
export const isSeed = (input) => input.type === 'integer' && /(^|\.)(noise_)?seed(_\d+)?$/.test(input.name);
export const isFile = (input) => input.type === 'file';

const words = (name) => name.replace(/[._]/g, ' ').replace(/^./, (first) => first.toUpperCase());

/** The form's field of an input. */
export function fieldOf(input) {
  const plain = !input.name.includes('.');
  const label = plain ? words(input.name) : input.label || words(input.name);
  const hint = input.tooltip && input.tooltip.length < 160 ? input.tooltip : undefined;
  const common = { name: input.name, label, hint, required: !!input.required };
  if (isFile(input)) return { ...common, hint: !input.required && input.default ? `Empty: “${input.default}”, as the workflow has it.` : hint, type: 'custom', full: true, render: ({ value, set, base }) => html`<${MediaInput} label=${label} accept=${ACCEPT[input.file] ?? ''} value=${value} onChange=${set} base=${base} everywhere=${input.file === 'image'} paste=${input.file === 'image'} />` };
  if (isSeed(input)) return { ...common, type: 'custom', full: true, render: ({ value, set, base }) => html`<${Seed} value=${value} set=${set} base=${base} max=${Math.min(input.max ?? LARGEST, LARGEST)} />` };
  if (input.type === 'choice') return { ...common, type: (input.choices?.length ?? 0) > 12 ? 'combo' : 'select', required: true, options: input.choices ?? [], free: !input.choices };
  if (input.type === 'integer' || input.type === 'number') return { ...common, ...range(input) };
  if (input.type === 'string' && (input.multiline || /prompt/.test(input.name))) return { ...common, type: 'textarea', full: true, rows: /negative/.test(input.name) ? 2 : 3 };
  return { ...common, type: TYPES[input.type] ?? 'json' };
}

function range({ type, min, max, step }) {
  const by = step ?? (type === 'integer' ? 1 : 0.01);
  const most = max !== undefined && max > LARGEST ? undefined : max, steps = most !== undefined && min !== undefined ? (most - min) / by : Infinity;
  return { type: steps <= SHORT ? 'slider' : 'number', min, max: most, step: type === 'integer' && by === 1 ? 1 : by };
}

/** A number, or chance. */
function Seed({ value, set, base, max }) {
  const dice = () => set(Math.floor(Math.random() * Math.min(max, 2 ** 32)));
  return html`<div class="row"><input class="input num" type="number" min="0" max=${max} step="1" placeholder="by chance" value=${value ?? ''} ...${base} onInput=${(e) => set(e.target.value === '' ? null : Number(e.target.value))} />
    <${Button} icon="refresh" label="Another seed" onClick=${dice} />${value !== null && value !== undefined && html`<${Button} small ghost onClick=${() => set(null)}>By chance<//>`}</div>`;
}

/** What the form begins with: the workflow's own values, a seed by chance, files empty. @param {any[]} inputs */
export function valuesOf(inputs, given = {}) {
  return Object.fromEntries(inputs.map((one) => [one.name, given[one.name] ?? (isFile(one) || isSeed(one) ? null : one.default ?? null)]));
}

/** The body of the run. @param {any[]} inputs @param {Record<string, any>} values */
export function bodyOf(inputs, values) {
  const args = {}, files = {};
  for (const one of inputs) {
    const value = values[one.name];
    if (value === null || value === undefined || value === '') {
      if (value === '' && one.type === 'string' && one.default) args[one.name] = '';
      continue;
    }
    if (isFile(one)) files[one.name] = value.id;
    else if (isSeed(one) || value !== one.default) args[one.name] = value;
  }
  return { ...(Object.keys(args).length && { arguments: args }), ...(Object.keys(files).length && { files }) };
}
