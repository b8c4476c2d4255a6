// @ts-check
// The fields of a provider that are more than a line: its secret, its headers, its models, its tags.
//
// What a newcomer would get wrong: the server never shows a sealed secret. It shows the word `sealed`, and that word sent back
// means "keep it"; a field that was not touched sends it.
import { html, useState } from '../../lib.js';
import { Icon } from '../../kit/icons.js';
import { Button } from '../../kit/parts.js';

export const SEALED = 'sealed';
const SECRET = /auth|key|token|secret|cookie|passw|credential/i;
const named = (name) => String(name ?? '').trim();

/* The key: `{ mode: 'kept' | 'own' | 'env' | 'none', text }` */

export const secretOf = (key) => (key === SEALED ? { mode: 'kept', text: '' } : key?.startsWith('env:') ? { mode: 'env', text: key.slice(4) } : { mode: key ? 'own' : 'none', text: '' });
export const secretSent = ({ mode, text }) => ({ kept: SEALED, env: `env:${text.trim()}`, own: text.trim(), none: '' }[mode]);

/** What is wrong with it before it is sent. */
export function secretWrong({ mode, text }) {
  if (mode === 'env' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(text.trim())) return 'The name of an environment variable, like GROQ_API_KEY.';
  if (mode === 'own' && !text.trim()) return 'Paste the key, or choose where it comes from.';
  return '';
}

export function SecretField({ value, set, base, kept, wrong }) {
  const modes = [kept && ['kept', 'Keep the one there is'], ['own', kept ? 'Replace it' : 'Paste a key'], ['env', 'From the environment'], ['none', 'No key']].filter(Boolean);
  return html`<div class="secret"><select class="input" aria-label="Where the key comes from" value=${value.mode} onChange=${(e) => set({ mode: e.target.value, text: '' })}>
      ${modes.map(([id, title]) => html`<option value=${id} selected=${id === value.mode}>${title}</option>`)}</select>
    ${value.mode === 'own' && html`<input class="input mono" type="password" autocomplete="new-password" spellcheck="false" placeholder="Sealed at once, and never shown again" ...${base} value=${value.text} onInput=${(e) => set({ ...value, text: e.target.value })} />`}
    ${value.mode === 'env' && html`<input class="input mono" spellcheck="false" placeholder="GROQ_API_KEY" autocomplete="off" ...${base} value=${value.text} onInput=${(e) => set({ ...value, text: e.target.value })} />`}
    ${value.mode === 'kept' && html`<input class="input mono" ...${base} readonly value="••••••••••••" aria-label="A key is kept, sealed" aria-invalid=${wrong ? 'true' : null} />`}
    ${value.mode === 'none' && html`<input class="input" ...${base} readonly value="" placeholder="It wants none" />`}</div>`;
}

/* Headers: `[{ name, value, kept }]` */

export const headersOf = (headers) => Object.entries(headers ?? {}).map(([name, value]) => ({ name, value: value === SEALED ? '' : value, kept: value === SEALED }));
export const headersSent = (list) => Object.fromEntries(list.filter((one) => named(one.name)).map((one) => [named(one.name), one.kept && !one.value ? SEALED : one.value]));

export function HeadersField({ value, set, base }) {
  const change = (i, more) => set(value.map((one, at) => (at === i ? { ...one, ...more } : one)));
  return html`<div class="entries" id=${base.id} aria-invalid=${base['aria-invalid']} tabindex="-1">
    ${value.map((one, i) => html`<div class="entry" key=${i}><input class="input mono" placeholder="X-Header" aria-label=${`Name of header ${i + 1}`} value=${one.name} onInput=${(e) => change(i, { name: e.target.value })} />
      <input class="input mono" type=${SECRET.test(one.name) ? 'password' : 'text'} autocomplete="new-password" aria-label=${`Value of header ${one.name || i + 1}`} placeholder=${one.kept ? '•••••• kept' : 'Value, or env:NAME'} value=${one.value} onInput=${(e) => change(i, { value: e.target.value })} />
      <${Button} ghost icon="trash" label="Remove the header" onClick=${() => set(value.filter((_, at) => at !== i))} /></div>`)}
    <div><${Button} small icon="plus" onClick=${() => set([...value, { name: '', value: '', kept: false }])}>Header<//></div></div>`;
}

/* Models: as the API has them */

export const modelsSent = (list) => list.filter((one) => named(one.name)).map((one) => ({
  name: named(one.name), ...(named(one.native) && named(one.native) !== named(one.name) ? { native: named(one.native) } : {}), ...(one.op && one.op !== 'chat' ? { op: one.op } : {}),
  ...(one.aliases?.length ? { aliases: one.aliases } : {}), ...(one.vision === null || one.vision === undefined ? {} : { vision: one.vision }), ...(one.context ? { context: one.context } : {}),
}));

