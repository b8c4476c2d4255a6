// @ts-check
// API keys: who may ask, for what and how much. Create (shown once), change, rotate, switch off, revoke.
import { html, useState } from '../lib.js';
import { useApi } from '../kit/api.js';
import { Grid } from '../kit/grid.js';
import { useKeys } from '../kit/keys.js';
import { Page } from '../kit/layout.js';
import { useModels } from '../kit/models.js';
import { Menu, toast } from '../kit/overlay.js';
import { Badge, Button, Empty, State } from '../kit/parts.js';
import { bytes, count, money, When } from '../kit/time.js';
import { useCommands } from '../shell/palette.js';
import { go, useQuery } from '../shell/router.js';
import { Tile } from './admin/parts.js';
import { Made, revoked, Rotate, switched } from './keys/acts.js';
import { KeyForm } from './keys/form.js';

/** An expiry within a week is worth a look. */
export const stateOf = (key) => (key.state === 'active' && key.expires && key.expires - Date.now() / 1000 < 7 * 86400 ? 'expiring' : key.state);

export function limitsOf(key) {
  return [key.requests_per_minute && `${count(key.requests_per_minute)}/min`, key.tokens_per_minute && `${count(key.tokens_per_minute)} tok/min`, key.budget_day && `${money(key.budget_day)}/day`, key.budget_month && `${money(key.budget_month)}/month`,
    key.storage_bytes && bytes(key.storage_bytes)].filter(Boolean);
}

/** What of a key is being done: its form, its rotation, and the key that was just made. */
export function useKeyActs(done) {
  const [query, setQuery] = useQuery();
  const [made, setMade] = useState(/** @type {any} */ (null));
  const models = useModels('chat');
  const close = () => setQuery({ new: '', edit: '', rotate: '' });
  const finish = (key) => (close(), key?.key && setMade(key), done());
  const overlay = (keys) => {
    const editing = keys?.find((one) => one.id === query.edit), rotating = keys?.find((one) => one.id === query.rotate);
    return html`${query.new && html`<${KeyForm} onClose=${close} onDone=${finish} />`}
      ${editing && html`<${KeyForm} key=${editing.id} key_=${editing} onClose=${close} onDone=${finish} />`}
      ${rotating && html`<${Rotate} key_=${rotating} onClose=${close} onMade=${finish} />`}
      ${made && html`<${Made} made=${made} model=${models[0]?.id ?? 'MODEL'} onClose=${() => setMade(null)} />`}`;
  };
  return { setQuery, overlay };
}

/** The actions that a key in its state allows. */
export const menuOf = (key, setQuery, done) => {
  const ended = key.state === 'revoked' || key.state === 'expired';
  return [
    { label: 'Change', icon: 'edit', onSelect: () => setQuery({ edit: key.id }) },
    !ended && !key.replaced_by && { label: 'Rotate', icon: 'refresh', onSelect: () => setQuery({ rotate: key.id }) },
    !ended && { label: key.disabled ? 'Switch on' : 'Switch off', icon: key.disabled ? 'play' : 'pause', onSelect: () => switched(key, done).catch(toast.error) },
    { label: 'Its audit trail', icon: 'shield', href: `/ui/audit?name=${key.id}` },
    key.state !== 'revoked' && '-', key.state !== 'revoked' && { label: 'Revoke', icon: 'trash', danger: true, onSelect: () => revoked(key).then((yes) => yes && done(), toast.error) },
  ].filter(Boolean);
};

export default function Keys() {
  const keys = useApi('/admin/keys', { every: 15000 });
  const { setQuery, overlay } = useKeyActs(keys.reload);
  const rows = keys.data?.data.map((one) => ({ ...one, shown: stateOf(one) }));
  const users = [...new Set((rows ?? []).map((one) => one.user).filter(Boolean))].sort();
  const add = () => setQuery({ new: 1 });
  useKeys({ n: ['New key', add] });
  useCommands([{ title: 'New key', icon: 'plus', words: 'create api key', run: add }]);
  const button = html`<${Button} primary icon="plus" label="New key (n)" onClick=${add}>New key<//>`;
  return html`<${Page} title="Keys" wide about="Who may ask, for what and how much. A key is shown once; only its fingerprint is kept." actions=${button}>
    <${Grid} id="keys" label="Keys" rows=${rows} rowKey="id" url error=${keys.error} retry=${keys.reload} sort="-created" most=${720} onOpen=${(row) => go(`/ui/keys/${row.id}`)}
      empty=${html`<${Empty} icon="key" title="No key yet" action=${button}>A program needs one for every call.<//>`} columns=${[
      { key: 'name', title: 'Name', width: 143, render: (row) => html`<${Tile} small name=${row.name} /><span class="strong cut">${row.name}</span>` },
      { key: 'prefix', title: 'Begins with', width: 105, mono: true, render: (row) => html`<span class="faint">${row.prefix}…</span>` },
      { key: 'shown', title: 'State', width: 100, filter: ['active', 'expiring', 'ending', 'disabled', 'expired', 'revoked'], render: (row) => html`<${State} of=${row.shown} />` },
      { key: 'scopes', title: 'Scopes', width: 96, filter: ['admin', 'analytics', 'metrics'], render: (row) => (row.scopes.length ? row.scopes.map((one) => html`<${Badge} key=${one} kind=${one === 'admin' ? 'warn' : 'accent'}>${one}<//>`) : html`<span class="faint">app</span>`) },
      { key: 'limits', title: 'Limits', width: 136, sort: false, value: (row) => limitsOf(row).join(', '), render: (row) => html`<span class=${limitsOf(row).length ? '' : 'faint'}>${limitsOf(row).join(', ') || 'none'}</span>` },
      { key: 'models', title: 'Models', width: 100, value: (row) => row.models.join(', '), render: (row) => html`<span class=${row.models.length ? '' : 'faint'}>${row.models.join(', ') || 'all'}</span>` },
      { key: 'apis', title: 'APIs', width: 120, hidden: true, value: (row) => row.apis.join(', '), render: (row) => html`<span class=${row.apis.length ? '' : 'faint'}>${row.apis.join(', ') || 'all'}</span>` },
      { key: 'user', title: 'User', width: 80, ...(users.length ? { filter: users } : {}) },
      { key: 'last_used', title: 'Last used', width: 92, value: (row) => row.last_used ?? 0, render: (row) => html`<${When} at=${row.last_used} />` },
      { key: 'expires', title: 'Expires', width: 90, value: (row) => row.expires, render: (row) => (row.expires ? html`<${When} at=${row.expires} />` : html`<span class="faint">never</span>`) },
      { key: 'created', title: 'Created', width: 110, hidden: true, render: (row) => html`<${When} at=${row.created} />` },
      { key: 'notes', title: 'Notes', width: 160, hidden: true },
      { key: 'id', title: 'Id', width: 150, hidden: true, mono: true },
      { key: 'do', title: '', width: 52, sort: false, render: (row) => html`<${Menu} small label=${`Actions of ${row.name}`} items=${menuOf(row, setQuery, keys.reload)} />` },
    ]} />
    ${overlay(keys.data?.data)}
  <//>`;
}
