// @ts-check
// Values of a workflow under a name, kept on the server for this key (`/saved/pins`, group `workflows/NAME`).
import { html } from '../../lib.js';
import { del, get, patch, post, useApi } from '../../kit/api.js';
import { ask, confirm, Menu, toast } from '../../kit/overlay.js';

/** @param {{name: string, values: Record<string, any>, onUse: (values: Record<string, any>) => void}} props */
export function Presets({ name, values, onUse }) {
  const group = `workflows/${name}`;
  const list = useApi('/saved/pins', { query: { group, limit: 200 } });
  const all = list.data?.data ?? [];
  const save = async () => {
    const title = await ask({ title: 'Save these values', label: 'Name of the preset', action: 'Save', hint: 'One of the same name is replaced.' });
    if (!title) return;
    const old = all.find((one) => one.title === title);
    await (old ? patch(`/saved/pins/${old.id}`, { body: values }) : post('/saved/pins', { title, group, body: values }));
    toast(`Saved as “${title}”`);
    list.reload();
  };
  const use = async (one) => {
    onUse((await get(`/saved/pins/${one.id}`)).body ?? {});
    toast(`The values of “${one.title}”`);
  };
  const drop = async (one) => {
    if (!(await confirm({ title: `Delete the preset “${one.title}”?`, action: 'Delete', danger: true }))) return;
    await del(`/saved/pins/${one.id}`);
    toast(`“${one.title}” is deleted`);
    list.reload();
  };
  const told = (work) => work.catch(toast.error);
  return html`<${Menu} label="Presets" button="Presets" items=${[
    ...all.map((one) => ({ label: one.title, icon: 'star', onSelect: () => told(use(one)) })), all.length && '-',
    { label: 'Save these values …', icon: 'plus', onSelect: () => told(save()) },
    ...(all.length ? ['-', ...all.map((one) => ({ label: `Delete “${one.title}” …`, icon: 'trash', danger: true, onSelect: () => told(drop(one)) }))] : [])]} />`;
}
