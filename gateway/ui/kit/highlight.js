// @ts-check
// Colours for code, loaded when the first code is shown: `await highlighted(text, 'python')` gives safe HTML, or null.
const LANGUAGES = {
  bash: 'bash', sh: 'bash', shell: 'bash', curl: 'bash', console: 'bash', powershell: 'powershell', json: 'json', python: 'python', py: 'python',
  javascript: 'javascript', js: 'javascript', mjs: 'javascript', typescript: 'typescript', ts: 'typescript', csharp: 'csharp', cs: 'csharp', java: 'java',
  kotlin: 'kotlin', swift: 'swift', php: 'php', dart: 'dart', fsharp: 'fsharp', vbnet: 'vbnet', sql: 'sql', html: 'xml', xml: 'xml', svg: 'xml', css: 'css',
  yaml: 'yaml', yml: 'yaml', toml: 'ini', ini: 'ini', markdown: 'markdown', md: 'markdown', diff: 'diff', go: 'go', rust: 'rust', dockerfile: 'dockerfile',
};
/** Longer texts stay plain: colours would cost more than they give. */
const MOST = 60_000;
let core = /** @type {any} */ (null);
const ready = new Map();

/** @param {string} text @param {string} language @returns {Promise<string|null>} */
export async function highlighted(text, language) {
  const name = LANGUAGES[(language ?? '').toLowerCase()];
  if (!name || text.length > MOST) return null;
  core ??= import('../vendor/highlight.js').then((one) => one.default);
  const hljs = await core;
  if (!ready.has(name)) ready.set(name, import(`../vendor/languages/${name}.js`).then((one) => hljs.registerLanguage(name, one.default)));
  await ready.get(name);
  return hljs.highlight(text, { language: name, ignoreIllegals: true }).value;
}
