// @ts-check
// Settings that can be changed while everything runs: each with its sentence, its bounds and where its value comes from; and the
// way back to any earlier state.
import { html, useEffect, useId, useMemo, useState } from '../lib.js';
import { get, patch, post, useApi } from '../kit/api.js';
import { Call } from '../kit/code.js';
import { Combo } from '../kit/combo.js';
import { Page } from '../kit/layout.js';
import { useKeys } from '../kit/keys.js';
import { confirm, toast } from '../kit/overlay.js';
import { Badge, Button, Card, Empty, Failed, Loaded } from '../kit/parts.js';
import { Icon } from '../kit/icons.js';
import { Tabs } from '../kit/tabs.js';
import { bytes, count, seconds } from '../kit/time.js';
import { useQuery } from '../shell/router.js';
import { mine } from './admin/meanwhile.js';
import { brief, Versions } from './admin/parts.js';

const SECTIONS = { archive: 'Archive', files: 'Files', limits: 'Limits' };
const FROM = { live: ['set here', 'accent'], file: ['settings file', 'info'], default: ['default', ''] };
/** Where the words of the path alone would be odd. */
const TITLES = { 'archive.bodies': 'Keep texts', 'archive.bodies_days': 'Keep texts for', 'archive.keep_months': 'Keep rows for', 'archive.redact': 'Columns left empty', 'files.artifact_days': 'Keep results for', 'files.input_hours': 'Keep inputs for', 'files.quota_bytes': 'Quota of a key', 'files.total_bytes': 'All results together', 'files.base_url': 'Base address of results', 'files.public_artifacts': 'Public results', 'limits.body_bytes': 'Largest request', 'limits.sync_seconds': 'A sync call takes', 'limits.queue_seconds': 'A sync call waits', 'limits.job_seconds': 'A queued job takes', 'limits.batch_jobs': 'Jobs of a batch at a time' };
const titled = (path) => {
  if (TITLES[path]) return TITLES[path];
  const text = path.split('.')[1].replaceAll('_', ' ');
  return text[0].toUpperCase() + text.slice(1);
};
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export default function Settings() {
  const [query, setQuery] = useQuery();
  const settings = useApi('/admin/settings');
  const [edits, setEdits] = useState(/** @type {Record<string, any>} */ ({})); // here, so that a look at the history loses none
  const tab = query.tab ?? 'now', waiting = Object.keys(edits).length;
  useEffect(() => {
    const warn = (event) => waiting && event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [waiting]);
  return html`<${Page} title="Settings" about="What can be changed while everything runs. It stands above the settings file, outlives restarts, and is in force everywhere within a second.">
    <${Tabs} label="Settings" tabs=${[['now', 'Settings'], ['history', 'History']]} value=${tab} onChange=${(id) => setQuery({ tab: id === 'now' ? '' : id })}>
      ${tab === 'history' ? html`<${History} onBack=${settings.reload} />` : html`<${Loaded} of=${settings} lines=${10}>${(answer) => html`<${Sheet} list=${answer.data} set=${settings.set} edits=${edits} setEdits=${setEdits} find=${query.q ?? ''} onFind=${(q) => setQuery({ q })} />`}<//>`}<//><//>`;
}

/** All of them; what is changed waits for one Save. */
function Sheet({ list, set, edits, setEdits, find, onFind }) {
  const [errors, setErrors] = useState(/** @type {Record<string, string>} */ ({}));
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const touched = Object.keys(edits);
  const edit = (one, value) => {
    setErrors(({ [one.path]: _, ...rest }) => rest);
    setEdits((old) => {
      const { [one.path]: _, ...rest } = old;
      return same(value, one.value) && value !== null ? rest : { ...rest, [one.path]: value };
    });
  };
  const wrong = (found) => {
    setErrors(found);
    setTimeout(() => /** @type {any} */ (document.querySelector('.setting [aria-invalid="true"]'))?.focus());
  };
  const save = async (values = edits, words = `${Object.keys(values).length === 1 ? 'The setting is' : 'The settings are'} in force.`) => {
    if (!Object.keys(values).length || busy) return;
    const none = Object.keys(values).filter((path) => values[path] === '' && list.find((one) => one.path === path)?.type !== 'string');
    if (none.length) return wrong(Object.fromEntries(none.map((path) => [path, 'A number is needed.'])));
    setBusy(true);
    setFailed(null);
    try {
      const now = await get('/admin/settings'), by = (rows) => Object.fromEntries(rows.map((one) => [one.path, one.value]));
      if (!(await mine({ name: 'A setting', began: by(list), now: by(now.data), wish: values }))) return set(now);
      const answer = await patch('/admin/settings', values);
      setEdits((old) => Object.fromEntries(Object.entries(old).filter(([path]) => !(path in values))));
      setErrors({});
      set(answer);
      toast(words);
    } catch (/** @type {any} */ error) {
      if (list.some((one) => one.path === error.param)) wrong({ [error.param]: error.message });
      else setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  useKeys({ 'mod+s': ['Save the settings', (event) => (event.preventDefault(), save())] });
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const seen = list.filter((one) => words.every((word) => `${one.path} ${titled(one.path)} ${one.about}`.toLowerCase().includes(word)));
  const sections = useMemo(() => [...new Set(list.map((one) => one.path.split('.')[0]))], [list]);
  return html`<div class="col gap-4">
    <div class="within"><${Icon} name="search" size="14" /><input class="input" type="search" aria-label="Search settings" placeholder="Search settings" value=${find} onInput=${(e) => onFind(e.target.value)} /></div>
    ${failed && html`<${Failed} error=${failed} />`}
    ${sections.map((section) => {
      const mine = seen.filter((one) => one.path.startsWith(`${section}.`));
      return mine.length > 0 && html`<${Card} key=${section} title=${SECTIONS[section] ?? section} pad=${false}>${mine.map((one) => html`<${Setting} key=${one.path} one=${one} value=${one.path in edits ? edits[one.path] : one.value} changed=${one.path in edits} error=${errors[one.path]}
        onEdit=${(value) => edit(one, value)} onReset=${() => save({ [one.path]: null }, `${titled(one.path)} is ${brief(one.file)} again, as the file says.`)} onUndo=${() => edit(one, one.value)} />`)}<//>`;
    })}
    ${!seen.length && html`<${Empty} icon="search" title="No setting is called so" action=${html`<${Button} small onClick=${() => onFind('')}>Show all<//>`}><//>`}
    ${touched.length > 0 && html`<div class="savebar" role="region" aria-label="Changes that wait"><span class="grow strong">${touched.length === 1 ? `${titled(touched[0])} is changed` : `${touched.length} settings are changed`}</span>
      <${Button} onClick=${() => (setEdits({}), setErrors({}))}>Discard<//><${Button} primary busy=${busy} label="Ctrl+S" onClick=${() => save()}>Save changes<//></div>`}
    <section class="col gap-3"><h2>The same from a program</h2><${Call} label="Change settings" call=${{ method: 'PATCH', path: '/admin/settings', body: touched.length ? edits : { [list[0]?.path ?? 'archive.bodies']: list[0]?.value ?? true } }} /></section></div>`;
}

function Setting({ one, value, changed, error, onEdit, onReset, onUndo }) {
  const id = useId();
  const [word, kind] = FROM[one.from] ?? [one.from, ''];
  const told = [one.about && `${id}-about`, error && `${id}-error`].filter(Boolean).join(' ');
  return html`<div class=${`setting ${changed ? 'changed' : ''}`}><div class="col gap-1"><label class="strong" for=${id}>${titled(one.path)}</label><span class="soft small" id=${`${id}-about`}>${one.about}</span><span class="faint small mono">${one.path}</span></div>
    <div class="field"><div class="control"><${Control} one=${one} id=${id} value=${value} told=${told} error=${error} set=${onEdit} /></div>
      <span class="hint">${[bounds(one), readable(one, value)].filter(Boolean).join(' · ')}</span>
      ${error && html`<span class="error" id=${`${id}-error`}><${Icon} name="alert" size="13" />${error}</span>`}</div>
    <div class="col gap-1"><div><${Badge} kind=${kind} data-tip=${one.from === 'live' ? `The file says ${brief(one.file)}; the default is ${brief(one.default)}` : `The default is ${brief(one.default)}`}>${word}<//></div>
      ${changed ? html`<div><${Button} small ghost icon="history" onClick=${onUndo}>Undo<//></div>` : one.from === 'live' && html`<div><${Button} small ghost icon="replay" label=${`Back to ${brief(one.file)}`} onClick=${onReset}>Reset to file<//></div>`}</div></div>`;
}

function Control({ one, id, value, told, error, set }) {
  const base = { id, 'aria-describedby': told || null, 'aria-invalid': error ? 'true' : null };
  if (one.type === 'boolean') return html`<input type="checkbox" role="switch" class="switch" ...${base} checked=${!!value} onChange=${(e) => set(e.target.checked)} /><span class="soft small">${value ? 'on' : 'off'}</span>`;
  if (one.type === 'integer' || one.type === 'number') return html`<input class="input num" type="number" inputmode="decimal" step=${one.type === 'integer' ? 1 : 'any'} min=${one.minimum ?? one.above} max=${one.maximum} ...${base} value=${value ?? ''} onInput=${(e) => set(e.target.value === '' ? '' : Number(e.target.value))} />${one.unit && html`<span class="soft small">${one.unit}</span>`}`;
  if (one.choices) return html`<select class="input" ...${base} value=${value} onChange=${(e) => set(e.target.value)}>${one.choices.map((each) => html`<option value=${each} selected=${each === value}>${each}</option>`)}</select>`;
  if (one.type === 'array') return html`<div class="grow"><${Combo} many free base=${base} label=${titled(one.path)} options=${one.options ?? []} value=${value ?? []} onChange=${set} placeholder="None" /></div>`;
  return html`<input class="input" ...${base} value=${value ?? ''} onInput=${(e) => set(e.target.value)} />`;
}

function bounds(one) {
  const least = one.minimum ?? (one.above !== undefined ? `more than ${one.above}` : undefined);
  if (least !== undefined && one.maximum !== undefined) return `${short(one, one.minimum) ?? least} to ${short(one, one.maximum)}`;
  return one.maximum !== undefined ? `at most ${short(one, one.maximum)}` : one.minimum !== undefined ? `at least ${count(one.minimum)}` : one.above !== undefined ? least : '';
}

const short = (one, value) => (value === undefined ? undefined : one.unit === 'bytes' ? bytes(value) : count(value));

function readable(one, value) {
  if (typeof value !== 'number' || !value) return '';
  if (one.unit === 'bytes') return `= ${bytes(value)}`;
  if (one.unit === 'seconds' && value >= 60) return `= ${seconds(value)}`;
  return '';
}

/** What is not set here is as the file says. */
const fromFile = (changes) => Object.fromEntries(Object.entries(changes).map(([path, both]) => [path, both.map((one) => one ?? 'as the file says')]));

function History({ onBack }) {
  const history = useApi('/admin/settings/history');
  const back = async (revision, at) => {
    const sure = await confirm({ title: revision ? `Settings of revision ${revision}?` : 'All as the file says?', text: revision ? `All settings are then as they were on ${new Date(at).toLocaleString()}. What is now stays in the history.` : 'Everything that was set here is taken back. What is now stays in the history.', action: 'Roll back' });
    if (!sure) return;
    await post(`/admin/settings/rollback/${revision}`);
    toast(revision ? 'The settings are as they were.' : 'All settings are as the file says.');
    history.reload();
    onBack();
  };
  return html`<div class="col gap-4"><div class="row wrap between"><p class="soft small">Who changed what, and when; the last ten versions are kept.</p><${Button} small icon="replay" onClick=${() => back(0, '')}>All as the file says<//></div>
    <${Loaded} of=${history}>${(answer) => html`<${Versions} versions=${answer.data.map((one) => ({ ...one, changes: fromFile(one.changes) }))} onBack=${(one) => back(one.revision, one.at)} empty=${html`<${Empty} icon="history" title="Nothing was changed here yet">All settings are as the file says.<//>`} />`}<//></div>`;
}
