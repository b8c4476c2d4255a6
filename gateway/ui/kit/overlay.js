// @ts-check
// What lies over the page: toasts, dialogs, drawers, confirmations, menus, tooltips.
//
//   toast('Saved'); toast.error(error); toast('Deleted', { action: ['Undo', undo] });
//   if (await confirm({ title: 'Revoke the key?', text: 'Programs that use it stop.', action: 'Revoke', danger: true })) …
//   const name = await ask({ title: 'Rename', label: 'Name', value: old });          // null: they thought better of it
//   html`<${Dialog} open=${open} onClose=${close} title="New key" footer=${buttons}>…<//>`
//   html`<${Drawer} open=${!!id} onClose=${close} title="Job">…<//>`
//   html`<${Menu} label="Actions" items=${[{ label: 'Cancel', icon: 'stop', onSelect }, '-', { label: 'Delete', danger: true, onSelect }]} />`
//   html`<span data-tip="Shown on hover and focus">…</span>`
//
// They stand on the browser's own <dialog> and popover: focus, Escape and the inert page behind come from there.
import { cx, html, render, signal, useId, useLayoutEffect, useRef, useState } from '../lib.js';
import { Icon } from './icons.js';

/* Toasts */

const toasts = signal(/** @type {any[]} */ ([]));
let number = 0;

/** @param {string} text @param {{kind?: 'ok'|'bad'|'info', seconds?: number, action?: [string, () => void]}} [how] */
export function toast(text, how = {}) {
  const one = { id: ++number, text, kind: how.kind ?? 'ok', action: how.action };
  toasts.value = [...toasts.peek().slice(-3), one];
  expire(one.id, how.seconds ?? (one.kind === 'bad' ? 9 : one.action ? 8 : 4));
}

/** Gone after a time, but not while somebody points at one or is about to press its button. */
function expire(id, seconds) {
  setTimeout(() => (document.querySelector('.toasts:is(:hover, :focus-within)') ? expire(id, 2) : drop(id)), seconds * 1000);
}

/** @param {any} error */
toast.error = (error) => toast(error?.message ?? String(error), { kind: 'bad' });

function drop(id) {
  toasts.value = toasts.peek().filter((one) => one.id !== id);
}

/** Once, in the shell. A manual popover, so that it lies above dialogs too. */
export function Toasts() {
  const ref = useRef(/** @type {any} */ (null));
  const list = toasts.value;
  useLayoutEffect(() => {
    const place = ref.current;
    if (place.matches(':popover-open')) place.hidePopover();
    if (list.length) place.showPopover();
  }, [list]);
  return html`<div class="toasts" popover="manual" ref=${ref}>${list.map((one) => html`
    <div key=${one.id} class=${cx('toast', one.kind)} role=${one.kind === 'bad' ? 'alert' : 'status'}><${Icon} name=${one.kind === 'bad' ? 'alert' : one.kind === 'ok' ? 'check' : 'info'} />
      <div class="grow">${one.text}</div>
      ${one.action && html`<button class="btn small" onClick=${() => (one.action[1](), drop(one.id))}>${one.action[0]}</button>`}
      <button class="btn ghost only small" aria-label="Close" onClick=${() => drop(one.id)}><${Icon} name="close" /></button></div>`)}</div>`;
}

/* Dialogs */

/** @param {{open?: boolean, onClose: () => void, title: any, wide?: boolean, full?: boolean, drawer?: boolean, footer?: any, actions?: any, children?: any, sticky?: boolean}} props `sticky`: a click beside it does not close it */
export function Dialog({ open = true, onClose, title, wide, full, drawer, footer, actions, children, sticky }) {
  const ref = useRef(/** @type {any} */ (null));
  const id = useId();
  useLayoutEffect(() => {
    const box = ref.current;
    if (!open || !box) return;
    const before = /** @type {any} */ (document.activeElement);
    box.showModal();
    box.querySelector('[autofocus]')?.focus();
    return () => {
      if (box.open) box.close();
      before?.focus?.();
    };
  }, [open]);
  if (!open) return null;
  const outside = (event) => {
    if (sticky || event.target !== ref.current) return;
    const at = ref.current.getBoundingClientRect();
    if (event.clientX < at.left || event.clientX > at.right || event.clientY < at.top || event.clientY > at.bottom) onClose();
  };
  return html`<dialog ref=${ref} class=${cx('box', { wide, full, drawer })} aria-labelledby=${id}
      onCancel=${(event) => (event.target === ref.current && (event.preventDefault(), onClose()))} onMouseDown=${outside}>
    <header><h2 id=${id} class="cut">${title}</h2>${actions}
      <button class="btn ghost only" aria-label="Close" data-tip="Close (Esc)" onClick=${() => onClose()}><${Icon} name="close" /></button></header>
    <div class="body" tabindex="-1">${children}</div>
    ${footer && html`<footer>${footer}</footer>`}
  </dialog>`;
}

