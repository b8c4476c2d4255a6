// @ts-check
// A talk as a tree: an edited question or a second answer is a branch beside the first, nothing is written over. Pure.
//
// A node: {id, parent, role: 'user'|'assistant', content, at, pictures?, reasoning?, meta?, error?, stopped?, open?}. `open`: it was
// still being written when it was saved. `leaf` is the end of the branch that one sees.
//
// What a newcomer would get wrong: a tree is never changed, each function returns a new one.

/** @typedef {{id: string, parent: string, role: 'user'|'assistant', content: string, at: number, pictures?: any[], reasoning?: string, meta?: any, error?: any, stopped?: boolean, open?: boolean}} Node */
/** @typedef {{nodes: Record<string, Node>, leaf: string}} Tree */

/** @type {Tree} */
export const EMPTY = { nodes: {}, leaf: '' };

/** `crypto.randomUUID` is not there on plain http. */
export const newId = () => Date.now().toString(36) + Math.random().toString(36).slice(2, 8);

/** What one sees, from the first question to the leaf. @param {Tree} tree @param {string} [leaf] @returns {Node[]} */
export function path(tree, leaf = tree.leaf) {
  const found = [];
  for (let at = tree.nodes[leaf]; at; at = tree.nodes[at.parent]) found.unshift(at);
  return found;
}

/** Under `parent` ('' for the first), and seen from now on. @param {Tree} tree @param {Node} node @returns {Tree} */
export const add = (tree, node) => ({ nodes: { ...tree.nodes, [node.id]: node }, leaf: node.id });

/** @param {Tree} tree @param {string} id @param {Partial<Node>} fields @returns {Tree} */
export function set(tree, id, fields) {
  if (!tree.nodes[id]) return tree;
  return { ...tree, nodes: { ...tree.nodes, [id]: { ...tree.nodes[id], ...fields } } };
}

/** The branches at this place, the oldest first. @param {Tree} tree @param {string} id @returns {string[]} */
export function siblings(tree, id) {
  const { parent } = tree.nodes[id];
  return Object.values(tree.nodes).filter((one) => one.parent === parent).sort((a, b) => a.at - b.at).map((one) => one.id);
}

/** See the branch of this node, down to its newest end. @param {Tree} tree @param {string} id @returns {Tree} */
export function choose(tree, id) {
  let leaf = id;
  for (;;) {
    const under = Object.values(tree.nodes).filter((one) => one.parent === leaf).sort((a, b) => b.at - a.at);
    if (!under.length) return { ...tree, leaf };
    leaf = under[0].id;
  }
}

/** Without this node and all under it. @param {Tree} tree @param {string} id @returns {Tree} */
export function drop(tree, id) {
  const gone = new Set([id]), { parent } = tree.nodes[id];
  for (let before = 0; before !== gone.size;) {
    before = gone.size;
    for (const one of Object.values(tree.nodes)) if (gone.has(one.parent)) gone.add(one.id);
  }
  const nodes = Object.fromEntries(Object.entries(tree.nodes).filter(([name]) => !gone.has(name)));
  const rest = { nodes, leaf: gone.has(tree.leaf) ? parent : tree.leaf };
  const left = Object.values(nodes).filter((one) => one.parent === parent).sort((a, b) => b.at - a.at)[0];
  return gone.has(tree.leaf) && left ? choose(rest, left.id) : rest;
}

/** What a body of `/saved/threads` holds, made safe: it may be of an older version, or of somebody's script. @returns {Tree} */
export function read(body) {
  const nodes = /** @type {Record<string, Node>} */ ({});
  for (const [id, one] of Object.entries(body?.nodes ?? {})) {
    if (one?.role !== 'user' && one?.role !== 'assistant') continue;
    nodes[id] = { ...one, id, parent: String(one.parent ?? ''), content: String(one.content ?? ''), at: Number(one.at) || 0, ...(one.open && { open: false, stopped: true }) };
  }
  const leaf = nodes[body?.leaf] ? body.leaf : Object.values(nodes).sort((a, b) => b.at - a.at)[0]?.id ?? '';
  return { nodes, leaf };
}
