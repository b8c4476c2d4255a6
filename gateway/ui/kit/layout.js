// @ts-check
// How a page is laid out: its head, and a list with the chosen one's detail beside it (one of them on a phone).
//
//   html`<${Page} title="Keys" about="Who may ask, for what and how much." actions=${html`<${Button} primary icon="plus">New key<//>`}>…<//>`
//   html`<${Split} list=${items} detail=${chosen && html`…`} label="Threads" />`
//
// `wide`: the whole width (grids, dashboards); `fill`: also the whole height, the page itself does not scroll (chat, SQL console, long grids).
// `crumbs=${[['Jobs', '/ui/jobs']]}` leads back. `title` is also the tab's title.
import { cx, html, useEffect } from '../lib.js';
import { Icon } from './icons.js';
import { titled } from '../shell/router.js';

/** @param {{title: string, about?: any, actions?: any, crumbs?: [string, string][], wide?: boolean, fill?: boolean, children?: any, class?: string}} props */
export function Page({ title, about, actions, crumbs, wide, fill, children, class: extra = '' }) {
  useEffect(() => titled(title), [title]);
  return html`<div class=${cx('page', extra, { wide, fill })}>
    <div class="head"><div class="grow">
      ${crumbs && html`<nav class="crumbs small" aria-label="Back">${crumbs.map(([name, to]) => html`<a href=${to}>${name}</a><${Icon} name="right" size="12" class="faint" />`)}</nav>`}
      <h1>${title}</h1>${about && html`<p>${about}</p>`}</div>
      ${actions && html`<div class="actions">${actions}</div>`}</div>
    ${children}</div>`;
}

/** @param {{list: any, detail: any, label: string}} props */
export function Split({ list, detail, label }) {
  return html`<div class=${cx('split', { has: !!detail })}><nav class="list" aria-label=${label}>${list}</nav><div class="detail col gap-4">${detail}</div></div>`;
}
