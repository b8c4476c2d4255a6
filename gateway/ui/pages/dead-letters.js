// @ts-check
// Stored jobs that failed for good: why, what was tried before, and the way back into their queue.
import { html, sheet, useState } from '../lib.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Badge, Button, Empty } from '../kit/parts.js';
import { When } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { act, actOnChosen, words } from './jobs/acts.js';
import { Bulk } from './jobs/bulk.js';
import { JobDrawer } from './jobs/drawer.js';
import { Period, usePeriod } from './jobs/period.js';
import { useJobs } from './jobs/source.js';

await sheet(new URL('./jobs.css', import.meta.url));

const FILTERS = ['error', 'model', 'provider', 'op', 'tag', 'key', 'q'];

export default function DeadLetters() {
  const [query, setQuery] = useQuery();
  const period = usePeriod('7d');
  const [turn, setTurn] = useState(0), [bulk, setBulk] = useState(false);
  const again = () => setTurn((n) => n + 1);
  const source = useJobs('/admin/dead-letters', period.query, { every: 10000, turn });
  const filter = Object.fromEntries([...FILTERS.map((name) => [name, query[name]]), ['from', period.query.from], ['to', period.query.to], ['style', 'queued,callback,direct']].filter(([, value]) => value));
  return html`<${Page} title="Dead letters" fill about="Stored jobs whose last run failed. They can be put back as they are for a week.">
    <div class="row wrap between"><${Period} of=${period} /><${Button} icon="refresh" onClick=${() => setBulk(true)}>Requeue all that match…<//></div>
    <${Grid} id="dead-letters" label="Dead letters" source=${source} rowKey="id" url fill pick at=${Number(query.job) || undefined} onOpen=${(row) => setQuery({ job: row.id })} columns=${columns(again)}
      actions=${(rows, clear) => html`<${Button} small icon="refresh" onClick=${() => actOnChosen('requeue', rows, () => (clear(), again()))}>Requeue<//><${Button} small icon="replay" onClick=${() => actOnChosen('replay', rows, () => (clear(), again()))}>Replay<//>`}
      empty=${html`<${Empty} icon="check" title="No dead letter in this time" action=${period.id !== 'all' && html`<${Button} onClick=${() => period.set('all')}>Look at all time<//>`}>A queued job that fails for good, after all its attempts, comes here.<//>`} />
    ${bulk && html`<${Bulk} action="requeue" filter=${filter} onClose=${() => setBulk(false)} onDone=${() => (setBulk(false), again())} />`}
    <${JobDrawer} id=${query.job} onClose=${() => setQuery({ job: '' })} done=${again} /><//>`;
}

const columns = (again) => [
  { key: 'id', title: 'Job', width: 132, render: (row) => html`<span class="num-id">${row.id}</span>` },
  { key: 'finished', title: 'Failed', width: 92, render: (row) => html`<${When} at=${row.finished ?? row.created} />`, csv: (row) => new Date((row.finished ?? row.created) * 1000).toISOString() },
  { key: 'error', title: 'Error', width: 136, filter: true, render: (row) => html`<span class="bad-text">${row.error}</span>` },
  { key: 'message', title: 'Message', width: 158, render: (row) => html`<span data-tip=${row.message}>${row.message}</span>` },
  { key: 'op', title: 'Operation', width: 116, filter: true, hidden: true, render: (row) => html`<span>${words(row.op)}</span>` },
  { key: 'model', title: 'Model', width: 114, filter: true }, { key: 'provider', title: 'Provider', width: 84, filter: true },
  { key: 'key', title: 'Key', width: 110, filter: true, hidden: true, render: (row) => html`<span>${row.key_name || row.key}</span>` }, { key: 'tag', title: 'Tag', width: 90, filter: true, hidden: true },
  { key: 'attempts', title: 'Attempts', width: 86, end: true },
  { key: 'history', title: 'Runs', width: 56, end: true, value: (row) => row.history.length, render: (row) => (row.history.length ? html`<span data-tip=${row.history.map((one) => `run ${one.run}: ${one.error ?? one.state}`).join('\n')}><${Badge} kind="warn">${row.history.length}<//></span>` : html`<span class="faint">none</span>`) },
  { key: 'can_requeue', title: '', width: 100, end: true, render: (row) => (row.can_requeue ? html`<${Button} small icon="refresh" onClick=${async () => (await act('requeue', row)) && again()}>Requeue<//>` : html`<span class="faint small" data-tip="Its record has lapsed">lapsed</span>`), csv: (row) => row.can_requeue },
];
