// @ts-check
// Everything this key has: what jobs made and what was uploaded, as pictures; a click opens the light box, `?file=` is the open one.
//
// What a newcomer would get wrong: the server lists files of all kinds by time; a kind is chosen here, so pages are fetched until
// there is enough of it to fill the window.
import { html, sheet, useEffect, useRef, useState } from '../lib.js';
import { get } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Files } from '../kit/files.js';
import { Icon } from '../kit/icons.js';
import { Page } from '../kit/layout.js';
import { fileMenu, kindOf, Lightbox, Player, Thumb } from '../kit/media.js';
import { measures } from '../kit/media/file.js';
import { keep } from '../kit/media/input.js';
import { Menu, toast } from '../kit/overlay.js';
import { Button, Empty, Failed, Progress } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { ago, group } from '../kit/time.js';
import { useQuery } from '../shell/router.js';

await sheet(new URL('../css/gallery.css', import.meta.url));

const PAGE = 100, FILL = 40;
const KINDS = [['', 'All'], ['image', 'Pictures'], ['video', 'Videos'], ['audio', 'Sound']];
const SEEN = new Set(['image', 'video', 'audio']);

export default function Gallery() {
  const [query, setQuery] = useQuery();
  const { kind = '', of = 'artifact', q = '', file = '' } = query;
  const list = useFiles(of, q, kind);
  const items = (list.items ?? []).filter((one) => !kind || kindOf(one) === kind);
  const at = items.findIndex((one) => one.id === file);
  const open = (item) => setQuery({ file: item?.id ?? '' });
  const gone = (item) => (open(null), list.drop(item));
  const dates = new Map();
  for (const one of items) dates.set(group(one.created), [...(dates.get(group(one.created)) ?? []), one]);
  return html`<${Page} title="Gallery" wide class="gallery" about="What your key has made and uploaded. Click to look closely; the menu has links, other sizes, and the pages that take it as input.">
    <div class="row wrap"><${Tabs} pills label="Kind" tabs=${KINDS} value=${kind} onChange=${(next) => setQuery({ kind: next })} />
      <select class="input short" aria-label="Where they come from" value=${of} onChange=${(e) => setQuery({ of: e.target.value })}>${[['artifact', 'Made by jobs'], ['upload', 'Uploaded'], ['all', 'Everything']].map(([value, text]) => html`<option value=${value} selected=${value === of}>${text}</option>`)}</select>
      <div class="within grow"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search by name" placeholder="Name begins with" value=${q} onInput=${(e) => setQuery({ q: e.target.value })} /></div></div>
    <${Drop} onDone=${() => (of === 'artifact' ? setQuery({ of: 'upload' }) : list.reload())} />
    ${list.error && html`<${Failed} error=${list.error} retry=${list.reload} />`}
    ${!list.items && !list.error && html`<ul class="tiles plain" role="status" aria-label="Loading">${Array.from({ length: 12 }, () => html`<li class="skeleton square"></li>`)}</ul>`}
    ${list.items && !items.length && !list.next && html`<${Nothing} narrow=${!!(kind || q)} onAll=${() => setQuery({ kind: '', q: '', of: 'all' })} />`}
    ${[...dates].map(([day, some]) => html`<section key=${day} class="col gap-3"><h2>${day}</h2><ul class="tiles plain">${some.map((item) => html`<${Tile} key=${item.id} item=${item} onOpen=${() => open(item)} onGone=${gone} />`)}</ul></section>`)}
    ${list.next && html`<${More} busy=${list.busy} onMore=${list.more} />`}
    ${items.length > 0 && html`<details class="small"><summary class="soft">The same from a program</summary><${Call} call=${{ method: 'GET', path: '/files', query: { purpose: of === 'all' ? '' : of, prefix: q, limit: PAGE } }} label="List files" /></details>`}
    <${Lightbox} items=${items} at=${at} onAt=${(next) => open(items[next])} onClose=${() => open(null)} onGone=${gone} /><//>`;
}

