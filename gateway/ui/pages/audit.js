// @ts-check
// The audit trail: who changed what, and when. Filters are in the address; a row opens what exactly was changed.
import { html, useMemo, useState } from '../lib.js';
import { Call, Json } from '../kit/code.js';
import { Grid, useSource } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Drawer } from '../kit/overlay.js';
import { Badge, Button, Empty, Facts } from '../kit/parts.js';
import { exact, When } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { Changes, detailOf, told } from './admin/parts.js';

const ACTIONS = ['created', 'changed', 'removed', 'revoked', 'rotated', 'rolled_back', 'paused', 'resumed', 'drained', 'cancelled', 'requeued', 'replayed', 'put_first'];
const KINDS = ['provider', 'key', 'rule', 'setting', 'queue', 'job', 'archive'];
const COLOURS = { created: 'ok', removed: 'bad', revoked: 'bad', cancelled: 'bad', paused: 'warn', drained: 'warn', rotated: 'accent', rolled_back: 'accent' };
const SPANS = [['', 'At any time'], ['1h', 'In the last hour'], ['24h', 'In 24 hours'], ['7d', 'In 7 days'], ['30d', 'In 30 days'], ['90d', 'In 90 days']];
const words = (text) => text.replaceAll('_', ' ');
const PLACES = { provider: (one) => `/ui/providers/${one.name}`, key: (one) => `/ui/keys/${one.name}`, rule: (one) => `/ui/catalogue?tab=rules&rule=${encodeURIComponent(one.name)}`, setting: () => '/ui/settings?tab=history', job: (one) => (/^\d+$/.test(one.name) ? `/ui/jobs/${one.name}` : '/ui/jobs'), queue: () => '/ui/queues' };

/** What was done, in a line. */
const summary = (one) => Object.entries(detailOf(one)).map(([name, value]) => `${words(name)}: ${told(name, value)}`).join(', ');

/** Pages of the trail; `found` hears of each, so that an act named in the address is known once its page is there. */
function useTrail(span, found) {
  const source = useSource('/admin/audit', { query: span, limit: 100 });
  return useMemo(() => ({ ...source, async page(asked, signal) {
    const page = await source.page(asked, signal);
    found(page.rows);
    return page;
  } }), [source]);
}

export default function Audit() {
  const [query, setQuery] = useQuery();
  const span = useMemo(() => ({ from: query.from, to: query.to }), [query.from, query.to]);
  const [known, setKnown] = useState(/** @type {Record<string, any>} */ ({}));
  const source = useTrail(span, (rows) => setKnown((old) => ({ ...old, ...Object.fromEntries(rows.map((one) => [one.id, one])) })));
  const open = known[query.act];
  const own = query.from && !SPANS.some(([id]) => id === query.from) ? [[query.from, `since ${query.from}`]] : [];
  const since = html`<select class="input" style=${{ width: 'auto' }} aria-label="Since when" value=${query.from ?? ''} onChange=${(e) => setQuery({ from: e.target.value, to: '' })}>${[...SPANS, ...own].map(([id, title]) => html`<option value=${id} selected=${id === (query.from ?? '')}>${title}</option>`)}</select>`;
  const said = Object.fromEntries(['by', 'action', 'kind', 'name', 'from', 'to', 'q'].map((name) => [name, query[name]]));
  return html`<${Page} title="Audit" wide fill about="Who changed what, and when: providers, keys, settings, queues, others’ jobs. Secrets are never in it.">
    <${Grid} id="audit" label="Audit trail" source=${source} rowKey="id" url fill at=${query.act} onOpen=${(row) => setQuery({ act: row.id })} toolbar=${since}
      empty=${html`<${Empty} icon="shield" title="Nothing was changed yet">Every act of an administrator is listed here, from now on.<//>`} columns=${[
      { key: 'time', title: 'When', width: 120, value: (row) => new Date(row.time * 1000).toISOString(), render: (row) => html`<${When} at=${row.time} />` },
      { key: 'by', title: 'By', width: 140, filter: true, value: (row) => row.actor_name ?? row.actor, render: (row) => html`<span class="strong cut">${row.actor_name ?? row.actor}</span>` },
      { key: 'action', title: 'Did', width: 110, filter: ACTIONS.map((one) => [one, words(one)]), render: (row) => html`<${Badge} kind=${COLOURS[row.action] ?? ''}>${words(row.action)}<//>` },
      { key: 'kind', title: 'What', width: 90, filter: KINDS },
      { key: 'name', title: 'Which', width: 180, filter: true, value: (row) => row.title ?? row.name, render: (row) => html`<span class="cut">${row.title ?? row.name}</span>` },
      { key: 'detail', title: 'What is different', width: 320, value: summary, render: (row) => html`<span class="soft cut">${summary(row)}</span>` },
      { key: 'client', title: 'From', width: 110, hidden: true },
      { key: 'revision', title: 'Revision', width: 90, end: true, hidden: true },
    ]} />
    <${Drawer} open=${!!open} onClose=${() => setQuery({ act: '' })} title=${open ? `${words(open.action)} ${open.kind} ${open.title ?? open.name}` : ''}>${open && html`<${Act} one=${open} said=${said} />`}<//>
  <//>`;
}

function Act({ one, said }) {
  const place = PLACES[one.kind]?.(one);
  return html`<div class="col gap-6"><${Facts} of=${[
    ['When', exact(one.time)], ['By', one.actor_name ? html`${one.actor_name} <code>${one.actor}</code>` : one.actor], ['Did', words(one.action)], ['What', one.kind], ['Which', one.title ? html`${one.title} <code>${one.name}</code>` : one.name],
    ['From', one.client], ['Revision', one.revision || null], ['Tenant', one.tenant === 'default' ? null : one.tenant],
  ]} />
    ${place && html`<div><${Button} icon="arrow" href=${place}>Go there<//></div>`}
    ${Object.keys(one.detail).length > 0 && html`<section class="col gap-3"><h3>What is different since</h3><${Changes} plain of=${one.detail} /><${Json} value=${one.detail} label="Detail" /></section>`}
    <section class="col gap-3"><h3>From a program</h3><${Call} label="Ask for this list" call=${{ method: 'GET', path: '/admin/audit', query: said }} /></section></div>`;
}
