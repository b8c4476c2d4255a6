// @ts-check
// A workflow out of a file: ComfyUI's JSON, or a picture that ComfyUI saved, which carries its workflow along.
//
//   const { name, json } = await workflowIn(file);      // raises Error in words a person understands
//
// What a newcomer would get wrong: a PNG may hold two: `workflow` (the drawing, which ComfyUI opens again) goes before `prompt` (the API's form).

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const KEYS = ['workflow', 'prompt'];

/** @param {File} file @returns {Promise<{name: string, json: string}>} */
export async function workflowIn(file) {
  const name = named(file.name), data = new Uint8Array(await file.arrayBuffer());
  if (!PNG.every((byte, i) => data[i] === byte)) return { name, json: checked(new TextDecoder().decode(data), file.name) };
  const found = await texts(data);
  const json = KEYS.map((key) => found.get(key)).find(Boolean);
  if (!json) throw new Error(`${file.name} is a picture without a workflow in it. ComfyUI writes one into what it saves; other programs often cut it out.`);
  return { name, json: checked(json, file.name) };
}

function checked(text, name) {
  try {
    const value = JSON.parse(text.replace(/\bNaN\b/g, 'null'));
    if (value && typeof value === 'object' && !Array.isArray(value)) return text;
  } catch { /* told below */ }
  throw new Error(`${name} holds no workflow: it is neither JSON that ComfyUI saved nor a picture of it.`);
}

/** What the server takes for a name. */
function named(file) {
  return file.replace(/\.[^.]+$/, '').replace(/[^A-Za-z0-9 ._()+-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 100).trim() || 'workflow';
}

/** The text chunks of a PNG: `tEXt`, `iTXt`, `zTXt`. @param {Uint8Array} data @returns {Promise<Map<string, string>>} */
async function texts(data) {
  const view = new DataView(data.buffer), found = new Map();
  for (let at = 8; at + 12 <= data.length;) {
    const length = view.getUint32(at), kind = latin(data.subarray(at + 4, at + 8)), body = data.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (kind === 'IEND') break;
    const end = body.indexOf(0);
    if (!['tEXt', 'iTXt', 'zTXt'].includes(kind) || end < 0) continue;
    found.set(latin(body.subarray(0, end)), await text(kind, body.subarray(end + 1)));
  }
  return found;
}

async function text(kind, rest) {
  if (kind === 'tEXt') return latin(rest);
  if (kind === 'zTXt') return latin(await inflated(rest.subarray(1)));
  const packed = rest[0] === 1, language = rest.indexOf(0, 2), translated = rest.indexOf(0, language + 1), body = rest.subarray(translated + 1);
  return new TextDecoder().decode(packed ? await inflated(body) : body);
}

/** ComfyUI escapes what is beyond ASCII, but others write UTF-8 where Latin-1 should stand. */
function latin(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('latin1').decode(bytes);
  }
}

async function inflated(bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
}
