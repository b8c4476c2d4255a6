// @ts-check
// One workflow: its inputs as a form, the run with its progress and preview, its results, and what was run before.
import { html, useEffect, useState } from '../../lib.js';
import { get, useApi } from '../../kit/api.js';
import { Call, Code } from '../../kit/code.js';
import { Field, Form, useForm } from '../../kit/form.js';
import { ResultGallery } from '../../kit/media.js';
import { toast } from '../../kit/overlay.js';
import { Badge, Button, Card, Empty, Failed, Notice, Skeleton } from '../../kit/parts.js';
import { keepThread, openThread } from '../../kit/threads.js';
import { seconds } from '../../kit/time.js';
import { Running, useRun } from '../area/run.js';
import { bodyOf, fieldOf, isFile, valuesOf } from './fields.js';
import { Presets } from './presets.js';

export const GROUP = 'workflow';
const MADE = { image: 'pictures', video: 'video', audio: 'sound', text: 'text', '3d': '3D models' };

/** Runs that were saved here: the form holds their values already, and perhaps newer ones. */
const ours = new Set();

/** Loads the inputs; while no ComfyUI is online it says so and what to do. @param {{name: string, query: any, setQuery: (more: any) => void}} props */
export function Runner({ name, query, setQuery }) {
  const told = useApi(`/workflows/${encodeURIComponent(name)}/inputs`);
  const [kept, setKept] = useState(/** @type {any} */ (query.run ? null : {}));
  useEffect(() => {
    if (!query.run || ours.has(query.run)) return setKept((old) => old ?? {});
    openThread(query.run).then((thread) => setKept(thread), (error) => (toast.error(error), setKept({})));
  }, [query.run]);
  if (told.error && !told.data) {
    const away = told.error.status === 503;
    return away ? html`<${Notice} kind="warn" title="No ComfyUI is online" action=${html`<${Button} small icon="refresh" onClick=${told.reload}>Look again<//>`}>${told.error.message}<//>` : html`<${Failed} error=${told.error} retry=${told.reload} />`;
  }
  if (!told.data || !kept) return html`<${Skeleton} lines=${8} />`;
  return html`<${Bench} key=${name} name=${name} about=${told.data} kept=${kept} query=${query} setQuery=${setQuery} />`;
}

function Bench({ name, about, kept, query, setQuery }) {
  const { inputs } = about;
  const form = useForm(valuesOf(inputs, kept.body?.values)), run = useRun();
  const first = inputs.filter((one) => !one.name.includes('.') || isFile(one) || one.required), rest = inputs.filter((one) => !first.includes(one));
  const use = (values) => form.reset(valuesOf(inputs, values));
  useEffect(() => void run.attach(query.job), [query.job]);
  useEffect(() => {
    if (kept.body && String(kept.id) === query.run) use(kept.body.values ?? {});
  }, [kept.id]);
  useEffect(() => {
    if (run.error) form.fail(run.error, inputs.map((one) => one.name));
    const old = kept.body?.runs?.[0];
    if (run.error?.code === 'gone' && old?.artifacts) run.show({ artifacts: old.artifacts, texts: old.texts });
    if (run.state === 'done' && run.started) keep(run.result, run.id);
  }, [run.state]);
  const keep = async (result, job) => {
    const about = String(form.values.positive_prompt ?? '').slice(0, 200);
    try {
      const saved = await keepThread(GROUP, '', { title: about ? `${name}: ${about}` : name, about: `job ${job}`, body: { workflow: name, values: form.values, runs: [{ job, artifacts: result.artifacts ?? [], texts: result.texts ?? [] }] } });
      ours.add(String(saved.id));
      setQuery({ run: saved.id });
    } catch (error) {
      toast.error(error);
    }
  };
  const path = `/workflows/${encodeURIComponent(name)}`, body = bodyOf(inputs, form.values);
  const start = async () => setQuery({ job: await run.start(path, body), run: '' });
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
