// @ts-check
// What a talk is asked with: the system prompt (from the library or one's own), the numbers, and the same call from a program.
import { html, useEffect, useMemo } from '../../lib.js';
import { get } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Combo } from '../../kit/combo.js';
import { Field, useForm } from '../../kit/form.js';
import { ask, Drawer, toast } from '../../kit/overlay.js';
import { Button } from '../../kit/parts.js';
import { addPrompt, promptOptions } from '../prompts/library.js';
import { asked, example, SETTINGS } from './request.js';
import { path } from './tree.js';

const FIELDS = [
  { name: 'temperature', label: 'Temperature', type: 'number', min: 0, max: 2, step: 0.1, placeholder: 'the model’s own', hint: '0 is always the same, higher is freer.' },
  { name: 'max_tokens', label: 'Most tokens', type: 'number', min: 1, step: 1, placeholder: 'the model’s own', hint: 'Where an answer is cut off.' },
  { name: 'top_p', label: 'Top p', type: 'number', min: 0, max: 1, step: 0.05, placeholder: 'the model’s own' },
  { name: 'seed', label: 'Seed', type: 'number', step: 1, placeholder: 'none', hint: 'The same seed, the same answer, where a provider can.' },
  { name: 'reasoning_effort', label: 'Thinking', type: 'select', placeholder: 'the model’s own', options: ['none', 'minimal', 'low', 'medium', 'high'] },
  { name: 'stop', label: 'Stop at', type: 'tags', options: [], placeholder: 'a text, Enter' },
  { name: 'json', label: 'Answer as JSON', type: 'switch', hint: 'Say in the message, too, that you want JSON: most models insist.' },
];

/** @param {{talk: import('./talk.js').Talk, open: boolean, onClose: () => void, text: string}} props `text`: what is being written */
export function Setup({ talk, open, onClose, text }) {
  return html`<${Drawer} open=${open} onClose=${onClose} title="Settings of this chat">${open && html`<${Inside} talk=${talk} text=${text} />`}<//>`;
}

function Inside({ talk, text }) {
  const settings = talk.settings.value;
  const form = useForm(settings);
  const set = (fields) => talk.change(fields);
  const live = { ...form, values: settings, set: (name, value) => (form.set(name, value), set({ [name]: value })) };
  const last = path(talk.tree.value).pop()?.error;
  useEffect(() => {
    if (last?.param) form.fail({ fields: { [last.param]: last.message } }, FIELDS.map((one) => one.name));
  }, []);
  return html`<div class="col gap-6">
    <${System} settings=${settings} set=${set} />
    <section class="col gap-3"><div class="row"><h3 class="grow">Parameters</h3><${Button} small ghost onClick=${() => (set(Object.fromEntries(FIELDS.map(({ name }) => [name, SETTINGS[name]]))), form.fail(null))}>Reset<//></div>
      <div class="form two">${FIELDS.map((field) => html`<${Field} key=${field.name} field=${field} form=${live} />`)}</div></section>
    <section class="col"><h3>The same from a program</h3><${Sample} talk=${talk} text=${text} /></section>
  </div>`;
}

function System({ settings, set }) {
  const choose = async (id) => {
    if (!id) return set({ prompt: null, system: '' });
    const one = await get(`/saved/prompts/${id}`).catch(toast.error);
    if (one) set({ prompt: { id: String(one.id), title: one.title }, system: one.body?.text ?? '' });
  };
  const save = async () => {
    const title = await ask({ title: 'Keep it in the library', label: 'Name', action: 'Keep', value: settings.system.split('\n')[0].slice(0, 60) });
    if (!title) return;
    const one = await addPrompt({ title, text: settings.system });
    set({ prompt: { id: String(one.id), title } });
    toast(`“${title}” is in your library`);
  };
  return html`<section class="col gap-3"><h3>System prompt</h3>
    <div class="field"><label for="chat-prompt">From the library</label><${Combo} label="From the library" base=${{ id: 'chat-prompt' }} options=${promptOptions} value=${settings.prompt?.id ?? ''} onChange=${choose} placeholder="None: your own words" /></div>
    <div class="field"><label for="chat-system">Text</label><textarea id="chat-system" class="input" rows="6" placeholder="What the model is, how it speaks, what it must not do" value=${settings.system}
      onInput=${(e) => set({ system: e.target.value, prompt: null })}></textarea><span class="hint">Goes before the messages, each time.</span></div>
    <div class="row wrap">${settings.system && !settings.prompt && html`<${Button} small icon="plus" onClick=${save}>Keep in the library<//>`}
      ${settings.system && html`<${Button} small ghost onClick=${() => choose('')}>Without<//>`}<${Button} small ghost icon="book" href="/ui/prompts">All prompts<//>
      <${Button} small ghost icon="wand" href="/ui/prompts?tab=make">Have one written<//></div></section>`;
}

function Sample({ talk, text }) {
  const { value: tree } = talk.tree, settings = talk.settings.value;
  const body = useMemo(() => {
    const nodes = path(tree), next = text.trim() || !nodes.length ? [{ role: 'user', content: text.trim() || 'Hello' }] : [];
    const said = nodes.at(-1)?.role === 'assistant' && !next.length ? nodes.slice(0, -1) : nodes;
    const { stream, stream_options, ...rest } = asked({ ...settings, model: settings.model || 'MODEL' }, [...said, ...next], example);
    return rest;
  }, [tree, settings, text]);
  return html`<${Call} call=${{ path: '/v1/chat/completions', body }} most="420px" />`;
}
