// @ts-check
// How one model's requests are spread: strategy, fallbacks in their order, weights. A model without a rule is balanced.
import { html } from '../../lib.js';
import { del, put, useApi } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Form, useForm } from '../../kit/form.js';
import { Grid } from '../../kit/grid.js';
import { modelOptions, useModels } from '../../kit/models.js';
import { confirm, Dialog, Menu, toast } from '../../kit/overlay.js';
import { Badge, Button, Empty } from '../../kit/parts.js';
import { useQuery } from '../../shell/router.js';

export const STRATEGIES = {
  balanced: 'The least expected wait; then priority, then cost.',
  priority: 'The first in priority that is fit, however long its line.',
  cheapest: 'The lowest cost, then the least wait.',
  fastest: 'The least measured time, the wait included.',
  weighted: 'By chance, in the proportion of the weights.',
};

/** @param {any} rule @param {() => void} done */
const dropped = async (rule, done) => {
  const sure = await confirm({ title: `Remove the rule of ${rule.model}?`, text: 'Its requests are spread as all others: balanced, without fallbacks.', action: 'Remove the rule', danger: true });
  if (!sure) return;
  await del(`/admin/rules?model=${encodeURIComponent(rule.model)}`);
  toast(`The rule of ${rule.model} is removed.`, { seconds: 8, action: ['Undo', () => put('/admin/rules', rule).then(done, toast.error)] });
  done();
};

export function Rules({ rules }) {
  const [, setQuery] = useQuery();
  return html`<${Grid} id="rules" label="Routing rules" rows=${rules.data?.data} rowKey="model" error=${rules.error} retry=${rules.reload} most=${720} onOpen=${(row) => setQuery({ rule: row.model })}
    empty=${html`<${Empty} icon="flow" title="No rule yet" action=${html`<${Button} primary icon="plus" onClick=${() => setQuery({ rule: '*' })}>New rule<//>`}>Without one a model goes to whoever has the least wait.<//>`} columns=${[
    { key: 'model', title: 'Model', width: 220, render: (row) => html`<span class="strong">${row.model}</span>` },
    { key: 'strategy', title: 'Strategy', width: 110, filter: Object.keys(STRATEGIES), render: (row) => html`<${Badge} kind="accent">${row.strategy ?? 'balanced'}<//>` },
    { key: 'fallbacks', title: 'Fallbacks', width: 280, render: (row) => html`<span>${(row.fallbacks ?? []).join(' → ')}</span>` },
    { key: 'weights', title: 'Weights', width: 220, value: (row) => Object.entries(row.weights ?? {}).map(([name, one]) => `${name} ${one}`).join(', ') },
    { key: 'do', title: '', width: 50, sort: false, render: (row) => html`<${Menu} small label=${`Actions of ${row.model}`} items=${[{ label: 'Change', icon: 'edit', onSelect: () => setQuery({ rule: row.model }) }, { label: 'Remove', icon: 'trash', danger: true, onSelect: () => dropped(row, rules.reload).catch(toast.error) }]} />` },
  ]} />`;
}

/** @param {{rules: any[], model: string, onClose: () => void, onDone: () => void}} props `model` empty: a new rule */
export function RuleForm({ rules, model, onClose, onDone }) {
  const rule = rules.find((one) => one.model === model);
  const providers = useApi('/admin/providers');
  const models = useModels('');
  const form = useForm({ model, strategy: rule?.strategy ?? 'balanced', fallbacks: rule?.fallbacks ?? [], weights: Object.entries(rule?.weights ?? {}).map(([name, weight]) => ({ name, weight })) });
  const { values } = form;
  const body = { model: values.model.trim(), strategy: values.strategy, fallbacks: values.fallbacks, weights: Object.fromEntries(values.weights.filter((one) => one.name).map((one) => [one.name, Number(one.weight) || 0])) };
  const names = (providers.data?.data ?? []).filter((one) => one.kind !== 'callbacks').map((one) => one.pool || one.name);
  const close = async () => {
    if (form.dirty && !(await confirm({ title: 'Leave without saving?', text: 'What you changed here is lost.', action: 'Leave', danger: true }))) return;
    onClose();
  };
  return html`<${Dialog} wide sticky title=${rule ? `Rule of ${model}` : 'New rule'} onClose=${close}><div class="col gap-6">
    <${Form} form=${form} submit="Save rule" onSubmit=${() => put('/admin/rules', body)} onDone=${() => (toast(`The rule of ${body.model} is saved; in force within a second.`), onDone())}
      actions=${html`<${Button} onClick=${close}>Cancel<//><span class="grow"></span>${rule && html`<${Button} danger onClick=${() => dropped(rule, onDone)}>Remove<//>`}`} fields=${[
      { name: 'model', label: 'Model', type: 'combo', required: true, free: true, disabled: !!model, options: modelOptions(''), hint: 'As callers name it.', check: (name) => (!model && rules.some((one) => one.model === name.trim()) ? 'It has a rule already: change that one.' : '') },
      { name: 'strategy', label: 'Strategy', type: 'select', required: true, options: Object.keys(STRATEGIES), hint: STRATEGIES[values.strategy] },
      { name: 'weights', label: 'Weights', type: 'custom', show: () => values.strategy === 'weighted', hint: 'Who is not named weighs nothing.', render: ({ value, set, base }) => html`<${Weights} value=${value} set=${set} base=${base} names=${names} />` },
      { name: 'fallbacks', label: 'Fallbacks', type: 'custom', hint: 'Tried in this order when it is unknown, offline, or fails before its first word.', render: ({ value, set, base }) => html`<${Order} value=${value} set=${set} base=${base} models=${models.map((one) => one.id).filter((one) => one !== body.model)} />` },
    ]} />
    <${Call} label="Save this rule" call=${{ method: 'PUT', path: '/admin/rules', body }} /></div><//>`;
}

