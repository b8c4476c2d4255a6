"""`/v1/responses`, the way out: the response object, and the events of a stream, numbered so that a reader may come back.

The same chunks give the same events with the same numbers, whoever tells them: that alone makes `starting_after` work, for
nothing of a stream's state is stored. So nothing here may look at a clock.
"""

from typing import Any

from gateway.dialects import responses
from gateway.dialects._dialect import Dialect, Door, Teller
from gateway.dialects._words import (
    Choice,
    Count,
    Piece,
    count_of,
    decode_any,
    encode,
    read_answer,
    thinking_of,
)
from gateway.dialects.openai import error
from gateway.dialects.responses_items import sealed
from schemas.events import Done
from schemas.job import Job, Record, State
from schemas.operations import CHAT
from schemas.problem import Code, Fault

_DEFAULTS: dict[str, Any] = {
    "instructions": None, "metadata": {}, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "temperature": 1.0,
    "top_p": 1.0, "max_output_tokens": None, "max_tool_calls": None, "text": {"format": {"type": "text"}},
    "reasoning": {"effort": None, "summary": None}, "truncation": "disabled", "previous_response_id": None, "user": None,
    "store": True, "background": False, "service_tier": "auto",
}  # fmt: skip
_HIDDEN = ("include", "seed")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_CODES = {Code.RATE_LIMITED: "rate_limit_exceeded", Code.PROVIDER_RATE_LIMITED: "rate_limit_exceeded"}


def shown(job: Job, status: str, model: str | None = None, **more: Any) -> dict[str, Any]:
    """The response object."""
    echo: dict[str, Any] = decode_any(job.echo) if job.echo else {}
    told = {name: value for name, value in echo.items() if name not in _HIDDEN and value is not None}
    head = {"id": f"resp_{job.id}", "object": "response", "created_at": int(job.created), "status": status}
    empty: dict[str, Any] = {"error": None, "incomplete_details": None, "output": [], "usage": None}
    return {**head, "model": model or job.model, **_DEFAULTS, **told, **empty, **more}


def whole(job: Job, end: Done, at: float) -> bytes:
    return encode(whole_response(job, end))


def whole_response(job: Job, end: Done) -> dict[str, Any]:
    """The finished response object."""
    answer = read_answer(end.body)
    choice = answer.choices[0] if answer.choices else Choice()
    how = ended(choice)
    output = _output(job, choice.piece, choice, how["status"])
    count = count_of(answer.usage, end.usage)
    return shown(job, model=answer.model, output=output, usage=usage(count), **how)


def ended(choice: Choice) -> dict[str, Any]:
    """Status and the reason for it."""
    reason = _INCOMPLETE.get(choice.finish_reason or "")
    return {"status": "incomplete", "incomplete_details": {"reason": reason}} if reason else {"status": "completed"}


def _output(job: Job, message: Piece, choice: Choice, status: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if blocks := thinking_of(message):
        items.append(reasoning_item(job, blocks))
    calls = message.tool_calls or []
    parts: list[dict[str, Any]] = []
    if message.content or not (calls or message.refusal):
        parts.append(text_part(message.content or "", (choice.logprobs or {}).get("content") or []))
    if message.refusal:
        parts.append({"type": "refusal", "refusal": message.refusal})
    if parts:
        items.append(message_item(job, parts, "completed" if calls else status))
    for place, call in enumerate(calls):
        items.append(call_item(job, place, call.id or f"call_{place}", call.name, call.arguments))
    return items


def reasoning_item(job: Job, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The thoughts as a summary; what is signed travels sealed for a caller who asked for it."""
    text = "".join(block.get("thinking") or "" for block in blocks)
    item: dict[str, Any] = {"id": f"rs_{job.id}", "type": "reasoning", "summary": []}
    if text:
        item["summary"] = [{"type": "summary_text", "text": text}]
    wanted = job.echo and b"reasoning.encrypted_content" in job.echo
    if wanted and any(block.get("signature") or block.get("data") for block in blocks):
        item["encrypted_content"] = sealed(blocks)
    return item


def message_item(job: Job, parts: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return {"id": f"msg_{job.id}", "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(text: str, logprobs: list[Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def call_item(job: Job, place: int, call: str, name: str, arguments: str, status: str = "completed") -> dict[str, Any]:
    told = {"type": "function_call", "status": status, "call_id": call, "name": name, "arguments": arguments}
    return {"id": f"fc_{job.id}_{place}", **told}


def usage(count: Count) -> dict[str, Any]:
    return {
        "input_tokens": count.asked,
        "input_tokens_details": {"cached_tokens": count.cached, "cache_write_tokens": count.created},
        "output_tokens": count.answered,
        "output_tokens_details": {"reasoning_tokens": count.reasoning},
        "total_tokens": count.asked + count.answered,
    }


def failure(fault: Fault) -> dict[str, Any]:
    """The `error` of a failed response."""
    return {"code": _CODES.get(fault.code, "server_error"), "message": fault.message}


def of_record(record: Record, running: bool = False) -> bytes:
    """A stored response, whatever became of it."""
    job = record.job
    match record.state:
        case State.DONE:
            done = Done(record.result, record.usage, provider=record.provider)
            return whole(job, done, record.finished)
        case State.FAILED:
            fault = record.fault or Fault(Code.INTERNAL, "The response failed.")
            return encode(shown(job, "failed", error=failure(fault)))
        case State.CANCELLED:
            return encode(shown(job, "cancelled"))
    return encode(shown(job, "in_progress" if running else "queued"))


def _teller(job: Job) -> Teller:
    from gateway.dialects.responses_stream import ResponseTeller

    return ResponseTeller(job)


RESPONSES = Dialect(
    name="responses",
    error=error,
    whole=whole,
    teller=_teller,
    accepted=of_record,
    spelling=responses.SPELLING,
)
DOOR = Door(operation=CHAT, dialect=RESPONSES, read=responses.to_chat, join=responses.join)
