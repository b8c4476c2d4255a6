// @ts-check
// A job over the list it was found in. Its address is `?job=`; the page of its own is /ui/jobs/{id}.
import { html } from '../../lib.js';
import { Button, Copy } from '../../kit/parts.js';
import { Drawer } from '../../kit/overlay.js';
import { Detail, useJob } from './detail.js';

/** @param {{id: string|undefined, onClose: () => void, live?: any, done?: () => void}} props */
export function JobDrawer({ id, onClose, live, done }) {
  if (!id) return null;
  return html`<${Open} key=${id} id=${id} onClose=${onClose} live=${live} done=${done} />`;
}

function Open({ id, onClose, live, done }) {
  const found = useJob(id);
  const row = live?.data && (live.data.jobs.find((one) => String(one.job) === id) ?? live.data.failed.find((one) => String(one.job) === id));
  return html`<${Drawer} wide onClose=${onClose} title=${`Job ${id}`} actions=${html`<${Copy} text=${id} label="Copy the id" small=${false} /><${Button} ghost icon="expand" label="Open as a page" href=${`/ui/jobs/${id}`} />`}>
    <${Detail} id=${id} found=${found} row=${row} now=${live?.now} done=${done} /><//>`;
}