function Weights({ value, set, base, names }) {
  const change = (i, more) => set(value.map((one, at) => (at === i ? { ...one, ...more } : one)));
  const total = value.reduce((sum, one) => sum + (Number(one.weight) || 0), 0), left = [...new Set(names)].filter((one) => !value.some((each) => each.name === one));
  return html`<div class="entries" id=${base.id} aria-invalid=${base['aria-invalid']} tabindex="-1">${value.map((one, i) => html`<div class="entry" key=${one.name}><span class="strong cut">${one.name} <span class="faint small">${total ? `${Math.round((one.weight / total) * 100)} %` : ''}</span></span>
      <input class="input num" type="number" min="0" step="any" aria-label=${`Weight of ${one.name}`} value=${one.weight} onInput=${(e) => change(i, { weight: Number(e.target.value) })} /><${Button} ghost icon="trash" label=${`Remove ${one.name}`} onClick=${() => set(value.filter((_, at) => at !== i))} /></div>`)}
    ${left.length > 0 && html`<div class="row wrap">${left.map((name) => html`<${Button} small icon="plus" onClick=${() => set([...value, { name, weight: 1 }])}>${name}<//>`)}</div>`}</div>`;
}

function Order({ value, set, base, models }) {
  const move = (i, by) => {
    const next = [...value];
    [next[i], next[i + by]] = [next[i + by], next[i]];
    set(next);
  };
  return html`<div class="entries" id=${base.id} aria-invalid=${base['aria-invalid']} tabindex="-1">${value.map((name, i) => html`<div class="row" key=${name}><span class="faint num">${i + 1}.</span><span class="strong cut grow">${name}</span>
      <${Button} small ghost icon="up" label=${`${name} earlier`} disabled=${i === 0} onClick=${() => move(i, -1)} /><${Button} small ghost icon="down" label=${`${name} later`} disabled=${i === value.length - 1} onClick=${() => move(i, 1)} />
      <${Button} small ghost icon="trash" label=${`Remove ${name}`} onClick=${() => set(value.filter((one) => one !== name))} /></div>`)}
    <select class="input" aria-label="Add a fallback" value="" onChange=${(e) => { if (e.target.value) set([...value, e.target.value]); e.target.value = ''; }}><option value="">Add a model …</option>${models.filter((one) => !value.includes(one)).map((one) => html`<option value=${one}>${one}</option>`)}</select></div>`;
}
