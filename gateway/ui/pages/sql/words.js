// @ts-check
// SQL text, taken apart for the editor: its pieces with their kind, its statements, the word at the caret. Pure.
//
// What a newcomer would get wrong: this knows just enough for colours and completion; what a statement means is the server's.

export const KEYWORDS = new Set(`all and any as asc between by case cast cross cube current describe desc distinct else end except exclude exists explain false filter first following for from full
  group grouping having ilike in inner intersect interval is join last lateral left like limit natural not null nulls offset on or order outer over partition pivot positional preceding qualify
  recursive replace right rollup rows sample select semi anti sets show similar summarize table tables then timestamp true unbounded union unnest unpivot using values when where window with date asof`.split(/\s+/));
/** What is offered of the many functions there are, with what it does @type {[string, string][]} */
export const FUNCTIONS = [
  ['count', 'how many'], ['sum', 'added up'], ['avg', 'the mean'], ['min', 'the least'], ['max', 'the most'], ['median', 'the middle one'], ['quantile_cont', 'a percentile: (x, 0.95)'], ['arg_max', 'a of the largest b: (a, b)'], ['any_value', 'one of them'],
  ['count_if', 'how many where'], ['string_agg', 'texts together: (x, \', \')'], ['list', 'all as a list'], ['histogram', 'how many of each'], ['approx_count_distinct', 'about how many different'], ['stddev', 'spread'],
  ['date_trunc', "cut to: ('hour', created)"], ['strftime', "a time as text: (created, '%Y-%m-%d')"], ['date_diff', "between: ('day', a, b)"], ['epoch', 'Unix seconds'], ['dayname', 'day of the week'], ['hour', 'hour of the day'], ['now', 'the time of now'], ['time_bucket', 'in steps: (INTERVAL 5 MINUTE, t)'], ['to_timestamp', 'of Unix seconds'],
  ['coalesce', 'the first that is known'], ['nullif', 'null if equal: (a, b)'], ['round', 'rounded: (x, 2)'], ['lower', 'small letters'], ['upper', 'capitals'], ['length', 'characters'], ['contains', 'has in it: (text, part)'], ['starts_with', 'begins with'], ['split_part', "(text, '/', 1)"], ['regexp_matches', '(text, pattern)'],
  ['regexp_extract', '(text, pattern, 1)'], ['replace', '(text, old, new)'], ['trim', 'without spaces around'], ['substr', '(text, 1, 10)'], ['json_extract_string', "(body, '$.model')"], ['from_json', '(text, structure)'], ['unnest', 'one row for each'], ['row_number', 'number: over (…)'], ['rank', 'place: over (…)'], ['lag', 'the row before: over (…)'], ['greatest', 'largest of'], ['least', 'smallest of'], ['abs', 'without sign'],
];
const CALLS = new Set(FUNCTIONS.map(([name]) => name));
const PIECE = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$)|\$\$[\s\S]*?(?:\$\$|$))|("(?:[^"]|"")*(?:"|$))|([A-Za-z_]\w*)|(\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)|(;)|(\s+)|([\s\S])/gi;

/** @typedef {{kind: ''|'c'|'s'|'q'|'w'|'f'|'t'|'n'|';', text: string, at: number}} Piece comment, string, quoted name, keyword, function, table, number */

/** @param {string} text @param {Set<string>} [tables] @returns {Piece[]} */
export function pieces(text, tables = new Set()) {
  return [...text.matchAll(PIECE)].map((found) => {
    const [all, comment, string, quoted, word, number, end] = found, low = (word ?? '').toLowerCase();
    const call = word && CALLS.has(low) && /^\s*\(/.test(text.slice((found.index ?? 0) + all.length, (found.index ?? 0) + all.length + 3));
    const kind = comment ? 'c' : string ? 's' : quoted ? 'q' : end ? ';' : number ? 'n' : !word ? '' : call ? 'f' : tables.has(low) ? 't' : KEYWORDS.has(low) ? 'w' : '';
    return { kind: /** @type {any} */ (kind), text: all, at: found.index ?? 0 };
  });
}

/** The statements, each from where to where. @param {string} text @returns {{from: number, to: number}[]} */
export function statements(text) {
  const found = [], ends = pieces(text).filter((one) => one.kind === ';').map((one) => one.at);
  let from = 0;
  for (const to of [...ends, text.length]) {
    if (pieces(text.slice(from, to)).some((one) => one.kind !== 'c' && one.text.trim())) found.push({ from, to });
    from = to + 1;
  }
  return found;
}

/** What Ctrl-Enter runs: the selection, else the statement at the caret. @param {string} text @param {number} start @param {number} end */
export function chosen(text, start, end) {
  if (end > start && text.slice(start, end).trim()) return { sql: text.slice(start, end), from: start };
  const all = statements(text), one = all.find(({ from, to }) => start >= from && start <= to) ?? all.filter(({ from }) => from <= start).pop() ?? all[0];
  if (!one) return { sql: '', from: 0 };
  const cut = text.slice(one.from, one.to);
  const lead = (cut.match(/^\s*/) ?? [''])[0].length;
  return { sql: cut.trim(), from: one.from + lead };
}

/** The beginning of a word before the caret, and what stands before its dot; null: nothing is to be completed there. @param {string} text @param {number} caret */
export function typed(text, caret) {
  const before = pieces(text.slice(0, caret)).pop();
  if (before && (before.kind === 'c' || before.kind === 's')) return null;
  const match = /(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)?$/.exec(text.slice(0, caret));
  return match ? { word: match[2] ?? '', of: match[1] ?? '', from: caret - (match[2] ?? '').length } : null;
}

/**
 * What may stand at the caret. @param {string} text @param {number} caret @param {{name: string, about: string, columns: {name: string, type: string, about: string}[]}[]} tables @param {boolean} all also without a letter typed
 * @returns {{from: number, options: {text: string, more: string}[]}}
 */
export function completions(text, caret, tables, all) {
  const now = typed(text, caret);
  if (!now || (!now.word && !now.of && !all)) return { from: caret, options: [] };
  const words = pieces(text).map((one) => one.text.toLowerCase()), low = now.word.toLowerCase();
  const columns = (table) => table.columns.map((one) => ({ text: one.name, more: one.about }));
  const alias = now.of && new RegExp(`\\b(${tables.map((one) => one.name).join('|')})\\s+(?:as\\s+)?${now.of}\\b`, 'i').exec(text);
  const named = now.of && tables.find((one) => one.name === (alias ? alias[1].toLowerCase() : now.of.toLowerCase()));
  if (now.of) return { from: now.from, options: named ? fitting(columns(named), low) : [] };
  const used = tables.filter((one) => words.includes(one.name)), before = text.slice(0, now.from).toLowerCase();
  const names = tables.map((one) => ({ text: one.name, more: one.about }));
  if (/\b(from|join|describe|summarize)\s+$/.test(before)) return { from: now.from, options: fitting(names, low) };
  const known = new Map((used.length ? used : tables.slice(0, 1)).flatMap(columns).map((one) => [one.text, one]));
  return { from: now.from, options: fitting([...known.values(), ...names, ...FUNCTIONS.map(([name, more]) => ({ text: `${name}(`, more })), ...[...KEYWORDS].map((one) => ({ text: one, more: '' }))], low) };
}

function fitting(options, low) {
  const begins = options.filter((one) => one.text.toLowerCase().startsWith(low) && one.text.toLowerCase() !== low);
  const holds = low.length > 1 ? options.filter((one) => !begins.includes(one) && one.text.toLowerCase().includes(low) && one.text.toLowerCase() !== low) : [];
  return [...begins, ...holds].slice(0, 40);
}

/**
 * Where a complaint of the server is meant, in the statement: `(line 3, column 7)`, else the name it has in backticks.
 * @param {string} sql @param {string} message @returns {{from: number, to: number}|null}
 */
export function placeOf(sql, message) {
  const told = /\(line (\d+), column (\d+)\)/.exec(message);
  let from = -1;
  if (told) from = sql.split('\n').slice(0, Number(told[1]) - 1).reduce((sum, line) => sum + line.length + 1, 0) + Number(told[2]) - 1;
  else {
    const name = /`([^`]+)`/.exec(message)?.[1];
    if (name) from = sql.toLowerCase().indexOf(name.toLowerCase());
  }
  if (from < 0 || from > sql.length) return null;
  const word = /^("[^"]*"|'[^']*'?|\w+|\S)/.exec(sql.slice(from));
  return { from, to: from + (word ? word[0].length : 1) };
}
