// @ts-check
// The files of this key: bring some in, find, look, hand out links, make variants, delete.
import { cx, html, sheet, useEffect, useState } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { Icon } from '../kit/icons.js';
import { useKeys } from '../kit/keys.js';
import { Page } from '../kit/layout.js';
import { fileMenu, Thumb } from '../kit/media.js';
import { Menu } from '../kit/overlay.js';
import { Badge, Button, Empty, Failed, Progress, Skeleton } from '../kit/parts.js';
import { pref } from '../kit/store.js';
import { Tabs } from '../kit/tabs.js';
import { bytes, count, exact, seconds, When } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { KINDS, kindOf, PURPOSES } from './area/kinds.js';
import { arrived } from './area/uploads.js';
import { Detail, remove } from './files/detail.js';
import { useFiles } from './files/list.js';
import { Uploading } from './files/uploading.js';

await sheet(new URL('./files/files.css', import.meta.url));

const AT_A_TIME = 120;

export default function FilesPage() {
  const [query, setQuery] = useQuery();
  const list = useFiles(query), look = pref('files.look', 'tiles');
  const [code, setCode] = useState(false), [picked, setPicked] = useState(/** @type {string[]} */ ([]));
  const one = useApi(query.file && list.rows && !list.rows.some((row) => row.id === query.file) ? `/files/${encodeURIComponent(query.file)}` : null);
  const open = (row) => setQuery({ file: row.id });
  const file = query.file ? list.rows?.find((row) => row.id === query.file) ?? (one.data?.id === query.file ? one.data : null) : null;
  const step = (by) => {
    const at = list.rows.findIndex((row) => row.id === query.file), next = list.rows[at + by];
    if (at >= 0 && next) open(next);
  };
  const gone = (ids) => (list.gone(ids), setPicked((old) => old.filter((id) => !ids.includes(id))), arrived.value++);
  const chosen = (list.rows ?? []).filter((row) => picked.includes(row.id));
  const toggle = (row) => setPicked((old) => (old.includes(row.id) ? old.filter((id) => id !== row.id) : [...old, row.id]));
  const narrowed = query.q || query.kind || query.purpose || query.area;
  useEffect(() => setPicked([]), [query.q, query.kind, query.purpose, query.area]);
  useKeys({ u: ['Choose files to upload', () => /** @type {any} */ (document.querySelector('.page input[type=file]'))?.click()] }, 'Files');
  const none = narrowed ? html`<${Empty} icon="search" title=${list.looking ? 'Looking …' : 'Nothing matches'} action=${html`<${Button} small onClick=${() => setQuery({ q: '', kind: '', purpose: '', area: '' })}>Clear search and filters<//>`} />`
    : html`<${Empty} icon="folder" title="No files yet">Drop some anywhere on this page. What jobs make is kept here too.<//>`;
  return html`<${Page} title="Files" wide about="What you store, and what jobs make for you. Programs name a file by its id." actions=${html`<${Quota} /><${Button} icon="code" on=${code} onClick=${() => setCode(!code)}>From a program<//>`}>
    <${Uploading} onCode=${code} />
    <${Bar} query=${query} setQuery=${setQuery} look=${look} list=${list} />
    ${chosen.length > 0 && look.value === 'tiles' && html`<div class="row wrap" role="region" aria-label="Chosen files"><span class="strong num">${chosen.length} chosen</span><${Button} small danger icon="trash" onClick=${() => remove(chosen, gone)}>Delete …<//><${Button} small ghost onClick=${() => setPicked([])}>Choose none<//></div>`}
    ${list.error && html`<${Failed} error=${list.error} retry=${list.reload} />`}
    ${look.value === 'list' ? html`<${Rows} list=${list} open=${open} gone=${gone} at=${query.file} none=${none} />`
      : !list.rows ? !list.error && html`<${Skeleton} lines=${6} />` : !list.rows.length ? none : html`<${Tiles} rows=${list.rows} open=${open} picked=${picked} toggle=${toggle} gone=${gone} />`}
    ${list.more && !list.looking && html`<div class="row"><${Button} busy=${list.busy} onClick=${list.older}>Show older<//></div>`}
    ${query.file && (file || one.error) && html`<${Detail} file=${file} error=${one.error} tab=${query.tab || 'about'} onTab=${(tab) => setQuery({ tab: tab === 'about' ? '' : tab })} onClose=${() => setQuery({ file: '', tab: '' })} onGone=${gone} step=${step} />`}<//>`;
}

/** How much of the key's room is taken. */
function Quota() {
  const turn = arrived.value;
  const told = useApi('/me', { query: {}, deps: [turn] });
  const { used_bytes: used, limit_bytes: limit, files } = told.data?.storage ?? {};
  if (used === undefined) return null;
  const share = limit ? used / limit : 0;
  return html`<div class="quota col gap-1" aria-label="Storage"><span class="small soft num">${bytes(used)}${limit ? ` of ${bytes(limit)}` : ' stored'} · ${count(files)} ${files === 1 ? 'file' : 'files'}</span>
    ${limit ? html`<${Progress} value=${share} kind=${share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : ''} label="Storage used" />` : null}</div>`;
}

