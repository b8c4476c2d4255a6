"""Google's Gemini wire, the way out: candidates, whole or streamed, vectors, and errors in Google's shape.

Every streamed object there is a whole answer about a piece of the text; a function call is told whole, so its pieces are held
back until the candidate ends. Without `alt=sse` a stream is one JSON array that grows.
"""

from typing import Any

from gateway.dialects import gemini, gemini_embed
from gateway.dialects._dialect import COMMENT, SSE, Dialect, Door, Teller
from gateway.dialects._words import (
    Answer,
    Calls,
    Choice,
    Count,
    Counted,
    Piece,
    ToolCall,
    arguments_object,
    count_of,
    encode,
    read_answer,
    thinking_of,
)
from gateway.dialects.embeddings import read_vectors
from gateway.problems import Header
from schemas.events import Done
from schemas.job import Job
from schemas.operations import CHAT, EMBEDDINGS
from schemas.problem import Fault
from schemas.status import status_of

ARRAY: list[Header] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def whole(job: Job, end: Done, at: float) -> bytes:
    """The `GenerateContentResponse`."""
    answer = read_answer(end.body)
    candidates = [
        _candidate(choice, _parts(choice.piece) + _called(choice.piece.tool_calls or []), choice.piece)
        for choice in answer.choices
    ]
    return encode({"candidates": candidates, **_tail(job, answer.model, count_of(answer.usage, end.usage))})


def _candidate(choice: Choice, parts: list[dict[str, Any]], piece: Piece) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": choice.index}
    if signature := _signature(piece.extra_content):
        texts = [part for part in parts if "text" in part]
        if not texts:
            parts.insert(0, {"text": ""})
        (texts or parts)[-1 if texts else 0]["thoughtSignature"] = signature
    if choice.finish_reason or choice.native_finish_reason:
        candidate["finishReason"] = _finish(choice)
    if told := (choice.logprobs or {}).get("content"):
        candidate["logprobsResult"] = _logprobs(told)
    return candidate


def _finish(choice: Choice) -> str:
    said = choice.native_finish_reason or ""
    return said if said.isupper() else _FINISH.get(choice.finish_reason or "", "OTHER")


def _parts(piece: Piece) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if thought := "".join(block.get("thinking") or "" for block in thinking_of(piece)):
        parts.append({"text": thought, "thought": True})
    if text := (piece.content or "") + (piece.refusal or ""):
        parts.append({"text": text})
    return parts


def _called(calls: list[ToolCall]) -> list[dict[str, Any]]:
    parts = []
    for place, call in enumerate(calls):
        args = arguments_object(call.arguments)
        part: dict[str, Any] = {"functionCall": {"id": call.id or f"call_{place}", "name": call.name, "args": args}}
        if signature := _signature(call.extra_content):
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _signature(extra: dict[str, Any] | None) -> str:
    google = (extra or {}).get("google")
    return str(google.get("thought_signature") or "") if isinstance(google, dict) else ""


def _logprobs(told: list[dict[str, Any]]) -> dict[str, Any]:
    def named(token: dict[str, Any]) -> dict[str, Any]:
        return {"token": token["token"], "logProbability": token["logprob"]}

    tops = [{"candidates": [named(top) for top in token.get("top_logprobs") or ()]} for token in told]
    return {"chosenCandidates": [named(token) for token in told], "topCandidates": tops}


def _tail(job: Job, model: str | None, count: Count) -> dict[str, Any]:
    usage = {
        "promptTokenCount": count.asked,
        "candidatesTokenCount": max(0, count.answered - count.reasoning),
        "totalTokenCount": count.asked + count.answered,
    }
    if count.cached:
        usage["cachedContentTokenCount"] = count.cached
    if count.reasoning:
        usage["thoughtsTokenCount"] = count.reasoning
    return {"usageMetadata": usage, "modelVersion": model or job.model, "responseId": str(job.id)}