function Tile({ item, onOpen, onGone }) {
  const menu = html`<${Menu} small label=${`Actions of ${item.file_name}`} items=${fileMenu(item, { onGone })} />`;
  const told = html`<div class="caption small"><span class="cut" data-tip=${item.file_name}>${item.file_name}</span><span class="faint nowrap">${measures({ ...item, size: 0 }) || ago(item.created)}</span></div>`;
  if (kindOf(item) === 'audio') return html`<li class="tile sound"><${Thumb} item=${item} onOpen=${onOpen} label=${`Open ${item.file_name}`} /><span class="over">${menu}</span><${Player} item=${item} />${told}</li>`;
  return html`<li class="tile"><${Thumb} item=${item} onOpen=${onOpen} label=${`Open ${item.file_name}`} /><span class="over">${menu}</span>${told}</li>`;
}

function Nothing({ narrow, onAll }) {
  if (narrow) return html`<${Empty} icon="search" title="Nothing like that" action=${html`<${Button} onClick=${onAll}>Show everything<//>`}>No file fits the kind and the name.<//>`;
  return html`<${Empty} icon="images" title="Nothing made yet" action=${html`<div class="row"><${Button} primary icon="image" href="/ui/text-to-image">Make a picture<//><${Button} onClick=${onAll}>Show everything<//></div>`}>Pictures, sound and video that your jobs make gather here. You can also drop files on this page.<//>`;
}

/** Uploads what is dropped anywhere, pasted or chosen. */
function Drop({ onDone }) {
  const [going, setGoing] = useState(/** @type {any} */ (null));
  const take = async (files) => {
    try {
      for (const file of files) {
        setGoing({ name: file.name, part: 0 });
        await keep(file, { lasting: true, onProgress: (part) => setGoing({ name: file.name, part }) });
      }
      toast(files.length === 1 ? `“${files[0].name}” is uploaded` : `${files.length} files are uploaded`);
      onDone();
    } catch (error) {
      toast.error(error);
    } finally {
      setGoing(null);
    }
  };
  return going ? html`<div class="row"><span class="small cut">${going.name}</span><${Progress} value=${going.part} label="Upload" /></div>` : html`<${Files} label="New files" accept="image/*,audio/*,video/*" many everywhere paste value=${[]} onChange=${take} />`;
}

/** Loads on when it comes into view. */
function More({ busy, onMore }) {
  const ref = useRef(/** @type {any} */ (null)), now = useRef(onMore);
  now.current = onMore;
  useEffect(() => {
    const eye = new IntersectionObserver(([one]) => one.isIntersecting && now.current(), { rootMargin: '400px' });
    eye.observe(ref.current);
    return () => eye.disconnect();
  }, [busy]);
  return html`<div ref=${ref} class="row"><${Button} busy=${busy} onClick=${onMore}>Show more<//></div>`;
}

function useFiles(of, q, kind) {
  const [state, set] = useState(/** @type {any} */ ({ items: null, next: '', error: null, busy: false }));
  const [turn, setTurn] = useState(0), latest = useRef(0);
  const load = async (after, mine) => {
    set((old) => ({ ...old, busy: true }));
    try {
      let found = /** @type {any[]} */ ([]), next = after;
      do {
        const answer = await get('/files', { purpose: of === 'all' ? '' : of, prefix: q, limit: PAGE, after: next });
        found = [...found, ...answer.data.filter((one) => SEEN.has(kindOf(one)))];
        next = answer.has_more ? answer.last_id : '';
      } while (next && latest.current === mine && found.filter((one) => !kind || kindOf(one) === kind).length < FILL);
      if (latest.current === mine) set((old) => ({ items: after ? [...(old.items ?? []), ...found] : found, next, error: null, busy: false }));
    } catch (error) {
      if (latest.current === mine) set((old) => ({ ...old, error, busy: false }));
    }
  };
  useEffect(() => {
    const mine = ++latest.current;
    const timer = setTimeout(() => load('', mine), state.items ? 200 : 0);
    return () => clearTimeout(timer);
  }, [of, q, kind, turn]);
  return { ...state, more: () => !state.busy && load(state.next, latest.current), reload: () => setTurn((n) => n + 1), drop: (item) => set((old) => ({ ...old, items: old.items.filter((one) => one.id !== item.id) })) };
}
