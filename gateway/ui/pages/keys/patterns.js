// @ts-check
// Patterns of models as the server reads them (shell wildcards, case counts), and what they match of what is served.
import { html } from '../../lib.js';
import { Badge } from '../../kit/parts.js';

/** `gpt-4*`, `[lm]*`, `a?c` as a regular expression. @param {string} pattern */
export function expression(pattern) {
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const one = pattern[i], end = one === '[' ? pattern.indexOf(']', i + 2) : -1;
    if (one === '*') text += '.*';
    else if (one === '?') text += '.';
    else if (end > 0) {
      text += `[${pattern.slice(i + 1, end).replace(/\\/g, '\\\\').replace(/^!/, '^').replace(/\[/g, '\\[')}]`;
      i = end;
    } else text += one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }
  try {
    return new RegExp(`^(?:${text})$`, 's');
  } catch {
    return /$^/;
  }
}

/** @param {{patterns: string[], models: string[]}} props */
export function Preview({ patterns, models }) {
  if (!patterns.length) return html`<p class="faint small">Every model, also those to come.</p>`;
  const every = patterns.map((one) => /** @type {[string, RegExp]} */ ([one, expression(one)]));
  const found = models.filter((name) => every.some(([, test]) => test.test(name)));
  const idle = every.filter(([, test]) => !models.some((name) => test.test(name))).map(([one]) => one);
  return html`<div class="col gap-1 small" role="status" aria-label="What these patterns match"><span class="soft">${found.length} of ${models.length} models served now${found.length ? ':' : '.'}</span>
    ${found.length > 0 && html`<span class="row wrap gap-1">${found.slice(0, 24).map((name) => html`<${Badge} kind="accent">${name}<//>`)}${found.length > 24 && html`<span class="faint">and ${found.length - 24} more</span>`}</span>`}
    ${idle.length > 0 && html`<span class="warn-text">Nothing served now matches ${idle.join(', ')}.</span>`}</div>`;
}
