// @ts-check
// One message as it is read: the words, the pictures, what was thought, how it went, and what can be done with it.
import { cx, html, useEffect, useRef, useState } from '../../lib.js';
import { Icon } from '../../kit/icons.js';
import { Markdown } from '../../kit/markdown.js';
import { Button, Copy, Failed, Notice } from '../../kit/parts.js';
import { count, exact, money } from '../../kit/time.js';
import { speed } from './answer.js';
import { shownAt } from './pictures.js';
import { thought } from './request.js';
import { siblings } from './tree.js';

/** @param {{talk: import('./talk.js').Talk, node: any, last: boolean, onSetup: () => void}} props */
export function Message({ talk, node, last, onSetup }) {
  const coming = talk.live.value?.id === node.id;
  const now = coming ? { ...node, ...talk.live.value } : node;
  return node.role === 'user' ? html`<${Question} talk=${talk} node=${node} />` : html`<${Answer} talk=${talk} node=${now} coming=${coming} last=${last} onSetup=${onSetup} />`;
}

function Question({ talk, node }) {
  const [editing, setEditing] = useState(false);
  const busy = talk.busy.value;
  return html`<article class="said user" aria-label="You">
    ${node.pictures?.length > 0 && html`<div class="pictures">${node.pictures.map((one) => html`<${Picture} key=${one.id} one=${one} />`)}</div>`}
    ${editing ? html`<${Edit} node=${node} busy=${busy} onClose=${() => setEditing(false)} onSend=${(text) => (setEditing(false), talk.edit(node.id, text))} />`
      : node.content && html`<div class="bubble">${node.content}</div>`}
    ${!editing && html`<footer class="acts"><${Branches} talk=${talk} node=${node} />
      <${Copy} text=${node.content} label="Copy the message" />
      <${Button} ghost small icon="edit" label="Edit, and go on from here" disabled=${busy} onClick=${() => setEditing(true)} /></footer>`}
  </article>`;
}

function Picture({ one }) {
  const [gone, setGone] = useState(false);
  if (gone) return html`<span class="badge warn"><${Icon} name="image" size="13" />${one.name} is no longer kept</span>`;
  return html`<a href=${shownAt(one)} target="_blank" rel="noopener" data-tip=${one.name}><img src=${shownAt(one)} alt=${one.name} onError=${() => setGone(true)} /></a>`;
}

function Edit({ node, busy, onClose, onSend }) {
  const [text, setText] = useState(node.content);
  const area = useRef(/** @type {any} */ (null));
  useEffect(() => {
    area.current.focus();
    area.current.setSelectionRange(text.length, text.length);
  }, []);
  const send = () => (text.trim() || node.pictures?.length) && !busy && onSend(text.trim());
  const keys = (event) => {
    if (event.key === 'Escape') (event.stopPropagation(), onClose());
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) (event.preventDefault(), event.stopPropagation(), send());
  };
  return html`<div class="col editing"><textarea ref=${area} class="input" aria-label="Edit your message" rows=${Math.min(12, text.split('\n').length + 1)} value=${text} onInput=${(e) => setText(e.target.value)} onKeyDown=${keys}></textarea>
    <div class="row end"><span class="faint small grow">The old branch stays; the arrows under the message lead back to it.</span><${Button} small onClick=${onClose}>Cancel<//>
      <${Button} small primary disabled=${busy} label="Ctrl+Enter" onClick=${send}>Send<//></div></div>`;
}

