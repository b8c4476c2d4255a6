// @ts-check
// The same numbers by anything: operation, key, address, browser, day … as a chart, and as a table beside the time before.
import { html } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Columns, Ranks } from '../../kit/chart.js';
import { Grid } from '../../kit/grid.js';
import { Button, Card, Failed, Skeleton } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { When, count, iso, money, ms, percent, short } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { slots } from '../jobs/period.js';
import { MEASURES } from './overtime.js';
import { NAMES, TIMES, TRAITS, byWord, change, nameOf, rowLink, slotOf, visit } from './words.js';

const GROUPS = /** @type {[string, string[]][]} */ ([
  ['What', ['op', 'model', 'provider', 'queue', 'style']], ['Who', ['key', 'user', 'client', 'tag']], ['How it went', ['outcome', 'status', 'error', 'duration']],
  ['With what', ['browser', 'device', 'bot', 'user_agent']], ['When', ['hour', 'day', 'month']],
]);
const TITLES = /** @type {Record<string, string>} */ ({ ...NAMES, ...TIMES });
const MOST = 5000;

/** @param {import('./overview.js').Place} place */
export function Breakdown(place) {
  const [query, setQuery] = useQuery();
  const by = TITLES[query.by] && query.by !== 'ref' ? query.by : 'model';
  const measure = MEASURES.find(([one]) => one === query.measure) ?? MEASURES[0];
  const found = useApi(async (signal) => {
    const [now, then] = await Promise.all([byWord(by, { ...place.asked, limit: MOST }, signal), place.before && !(by in TIMES) && byWord(by, { ...place.before, limit: MOST }, signal)]);
    return { by, sql: now.sql, rows: joined(by, now.rows, then ? then.rows : null) };
  }, { deps: [JSON.stringify([place.asked, place.before]), by] });
  const rows = found.data?.by === by ? found.data.rows : undefined;
  return html`<div class="choices"><label class="row"><span class="soft">By</span><select class="input" aria-label="By" value=${by} onChange=${(e) => setQuery({ by: e.target.value === 'model' ? '' : e.target.value })}>
      ${GROUPS.map(([name, words]) => html`<optgroup label=${name}>${words.map((one) => html`<option value=${one} selected=${one === by}>${TITLES[one]}</option>`)}</optgroup>`)}</select></label>
      <${Tabs} pills label="What is counted" tabs=${MEASURES.map(([one, name]) => [one, name])} value=${measure[0]} onChange=${(next) => setQuery({ measure: next === 'requests' ? '' : next })} />
      <span class="grow"></span>${found.data?.sql && html`<${Button} small ghost icon="database" href=${`/ui/sql?${new URLSearchParams({ sql: found.data.sql })}`}>As SQL<//>`}</div>
    ${found.error && html`<${Failed} error=${found.error} retry=${found.reload} />`}
    <${Card} title=${`${measure[1]} by ${TITLES[by].toLowerCase()}`}>${rows ? html`<${Picture} rows=${rows} by=${by} measure=${measure} place=${place} />` : html`<${Skeleton} lines=${6} />`}<//>
    <${Grid} key=${by} id=${`analytics.${by}`} label=${`By ${TITLES[by].toLowerCase()}`} rows=${rows} rowKey="id" columns=${columns(by, rows ?? [], place)} most=${520}
      onOpen=${(row) => row.href && visit(row.href)} />`;

  function joined(word, now, then) {
    const old = then && new Map(then.map((row) => [row[word], row]));
    return now.map((row) => ({ ...row, id: String(row[word]), name: nameOf(word, row), href: rowLink(word, row, place.period, place.filters), then: old && (old.get(row[word]) ?? { requests: 0, cost: 0 }) }));
  }
}

function Picture({ rows, by, measure, place }) {
  const [, title, of, format] = measure;
  if (!(by in TIMES)) return html`<${Ranks} label=${`${title} by ${TITLES[by].toLowerCase()}`} most=${12} format=${format} rows=${rows.map((row) => ({ name: row.name, value: of(row), note: share(of(row), rows, of), href: row.href }))} />`;
  const first = place.period.from ?? Math.min(Date.now() / 1000 - 1, ...rows.map((row) => slotOf(by, row[by]).from));
  const times = slots(by, first, place.period.to), at = new Map(rows.map((row) => [row[by], row]));
  return html`<${Columns} label=${`${title} by ${by}`} height=${220} format=${format} names=${times.map((one) => one.name)} series=${[{ name: title, values: times.map((one) => (at.has(one.id) ? of(at.get(one.id)) : 0)) }]}
    onPick=${(i) => at.get(times[i].id)?.href && visit(at.get(times[i].id).href)} />`;
}

function share(value, rows, of) {
  const all = rows.reduce((sum, row) => sum + of(row), 0);
  return all ? `${Math.round((value / all) * 100)} %` : '';
}

function columns(by, rows, place) {
  const most = Math.max(1, ...rows.map((row) => row.requests));
  const number = (key, title, how, more = {}) => ({ key, title, width: 84, end: true, render: (row) => html`<span>${how(row[key])}</span>`, ...more });
  return [
    { key: 'name', title: TITLES[by], width: 176, order: (row) => (by in TIMES ? row[by] : row.name), render: (row) => (row.href ? html`<a class="link-row cut" href=${row.href}>${row.name}</a>` : html`<span class="faint">${row.name}</span>`) },
    { key: 'share', title: 'Share', width: 72, sort: false, value: (row) => row.requests, render: (row) => html`<span class="cellbar" aria-hidden="true"><i style=${{ width: `${(row.requests / most) * 100}%` }}></i></span>` },
    number('requests', 'Requests', count),
    ...(place.before && !(by in TIMES) ? [{ key: 'change', title: 'Before', width: 84, end: true, value: (row) => (row.then ? row.requests - row.then.requests : null), render: (row) => html`<span class="soft" data-tip=${row.then ? `${count(row.then.requests)} in the time before` : null}>${row.then ? change(row.requests, row.then.requests) : ''}</span>` }] : []),
    number('failed', 'Failed', count), { key: 'rate', title: 'Failing', width: 78, end: true, value: (row) => row.failed / row.requests, render: (row) => html`<span class=${row.failed / row.requests > 0.05 ? 'bad-text' : ''}>${row.failed ? percent(row.failed / row.requests) : '–'}</span>` },
    number('tokens_in', 'Tokens in', short), number('tokens_out', 'Tokens out', short), number('cost', 'Cost', money),
    ...(TRAITS.includes(by) ? [number('mean_ms', 'On average', ms), { key: 'last_at', title: 'Last', width: 96, render: (row) => html`<${When} at=${row.last_at} />`, csv: (row) => iso(row.last_at) }] : []),
    { ...number('cancelled', 'Cancelled', count), hidden: true }, { ...number('unpriced', 'No price', count), hidden: true },
  ];
}
