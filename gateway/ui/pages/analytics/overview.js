// @ts-check
// The numbers that matter, how they went over the time, and who makes them.
import { html } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Donut, Ranks } from '../../kit/chart.js';
import { Button, Card, Empty, Loaded, Stat } from '../../kit/parts.js';
import { count, money, ms, percent, short } from '../../kit/time.js';
import { OverTime } from './overtime.js';
import { byWord, change, logLink, nameOf, report, rowLink } from './words.js';

/** @typedef {{period: any, filters: Record<string, string>, asked: Record<string, any>, before: Record<string, any>|null}} Place */

/** @param {Place} place */
export function Overview(place) {
  const key = JSON.stringify([place.asked, place.before]);
  const found = useApi(async (signal) => {
    const [now, then] = await Promise.all([report('summary', place.asked, signal), place.before && report('summary', place.before, signal)]);
    return { now: now.rows[0] ?? null, then: then?.rows[0] ?? null };
  }, { deps: [key] });
  const sums = found.data;
  if (found.error) return html`<${Loaded} of=${found} />`;
  if (sums && !sums.now) return html`<${Card}><${Empty} icon="chart" title="Nothing was asked in this time" action=${html`<${Button} href="/ui/logs?period=all">The whole log<//>`}>Choose a longer time, or take a filter away. What a program asks is counted a second or two later.<//><//>`;
  return html`<${Tiles} sums=${sums} place=${place} /><${OverTime} ...${place} />
    ${sums && html`<div class="cards wide">${[['model', 'Models'], ['provider', 'Providers'], ['op', 'Operations'], ['key', 'Keys'], ['user', 'Users']].map(([word, title]) => html`<${Rank} key=${word} word=${word} title=${title} place=${place} />`)}
      <${Outcomes} sums=${sums} /></div>`}`;
}

function Tiles({ sums, place }) {
  const now = sums?.now, then = place.before ? sums?.then ?? {} : null;
  const note = (name, of = (one) => one?.[name]) => (then && now ? [change(of(now), of(then)), then[name] === undefined ? 'none before' : ''].filter(Boolean).join(' ') || ' ' : ' ');
  const value = (name, how) => (now ? how(now[name]) : null);
  const log = (more) => logLink(place.period, place.filters, more);
  const failing = now && now.requests ? now.failed / now.requests : 0;
  return html`<div class="cards tiles" role="group" aria-label="Totals">
    <${Stat} name="Requests" icon="list" value=${value('requests', count)} note=${note('requests')} href=${log({})} />
    <${Stat} name="Failed" icon="alert" kind=${failing > 0.05 ? 'bad' : ''} value=${value('failed', count)} note=${now ? [percent(failing), note('failed').trim()].filter(Boolean).join(' · ') : ' '} href=${log({ outcome: 'failed' })} />
    <${Stat} name="Tokens in" icon="text" value=${value('tokens_in', short)} note=${note('tokens_in')} /><${Stat} name="Tokens out" icon="text" value=${value('tokens_out', short)} note=${note('tokens_out')} />
    <${Stat} name="Cost" icon="dollar" value=${now ? money(now.cost ?? 0) : null} note=${now?.unpriced ? `${note('cost')} · ${short(now.unpriced)} unpriced` : note('cost')} />
    <${Stat} name="Median duration" icon="clock" value=${value('total_p50_ms', ms)} note=${note('total_p50_ms')} /><${Stat} name="95 % within" icon="gauge" value=${value('total_p95_ms', ms)} note=${now ? `99 % within ${ms(now.total_p99_ms)}` : ' '} />
    <${Stat} name="First piece" icon="bolt" value=${value('first_p50_ms', ms)} note=${now ? `95 % within ${ms(now.first_p95_ms)}` : ' '} /><${Stat} name="Tokens a second" icon="bolt" value=${value('streamed_per_second', short)} note=${note('streamed_per_second')} />
    <${Stat} name="From the cache" icon="stack" value=${now ? percent(now.requests ? now.from_our_cache / now.requests : 0) : null} note=${now ? `${count(now.from_our_cache)} answers` : ' '} />
    <${Stat} name="Keys that asked" icon="key" value=${value('keys', count)} note=${note('keys')} /><${Stat} name="Models used" icon="cube" value=${value('models', count)} note=${note('models')} /></div>`;
}

function Rank({ word, title, place }) {
  const found = useApi((signal) => byWord(word, { ...place.asked, limit: 50 }, signal), { deps: [JSON.stringify(place.asked)] });
  return html`<${Card} title=${title} actions=${html`<${Button} small ghost href=${`/ui/analytics?${new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), view: 'by', by: word })}`}>All<//>`}>
    <${Loaded} of=${found}>${(answer) => html`<${Ranks} label=${title} most=${7} format=${count} rows=${answer.rows.map((row) => ({ name: nameOf(word, row), value: row.requests, note: row.cost ? money(row.cost) : '', href: rowLink(word, row, place.period, place.filters) }))} />`}<//><//>`;
}

function Outcomes({ sums }) {
  const now = sums?.now;
  return html`<${Card} title="Outcomes">${now && html`<${Donut} label="Outcomes" format=${count} middle=${short(now.requests)} parts=${[{ name: 'done', value: now.requests - now.failed - now.cancelled, color: 2 }, { name: 'failed', value: now.failed, color: 7 }, { name: 'cancelled', value: now.cancelled, color: 8 }]} />`}<//>`;
}
