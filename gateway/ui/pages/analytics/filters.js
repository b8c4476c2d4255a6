// @ts-check
// Filters as chips, kept in the address: `?model=…&key=…`. The choices are what there really is, asked of the reports.
//
//   const filters = useFilters(LOGGED);      filters.values   { model: 'm' }
//   html`<${Filters} of=${filters} />`
import { html, useEffect, useRef, useState } from '../../lib.js';
import { Combo } from '../../kit/combo.js';
import { Icon } from '../../kit/icons.js';
import { Menu } from '../../kit/overlay.js';
import { Button } from '../../kit/parts.js';
import { count } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { NAMES, byWord, nameOf, shownAs } from './words.js';

/** @param {string[]} names */
export function useFilters(names) {
  const [query, setQuery] = useQuery();
  const values = Object.fromEntries(names.filter((name) => query[name]).map((name) => [name, query[name]]));
  return {
    names, values, stamp: JSON.stringify(values),
    set: (name, value) => setQuery({ [name]: value }),
    clear: () => setQuery(Object.fromEntries(names.map((name) => [name, '']))),
  };
}

/** What keys are called, by id. */
const called = new Map();

async function choices(name) {
  if (name === 'ref') return [];
  const { rows } = await byWord(name, { limit: 500 });
  if (name === 'key') rows.forEach((row) => row.key_name && called.set(row.key, row.key_name));
  return rows.filter((row) => row[name] !== '' && row[name] !== null).map((row) => ({ value: String(row[name]), label: nameOf(name, row), more: count(row.requests) }));
}

/** @param {{of: ReturnType<typeof useFilters>}} props */
export function Filters({ of }) {
  const [adding, setAdding] = useState('');
  const [, turn] = useState(0);
  useEffect(() => {
    if (of.values.key && !called.has(of.values.key)) choices('key').then(() => turn((n) => n + 1), () => {});
  }, [of.values.key]);
  const free = of.names.filter((name) => !of.values[name]);
  return html`<div class="row wrap filters" role="group" aria-label="Filters">
    ${Object.entries(of.values).map(([name, value]) => html`<span class="chip" key=${name}><span class="faint">${NAMES[name]}</span><span class="cut">${name === 'key' ? called.get(value) ?? value : shownAs(name, value)}</span>
      <button type="button" aria-label=${`Remove the filter ${NAMES[name]}`} onClick=${() => of.set(name, '')}><${Icon} name="close" size="12" /></button></span>`)}
    ${adding && html`<${Adding} key=${adding} name=${adding} done=${(value) => (setAdding(''), value && of.set(adding, value))} />`}
    ${!adding && free.length > 0 && html`<${Menu} label="Add a filter" small end=${false} button=${html`<${Icon} name="filter" size="14" />Filter`} items=${free.map((name) => ({ label: NAMES[name], onSelect: () => setAdding(name) }))} />`}
    ${Object.keys(of.values).length > 1 && html`<${Button} small ghost icon="close" onClick=${of.clear}>Clear<//>`}</div>`;
}

function Adding({ name, done }) {
  const box = useRef(/** @type {any} */ (null));
  const [options, setOptions] = useState(/** @type {any[]} */ ([]));
  useEffect(() => {
    choices(name).then(setOptions, () => {});
    const timer = setTimeout(() => box.current?.querySelector('input')?.focus(), 30);
    return () => clearTimeout(timer);
  }, []);
  return html`<span ref=${box} class="adding row" onKeyDown=${(event) => event.key === 'Escape' && done('')}><span class="faint small nowrap">${NAMES[name]}</span>
    <${Combo} label=${NAMES[name]} free=${true} options=${options} value="" placeholder="Choose or type …" onChange=${done} />
    <${Button} small ghost icon="close" label="Do not filter" onClick=${() => done('')} /></span>`;
}
