// @ts-check
// A talk and all one can do with it: ask, stop, ask again, edit into a branch, save. Pages only draw its signals.
//
//   const talk = talkOf(params.id ?? '');       // '' is the one that is not saved yet
//   talk.ask('Hello', pictures);  talk.stop();  talk.again(answerId);  talk.edit(questionId, 'Other words');  talk.see(nodeId);
//
// What a newcomer would get wrong: a talk lives on while one is on another page, and its answer goes on coming; it is saved with the
// question, every few seconds of an answer, when the page goes, and at its end. Two tabs never overwrite each other: `clash` is set, and the person decides.
import { effect, signal } from '../../lib.js';
import { pref } from '../../kit/store.js';
import { keepAtLast, keepThread, openThread } from '../../kit/threads.js';
import { me } from '../../shell/session.js';
import { answer } from './answer.js';
import { asked, carried, SETTINGS } from './request.js';
import { add, choose, drop, EMPTY, newId, path, read, set } from './tree.js';

export const GROUP = 'chat';
const SAVE_EVERY = 4000;
/** The model and the numbers a new talk begins with: those used last. No text is kept in the browser. */
const habits = () => pref('chat.settings', /** @type {any} */ ({}));
/** @type {Map<string, Talk>} */
const talks = new Map();
let fresh = /** @type {Talk|null} */ (null);

/** @param {string} id */
export function talkOf(id) {
  if (!id) return (fresh ??= new Talk(''));
  const known = talks.get(id);
  if (known && known.busy.peek()) return known;
  const talk = known?.unsaved.peek() ? known : new Talk(id);
  talks.set(id, talk);
  return talk;
}

/** The saved form of a thread, read for an export. */
export const talkIn = (thread) => ({ title: thread.title, settings: { ...SETTINGS, ...thread.body?.settings }, tree: read(thread.body) });

export class Talk {
  /** @param {string} id */
  constructor(id) {
    this.id = signal(id);
    this.title = signal('');
    this.tree = signal(EMPTY);
    this.settings = signal({ ...SETTINGS, ...habits().peek() });
    /** What is coming now: {id, content, reasoning}. */
    this.live = signal(/** @type {any} */ (null));
    this.busy = signal(false);
    this.loading = signal(!!id);
    this.failed = signal(/** @type {any} */ (null));
    /** Why it could not be saved. */
    this.unsaved = signal(/** @type {any} */ (null));
    this.clash = signal(false);
    this.onSaved = /** @type {((id: string) => void)|null} */ (null);
    this.stopper = /** @type {AbortController|null} */ (null);
    this.chain = Promise.resolve();
    this.left = false;
    if (id) this.load();
  }

  /** An answer that was open when it was saved: a tab that has just gone may still be saving its last words, so look once more. */
  async load(again = true) {
    this.loading.value = again;
    this.failed.value = null;
    try {
      const thread = await openThread(this.id.peek());
      if (this.busy.peek()) return; // one was faster and asks already
      if (again && Object.values(thread.body?.nodes ?? {}).some((one) => one?.open)) setTimeout(() => !this.busy.peek() && this.load(false), 900);
      const { title, settings, tree } = talkIn(thread);
      this.title.value = title;
      this.settings.value = settings;
      this.tree.value = tree;
      this.clash.value = false;
      this.unsaved.value = null;
    } catch (error) {
      this.failed.value = error;
    } finally {
      this.loading.value = false;
    }
  }

  /** Other settings for what comes next. @param {Record<string, any>} fields */
  change(fields) {
    this.settings.value = { ...this.settings.peek(), ...fields };
    const { system, prompt, stop, seed, json, ...rest } = this.settings.peek();
    habits().value = rest;
  }

  /** @param {string} text @param {any[]} [pictures] @param {string} [parent] */
  ask(text, pictures = [], parent = this.tree.peek().leaf) {
    const question = { id: newId(), parent, role: /** @type {const} */ ('user'), content: text, at: Date.now(), ...(pictures.length && { pictures }) };
    this.tree.value = add(this.tree.peek(), question);
    return this.reply(question.id);
  }

  /** Another question in the place of this one, beside it. @param {string} id @param {string} text */
  edit(id, text) {
    const old = this.tree.peek().nodes[id];
    return this.ask(text, old.pictures ?? [], old.parent);
  }

  /** Another answer to the same question; one that failed before its first word makes room for it. @param {string} id */
  again(id) {
    const old = this.tree.peek().nodes[id];
    if (!old.content && !old.reasoning) this.tree.value = drop(this.tree.peek(), id);
    return this.reply(old.parent);
  }

  /** @param {string} id */
  see(id) {
    this.tree.value = choose(this.tree.peek(), id);
    if (!this.busy.peek()) this.save();
  }

