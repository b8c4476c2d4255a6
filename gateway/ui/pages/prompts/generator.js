// @ts-check
// Have a model write a system prompt: what it is for, how it shall speak, what it must keep to; streamed, to be changed by hand, and
// taken over into the library or a chat. What is in the form and what was written survive a reload of the tab.
import { html, useEffect, useMemo, useRef, useState } from '../../lib.js';
import { Call } from '../../kit/code.js';
import { Form, useForm } from '../../kit/form.js';
import { modelOptions, useModels } from '../../kit/models.js';
import { ask, toast } from '../../kit/overlay.js';
import { Button, Card, Copy, Empty, Failed } from '../../kit/parts.js';
import { pref } from '../../kit/store.js';
import { go } from '../../shell/router.js';
import { me } from '../../shell/session.js';
import { answer } from '../chat/answer.js';
import { thought } from '../chat/request.js';
import { talkOf } from '../chat/talk.js';
import { addPrompt } from './library.js';

const TONES = ['friendly', 'matter-of-fact', 'formal', 'patient', 'strict', 'playful', 'brief'];
const EMPTY = { model: '', purpose: '', audience: '', tone: [], constraints: '', language: '' };

const WRITER = `You write system prompts for language models. From the description you are given, write one system prompt.
It speaks to the model as "you". It says who the model is, what it does and for whom, how it speaks, what it must and must not do, and what it does when something is unclear or out of its field. Where an answer has a form, it describes that form.
Plain, precise sentences; no headings unless it is long; no empty praise. Answer with the system prompt alone: no introduction, no explanation, no quotation marks around it.`;

/** @param {typeof EMPTY} values @returns {any} the body of the call */
export function wish(values) {
  const lines = [['What it is for', values.purpose], ['Who will talk to it', values.audience], ['Tone', values.tone.join(', ')], ['It must keep to', values.constraints], ['Language of the prompt', values.language]];
  const content = lines.filter(([, value]) => value.trim()).map(([name, value]) => `${name}: ${value.trim()}`).join('\n');
  return { model: values.model, messages: [{ role: 'system', content: WRITER }, { role: 'user', content }], stream: true, stream_options: { include_usage: true } };
}

const place = () => `prompts:${me.peek()?.id}:make`;

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(place()) ?? '{}');
  } catch {
    return {};
  }
}

export function Generator() {
  const last = pref('prompts.model', ''), models = useModels('chat');
  const before = useMemo(kept, []);
  const form = useForm({ ...EMPTY, model: last.peek(), ...before.values });
  const [text, setText] = useState(before.text ?? ''), [state, setState] = useState(/** @type {any} */ ({ busy: false, error: null, stopped: false }));
  const stopper = useRef(/** @type {AbortController|null} */ (null));
  useEffect(() => void (!form.values.model && models.length && form.set('model', models[0].id)), [models]);
  useEffect(() => () => stopper.current?.abort(), []);
  useEffect(() => {
    try {
      sessionStorage.setItem(place(), JSON.stringify({ values: form.values, text }));
    } catch { /* full or switched off */ }
  }, [form.values, text]);
  const write = async (values) => {
    last.value = values.model;
    const stop = stopper.current = new AbortController(), old = text;
    setState({ busy: true, error: null, stopped: false });
    setText('');
    const end = await answer(wish(values), { signal: stop.signal, onPart: (part) => setText(thought(part).text) });
    const said = thought(end).text.trim();
    setText(said || old); // nothing came: what was there stays
    setState({ busy: false, error: end.error ?? null, stopped: !!end.stopped });
    if (end.error?.param) form.fail({ fields: { [end.error.param]: end.error.message } });
  };
  const { stream, stream_options, ...call } = wish({ ...form.values, model: form.values.model || 'MODEL' });
  return html`<div class="cards wide generator">
    <${Card} title="Describe it"><${Form} form=${form} submit=${text ? 'Write it anew' : 'Write the prompt'} icon="wand" onSubmit=${write}
      actions=${state.busy && html`<${Button} icon="stop" onClick=${() => stopper.current?.abort()}>Stop<//>`} fields=${[
        { name: 'purpose', label: 'What is it for?', type: 'textarea', rows: 4, required: true, placeholder: 'Answers questions of customers about our bicycles, and helps them find the right size' },
        { name: 'audience', label: 'Who will talk to it?', placeholder: 'Customers without technical knowledge' },
        { name: 'tone', label: 'Tone', type: 'tags', options: TONES, placeholder: 'friendly, brief …' },
        { name: 'constraints', label: 'What must it keep to?', type: 'textarea', rows: 3, placeholder: 'No promises about delivery times. At most five sentences.' },
        { name: 'language', label: 'Language of the prompt', placeholder: 'English' },
        { name: 'model', label: 'Written by', type: 'combo', required: true, options: modelOptions('chat') },
      ]} />
      <details class="same"><summary class="small soft">The same from a program</summary><${Call} call=${{ path: '/v1/chat/completions', body: call }} /></details><//>
    <${Card} title="The prompt" actions=${text && html`<${Copy} text=${text} label="Copy the prompt" />`}>
      <${Written} text=${text} setText=${setText} state=${state} purpose=${form.values.purpose} model=${form.values.model} /><//></div>`;
}

function Written({ text, setText, state, purpose, model }) {
  const keep = async () => {
    const title = await ask({ title: 'Keep it in the library', label: 'Name', action: 'Keep', value: purpose.split(/[\n.]/)[0].slice(0, 60) });
    if (!title) return;
    const one = await addPrompt({ title, text });
    toast(`“${title}” is in your library`, { action: ['Open', () => go(`/ui/prompts/${one.id}`)] });
  };
  const use = () => {
    talkOf('').change({ system: text, prompt: null, ...(model && { model }) });
    go('/ui/chat');
  };
  if (!text && !state.busy && !state.error) return html`<${Empty} icon="wand" title="Nothing written yet">Say what it is for, and a model writes it here. You can change every word before you keep it.<//>`;
  return html`<div class="col gap-3">
    ${state.error && html`<${Failed} error=${state.error} />`}
    <label class="hidden" for="written">The prompt, to be changed</label>
    <textarea id="written" class="input written" rows="16" readOnly=${state.busy} aria-busy=${state.busy ? 'true' : null} placeholder=${state.busy ? 'It begins in a moment …' : ''} value=${text} onInput=${(e) => setText(e.target.value)}></textarea>
    ${state.stopped && html`<p class="faint small">Stopped; what came is kept.</p>`}
    <div class="row wrap"><${Button} primary icon="check" disabled=${state.busy || !text.trim()} onClick=${keep}>Keep in the library<//>
      <${Button} icon="chat" disabled=${state.busy || !text.trim()} onClick=${use}>Use in a chat<//><span class="grow"></span><span class="faint small num">${text.length} characters</span></div></div>`;
}
