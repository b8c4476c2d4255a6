// @ts-check
// The history of a page that has no room for a column: a button in its head, and the threads in a drawer.
//
//   html`<${Past} group="transforms" at=${run} href=${(id) => `/ui/transforms?run=${id}`} fresh="/ui/transforms" noun="transform" />`
import { html, useState } from '../../lib.js';
import { Drawer } from '../../kit/overlay.js';
import { Button } from '../../kit/parts.js';
import { Threads } from '../../kit/threads.js';

export function Past(props) {
  const [open, setOpen] = useState(false);
  const close = (event) => event.target.closest('a[href]') && setOpen(false);
  return html`<${Button} icon="history" onClick=${() => setOpen(true)}>History<//>
    <${Drawer} open=${open} onClose=${() => setOpen(false)} title="History"><div class="history" onClick=${close}><${Threads} ...${props} /></div><//>`;
}
