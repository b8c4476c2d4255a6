// @ts-check
// Finding by a few letters, best first: `fuzzy(list, 'gp4', (one) => one.name)`. Every word typed must be found; a whole word
// and the start of one count more than letters in between.

/**
 * @template T
 * @param {T[]} list @param {string} typed @param {(one: T) => string} text @returns {T[]}
 */
export function fuzzy(list, typed, text) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return list;
  return list
    .map((one, i) => ({ one, i, score: score(text(one).toLowerCase(), words) }))
    .filter((each) => each.score > 0)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .map((each) => each.one);
}

function score(text, words) {
  let sum = 0;
  for (const word of words) {
    const one = part(text, word);
    if (!one) return 0;
    sum += one;
  }
  return sum - text.length / 1000;
}

function part(text, word) {
  const at = text.indexOf(word);
  if (at === 0) return 100;
  if (at > 0) return /[\s\-_/.:]/.test(text[at - 1]) ? 80 : 50;
  let from = -1, gaps = 0;
  for (const letter of word) {
    const next = text.indexOf(letter, from + 1);
    if (next < 0) return 0;
    if (from >= 0) gaps += next - from - 1;
    from = next;
  }
  return gaps > word.length * 3 ? 0 : Math.max(1, 30 - gaps);
}
