// @ts-check
// One file and one transform of it: the editor, the numbers, the run, what came of it, and on with that.
import { html, useEffect, useState } from '../../lib.js';
import { Call } from '../../kit/code.js';
import { Form, useForm } from '../../kit/form.js';
import { MediaInput, ResultGallery } from '../../kit/media.js';
import { Button, Card } from '../../kit/parts.js';
import { seconds } from '../../kit/time.js';
import { go } from '../../shell/router.js';
import { fileOf, kindOf } from '../area/kinds.js';
import { begun, Running, useEnd, useRun } from '../area/run.js';
import { Editor } from './editor.js';
import { bodyOf, OPS, opsOf, queryOf, valuesIn } from './ops.js';

export const GROUP = 'transforms';
/** @returns {[string, Record<string, any>]} */
const address = (op, query) => [`/ui/transforms/${op}`, query];

/** @param {{op: string, file: any, query: Record<string, string>, setQuery: (more: any) => void}} props */
export function Bench({ op, file, query, setQuery }) {
  const form = useForm(valuesIn(op, query)), run = useRun();
  const [size, setSize] = useState(/** @type {any} */ (null));
  const { values } = form, about = OPS[op];
  const set = (change) => Object.entries(change).forEach(([name, value]) => form.set(name, value));
  useEffect(() => {
    if (query.watermark) fileOf(query.watermark).then((mark) => form.set('watermark', mark), () => {});
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setQuery(queryOf(op, values)), 400);
    return () => clearTimeout(timer);
  }, [values]);
  useEffect(() => void run.attach(query.job), [query.job]);
  useEffect(() => {
    if (run.error?.param) form.fail(run.error, about.fields.map((one) => one.name)); // at its field; the rest stands beside
  }, [run.state]);
  useEnd(GROUP, run, query.run);
  const body = bodyOf(op, file.id, values);
  const start = async () => {
    const job = await run.start(`/media/${op}`, body), said = queryOf(op, values);
    setQuery({ ...said, job, run: '' });
    const thread = await begun(GROUP, { title: `${about.title}: ${file.file_name}`, about: `${op} ·`, body: { op, file: file.id, query: said } }, job);
    if (thread) setQuery({ run: thread.id });
  };
  const made = run.state === 'done' ? run.result?.artifacts ?? [] : [];
  const seen = (section) => section && run.started && !section.dataset.seen && ((section.dataset.seen = 'yes'), section.scrollIntoView({ block: 'nearest', behavior: 'smooth' }));
  const next = (item) => go(...address(sameKind(op, item), { file: item.id }));
  const percents = op.startsWith('scale_') && size && html`<div class="row wrap">${[25, 50, 75, 200].map((part) => html`<${Button} small onClick=${() => set({ width: Math.max(1, Math.round((size.width * part) / 100)), height: null })}>${part} %<//>`)}</div>`;
  return html`<div class="workbench"><div class="col gap-4"><${Editor} op=${op} file=${file} values=${values} set=${set} size=${size} onSize=${setSize} /></div>
      <div class="col gap-4"><${Card} title=${about.title}><${Form} two form=${form} fields=${about.fields.map(shown)} submit=${about.act} icon=${about.icon} onSubmit=${start}>${percents}<//><//><${Running} run=${run} /></div></div>
    <div aria-live="polite">${made.length > 0 && html`<section class="col gap-3" ref=${seen}><h2>Result${run.took ? html` <span class="faint small num">${seconds(run.took)}</span>` : ''}</h2>
        <${ResultGallery} items=${made} onGone=${() => (run.clear(), setQuery({ job: '', run: '' }))} />
        <div class="row wrap"><span class="small soft">Use it as the input of</span>${made.slice(0, 1).map((item) => opsOf(kindOf(item)).map((one) => html`<${Button} key=${one} small icon=${OPS[one].icon} onClick=${() => go(...address(one, { file: item.id }))}>${OPS[one].title}<//>`))}
          ${made[0] && kindOf(made[0]) !== OPS[op].kind && html`<${Button} small onClick=${() => next(made[0])}>Go on with it<//>`}</div></section>`}</div>
    <${Call} label="The same from a program" call=${{ path: `/media/${op}`, body }} />`;
}

const sameKind = (op, item) => (opsOf(kindOf(item)).includes(op) ? op : opsOf(kindOf(item))[0] ?? op);

/** The form's own field for what is a file. */
function shown(field) {
  if (field.type !== 'watermark') return field;
  return { ...field, type: 'custom', render: ({ value, set, base }) => html`<${MediaInput} label="Watermark" accept="image/*" value=${value} onChange=${set} base=${base} paste />` };
}

/** Of a file that the address names: itself once it is known. */
export function useFile(id) {
  const [told, setTold] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let current = true;
    setTold(null);
    if (id) fileOf(id).then((file) => current && setTold({ file }), (error) => current && setTold({ error }));
    return () => (current = false);
  }, [id]);
  return id ? told : { file: null };
}
