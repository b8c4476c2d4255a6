// @ts-check
// Where a request would go now, and why: nothing is sent. The question is in the address, so that a colleague sees the same.
import { html } from '../../lib.js';
import { useApi } from '../../kit/api.js';
import { Call } from '../../kit/code.js';
import { Combo } from '../../kit/combo.js';
import { modelOptions } from '../../kit/models.js';
import { Badge, Button, Card, Empty, Failed, Notice, Skeleton } from '../../kit/parts.js';
import { seconds } from '../../kit/time.js';
import { useQuery } from '../../shell/router.js';
import { STRATEGIES } from './rules.js';

export function Ask() {
  const [query, setQuery] = useQuery();
  const catalogue = useApi('/admin/catalogue'), keys = useApi('/admin/keys'), providers = useApi('/admin/providers');
  const asked = { model: query.model ?? '', op: query.op || 'chat', stream: query.stream ? 'true' : '', provider: query.provider ?? '', key: query.key ?? '' };
  const found = useApi(asked.model ? '/admin/route' : null, { query: asked });
  const select = (name, label, options, first) => html`<div class="field"><label for=${`ask-${name}`}>${label}</label><select class="input" id=${`ask-${name}`} value=${query[name] || (first ? '' : 'chat')} onChange=${(e) => setQuery({ [name]: e.target.value })}>
    ${first && html`<option value="">${first}</option>`}${options.map(([id, title]) => html`<option value=${id} selected=${id === (query[name] || (first ? '' : 'chat'))}>${title}</option>`)}</select></div>`;
  return html`<div class="grid-2 top"><${Card} title="A request"><div class="form">
      <div class="field"><label for="ask-model">Model</label><${Combo} base=${{ id: 'ask-model' }} label="Model" free options=${modelOptions('')} value=${asked.model} onChange=${(model) => setQuery({ model })} placeholder="Any model, also one nobody serves" /></div>
      <div class="form two">${select('op', 'Asked to', (catalogue.data?.operations ?? ['chat']).map((one) => [one, one.replaceAll('_', ' ')]))}
        ${select('key', 'With the key', (keys.data?.data ?? []).filter((one) => one.state !== 'revoked').map((one) => [one.id, one.name]), 'any')}
        ${select('provider', 'Only at', (providers.data?.data ?? []).filter((one) => one.kind !== 'callbacks').map((one) => [one.name, one.name]), 'whoever can')}
        <div class="field"><span class="label">Answer</span><label class="check"><input type="checkbox" checked=${!!query.stream} onChange=${(e) => setQuery({ stream: e.target.checked ? 1 : '' })} /><span>streamed</span></label></div></div>
      <div><${Button} icon="refresh" disabled=${!asked.model} onClick=${found.reload}>Ask again<//></div>
      <${Call} label="Ask where it would go" call=${{ method: 'GET', path: '/admin/route', query: asked }} /></div><//>
    <${Card} title="Where it would go"><div aria-live="polite">${!asked.model ? html`<${Empty} icon="flow" title="Name a model">Nothing is sent: the router is asked what it would do now.<//>`
      : found.error ? html`<${Failed} error=${found.error} retry=${found.reload} />` : !found.data ? html`<${Skeleton} />` : html`<${Answer} of=${found.data} />`}</div><//></div>`;
}

function Answer({ of }) {
  return html`<div class="col gap-4">
    ${of.queue ? html`<${Notice} kind="ok" title=${html`To <span class="mono">${of.queue}</span>${of.model !== of.models[0] ? ` as ${of.model}` : ''}`}>${of.wait_seconds ? `after a wait of ${seconds(of.wait_seconds)}` : 'at once'}<//>`
      : html`<${Notice} kind="bad" title="Nobody can take it now.">${of.refused?.message}<//>`}
    <p class="soft"><${Badge} kind="accent">${of.strategy}<//> ${STRATEGIES[of.strategy] ?? ''}</p>
    ${of.models.length > 1 && html`<p class="soft small">In this order: ${of.models.join(' → ')}</p>`}
    ${of.trail.length > 0 && html`<section class="col gap-3"><h3>Why</h3><ol class="trail">${of.trail.map((one) => html`<li class=${one.queue && one.queue === of.queue && one.model === of.model ? 'won' : ''}>
      <div><div class="row wrap"><span class="strong">${one.queue || 'nobody'}</span>${one.model && html`<span class="faint small">${one.model}</span>`}</div><div class="soft small">${one.verdict}</div></div></li>`)}</ol></section>`}</div>`;
}