export const Drawer = (props) => html`<${Dialog} ...${props} drawer=${true} />`;

/** Shows what `make(done)` returns until it calls `done(value)`; returns the value. @param {(done: (value?: any) => void) => any} make @returns {Promise<any>} */
export function shown(make) {
  return new Promise((finish) => {
    const place = document.createElement('div');
    document.body.append(place);
    const done = (value) => {
      render(null, place);
      place.remove();
      finish(value);
    };
    render(make(done), place);
  });
}

/**
 * Ask before something that can't be taken back. `type`: a word to type first.
 * @param {{title: string, text?: any, action?: string, danger?: boolean, type?: string}} how @returns {Promise<boolean>}
 */
export const confirm = (how) => shown((done) => html`<${Confirm} ...${how} done=${done} />`);

function Confirm({ title, text, action = 'OK', danger, type, done }) {
  const [typed, setTyped] = useState('');
  const id = useId();
  return html`<${Dialog} title=${title} onClose=${() => done(false)} footer=${html`
      <button class="btn" autofocus=${!type} onClick=${() => done(false)}>Cancel</button>
      <button class=${cx('btn primary', { danger })} disabled=${!!type && typed !== type} onClick=${() => done(true)}>${action}</button>`}>
    <div class="col gap-4">${text && html`<div class="soft">${text}</div>`}
    ${type && html`<div class="field"><label for=${id}>Type ${type} to go on</label>
      <input class="input" id=${id} autofocus value=${typed} onInput=${(e) => setTyped(e.target.value)} /></div>`}</div><//>`;
}

/** Ask for one line of text. @param {{title: string, label: string, value?: string, action?: string, hint?: string}} how @returns {Promise<string|null>} */
export const ask = (how) => shown((done) => html`<${Ask} ...${how} done=${done} />`);

function Ask({ title, label, value = '', action = 'Save', hint, done }) {
  const [text, setText] = useState(value);
  const id = useId();
  const go = (event) => (event.preventDefault(), text.trim() && done(text.trim()));
  return html`<${Dialog} title=${title} onClose=${() => done(null)} footer=${html`
      <button class="btn" onClick=${() => done(null)}>Cancel</button>
      <button class="btn primary" disabled=${!text.trim()} onClick=${go}>${action}</button>`}>
    <form class="field" onSubmit=${go}><label for=${id}>${label}</label>
      <input class="input" id=${id} autofocus value=${text} onInput=${(e) => setText(e.target.value)} onFocus=${(e) => e.target.select()} />
      ${hint && html`<span class="hint">${hint}</span>`}</form><//>`;
}

/* Menu */

/** Puts a popover under (or above) its anchor, inside the window. */
export function beside(anchor, pop, { end = false, match = false } = {}) {
  const at = anchor.getBoundingClientRect();
  if (match) pop.style.minWidth = `${at.width}px`;
  const own = pop.getBoundingClientRect();
  const below = innerHeight - at.bottom - 8;
  const top = own.height <= below || below >= at.top ? at.bottom + 4 : Math.max(8, at.top - own.height - 4);
  const left = end ? at.right - own.width : at.left;
  pop.style.top = `${top}px`;
  pop.style.left = `${Math.max(8, Math.min(left, innerWidth - own.width - 8))}px`;
}

