// @ts-check
// One workflow: its inputs as a form, the run with its progress and preview, its results, and what was run before.
import { html, useEffect, useState } from '../../lib.js';
import { get, useApi } from '../../kit/api.js';
import { Call, Code } from '../../kit/code.js';
import { Field, Form, useForm } from '../../kit/form.js';
import { ResultGallery } from '../../kit/media.js';
import { toast } from '../../kit/overlay.js';
import { Badge, Button, Card, Empty, Failed, Notice, Skeleton } from '../../kit/parts.js';
import { openThread } from '../../kit/threads.js';
import { seconds } from '../../kit/time.js';
import { begun, Running, useEnd, useRun } from '../area/run.js';
import { bodyOf, fieldOf, isFile, valuesOf } from './fields.js';
import { Presets } from './presets.js';

export const GROUP = 'workflow';
const MADE = { image: 'pictures', video: 'video', audio: 'sound', text: 'text', '3d': '3D models' };

/** Runs that were saved here: the form holds their values already, and perhaps newer ones. */
const ours = new Set();

/** Loads the inputs; while no ComfyUI is online it says so and what to do. @param {{name: string, query: any, setQuery: (more: any) => void}} props */
export function Runner({ name, query, setQuery }) {
  const told = useApi(`/workflows/${encodeURIComponent(name)}/inputs`), run = useRun();
  const [kept, setKept] = useState(/** @type {any} */ (query.run ? null : {}));
  useEffect(() => {
    if (!query.run || ours.has(query.run)) return setKept((old) => old ?? {});
    openThread(query.run).then((thread) => setKept(thread), (error) => (toast.error(error), setKept({})));
  }, [query.run]);
  useEffect(() => void run.attach(query.job), [query.job]);
  useEffect(() => {
    if (told.data || !away(told.error)) return;
    const timer = setTimeout(told.reload, 5000);
    return () => clearTimeout(timer);
  }, [told.error]);
  if (told.data && kept) return html`<${Bench} key=${name} name=${name} about=${told.data} kept=${kept} run=${run} query=${query} setQuery=${setQuery} />`;
  return html`<div class="col gap-4"><${Running} run=${run} />${told.error ? html`<${Away} error=${told.error} retry=${told.reload} />` : html`<${Skeleton} lines=${8} />`}</div>`;
}

/** 502: it has just gone, and nobody has noticed yet. */
const away = (error) => error?.status === 502 || error?.status === 503;

/** Nobody tells the inputs: none is there, all are busy, or the workflow is wrong. */
function Away({ error, retry }) {
  if (!away(error)) return html`<${Failed} error=${error} retry=${retry} />`;
  return html`<${Notice} kind="warn" title=${error.code === 'overloaded' ? 'ComfyUI is busy' : 'No ComfyUI is online'} action=${html`<${Button} small icon="refresh" onClick=${retry}>Look again<//>`}>
    ${error.message} This page looks again by itself.<//>`;
}

function Bench({ name, about, kept, run, query, setQuery }) {
  const { inputs } = about;
  const form = useForm(valuesOf(inputs, kept.body?.values));
  const first = inputs.filter((one) => !one.name.includes('.') || isFile(one) || one.required), rest = inputs.filter((one) => !first.includes(one));
  const use = (values) => form.reset(valuesOf(inputs, values));
  useEffect(() => {
    if (kept.body && String(kept.id) === query.run) use(kept.body.values ?? {});
  }, [kept.id]);
  useEffect(() => {
    if (run.error?.param) form.fail(run.error, inputs.map((one) => one.name)); // at its field; the rest stands beside
  }, [run.state]);
  useEnd(GROUP, run, query.run);
  const path = `/workflows/${encodeURIComponent(name)}`, body = bodyOf(inputs, form.values);
  const start = async () => {
    const { values } = form, words = String(values.positive_prompt ?? '').slice(0, 150), job = await run.start(path, body);
    setQuery({ job, run: '' });
    const thread = await begun(GROUP, { title: words ? `${name}: ${words}` : name, body: { workflow: name, values } }, job);
    if (!thread) return;
    ours.add(String(thread.id));
    setQuery({ run: thread.id });
  };
  const done = run.state === 'done' ? run.result : null;
  return html`<div class="workbench flow"><${Card} title="Inputs" actions=${html`<${Presets} name=${name} values=${form.values} onUse=${use} /><${Button} small ghost icon="replay" label="The workflow’s own values" onClick=${() => use({})} />`}>
      <${Form} two form=${form} fields=${first.map(fieldOf)} submit="Run" icon="play" onSubmit=${start}>
        ${rest.length > 0 && html`<details class="more-inputs"><summary>${rest.length} more ${rest.length === 1 ? 'input' : 'inputs'}</summary><div class="form two">${rest.map((one) => html`<${Field} key=${one.name} field=${fieldOf(one)} form=${form} />`)}</div></details>`}<//><//>
    <div class="col gap-4" aria-live="polite"><${Running} run=${run} />
      ${done ? html`<section class="col gap-3"><h2>Result${run.took ? html` <span class="faint small num">${seconds(run.took)}</span>` : ''}</h2>
          ${done.artifacts?.length > 0 && html`<${ResultGallery} items=${done.artifacts} onGone=${() => (run.clear(), setQuery({ job: '', run: '' }))} />`}
          ${(done.texts ?? []).map((one) => html`<${Code} text=${one.text} label="Text" wrap=${true} />`)}
          ${!done.artifacts?.length && !done.texts?.length && html`<p class="faint">It ran, and made nothing that is kept.</p>`}</section>`
        : !run.busy && !run.error && html`<${Empty} icon="images" title="What it makes is shown here">${about.outputs?.length ? `It makes ${about.outputs.map((one) => MADE[one] ?? one).join(', ')}.` : 'Fill in the inputs and run it.'}<//>`}</div></div>
    <${Call} call=${{ path, body }} />`;
}

/** What the workflow is, beside its name. */
export function Kind({ about }) {
  return html`<span class="row wrap gap-1">${about.source === 'own' ? html`<${Badge} kind="accent">yours<//>` : html`<${Badge}>built in<//>`}</span>`;
}

/** The workflow's JSON, to be opened in ComfyUI. @param {string} name @returns {Promise<string>} */
export const read = (name) => get(`/workflows/${encodeURIComponent(name)}`, undefined, { as: 'text' });
