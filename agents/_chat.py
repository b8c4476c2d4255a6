"""Reads a streamed chat in OpenAI's shape, and knows when it is whole: a cut stream must never look like a finished one.

Chunks travel on as the bytes they came in; they are decoded only to check, to count and, if asked, to keep the whole answer.
What a provider says in a dialect of its own is first put into chunks by its `Told`.
"""

from typing import Any, Protocol

import msgspec

from agents._chunks import Assembler, assemble, disassemble, usage_of
from agents._http import MAX_BODY
from agents._meter import Broken, Meter
from agents._normal import normal
from agents._problems import from_error_object
from agents._sse import Parser, TooLargeError
from agents._told import Told
from agents.agent import Tools
from schemas.chat import ChatChunk, ChatReply
from schemas.events import Delta, Done, Event, Usage
from schemas.problem import Code, Problem

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode
_chunk = msgspec.json.Decoder(ChatChunk).decode
_reply = msgspec.json.Decoder(ChatReply).decode


class Frames(Protocol):
    """Finds the events in a body that is still coming: `_sse.Parser` or `_lines.Lines`."""

    def feed(self, piece: bytes) -> list[tuple[bytes, bytes]]: ...

    def end(self) -> list[tuple[bytes, bytes]]: ...


class ChatReader:
    """Chunks as they come. The answer is whole only when every choice has finished or `[DONE]` came."""

    def __init__(
        self, tools: Tools, *, keep: bool, wants_usage: bool, told: Told | None = None, frames: Frames | None = None
    ) -> None:
        """`keep`: `Done.body` holds the whole completion. `wants_usage`: the caller gets the usage chunk too."""
        self.failed: Problem | None = None
        self.done = False
        self._tools = tools
        self._meter: Meter = tools.meter
        self._wants_usage = wants_usage
        self._kept = Assembler() if keep else None
        self._told = told
        self._frames: Frames = frames or Parser()
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._spoken = False
        self._last: ChatChunk | None = None

    def feed(self, data: bytes) -> list[Event]:
        chunks: list[bytes] = []
        try:
            for name, text in self._frames.feed(data):
                self._take(name, text, chunks)
        except TooLargeError:
            self.failed = self._problem(Code.PROVIDER_GARBLED, "sent an event beyond all measure")
        except Problem as problem:
            self.failed = problem
        return [Delta(chunks)] if chunks else []

    def whole(self, body: bytes) -> list[Event]:
        """A server that ignores `stream`: its one answer becomes chunks."""
        chunks: list[bytes] = []
        if self._told is None:
            checked(self._tools, body)
        for chunk in disassemble(body) if self._told is None else _whole(self._tools, self._told, body):
            self._accept(b"", chunk, chunks)
        self.done = self._told is None
        return [Delta(chunks), *self.end(None)]

    def end(self, cut: Problem | None) -> list[Event]:
        chunks: list[bytes] = []
        if not self.done:
            self._last_event(cut, chunks)
        if not self.done and not (self._finished and self._begun <= self._finished):
            raise self._truncated(cut)
        for chunk in self._told.end() if self._told else ():
            self._accept(b"", chunk, chunks)
        if self._meter.known is None:
            guess = self._estimate()
            if self._kept:
                self._kept.add(guess)
            if self._wants_usage:
                chunks.append(guess)
        events: list[Event] = [Delta(chunks)] if chunks else []
        body = self._kept.result() if self._kept else b""
        return [*events, Done(body=body, usage=self._meter.usage())]

    def _take(self, name: bytes, text: bytes, chunks: list[bytes]) -> None:
        """One event of the provider's."""
        if self.done or not text:
            return
        if self._told is not None:
            self._translate(self._told, name, text, chunks)
        elif text == b"[DONE]" or text.strip() == b"[DONE]":
            self.done = True
        else:
            self._accept(name, text, chunks)

    def _translate(self, told: Told, name: bytes, text: bytes, chunks: list[bytes]) -> None:
        try:
            said = told.event(name, text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._problem(Code.PROVIDER_GARBLED, "sent an event that cannot be read") from error
        except Problem as problem:
            raise self._broken(problem.fault.message) if self._spoken else problem from None
        for chunk in said:
            self._accept(b"", chunk, chunks)
        self.done = told.done

    def _accept(self, name: bytes, text: bytes, chunks: list[bytes]) -> None:
        """One chunk: check it, count it, hand it on."""
        try:
            text = normal(text)
            chunk = _chunk(text)
            text.decode()  # msgspec does not look into strings it skips
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._problem(Code.PROVIDER_GARBLED, "sent a chunk that is not a chat completion chunk") from error
        if chunk.error is not None or name == b"error":
            raise self._reported(chunk.error if chunk.error is not None else _any(text))
        if not chunk.choices and chunk.usage is None and chunk.id is None:
            return  # a ping in JSON
        self._count(chunk)
        if self._kept is not None:
            self._keep(self._kept, text)
        if chunk.choices or chunk.usage is None or self._wants_usage:
            chunks.append(text.replace(b"\n", b" ") if b"\n" in text else text)
            self._spoken = True

    def _count(self, chunk: ChatChunk) -> None:
        if chunk.usage is not None and (chunk.usage.completion_tokens or chunk.usage.prompt_tokens):
            self._meter.known = usage_of(chunk.usage)
        self._last = chunk
        for choice in chunk.choices:
            self._begun.add(choice.index)
            if choice.finish_reason is not None:
                self._finished.add(choice.index)
            if (delta := choice.delta) is None:
                continue
            self._meter.chars_out += len(delta.content or "") + len(delta.reasoning_content or "")
            for call in delta.tool_calls or ():
                self._meter.chars_out += len(str((call.function or {}).get("arguments") or ""))

    def _keep(self, kept: Assembler, text: bytes) -> None:
        kept.add(text)
        if kept.size > MAX_BODY:
            raise self._problem(Code.PROVIDER_GARBLED, f"streamed more than {MAX_BODY} bytes")

    def _last_event(self, cut: Problem | None, chunks: list[bytes]) -> None:
        """What the body's end completes; half an event is a cut, not a garbled chunk."""
        try:
            for name, text in self._frames.end():
                self._take(name, text, chunks)
        except Problem as problem:
            if problem.code in (Code.PROVIDER_GARBLED, Code.STREAM_BROKEN):
                raise self._truncated(cut) from problem
            raise

    def _truncated(self, cut: Problem | None) -> Problem:
        how = cut.fault.message if cut else f"{self._tools.provider.name} ended the stream before the answer was whole"
        if not self._spoken:
            return cut or Problem(Code.PROVIDER_GARBLED, how, provider=self._tools.provider.name)
        return self._broken(how)

    def _reported(self, error: Any) -> Problem:
        problem = from_error_object(self._tools.provider.name, error, self._tools.scrub)
        return self._broken(problem.fault.message) if self._spoken else problem

    def _problem(self, code: Code, sentence: str) -> Problem:
        problem = self._tools.problem(code, sentence)
        return self._broken(problem.fault.message) if self._spoken else problem

    def _broken(self, how: str) -> Problem:
        problem = Broken(Code.STREAM_BROKEN, f"The answer broke off: {how}", provider=self._tools.provider.name)
        problem.usage = self._meter.usage()
        return problem

    def _estimate(self) -> bytes:
        """A usage chunk for a caller who wants one from a provider that does not count. Says that it is a guess."""
        usage, last = self._meter.usage(), self._last
        return _encode(
            {
                "id": (last and last.id) or "",
                "object": "chat.completion.chunk",
                "created": (last and last.created) or 0,
                "model": (last and last.model) or "",
                "choices": [],
                "usage": {
                    "prompt_tokens": usage.tokens_in,
                    "completion_tokens": usage.tokens_out,
                    "total_tokens": usage.tokens_in + usage.tokens_out,
                    "estimated": True,
                },
            }
        )


def translated(tools: Tools, told: Told, body: bytes) -> Done:
    """An answer in one piece, told in a dialect of its own, as a completion."""
    completion = assemble(_whole(tools, told, body))
    return Done(body=completion, usage=counted(tools, checked(tools, completion)))


def counted(tools: Tools, reply: ChatReply) -> Usage:
    """The provider's count, or ours if it has none."""
    if reply.usage is not None:
        return usage_of(reply.usage)
    for choice in reply.choices:
        calls = choice.message.tool_calls
        tools.meter.chars_out += len(choice.message.content or "") + (len(_encode(calls)) if calls else 0)
    return tools.meter.usage()


def checked(tools: Tools, body: bytes) -> ChatReply:
    """Raises `Problem` for anything but a completion with at least one choice."""
    try:
        reply = _reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_a_completion(tools, body) from error
    if not reply.choices:
        raise _not_a_completion(tools, body)
    return reply


def _whole(tools: Tools, told: Told, body: bytes) -> list[bytes]:
    try:
        body.decode()
        return [*told.whole(body), *told.end()]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_a_completion(tools, body) from error


def _not_a_completion(tools: Tools, body: bytes) -> Problem:
    try:
        parsed = _any(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        parsed = None
    if isinstance(parsed, dict) and parsed.get("error"):
        return from_error_object(tools.provider.name, parsed["error"], tools.scrub)
    what = "a web page" if body.lstrip()[:1] == b"<" else "something else"
    return tools.problem(Code.PROVIDER_GARBLED, f"answered {what} instead of a chat completion")
