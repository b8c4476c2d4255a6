// @ts-check
// One answer while it comes: asks, collects, measures, and knows how it ended. Nothing is drawn here.
//
//   const end = await answer(body, { signal, onPart: ({content, reasoning}) => … });    // {content, reasoning, meta, error?, stopped?}
//
// Never raises: what went wrong is `error` {message, code, status, param, request}, and what had come by then is kept.
// `meta`: {model, provider, job, attempts, tokens_in, tokens_out, tokens_cached, tokens_reasoning, first, seconds, finish, cost, estimated};
// times in seconds, cost in US dollars.
import { get, stream } from '../../kit/api.js';

/** @param {any} body @param {{signal: AbortSignal, onPart: (part: {content: string, reasoning: string}) => void}} how */
export async function answer(body, { signal, onPart }) {
  const got = { content: '', reasoning: '' }, meta = /** @type {any} */ ({ model: body.model });
  const began = performance.now(), since = () => (performance.now() - began) / 1000;
  let error = null, stopped = false, pieces = 0;
  const onReply = (reply) => Object.assign(meta, { provider: reply.headers.get('x-ai-provider') ?? '', job: reply.headers.get('x-request-id') ?? '', attempts: Number(reply.headers.get('x-ai-attempts')) || 1, cached: reply.headers.get('x-ai-cache') === 'hit' });
  try {
    for await (const { data } of stream('/v1/chat/completions', body, { signal, onReply })) {
      if (data?.error) {
        error = fault(data.error, meta.job);
        break;
      }
      if (data?.usage) count(meta, data.usage);
      const choice = data?.choices?.[0], delta = choice?.delta ?? {};
      const content = delta.content ?? '', reasoning = delta.reasoning_content ?? (typeof delta.reasoning === 'string' ? delta.reasoning : '');
      if (data?.model) meta.model = data.model;
      if (choice?.finish_reason) meta.finish = choice.finish_reason;
      if (!content && !reasoning) continue;
      meta.first ??= since();
      got.content += content;
      got.reasoning += reasoning;
      pieces++;
      onPart(got);
    }
    if (!error && !meta.finish && !signal.aborted) error = fault({ message: 'The answer broke off before its end.', code: 'stream_broken' }, meta.job);
  } catch (caught) {
    const told = /** @type {any} */ (caught);
    stopped = signal.aborted;
    if (!stopped) error = told.status || told.code ? fault(told, told.request) : fault({ message: 'The connection broke while the answer came.', code: 'offline' }, meta.job);
  }
  meta.seconds = since();
  if (meta.tokens_out === undefined && pieces) Object.assign(meta, { tokens_out: pieces, guessed: true }); // stopped: the count comes last
  if (!error && !meta.cached) await priced(meta, body.model);
  return { ...got, meta, ...(error && { error }), ...(signal.aborted && { stopped: true }), open: false };
}

function count(meta, usage) {
  Object.assign(meta, {
    tokens_in: usage.prompt_tokens, tokens_out: usage.completion_tokens,
    tokens_cached: usage.prompt_tokens_details?.cached_tokens ?? 0, tokens_reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  });
}

const fault = (error, request) => ({ message: error.message || 'The provider failed.', code: error.code ?? '', status: error.status ?? 0, param: error.param ?? '', request: error.request || request || '' });

/** What it cost; nobody waits long for it, and without a price nothing is said. */
async function priced(meta, model) {
  if (!meta.provider || meta.guessed || meta.tokens_out === undefined) return;
  const { provider, tokens_in, tokens_out, tokens_cached, tokens_reasoning } = meta;
  try {
    const told = await get('/me/cost', { model, provider, tokens_in, tokens_out, tokens_cached, tokens_reasoning }, { silent: true, signal: AbortSignal.timeout(3000) });
    Object.assign(meta, { cost: told.cost, estimated: told.estimated });
  } catch { /* a server without prices */ }
}

/** Tokens a second, from the first to the last. */
export function speed(meta) {
  const spent = (meta.seconds ?? 0) - (meta.first ?? 0);
  return meta.tokens_out > 1 && spent > 0.01 ? (meta.tokens_out - 1) / spent : null;
}
