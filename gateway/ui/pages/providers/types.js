// @ts-check
// What sorts of providers there are, as cards: from the catalogue, the dialect's lists of AI and media types, and the kinds built in.
import { html } from '../../lib.js';
import { get, useApi } from '../../kit/api.js';
import { Icon } from '../../kit/icons.js';
import { Loaded } from '../../kit/parts.js';
import { Tile } from '../admin/parts.js';

/** Kinds that work in this server's own processes: no address, no key. */
const HERE = {
  local: ['Local model', 'A small language model in this very process: no key, no GPU.'],
  speech: ['Speech', 'Whisper hears and Piper speaks, on this machine.'],
  image: ['Image tools', 'Convert, crop, scale and watermark pictures.'],
  ffmpeg: ['Video and audio', 'Convert, crop, scale and trim with ffmpeg.'],
};
/** How an engine of the dialect's media types is called here. */
const ENGINES = { Comfy: 'comfyui', Replicate: 'replicate', OpenAi: 'openai' };
/** How they write themselves, where the dialect's lists write it otherwise or not at all. */
const NAMES = { openai: 'OpenAI', deepseek: 'DeepSeek', xai: 'xAI', together: 'Together AI', vllm: 'vLLM', lmstudio: 'LM Studio', 'llama-server': 'llama.cpp server' };
const host = (url) => String(url ?? '').split('//')[1]?.split('/')[0] ?? '';
export const LISTS = ['ollama', 'comfyui'];

/** Everything a card needs. @returns {Promise<any[]>} */
export async function allTypes() {
  const [catalogue, ai, media] = await Promise.all([
    get('/admin/catalogue'), get('/api/QueryAiTypes').catch(() => ({})), get('/api/QueryMediaTypes').catch(() => ({})),
  ]);
  const theirs = [...(ai.results ?? []), ...(media.results ?? [])];
  const titled = (id, url) => NAMES[id] ?? theirs.find((one) => host(one.apiBaseUrl) && host(one.apiBaseUrl) === host(url))?.id ?? id;
  const listed = Object.entries(catalogue.types).map(([id, one]) => ({
    id, type: id, kind: one.kind, title: titled(id, one.base_url), base_url: one.base_url, env: one.env ?? [], docs: one.docs, priority: one.priority, slots: one.slots, headers: one.headers ?? {},
    group: one.kind === 'replicate' ? 'media' : 'ai', about: host(one.base_url),
  }));
  const own = { id: 'custom', type: '', kind: 'openai', title: 'OpenAI-compatible', base_url: '', env: [], group: 'ai', about: 'Any other server', docs: '' };
  const more = (media.results ?? []).filter((one) => !listed.some((each) => each.group === 'media' && each.kind === ENGINES[one.provider])).map((one) => {
    const known = listed.find((each) => each.id === ENGINES[one.provider]);
    return { ...known, id: `media-${ENGINES[one.provider]}`, type: known?.type ?? '', kind: ENGINES[one.provider], title: one.id, base_url: known?.base_url ?? one.apiBaseUrl, env: known?.env ?? [], group: 'media', about: host(one.apiBaseUrl), docs: one.website, media: true };
  });
  const here = Object.entries(HERE).filter(([kind]) => catalogue.kinds.includes(kind)).map(([kind, [title, about]]) => ({ id: kind, type: '', kind, title, about, base_url: '', env: [], group: 'here', here: true, docs: '' }));
  return [...listed, own, ...more, ...here];
}

/** The card that a provider was made from, as far as one can tell. */
export const typeOf = (provider, types) => types.find((one) => one.type && one.type === provider.type)
  ?? types.find((one) => one.type === provider.name && one.kind === provider.kind)
  ?? types.find((one) => host(one.base_url) && host(one.base_url) === host(provider.base_url) && one.kind === provider.kind)
  ?? types.find((one) => one.kind === provider.kind && one.id !== 'openai' && !(one.kind === 'openai' && one.type)) ?? null;

/** The cards come after the dialog has opened: the first takes the focus then. */
const first = (node) => node && document.activeElement?.matches('dialog .btn, dialog, body') && node.focus();
const GROUPS = [['ai', 'Chat and embeddings'], ['media', 'Pictures, sound and video'], ['here', 'On this machine']];

/** @param {{onPick: (type: any) => void}} props */
export function TypeCards({ onPick }) {
  const types = useApi(allTypes, { deps: [] });
  return html`<${Loaded} of=${types} lines=${8}>${(list) => html`<div class="col gap-6">${GROUPS.map(([id, title]) => html`<section class="col gap-3" aria-label=${title}><h3>${title}</h3><div class="types">
    ${list.filter((one) => one.group === id).map((one, i) => html`<button type="button" class="type" key=${one.id} ref=${id === 'ai' && i === 0 ? first : null} onClick=${() => onPick(one)}><${Tile} name=${one.title} />
      <span class="col grow gap-1"><span class="strong cut">${one.title}</span><span class="faint small">${one.about}</span></span><${Icon} name="right" size="14" class="faint" /></button>`)}</div></section>`)}</div>`}<//>`;
}
