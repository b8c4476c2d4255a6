// @ts-check
// System prompts: the library (own, shared, built-in) and a generator that has a model write one.
// `/prompts/ID` opens one, `/prompts/new` makes one, `?tab=make` is the generator; `?q=` and `?of=` are the filters.
import { html, sheet, useEffect, useRef } from '../lib.js';
import { Icon } from '../kit/icons.js';
import { useKeys } from '../kit/keys.js';
import { Page, Split } from '../kit/layout.js';
import { Badge, Button, Empty, Loaded } from '../kit/parts.js';
import { Tabs } from '../kit/tabs.js';
import { go, useQuery } from '../shell/router.js';
import { Detail, Editor } from './prompts/detail.js';
import { Generator } from './prompts/generator.js';
import { sort, SORTS, usePrompts } from './prompts/library.js';

await sheet(new URL('../css/prompts.css', import.meta.url));

export default function Prompts({ params }) {
  const [query, setQuery] = useQuery();
  const tab = query.tab === 'make' ? 'make' : 'library', id = params.id ?? '';
  const make = () => go('/ui/prompts/new');
  useKeys({ n: ['New prompt', make] }, 'Prompts');
  return html`<${Page} title="Prompts" fill class="prompts" about="What a model is told before a talk begins. Keep yours here, or have one written."
      actions=${html`<${Button} primary icon="plus" onClick=${make}>New prompt<//>`}>
    <${Tabs} label="Prompts" tabs=${[['library', 'Library'], ['make', 'Generator']]} value=${tab} onChange=${(next) => (id ? go('/ui/prompts', { tab: next === 'make' ? 'make' : '' }) : setQuery({ tab: next === 'make' ? 'make' : '' }))} />
    ${tab === 'make' ? html`<div class="scroll"><${Generator} /></div>` : html`<${Library} id=${id} query=${query} setQuery=${setQuery} />`}<//>`;
}

function Library({ id, query, setQuery }) {
  const prompts = usePrompts();
  const all = prompts.data?.data ?? [];
  const found = all.filter((one) => (!query.of || sort(one) === query.of) && `${one.title} ${one.about}`.toLowerCase().includes((query.q ?? '').toLowerCase()));
  const counts = Object.keys(SORTS).map((name) => [name, SORTS[name], all.filter((one) => sort(one) === name).length || undefined]);
  const chosen = all.find((one) => String(one.id) === id);
  const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  const list = html`<div class="filters col"><div class="within"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search prompts" placeholder="Search" value=${query.q ?? ''} onInput=${(e) => setQuery({ q: e.target.value })} /></div>
      <${Tabs} pills label="Whose" tabs=${[['', 'All'], ...counts]} value=${query.of ?? ''} onChange=${(of) => setQuery({ of })} /></div>
    <div class="items"><${Loaded} of=${prompts} lines=${8}>${() => html`<${Items} found=${found} id=${id} said=${said} query=${query} setQuery=${setQuery} />`}<//></div>`;
  const detail = id === 'new' ? html`<${Editor} key="new" onDone=${(one) => go(`/ui/prompts/${one.id}`)} onCancel=${() => go('/ui/prompts')} />`
    : id ? html`<${Detail} key=${id} id=${id} head=${chosen} />` : null;
  return html`<div class="library"><${Split} label="Prompts" list=${list} detail=${detail ?? html`<${Nothing} />`} /></div>`;
}

function Nothing() {
  return html`<div class="nothing"><${Empty} icon="book" title="Choose a prompt" action=${html`<div class="row"><${Button} href="/ui/prompts/new" icon="plus">Write one<//><${Button} href="/ui/prompts?tab=make" icon="wand">Have one written<//></div>`}>Read it, use it in a chat, or make it your own.<//></div>`;
}

function Items({ found, id, said, query, setQuery }) {
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => box.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest' }), [id]);
  if (!found.length) {
    return query.of === 'own' && !query.q ? html`<${Empty} icon="book" title="None of yours yet">Write one, or make a copy of another.<//>`
      : html`<${Empty} icon="search" title="Nothing found" action=${html`<${Button} small onClick=${() => setQuery({ q: '', of: '' })}>Show all<//>`}>No prompt has these words.<//>`;
  }
  const arrows = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const links = [...box.current.querySelectorAll('a')];
    links[links.indexOf(document.activeElement) + step]?.focus();
  };
  return html`<div ref=${box} onKeyDown=${arrows}>${found.map((one) => html`<a class="item" key=${one.id} href=${`/ui/prompts/${one.id}${said ? `?${said}` : ''}`} aria-current=${String(one.id) === id ? 'true' : null}>
    <span class="row"><span class="strong cut grow">${one.title}</span>${sort(one) !== 'built_in' && html`<${Badge} kind=${one.own ? 'accent' : 'info'}>${one.own && one.shared ? 'Yours, shared' : SORTS[sort(one)]}<//>`}</span>
    <span class="about small soft">${one.about}</span></a>`)}</div>`;
}
