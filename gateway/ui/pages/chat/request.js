// @ts-check
// A talk as the request it becomes; for sending and for the equivalent call in curl, Python and TypeScript.
//
// What a newcomer would get wrong: a picture lies in the key's file area, and a model cannot read that; it travels as a `data:` URL
// which is made here, just before sending.
import { api } from '../../kit/api.js';

/** What a talk is asked with. `system` is a text; `prompt` says which of the library it came from. */
export const SETTINGS = { model: '', system: '', prompt: null, temperature: null, max_tokens: null, top_p: null, seed: null, stop: [], json: false, reasoning_effort: '' };
const NUMBERS = ['temperature', 'max_tokens', 'top_p', 'seed'];

/** @param {any} settings @param {any[]} nodes from the first to the question @param {(picture: any) => string} url @returns {any} */
export function asked(settings, nodes, url) {
  const said = nodes.filter((one) => one.content || one.pictures?.length).map((one) => ({ role: one.role, content: content(one, url) }));
  const messages = settings.system.trim() ? [{ role: 'system', content: settings.system }, ...said] : said;
  const body = { model: settings.model, messages, stream: true, stream_options: { include_usage: true } };
  for (const name of NUMBERS) if (settings[name] !== null && settings[name] !== undefined && settings[name] !== '') body[name] = settings[name];
  if (settings.stop.length) body.stop = settings.stop;
  if (settings.json) body.response_format = { type: 'json_object' };
  if (settings.reasoning_effort) body.reasoning_effort = settings.reasoning_effort;
  return body;
}

function content(node, url) {
  const text = node.role === 'assistant' ? thought(node).text : node.content;
  if (!node.pictures?.length) return text;
  return [...(text ? [{ type: 'text', text }] : []), ...node.pictures.map((one) => ({ type: 'image_url', image_url: { url: url(one) } }))];
}

/** What a model thought, apart from what it said; small ones write `<think>` into the answer itself. @param {any} node */
export function thought(node) {
  const found = /^\s*<think>([\s\S]*?)(?:<\/think>\s*|$)/.exec(node.content ?? '');
  return { reasoning: [node.reasoning, found?.[1].trim()].filter(Boolean).join('\n\n'), text: found ? node.content.slice(found[0].length) : node.content ?? '' };
}

/** The pictures of these nodes as `data:` URLs, by id. Raises `ApiError` when one is no longer kept. @param {any[]} nodes @param {AbortSignal} [signal] */
export async function carried(nodes, signal) {
  const urls = new Map();
  for (const one of nodes.flatMap((node) => node.pictures ?? [])) {
    if (urls.has(one.id)) continue;
    try {
      urls.set(one.id, await dataUrl(await api(`/files/${one.id}/content`, { as: 'blob', signal, headers: { accept: '*/*' } })));
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) /** @type {any} */ (error).message = `The picture “${one.name}” is no longer kept here. Edit the message and attach it again.`;
      throw error;
    }
  }
  return (picture) => urls.get(picture.id);
}

/** @param {Blob} blob @returns {Promise<string>} */
const dataUrl = (blob) => new Promise((done, fail) => {
  const reader = new FileReader();
  reader.onload = () => done(String(reader.result));
  reader.onerror = () => fail(reader.error);
  reader.readAsDataURL(blob);
});

/** For the samples: what a program would put there. */
export const example = (picture) => `data:${picture.type};base64,…`;
