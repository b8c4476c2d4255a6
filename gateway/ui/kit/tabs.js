// @ts-check
// Tabs, with arrow keys. The chosen one is yours to keep: in the address (`useQuery`), in a `pref`, or in a state.
//
//   html`<${Tabs} label="Job" tabs=${[['in', 'Input'], ['out', 'Output', 3]]} value=${tab} onChange=${setTab}>…the panel of the chosen one…<//>`
//   html`<${Tabs} pills label="Period" tabs=${[['day', 'Day'], ['week', 'Week']]} value=${by} onChange=${setBy} />`
import { cx, html, useId } from '../lib.js';

/** @param {{tabs: [string, any, any?][], value: string, onChange: (id: string) => void, label: string, pills?: boolean, children?: any}} props A tab is `[id, title, count?]`. */
export function Tabs({ tabs, value, onChange, label, pills, children }) {
  const base = useId();
  const at = Math.max(0, tabs.findIndex(([id]) => id === value));
  const keys = (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onChange(tabs[next][0]);
    event.currentTarget.children[next]?.focus();
  };
  const panel = children && !(Array.isArray(children) && !children.length);
  return html`<div class=${cx('tabs', { pills })} role="tablist" aria-label=${label} onKeyDown=${keys}>${tabs.map(([id, title, count], i) => html`
      <button type="button" role="tab" id=${`${base}-${id}`} aria-selected=${String(i === at)} aria-controls=${panel && i === at ? `${base}-panel` : null}
        tabindex=${i === at ? 0 : -1} onClick=${() => onChange(id)}>${title}${count !== undefined && count !== null && html`<span class="badge num">${count}</span>`}</button>`)}</div>
    ${panel && html`<div class="tabpanel" role="tabpanel" id=${`${base}-panel`} aria-labelledby=${`${base}-${tabs[at]?.[0]}`} tabindex="-1">${children}</div>`}`;
}
