// @ts-check
// The way in: an area to drop files on (anywhere on the page counts), how they are to be stored, and how far each has come.
import { html, useState } from '../../lib.js';
import { Files } from '../../kit/files.js';
import { Icon } from '../../kit/icons.js';
import { Call } from '../../kit/code.js';
import { Button, Notice, Progress } from '../../kit/parts.js';
import { pref } from '../../kit/store.js';
import { bytes } from '../../kit/time.js';
import { add, cancel, clear, forget, pause, resume, unfinished, uploads } from '../area/uploads.js';

const LIVES = [['', 'until I delete them'], ['1d', 'for a day'], ['7d', 'for 7 days'], ['30d', 'for 30 days'], ['365d', 'for a year']];

/** @param {{onCode: boolean}} props `onCode`: the call of a program is shown too */
export function Uploading({ onCode }) {
  const area = pref('files.area', 'private'), life = pref('files.life', '');
  const take = (files) => files.length && add(files, { area: area.value, expires: life.value });
  const choose = (signal) => (event) => (signal.value = event.target.value);
  return html`<section class="col gap-3" aria-label="Upload">
    <${Files} label="Files" many everywhere paste value=${[]} onChange=${take} />
    <div class="row wrap gap-4 small"><label class="row">Stored <select class="input short" aria-label="Area of new files" value=${area.value} onChange=${choose(area)}>
        <option value="private" selected=${area.value === 'private'}>privately</option><option value="public" selected=${area.value === 'public'}>publicly</option></select></label>
      <label class="row">kept <select class="input short" aria-label="How long new files are kept" value=${life.value} onChange=${choose(life)}>${LIVES.map(([value, text]) => html`<option value=${value} selected=${value === life.value}>${text}</option>`)}</select></label>
      <span class="faint">${area.value === 'public' ? 'Whoever knows a public file’s address may read it.' : 'No other key sees them.'}</span></div>
    <${Going} /><${Unfinished} />
    ${onCode && html`<${Call} label="Upload from a program" call=${{ path: '/files', form: { area: area.value, expires_after: life.value }, files: { file: 'photo.jpg' } }} />`}</section>`;
}

function Going() {
  const list = uploads.value;
  if (!list.length) return null;
  const done = list.filter((one) => one.state === 'done').length;
  return html`<div class="card uploads" role="region" aria-label="Uploads"><header class="row"><span class="strong grow" role="status">${done === list.length ? `${done} uploaded` : `${done} of ${list.length} uploaded`}</span>
      ${done > 0 && html`<${Button} small ghost onClick=${clear}>Clear the list<//>`}</header>
    <ul class="plain">${list.map((one) => html`<${Row} key=${one.id} one=${one} />`)}</ul></div>`;
}

const WORDS = { waiting: 'waits', paused: 'paused', done: 'done', failed: 'failed' };

function Row({ one }) {
  const share = one.size ? one.sent / one.size : 0;
  const acts = {
    sending: html`<${Button} small ghost icon="pause" label=${`Pause ${one.name}`} onClick=${() => pause(one.id)} />`,
    paused: html`<${Button} small icon="play" onClick=${() => resume(one.id)}>Go on<//>`,
    failed: html`<${Button} small icon="refresh" onClick=${() => resume(one.id)}>Try again<//>`,
  };
  return html`<li class="upload"><div class="row"><${Icon} name=${one.state === 'done' ? 'check' : one.state === 'failed' ? 'alert' : 'upload'} class=${{ done: 'ok-text', failed: 'bad-text' }[one.state] ?? 'faint'} /><span class="cut grow">${one.name}</span>
      <span class="small faint num nowrap">${WORDS[one.state] ?? `${Math.floor(share * 100)} %`} · ${bytes(one.size)}</span>${acts[one.state]}
      ${one.state !== 'done' && html`<${Button} small ghost icon="close" label=${`Stop ${one.name}`} onClick=${() => cancel(one.id)} />`}</div>
    ${one.state !== 'done' && one.state !== 'failed' && html`<${Progress} value=${share} label=${`Upload of ${one.name}`} />`}
    ${one.error && html`<span class="bad-text small" role="alert">${one.error.message}</span>`}</li>`;
}

/** Uploads that a closed tab left behind. */
function Unfinished() {
  const [, turn] = useState(0);
  const list = unfinished();
  if (!list.length) return null;
  return html`<div class="col">${list.map((one) => html`<${Notice} key=${one.name} title=${`“${one.name}” was not finished`} action=${html`<${Button} small ghost onClick=${() => (forget(one.name), turn((n) => n + 1))}>Forget it<//>`}>
    Choose the same file again (${bytes(one.size)}) and it goes on where it stopped.<//>`)}</div>`;
}
