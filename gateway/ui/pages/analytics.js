// @ts-check
// Who asks what, how much it costs, how fast it is and what fails: numbers of a time, beside those of the time before it.
import { html, sheet } from '../lib.js';
import { Call } from '../kit/code.js';
import { Page } from '../kit/layout.js';
import { Tabs } from '../kit/tabs.js';
import { useQuery } from '../shell/router.js';
import { Breakdown } from './analytics/breakdown.js';
import { Cache } from './analytics/cache.js';
import { Errors } from './analytics/errors.js';
import { Filters, useFilters } from './analytics/filters.js';
import { Idle } from './analytics/idle.js';
import { Overview } from './analytics/overview.js';
import { Speed } from './analytics/speed.js';
import { NARROWED, before } from './analytics/words.js';
import { Period, usePeriod } from './jobs/period.js';

await sheet(new URL('./analytics.css', import.meta.url));

/** id, title, component, the report a program asks for the same @type {[string, string, any, string][]} */
const VIEWS = [['overview', 'Overview', Overview, 'summary'], ['by', 'Breakdown', Breakdown, 'usage'], ['speed', 'Speed', Speed, 'latency'], ['errors', 'Errors', Errors, 'errors'], ['cache', 'Cache', Cache, 'cache'], ['idle', 'Idle', Idle, 'idle']];

export default function Analytics() {
  const period = usePeriod('30d'), filters = useFilters(NARROWED);
  const [query, setQuery] = useQuery();
  const [id, , View, name] = VIEWS.find(([one]) => one === query.view) ?? VIEWS[0];
  /** What each report of this page is asked. */
  const asked = { ...period.query, ...filters.values };
  const then = query.compare === 'no' ? null : before(period);
  const place = { period, filters: filters.values, asked, before: then && { ...filters.values, ...then } };
  return html`<${Page} title="Analytics" wide class="analytics" about="Who asks, what it costs, how fast it is and what fails. Days and months are those of UTC." actions=${html`<${Period} of=${period} />`}>
    <div class="row wrap between"><${Filters} of=${filters} />
      <label class="check small soft"><input type="checkbox" checked=${query.compare !== 'no'} disabled=${!period.from} onChange=${(e) => setQuery({ compare: e.target.checked ? '' : 'no' })} />Compare with the time before</label></div>
    <${Tabs} label="Analytics" tabs=${VIEWS.map(([one, title]) => [one, title])} value=${id} onChange=${(next) => setQuery({ view: next === 'overview' ? '' : next })}>
      <div class="col gap-4"><${View} ...${place} /></div><//>
    <details><summary class="small soft">The same from a program</summary><${Call} call=${{ method: 'GET', path: `/admin/reports/${name}`, query: { ...asked, ...(id === 'by' || id === 'speed' || id === 'cache' ? { by: query.by || 'model' } : {}) } }} /></details><//>`;
}
