// @ts-check
// What a file is, finer than kit/media.js says it: kinds for filters and icons, and where its bytes are read.
//
//   kindOf(file) → 'image' | 'video' | 'audio' | 'text' | 'pdf' | 'other'      content(file) → the address of its bytes
//
// What a newcomer would get wrong: `url` may begin with another host (a CDN before public files), and this page may ask none; so what
// is shown here comes by id or by the path alone.
import { get } from '../../kit/api.js';
import { place } from '../../kit/media.js';

export const KINDS = [['image', 'Images', 'image'], ['video', 'Videos', 'video'], ['audio', 'Audio', 'music'], ['text', 'Text', 'text'], ['pdf', 'PDF', 'book'], ['other', 'Other', 'file']];
export const PURPOSES = [['upload', 'Uploads'], ['artifact', 'Made by jobs'], ['input', 'Sent with requests'], ['workflow', 'Workflows'], ['batch', 'Batches'], ['batch_output', 'Batch results'], ['user_data', 'User data'], ['vision', 'Vision'], ['assistants', 'Assistants'], ['fine-tune', 'Fine-tuning'], ['evals', 'Evals']];
const TEXTS = /^(text\/|application\/(json|.*\+json|xml|javascript|x-yaml|yaml|toml|x-ndjson|x-sh|sql))/;
const LANGUAGES = { js: 'javascript', mjs: 'javascript', ts: 'typescript', py: 'python', json: 'json', md: 'markdown', sh: 'bash', sql: 'sql', yaml: 'yaml', yml: 'yaml', xml: 'xml', html: 'xml', css: 'css', toml: 'ini' };

/** @param {{content_type?: string, file_name?: string}} file */
export function kindOf(file) {
  const type = file.content_type ?? '';
  const [first] = type.split('/');
  if (first === 'image' || first === 'video' || first === 'audio') return first;
  if (type === 'application/pdf') return 'pdf';
  if (TEXTS.test(type) || (!type.startsWith('application/') && languageOf(file))) return 'text';
  return type === 'application/octet-stream' && languageOf(file) ? 'text' : 'other';
}

export const iconOf = (file) => KINDS.find(([kind]) => kind === kindOf(file))?.[2] ?? 'file';

/** Of the highlighter; '' for plain text. */
export function languageOf(file) {
  if (/json/.test(file.content_type ?? '')) return 'json';
  return LANGUAGES[(file.file_name ?? '').split('.').pop()?.toLowerCase() ?? ''] ?? '';
}

/** The address of its bytes; `save` is to be saved under its name. An artifact without an id is read at its own address. */
export function content(file, save = false) {
  const path = file.id ? `/files/${file.id}/content` : place(file.url);
  return save ? `${path}?download=1` : path;
}

/** Does a browser show it as it is? TIFF, AVI and the like it does not. */
export function playable(file) {
  const type = (file.content_type ?? '').split(';')[0];
  if (type.startsWith('image/')) return /^image\/(png|jpe?g|gif|webp|avif|bmp|x-icon)$/.test(type);
  if (!/^(video|audio)\//.test(type)) return false;
  return document.createElement(type.startsWith('video/') ? 'video' : 'audio').canPlayType(type) !== '';
}

/** @type {Map<string, Promise<any>>} */
const known = new Map();

/** A file by its id, asked once. @param {string} id @returns {Promise<any>} */
export function fileOf(id) {
  if (!known.has(id)) {
    const asked = get(`/files/${encodeURIComponent(id)}`);
    known.set(id, asked);
    asked.catch(() => known.delete(id));
  }
  return /** @type {any} */ (known.get(id));
}
