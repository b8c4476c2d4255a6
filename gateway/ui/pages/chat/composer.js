// @ts-check
// Where one writes: Enter sends, Shift+Enter makes a line, Escape stops; pictures by drop, paste or choice.
// What is written and not sent survives a reload of this tab (session storage, by key and talk), and nothing else.
import { cx, html, useEffect, useLayoutEffect, useRef, useState } from '../../lib.js';
import { useDrop } from '../../kit/files.js';
import { Icon } from '../../kit/icons.js';
import { useKeys } from '../../kit/keys.js';
import { Button } from '../../kit/parts.js';
import { me } from '../../shell/session.js';
import { shownAt, usePictures } from './pictures.js';
import { Blind, useSight } from './sight.js';
import { path } from './tree.js';

const place = (id) => `chat:${me.peek()?.id}:${id || 'new'}`;

/** @returns {{text?: string, pictures?: any[]}} */
function draft(id) {
  try {
    return JSON.parse(sessionStorage.getItem(place(id)) ?? '{}');
  } catch {
    return {};
  }
}

function keep(id, value) {
  try {
    if (value.text || value.pictures.length) sessionStorage.setItem(place(id), JSON.stringify(value));
    else sessionStorage.removeItem(place(id));
  } catch { /* full or switched off */ }
}

/** @param {{talk: import('./talk.js').Talk, id: string, onText?: (text: string) => void}} props `onText`: what the samples show */
export function Composer({ talk, id, onText }) {
  const [text, setText] = useState(() => draft(id).text ?? '');
  const pictures = usePictures(), over = useDrop(pictures.add);
  const area = useRef(/** @type {any} */ (null)), chooser = useRef(/** @type {any} */ (null)), shown = useRef(id);
  const busy = talk.busy.value, model = talk.settings.value.model;
  const sight = useSight(model), [asked, setAsked] = useState(''); // `asked`: the model that pictures were wanted for
  const attached = pictures.list.length > 0, seen = attached || path(talk.tree.value).some((one) => one.pictures?.length);
  const ready = (text.trim() || attached) && !busy && !pictures.busy && model && !(attached && sight.blind);
  useEffect(() => {
    const old = draft(id);
    const became = shown.current === '' && id && talk.id.peek() === id && !old.text; // the new talk was given its number: what is written stays
    shown.current = id;
    if (!became) {
      setText(old.text ?? '');
      pictures.setList(old.pictures ?? []);
    }
    focus();
  }, [id]);
  useEffect(() => {
    if (shown.current === id) keep(id, { text, pictures: pictures.list });
    onText?.(text);
  }, [text, pictures.list]);
  useLayoutEffect(() => {
    area.current.style.height = 'auto';
    area.current.style.height = `${Math.min(area.current.scrollHeight + 2, 280)}px`;
  }, [text]);
  const focus = () => matchMedia('(pointer: coarse)').matches || area.current?.focus({ preventScroll: true });
  const send = () => {
    if (!ready) return;
    talk.ask(text.trim(), pictures.list);
    focus();
    keep(id, { text: '', pictures: [] });
    setText('');
    pictures.setList([]);
  };
  const keys = (event) => {
    if (event.key === 'Escape' && busy) return talk.stop(); // shortcuts are not heard while one types
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    if (matchMedia('(pointer: coarse)').matches && !event.ctrlKey && !event.metaKey) return; // a phone's Enter is a new line
    event.preventDefault();
    send();
  };
  const pasted = (event) => event.clipboardData?.files.length && (event.preventDefault(), pictures.add(event.clipboardData.files));
  useKeys({ escape: ['Stop the answer', () => talk.stop()] }, 'Chat');
  return html`${sight.blind && (seen || asked === model) && html`<${Blind} model=${model} others=${sight.others} attached=${attached} seen=${seen} onModel=${(other) => talk.change({ model: other })} onRemove=${() => pictures.setList([])} />`}
  <form class=${cx('composer', { over })} onSubmit=${(e) => (e.preventDefault(), send())}>
    ${(attached || pictures.busy > 0) && html`<div class="attached">${pictures.list.map((one) => html`<span class="attachment" key=${one.id}><img src=${shownAt(one)} alt=${one.name} />
        <button type="button" class="btn ghost only small" aria-label=${`Remove ${one.name}`} onClick=${() => pictures.remove(one.id)}><${Icon} name="close" size="12" /></button></span>`)}
      ${Array.from({ length: pictures.busy }, () => html`<span class="attachment skeleton" role="status" aria-label="The picture is stored"></span>`)}</div>`}
    <textarea ref=${area} rows="1" aria-label="Message" placeholder="Write a message" value=${text} onInput=${(e) => setText(e.target.value)} onKeyDown=${keys} onPaste=${pasted}></textarea>
    <div class="row"><${Button} ghost icon="image" label=${sight.blind ? `${model} takes no pictures` : 'Add pictures (or drop, or paste them)'} onClick=${() => (sight.blind && !attached ? setAsked(model) : chooser.current.click())} />
      <input ref=${chooser} class="hidden" type="file" tabindex="-1" aria-label="Pictures" accept="image/*" multiple onChange=${(e) => (pictures.add([...e.target.files]), (e.target.value = ''))} />
      <span class="faint small grow cut phone-hide">${model ? html`<kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> makes a line` : 'Choose a model first'}</span><span class="grow phone-only"></span>
      ${busy ? html`<${Button} icon="stop" label="Esc" onClick=${() => (talk.stop(), focus())}>Stop<//>` : html`<${Button} type="submit" primary icon="send" disabled=${!ready}>Send<//>`}</div>
    ${over && html`<div class="everywhere">Drop pictures to send them along</div>`}</form>`;
}
