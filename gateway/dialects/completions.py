"""`/v1/completions`: OpenAI's older wire, a prompt instead of messages. It is asked as a chat of one user message.

So the model answers the prompt where the old models went on with it; whoever needs the bare continuation needs a server that
has it. What only the old models could do (`suffix`, `echo`, `best_of`, several prompts, tokens as a prompt) is refused by name.
"""

from typing import Any

import msgspec

from gateway.dialects._dialect import COMMENT, Dialect, Door, Place, Read, Teller, ours, refuse
from gateway.dialects._words import Answer, Choice, count_of, encode, fields_of, read_answer
from gateway.dialects.openai import END, error
from gateway.parsing import parse
from gateway.problems import error_body
from schemas.events import Done
from schemas.job import Job
from schemas.operations import CHAT
from schemas.problem import Fault


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Completions(msgspec.Struct):
    """The fields that do not simply travel on."""

    model: str
    prompt: str | list[Any]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    n: int | None = None
    logprobs: int | None = None


_decode = msgspec.json.Decoder(Completions).decode
_OWN = frozenset({"prompt", "suffix", "echo", "best_of", "logprobs", "stream_options"})


def to_chat(body: bytes, place: Place) -> Read:
    """Raises `Problem(INVALID_REQUEST)` for what a chat cannot say."""
    asked = parse(_decode, body)
    _refuse_what_is_gone(asked)
    fields = fields_of(body)
    mine, _ = ours(fields, frozenset(fields))
    chat: dict[str, Any] = {name: value for name, value in fields.items() if name not in _OWN}
    chat |= {"messages": [{"role": "user", "content": _prompt(asked.prompt)}], **mine}
    if asked.logprobs is not None:
        chat["logprobs"] = True
        if asked.logprobs > 0:
            chat["top_logprobs"] = asked.logprobs
    options = asked.stream_options
    if asked.stream:
        chat["stream_options"] = {"include_usage": True}
    wants = bool(options and options.include_usage)
    return Read(body=encode(chat), echo=b'{"usage":true}' if wants else b"")


def _refuse_what_is_gone(asked: Completions) -> None:
    if asked.suffix:
        raise refuse("'suffix' can't be served: chat models do not fill gaps.", "suffix")
    if asked.echo:
        raise refuse("'echo' can't be served: put the prompt before the answer yourself.", "echo")
    if asked.best_of and asked.best_of > (asked.n or 1):
        raise refuse("'best_of' can't be served; use 'n'.", "best_of")


def _prompt(prompt: str | list[Any]) -> str:
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if prompt and all(isinstance(one, str) for one in prompt):
        raise refuse("Several prompts in one request can't be served; send one request each.", "prompt")
    raise refuse("'prompt' must be a text (or a list with one); tokens can't be served.", "prompt")


def whole(job: Job, end: Done, at: float) -> bytes:
    """The `text_completion` object."""
    answer = read_answer(end.body)
    texts = {choice.index: 0 for choice in answer.choices}
    return encode({**_head(job, answer), "choices": _choices(answer, texts), "usage": _usage(answer, end)})


def _head(job: Job, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"cmpl-{job.id}",
        "object": "text_completion",
        "created": answer.created or int(job.created),
        "model": answer.model or job.model,
    }


def _usage(answer: Answer, end: Done) -> dict[str, Any]:
    count = count_of(answer.usage, end.usage)
    return {
        "prompt_tokens": count.asked,
        "completion_tokens": count.answered,
        "total_tokens": count.asked + count.answered,
        "prompt_tokens_details": {"cached_tokens": count.cached},
        "completion_tokens_details": {"reasoning_tokens": count.reasoning},
    }


def _choices(answer: Answer, offsets: dict[int, int]) -> list[dict[str, Any]]:
    made = []
    for choice in answer.choices:
        text = (choice.piece.content or "") + (choice.piece.refusal or "")
        finish = "stop" if choice.finish_reason == "tool_calls" else choice.finish_reason
        logprobs = _logprobs(choice, offsets)
        made.append({"text": text, "index": choice.index, "logprobs": logprobs, "finish_reason": finish})
    return made


def _logprobs(choice: Choice, offsets: dict[int, int]) -> dict[str, Any] | None:
    """The old shape: one list for each fact. Offsets count characters of the text."""
    told = (choice.logprobs or {}).get("content")
    if not told:
        return None
    at = offsets.get(choice.index, 0)
    places = []
    for token in told:
        places.append(at)
        at += len(token["token"])
    offsets[choice.index] = at
    return {
        "tokens": [token["token"] for token in told],
        "token_logprobs": [token["logprob"] for token in told],
        "top_logprobs": [{top["token"]: top["logprob"] for top in token.get("top_logprobs") or ()} for token in told],
        "text_offset": places,
    }


class CompletionTeller:
    """One stream of `text_completion` chunks."""

    def __init__(self, job: Job) -> None:
        self._job, self._wants_usage = job, bool(job.echo)
        self._offsets: dict[int, int] = {}
        self._last = Answer()

    def tell(self, chunks: list[bytes]) -> bytes:
        out = []
        for chunk in chunks:
            answer = read_answer(chunk)
            if answer.usage is not None:
                self._last = answer
            if choices := _choices(answer, self._offsets):
                out.append(b"data: " + encode({**_head(self._job, answer), "choices": choices}) + b"\n\n")
        return b"".join(out)

    def done(self, end: Done) -> bytes:
        if not self._wants_usage:
            return END
        last = {**_head(self._job, self._last), "choices": [], "usage": _usage(self._last, end)}
        return b"data: " + encode(last) + b"\n\n" + END

    def broken(self, fault: Fault) -> bytes:
        return b"data: " + error_body(fault) + b"\n\n"

    def quiet(self) -> bytes:
        return COMMENT


def teller(job: Job) -> Teller:
    return CompletionTeller(job)


COMPLETIONS = Dialect(name="completions", error=error, whole=whole, teller=teller, spelling={"messages": "prompt"})
DOOR = Door(operation=CHAT, dialect=COMPLETIONS, read=to_chat)