/** @param {{value: any[], set: (list: any[]) => void, base: any, operations: string[], first?: string, onPick?: () => void}} props */
export function ModelsField({ value, set, base, operations, first = 'chat', onPick }) {
  const [open, setOpen] = useState(-1);
  const change = (i, more) => set(value.map((one, at) => (at === i ? { ...one, ...more } : one)));
  const paste = (i) => (event) => {
    const names = event.clipboardData.getData('text').split(/[\s,]+/).filter(Boolean);
    if (names.length < 2) return;
    event.preventDefault();
    set([...value.slice(0, i), ...names.map((name) => ({ name, op: value[i]?.op ?? 'chat' })), ...value.slice(i + 1)]);
  };
  return html`<div class="entries" id=${base.id} aria-invalid=${base['aria-invalid']} tabindex="-1">
    ${value.map((one, i) => html`<div class="col" key=${i}><div class="entry model">
      <input class="input" placeholder="Name callers use" aria-label=${`Name of model ${i + 1}`} value=${one.name} onPaste=${paste(i)} onInput=${(e) => change(i, { name: e.target.value })} />
      <input class="input" placeholder=${one.name ? `${one.name} (theirs)` : 'Theirs, if it differs'} aria-label=${`The provider’s name of model ${i + 1}`} value=${one.native ?? ''} onInput=${(e) => change(i, { native: e.target.value })} />
      <select class="input" aria-label=${`What model ${i + 1} does`} value=${one.op ?? 'chat'} onChange=${(e) => change(i, { op: e.target.value })}>${operations.map((op) => html`<option value=${op} selected=${op === (one.op ?? 'chat')}>${op.replaceAll('_', ' ')}</option>`)}</select>
      <span class="row gap-1"><${Button} ghost icon="more" label="Aliases, context, vision" on=${open === i} onClick=${() => setOpen(open === i ? -1 : i)} /><${Button} ghost icon="trash" label=${`Remove ${one.name || 'the model'}`} onClick=${() => (setOpen(-1), set(value.filter((_, at) => at !== i)))} /></span></div>
      ${open === i && html`<div class="entry more"><input class="input" placeholder="More names, with commas" aria-label="Aliases" value=${(one.aliases ?? []).join(', ')} onChange=${(e) => change(i, { aliases: e.target.value.split(',').map(named).filter(Boolean) })} />
        <input class="input num" type="number" min="0" placeholder="Context" aria-label="Context in tokens" value=${one.context || ''} onInput=${(e) => change(i, { context: Number(e.target.value) || 0 })} />
        <select class="input" aria-label="Takes pictures" onChange=${(e) => change(i, { vision: { yes: true, no: false }[e.target.value] ?? null })}>${[['', 'Vision: known'], ['yes', 'Sees pictures'], ['no', 'Text only']].map(([id, title]) => html`<option value=${id} selected=${id === (one.vision === true ? 'yes' : one.vision === false ? 'no' : '')}>${title}</option>`)}</select></div>`}</div>`)}
    <div class="row wrap"><${Button} small icon="plus" onClick=${() => set([...value, { name: '', op: first }])}>Model<//>
      ${onPick && html`<${Button} small icon="search" onClick=${onPick}>Pick from the server …<//>`}
      ${value.length > 0 && html`<span class="faint small">${value.length} ${value.length === 1 ? 'model' : 'models'}</span>`}</div></div>`;
}

/* Tags: the words of the last line of the notes that begin with # */

/** @param {string} notes @returns {{tags: string[], notes: string}} */
export function tagsOf(notes) {
  const lines = String(notes ?? '').split('\n'), last = lines[lines.length - 1].trim();
  if (!/^#\S+(\s+#\S+)*$/.test(last)) return { tags: [], notes: String(notes ?? '') };
  return { tags: last.split(/\s+/).map((one) => one.slice(1)), notes: lines.slice(0, -1).join('\n').trimEnd() };
}

export const notesSent = (notes, tags) => [notes.trimEnd(), tags.map((one) => `#${one.trim().replace(/^#/, '').replace(/\s+/g, '-')}`).join(' ')].filter(Boolean).join('\n');

/** @param {{tags: string[]}} props */
export const Tags = ({ tags }) => html`${tags.map((one) => html`<span class="badge" key=${one}><${Icon} name="tag" size="11" />${one}</span>`)}`;
