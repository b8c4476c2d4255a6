// @ts-check
// The frame: sidebar with the pages one may see, top bar, the page itself, and what lies over everything.
import { cx, html, signal, useEffect } from '../lib.js';
import { offline } from '../kit/api.js';
import { Icon } from '../kit/icons.js';
import { bind, shown } from '../kit/keys.js';
import { Menu } from '../kit/overlay.js';
import { Button } from '../kit/parts.js';
import { theme } from '../kit/store.js';
import { pages } from '../pages.js';
import { Boundary, Outlet } from './outlet.js';
import { Logo } from './logo.js';
import { palette, Palette, Shortcuts, shortcuts } from './palette.js';
import { BASE, go, route } from './router.js';
import { may, me, signOut } from './session.js';

const drawer = signal(false);
const SECTIONS = [['use', 'Use'], ['admin', 'Admin']];

/** The pages this person may see. */
const seen = () => pages.filter((one) => may(one.scope));
const addressOf = (page) => BASE + ([page.path].flat()[0] === '/' ? '/' : [page.path].flat()[0]);

/** Closes the drawer of a phone; the focus goes back to its button. */
function shut() {
  if (drawer.peek()) setTimeout(() => /** @type {any} */ (document.querySelector('.topbar button'))?.focus());
  drawer.value = false;
}

export function Frame() {
  const now = route.value;
  useEffect(() => (drawer.value = false), [now?.page, now?.params]);
  useEffect(() => void (drawer.value && requestAnimationFrame(() => /** @type {any} */ (document.querySelector('.side a'))?.focus())), [drawer.value]);
  useEffect(() => {
    const stops = [
      bind('/', 'Search and commands', () => (palette.value = true)),
      bind('mod+k', 'Search and commands', () => (palette.value = !palette.value)),
      bind('?', 'Keyboard shortcuts', () => (shortcuts.value = true)),
      bind('escape', 'Close', shut),
      ...seen().filter((one) => one.keys).map((one) => bind(one.keys, one.title, () => go(addressOf(one)), 'Go to')),
    ];
    return () => stops.forEach((stop) => stop());
  }, [me.value]);
  return html`<a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById('main')?.focus())}>To the content</a>
    <div class=${cx('frame', { open: drawer.value })}><${Side} />
      <button class="scrim" aria-label="Close the menu" tabindex=${drawer.value ? 0 : -1} onClick=${shut}></button>
      <main class="main" id="main" tabindex="-1" onFocusIn=${() => (drawer.value = false)}>
        ${offline.value && html`<div class="away" role="status"><${Icon} name="refresh" class="spin" />The server can’t be reached. This page goes on by itself as soon as it is back.</div>`}
        <${Top} page=${now?.page} /><${Boundary} key=${now?.page?.name}><${Outlet} now=${now} /><//></main></div>
    ${palette.value && html`<${Palette} />`}${shortcuts.value && html`<${Shortcuts} />`}`;
}

function Side() {
  const at = route.value?.page?.name;
  useEffect(() => document.querySelector('.side nav [aria-current]')?.scrollIntoView({ block: 'nearest' }), [at]);
  return html`<div class="side"><a class="brand" href="/ui/"><${Logo} small />AI Server</a>
    <div class="find"><${Button} icon="search" onClick=${() => (palette.value = true)}>Search<kbd>/</kbd><//></div>
    <nav aria-label="Pages">${SECTIONS.map(([id, title]) => {
      const mine = seen().filter((one) => one.section === id && one.menu !== false);
      return mine.length > 0 && html`<h2>${title}</h2><ul class="plain">${mine.map((one) => html`<li key=${one.name}><a href=${addressOf(one)} aria-current=${at === one.name || one.name === route.value?.page?.under ? 'page' : null}
        data-tip=${one.keys && shown(one.keys).flat().join(' then ')}><${Icon} name=${one.icon} />${one.title}</a></li>`)}</ul>`;
    })}</nav><${Me} /></div>`;
}

function Me() {
  const { name, scopes } = me.value;
  return html`<div class="me"><div class="who"><span class="avatar" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span>
      <span class="grow"><span class="cut strong name">${name}</span>${scopes.length > 0 && html`<span class="faint small cut name">${scopes.includes('admin') ? 'admin' : scopes.join(', ')}</span>`}</span></div>
    <${ThemeMenu} /><${Button} ghost icon="out" label="Sign out" onClick=${signOut} /></div>`;
}

const THEMES = [['system', 'As the system', 'screen'], ['light', 'Light', 'sun'], ['dark', 'Dark', 'moon']];

function ThemeMenu() {
  const icon = THEMES.find(([id]) => id === theme.value)?.[2] ?? 'screen';
  return html`<${Menu} label="Theme" icon=${icon} items=${THEMES.map(([id, label]) => ({ label, checked: theme.value === id, onSelect: () => (theme.value = id) }))} />`;
}

function Top({ page }) {
  return html`<header class="topbar phone-only"><${Button} ghost icon="menu" label="Menu" aria-expanded=${String(drawer.value)} onClick=${() => (drawer.value = true)} />
    <span class="strong grow cut">${page?.title ?? 'AI Server'}</span><${Button} ghost icon="search" label="Search and commands" onClick=${() => (palette.value = true)} /></header>`;
}
