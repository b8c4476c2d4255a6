// @ts-check
// A talk as a file: Markdown for people, JSON (in OpenAI's words) for programs. What is exported is the branch one sees.
import { save } from '../../kit/api.js';
import { openThread } from '../../kit/threads.js';
import { exact } from '../../kit/time.js';
import { asked, thought } from './request.js';
import { talkIn } from './talk.js';
import { path } from './tree.js';

/** @param {{title: string, settings: any, tree: any}} talk */
export function asMarkdown({ title, settings, tree }) {
  const nodes = path(tree);
  const head = [`# ${title}`, '', `${settings.model}${nodes[0] ? `, ${exact(nodes[0].at / 1000)}` : ''}`];
  if (settings.system.trim()) head.push('', '## System', '', settings.system.trim());
  const said = nodes.flatMap((one) => {
    const { text, reasoning } = thought(one);
    const pictures = (one.pictures ?? []).map((picture) => `![${picture.name}](${location.origin}/files/${picture.id}/content)`);
    return ['', one.role === 'user' ? '## You' : `## ${one.meta?.model ?? 'Answer'}`, '', ...pictures,
      ...(reasoning ? ['<details><summary>Reasoning</summary>', '', reasoning, '', '</details>', ''] : []), text || (one.error ? `*${one.error.message}*` : ''), ...(one.stopped ? ['', '*Stopped.*'] : [])];
  });
  return `${[...head, ...said].join('\n').trim()}\n`;
}

/** @param {{title: string, settings: any, tree: any}} talk */
export function asJson({ title, settings, tree }) {
  const nodes = path(tree);
  const { messages, stream, stream_options, ...request } = asked(settings, nodes, (picture) => `${location.origin}/files/${picture.id}/content`);
  const answers = nodes.filter((one) => one.role === 'assistant').map((one) => ({ at: one.at / 1000, ...one.meta, ...(one.reasoning && { reasoning: one.reasoning }), ...(one.error && { error: one.error }), ...(one.stopped && { stopped: true }) }));
  return JSON.stringify({ title, ...request, messages, answers, branches: tree.nodes }, null, 2);
}

const name = (title, end) => `${title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'chat'}.${end}`;

/** @param {{title: string, settings: any, tree: any}} talk @param {'md'|'json'} as */
export function give(talk, as) {
  if (as === 'md') save(name(talk.title, 'md'), asMarkdown(talk), 'text/markdown');
  else save(name(talk.title, 'json'), asJson(talk), 'application/json');
}

/** For the menu of a thread. */
export const exports = (read) => [
  { label: 'Export as Markdown', icon: 'download', onSelect: async () => give(await read(), 'md') },
  { label: 'Export as JSON', icon: 'download', onSelect: async () => give(await read(), 'json') },
];

export const ofThread = (thread) => exports(async () => talkIn(await openThread(thread.id)));
