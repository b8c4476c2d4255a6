// @ts-check
// Questions worth asking, to begin with. Each must run as it stands (tests/test_ui_sql.py runs them all).

/** @type {[string, string][]} title, SQL */
export const EXAMPLES = [
  ['Requests and tokens by model', `SELECT model, count(*) AS requests, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, round(sum(cost), 4) AS cost
FROM requests
GROUP BY model
ORDER BY requests DESC`],
  ['Requests by hour, the last two days', `SELECT hour, outcome, sum(requests) AS requests
FROM hourly
WHERE hour >= now()::TIMESTAMP - INTERVAL 2 DAY
GROUP BY ALL
ORDER BY hour`],
  ['Cost by day and provider', `SELECT hour::DATE AS day, provider, round(sum(cost), 4) AS cost
FROM hourly
WHERE provider <> ''
GROUP BY ALL
ORDER BY day`],
  ['Percentiles of the first piece, by provider', `SELECT provider, count(*) AS requests,
  quantile_cont(first_ms, 0.5) AS p50, quantile_cont(first_ms, 0.95) AS p95, quantile_cont(first_ms, 0.99) AS p99
FROM requests
WHERE first_ms IS NOT NULL
GROUP BY provider
ORDER BY p95 DESC`],
  ['The latest failures', `SELECT created, job, key, model, provider, error, message
FROM requests
WHERE outcome = 'failed'
ORDER BY created DESC
LIMIT 100`],
  ['Busy hours of the day', `SELECT hour(created) AS hour, dayname(created) AS day, count(*) AS requests
FROM requests
GROUP BY ALL
ORDER BY hour`],
  ['Where a second attempt helped', `SELECT a.provider AS failed_at, b.provider AS done_at, a.error, count(*) AS requests
FROM attempts a
JOIN attempts b ON b.job = a.job AND b.run = a.run AND b.n = a.n + 1
WHERE a.outcome = 'failed' AND b.outcome = 'done'
GROUP BY ALL
ORDER BY requests DESC`],
  ['Callbacks that were hard to deliver', `SELECT host, count(*) AS tries, count_if(outcome = 'failed') AS failed, max(n) AS most_tries, any_value(message) AS example
FROM callbacks
GROUP BY host
ORDER BY failed DESC`],
  ['How much is kept of files', `SELECT event, purpose, content_type, count(*) AS files, sum(size) AS bytes
FROM files
GROUP BY ALL
ORDER BY bytes DESC`],
  ['Who changed what', `SELECT time, actor, action, kind, name
FROM audit
ORDER BY time DESC
LIMIT 100`],
  ['A column at a glance', `SUMMARIZE SELECT model, provider, tokens_in, tokens_out, total_ms, cost FROM requests`],
];
