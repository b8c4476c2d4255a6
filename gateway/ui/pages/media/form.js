// @ts-check
// The form of a feature: its fields, the rarer ones folded under "More options", run by the button or Ctrl-Enter.
import { html, useEffect, useRef, useState } from '../../lib.js';
import { check, Field } from '../../kit/form.js';
import { Icon } from '../../kit/icons.js';
import { useKeys } from '../../kit/keys.js';
import { modelOptions } from '../../kit/models.js';
import { MediaInput } from '../../kit/media.js';
import { Button, Failed } from '../../kit/parts.js';
import { pref } from '../../kit/store.js';
import { chance } from './values.js';
import { MaskField } from './mask.js';
import { Recorder } from './recorder.js';

/**
 * @param {{feature: import('./features.js').Feature, form: any, onRun: (values: any) => Promise<any>, busy?: boolean, painter: {current: any}}} props
 */
export function MediaForm({ feature, form, onRun, painter }) {
  const box = useRef(/** @type {any} */ (null)), [refused, setRefused] = useState(0);
  const more = pref(`media.more.${feature.op}`, false);
  const model = { name: 'model', label: 'Model', type: 'combo', free: true, options: modelOptions(feature.op), placeholder: 'the first that can' };
  const fields = [...feature.fields.filter((one) => !one.more), model].filter((one) => !one.show || one.show(form.values));
  const rare = feature.fields.filter((one) => one.more && (!one.show || one.show(form.values)));
  const all = [...fields, ...rare];
  useEffect(() => {
    if (!refused) return;
    const bad = box.current?.querySelector('[aria-invalid="true"], .error');
    (bad?.matches('.error') ? bad.closest('.field')?.querySelector('input, canvas, button') : bad)?.focus();
    bad?.closest('.field')?.querySelector('.error')?.scrollIntoView({ block: 'nearest' }); // it may stand behind the button
  }, [refused]);
  const run = async (event) => {
    event?.preventDefault();
    if (form.busy) return;
    const wrong = check(all, form.values);
    form.complain(wrong);
    if (Object.keys(wrong).some((name) => rare.some((one) => one.name === name))) more.value = true;
    if (Object.keys(wrong).length) return setRefused((n) => n + 1);
    form.setBusy(true);
    form.fail(null);
    try {
      await onRun(form.values);
    } catch (error) {
      form.fail(error, all.map((one) => one.name));
      if (rare.some((one) => error.fields?.[one.name])) more.value = true;
      setRefused((n) => n + 1);
    } finally {
      form.setBusy(false);
    }
  };
  useKeys({ 'mod+enter': [feature.submit, () => void run()] }, feature.title);
  const shown = (field) => html`<${Field} key=${field.name} field=${own(field, form, painter)} form=${form} />`;
  return html`<form ref=${box} class="form" noValidate aria-label=${feature.title} onSubmit=${run}>
    ${fields.map(shown)}
    ${rare.length > 0 && html`<button type="button" class="btn ghost fold" aria-expanded=${String(more.value)} onClick=${() => (more.value = !more.value)}><${Icon} name=${more.value ? 'down' : 'right'} size="14" />${more.value ? 'Fewer options' : 'More options'}</button>`}
    ${more.value && rare.map(shown)}
    ${form.failed && html`<${Failed} error=${form.failed} />`}
    <div class="foot row"><${Button} type="submit" primary icon=${feature.icon} busy=${form.busy} label="Ctrl+Enter">${feature.submit}<//><span class="faint small phone-hide"><kbd>Ctrl</kbd> <kbd>↵</kbd></span></div>
  </form>`;
}

/** Our types of fields as kit/form.js draws them. */
function own(field, form, painter) {
  if (field.type === 'size') return { ...field, type: 'select' };
  if (field.type === 'mask') return { ...field, type: 'custom', full: true, render: ({ value, set, base }) => html`<${MaskField} image=${form.values[field.over]} value=${value} onChange=${set} base=${base} painter=${painter} />` };
  if (field.type === 'seed') return { ...field, type: 'custom', render: ({ value, set, base }) => html`<${Seed} value=${value} set=${set} base=${base} />` };
  if (field.type !== 'media') return field;
  const extra = field.record ? (take) => html`<${Recorder} onDone=${(file) => take([file])} />` : undefined;
  return { ...field, type: 'custom', full: true, render: ({ value, set, base }) => html`<${MediaInput} label=${field.label} accept=${field.accept} many=${field.many} paste=${field.paste} everywhere=${field.everywhere} value=${value} onChange=${set} base=${base} extra=${extra} />` };
}

function Seed({ value, set, base }) {
  return html`<div class="row"><input class="input num grow" type="number" min="0" step="1" placeholder="by chance" value=${value ?? ''} ...${base} onInput=${(e) => set(e.target.value === '' ? '' : Number(e.target.value))} />
    <${Button} icon="refresh" label="Another seed" onClick=${() => set(chance())} />${value !== '' && value !== null && html`<${Button} ghost icon="close" label="By chance again" onClick=${() => set('')} />`}</div>`;
}
