// @ts-check
// Whether a model takes pictures, as far as the server knows, and the way on where it does not.
//
//   const sight = useSight('smollm2:135m');     // {blind, others}: `blind` only when it is known to take none; `others` that take some
import { html } from '../../lib.js';
import { sees, useModels } from '../../kit/models.js';
import { Button, Notice } from '../../kit/parts.js';

/** @param {string} model @returns {{blind: boolean, others: string[]}} */
export function useSight(model) {
  const served = useModels('chat');
  const one = served.find((each) => each.id === model);
  return { blind: !!one && sees(one) === false, others: served.filter(sees).map((each) => each.id) };
}

/** Said as soon as a picture meets such a model, before the provider has to refuse it. */
export function Blind({ model, others, attached, seen, onModel, onRemove }) {
  const first = others[0];
  return html`<${Notice} kind="warn" title=${`${model} takes no pictures.`} action=${html`<div class="row wrap">
      ${first && html`<${Button} small onClick=${() => onModel(first)}>Use ${first}<//>`}${attached && html`<${Button} small ghost onClick=${onRemove}>Remove the pictures<//>`}</div>`}>
    ${seen && !attached ? 'This chat has some, and they go along with every message. ' : ''}${first ? '' : 'No model served now is known to take them.'}<//>`;
}
