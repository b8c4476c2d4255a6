// @ts-check
// Talk with a model: streaming, branches, pictures, system prompts; the talks are kept on the server (kit/threads.js).
// `?model=` and `?prompt=` (an id of the library) begin a new talk with them.
import { html, sheet, useEffect, useRef, useState } from '../lib.js';
import { get } from '../kit/api.js';
import { Combo } from '../kit/combo.js';
import { Icon } from '../kit/icons.js';
import { useKeys } from '../kit/keys.js';
import { Page } from '../kit/layout.js';
import { modelOptions, useModels, useServed } from '../kit/models.js';
import { Menu, toast } from '../kit/overlay.js';
import { Badge, Button, Empty, Failed, Notice, Skeleton } from '../kit/parts.js';
import { History, HistoryButton } from '../kit/threads.js';
import { go, here, useQuery } from '../shell/router.js';
import { useCommands } from '../shell/palette.js';
import { may } from '../shell/session.js';
import { Composer } from './chat/composer.js';
import { exports, ofThread } from './chat/export.js';
import { Message } from './chat/message.js';
import { Setup } from './chat/setup.js';
import { forget, GROUP, talkOf } from './chat/talk.js';
import { path } from './chat/tree.js';
import { usePrompts } from './prompts/library.js';

await sheet(new URL('../css/chat.css', import.meta.url));

const at = (id) => `/ui/chat/${id}`;

export default function Chat({ params }) {
  const id = params.id ?? '';
  const kept = useRef(/** @type {any} */ (null));
  if (!kept.current || kept.current.id.peek() !== id) kept.current = talkOf(id);
  const talk = /** @type {import('./chat/talk.js').Talk} */ (kept.current);
  const [setup, setSetup] = useState(false), [text, setText] = useState('');
  useEffect(() => {
    talk.onSaved = (made) => here.peek().path === '/chat' && go(at(made), {}, { replace: true });
    return () => (talk.onSaved = null);
  }, [talk]);
  useBeginning(talk, id);
  const side = { group: GROUP, at: talk.id.value || id, href: at, fresh: '/ui/chat', noun: 'chat', more: ofThread,
    onRename: (one) => String(one.id) === talk.id.peek() && (talk.title.value = one.title),
    onGone: (ids) => (forget(ids), ids.includes(id) && go('/ui/chat')) };
  useKeys({ 'mod+,': ['Settings of the chat', () => setSetup(true)], n: ['New chat', () => go('/ui/chat')] }, 'Chat');
  useCommands([{ title: 'New chat', icon: 'plus', run: () => go('/ui/chat') }, { title: 'Settings of this chat', icon: 'settings', run: () => setSetup(true) }]);
  return html`<${Page} title=${talk.title.value || 'New chat'} fill class="chat" actions=${html`<${Head} talk=${talk} side=${side} onSetup=${() => setSetup(true)} />`}>
    <div class="with-history"><${History} ...${side} />
      <section class="talk" aria-label="Conversation"><${Said} talk=${talk} onSetup=${() => setSetup(true)} /><${Warnings} talk=${talk} /><${Composer} talk=${talk} id=${id} onText=${setText} /></section></div>
    <${Setup} talk=${talk} open=${setup} onClose=${() => setSetup(false)} text=${text} /><//>`;
}

/** A new talk's model and prompt, from the address or the first there is. */
function useBeginning(talk, id) {
  const [query, setQuery] = useQuery();
  const models = useModels('chat');
  useEffect(() => {
    if (id || !(query.model || query.prompt)) return;
    if (query.model) talk.change({ model: query.model });
    if (query.prompt) get(`/saved/prompts/${query.prompt}`).then((one) => talk.change({ prompt: { id: String(one.id), title: one.title }, system: one.body?.text ?? '' }), toast.error);
    setQuery({ model: '', prompt: '' });
  }, [talk, query.model, query.prompt]);
  const begun = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const { model } = talk.settings.peek();
    if (id || !models.length || begun.current === talk) return;
    begun.current = talk; // once: a model that goes later stays chosen, for it may come back
    if (!models.some((one) => one.id === model)) talk.settings.value = { ...talk.settings.peek(), model: models[0].id };
  }, [talk, models]);
}

function Head({ talk, side, onSetup }) {
  const settings = talk.settings.value;
  const own = async () => ({ title: talk.title.peek(), settings: talk.settings.peek(), tree: talk.tree.peek() });
  return html`<div class="model"><${Combo} label="Model" options=${modelOptions('chat')} value=${settings.model} onChange=${(model) => talk.change({ model })} placeholder="Choose a model" free=${false} /></div>
    <${Button} icon="settings" onClick=${onSetup} label="Settings of this chat (Ctrl+,)" aria-label="Settings"><span class="phone-hide">Settings</span>${changed(settings) > 0 && html`<span class="badge num accent" aria-label=${`${changed(settings)} set`}>${changed(settings)}</span>`}<//>
    ${talk.id.value && html`<${Menu} label="This chat" ghost=${false} items=${[{ label: 'New chat', icon: 'plus', href: '/ui/chat' }, ...exports(own)]} />`}
    <${HistoryButton} ...${side} />`;
}