  /** Takes a message and what follows it away. @param {string} id */
  remove(id) {
    const before = this.tree.peek();
    this.tree.value = drop(before, id);
    this.save();
    return () => ((this.tree.value = before), this.save());
  }

  stop() {
    this.stopper?.abort();
  }

  /** @param {string} question */
  async reply(question) {
    if (this.busy.peek()) return;
    this.busy.value = true;
    const stopper = this.stopper = new AbortController(), settings = this.settings.peek();
    const node = { id: newId(), parent: question, role: /** @type {const} */ ('assistant'), content: '', at: Date.now(), open: true, meta: { model: settings.model } };
    const nodes = path(this.tree.peek(), question);
    this.tree.value = add(this.tree.peek(), node);
    this.title.value ||= titled(nodes[0]);
    this.live.value = { id: node.id, content: '', reasoning: '' };
    this.save();
    const timer = setInterval(() => this.keep(), SAVE_EVERY);
    const end = await this.answered(settings, nodes, node.id, stopper.signal);
    clearInterval(timer);
    this.tree.value = set(this.tree.peek(), node.id, end);
    this.live.value = null;
    this.stopper = null;
    this.busy.value = false;
    await this.save();
  }

  /** @returns {Promise<any>} */
  async answered(settings, nodes, id, stop) {
    let drawn = 0;
    const onPart = (part) => {
      if (drawn) return;
      drawn = window.setTimeout(() => {
        drawn = 0;
        if (this.live.peek()?.id === id) this.live.value = { id, content: part.content, reasoning: part.reasoning };
      }, 40);
    };
    try {
      return await answer(asked(settings, nodes, await carried(nodes, stop)), { signal: stop, onPart });
    } catch (error) {
      const { message, code, status, request } = /** @type {any} */ (error);
      return { open: false, ...(stop.aborted ? { stopped: true } : { error: { message, code, status, request } }) };
    }
  }

  /** What has come until now, so that a tab that dies loses seconds at most. */
  keep() {
    this.gather();
    this.save();
  }

  gather() {
    const { id, content, reasoning } = this.live.peek() ?? {};
    if (id) this.tree.value = set(this.tree.peek(), id, { content, reasoning });
  }

  /** The page goes. */
  leave() {
    if (!this.busy.peek() || !this.id.peek() || this.clash.peek()) return;
    this.gather();
    keepAtLast(this.id.peek(), { body: this.body() });
    this.left = true; // the browser breaks the stream now: that is no failure to be saved
    this.stop();
  }

  /** The page comes back out of the browser's memory. */
  back() {
    if (this.left) this.load();
    this.left = false;
  }

  body() {
    return { v: 1, settings: this.settings.peek(), ...this.tree.peek() };
  }

  /** One save after the other. @param {{force?: boolean}} [how] */
  save(how) {
    this.chain = this.chain.then(() => this.send(how));
    return this.chain;
  }

  async send(how = {}) {
    if (this.left || (this.clash.peek() && !how.force)) return;
    const tree = this.tree.peek(), last = path(tree).pop(), id = this.id.peek();
    if (!last && !id) return;
    const about = `${this.settings.peek().model} · ${(last?.content ?? '').replace(/\s+/g, ' ')}`;
    const fields = { about, body: this.body(), ...(!id && { title: this.title.peek() }) };
    try {
      const kept = await keepThread(GROUP, id, fields, how);
      this.unsaved.value = null;
      this.clash.value = false;
      this.title.value = kept.title;
      if (!id) this.named(String(kept.id));
    } catch (error) {
      if (/** @type {any} */ (error).code === 'conflict' && id) this.clash.value = true;
      this.unsaved.value = error;
    }
  }

  named(id) {
    this.id.value = id;
    talks.set(id, this);
    if (fresh === this) fresh = null;
    this.onSaved?.(id);
  }
}

function titled(node) {
  const line = (node?.content ?? '').trim().split('\n')[0].replace(/\s+/g, ' ');
  return line ? (line.length > 70 ? `${line.slice(0, 69).trimEnd()}…` : line) : 'Picture';
}

/** Of deleted threads nothing may be saved again. @param {string[]} ids */
export function forget(ids) {
  for (const id of ids) {
    const talk = talks.get(id);
    if (!talk) continue;
    talk.clash.value = true; // no save any more
    talk.stop();
    talks.delete(id);
  }
}

addEventListener('pagehide', () => talks.forEach((talk) => talk.leave()));
addEventListener('pageshow', (event) => event.persisted && talks.forEach((talk) => talk.back()));

let owner = '';
effect(() => {
  const now = me.value?.id ?? '';
  if (now === owner) return;
  owner = now;
  for (const talk of [...talks.values(), ...(fresh ? [fresh] : [])]) talk.stop();
  talks.clear();
  fresh = null;
});
