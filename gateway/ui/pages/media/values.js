// @ts-check
// From the values of a form to the request of the API, and back from a run to the form.
import { start } from './features.js';

const none = (value) => value === '' || value === null || value === undefined || value === false || (Array.isArray(value) && !value.length);

/**
 * What is sent: JSON with files as `file-…`. The mask, which is drawn, is put in by the caller.
 * @param {import('./features.js').Feature} feature @param {any} values
 */
export function bodyOf(feature, values) {
  const body = values.model ? { model: values.model } : {};
  for (const field of feature.fields) {
    const value = values[field.name];
    if (none(value) || (field.show && !field.show(values))) continue;
    if (field.type === 'media') body[field.name] = field.many ? value.map((one) => one.id) : value.id;
    else if (field.type === 'size') value !== 'own' && ([body.width, body.height] = value.split('x').map(Number));
    else if (field.type === 'number' || field.type === 'slider' || field.type === 'seed') body[field.name] = Number(value);
    else if (field.type !== 'mask') body[field.name] = value;
  }
  if (body.batch_size === 1) delete body.batch_size;
  if (feature.op === 'text_to_speech' && body.speed === 1) delete body.speed;
  return body;
}

/** The files of the form, to be shown again with the run. */
export const filesOf = (feature, values) => Object.fromEntries(feature.fields.filter((one) => one.type === 'media' && !none(values[one.name])).map((one) => [one.name, values[one.name]]));

/** The form's values of a run, its seed too. */
export function valuesOf(feature, run) {
  const values = { ...start(feature), ...run.body, ...run.files, mask: run.strokes ?? null };
  const side = run.body.width && `${run.body.width}x${run.body.height}`;
  const size = feature.fields.find((one) => one.type === 'size');
  if (size && side) values.size = size.options.some(([value]) => value === side) ? side : 'own';
  return Object.fromEntries(Object.entries(values).filter(([name]) => name === 'model' || feature.fields.some((one) => one.name === name)));
}

/** The same, but with a seed of its own again when the run's was given by chance. */
export function freshOf(feature, run) {
  const values = valuesOf(feature, run);
  return run.chance && 'seed' in values ? { ...values, seed: '' } : values;
}

/** The same request as a program makes it: files as parts of a form. @param {import('./features.js').Feature} feature @param {any} values */
export function callOf(feature, values) {
  const body = bodyOf(feature, values), files = {};
  for (const field of feature.fields) {
    if (field.type === 'mask') files.mask = 'mask.png';
    if (field.type !== 'media') continue;
    const value = values[field.name];
    const named = (one) => one?.file_name || { image: 'picture.png', audio: 'speech.wav' }[field.name] || 'file';
    if (field.many ? value?.length : field.required || value) files[field.name] = field.many ? value.map(named) : named(value);
    delete body[field.name];
  }
  const path = `/media/${feature.op}`;
  const text = feature.fields.find((one) => one.required && one.type === 'textarea');
  if (text && !body[text.name]) body[text.name] = text.placeholder;
  return Object.keys(files).length ? { path, form: body, files } : { path, body };
}

/** What a run is called in the history. */
export function titleOf(feature, values) {
  const words = String(values.positive_prompt || values.input || values.prompt || '').trim().replace(/\s+/g, ' ');
  const file = values.image ?? values.audio;
  return (words || file?.file_name || feature.title).slice(0, 90);
}

/** A thread's `about`: its jobs, the newest first, so that a file finds the thread that made it (kit/media/origin.js). */
export function aboutOf(runs) {
  let about = 'jobs';
  for (const one of runs) {
    if (about.length + String(one.job).length > 280) break;
    about += ` ${one.job}`;
  }
  return about;
}

/** Something by chance that every provider takes: below 2**31. */
export const chance = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
