"""The AI Server dialect, the way out: results as the answers of its DTOs, and what is told of a job under way and of its end.

What a newcomer would get wrong: this module is loaded by agents too (they tell results in callbacks), so it builds plain
dictionaries and imports none of the DTOs. A callback has no envelope here: its body is the answer itself, with
`responseStatus` where the job has failed.
"""

import time
from typing import Any

import msgspec

from bus.finish import end_of
from gateway.dialects._dialect import Dialect
from gateway.dialects._status import error, status_code, status_dict
from gateway.dialects.ollama_answer import OLLAMA_GENERATE
from schemas.events import Done, Failed
from schemas.job import Job, Record, State
from schemas.problem import Fault

MAX_INT = 2**31 - 1
JOB_STATES = {
    State.QUEUED: "Queued",
    State.RUNNING: "Started",
    State.DONE: "Completed",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}
"""Our state of a job -> theirs. `Executed` is between the command and its callback there; here that is no state."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the answer must know of the request (`Job.echo`)."""

    dto: str = ""
    base: str = ""
    """`https://host`: stands before addresses."""
    status: str = ""
    """The DTO that tells of the job."""


class _Message(msgspec.Struct):
    content: Any = None
    role: str | None = "assistant"
    tool_calls: list[dict[str, Any]] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    index: int = 0


class _Usage(msgspec.Struct):
    completion_tokens: int | None = 0
    prompt_tokens: int | None = 0
    total_tokens: int | None = 0


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = ""
    created: float | None = None
    model: str | None = ""
    system_fingerprint: str | None = ""
    object: str | None = "chat.completion"
    usage: _Usage | None = None


_asked = msgspec.json.Decoder(Asked).decode
_reply = msgspec.json.Decoder(_Reply).decode
_generated = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.Encoder().encode


def asked_of(job: Job) -> Asked:
    return _asked(job.echo) if job.echo else Asked()


# ---- chat -------------------------------------------------------------------------------------------------------------


def chat_dict(job: Job, body: bytes, at: float) -> dict[str, Any]:
    """A completion as an `OpenAiChatResponse`."""
    reply = _reply(body)
    told: dict[str, Any] = {
        "id": reply.id or str(job.id),
        "choices": [_choice(one) for one in reply.choices],
        "created": int(reply.created or at),
        "model": reply.model or job.model,
        "system_fingerprint": reply.system_fingerprint or "",
        "object": reply.object or "chat.completion",
    }
    if (usage := reply.usage) is not None:
        asked, answered = usage.prompt_tokens or 0, usage.completion_tokens or 0
        total = usage.total_tokens or asked + answered
        told["usage"] = {"completion_tokens": answered, "prompt_tokens": asked, "total_tokens": total}
    return told


def _choice(choice: _Choice) -> dict[str, Any]:
    said = choice.message
    message: dict[str, Any] = {"content": _text(said.content), "role": said.role or "assistant"}
    if said.tool_calls:
        message["tool_calls"] = [_call(one) for one in said.tool_calls]
    return {"finish_reason": choice.finish_reason or "stop", "index": choice.index, "message": message}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """`function` is a text for these clients: the JSON of the function's name and arguments."""
    function = call.get("function", "")
    text = function if isinstance(function, str) else encode(function).decode()
    return {"id": call.get("id") or "", "type": call.get("type") or "function", "function": text}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _chat(job: Job, end: Done, at: float) -> bytes:
    return encode(chat_dict(job, end.body, at))


# ---- Ollama's generate ------------------------------------------------------------------------------------------------


def ollama_dict(job: Job, end: Done, at: float) -> dict[str, Any]:
    """A completion as an `OllamaGenerateResponse`. Its durations are ints of 32 bits for clients: what is longer is cut."""
    assert OLLAMA_GENERATE.whole is not None
    said = _generated(OLLAMA_GENERATE.whole(job, end, at))
    told = {
        "model": said["model"],
        "created_at": int(at),
        "response": said["response"],
        "done": True,
        "done_reason": said["done_reason"],
    }
    for name in ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count"):
        told[name] = min(said[name], MAX_INT)
    return {**told, "prompt_tokens": said["prompt_eval_count"]}


def _ollama(job: Job, end: Done, at: float) -> bytes:
    return encode(ollama_dict(job, end, at))


# ---- jobs -------------------------------------------------------------------------------------------------------------


def status_url(record: Record) -> str:
    """Where the job is asked after, as a whole address."""
    asked = asked_of(record.job)
    return f"{asked.base}/api/{asked.status}?refId={record.job.ref}"


def _accepted(record: Record) -> bytes:
    return encode({"id": record.job.id, "refId": record.job.ref, "statusUrl": status_url(record)})


def failed_dict(fault: Fault) -> dict[str, Any]:
    """The end of a job that was not good."""
    return {"responseStatus": status_dict(fault)}


def _posted_chat(record: Record) -> bytes:
    end, job = end_of(record), record.job
    if isinstance(end, Failed):
        empty = {"id": str(job.id), "choices": [], "created": int(record.finished), "model": job.model}
        return encode({**empty, "system_fingerprint": "", "object": "chat.completion", **failed_dict(end.fault)})
    return _chat(job, end, record.finished or time.time())


def _posted_ollama(record: Record) -> bytes:
    end, job = end_of(record), record.job
    if isinstance(end, Failed):
        empty = {"model": job.model, "created_at": int(record.finished), "response": "", "done": True}
        return encode({**empty, "done_reason": "error", **failed_dict(end.fault)})
    return _ollama(job, end, record.finished or time.time())


AISERVER = Dialect(name="aiserver", error=error, status=status_code)
"""Errors of requests that became no job."""
CHAT = Dialect(
    name="aiserver.chat", error=error, status=status_code, whole=_chat, accepted=_accepted, posted=_posted_chat
)
OLLAMA = Dialect(
    name="aiserver.ollama", error=error, status=status_code, whole=_ollama, accepted=_accepted, posted=_posted_ollama
)
DIALECTS = (AISERVER, CHAT, OLLAMA)
