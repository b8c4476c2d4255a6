// @ts-check
// Who works: providers, processes with their heartbeats, keys that ask, and what failed lately.
import { html } from '../../lib.js';
import { Badge, Empty, State } from '../../kit/parts.js';
import { When, bytes, count, percent, seconds, short } from '../../kit/time.js';
import { words } from '../jobs/acts.js';
import { Rows } from './rows.js';

/** @param {{providers: any[]}} props */
export function Providers({ providers }) {
  if (!providers.length) return html`<${Empty} icon="server" title="No provider yet">As soon as one is connected it is here, with its agents.<//>`;
  return html`<${Rows} label="Providers" head=${['Provider', 'State', '>Slots', '>Done', '>Failed', '>Whole', '>First', 'Agents']} rows=${providers} id=${(one) => one.name} row=${(one) => html`
    <th scope="row">${one.name}<div class="small faint">${one.kind}</div></th>
    <td><${State} of=${one.state} />${(one.why || one.until) && html`<div class="small soft why">${one.why}${one.until ? html` until <${When} at=${one.until} />` : ''}</div>`}${one.paced_seconds > 0 && html`<div class="small warn-text">next call in ${seconds(one.paced_seconds)}</div>`}</td>
    <td class="end nowrap">${one.in_flight} of ${one.slots}</td><td class="end">${short(one.done)}</td><td class="end">${one.failed ? html`<span class="bad-text">${short(one.failed)}</span>` : 0}${one.retried ? html`<div class="small faint nowrap">${short(one.retried)} went on</div>` : ''}</td>
    <td class="end nowrap">${seconds(one.latency_seconds)}</td><td class="end nowrap">${seconds(one.first_seconds)}</td>
    <td>${one.agents.map((agent) => html`<div class="small nowrap">${agent.host} <span class="faint">· ${agent.pid} · ${agent.state} · ${agent.in_flight}/${agent.slots}</span></div>`)}</td>`} />`;
}

/** @param {{processes: any[], now: () => number, self?: string}} props */
export function Processes({ processes, now, self }) {
  return html`<${Rows} label="Processes" head=${['Process', 'Role', 'Heartbeat', '>In hand', '>Memory', '>Lag', '>Up', 'Version']} rows=${processes} id=${(one) => one.process} row=${(one) => html`
    <th scope="row"><span class="nowrap">${one.host} <span class="faint num">${one.pid}</span></span>${one.process === self && html` <${Badge}>this one<//>`}${one.providers.length > 0 && html`<div class="small faint cut">${one.providers.join(', ')}</div>`}</th>
    <td>${one.role}</td><td class="nowrap">${one.state === 'lost' ? html`<${Badge} kind="bad" dot>lost<//> <span class="small soft">heard <${When} at=${one.heard} /></span>` : html`<${State} of="ok" />`}</td>
    <td class="end">${one.in_flight}${one.streams ? html`<span class="faint"> · ${one.streams} stream</span>` : ''}</td><td class="end nowrap">${bytes(one.rss)}</td>
    <td class="end nowrap">${one.lag_ms === null ? '–' : html`<span class=${one.lag_ms > 200 ? 'warn-text' : ''}>${seconds(one.lag_ms / 1000)}</span>`}</td><td class="end nowrap">${seconds(Math.max(0, Math.floor(now() - one.started)))}</td><td class="nowrap">${one.version}</td>`} />`;
}

/** @param {{keys: any[]}} props */
export function Keys({ keys }) {
  if (!keys.length) return html`<${Empty} icon="key" title="No key asked in the last hour" />`;
  return html`<${Rows} label="Keys that ask" head=${['Key', '>Running', '>Waits', '>A minute', '>An hour', '>Failed', '>Tokens an hour']} rows=${keys.slice(0, 20)} id=${(one) => one.id} row=${(one) => html`
    <th scope="row"><a href=${`/ui/jobs?key=${one.id}`}>${one.name || one.id}</a>${one.user && html`<div class="small faint">${one.user}</div>`}</th><td class="end">${one.running}</td><td class="end">${one.queued}</td>
    <td class="end">${count(one.requests_minute)}</td><td class="end">${count(one.requests_hour)}</td><td class="end">${one.failed_hour ? html`<span class="bad-text nowrap">${count(one.failed_hour)} (${percent(one.failed_hour / Math.max(1, one.requests_hour))})</span>` : 0}</td><td class="end">${short(one.tokens_hour)}</td>`} />`;
}

/** @param {{failed: any[], onOpen: (job: any) => void}} props */
export function Failed({ failed, onOpen }) {
  if (!failed.length) return html`<${Empty} icon="check" title="Nothing failed lately">The last 50 failures are here, with the words their callers got.<//>`;
  return html`<${Rows} label="Failed lately" head=${['When', 'Job', 'What', 'Error', '>Attempts', '>Time']} rows=${failed} id=${(one) => one.id} onOpen=${onOpen} row=${(one) => html`
    <td><${When} at=${one.at} /></td><td><a class="mono" href=${`/ui/jobs/${one.job}`} onClick=${(e) => (e.preventDefault(), onOpen(one))}>${one.id}</a><div class="small faint cut">${one.key_name || one.key}</div></td>
    <td><span class="strong">${words(one.op)}</span><div class="small soft cut">${[one.model, one.provider || one.queue].filter(Boolean).join(' · ')}</div></td>
    <td class="message"><span class="mono bad-text">${one.code}</span><div class="small soft">${one.message}</div></td><td class="end">${one.attempts}</td><td class="end nowrap">${seconds(one.seconds)}</td>`} />`;
}
