// @ts-check
// Texts that a run made: a description, or a transcript with its times, beside the sound it was heard in.
import { cx, html, useRef, useState } from '../../lib.js';
import { save } from '../../kit/api.js';
import { Player } from '../../kit/media.js';
import { clock } from '../../kit/media/player.js';
import { Markdown } from '../../kit/markdown.js';
import { Menu } from '../../kit/overlay.js';
import { Copy } from '../../kit/parts.js';
import { Tabs } from '../../kit/tabs.js';

/** @param {{run: any}} props */
export function Texts({ run }) {
  return run.texts.map((one, i) => (run.op === 'speech_to_text' ? html`<${Transcript} key=${i} told=${one} sound=${run.files?.audio} />` : html`<${Plain} key=${i} told=${one} name=${run.files?.image?.file_name} />`));
}

function Plain({ told, name }) {
  return html`<div class="col"><${Markdown} text=${told.text} /><div class="row"><${Copy} text=${told.text} label="Copy the text">Copy<//>
    <${Menu} small icon="download" label="Download" items=${[{ label: 'Text (.txt)', onSelect: () => save(`${stem(name)}.txt`, told.text) }]} /></div></div>`;
}

function Transcript({ told, sound }) {
  const control = useRef(/** @type {any} */ (null)), [at, setAt] = useState(-1), [by, setBy] = useState('segments');
  const lines = told.segments ?? [], words = told.words ?? [], name = stem(sound?.file_name);
  const now = (one) => at >= one.start && at < one.end;
  const jump = (one) => control.current?.seek(one.start);
  const kinds = /** @type {[string, string, () => string, string][]} */ ([['txt', 'Text (.txt)', () => told.text, 'text/plain'], ...(lines.length ? [['srt', 'Subtitles (.srt)', () => srt(lines), 'application/x-subrip'], ['vtt', 'Subtitles for the web (.vtt)', () => vtt(lines), 'text/vtt']] : []), ['json', 'Everything (.json)', () => JSON.stringify(told, null, 2), 'application/json']]);
  const tabs = [lines.length && ['segments', 'Segments', lines.length], ['text', 'Text'], words.length && ['words', 'Words', words.length]].filter(Boolean);
  const shown = tabs.some(([id]) => id === by) ? by : 'text';
  return html`<div class="col gap-3">
    ${sound && html`<${Player} item=${sound} control=${control} onTime=${setAt} />`}
    <div class="row wrap"><${Tabs} pills label="Transcript" tabs=${tabs} value=${shown} onChange=${setBy} /><span class="grow"></span>${told.language && html`<span class="badge">${told.language}</span>`}
      <span class="row gap-1"><${Copy} text=${told.text} label="Copy the text" /><${Menu} small icon="download" label="Download the transcript" items=${kinds.map(([end, label, make, type]) => ({ label, onSelect: () => save(`${name}.${end}`, make(), type) }))} /></span></div>
    ${!told.text && html`<p class="faint">Nothing was heard.</p>`}
    ${shown === 'segments' && html`<ol class="plain transcript">${lines.map((one, i) => html`<li key=${i}><button type="button" class=${cx({ now: now(one) })} aria-label=${`Play from ${clock(one.start)}: ${one.text.trim()}`} disabled=${!sound} onClick=${() => jump(one)}><span class="num faint small">${clock(one.start)}</span><span>${one.text.trim()}</span></button></li>`)}</ol>`}
    ${shown === 'text' && html`<p class="spoken">${told.text}</p>`}
    ${shown === 'words' && html`<p class="spoken words">${words.map((one, i) => html`<button type="button" key=${i} class=${cx({ now: now(one) })} data-tip=${clock(one.start)} disabled=${!sound} onClick=${() => jump(one)}>${one.word.trim()}</button> `)}</p>`}</div>`;
}

const stem = (name) => (name || 'result').replace(/\.\w+$/, '');

function stamp(s, dot) {
  const ms = Math.round(s * 1000), two = (n) => String(n).padStart(2, '0');
  return `${two(Math.floor(ms / 3600000))}:${two(Math.floor(ms / 60000) % 60)}:${two(Math.floor(ms / 1000) % 60)}${dot}${String(ms % 1000).padStart(3, '0')}`;
}

export const srt = (lines) => lines.map((one, i) => `${i + 1}\n${stamp(one.start, ',')} --> ${stamp(one.end, ',')}\n${one.text.trim()}\n`).join('\n');
export const vtt = (lines) => `WEBVTT\n\n${lines.map((one) => `${stamp(one.start, '.')} --> ${stamp(one.end, '.')}\n${one.text.trim()}\n`).join('\n')}`;