function Bar({ query, setQuery, look, list }) {
  const [typed, setTyped] = useState(query.q ?? '');
  useEffect(() => {
    const timer = setTimeout(() => typed !== (query.q ?? '') && setQuery({ q: typed }), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => setTyped(query.q ?? ''), [query.q]);
  const choose = (name, label, all, options) => html`<select class="input" aria-label=${label} value=${query[name] ?? ''} onChange=${(e) => setQuery({ [name]: e.target.value })}>
    <option value="">${all}</option>${options.map(([value, text]) => html`<option value=${value} selected=${query[name] === value}>${text}</option>`)}</select>`;
  return html`<div class="file-bar" role="search"><div class="within"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search files" placeholder="Search names" value=${typed} onInput=${(e) => setTyped(e.target.value)} /></div>
    ${choose('kind', 'Kind', 'All kinds', KINDS)}${choose('purpose', 'Purpose', 'All purposes', PURPOSES)}${choose('area', 'Area', 'Both areas', [['private', 'Private'], ['public', 'Public']])}
    <span class="grow small faint num" role="status">${list.rows ? `${count(list.rows.length)}${list.more ? '+' : ''} ${list.rows.length === 1 && !list.more ? 'file' : 'files'}` : ''}</span>
    <${Tabs} pills label="Look" tabs=${[['tiles', 'Tiles'], ['list', 'List']]} value=${look.value} onChange=${(id) => (look.value = id)} /></div>`;
}

const note = (file) => [bytes(file.size), file.width && `${file.width} × ${file.height}`, file.seconds && seconds(file.seconds)].filter(Boolean).join(' · ');

function Tiles({ rows, open, picked, toggle, gone }) {
  const [most, setMost] = useState(AT_A_TIME);
  const keys = (event) => {
    const all = [...event.currentTarget.querySelectorAll('button.thumb')], at = all.indexOf(event.target);
    if (at < 0) return;
    const wide = all.filter((one) => one.offsetTop + one.parentElement.offsetTop === all[0].offsetTop + all[0].parentElement.offsetTop).length || 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + wide, ArrowUp: at - wide, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) (event.preventDefault(), all[Math.max(0, Math.min(all.length - 1, to))]?.focus());
    else if (event.key === 'Delete') (event.preventDefault(), remove([rows[at]], gone));
    else if (event.key === 'x') (event.preventDefault(), toggle(rows[at]));
  };
  return html`<ul class=${cx('file-tiles', { picking: picked.length })} aria-label="Files" onKeyDown=${keys}>${rows.slice(0, most).map((file) => html`<li key=${file.id} class=${cx('file-tile', { picked: picked.includes(file.id) })}>
      <input class="tick" type="checkbox" aria-label=${`Choose ${file.file_name}`} checked=${picked.includes(file.id)} onChange=${() => toggle(file)} />
      <${Thumb} item=${file} width=${320} label=${`Open ${file.file_name}`} onOpen=${() => open(file)} />
      <div class="row"><span class="cut strong small grow" data-tip=${file.file_name}>${file.file_name}</span>${file.area === 'public' && html`<${Icon} name="globe" size="13" label="Public" class="faint" />`}<${Menu} small label=${`Actions of ${file.file_name}`} items=${[...fileMenu(file), '-', { label: 'Delete', icon: 'trash', danger: true, onSelect: () => remove([file], gone) }]} /></div>
      <span class="faint small cut">${note(file)} · <${When} at=${file.created} /></span></li>`)}</ul>
    ${rows.length > most && html`<div class="row"><${Button} onClick=${() => setMost(most + AT_A_TIME)}>Show more<//></div>`}`;
}

function Rows({ list, open, gone, at, none }) {
  return html`<${Grid} id="files" label="Files" rows=${list.rows} loading=${!list.rows && !list.error} rowKey="id" search=${false} pick at=${at} onOpen=${open} most=${640}
    actions=${(rows, clear) => html`<${Button} small danger icon="trash" onClick=${() => remove(rows, (ids) => (gone(ids), clear()))}>Delete …<//>`} empty=${none} columns=${[
      { key: 'file_name', title: 'Name', width: 280, render: (row) => html`<span class="small-thumb"><${Thumb} item=${row} width=${64} /></span><span class="cut strong">${row.file_name}</span>` },
      { key: 'kind', title: 'Kind', width: 150, value: kindOf, render: (row) => html`<span>${row.content_type}</span>` },
      { key: 'size', title: 'Size', width: 90, end: true, render: (row) => html`<span>${bytes(row.size)}</span>` },
      { key: 'pixels', title: 'Pixels', width: 110, end: true, value: (row) => (row.width ? row.width * row.height : null), render: (row) => html`<span>${row.width ? `${row.width} × ${row.height}` : ''}</span>`, csv: (row) => row.width && `${row.width}x${row.height}` },
      { key: 'area', title: 'Area', width: 90, render: (row) => html`<${Badge} kind=${row.area === 'public' ? 'warn' : ''}>${row.area}<//>` },
      { key: 'purpose', title: 'Purpose', width: 110 },
      { key: 'created', title: 'Stored', width: 120, render: (row) => html`<${When} at=${row.created} />` },
      { key: 'expires', title: 'Lapses', width: 150, hidden: true, render: (row) => html`<span>${row.expires ? exact(row.expires) : 'never'}</span>` },
      { key: 'id', title: 'Id', width: 190, mono: true, hidden: true },
    ]} />`;
}
