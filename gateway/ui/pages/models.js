// @ts-check
// The models that somebody serves right now, what each can be asked for, and how.
import { html } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Grid } from '../kit/grid.js';
import { Page } from '../kit/layout.js';
import { Drawer } from '../kit/overlay.js';
import { Badge, Button, Copy, Empty, Facts } from '../kit/parts.js';
import { useQuery } from '../shell/router.js';
import { may } from '../shell/session.js';
import { count } from '../kit/time.js';

/** An operation as people read it: `text_to_image` is “text to image”. */
const words = (op) => op.replaceAll('_', ' ');

export default function Models() {
  const list = useApi('/v1/models', { every: 15000 });
  const known = useApi(may('admin') ? '/admin/models' : null);
  const [query, setQuery] = useQuery();
  const more = Object.fromEntries((known.data?.data ?? []).map((one) => [one.name ?? one.id, one]));
  const rows = list.data?.data.map((one) => ({ ...one, providers: one.owned_by.split(',').filter(Boolean), more: more[one.id] }));
  const ops = [...new Set((rows ?? []).flatMap((one) => one.operations))].sort();
  const chosen = rows?.find((one) => one.id === query.model);
  return html`<${Page} title="Models" wide about="What this server can be asked for right now. A model is here while at least one provider serves it.">
    <${Grid} id="models" label="Models" rows=${rows} rowKey="id" url at=${query.model} error=${list.error} retry=${list.reload} onOpen=${(row) => setQuery({ model: row.id })} most=${720} columns=${[
      { key: 'id', title: 'Model', width: 260, render: (row) => html`<span class="strong">${row.id}</span>` },
      { key: 'operations', title: 'Can do', width: 260, filter: { label: 'Can do', options: ops.map((one) => [one, words(one)]) }, render: (row) => row.operations.map((one) => html`<${Badge} key=${one} kind=${one === 'chat' ? 'accent' : ''}>${words(one)}<//>`) },
      { key: 'providers', title: 'Served by', width: 180 },
      ...(may('admin') ? [{ key: 'context', title: 'Context', width: 100, end: true, value: (row) => row.more?.context || null, render: (row) => html`<span>${row.more?.context ? count(row.more.context) : '–'}</span>` },
        { key: 'vision', title: 'Vision', width: 80, value: (row) => (row.more?.vision ? 'yes' : ''), hidden: true }] : []),
    ]} empty=${html`<${Empty} icon="cube" title="No model is served" action=${may('admin') && html`<${Button} href="/ui/providers?add=choose">Add a provider<//>`}>As soon as a provider with models is connected they are listed here.<//>`} />
    <${Drawer} open=${!!chosen} onClose=${() => setQuery({ model: '' })} title=${chosen?.id} actions=${html`<${Copy} text=${chosen?.id ?? ''} label="Copy the name" small=${false} />`}>${chosen && html`<${Detail} model=${chosen} />`}<//>
  <//>`;
}

function Detail({ model }) {
  const { more } = model;
  return html`<div class="col gap-6">
    <${Facts} of=${[
      ['Can do', html`<span class="row wrap">${model.operations.map((one) => html`<${Badge} kind="accent">${words(one)}<//>`)}</span>`],
      ['Served by', model.providers.join(', ')],
      ['Also called', more?.aliases?.length ? more.aliases.join(', ') : null],
      ['Context', more?.context ? `${count(more.context)} tokens` : null],
      ['Takes pictures', more?.vision === undefined || more?.vision === null ? null : more.vision ? 'yes' : 'no'],
    ]} />
    ${model.operations.map((op) => CALLS[op] && html`<div class="col"><h3>Ask for ${words(op)}</h3><${Call} label=${`Ask for ${words(op)}`} call=${CALLS[op](model.id)} /></div>`)}
  </div>`;
}

const CALLS = {
  chat: (model) => ({ path: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content: 'Hello' }] } }),
  embeddings: (model) => ({ path: '/v1/embeddings', body: { model, input: 'Some text' } }),
  text_to_image: (model) => ({ path: '/v1/images/generations', body: { model, prompt: 'A lighthouse at dusk' } }),
  text_to_speech: (model) => ({ path: '/v1/audio/speech', body: { model, input: 'Good evening', voice: 'alloy' }, save: 'speech.mp3' }),
  speech_to_text: (model) => ({ path: '/v1/audio/transcriptions', form: { model }, files: { file: 'speech.wav' } }),
};
