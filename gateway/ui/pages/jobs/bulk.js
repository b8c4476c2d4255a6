// @ts-check
// The same done to all jobs that match the filter: first how many that are, then, after a look at the number, done.
import { html, useEffect, useState } from '../../lib.js';
import { post } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Dialog } from '../../kit/overlay.js';
import { Button, Failed, Notice, Skeleton } from '../../kit/parts.js';
import { count } from '../../kit/time.js';
import { ACTS, said } from './acts.js';

const MOST = 10000;

/** @param {{action: string, filter: Record<string, string>, onClose: () => void, onDone: () => void}} props */
export function Bulk({ action, filter, onClose, onDone }) {
  const what = ACTS[action];
  const [dry, setDry] = useState(/** @type {any} */ (null)), [error, setError] = useState(/** @type {any} */ (null)), [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setError(null);
    post(`/admin/jobs/${action}`, { filter, dry_run: true, most: MOST }, { signal: stop.signal }).then(setDry, (failed) => failed.name !== 'AbortError' && setError(failed));
    return () => stop.abort();
  }, [turn]);
  const run = async () => {
    said(action, await post(`/admin/jobs/${action}`, { filter, most: MOST }));
    onDone();
  };
  const many = dry && `${count(dry.matched)} ${dry.matched === 1 ? 'job' : 'jobs'}`;
  return html`<${Dialog} title=${`${what.label} all that match`} onClose=${onClose} footer=${html`<${Button} onClick=${onClose} autofocus>Close<//>
      <${Button} primary danger=${what.danger} icon=${what.icon} disabled=${!dry?.matched} onClick=${run}>${what.label}${dry?.matched ? ` ${many}` : ''}<//>`}>
    <div class="col gap-4"><p class="soft">${what.tip}. This means ${what.for} only, whatever else the filter finds.</p>
      <div class="row wrap" aria-label="Filter">${Object.entries(filter).map(([name, value]) => html`<span class="chip"><span class="faint">${name}</span> ${value} </span>`)}${!Object.keys(filter).length && html`<span class="faint">No filter</span>`}</div>
      ${error ? html`<${Failed} error=${error} retry=${() => setTurn(turn + 1)} />` : !dry ? html`<${Skeleton} lines=${2} />`
        : html`<${Notice} kind=${dry.matched ? (what.danger ? 'warn' : 'info') : 'ok'} title=${dry.matched ? `${dry.more ? 'At least ' : ''}${many} match` : 'No job matches'}>${dry.more ? `The first ${count(MOST)} are done now; say it again for the rest.` : dry.matched ? '' : `There are no ${what.for} in what you see.`}<//>`}
      <${Call} call=${{ path: `/admin/jobs/${action}`, body: { filter, dry_run: true } }} /></div><//>`;
}
