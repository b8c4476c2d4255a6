// @ts-check
// One file: what it shows, what is known of it, a link for others, its variants, and the way out.
import { html, useState } from '../../lib.js';
import { del, post } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Icon } from '../../kit/icons.js';
import { fileMenu, place } from '../../kit/media.js';
import { confirm, Drawer, Menu, toast } from '../../kit/overlay.js';
import { Badge, Button, Copy, Facts, Failed } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';
import { bytes, exact, seconds, When } from '../../kit/time.js';
import { content, kindOf } from '../area/kinds.js';
import { Show } from '../area/show.js';
import { Variants } from './variants.js';

/** @param {{file: any, error?: any, tab: string, onTab: (tab: string) => void, onClose: () => void, onGone: (ids: string[]) => void, step: (by: number) => void}} props */
export function Detail({ file, error, tab, onTab, onClose, onGone, step }) {
  const sized = file && ['image', 'video', 'audio'].includes(kindOf(file));
  const tabs = [['about', 'Preview'], ['link', 'Link'], ...(sized && place(file.url) ? [['variants', 'Variants']] : []), ['code', 'From a program']];
  const gone = () => (onGone([file.id]), onClose());
  const skip = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && !event.target.closest('input,select,textarea,video,audio,[role=tablist],.player')) (event.preventDefault(), step(by));
  };
  return html`<${Drawer} wide open onClose=${onClose} title=${file?.file_name ?? 'A file'} actions=${file && html`<${Button} icon="download" label="Download" href=${content(file, true)} download=${file.file_name} />
      <${Button} icon="trash" danger label="Delete" onClick=${() => remove([file], gone)} /><${Menu} label="More" items=${fileMenu(file)} />`}>
    ${error ? html`<${Failed} error=${error} />` : file && html`<div onKeyDown=${skip}><${Tabs} label="File" tabs=${tabs} value=${tab} onChange=${onTab}>
      ${tab === 'link' ? html`<${Link} file=${file} key=${file.id} />` : tab === 'variants' ? html`<${Variants} file=${file} key=${file.id} />` : tab === 'code' ? html`<${Program} file=${file} />` : html`<${About} file=${file} />`}<//></div>`}<//>`;
}

function About({ file }) {
  const address = place(file.url) && new URL(file.url, location.origin).href;
  return html`<div class="col gap-6"><${Show} file=${file} key=${file.id} />
    <${Facts} of=${[
      ['Kind', file.content_type],
      ['Size', html`<span>${bytes(file.size)} <span class="faint">(${file.size.toLocaleString('en')} bytes)</span></span>`],
      ['Pixels', file.width && `${file.width} × ${file.height}`],
      ['Length', file.seconds && seconds(file.seconds)],
      ['Area', html`<${Badge} kind=${file.area === 'public' ? 'warn' : ''}>${file.area}<//>`],
      ['Purpose', file.purpose],
      ['Stored', html`<${When} at=${file.created} />`],
      ['Lapses', file.expires ? exact(file.expires) : 'never'],
      ['Made by', file.job && html`<a href=${`/ui/jobs/${file.job}`}>job ${file.job}</a>`],
      ['Id', html`<span class="row"><code>${file.id}</code><${Copy} text=${file.id} label="Copy the id" /></span>`],
      ['Address', address && html`<span class="row"><code class="cut">${address}</code><${Copy} text=${address} label="Copy the address" /></span>`],
      ['SHA-256', html`<code>${file.sha256}</code>`],
    ]} /></div>`;
}

const SPANS = [[600, '10 minutes'], [3600, '1 hour'], [86400, '1 day'], [604800, '7 days'], [2592000, '30 days'], [31536000, 'a year']];

/** An address that anyone may read for a while. */
function Link({ file }) {
  const [span, setSpan] = useState(3600), [save, setSave] = useState(false), [made, setMade] = useState(/** @type {any} */ (null));
  const body = { expires_in: span, download: save };
  const make = async () => setMade(await post(`/files/${file.id}/link`, body));
  const url = made && new URL(made.url, location.origin).href;
  return html`<div class="col gap-4"><p class="soft">${file.area === 'public' ? 'This file is public: its address can be read without a link. A link can end, and can make a browser save the file.' : 'Whoever has the link may read this file, and nothing else, without a key. It can’t be taken back before it ends, but it ends with the file.'}</p>
    <div class="row wrap gap-4"><label class="row">Good for <select class="input short" value=${span} onChange=${(e) => (setSpan(Number(e.target.value)), setMade(null))}>${SPANS.map(([value, text]) => html`<option value=${value} selected=${value === span}>${text}</option>`)}</select></label>
      <label class="check"><input type="checkbox" checked=${save} onChange=${(e) => (setSave(e.target.checked), setMade(null))} /><span>Save it instead of showing it</span></label>
      <${Button} primary icon="link" onClick=${make}>Make the link<//></div>
    ${url && html`<div class="col gap-1"><div class="row"><input class="input mono" readonly aria-label="Link" value=${url} onFocus=${(e) => e.target.select()} /><${Copy} text=${url} small=${false} label="Copy the link" /><${Button} icon="external" label="Open" href=${url} target="_blank" rel="noopener" /></div>
      <p class="small faint">Ends <span class="num">${exact(made.expires)}</span>.</p></div>`}
    <${Call} call=${{ path: `/files/${file.id}/link`, body }} /></div>`;
}

function Program({ file }) {
  return html`<div class="col gap-4"><h3>What is known of it</h3><${Call} label="What is known of it" call=${{ method: 'GET', path: `/files/${file.id}` }} />
    <h3>Its bytes</h3><${Call} label="Its bytes" call=${{ method: 'GET', path: content(file), save: file.file_name }} /><h3>Delete it</h3><${Call} label="Delete it" call=${{ method: 'DELETE', path: `/files/${file.id}` }} />
    <p class="small faint row"><${Icon} name="info" size="14" />In other calls the file is named by its id, wherever one takes a file.</p></div>`;
}

/** Ask, delete, tell. @param {any[]} files @param {(ids: string[]) => void} onGone */
export async function remove(files, onGone) {
  const one = files.length === 1, what = one ? `“${files[0].file_name}”` : `${files.length} files`;
  const names = files.slice(0, 5).map((file) => file.file_name).join(', ');
  if (!(await confirm({ title: `Delete ${what}?`, text: one ? 'The file is gone for good, with its links and variants.' : `${names}${files.length > 5 ? ' …' : ''} are gone for good, with their links and variants.`, action: 'Delete', danger: true }))) return;
  const ids = files.map((file) => file.id), gone = [];
  if (one) {
    await del(`/files/${ids[0]}`).catch((error) => error.status !== 404 && Promise.reject(error));
    gone.push(ids[0]);
  } else {
    for (let at = 0; at < ids.length; at += 1000) {
      const told = await post('/files/delete', { ids: ids.slice(at, at + 1000) });
      gone.push(...told.deleted, ...told.missing);
      if (told.failed.length) toast(`${told.failed.length} could not be deleted: ${told.failed[0].message}`, { kind: 'bad' });
    }
  }
  onGone(gone);
  toast(one ? `${what} is deleted` : `${gone.length} files are deleted`);
}
