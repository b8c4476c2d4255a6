// @ts-check
// One's own key: what it may do, its limits, and what is used of them. For everybody who has one.
import { html } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Page } from '../kit/layout.js';
import { useModels } from '../kit/models.js';
import { Badge, Button, Card, Facts, Loaded, Notice } from '../kit/parts.js';
import { count, When } from '../kit/time.js';
import { may, signOut } from '../shell/session.js';
import { Used } from './key.js';
import { Preview } from './keys/patterns.js';

const SCOPES = { admin: 'change everything here', analytics: 'ask the archive about its own requests', metrics: 'read /metrics' };

export default function Me() {
  const me = useApi('/me', { every: 30000 });
  return html`<${Page} title="Your key" about="Whose key this is, what it may do, and what is used of it." actions=${html`<${Button} icon="out" onClick=${signOut}>Sign out<//>`}>
    <${Loaded} of=${me} lines=${8}>${(key) => html`<div class="col gap-6"><${Ends} key_=${key} />
      <div class="cards wide"><${Rights} key_=${key} /><${Used} key_=${key} /></div>
      <section class="col gap-3"><h2>From a program</h2><${Call} label="Ask who I am" call=${{ method: 'GET', path: '/me' }} /></section></div>`}<//><//>`;
}

function Ends({ key_ }) {
  if (!key_.expires || key_.expires - Date.now() / 1000 > 14 * 86400) return null;
  return html`<${Notice} kind="warn" title=${html`Your key ends <${When} at=${key_.expires} />.`}>Ask your administrator for a new one in time.<//>`;
}

function Rights({ key_ }) {
  const models = useModels('');
  const limits = [key_.requests_per_minute && `${count(key_.requests_per_minute)} requests a minute`, key_.tokens_per_minute && `${count(key_.tokens_per_minute)} tokens a minute`].filter(Boolean);
  return html`<${Card} title=${key_.name} actions=${may('admin') && html`<${Button} small ghost href=${`/ui/keys/${key_.id}`}>Open it<//>`}><div class="col gap-4"><${Facts} of=${[
    ['Begins with', html`<code>${key_.prefix}…</code>`], ['User', key_.user],
    ['May', key_.scopes.length ? html`<span class="row wrap">${key_.scopes.map((one) => html`<${Badge} kind="accent" data-tip=${SCOPES[one]}>${one}<//>`)}</span>` : 'use models and see what is its own'],
    ['APIs', key_.apis.length ? key_.apis.map((one) => one.replaceAll('_', ' ')).join(', ') : 'all'], ['Models', key_.models.length ? html`<code>${key_.models.join(', ')}</code>` : 'all'],
    ['Limits', limits.join(', ') || 'none'], ['Priority', key_.priority], ['Ends', key_.expires ? html`<${When} at=${key_.expires} />` : 'never'], ['Features', key_.features?.join(', ')], ['Server', `version ${key_.version}`],
  ]} />${key_.models.length > 0 && html`<${Preview} patterns=${key_.models} models=${models.map((one) => one.id)} />`}</div><//>`;
}
