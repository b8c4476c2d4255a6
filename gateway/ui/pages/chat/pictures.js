// @ts-check
// Pictures for a message: made small enough for a model, kept in the key's file area (private), shown by their address.
//
//   const pictures = usePictures();     // {list, setList, add(files), remove(id), busy}; a picture is {id, name, type}
import { api } from '../../kit/api.js';
import { toast } from '../../kit/overlay.js';
import { useState } from '../../lib.js';

/** Models look at about this many pixels a side at most; more only costs. */
const SIDE = 2048, MOST = 1_500_000, NUMBER = 8;
const KINDS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];

export const shownAt = (picture) => `/files/${picture.id}/content`;

/** @param {File} file @returns {Promise<{blob: Blob, type: string}>} */
async function small(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= MOST && KINDS.includes(file.type)) return { blob: file, type: file.type };
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.fillStyle = '#fff'; // JPEG has no transparency
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.88));
  if (!blob) throw new Error('it could not be drawn');
  return { blob, type: 'image/jpeg' };
}

async function store(file) {
  let made;
  try {
    made = await small(file);
  } catch {
    throw new Error(`${file.name || 'The picture'} cannot be read as a picture.`);
  }
  const name = file.name || 'pasted.png';
  const kept = await api('/files', { method: 'POST', query: { name, area: 'private' }, body: made.blob, headers: { 'content-type': made.type } });
  const one = kept.data?.[0] ?? kept;
  return { id: one.id, name, type: made.type };
}

export function usePictures() {
  const [list, setList] = useState(/** @type {any[]} */ ([])), [busy, setBusy] = useState(0);
  const add = async (files) => {
    const good = [...files].filter((one) => one.type.startsWith('image/') || toast(`${one.name} is no picture; this chat takes pictures.`, { kind: 'bad' }));
    if (good.length + list.length > NUMBER) return toast(`At most ${NUMBER} pictures in one message.`, { kind: 'bad' });
    setBusy((n) => n + good.length);
    for (const file of good) {
      try {
        const one = await store(file);
        setList((old) => [...old, one]);
      } catch (error) {
        toast.error(error);
      }
      setBusy((n) => n - 1);
    }
  };
  return { list, busy, add, setList, remove: (id) => setList((old) => old.filter((one) => one.id !== id)) };
}
