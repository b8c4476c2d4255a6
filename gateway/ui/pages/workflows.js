// @ts-check
// ComfyUI workflows: one's own and the built-in ones. Drop one, fill in what it asks for, run it, keep what worked.
import { html, sheet, useEffect, useMemo, useState } from '../lib.js';
import { api, ApiError, del, save, useApi } from '../kit/api.js';
import { CodeTabs } from '../kit/code.js';
import { Files } from '../kit/files.js';
import { Icon } from '../kit/icons.js';
import { Page } from '../kit/layout.js';
import { ask, confirm, Menu, toast } from '../kit/overlay.js';
import { Empty, Failed, Loaded } from '../kit/parts.js';
import { openThread } from '../kit/threads.js';
import { bytes, When } from '../kit/time.js';
import { go, useQuery } from '../shell/router.js';
import { Past } from './area/past.js';
import { workflowIn } from './workflows/bring.js';
import { GROUP, Kind, read, Runner } from './workflows/runner.js';

await sheet(new URL('./area/area.css', import.meta.url));
await sheet(new URL('./workflows/workflows.css', import.meta.url));

const at = (name) => `/ui/workflows/${encodeURIComponent(name)}`;
const past = (query) => html`<${Past} group=${GROUP} at=${query.run} href=${(id) => `/ui/workflows?run=${id}`} fresh="/ui/workflows" noun="run" />`;

export default function Workflows({ params }) {
  return params.name ? html`<${One} key=${params.name} name=${params.name} />` : html`<${All} />`;
}

function All() {
  const [query, setQuery] = useQuery();
  const list = useApi('/workflows'), [failed, setFailed] = useState(/** @type {any} */ (null)), [q, setQ] = useState(query.q ?? '');
  useEffect(() => {
    if (!query.run) return;
    openThread(query.run).then(({ id, body }) => go(at(body.workflow), { job: body.runs[0]?.job, run: id }, { replace: true }), setFailed);
  }, [query.run]);
  const look = (text) => (setQ(text), setQuery({ q: text }));
  const take = async (files) => {
    setFailed(null);
    for (const file of files) await store(file, list.data?.data ?? [], files.length === 1).catch((error) => error && setFailed(error));
    list.reload();
  };
  return html`<${Page} title="Workflows" about="Whatever runs in ComfyUI runs here: its inputs become a form, and a call for programs." actions=${past(query)}>
    <${Files} label="Workflows" many everywhere paste accept=".json,.png" value=${[]} onChange=${take} />
    <p class="small faint">The JSON that ComfyUI saves (Save, or Export (API)), or a PNG picture it made: that carries its workflow.</p>
    ${failed && html`<${Failed} error=${failed} />`}
    <${Loaded} of=${list} empty=${html`<${Empty} icon="flow" title="No workflow yet">Drop one above: it is kept for your key alone.<//>`}>${({ data }) => html`
      <div class="within flow-search"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search workflows" placeholder="Search" value=${q} onInput=${(e) => look(e.target.value)} /></div>
      ${[['own', 'Yours'], ['built_in', 'Built in']].map(([source, title]) => html`<${Section} key=${source} title=${title} rows=${data.filter((one) => one.source === source && one.name.toLowerCase().includes(q.toLowerCase()))} reload=${list.reload} />`)}
      ${q && !data.some((one) => one.name.toLowerCase().includes(q.toLowerCase())) && html`<p class="faint">Nothing is called “${q}”.</p>`}`}<//>
    <${CodeTabs} label="Store one from a program" samples=${SAMPLES} /><//>`;
}

