// @ts-check
// What one can do with a file, as the entries of a menu: save, open, link, sizes, use as input of a feature, pin as icon, delete.
//
// What a newcomer would get wrong: "Pin as icon" is there only for what a thread made (kit/threads.js); which one is asked when it is chosen.
import { html, useState } from '../../lib.js';
import { del, post } from '../api.js';
import { confirm, Dialog, shown, toast } from '../overlay.js';
import { Button, Copy } from '../parts.js';
import { pinThread } from '../threads.js';
import { exact } from '../time.js';
import { go, match } from '../../shell/router.js';
import { download, kindOf, place, variant } from './file.js';
import { originOf } from './origin.js';

/** Pages that take a file, by its kind: [title, path, the query's name]. A page adds a line; those that do not exist are left out. @type {Record<string, [string, string, string][]>} */
const USES = {
  image: [['Image to image', '/image-to-image', 'image'], ['Inpaint', '/inpaint', 'image'], ['Upscale', '/upscale', 'image'], ['Image to text', '/image-to-text', 'image'],
    ['Image to video', '/image-to-video', 'image'], ['Transforms', '/transforms', 'file']],
  audio: [['Speech to text', '/speech-to-text', 'audio'], ['Transforms', '/transforms', 'file']],
  video: [['Transforms', '/transforms', 'file']],
};

/**
 * @param {any} item
 * @param {{more?: any[], onGone?: (item: any) => void, thread?: {group: string, id: any, title: string}}} [how] `thread`: the one that made it, where it is known
 */
export function fileMenu(item, { more = [], onGone, thread } = {}) {
  const kind = kindOf(item);
  const uses = (USES[kind] ?? []).filter(([, path]) => match(path));
  return [
    { label: 'Download', icon: 'download', onSelect: () => download(item) },
    { label: 'Open in a new tab', icon: 'external', onSelect: () => open(place(item.url), '_blank', 'noopener') },
    item.id && { label: 'Link for others …', icon: 'link', onSelect: () => shown((done) => html`<${Link} item=${item} done=${done} />`) },
    (kind === 'image' || kind === 'video') && { label: 'Other sizes …', icon: 'expand', onSelect: () => shown((done) => html`<${Sizes} item=${item} done=${done} />`) },
    ...more,
    uses.length && item.id && '-',
    ...(item.id ? uses.map(([title, path, name]) => ({ label: title, icon: 'arrow', more: 'use as input', onSelect: () => go(`/ui${path}`, { [name]: item.id }) })) : []),
    kind === 'image' && (thread || item.job) && '-',
    kind === 'image' && (thread || item.job) && { label: 'Pin as icon of its thread', icon: 'pin', onSelect: () => pin(item, thread).catch(toast.error) },
    item.id && onGone && '-',
    item.id && onGone && { label: 'Delete', icon: 'trash', danger: true, onSelect: () => remove(item, onGone).catch(toast.error) },
  ].filter(Boolean);
}

/** Ask, delete, tell. @param {any} item @param {(item: any) => void} onGone */
async function remove(item, onGone) {
  const name = item.file_name || item.id;
  if (!(await confirm({ title: `Delete “${name}”?`, text: 'The file is gone for good, with all its sizes and links.', action: 'Delete', danger: true }))) return;
  await del(`/files/${item.id}`).catch((error) => {
    if (error.status !== 404) throw error;
  });
  onGone(item);
  toast(`“${name}” is deleted`);
}

async function pin(item, known) {
  const thread = known ?? (await originOf(item))?.thread;
  if (!thread) return toast('The thread that made this is gone.', { kind: 'bad' });
  await pinThread(thread.group, thread, variant(item.url, { width: 64, height: 64, fit: 'cover', format: 'webp' }));
  toast(`Pinned as the icon of “${thread.title}”`);
}

const SPANS = [[600, '10 minutes'], [3600, '1 hour'], [86400, '1 day'], [604800, '7 days']];

function Link({ item, done }) {
  const [span, setSpan] = useState(3600), [save, setSave] = useState(false), [made, setMade] = useState(/** @type {any} */ (null));
  const make = async () => setMade(await post(`/files/${item.id}/link`, { expires_in: span, download: save }));
  const url = made && new URL(made.url, location.origin).href;
  return html`<${Dialog} title="A link for others" onClose=${done} footer=${html`<${Button} onClick=${() => done()}>Close<//><${Button} primary icon="link" onClick=${make}>Make the link<//>`}>
    <div class="col gap-4"><p class="soft">Whoever has it may read “${item.file_name}” without a key, until it ends.</p>
      <div class="row wrap gap-4"><label class="field">Good for<select class="input" value=${span} onChange=${(e) => (setSpan(Number(e.target.value)), setMade(null))}>${SPANS.map(([value, text]) => html`<option value=${value} selected=${value === span}>${text}</option>`)}</select></label>
        <label class="check"><input type="checkbox" checked=${save} onChange=${(e) => (setSave(e.target.checked), setMade(null))} /><span>Save it instead of showing it</span></label></div>
      ${url && html`<div class="row"><input class="input mono" readonly aria-label="Link" value=${url} onFocus=${(e) => e.target.select()} /><${Copy} text=${url} small=${false} /></div>
        <p class="small faint">Ends ${exact(made.expires)}.</p>`}</div><//>`;
}

function Sizes({ item, done }) {
  const [width, setWidth] = useState(640), [format, setFormat] = useState('webp');
  const path = variant(item.url, { width, format });
  const url = location.origin + path;
  return html`<${Dialog} title="Other sizes" onClose=${done} footer=${html`<${Button} onClick=${() => done()}>Close<//><${Button} primary icon="external" href=${path} target="_blank">Open<//>`}>
    <div class="col gap-4"><p class="soft">The server makes any size when it is first asked for, and keeps it for the next who asks${kindOf(item) === 'video' ? '; of a video, a frame' : ''}.</p>
      <div class="row wrap gap-4"><label class="field">Width<input class="input num" type="number" min="1" max="4096" value=${width} onInput=${(e) => setWidth(Math.min(4096, Math.max(1, Number(e.target.value) || 1)))} /></label>
        <label class="field">Format<select class="input" value=${format} onChange=${(e) => setFormat(e.target.value)}>${['webp', 'avif', 'jpeg', 'png', 'auto'].map((one) => html`<option value=${one} selected=${one === format}>${one}</option>`)}</select></label></div>
      <div class="row"><input class="input mono" readonly aria-label="Address" value=${url} onFocus=${(e) => e.target.select()} /><${Copy} text=${url} small=${false} /></div>
      <img class="sample" src=${path} alt=${`${width} wide`} /></div><//>`;
}