class CandidateTeller:
    """One stream of `GenerateContentResponse`s. The last one, with the finish reasons, waits for the usage."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model: str | None = None
        self._usage: Counted | None = None
        self._calls: dict[int, Calls] = {}
        self._ends: dict[int, Choice] = {}

    def tell(self, chunks: list[bytes]) -> bytes:
        told = []
        for chunk in chunks:
            answer = read_answer(chunk)
            self._model = answer.model or self._model
            self._usage = answer.usage or self._usage
            if candidates := self._candidates(answer):
                head = {"modelVersion": self._model or self._job.model, "responseId": str(self._job.id)}
                told.append(self._object({"candidates": candidates, **head}))
        return b"".join(told)

    def done(self, end: Done) -> bytes:
        candidates = []
        for index in sorted(self._ends.keys() | self._calls.keys()):
            calls = self._calls.get(index, Calls()).whole()
            choice = self._ends.get(index, Choice(index))
            candidates.append(_candidate(_bare(choice), _called(calls), Piece()))
        count = count_of(self._usage, end.usage)
        return self._object({"candidates": candidates, **_tail(self._job, self._model, count)})

    def broken(self, fault: Fault) -> bytes:
        return self._object({"error": _error(fault)})

    def quiet(self) -> bytes:
        return COMMENT

    def _candidates(self, answer: Answer) -> list[dict[str, Any]]:
        made = []
        for choice in answer.choices:
            piece = choice.piece
            for call in piece.tool_calls or ():
                self._calls.setdefault(choice.index, Calls()).add(call)
            if choice.finish_reason or choice.native_finish_reason:
                self._ends[choice.index] = choice
            if (parts := _parts(piece)) or choice.logprobs or piece.extra_content:
                made.append(_candidate(Choice(choice.index, logprobs=choice.logprobs), parts, piece))
        return made

    def _object(self, told: dict[str, Any]) -> bytes:
        return b"data: " + encode(told) + b"\r\n\r\n"


class ArrayTeller(CandidateTeller):
    """The same as one growing JSON array."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._first = True

    def done(self, end: Done) -> bytes:
        return super().done(end) + b"]"

    def broken(self, fault: Fault) -> bytes:
        return super().broken(fault) + b"]"

    def quiet(self) -> bytes:
        return b"" if self._first else b"\n"

    def _object(self, told: dict[str, Any]) -> bytes:
        before, self._first = b"[" if self._first else b",\r\n", False
        return before + encode(told)


def _bare(choice: Choice) -> Choice:
    """How a candidate ended, without what was told before."""
    return Choice(choice.index, finish_reason=choice.finish_reason, native_finish_reason=choice.native_finish_reason)


def _sse(job: Job) -> bool:
    return job.echo != b"array"


def teller(job: Job) -> Teller:
    return CandidateTeller(job) if _sse(job) else ArrayTeller(job)


def stream(job: Job) -> list[Header]:
    return SSE if _sse(job) else ARRAY


def error(fault: Fault, request: str) -> bytes:
    return encode({"error": _error(fault)})


def _error(fault: Fault) -> dict[str, Any]:
    status = status_of(fault)
    default = "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"
    told: dict[str, Any] = {"code": status, "message": fault.message, "status": _STATUS.get(status, default)}
    if fault.param:
        violation = {"field": fault.param, "description": fault.message}
        told["details"] = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return told


def _one(job: Job, end: Done, at: float) -> bytes:
    vectors, _ = read_vectors(end)
    return encode({"embedding": {"values": vectors[0] if vectors else []}})


def _many(job: Job, end: Done, at: float) -> bytes:
    vectors, _ = read_vectors(end)
    return encode({"embeddings": [{"values": vector} for vector in vectors]})


GEMINI = Dialect(name="gemini", error=error, whole=whole, teller=teller, stream=stream, spelling=gemini.SPELLING)
GEMINI_EMBED = Dialect(name="gemini.embed", error=error, whole=_one, spelling=gemini_embed.SPELLING)
GEMINI_BATCH = Dialect(name="gemini.batch", error=error, whole=_many, spelling={"input": "requests"})
GENERATE = Door(operation=CHAT, dialect=GEMINI, read=gemini.to_chat)
COUNT = Door(operation=CHAT, dialect=GEMINI, read=gemini.count)
EMBED = Door(operation=EMBEDDINGS, dialect=GEMINI_EMBED, read=gemini_embed.one)
BATCH = Door(operation=EMBEDDINGS, dialect=GEMINI_BATCH, read=gemini_embed.many)
