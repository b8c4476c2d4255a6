// @ts-check
// The command palette (`/` or Ctrl-K): every page, model, provider and key, the latest jobs, and actions. And the list of shortcuts (`?`).
//
// A page adds actions of its own for as long as it is there: `useCommands([{ title: 'New key', icon: 'plus', run: create }])`.
import { html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../lib.js';
import { get } from '../kit/api.js';
import { fuzzy } from '../kit/fuzzy.js';
import { Icon } from '../kit/icons.js';
import { all, shown } from '../kit/keys.js';
import { models } from '../kit/models.js';
import { Dialog } from '../kit/overlay.js';
import { pref, theme } from '../kit/store.js';
import { pages } from '../pages.js';
import { BASE, go, match } from './router.js';
import { may, me, signOut } from './session.js';

export const palette = signal(false);
export const shortcuts = signal(false);
const more = signal(/** @type {any[]} */ ([]));

/** @param {{title: string, icon?: string, words?: string, run: () => void}[]} commands */
export function useCommands(commands) {
  const now = useRef(commands);
  now.current = commands;
  useEffect(() => {
    const mine = commands.map((one, i) => ({ ...one, group: 'This page', run: () => now.current[i]?.run() }));
    more.value = [...mine, ...more.peek()];
    return () => (more.value = more.peek().filter((one) => !mine.includes(one)));
  }, [commands.map((one) => one.title).join('|')]);
}

/** @returns {any[]} */
function fixed() {
  const found = pages.filter((one) => may(one.scope) && one.menu !== false).map((one) => ({
    group: one.section === 'admin' ? 'Admin' : 'Pages', title: one.title, icon: one.icon, words: one.words, keys: one.keys, run: () => go(BASE + [one.path].flat()[0]) }));
  const actions = [
    ...[['light', 'Light', 'sun'], ['dark', 'Dark', 'moon'], ['system', 'System', 'screen']].map(([id, name, icon]) => ({ title: `Theme: ${name}`, icon, words: 'colours mode appearance', run: () => (theme.value = id) })),
    { title: 'Keyboard shortcuts', icon: 'keyboard', keys: '?', run: () => (shortcuts.value = true) },
    { title: 'API explorer', icon: 'code', words: 'openapi docs try', run: () => open('/explorer', '_blank', 'noopener') },
    { title: 'Typed clients', icon: 'book', words: 'types languages sdk', run: () => open('/types', '_blank', 'noopener') },
    { title: 'Sign out', icon: 'out', words: 'logout leave', run: signOut },
  ];
  return [...more.value, ...found, ...actions.map((one) => ({ group: 'Actions', ...one }))];
}

/** What the server knows by name; each list is left out when its page is not there, or may not be read. */
async function named(add) {
  const to = (path, group, icon, make) => get(path, undefined, { silent: true }).then((answer) => add(answer.data.map(make).map((one) => ({ group, icon, ...one }))), () => {});
  if (match('/models')) models().then((list) => add(list.map((one) => ({ group: 'Models', icon: 'cube', title: one.id, more: one.owned_by, run: () => go(`${BASE}/models`, { model: one.id }) }))), () => {});
  if (!may('admin')) return;
  if (match('/providers')) to('/admin/providers', 'Providers', 'server', (one) => ({ title: one.name, more: one.state, run: () => go(`${BASE}/providers/${encodeURIComponent(one.name)}`) }));
  if (match('/keys')) to('/admin/keys', 'Keys', 'key', (one) => ({ title: one.name || one.id, more: one.prefix, words: `${one.id} ${one.notes ?? ''}`, run: () => go(`${BASE}/keys/${encodeURIComponent(one.id)}`) }));
  if (match('/jobs')) to('/admin/jobs?limit=20', 'Recent jobs', 'list', (one) => ({ title: `${one.op ?? ''} ${one.model ?? ''}`.trim() || String(one.id), more: `${one.state ?? ''} ${one.id}`, run: () => go(`${BASE}/jobs/${encodeURIComponent(one.id)}`) }));
}

export function Palette() {
  const dialog = useRef(/** @type {any} */ (null)), list = useRef(/** @type {any} */ (null));
  const [typed, setTyped] = useState(''), [at, setAt] = useState(0), [far, setFar] = useState(/** @type {any[]} */ ([]));
  const recent = pref('palette', /** @type {string[]} */ ([]));
  useLayoutEffect(() => {
    const box = dialog.current, before = /** @type {any} */ (document.activeElement);
    box.showModal();
    let current = true;
    named((some) => current && setFar((old) => [...old, ...some]));
    return () => ((current = false), box.open && box.close(), before?.focus?.());
  }, []);
  const every = useMemo(() => [...fixed(), ...far], [far, me.value]);
  const found = useMemo(() => {
    if (typed.trim()) return fuzzy(every, typed.trim(), (one) => `${one.title} ${one.words ?? ''} ${one.more ?? ''}`).slice(0, 60);
    const last = recent.value.map((name) => every.find((one) => one.title === name)).filter(Boolean).slice(0, 4);
    return [...last.map((one) => ({ ...one, group: 'Recent' })), ...every.filter((one) => ['This page', 'Pages', 'Admin', 'Actions'].includes(one.group))];
  }, [typed, every]);
  const where = Math.min(at, found.length - 1);
  useLayoutEffect(() => list.current?.querySelector('.at')?.scrollIntoView({ block: 'nearest' }), [where, found]);
  const close = () => (palette.value = false);
  const choose = (one) => {
    if (!one) return;
    recent.value = [one.title, ...recent.value.filter((name) => name !== one.title)].slice(0, 6);
    close();
    setTimeout(() => one.run());
  };
  const keys = (event) => {
    const next = { ArrowDown: where + 1, ArrowUp: where - 1 }[event.key];
    if (next !== undefined) (event.preventDefault(), setAt((next + found.length) % Math.max(1, found.length)));
    else if (event.key === 'Enter') (event.preventDefault(), choose(found[where]));
  };
  let group = '';
  return html`<dialog ref=${dialog} class="palette" aria-label="Search and commands" onCancel=${(e) => (e.preventDefault(), close())} onMouseDown=${(e) => e.target === dialog.current && close()}>
    <input role="combobox" aria-label="Search pages, models, keys, jobs and actions" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-activedescendant=${found.length ? `palette-${where}` : null} placeholder="Search pages, models, keys, jobs, actions …"
      autofocus autocomplete="off" spellcheck="false" value=${typed} onInput=${(e) => (setTyped(e.target.value), setAt(0))} onKeyDown=${keys} />
    <div class="options" id="palette-list" role="listbox" aria-label="Found" ref=${list} tabindex="-1">${found.map((one, i) => {
      const head = one.group !== group && html`<div class="group" role="presentation">${(group = one.group)}</div>`;
      return html`${head}<div class=${`option ${i === where ? 'at' : ''}`} role="option" id=${`palette-${i}`} aria-selected=${String(i === where)} onMouseMove=${() => i !== where && setAt(i)} onClick=${() => choose(one)}>
        <${Icon} name=${one.icon ?? 'arrow'} /><span class="cut">${one.title}</span><span class="more">${one.keys ? shown(one.keys).flat().map((key) => html`<kbd>${key}</kbd> `) : one.more}</span></div>`;
    })}${!found.length && html`<div class="option faint" role="option" aria-selected="false" aria-disabled="true">Nothing found for “${typed}”</div>`}</div>
    <footer><span><kbd>↑</kbd> <kbd>↓</kbd> choose</span><span><kbd>↵</kbd> open</span><span><kbd>Esc</kbd> close</span></footer></dialog>`;
}

export function Shortcuts() {
  const groups = new Map();
  for (const one of all.value) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return html`<${Dialog} wide title="Keyboard shortcuts" onClose=${() => (shortcuts.value = false)}><div class="shortcuts">${[...groups].map(([name, list]) => html`<section><h3>${name}</h3>${list.map((one) => html`<div><span>${one.title}</span>
    <span class="nowrap">${shown(one.keys).map((step, i) => html`${i > 0 && html` <span class="faint small">then</span> `}${step.map((key) => html`<kbd>${key}</kbd> `)}`)}</span></div>`)}</section>`)}</div><//>`;
}
