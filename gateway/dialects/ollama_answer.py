"""Ollama's wire, the way out: objects, or one object a line, of which the last says `done` and carries the counts.

Tool calls are told whole there, so their pieces are held back until the answer ends. Durations are ours: from accept to
the first token (prompt) and from there to the end (answer); nothing is ever loaded, for providers keep their models ready.
"""

import time
from collections.abc import Callable
from typing import Any

from gateway.dialects import ollama
from gateway.dialects._dialect import Dialect, Door, Teller
from gateway.dialects._words import (
    Calls,
    Choice,
    Counted,
    ToolCall,
    arguments_object,
    count_of,
    encode,
    read_answer,
    thinking_of,
)
from gateway.dialects.embeddings import read_vectors
from gateway.dialects.ollama import stamp
from gateway.problems import Header
from schemas.events import Done
from schemas.job import Job
from schemas.operations import CHAT, EMBEDDINGS
from schemas.problem import Fault

NDJSON: list[Header] = [
    (b"content-type", b"application/x-ndjson"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
Body = Callable[[str, str, list[ToolCall]], dict[str, Any]]
"""The part of an object that differs between chat and generate: from text, thinking and tool calls."""


def _message(text: str, thought: str, calls: list[ToolCall]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thought:
        message["thinking"] = thought
    if calls:
        message["tool_calls"] = _calls(calls)
    return {"message": message}


def _response(text: str, thought: str, calls: list[ToolCall]) -> dict[str, Any]:
    told: dict[str, Any] = {"response": text}
    if thought:
        told["thinking"] = thought
    if calls:
        told["tool_calls"] = _calls(calls)
    return told


def _calls(calls: list[ToolCall]) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id or f"call_{place}",
            "function": {"index": place, "name": call.name, "arguments": arguments_object(call.arguments)},
        }
        for place, call in enumerate(calls)
    ]


def _end(choice: Choice, usage: Counted | None, job: Job, end: Done, at: float) -> dict[str, Any]:
    count = count_of(usage, end.usage)
    first = end.first or at
    asked, answered = _nanos(first - job.created), _nanos(at - first)
    return {
        "done": True,
        "done_reason": "length" if choice.finish_reason == "length" else "stop",
        "total_duration": _nanos(at - job.created),
        "load_duration": 0,
        "prompt_eval_count": count.asked,
        "prompt_eval_duration": asked,
        "eval_count": count.answered,
        "eval_duration": answered,
    }


def _nanos(seconds: float) -> int:
    return max(0, int(seconds * 1e9))


def _logprobs(choice: Choice) -> dict[str, Any]:
    told = (choice.logprobs or {}).get("content")
    return {"logprobs": told} if told else {}


def _whole(body: Body) -> Callable[[Job, Done, float], bytes]:
    def whole(job: Job, end: Done, at: float) -> bytes:
        answer = read_answer(end.body)
        choice = answer.choices[0] if answer.choices else Choice()
        piece = choice.piece
        text = (piece.content or "") + (piece.refusal or "")
        thought = "".join(block.get("thinking") or "" for block in thinking_of(piece))
        head = {"model": answer.model or job.model, "created_at": stamp(at)}
        told = body(text, thought, piece.tool_calls or [])
        return encode({**head, **told, **_logprobs(choice), **_end(choice, answer.usage, job, end, at)}) + b"\n"

    return whole


class LineTeller:
    """One stream of objects, a line each."""

    def __init__(self, job: Job, body: Body) -> None:
        self._job, self._body = job, body
        self._calls = Calls()
        self._last, self._usage, self._model = Choice(), None, job.model
        self._first = 0.0

    def tell(self, chunks: list[bytes]) -> bytes:
        self._first = self._first or time.time()
        lines = []
        for chunk in chunks:
            answer = read_answer(chunk)
            self._model = answer.model or self._model
            self._usage = answer.usage or self._usage  # type: ignore[assignment]
            lines += [self._choice(choice) for choice in answer.choices if choice.index == 0]
        return b"".join(lines)

    def done(self, end: Done) -> bytes:
        out = self._line("", "", self._calls.whole()) if self._calls.made else b""
        at = time.time()
        timed = Done(b"", end.usage, end.content_type, end.provider, end.attempts, end.first or self._first)
        return out + self._line("", "", [], **_end(self._last, self._usage, self._job, timed, at))

    def broken(self, fault: Fault) -> bytes:
        return error(fault, "") + b"\n"

    def quiet(self) -> bytes:
        """No comment exists there; a piece of nothing does."""
        return self._line("", "", [])

    def _choice(self, choice: Choice) -> bytes:
        piece = choice.piece
        for call in piece.tool_calls or ():
            self._calls.add(call)
        if choice.finish_reason:
            self._last = choice
        thought = "".join(block.get("thinking") or "" for block in thinking_of(piece))
        text = (piece.content or "") + (piece.refusal or "")
        return self._line(text, thought, [], **_logprobs(choice)) if text or thought else b""

    def _line(self, text: str, thought: str, calls: list[ToolCall], **more: Any) -> bytes:
        head = {"model": self._model, "created_at": stamp(time.time())}
        return encode({**head, **self._body(text, thought, calls), "done": False, **more}) + b"\n"


def _teller(body: Body) -> Callable[[Job], Teller]:
    return lambda job: LineTeller(job, body)


def error(fault: Fault, request: str) -> bytes:
    return encode({"error": fault.message})


def _vectors(job: Job, end: Done, at: float) -> bytes:
    vectors, asked = read_vectors(end)
    told = {"total_duration": _nanos(at - job.created), "load_duration": 0, "prompt_eval_count": asked}
    return encode({"model": job.model, "embeddings": vectors, **told})


def _vector(job: Job, end: Done, at: float) -> bytes:
    vectors, _ = read_vectors(end)
    return encode({"embedding": vectors[0] if vectors else []})


def _dialect(name: str, body: Body) -> Dialect:
    return Dialect(
        name=name,
        error=error,
        whole=_whole(body),
        teller=_teller(body),
        stream=lambda _: NDJSON,
        spelling=ollama.SPELLING,
    )


OLLAMA_CHAT = _dialect("ollama.chat", _message)
OLLAMA_GENERATE = _dialect("ollama.generate", _response)
OLLAMA_EMBED = Dialect(name="ollama.embed", error=error, whole=_vectors)
OLLAMA_EMBEDDINGS = Dialect(name="ollama.embeddings", error=error, whole=_vector, spelling={"input": "prompt"})
CHAT_DOOR = Door(operation=CHAT, dialect=OLLAMA_CHAT, read=ollama.chat)
GENERATE_DOOR = Door(operation=CHAT, dialect=OLLAMA_GENERATE, read=ollama.generate)
EMBED_DOOR = Door(operation=EMBEDDINGS, dialect=OLLAMA_EMBED, read=ollama.embed)
EMBEDDINGS_DOOR = Door(operation=EMBEDDINGS, dialect=OLLAMA_EMBEDDINGS, read=ollama.embeddings)