const PUT = `${location.origin}/workflows/portrait`;
/** The body is the file as it is, which is no form and no JSON of ours. @type {[string, string, string, string][]} */
const SAMPLES = [
  ['curl', 'curl', `curl -X PUT '${PUT}' \\\n  -H "Authorization: Bearer $AI_SERVER_KEY" \\\n  --data-binary @portrait.json`, 'bash'],
  ['python', 'Python', `import os\nimport requests\n\nanswer = requests.put(\n    "${PUT}",\n    headers={"Authorization": f"Bearer {os.environ['AI_SERVER_KEY']}"},\n    data=open("portrait.json", "rb"),\n)\nanswer.raise_for_status()\nprint(answer.json())`, 'python'],
  ['typescript', 'TypeScript', `import { openAsBlob } from 'node:fs'\n\nconst answer = await fetch("${PUT}", {\n  method: 'PUT',\n  headers: { Authorization: \`Bearer \${process.env.AI_SERVER_KEY}\` },\n  body: await openAsBlob("portrait.json"),\n})\nif (!answer.ok) throw new Error(await answer.text())\nconsole.log(await answer.json())`, 'typescript'],
];

function Section({ title, rows, reload }) {
  if (!rows.length) return null;
  return html`<section class="col gap-3"><h2>${title}</h2><div class="cards">${rows.map((one) => html`<div key=${one.name} class="card flow-card"><a class="grow" href=${at(one.name)}><span class="row"><${Icon} name="flow" /><span class="strong cut">${one.name}</span></span>
      <span class="small faint">${bytes(one.size)}${one.created ? html` · <${When} at=${one.created} />` : ''}</span></a><${Actions} one=${one} onGone=${reload} /></div>`)}</div></section>`;
}

function Actions({ one, onGone }) {
  const drop = async () => {
    if (!(await confirm({ title: `Delete “${one.name}”?`, text: 'The workflow is gone for good. What it made stays.', action: 'Delete', danger: true }))) return;
    await del(`/workflows/${encodeURIComponent(one.name)}`);
    toast(`“${one.name}” is deleted`);
    onGone();
  };
  return html`<${Menu} small label=${`Actions of ${one.name}`} items=${[
    { label: 'Download for ComfyUI', icon: 'download', onSelect: () => read(one.name).then((text) => save(`${one.name}.json`, text, 'application/json'), toast.error) },
    { label: 'Copy under another name …', icon: 'copy', onSelect: () => copied(one.name, onGone).catch(toast.error) },
    ...(one.source === 'own' ? ['-', { label: 'Delete', icon: 'trash', danger: true, onSelect: () => drop().catch(toast.error) }] : [])]} />`;
}

async function copied(name, then) {
  const fresh = await ask({ title: 'Copy the workflow', label: 'New name', value: `${name} copy`, action: 'Copy' });
  if (!fresh) return;
  await put(fresh, await read(name));
  toast(`Copied to “${fresh}”`);
  then();
}

const put = (name, json) => api(`/workflows/${encodeURIComponent(name)}`, { method: 'PUT', body: json, headers: { 'content-type': 'application/json' } });

/** Store what was dropped, and open it when it was the only one. Raises what is wrong with it. */
async function store(file, known, open) {
  const { name, json } = await workflowIn(file).catch((error) => {
    throw new ApiError(error.message, { code: 'invalid_workflow' });
  });
  if (known.some((one) => one.source === 'own' && one.name === name)) {
    const sure = await confirm({ title: `Replace “${name}”?`, text: 'You have a workflow of that name. The one you dropped takes its place.', action: 'Replace', danger: true });
    if (!sure) return;
  }
  await put(name, json);
  toast(`“${name}” is stored`);
  if (open) go(at(name));
}

function One({ name }) {
  const [query, setQuery] = useQuery();
  const list = useApi('/workflows');
  const about = useMemo(() => list.data?.data.find((one) => one.name === name), [list.data]);
  return html`<${Page} title=${name} wide crumbs=${[['Workflows', '/ui/workflows']]} actions=${html`${about && html`<${Kind} about=${about} />`}${past(query)}${about && html`<${Actions} one=${about} onGone=${() => go('/ui/workflows')} />`}`}>
    <${Runner} name=${name} query=${query} setQuery=${setQuery} />
    <p class="small faint"><a href=${`/ui/files?purpose=artifact`}>Everything that was made</a> is among your files.</p><//>`;
}
