// @ts-check
// Pictures, films and sounds changed without a model: crop, scale, convert, watermark, trim. The result is the next one's input.
import { html, sheet, useEffect, useState } from '../lib.js';
import { Icon } from '../kit/icons.js';
import { Page } from '../kit/layout.js';
import { MediaInput } from '../kit/media.js';
import { Button, Card, Failed, Skeleton } from '../kit/parts.js';
import { openThread } from '../kit/threads.js';
import { Call } from '../kit/code.js';
import { Tabs } from '../kit/tabs.js';
import { go, useQuery } from '../shell/router.js';
import { kindOf } from './area/kinds.js';
import { Past } from './area/past.js';
import { Bench, GROUP, useFile } from './transforms/bench.js';
import { bodyOf, KINDS, OPS, opsOf } from './transforms/ops.js';

await sheet(new URL('./area/area.css', import.meta.url));
await sheet(new URL('./transforms/transforms.css', import.meta.url));

const FIRST = { image: 'crop_image', video: 'trim_video', audio: 'trim_audio' };

export default function Transforms({ params }) {
  const [query, setQuery] = useQuery();
  const [lost, setLost] = useState(/** @type {any} */ (null)), [opened, setOpened] = useState(0);
  const told = useFile(query.file);
  const file = told?.file, kind = OPS[params.op]?.kind ?? (file ? kindOf(file) : 'image');
  const op = OPS[params.op] ? params.op : FIRST[kind] ?? 'crop_image';
  useEffect(() => {
    if (!query.run || params.op) return;
    openThread(query.run).then(({ id, body }) => (setOpened(id), go(`/ui/transforms/${body.op}`, { ...body.query, file: body.file, job: body.runs[0]?.job, run: id }, { replace: true })), setLost);
  }, [query.run, params.op]);
  const fits = file && kindOf(file) === OPS[op].kind;
  const to = (next) => go(`/ui/transforms/${next}`, { file: file && kindOf(file) === OPS[next].kind ? file.id : '' });
  const take = (item) => item && go(`/ui/transforms/${kindOf(item) === OPS[op].kind ? op : FIRST[kindOf(item)] ?? op}`, { file: item.id });
  return html`<${Page} title="Transforms" about="Change pictures, video and sound. Nothing is drawn anew: what you see is what you keep." actions=${html`<${Past} group=${GROUP} at=${query.run} href=${(id) => `/ui/transforms?run=${id}`} fresh="/ui/transforms" noun="transform" />`}>
    <div class="row wrap gap-4"><${Tabs} pills label="Kind of file" tabs=${KINDS} value=${OPS[op].kind} onChange=${(id) => to(FIRST[id])} />
      <nav class="row wrap gap-1" aria-label="Transform">${opsOf(OPS[op].kind).map((one) => html`<${Button} key=${one} small ghost icon=${OPS[one].icon} class=${one === op ? 'on' : ''} aria-current=${one === op ? 'page' : null} href=${`/ui/transforms/${one}${fits ? `?file=${file.id}` : ''}`}>${OPS[one].title}<//>`)}</nav>
      ${fits && html`<span class="grow"></span><span class="small soft row"><${Icon} name="file" size="14" /><a class="cut" href=${`/ui/files?file=${file.id}`}>${file.file_name}</a><${Button} small onClick=${() => go(`/ui/transforms/${op}`)}>Another file<//></span>`}</div>
    ${lost && html`<${Failed} error=${lost} />`}
    ${query.file && !told ? html`<${Skeleton} lines=${6} />` : told?.error ? html`<div class="col"><${Failed} error=${told.error} /><div><${Button} onClick=${() => go(`/ui/transforms/${op}`)}>Choose another file<//></div></div>`
      : fits ? html`<${Bench} key=${`${op} ${file.id} ${opened}`} op=${op} file=${file} query=${query} setQuery=${setQuery} />`
      : html`<${Start} op=${op} take=${take} wrong=${file} />`}<//>`;
}

const NAMES = { image: 'an image', video: 'a video', audio: 'a sound' };

function Start({ op, take, wrong }) {
  const { kind, title } = OPS[op];
  return html`<div class="col gap-4"><${Card} title=${`${title} ${NAMES[kind]}`}><div class="col gap-3">
      ${wrong && html`<p class="soft">“${wrong.file_name}” is no ${kind}.</p>`}
      <${MediaInput} label=${KINDS.find(([id]) => id === kind)?.[1] ?? 'File'} accept=${`${kind}/*`} value=${null} onChange=${take} everywhere paste />
      <p class="small faint">Drop it anywhere on this page. It goes into your private files, so that nothing is lost on reload.</p></div><//>
    <${Call} call=${sampleOf(op)} /></div>`;
}

const SAMPLE = {
  crop_image: { width: 400, height: 300 }, crop_video: { width: 400, height: 300 }, scale_image: { width: 800 }, scale_video: { width: 1280 },
  trim_video: { start_time: 1, end_time: 5 }, trim_audio: { start_time: 1, end_time: 5 },
};
const NAMED = { image: 'picture.png', video: 'video.mp4', audio: 'sound.mp3' };

/** Before a file is chosen: a file of the program's own goes along, as a part of a form. */
function sampleOf(op) {
  const { kind } = OPS[op], { [kind]: _, ...form } = bodyOf(op, '', { ...OPS[op].start, ...SAMPLE[op] });
  return { path: `/media/${op}`, form, files: { [kind]: NAMED[kind], ...(op.startsWith('watermark_') && { watermark: 'logo.png' }) } };
}
