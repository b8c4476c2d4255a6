// @ts-check
// The statements behind the Data page. Pure.
//
// What a newcomer would get wrong: names of columns come from the schema alone, whatever the address says, and values are always
// quoted texts, which DuckDB reads as the column's type.
const CUT = 2000;
export const PAGE = 200;
/** @type {[string, string][]} */
export const OPERATORS = [['has', 'contains'], ['=', '='], ['<>', '≠'], ['>', '>'], ['>=', '≥'], ['<', '<'], ['<=', '≤'], ['null', 'is null'], ['some', 'is not null']];
/** @typedef {{name: string, columns: {name: string, type: string, about: string}[]}} Table */
/** @typedef {[string, string, string]} Where column, operator, value */

const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;
const named = (name) => `"${name}"`;

/** @param {Table} table @param {Where[]} where @param {string} month */
function tests(table, where, month) {
  const known = new Set(table.columns.map((one) => one.name)), found = month ? [`month = ${quoted(month)}`] : [];
  for (const [column, how, value] of where) {
    if (!known.has(column)) continue;
    if (how === 'null') found.push(`${named(column)} IS NULL`);
    else if (how === 'some') found.push(`${named(column)} IS NOT NULL`);
    else if (how === 'has') found.push(`contains(lower(${named(column)}::VARCHAR), ${quoted(value.toLowerCase())})`);
    else if (OPERATORS.some(([one]) => one === how)) found.push(`${named(column)} ${how} ${quoted(value)}`);
  }
  return found.length ? `\nWHERE ${found.join('\n  AND ')}` : '';
}

/** When a row happened: what the newest are first by. @param {Table} table */
const latest = ({ columns }) => (columns.find((one) => one.name === 'created') ?? columns.find((one) => /^(TIMESTAMP|DATE)/.test(one.type)) ?? columns[0]).name;

/** @param {Table} table @param {Where[]} where @param {string} month @param {string} sort `-created` is descending */
export function whole(table, where, month, sort) {
  const asked = sort.replace(/^-/, ''), own = table.columns.some((one) => one.name === asked);
  const order = own ? `${named(asked)}${sort[0] === '-' ? ' DESC' : ''} NULLS LAST` : `${named(latest(table))} DESC`;
  const tie = ['job', 'run', 'n', 'id'].filter((one) => one !== asked && table.columns.some((each) => each.name === one)).map((one) => `${named(one)} DESC`);
  return `SELECT ${table.columns.map((one) => (one.type === 'VARCHAR' && ['request', 'response', 'trail', 'detail'].includes(one.name) ? `left(${named(one.name)}, ${CUT}) AS ${named(one.name)}` : named(one.name))).join(', ')}\nFROM ${table.name}${tests(table, where, month)}\nORDER BY ${[order, ...tie].join(', ')}`;
}

/** How many there are in each month. @param {Table} table @param {Where[]} where */
export const perMonth = (table, where) => `SELECT month, count(*) AS rows\nFROM ${table.name}${tests(table, where, '')}\nGROUP BY month ORDER BY month`;

/** Rows of every table, in one question. @param {Table[]} tables */
export const sizes = (tables) => tables.map((one) => `SELECT ${quoted(one.name)} AS "table", count(*) AS n, count(DISTINCT month) AS months FROM ${one.name}`).join('\nUNION ALL ');
