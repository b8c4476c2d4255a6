// @ts-check
// A place to write SQL: colours, line numbers, Tab, completion, the mark of an error. The text lies in a textarea; behind it the
// same text stands in colours.
//
// Keys: Ctrl-Enter runs, Ctrl-Space completes, Tab indents (after Escape it leaves), Escape closes the list or cancels.
// What a newcomer would get wrong: the place of the completion is counted from characters, which a monospace font allows.
import { cx, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../../lib.js';
import { completions, pieces } from './words.js';

const LINE = 20, PAD = 12, TOP = 8;

/**
 * @param {{value: string, onChange: (text: string) => void, onRun: () => void, onCancel: () => void, tables: any[], wrong: {from: number, to: number}|null, area: {current: any}, invalid?: boolean, describedby?: string}} props
 */
export function Editor({ value, onChange, onRun, onCancel, tables, wrong, area, invalid, describedby }) {
  const paper = useRef(/** @type {any} */ (null)), lines = useRef(/** @type {any} */ (null));
  const [list, setList] = useState(/** @type {any} */ (null)), [at, setAt] = useState(0);
  const leaving = useRef(false), caret = useRef(/** @type {number|null} */ (null));
  const names = useMemo(() => new Set(tables.map((one) => one.name)), [tables]);
  const shown = useMemo(() => coloured(pieces(value, names), wrong), [value, names, wrong]);
  const many = value.split('\n').length, bad = wrong ? value.slice(0, wrong.from).split('\n').length : 0;
  useLayoutEffect(() => {
    if (caret.current !== null) area.current.setSelectionRange(caret.current, caret.current);
    caret.current = null;
    follow();
  }, [value]);
  useEffect(() => {
    if (wrong && area.current) area.current.scrollTop = Math.max(0, (bad - 4) * LINE);
  }, [wrong]);
  const follow = () => {
    if (!area.current) return;
    paper.current.scrollTop = lines.current.scrollTop = area.current.scrollTop;
    paper.current.scrollLeft = area.current.scrollLeft;
  };
  /** Put text in the place of what stands from … to. */
  const put = (text, from, to, where = from + text.length) => {
    caret.current = where;
    onChange(value.slice(0, from) + text + value.slice(to));
  };
  const complete = (all, text = value) => {
    const where = area.current.selectionStart, found = completions(text, where, tables, all);
    setAt(0);
    setList(found.options.length ? { ...found, place: placed(area.current, text, found.from) } : null);
  };
  const choose = (one) => {
    put(one.text, list.from, area.current.selectionStart);
    setList(null);
    area.current.focus();
  };
  const keys = (event) => {
    const { key } = event, box = area.current, move = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (key === 'Enter' && (event.ctrlKey || event.metaKey)) return event.preventDefault(), event.stopPropagation(), setList(null), onRun();
    if (key === ' ' && event.ctrlKey) return event.preventDefault(), complete(true);
    if (key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      leaving.current = !list;
      return list ? setList(null) : onCancel();
    }
    if (list && move) return event.preventDefault(), setAt((at + move + list.options.length) % list.options.length);
    if (list && (key === 'Enter' || key === 'Tab') && !event.shiftKey) return event.preventDefault(), choose(list.options[at]);
    if (key === 'Tab' && !leaving.current) return event.preventDefault(), indent(box, event.shiftKey, put);
    if (key === 'Enter' && !event.shiftKey) {
      const before = value.slice(0, box.selectionStart), lead = (/(?:^|\n)([ \t]*)[^\n]*$/.exec(before) ?? ['', ''])[1];
      if (lead) return event.preventDefault(), put(`\n${lead}`, box.selectionStart, box.selectionEnd);
    }
    if (key !== 'Shift' && key !== 'Tab') leaving.current = false;
    if (['ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown'].includes(key)) setList(null);
  };
  return html`<div class=${cx('editor', { bad: invalid })}><div class="lines" ref=${lines} aria-hidden="true">${Array.from({ length: many }, (_, i) => (i + 1 === bad ? html`<b>${`${i + 1}\n`}</b>` : `${i + 1}\n`))}</div>
    <div class="paper"><pre ref=${paper} aria-hidden="true">${shown}${'\n'}</pre>
      <textarea ref=${area} aria-label="SQL" aria-invalid=${invalid ? 'true' : null} aria-describedby=${describedby} aria-autocomplete="list" aria-controls=${list ? 'sql-complete' : null} aria-activedescendant=${list ? `sql-complete-${at}` : null} spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off" value=${value} onScroll=${follow} onKeyDown=${keys} onBlur=${() => setList(null)} onMouseDown=${() => setList(null)}
        onInput=${(e) => (onChange(e.target.value), /[\w.]/.test(e.data ?? '') || (list && e.inputType?.startsWith('delete')) ? complete(false, e.target.value) : setList(null))}></textarea></div>
    ${list && html`<${Options} list=${list} at=${at} choose=${choose} />`}</div>`;
}

function Options({ list, at, choose }) {
  const ref = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box.matches(':popover-open')) box.showPopover();
    box.style.left = `${Math.max(8, Math.min(list.place.x, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${list.place.y + LINE + box.offsetHeight > innerHeight ? list.place.y - box.offsetHeight - 2 : list.place.y + LINE}px`;
    box.querySelector('.at')?.scrollIntoView({ block: 'nearest' });
  }, [list, at]);
  return html`<div ref=${ref} class="complete" popover="manual" role="listbox" id="sql-complete" aria-label="Completions" tabindex="-1">${list.options.map((one, i) => html`<div key=${one.text} role="option" id=${`sql-complete-${i}`} aria-selected=${String(i === at)} class=${cx('option', { at: i === at })}
    onMouseDown=${(e) => (e.preventDefault(), choose(one))}><span>${one.text}</span><span class="more cut">${one.more}</span></div>`)}</div>`;
}

/** Where on the screen a character stands. */
function placed(box, text, where) {
  const lines = text.slice(0, where).split('\n'), probe = document.createElement('span');
  probe.textContent = 'x'.repeat(50);
  probe.className = 'probe';
  box.previousElementSibling.append(probe);
  const wide = probe.getBoundingClientRect().width / 50, at = box.getBoundingClientRect();
  probe.remove();
  return { x: at.left + PAD + lines[lines.length - 1].length * wide - box.scrollLeft, y: at.top + TOP + (lines.length - 1) * LINE - box.scrollTop };
}

/** Two spaces in, or out: of the chosen lines, else at the caret. */
function indent(box, out, put) {
  const { value, selectionStart: start, selectionEnd: end } = box;
  if (!out && start === end) return put('  ', start, end);
  const from = value.lastIndexOf('\n', start - 1) + 1, old = value.slice(from, end), made = out ? old.replace(/^ {1,2}/gm, '') : old.replace(/^/gm, '  ');
  put(made, from, end, from + made.length);
}

/** The pieces in colours, with what is wrong under a wave. @param {import('./words.js').Piece[]} list @param {{from: number, to: number}|null} wrong */
function coloured(list, wrong) {
  return list.flatMap((one) => {
    const kind = one.kind === ';' || one.kind === 'q' ? '' : one.kind;
    if (!wrong || one.at >= wrong.to || one.at + one.text.length <= wrong.from) return kind ? html`<span class=${kind}>${one.text}</span>` : one.text;
    return html`<span class=${cx(kind, 'wrong')}>${one.text}</span>`;
  });
}
