// @ts-check
// The eleven transforms: which kind of file each takes, what a person says of it, and the request that comes of that.
//
// The fields' names are the API's (schemas/media.py), so that the server's complaints find their field.

const IMAGES = ['webp', 'avif', 'jpg', 'png', 'gif', 'bmp', 'tiff'];
const VIDEOS = ['mp4', 'webm', 'mkv', 'mov', 'avi', 'gif', 'wmv', 'mpeg', 'ogg'];
const SOUNDS = ['mp3', 'wav', 'flac', 'ogg', 'm4a', 'opus', 'aac', 'wma'];
export const PLACES = [['TopLeft', 'Top left'], ['TopRight', 'Top right'], ['Center', 'In the middle'], ['BottomLeft', 'Bottom left'], ['BottomRight', 'Bottom right']];

const whole = (name, label, more = {}) => ({ name, label, type: 'number', min: 0, max: 65535, step: 1, ...more });
const CROP = [whole('x', 'Left'), whole('y', 'Top'), whole('width', 'Width', { min: 1, required: true }), whole('height', 'Height', { min: 1, required: true })];
const format = (options) => ({ name: 'output_format', label: 'Format', type: 'select', required: true, full: true, options });
const TRIM = [
  { name: 'start_time', label: 'From', hint: 'seconds', type: 'number', min: 0, step: 0.001, required: true },
  { name: 'end_time', label: 'To', hint: 'seconds', type: 'number', min: 0, step: 0.001, placeholder: 'the end', check: (to, { start_time }) => (to <= start_time ? 'It ends before it begins.' : '') },
];
const scale = (mostWide, mostHigh) => [
  whole('width', 'Width', { min: 1, max: mostWide, placeholder: 'by the height' }),
  whole('height', 'Height', { min: 1, max: mostHigh, placeholder: 'by the width', check: () => '' }),
];
const mark = (size) => [
  { name: 'watermark', label: 'Watermark', type: 'watermark', required: true, full: true },
  { name: 'position', label: 'Where', type: 'select', required: true, options: PLACES, full: true },
  { name: 'watermark_scale', type: 'slider', full: true, ...size },
  { name: 'opacity', label: 'Opacity', type: 'slider', min: 0, max: 1, step: 0.01, full: true },
];

/** @type {Record<string, {kind: 'image'|'video'|'audio', title: string, icon: string, act: string, fields: any[], start: Record<string, any>}>} */
export const OPS = {
  crop_image: { kind: 'image', title: 'Crop', icon: 'crop', act: 'Crop', fields: CROP, start: { x: 0, y: 0, width: null, height: null } },
  scale_image: { kind: 'image', title: 'Scale', icon: 'expand', act: 'Scale', fields: scale(65535, 65535), start: { width: null, height: null } },
  convert_image: { kind: 'image', title: 'Convert', icon: 'refresh', act: 'Convert', start: { output_format: 'webp', quality: 80 },
    fields: [format(IMAGES), { name: 'quality', label: 'Quality', type: 'slider', min: 1, max: 100, step: 1, full: true, show: (values) => ['jpg', 'webp', 'avif'].includes(values.output_format) }] },
  watermark_image: { kind: 'image', title: 'Watermark', icon: 'tag', act: 'Lay it over', start: { watermark: null, position: 'BottomRight', watermark_scale: 1, opacity: 0.5 },
    fields: mark({ label: 'Size, of its own', min: 0.05, max: 4, step: 0.05 }) },
  trim_video: { kind: 'video', title: 'Trim', icon: 'cut', act: 'Trim', fields: TRIM, start: { start_time: 0, end_time: null } },
  crop_video: { kind: 'video', title: 'Crop', icon: 'crop', act: 'Crop', fields: CROP, start: { x: 0, y: 0, width: null, height: null } },
  scale_video: { kind: 'video', title: 'Scale', icon: 'expand', act: 'Scale', fields: scale(7680, 4320), start: { width: null, height: null } },
  convert_video: { kind: 'video', title: 'Convert', icon: 'refresh', act: 'Convert', fields: [format(VIDEOS)], start: { output_format: 'mp4' } },
  watermark_video: { kind: 'video', title: 'Watermark', icon: 'tag', act: 'Lay it over', start: { watermark: null, position: 'BottomRight', watermark_scale: 0.2, opacity: 1 },
    fields: mark({ label: 'Width, of the video’s', min: 0.01, max: 1, step: 0.01 }) },
  trim_audio: { kind: 'audio', title: 'Trim', icon: 'cut', act: 'Trim', fields: TRIM, start: { start_time: 0, end_time: null } },
  convert_audio: { kind: 'audio', title: 'Convert', icon: 'refresh', act: 'Convert', fields: [format(SOUNDS)], start: { output_format: 'mp3' } },
};

export const KINDS = [['image', 'Image'], ['video', 'Video'], ['audio', 'Audio']];
export const opsOf = (kind) => Object.keys(OPS).filter((op) => OPS[op].kind === kind);

/** The values that the address of the page holds, over the ones an operation begins with; the watermark is an id there. */
export function valuesIn(op, query) {
  const { start, fields } = OPS[op], found = { ...start };
  for (const { name, type } of fields) {
    if (query[name] === undefined || type === 'watermark') continue;
    found[name] = type === 'number' || type === 'slider' ? Number(query[name]) : query[name];
  }
  return found;
}

/** What the address keeps of the values. */
export function queryOf(op, values) {
  const named = OPS[op].fields.map(({ name, type }) => [name, type === 'watermark' ? values[name]?.id ?? '' : values[name] ?? '']);
  return Object.fromEntries(named);
}

/** The request. Times go as text, files by id. @param {string} op @param {string} file its id @param {Record<string, any>} values */
export function bodyOf(op, file, values) {
  const { kind, fields } = OPS[op], body = { [kind]: file };
  for (const { name, type, show } of fields) {
    const value = values[name];
    if (value === null || value === undefined || value === '' || (show && !show(values))) continue;
    body[name] = type === 'watermark' ? value.id : name.endsWith('_time') ? String(value) : value;
  }
  return body;
}
