// @ts-check
// Rows of `/admin/jobs` and `/admin/dead-letters` for a grid, page by page, and the columns they have.
import { html, useMemo } from '../../lib.js';
import { address, get } from '../../kit/api.js';
import { Badge, Progress, State } from '../../kit/parts.js';
import { When, count, money, seconds, short } from '../../kit/time.js';
import { words } from './acts.js';

const PAGE = 200, LARGEST = 500;

/** @param {string} path @param {Record<string, any>} query @param {{every?: number, turn?: number}} [how] `turn`: another number asks anew */
export function useJobs(path, query, { every, turn = 0 } = {}) {
  const key = address(path, query);
  return useMemo(() => ({
    path, every, sort: false,
    address: (asked) => address(key, { ...asked, limit: Math.min(asked.limit ?? (asked.after ? LARGEST : PAGE), LARGEST) }),
    async page(asked, signal) {
      const answer = await get(this.address(asked), undefined, { signal });
      return { rows: answer.data, next: answer.next };
    },
  }), [key, turn]);
}

export const STATES = ['open', 'queued', 'running', 'ended', 'done', 'failed', 'cancelled'];
const STYLES = ['sync', 'queued', 'callback', 'direct'];
const ms = (value) => (value === null || value === undefined ? '' : seconds(value / 1000));

/** @param {{queues?: string[], providers?: string[], ops?: string[]}} known what can be chosen; without a list it is typed */
export function columns({ queues = [], providers = [], ops = [] }) {
  const list = (label, options) => (options.length ? { label, options } : true);
  return [
    { key: 'state', title: 'State', width: 96, filter: { label: 'State', options: STATES }, render: (row) => html`<span class="row"><${State} of=${row.state} />${row.state === 'running' && row.progress !== null && html`<span class="mini"><${Progress} value=${row.progress} /></span>`}</span>` },
    { key: 'id', title: 'Job', width: 134, render: (row) => html`<span class="num-id">${row.id}</span>${row.first && html` <${Badge} kind="accent">first<//>`}` },
    { key: 'created', title: 'Accepted', width: 86, render: (row) => html`<${When} at=${row.created} />`, csv: (row) => new Date(row.created * 1000).toISOString() },
    { key: 'op', title: 'Operation', width: 88, filter: { label: 'Operation', options: ops.map((one) => [one, words(one)]) }, render: (row) => html`<span>${words(row.op)}</span>` },
    { key: 'model', title: 'Model', width: 110, filter: true },
    { key: 'provider', title: 'Provider', width: 82, filter: list('Provider', providers) },
    { key: 'queue', title: 'Queue', width: 110, filter: list('Queue', queues), hidden: true },
    { key: 'key', title: 'Key', width: 86, filter: true, render: (row) => html`<span>${row.key_name || row.key}</span>`, csv: (row) => row.key_name || row.key },
    { key: 'style', title: 'Style', width: 80, filter: STYLES, hidden: true },
    { key: 'tag', title: 'Tag', width: 90, filter: true, hidden: true },
    { key: 'error', title: 'Error', width: 110, filter: true, render: (row) => html`<span class="bad-text" data-tip=${row.message}>${row.error ?? ''}</span>` },
    { key: 'attempts', title: 'Attempts', width: 70, end: true, hidden: true },
    { key: 'tokens', title: 'Tokens', width: 88, end: true, hidden: true, value: (row) => (row.tokens_in ?? 0) + (row.tokens_out ?? 0) || null, render: (row) => (row.tokens_in || row.tokens_out ? html`<span>${short(row.tokens_in)} → ${short(row.tokens_out)}</span>` : ''), csv: (row) => (row.tokens_in ?? 0) + (row.tokens_out ?? 0) },
    { key: 'wait_ms', title: 'Waited', width: 82, end: true, render: (row) => html`<span>${ms(row.wait_ms)}</span>`, hidden: true },
    { key: 'total_ms', title: 'Took', width: 70, end: true, render: (row) => html`<span>${ms(row.total_ms)}</span>` },
    { key: 'cost', title: 'Cost', width: 96, end: true, render: (row) => html`<span>${row.cost ? money(row.cost) : ''}</span>` },
    { key: 'ref', title: 'Reference', width: 130, hidden: true }, { key: 'client', title: 'Address', width: 110, hidden: true }, { key: 'message', title: 'Message', width: 240, hidden: true },
    { key: 'run', title: 'Run', width: 60, end: true, hidden: true, render: (row) => html`<span>${count(row.run)}</span>` },
  ];
}
