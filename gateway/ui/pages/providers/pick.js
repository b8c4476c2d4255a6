// @ts-check
// Models of an Ollama or a ComfyUI, asked live: what is there is marked so, what was chosen and is not there too.
import { html, useState } from '../../lib.js';
import { get, post, useApi } from '../../kit/api.js';
import { fuzzy } from '../../kit/fuzzy.js';
import { Icon } from '../../kit/icons.js';
import { Dialog } from '../../kit/overlay.js';
import { Badge, Button, Empty, Loaded } from '../../kit/parts.js';
import { bytes } from '../../kit/time.js';

const EMBEDS = /embed|minilm|bge|nomic|e5-/i;
const ENLARGES = /esrgan|upscal|lanczos|bicubic|bislerp|nearest|^\d?x\d|_x\d/i;
/** Model types of the dialect -> operations. */
const OPS = { TextToImage: 'text_to_image', ImageUpscale: 'image_upscale', TextToSpeech: 'text_to_speech', TextToAudio: 'text_to_audio', SpeechToText: 'speech_to_text', ImageToText: 'image_to_text', ImageToImage: 'image_to_image', ImageWithMask: 'image_with_mask' };

/** What the server at that address has. @param {{kind: string, base_url: string, key: string}} where @returns {Promise<any[]>} rows `{name, native, op, more}` */
export async function look({ kind, base_url, key }) {
  if (kind === 'ollama') {
    const found = await get('/api/GetOllamaModels', { ApiBaseUrl: base_url });
    return (found.results ?? []).map((one) => ({ name: one.model || one.name, native: one.model || one.name, op: EMBEDS.test(one.name) || one.details?.family?.includes('bert') ? 'embeddings' : 'chat',
      more: [one.details?.parameterSize, one.details?.quantizationLevel, one.size ? bytes(one.size) : ''].filter(Boolean).join(' · ') }));
  }
  const [found, known] = await Promise.all([post('/api/GetComfyModels', { apiBaseUrl: base_url, ...(key ? { apiKey: key } : {}) }), get('/api/QueryMediaModels').catch(() => ({}))]);
  const ours = new Map((known.results ?? []).flatMap((one) => Object.values(one.apiModels ?? {}).map((native) => [native, one])));
  return (found.results ?? []).map((native) => {
    const one = ours.get(native);
    return { name: one?.id ?? native.replace(/\.(safetensors|ckpt|gguf|pth?|bin)$/i, ''), native, op: OPS[one?.type] ?? (ENLARGES.test(native) ? 'image_upscale' : 'text_to_image'), more: one ? 'in the catalogue' : '' };
  });
}

/** @param {{where: {kind: string, base_url: string, key: string}, chosen: any[], onClose: () => void, onUse: (list: any[]) => void}} props */
export function PickDialog({ where, chosen, onClose, onUse }) {
  const found = useApi(() => look(where), { deps: [where.base_url] });
  const theirs = (one) => one.native || one.name;
  const [picked, setPicked] = useState(() => new Set(chosen.map(theirs)));
  const [typed, setTyped] = useState('');
  const there = found.data ?? [];
  const missing = found.data ? chosen.filter((one) => !there.some((each) => theirs(each) === theirs(one))) : [];
  const rows = fuzzy([...there.map((one) => ({ ...one, there: true })), ...missing.map((one) => ({ ...one, there: false }))], typed, (one) => `${one.name} ${one.native ?? ''}`);
  const toggle = (one) => setPicked((old) => {
    const next = new Set(old);
    if (!next.delete(theirs(one))) next.add(theirs(one));
    return next;
  });
  const use = () => {
    const kept = chosen.filter((one) => picked.has(theirs(one)));
    const fresh = there.filter((one) => picked.has(theirs(one)) && !kept.some((each) => theirs(each) === theirs(one)));
    onUse([...kept, ...fresh.map(({ name, native, op }) => ({ name, native, op }))]);
  };
  const all = there.length > 0 && there.every((one) => picked.has(theirs(one)));
  return html`<${Dialog} title=${`Models of ${where.base_url}`} onClose=${onClose} footer=${html`<button class="btn" type="button" onClick=${onClose}>Cancel</button>
      <${Button} primary disabled=${!found.data} onClick=${use}>Use ${picked.size} ${picked.size === 1 ? 'model' : 'models'}<//>`}>
    <div class="col gap-3"><p class="soft small">Asked just now by this server, at the address in the form.</p>
    <${Loaded} of=${found} lines=${5}>${() => (!rows.length && !typed ? html`<${Empty} icon="cube" title="It has no models">Pull one there (<code>ollama pull llama3.2</code>), then look again.<//>`
      : html`<div class="row"><div class="within grow"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search these models" placeholder="Search" value=${typed} onInput=${(e) => setTyped(e.target.value)} /></div>
          <${Button} small onClick=${() => setPicked(new Set(all ? [] : there.map(theirs)))}>${all ? 'None' : 'All'}<//><${Button} small ghost icon="refresh" label="Look again" onClick=${found.reload} /></div>
        <div class="picks">${rows.map((one) => html`<label class="pick" key=${theirs(one)}><input type="checkbox" checked=${picked.has(theirs(one))} onChange=${() => toggle(one)} />
          <span class="grow col gap-1"><span class="strong cut">${theirs(one)}</span>${one.more && html`<span class="faint small cut">${one.more}</span>`}</span>
          <span class="faint small phone-hide">${one.op?.replaceAll('_', ' ')}</span>${one.there ? html`<${Badge} kind="ok" dot>there<//>` : html`<${Badge} kind="bad" dot>not there<//>`}</label>`)}</div>`)}<//></div><//>`;
}