/**
 * A menu of actions. Arrow keys, Home, End, first letters, Escape.
 * @param {{label: string, items: any[], icon?: string, button?: any, small?: boolean, ghost?: boolean, end?: boolean, class?: string}} props
 *   items: `{label, icon?, more?, onSelect?, href?, danger?, disabled?, checked?}` or `'-'`; `checked` makes it a box to tick
 */
export function Menu({ label, items, icon = 'more', button, small, ghost = !button, end = true, class: extra = '' }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef(/** @type {any} */ (null)), pop = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    if (!open) return;
    pop.current.showPopover();
    beside(anchor.current, pop.current, { end });
    pop.current.querySelector('[role^=menuitem]:not(:disabled)')?.focus();
  }, [open]);
  const choose = (item) => (event) => {
    event.stopPropagation();
    if (item.checked === undefined) {
      setOpen(false);
      anchor.current?.focus();
    }
    item.onSelect?.(event);
  };
  const keys = (event) => {
    const all = [...pop.current.querySelectorAll('[role^=menuitem]:not(:disabled)')];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
      ?? (event.key.length === 1 && event.key !== ' ' ? all.findIndex((one) => one.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase())) : undefined);
    if (event.key === 'Escape' || event.key === 'Tab') {
      setOpen(false);
      anchor.current?.focus();
      if (event.key === 'Escape') event.stopPropagation();
    } else if (to !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      if (to >= 0 || event.key === 'ArrowUp') all[(to + all.length) % all.length]?.focus(); // no entry begins with that letter: nothing moves
    }
  };
  return html`<button type="button" ref=${anchor} class=${cx('btn', extra, { small, ghost, only: !button })} aria-haspopup="menu" aria-expanded=${String(open)}
      aria-label=${button ? null : label} data-tip=${open ? null : label} onClick=${(e) => (e.stopPropagation(), setOpen(!open))}>${button ?? html`<${Icon} name=${icon} />`}</button>
    ${open && html`<div ref=${pop} class="pop" popover="auto" onToggle=${(e) => e.newState === 'closed' && setOpen(false)} onKeyDown=${keys}>
      <div class="menu" role="menu" aria-label=${label}>${items.filter(Boolean).map((item) => item === '-' ? html`<hr role="separator" />` : html`
        <${item.href ? 'a' : 'button'} role=${item.checked === undefined ? 'menuitem' : 'menuitemcheckbox'} tabindex="-1" href=${item.href} class=${cx({ danger: item.danger })}
          aria-checked=${item.checked === undefined ? null : String(item.checked)} disabled=${item.disabled} onClick=${choose(item)}>
          ${item.checked !== undefined ? html`<${Icon} name=${item.checked ? 'check' : 'minus'} class=${item.checked ? '' : 'faint'} />` : item.icon && html`<${Icon} name=${item.icon} />`}
          ${item.label}${item.more && html`<span class="more">${item.more}</span>`}<//>`)}</div></div>`}`;
}

/* Tooltips: one for the whole page, for whatever has `data-tip` */

/** Once, in the shell. */
export function startTips() {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.popover = 'manual';
  tip.setAttribute('aria-hidden', 'true');
  let timer = 0, from = /** @type {any} */ (null);
  const hide = () => {
    clearTimeout(timer);
    from = null;
    if (tip.isConnected && tip.matches(':popover-open')) tip.hidePopover();
  };
  const show = (target) => {
    const text = target.getAttribute('data-tip');
    if (!text || !target.isConnected) return;
    tip.textContent = text;
    document.body.append(tip);
    tip.showPopover();
    beside(target, tip);
  };
  const over = (pause) => (event) => {
    const target = event.target.closest?.('[data-tip]');
    if (target === from) return;
    hide();
    if (!target) return;
    from = target;
    timer = setTimeout(() => show(target), pause);
  };
  document.addEventListener('pointerover', (e) => e.pointerType !== 'touch' && over(450)(e));
  document.addEventListener('focusin', (e) => /** @type {any} */ (e.target).matches(':focus-visible') && over(700)(e));
  for (const name of ['pointerdown', 'keydown', 'focusout', 'scroll']) document.addEventListener(name, hide, true);
}
