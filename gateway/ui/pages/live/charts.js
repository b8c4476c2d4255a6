// @ts-check
// The last hour by the minute: what ended, how long it took, how many tokens. From the live feed.
import { html } from '../../lib.js';
import { TimeChart } from '../../kit/chart.js';
import { Card } from '../../kit/parts.js';
import { ms, short } from '../../kit/time.js';

/** @param {{minutes: any[]}} props */
export function Hour({ minutes }) {
  const times = minutes.map((one) => one.minute), of = (name) => minutes.map((one) => one[name]);
  const sum = (name) => minutes.reduce((all, one) => all + (one[name] ?? 0), 0);
  const ended = sum('done') + sum('failed') + sum('cancelled');
  return html`<div class="cards wide thirds">
    <${Card} title="Requests a minute" actions=${html`<span class="small faint num">${short(ended)} in the hour</span>`}><${TimeChart} label="Requests that ended, by minute" height=${170} stacked times=${times} format=${short}
      series=${[{ name: 'done', values: of('done'), color: 2 }, { name: 'failed', values: of('failed'), color: 7 }, { name: 'cancelled', values: of('cancelled'), color: 8 }]} /><//>
    <${Card} title="How long they took"><${TimeChart} label="Latency by minute" height=${170} times=${times} format=${ms}
      series=${[{ name: 'mean', values: of('mean_ms'), color: 1, points: true }, { name: '95 of 100', values: of('p95_ms'), color: 3, points: true }, { name: 'first token', values: of('first_ms'), color: 5, points: true }]} /><//>
    <${Card} title="Tokens a minute" actions=${html`<span class="small faint num">${short(sum('tokens_in') + sum('tokens_out'))} in the hour</span>`}><${TimeChart} label="Tokens by minute" height=${170} times=${times} format=${short}
      series=${[{ name: 'prompts', values: of('tokens_in'), color: 5 }, { name: 'answers', values: of('tokens_out'), color: 1 }]} /><//></div>`;
}
