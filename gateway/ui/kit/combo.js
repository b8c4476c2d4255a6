// @ts-check
// A field with search: one value, or several as tags. The options may be a list, or a function that is asked.
//
//   html`<${Combo} label="Model" options=${['a', 'b']} value=${model} onChange=${setModel} />`
//   html`<${Combo} label="Tags" many options=${known} free value=${tags} onChange=${setTags} />`      `free`: own words too
//   options=${async (typed) => (await get('/x', { q: typed })).data.map((one) => ({ value: one.id, label: one.name, more: one.kind }))}
//
// Keyboard: arrows, Enter, Escape; in `many` Backspace takes the last tag back.
import { cx, html, useEffect, useId, useLayoutEffect, useRef, useState } from '../lib.js';
import { fuzzy } from './fuzzy.js';
import { Icon } from './icons.js';
import { beside } from './overlay.js';

/**
 * @param {{options: any, value: any, onChange: (value: any) => void, label?: string, many?: boolean, free?: boolean, placeholder?: string,
 *   base?: any, disabled?: boolean, most?: number}} props
 */
export function Combo({ options = [], value, onChange, label, many, free = many, placeholder, base = {}, disabled, most = 100 }) {
  const own = useId();
  const id = base.id ?? own;
  const [typed, setTyped] = useState(/** @type {string|null} */ (null));
  const [at, setAt] = useState(0);
  const [list, setList] = useState(/** @type {any[]} */ (Array.isArray(options) ? options : []));
  const box = useRef(/** @type {any} */ (null)), pop = useRef(/** @type {any} */ (null)), input = useRef(/** @type {any} */ (null));
  const open = typed !== null;
  useEffect(() => {
    if (Array.isArray(options)) return setList(options);
    if (!open && !value) return;
    let current = true;
    Promise.resolve(options(typed ?? '')).then((found) => current && setList(found), () => current && setList([]));
    return () => (current = false);
  }, [options, typed, open]);
  const all = list.map((one) => (typeof one === 'string' ? { value: one, label: one } : Array.isArray(one) ? { value: one[0], label: one[1] } : one));
  const rest = many ? all.filter((one) => !value.includes(one.value)) : all;
  let found = typed ? fuzzy(rest, typed, (one) => `${one.label} ${one.more ?? ''}`) : rest;
  found = found.slice(0, most);
  if (free && typed && !all.some((one) => one.value === typed) && !(many && value.includes(typed))) found = [...found, { value: typed, label: `Use “${typed}”`, own: true }];
  const where = Math.min(at, found.length - 1);
  useLayoutEffect(() => {
    if (!open || !pop.current) return;
    if (!pop.current.matches(':popover-open')) pop.current.showPopover();
    beside(box.current, pop.current, { match: true });
    pop.current.querySelector('.at')?.scrollIntoView({ block: 'nearest' });
  }, [open, found.length, where]);
  const close = () => (setTyped(null), setAt(0));
  const choose = (one) => {
    if (!one || one.disabled) return;
    if (many) (onChange([...value, one.value]), setTyped(''), setAt(0));
    else (onChange(one.value), close());
    input.current?.focus();
  };
  const keys = (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) return setTyped('');
      setAt((where + (event.key === 'ArrowDown' ? 1 : -1) + found.length) % Math.max(1, found.length));
    } else if (event.key === 'Enter' && open && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      choose(found[where]);
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === 'Backspace' && many && !typed && value.length) onChange(value.slice(0, -1));
    else if (event.key === ',' && many && typed) (event.preventDefault(), choose(found[where] ?? { value: typed }));
  };
  const name = (one) => all.find((each) => each.value === one)?.label ?? one;
  const field = html`<input ref=${input} role="combobox" autocomplete="off" spellcheck="false" aria-expanded=${String(open)} aria-controls=${`${id}-list`} aria-autocomplete="list"
    aria-activedescendant=${open && found.length ? `${id}-${where}` : null} aria-label=${base.id ? null : label} class=${many ? '' : 'input'} ...${base} id=${id} disabled=${disabled}
    placeholder=${many && value.length ? '' : (placeholder ?? 'Search …')} value=${typed ?? (many ? '' : value ? name(value) : '')}
    onInput=${(e) => (setTyped(e.target.value), setAt(0))} onMouseDown=${() => !open && setTyped('')} onKeyDown=${keys}
    onBlur=${(e) => !pop.current?.contains(e.relatedTarget) && (many && typed && free ? onChange([...value, typed]) : null, close())} />`;
  return html`<div ref=${box} class=${many ? 'tags' : 'within'} data-bad=${base['aria-invalid']}>
      ${many && value.map((one) => html`<span class="chip" key=${one}><span class="cut">${name(one)}</span>
        <button type="button" aria-label=${`Remove ${name(one)}`} onClick=${() => onChange(value.filter((each) => each !== one))}><${Icon} name="close" size="12" /></button></span>`)}
      ${field}
      ${!many && html`<span class="after">${value && !disabled && free !== false && !base['aria-required'] ? html`<button type="button" tabindex="-1" class="btn ghost only small" aria-label="Clear" onClick=${() => (onChange(''), input.current.focus())}><${Icon} name="close" size="13" /></button>`
        : html`<${Icon} name="down" size="14" class="faint" />`}</span>`}
    </div>
    ${open && html`<div ref=${pop} class="pop" popover="manual"><div class="options" role="listbox" id=${`${id}-list`} aria-label=${label ?? 'Options'} tabindex="-1">
      ${found.map((one, i) => html`<div key=${one.value} role="option" id=${`${id}-${i}`} aria-selected=${String(i === where)} aria-disabled=${one.disabled ? 'true' : null} class=${cx('option', { at: i === where })}
        onMouseDown=${(e) => (e.preventDefault(), choose(one))}>${one.icon && html`<${Icon} name=${one.icon} />`}<span class="cut">${one.label}</span>${one.more && html`<span class="more">${one.more}</span>`}</div>`)}
      ${!found.length && html`<div class="option faint" role="option" aria-disabled="true" aria-selected="false">Nothing found</div>`}</div></div>`}`;
}
