// @ts-check
// One job on a page of its own, for a link that one can send.
import { html, sheet } from '../lib.js';
import { Page } from '../kit/layout.js';
import { Copy } from '../kit/parts.js';
import { Detail, useJob } from './jobs/detail.js';
import { useLive } from './live/feed.js';

await sheet(new URL('./jobs.css', import.meta.url));

export default function Job({ params }) {
  const found = useJob(params.id);
  const open = !found.job?.finished;
  return html`<${Page} title=${`Job ${params.id}`} crumbs=${[['Jobs', '/ui/jobs']]} actions=${html`<${Copy} text=${params.id} label="Copy the id" small=${false} />`}>
    ${open ? html`<${Followed} id=${params.id} found=${found} />` : html`<${Detail} id=${params.id} found=${found} />`}<//>`;
}

/** While it runs the live feed tells of it too. */
function Followed({ id, found }) {
  const live = useLive();
  const row = live.data?.jobs.find((one) => String(one.job) === id) ?? live.data?.failed.find((one) => String(one.job) === id);
  return html`<${Detail} id=${id} found=${found} row=${row} now=${live.now} />`;
}