/** How many settings differ from the model's own. */
const changed = (settings) => ['temperature', 'max_tokens', 'top_p', 'seed', 'reasoning_effort', 'json'].filter((name) => settings[name] !== null && settings[name] !== '' && settings[name] !== false && settings[name] !== undefined).length + (settings.stop.length ? 1 : 0) + (settings.system.trim() ? 1 : 0);

function Said({ talk, onSetup }) {
  const nodes = path(talk.tree.value), live = talk.live.value;
  const box = useRef(/** @type {any} */ (null)), stick = useRef(true);
  const [below, setBelow] = useState(false);
  const down = () => box.current && (box.current.scrollTop = box.current.scrollHeight);
  const seen = () => {
    const rest = box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight;
    stick.current = rest < 40;
    setBelow(rest > 300);
  };
  useEffect(() => {
    const grown = new ResizeObserver(() => stick.current && down());
    const inside = box.current?.firstElementChild;
    if (inside) grown.observe(inside);
    return () => grown.disconnect();
  }, [talk, nodes.length > 0]);
  useEffect(() => {
    stick.current = true;
    down();
  }, [talk, nodes.length]);
  const system = talk.settings.value.system.trim();
  return html`<div class="said-box" ref=${box} onScroll=${seen} tabindex="0" role="log" aria-label="Messages" aria-live="off">
      <div class="said-list">
        ${talk.loading.value && html`<${Skeleton} lines=${7} />`}
        ${talk.failed.value && html`<${Missing} talk=${talk} />`}
        ${!nodes.length && !talk.loading.value && !talk.failed.value && html`<${Start} talk=${talk} />`}
        ${nodes.length > 0 && system && html`<button type="button" class="system row" onClick=${onSetup}><${Icon} name="book" size="13" /><span class="cut">${talk.settings.value.prompt?.title ?? system}</span></button>`}
        ${nodes.map((one, i) => html`<${Message} key=${one.id} talk=${talk} node=${one} last=${i === nodes.length - 1} onSetup=${onSetup} />`)}
      </div></div>
    <span class="hidden" role="status">${live ? 'The answer is coming' : ''}</span>
    ${below && html`<div class="below"><${Button} icon="down" label="To the end" onClick=${() => ((stick.current = true), down())} /></div>`}`;
}

function Missing({ talk }) {
  const error = talk.failed.value;
  if (error.status !== 404) return html`<${Failed} error=${error} retry=${() => talk.load()} />`;
  return html`<${Empty} icon="chat" title="This chat is not there (any more)" action=${html`<${Button} primary href="/ui/chat">New chat<//>`}>It was deleted, or it belongs to another key.<//>`;
}

/** An empty talk: with what it begins. */
function Start({ talk }) {
  const served = useServed('chat'), prompts = usePrompts();
  const { prompt, model } = talk.settings.value;
  if (served.error && !served.data) return html`<${Failed} error=${served.error} retry=${served.reload} />`;
  if (served.data && !served.data.length) return html`<${Empty} icon="cube" title="No model can chat yet" action=${may('admin') && html`<${Button} href="/ui/models">Models<//>`}>As soon as a provider with a chat model is connected, you can talk here.<//>`;
  const take = async (id) => {
    const one = await get(`/saved/prompts/${id}`).catch(toast.error);
    if (one) talk.change({ prompt: { id: String(one.id), title: one.title }, system: one.body?.text ?? '' });
  };
  const few = (prompts.data?.data ?? []).slice(0, 6);
  return html`<div class="start"><h2>What would you like to know?</h2>
    ${prompt || talk.settings.value.system ? html`<p class="row"><${Badge} kind="accent">${prompt?.title ?? 'Your own system prompt'}<//><${Button} small ghost onClick=${() => talk.change({ prompt: null, system: '' })}>Without it<//></p>`
      : html`<p class="soft">Write below, or begin with a system prompt:</p>
        <div class="row wrap chips">${few.map((one) => html`<button type="button" class="btn small" key=${one.id} data-tip=${one.about} onClick=${() => take(one.id)}>${one.title}</button>`)}<${Button} small ghost href="/ui/prompts">All prompts<//></div>`}</div>`;
}

function Warnings({ talk }) {
  if (talk.clash.value) {
    return html`<${Notice} kind="warn" title="This chat was changed in another tab or browser." action=${html`<div class="row"><${Button} small onClick=${() => talk.load()}>Load that one<//><${Button} small onClick=${() => talk.save({ force: true })}>Keep this one<//></div>`}>What you see here is not saved.<//>`;
  }
  const error = talk.unsaved.value;
  return error && html`<${Notice} kind="bad" title="This chat could not be saved." action=${html`<${Button} small onClick=${() => talk.save()}>Save again<//>`}>${error.message}<//>`;
}
