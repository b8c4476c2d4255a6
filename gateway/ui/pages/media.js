// @ts-check
// The pages that make or read media (pages/media/features.js): a form, its runs beside it, the history, the same call for programs.
//
// One frame for ten pages: the page's name in pages.js says which feature. `?image=file-…` (or `audio`) brings an input along.
// What a newcomer would get wrong: a draft lives in this tab (memory, and the entry of its history), never in localStorage.
import { html, sheet, useEffect, useLayoutEffect, useRef, useState } from '../lib.js';
import { get } from '../kit/api.js';
import { Call, Code } from '../kit/code.js';
import { useForm } from '../kit/form.js';
import { Page } from '../kit/layout.js';
import { useServed } from '../kit/models.js';
import { toast } from '../kit/overlay.js';
import { Button, Card, Failed, Notice, Skeleton } from '../kit/parts.js';
import { pref } from '../kit/store.js';
import { History, HistoryButton, openThread } from '../kit/threads.js';
import { useCommands } from '../shell/palette.js';
import { go, here, match, useQuery } from '../shell/router.js';
import { may, me } from '../shell/session.js';
import { FEATURES, start } from './media/features.js';
import { MediaForm } from './media/form.js';
import { Runs } from './media/results.js';
import { begin, changed, ended, watch } from './media/runs.js';
import { callOf, freshOf, valuesOf } from './media/values.js';

await sheet(new URL('../css/studio.css', import.meta.url));

export default function Media({ params, page }) {
  return html`<${Studio} key=${page.name} name=${page.name} id=${params.id ?? ''} />`;
}

function Studio({ name, id }) {
  const feature = { ...FEATURES[name], path: `/${name}` }, base = `/ui/${name}`;
  const form = useForm(draft(feature.op) ?? start(feature)), painter = useRef(/** @type {any} */ (null)), made = useRef(/** @type {any} */ (null));
  const [thread, setThread] = useThread(feature, id);
  useDraft(feature.op, form.values);
  useEffect(() => {
    const last = thread.data?.body?.runs?.[0];
    if (last && !form.dirty) form.reset(freshOf(feature, last)); // an old thread is opened: go on from where it was
  }, [thread.data?.id]);
  useGiven(feature, form);
  const served = useServed(feature.op);
  const side = { group: feature.op, at: id, href: (one) => `${base}/${one}`, fresh: base, noun: feature.noun };
  const run = async (values, old = '') => {
    const mask = old || (feature.fields.some((one) => one.type === 'mask') ? painter.current : null);
    const kept = await begin(feature, values, id, mask);
    setThread({ data: kept });
    if (made.current?.offsetTop > 600) made.current.scrollIntoView({ behavior: 'smooth' }); // below the form, where it is narrow
    if (String(kept.id) !== id && [feature.path, `${feature.path}/${id}`].includes(here.peek().path)) go(`${base}/${kept.id}`, {}, { replace: !id });
  };
  const use = (one) => (form.reset(valuesOf(feature, one)), toast('The form has the values of that run'));
  const again = async (one) => {
    await run(freshOf(feature, one), one.body.mask).catch(toast.error);
  };
  useCommands([{ title: `New ${feature.noun}`, icon: 'plus', run: () => go(base) }]);
  const none = served.data && !served.data.length;
  return html`<${Page} title=${feature.title} about=${feature.about} fill actions=${html`<${HistoryButton} ...${side} />${id && html`<${Button} icon="plus" href=${base}>New ${feature.noun}<//>`}`}>
    <div class="with-history"><${History} ...${side} />
      <div class="studio-box"><div class="studio">
        <section class="making col gap-4" aria-label="What to make">
          ${none && html`<${Nobody} feature=${feature} />`}
          <${MediaForm} feature=${feature} form=${form} onRun=${(values) => run(values)} painter=${painter} />
          <${Card} title="The same from a program" pad=${false}><${Call} call=${callOf(feature, form.values)} label=${`${feature.title} from a program`} /><//></section>
        <section class="made" ref=${made} aria-label="What was made">${thread.error ? html`<${Failed} error=${thread.error} /><div><${Button} href=${base}>Begin a new one<//></div>`
          : id && !thread.data ? html`<${Skeleton} lines=${6} />` : html`<${Runs} feature=${feature} thread=${thread.data} onUse=${use} onAgain=${again} onSeed=${(seed) => (form.set('seed', seed), (pref(`media.more.${feature.op}`, false).value = true), toast(`The form has the seed ${seed}`))} />`}</section>
      </div></div></div><//>`;
}

/** Nobody serves it: how somebody could. */
function Nobody({ feature }) {
  const admin = may('admin') && match('/providers');
  return html`<${Notice} kind="warn" title=${`No provider can do this now (${feature.op.replaceAll('_', ' ')})`}>
    <div class="col"><p>${admin ? 'Add one that can, here or on the server:' : 'Whoever runs this server can add one that can:'}</p>
      <${Code} bare wrap text=${feature.provider} language="bash" label="How to add a provider" />
      ${admin && html`<div><${Button} small icon="plus" href="/ui/providers">Add a provider<//></div>`}</div><//>`;
}

/** The open thread; its runs that have not ended are followed. */
function useThread(feature, id) {
  const [state, set] = useState(/** @type {any} */ ({}));
  useEffect(() => {
    if (!id) return set({});
    if (String(state.data?.id) === id) return;
    let current = true;
    set({});
    openThread(id).then((data) => {
      if (!current) return;
      set({ data });
      for (const run of data.body?.runs ?? []) if (!ended(run)) watch(feature, data.id, run.job);
    }, (error) => current && set({ error }));
    return () => (current = false);
  }, [id]);
  const news = changed.value;
  useEffect(() => void (news && String(news.id) === id && set({ data: news })), [news]);
  return /** @type {[any, (state: any) => void]} */ ([state, set]);
}

/** What was typed and not sent: for coming back within this tab, and for a reload. @type {Map<string, any>} */
const drafts = new Map();
const draft = (op) => drafts.get(op) ?? history.state?.draft?.[owned(op)];
const owned = (op) => `${me.peek()?.id} ${op}`; // another key may sign in, and go back in this tab's history

function useDraft(op, values) {
  const written = useRef(-1000), first = useRef(values);
  useLayoutEffect(() => {
    drafts.set(op, values);
    if (values === first.current) return;
    const write = () => {
      written.current = performance.now();
      history.replaceState({ ...history.state, draft: { [owned(op)]: values } }, '');
    };
    const wait = Math.max(0, written.current + 400 - performance.now()); // browsers take only so many a minute
    if (!wait) return write();
    const timer = setTimeout(write, wait);
    return () => clearTimeout(timer);
  }, [values]);
}

/** An input named in the address becomes the form's; the address is clean after. */
function useGiven(feature, form) {
  const [query, setQuery] = useQuery();
  useEffect(() => {
    for (const field of feature.fields) {
      const file = field.type === 'media' && query[field.name];
      if (!file) continue;
      get(`/files/${encodeURIComponent(file)}`).then((item) => form.set(field.name, field.many ? [item] : item), toast.error);
      setQuery({ [field.name]: '' });
    }
  }, [query.image, query.audio]);
}
