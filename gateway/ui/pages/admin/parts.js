// @ts-check
// Small pieces the pages of administrators share: a tile with a letter, changes from what to what, a list of versions, names of keys.
//
//   html`<${Tile} name="Groq" />`   html`<${Changes} of=${{ slots: [4, 8] }} />`
//   html`<${Versions} versions=${[{ revision, at, by, note, changes }]} onBack=${(one) => promise} />`
//   const nameOf = useKeyNames();   nameOf('0123456789abcdef') → 'web shop'
import { html, sheet } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Badge, Button, Empty } from '../../kit/parts.js';
import { bytes, exact, money, When } from '../../kit/time.js';

await sheet(new URL('./admin.css', import.meta.url));

/** A letter in a square, of a colour that is always the same for the name. */
export function Tile({ name, small }) {
  let sum = 0;
  for (const one of String(name).toLowerCase()) sum = (sum * 31 + one.charCodeAt(0)) % 997;
  return html`<span class=${`letter t${(sum % 5) + 1} ${small ? 'small' : ''}`} aria-hidden="true">${String(name).slice(0, 1).toUpperCase()}</span>`;
}

/** A value in one line. */
export function brief(value) {
  if (value === null || value === undefined) return 'nothing';
  if (value === '') return 'empty';
  if (value === true) return 'on';
  if (value === false) return 'off';
  if (Array.isArray(value)) return value.length ? value.map((one) => (one && typeof one === 'object' ? one.name ?? JSON.stringify(one) : String(one))).join(', ') : 'empty';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.length > 160 ? `${text.slice(0, 160)} …` : text === '{}' ? 'empty' : text;
}

/** What a number of that name means. @type {[RegExp, (n: number) => string][]} */
const UNITS = [[/^(expires|revoked|disabled)$/, (n) => (n ? exact(n) : 'never')], [/_bytes$/, bytes], [/^budget_/, money]];

/** The value of a field in one line, with its unit. @param {string} name @param {any} value */
export const told = (name, value) => (typeof value === 'number' ? UNITS.find(([test]) => test.test(name.split('.').pop() ?? ''))?.[1](value) : undefined) ?? brief(value);

/** Of an act: what its line says already. @param {{action: string, detail: Record<string, any>}} act */
export const detailOf = ({ action, detail }) => Object.fromEntries(Object.entries(detail).filter(([name, value]) => !NOISE.includes(name) && !(name === 'note' && value === action)));
const NOISE = ['name', 'id', 'created', 'prefix', 'replaces', 'webhook_secret'];

/** Fields with what they were and what they became: `{ name: [before, after] }`, or `{ name: after }` with `plain`. */
export function Changes({ of, plain = false }) {
  const list = Object.entries(of ?? {}).filter(([, value]) => value !== undefined);
  if (!list.length) return null;
  return html`<dl class="changes small">${list.map(([name, value]) => html`<dt>${name.replaceAll('_', ' ')}</dt><dd>${plain ? html`<ins>${told(name, value)}</ins>`
    : html`<del>${told(name, value[0])}</del> <span class="faint">→</span> <ins>${value[0] === 'sealed' && value[1] === 'sealed' ? 'replaced' : told(name, value[1])}</ins>`}</dd>`)}</dl>`;
}

const unix = (at) => (typeof at === 'number' ? at : Date.parse(at) / 1000);

/** The kept versions, the newest first. @param {{versions: any[], onBack?: (one: any) => any, gone?: boolean, empty?: any}} props `gone`: the thing was removed, so the newest too can be brought back */
export function Versions({ versions, onBack, gone = false, empty = null }) {
  const nameOf = useKeyNames();
  if (!versions.length) return empty ?? html`<${Empty} icon="history" title="No changes yet" />`;
  return html`<div class="card" role="list" aria-label="Versions">${versions.map((one, i) => {
    const removed = one.note === 'removed', last = i === versions.length - 1;
    return html`<div class="version" role="listitem" key=${one.revision}>
      <div class="grow col gap-1"><div class="row wrap"><span class="strong">${removed ? 'Removed' : i === 0 && !gone ? 'As it is now' : last ? 'The oldest version kept' : 'Changed'}</span>
        <span class="faint small mono">#${one.revision}</span>${one.note && !removed && html`<${Badge}>${one.note}<//>`}</div>
        <div class="small soft"><${When} at=${unix(one.at)} /> by <span class="strong">${nameOf(one.by) || 'the house'}</span></div>
        <${Changes} of=${one.changes} /></div>
      ${onBack && !removed && (i > 0 || gone) && html`<${Button} small icon="history" onClick=${() => onBack(one)}>Back to this<//>`}</div>`;
  })}</div>`;
}

/** Names of keys by id; what is no key's id is told as it is. @returns {(id: string) => string} */
export function useKeyNames() {
  const keys = useApi('/admin/keys');
  const names = Object.fromEntries((keys.data?.data ?? []).map((one) => [one.id, one.name]));
  return (id) => names[id] ?? id ?? '';
}

/** How much of something is used. */
export function Meter({ name, used, of, format }) {
  const part = of > 0 ? used / of : 0;
  return html`<div class="meter"><div class="row between small"><span class="soft">${name}</span><span class="num">${format(used)}${of > 0 ? html` <span class="faint">of ${format(of)}</span>` : ''}</span></div>
    ${of > 0 && html`<span class=${`bar ${part >= 1 ? 'bad' : part >= 0.8 ? 'warn' : ''}`} role="progressbar" aria-label=${name} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.min(100, Math.round(part * 100))}><i style=${{ width: `${Math.min(100, part * 100)}%` }}></i></span>`}</div>`;
}