function Answer({ talk, node, coming, last, onSetup }) {
  const { reasoning, text } = thought(node);
  const waits = coming && !text && !reasoning;
  const json = !coming && talk.settings.value.json && /^\s*[{[]/.test(text) ? `\`\`\`json\n${text}\n\`\`\`` : text;
  return html`<article class=${cx('said assistant', { last })} aria-label="Answer" aria-busy=${coming ? 'true' : null}>
    ${reasoning && html`<${Reasoning} text=${reasoning} coming=${coming && !text} />`}
    ${waits ? html`<div class="waiting" role="status"><i></i><i></i><i></i><span class="hidden">Waiting for the first word</span></div>` : text && html`<${Markdown} text=${json} live=${coming} />`}
    ${node.error && html`<${Broken} talk=${talk} node=${node} onSetup=${onSetup} />`}
    ${node.stopped && !node.error && html`<p class="faint small row"><${Icon} name="stop" size="13" />Stopped${text ? '; what came is kept' : ' before the first word'}</p>`}
    ${!coming && node.meta?.finish === 'length' && html`<${Notice} kind="warn">The answer reached its limit of tokens. A larger “Most tokens” lets it end.<//>`}
    ${!coming && (text || node.stopped || !node.error) && html`<footer class="acts"><${Branches} talk=${talk} node=${node} />
      ${text && html`<${Copy} text=${text} label="Copy the answer" />`}
      <${Button} ghost small icon="refresh" label="Answer again" disabled=${talk.busy.value} onClick=${() => void talk.again(node.id)} />
      <${Meta} node=${node} /></footer>`}
  </article>`;
}

function Reasoning({ text, coming }) {
  const [open, setOpen] = useState(false);
  return html`<details class="thought" open=${open} onToggle=${(e) => setOpen(e.currentTarget.open)}><summary class=${cx({ coming })}><${Icon} name="right" size="13" />${coming ? 'Thinking …' : 'Reasoning'}</summary>
    ${open && html`<${Markdown} text=${text} live=${coming} class="soft small" />`}</details>`;
}

/** Its words, and the way on. What is wrong with a setting leads to the settings. */
function Broken({ talk, node, onSetup }) {
  const { error } = node;
  const about = error.param && error.param !== 'messages';
  return html`<div class="col"><${Failed} error=${error} retry=${talk.busy.value ? null : () => void talk.again(node.id)} />
    ${about && html`<div><${Button} small icon="settings" onClick=${onSetup}>Change “${error.param}”<//></div>`}</div>`;
}

/** ‹ 2 / 3 › */
function Branches({ talk, node }) {
  const all = talk.tree.value.nodes[node.id] ? siblings(talk.tree.value, node.id) : [];
  if (all.length < 2) return null;
  const at = all.indexOf(node.id), busy = talk.busy.value;
  return html`<span class="branches row" role="group" aria-label="Branches"><${Button} ghost small icon="left" label="The branch before" disabled=${busy || at === 0} onClick=${() => talk.see(all[at - 1])} />
    <span class="num small">${at + 1} / ${all.length}</span><${Button} ghost small icon="right" label="The next branch" disabled=${busy || at === all.length - 1} onClick=${() => talk.see(all[at + 1])} /></span>`;
}

/** Who answered, how fast, and what it cost. */
function Meta({ node }) {
  const meta = node.meta ?? {}, fast = speed(meta);
  const parts = [
    meta.model && [meta.model, 'The model that answered'],
    meta.provider && [meta.provider + (meta.attempts > 1 ? ` (attempt ${meta.attempts})` : ''), 'The provider'],
    meta.tokens_out !== undefined && [`${meta.tokens_in === undefined ? '' : `${count(meta.tokens_in)} → `}${meta.guessed ? '≈ ' : ''}${count(meta.tokens_out)} tokens`, meta.tokens_reasoning ? `${count(meta.tokens_reasoning)} of them thought` : 'Read → written'],
    fast && [`${fast < 10 ? fast.toFixed(1) : Math.round(fast)} tokens/s`, `From the first token to the last; ${(meta.seconds ?? 0).toFixed(1)} s in all`],
    meta.first !== undefined && [`first after ${meta.first < 1 ? `${Math.round(meta.first * 1000)} ms` : `${meta.first.toFixed(1)} s`}`, 'Time to the first token'],
    meta.cached && ['from the cache', 'It cost nothing'],
    meta.cost !== undefined && meta.cost !== null && [`${meta.estimated ? '≈ ' : ''}${money(meta.cost)}`, meta.estimated ? 'By the maker’s list price' : 'What it cost'],
  ].filter(Boolean);
  return html`<span class="meta faint small num" data-tip=${exact(node.at / 1000)}>${parts.map(([text, tip]) => html`<span data-tip=${tip}>${text}</span>`)}</span>`;
}
