// @ts-check
// What the dashboard adds up: one question over the rollup, answered in every grouping at once.
//
// What a newcomer would get wrong: minutes are those from accept to the end, of all requests together; tokens a second are those
// of answers over the time of the requests that gave them.
import { objects } from '../analytics/words.js';

const MODEL = "coalesce(nullif(served, ''), model)";
const SLOT = { hour: 'epoch(hour)::BIGINT::VARCHAR', day: 'hour::DATE::VARCHAR', month: "strftime(hour, '%Y-%m')" };
const GOOD = "outcome = 'done' AND NOT cached AND tokens_out > 0";

/** @param {{by: string, query: {from: string, to: string}}} period */
export function sqlOf(period) {
  const at = (text) => `TIMESTAMP '${text.slice(0, 19).replace('T', ' ')}'`;
  const tests = ["op <> 'callback'", period.query.from && `hour >= date_trunc('hour', ${at(period.query.from)})`, period.query.to && `hour < ${at(period.query.to)}`].filter(Boolean);
  const source = period.by === 'hour' || tests.length > 1 ? 'hourly' : '(SELECT *, day AS hour FROM daily)';  // of all there is, a row a day is enough
  return `SELECT CASE WHEN grouping(slot) = 0 THEN 'slot' WHEN grouping(provider) = 0 THEN 'provider' WHEN grouping(model) = 0 THEN 'model' WHEN grouping(month) = 0 THEN 'month'
  WHEN grouping(op) = 0 THEN 'op' ELSE 'all' END AS kind, coalesce(slot, provider, model, month, op, '') AS name,
  sum(requests)::BIGINT AS requests, coalesce(sum(requests) FILTER (outcome = 'failed'), 0)::BIGINT AS failed, coalesce(sum(requests) FILTER (outcome = 'cancelled'), 0)::BIGINT AS cancelled,
  sum(tokens_in)::BIGINT AS tokens_in, sum(tokens_out)::BIGINT AS tokens_out, round(sum(cost), 6) AS cost, round(sum(total_ms) / 60000, 2) AS minutes,
  round(1000 * sum(tokens_out) FILTER (${GOOD}) / nullif(sum(total_ms) FILTER (${GOOD}), 0), 2) AS speed, max(hour) AS last_hour
FROM (SELECT * EXCLUDE (model), ${SLOT[period.by]} AS slot, strftime(hour, '%Y-%m') AS month, ${MODEL} AS model FROM ${source} WHERE ${tests.join(' AND ')}) AS cells
GROUP BY GROUPING SETS ((), (slot), (provider), (model), (month), (op))`;
}

/** The answer by kind. @returns {{all: any, slot: any[], provider: any[], model: any[], month: any[], op: any[]}} */
export function byKind(answer) {
  const found = /** @type {any} */ ({ slot: [], provider: [], model: [], month: [], op: [] });
  for (const row of objects(answer)) {
    if (row.kind === 'all') found.all = row;
    else found[row.kind].push(row);
  }
  found.all ??= { requests: 0, failed: 0, cancelled: 0, tokens_in: 0, tokens_out: 0, cost: 0, minutes: 0, speed: null };
  for (const kind of ['provider', 'model', 'op']) found[kind].sort((a, b) => b.requests - a.requests);
  found.month.sort((a, b) => (a.name < b.name ? 1 : -1));
  return found;
}
