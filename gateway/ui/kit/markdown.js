// @ts-check
// What a model wrote, as a page: markdown made safe (DOMPurify), code with colours and copy buttons.
//
//   html`<${Markdown} text=${answer} live />`      `live`: it is still being written (drawn at most every 80 ms)
//
// Pictures and links of other hosts stay links: the page's policy loads nothing from elsewhere.
import { html, render, useEffect, useRef } from '../lib.js';
import { highlighted } from './highlight.js';
import { Copy } from './parts.js';

let tools = /** @type {Promise<any>|null} */ (null);

function load() {
  tools ??= Promise.all([import('../vendor/marked.js'), import('../vendor/dompurify.js')]).then(([{ Marked }, { default: purify }]) => {
    const marked = new Marked({ gfm: true, breaks: true, renderer: {
      html: ({ text }) => escaped(text), // what a model writes as HTML is shown, not obeyed
      image: ({ href, text }) => (near(href) ? `<img src="${escaped(href)}" alt="${escaped(text)}">` : `<a href="${escaped(href)}">${escaped(text || href)}</a>`),
    } });
    return (text) => purify.sanitize(/** @type {string} */ (marked.parse(text)), {
      FORBID_TAGS: ['style', 'form', 'input', 'button', 'textarea', 'select', 'iframe', 'object', 'embed', 'dialog', 'link', 'meta', 'base'],
      FORBID_ATTR: ['style', 'id', 'name', 'class', 'srcset', 'popover', 'autofocus'], ALLOW_DATA_ATTR: false, ADD_ATTR: ['target'], RETURN_DOM_FRAGMENT: true,
    });
  });
  return tools;
}

/** @param {{text: string, live?: boolean, class?: string}} props */
export function Markdown({ text, live, class: extra = '' }) {
  const box = useRef(/** @type {any} */ (null));
  const drawn = useRef(0);
  useEffect(() => {
    let current = true;
    const pause = live ? Math.max(0, drawn.current + 80 - performance.now()) : 0;
    const timer = setTimeout(async () => {
      const languages = [...text.matchAll(/^ {0,3}(?:```|~~~)[ \t]*(\S*).*$/gm)].map((one) => one[1]).filter((_, i) => i % 2 === 0);
      const safe = (await load())(text);
      if (!current || !box.current) return;
      drawn.current = performance.now();
      tidy(safe, languages);
      box.current.replaceChildren(safe);
      if (!live) colour(box.current, () => current);
    }, pause);
    return () => ((current = false), clearTimeout(timer));
  }, [text, live]);
  return html`<div ref=${box} class=${`md ${extra}`}><p>${text}</p></div>`;
}

const escaped = (text) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
/** A picture of the text itself, or a file of this server. Any other address would be a call in the person's name (`/api/…`). */
function near(source) {
  if (/^data:image\//.test(source)) return true;
  const url = URL.canParse(source, location.href) ? new URL(source, location.href) : null;
  return url?.origin === location.origin && /^\/(files|artifacts|variants)\//.test(url.pathname);
}

function tidy(part, languages) {
  for (const link of part.querySelectorAll('a[href]')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
  }
  [...part.querySelectorAll('pre')].forEach((pre, i) => {
    pre.tabIndex = 0;
    pre.setAttribute('data-language', languages[i] ?? '');
  });
}

async function colour(box, current) {
  for (const pre of box.querySelectorAll('pre')) {
    const code = pre.querySelector('code') ?? pre, text = code.textContent, language = pre.getAttribute('data-language') ?? '';
    const markup = await highlighted(text, language).catch(() => null);
    if (!current()) return;
    if (markup !== null) code.innerHTML = markup;
    const frame = document.createElement('div');
    frame.className = 'code';
    const head = document.createElement('header');
    pre.replaceWith(frame);
    frame.append(head, pre);
    render(html`<span class="small soft grow">${language || 'text'}</span><${Copy} text=${text} />`, head);
  }
}
