// @ts-check
// One prompt of the library: to read, use, copy, change, share, delete; and the form that makes or changes one.
import { html, useEffect, useRef, useState } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Form, useForm } from '../../kit/form.js';
import { confirm, toast } from '../../kit/overlay.js';
import { Badge, Button, Copy, Empty, Failed, Skeleton } from '../../kit/parts.js';
import { When } from '../../kit/time.js';
import { go } from '../../shell/router.js';
import { may } from '../../shell/session.js';
import { addPrompt, changePrompt, dropPrompt, sort, SORTS } from './library.js';

const rest = () => location.search;

/** @param {{id: string, head: any}} props `head`: what the list knows of it */
export function Detail({ id, head }) {
  const whole = useApi(`/saved/prompts/${encodeURIComponent(id)}`);
  const [editing, setEditing] = useState(false);
  const one = whole.data;
  if (whole.error) {
    return whole.error.status === 404 ? html`<${Empty} icon="book" title="This prompt is not there (any more)" action=${html`<${Button} href="/ui/prompts">All prompts<//>`}>It was deleted, or it is not shared any more.<//>`
      : html`<${Failed} error=${whole.error} retry=${whole.reload} />`;
  }
  if (!one) return html`<div class="card pad">${head && html`<h2>${head.title}</h2>`}<${Skeleton} lines=${5} /></div>`;
  if (editing) return html`<${Editor} one=${one} onDone=${(kept) => (whole.set(kept), setEditing(false))} onCancel=${() => setEditing(false)} onStale=${() => whole.reload()} />`;
  return html`<${Shown} one=${one} onEdit=${() => setEditing(true)} onKept=${whole.set} />`;
}

function Shown({ one, onEdit, onKept }) {
  const text = one.body?.text ?? '', kind = sort(one);
  const own = async () => {
    const made = await addPrompt({ title: `${one.title} (mine)`.slice(0, 200), text });
    toast(`“${made.title}” is yours now`);
    go(`/ui/prompts/${made.id}`);
  };
  const drop = async () => {
    if (!(await confirm({ title: `Delete “${one.title}”?`, text: one.shared ? 'It is shared: every key loses it. Chats that were begun with it keep its text.' : 'Chats that were begun with it keep its text.', action: 'Delete', danger: true }))) return;
    await dropPrompt(one.id);
    go(`/ui/prompts${rest()}`);
    toast(`“${one.title}” is deleted`, { seconds: 8, action: ['Undo', () => addPrompt({ title: one.title, text, shared: one.shared }).then((made) => go(`/ui/prompts/${made.id}`), toast.error)] });
  };
  const share = async () => {
    onKept(await changePrompt(one.id, { shared: !one.shared }));
    toast(one.shared ? 'It is yours alone again' : 'Every key may use it now');
  };
  return html`<article class="card prompt">
    <header><${Button} class="phone-only" ghost icon="left" label="Back to the list" href=${`/ui/prompts${rest()}`} /><h2 class="grow cut">${one.title}</h2><${Badge} kind=${kind === 'own' ? 'accent' : kind === 'shared' ? 'info' : ''}>${kind === 'own' && one.shared ? 'Yours, shared' : SORTS[kind]}<//></header>
    <div class="body col gap-4"><div class="text">${text}</div>
      <div class="row wrap"><${Button} primary icon="chat" href=${`/ui/chat?prompt=${one.id}`}>Use in a chat<//>
        ${one.own ? html`<${Button} icon="edit" onClick=${onEdit}>Edit<//>` : html`<${Button} icon="copy" onClick=${own}>Make a copy of my own<//>`}
        ${one.own && may('admin') && html`<${Button} icon="globe" onClick=${share}>${one.shared ? 'Stop sharing' : 'Share with all keys'}<//>`}
        <${Copy} text=${text} label="Copy the text" small=${false} />
        ${one.own && html`<${Button} ghost danger icon="trash" label="Delete" onClick=${drop} />`}
        <span class="grow"></span>${one.changed > 0 && html`<span class="faint small">changed <${When} at=${one.changed} /></span>`}</div>
      <details class="same"><summary class="small soft">The same from a program</summary><${Call} call=${{ method: 'GET', path: `/saved/prompts/${one.id}` }} /></details></div></article>`;
}

/** @param {{one?: any, text?: string, title?: string, onDone: (kept: any) => void, onCancel: () => void, onStale?: () => void}} props without `one`: a new one */
export function Editor({ one, text = '', title = '', onDone, onCancel, onStale }) {
  const form = useForm({ title: one?.title ?? title, text: one?.body?.text ?? text, shared: one?.shared ?? false });
  const box = useRef(/** @type {any} */ (null));
  useEffect(() => box.current.querySelector('input,textarea').focus(), []);
  const save = async (values) => {
    const fields = may('admin') ? values : { title: values.title, text: values.text };
    try {
      return await (one ? changePrompt(one.id, fields, one.changed) : addPrompt(fields));
    } catch (error) {
      if (/** @type {any} */ (error).code === 'conflict' && one) {
        /** @type {any} */ (error).message = 'This prompt was changed elsewhere meanwhile. Copy your text, and open it again.';
        onStale?.();
      }
      throw error;
    }
  };
  const cancel = async () => {
    if (form.dirty && !(await confirm({ title: 'Throw your changes away?', action: 'Throw away', danger: true }))) return;
    onCancel();
  };
  const { title: name, text: words, shared } = form.values;
  const body = { title: name, about: words.slice(0, 300), body: { text: words }, ...(may('admin') && { shared }) };
  return html`<article ref=${box} class="card prompt" onKeyDown=${(e) => e.key === 'Escape' && !e.defaultPrevented && (e.stopPropagation(), cancel())}>
    <header><h2 class="grow">${one ? 'Edit the prompt' : 'New prompt'}</h2></header>
    <div class="body col gap-4"><${Form} form=${form} submit=${one ? 'Save' : 'Keep in the library'} icon="check" onSubmit=${save} onDone=${(kept) => (onDone(kept), toast(`“${kept.title}” is saved`))}
      actions=${html`<${Button} onClick=${cancel}>Cancel<//>`} fields=${[
        { name: 'title', label: 'Name', required: true, maxLength: 200, autofocus: true, placeholder: 'Strict editor' },
        { name: 'text', label: 'Text', type: 'textarea', required: true, rows: 12, placeholder: 'You are …', hint: `${words.length} characters, about ${Math.round(words.length / 4)} tokens before every talk` },
        may('admin') && { name: 'shared', label: 'Share with all keys', type: 'switch' },
      ].filter(Boolean)} />
      <details class="same"><summary class="small soft">The same from a program</summary><${Call} call=${one ? { method: 'PATCH', path: `/saved/prompts/${one.id}`, body } : { path: '/saved/prompts', body }} /></details></div></article>`;
}
