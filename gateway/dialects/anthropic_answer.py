"""Anthropic's Messages API: the answers, whole and streamed, and the errors.

A stream there is a list of content blocks, each opened, filled and closed before the next. OpenAI's tool calls may come
mixed; so a call that begins before the one ahead of it is complete waits for its turn.
"""

from typing import Any

import msgspec

from gateway.dialects._dialect import Dialect, Door, Teller
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
    decode_any,
    encode,
    read_answer,
    sse,
    thinking_of,
)
from gateway.dialects.anthropic import SPELLING, count, to_chat
from schemas.events import Done
from schemas.job import Job
from schemas.operations import CHAT
from schemas.problem import Code, Fault
from schemas.status import status_of

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_OWN = frozenset({*_STOPS.values(), "stop_sequence", "pause_turn", "model_context_window_exceeded"})
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_PING = sse("ping", {"type": "ping"})


def message_id(job: Job) -> str:
    return f"msg_{job.id}"


def whole(job: Job, end: Done, at: float) -> bytes:
    """The `message` object."""
    answer = read_answer(end.body)
    choice = answer.choices[0] if answer.choices else Choice()
    reason, sequence = _stop(choice)
    return encode(
        {
            **_head(job, answer, _content(choice.piece)),
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": _usage(count_of(answer.usage, end.usage)),
        }
    )


def _head(job: Job, answer: Answer, content: list[Any]) -> dict[str, Any]:
    model = answer.model or job.model
    return {"id": message_id(job), "type": "message", "role": "assistant", "model": model, "content": content}


def _content(message: Piece) -> list[dict[str, Any]]:
    blocks = [{"signature": "", **block} if block["type"] == "thinking" else block for block in thinking_of(message)]
    if text := (message.content or "") + (message.refusal or ""):
        blocks.append({"type": "text", "text": text})
    for place, call in enumerate(message.tool_calls or ()):
        blocks.append(
            {
                "type": "tool_use",
                "id": call.id or f"call_{place}",
                "name": call.name,
                "input": arguments_object(call.arguments),
            }
        )
    return blocks


def _stop(choice: Choice) -> tuple[str | None, str | None]:
    said = choice.native_finish_reason
    reason = said if said in _OWN else _STOPS.get(choice.finish_reason or "", "end_turn")
    if choice.stop_sequence and reason == "end_turn":
        reason = "stop_sequence"
    return reason, choice.stop_sequence


def _usage(count: Count) -> dict[str, Any]:
    """Anthropic counts the cached tokens beside the input, not within it."""
    return {
        "input_tokens": max(0, count.asked - count.cached - count.created),
        "output_tokens": count.answered,
        "cache_creation_input_tokens": count.created,
        "cache_read_input_tokens": count.cached,
    }


class MessageTeller:
    """One streamed message."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._begun = False
        self._open = ""
        """Kind of the open block: text, thinking, redacted_thinking, tool_use."""
        self._index = -1
        self._calls = Calls()
        self._turn = -1
        """The tool call whose block is open."""
        self._told: dict[int, int] = {}
        """Tool call -> pieces of its arguments that went out."""
        self._thought: Any = None
        """Number of the open thinking block, where its agent numbers them."""
        self._last = Choice()
        self._usage: Counted | None = None
        self._out: list[bytes] = []

    def tell(self, chunks: list[bytes]) -> bytes:
        for chunk in chunks:
            answer = read_answer(chunk)
            self._begin(answer)
            if answer.usage is not None:
                self._usage = answer.usage
            for choice in answer.choices:
                if choice.index == 0:
                    self._take(choice)
        return self._flush()

    def done(self, end: Done) -> bytes:
        self._begin(Answer())
        self._finish_calls()
        self._close()
        reason, sequence = _stop(self._last)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        usage = _usage(count_of(self._usage, end.usage))
        self._say("message_delta", delta=delta, usage=usage)
        self._say("message_stop")
        return self._flush()

    def broken(self, fault: Fault) -> bytes:
        return b"event: error\ndata: " + error(fault, str(self._job.id)) + b"\n\n"

    def quiet(self) -> bytes:
        return _PING

    def _begin(self, answer: Answer) -> None:
        if self._begun:
            return
        self._begun = True
        empty = {"stop_reason": None, "stop_sequence": None, "usage": _usage(Count())}
        self._say("message_start", message={**_head(self._job, answer, []), **empty})
        self._out.append(_PING)

    def _take(self, choice: Choice) -> None:
        piece = choice.piece
        if piece.thinking_blocks:
            for block in piece.thinking_blocks:
                self._think(block)
        elif piece.thought:
            self._think({"type": "thinking", "thinking": piece.thought})
        if text := (piece.content or "") + (piece.refusal or ""):
            self._into("text", text="")
            self._delta("text_delta", text=text)
        for call in piece.tool_calls or ():
            self._call(call)
        if choice.finish_reason or choice.native_finish_reason:
            self._last = choice

    def _think(self, block: dict[str, Any]) -> None:
        if block.get("type") == "redacted_thinking":
            self._close()
            self._into("redacted_thinking", data=block.get("data") or "")
            self._close()
            return
        if self._open == "thinking" and self._thought != block.get("index"):
            self._close()
        self._thought = block.get("index")
        self._into("thinking", thinking="", signature="")
        if thought := block.get("thinking"):
            self._delta("thinking_delta", thinking=thought)
        if signature := block.get("signature"):
            self._delta("signature_delta", signature=signature)
            self._close()

    def _call(self, delta: ToolCall) -> None:
        place, new = self._calls.add(delta)
        if new and self._turn < 0:
            self._open_call(place)
        if self._turn < 0:
            return
        self._tell_arguments(self._turn)
        while self._turn != place and self._complete(self._turn):
            following = [other for other in sorted(self._calls.made) if other not in self._told]
            if not following:
                break
            self._open_call(following[0])

    def _complete(self, place: int) -> bool:
        """Whether nothing more can come for this call: its arguments are a whole JSON object."""
        try:
            return isinstance(decode_any(self._calls.arguments(place)), dict)
        except msgspec.DecodeError:
            return False

    def _open_call(self, place: int) -> None:
        call = self._calls.made[place]
        self._close()
        self._turn, self._told[place] = place, 0
        self._into("tool_use", id=call.id or f"call_{place}", name=call.name, input={})
        self._turn = place
        self._tell_arguments(place)

    def _tell_arguments(self, place: int) -> None:
        pieces = self._calls.pieces[place]
        for piece in pieces[self._told[place] :]:
            self._delta("input_json_delta", partial_json=piece)
        self._told[place] = len(pieces)

    def _finish_calls(self) -> None:
        for place in sorted(self._calls.made):
            if place not in self._told:
                self._open_call(place)

    def _into(self, kind: str, **start: Any) -> None:
        """Make sure that a block of this kind is open."""
        if self._open == kind:
            return
        if kind != "tool_use" and self._open == "tool_use":
            self._finish_calls()
        self._close()
        self._index += 1
        self._open = kind
        self._say("content_block_start", index=self._index, content_block={"type": kind, **start})

    def _close(self) -> None:
        if self._open:
            self._say("content_block_stop", index=self._index)
            self._open, self._turn = "", -1

    def _delta(self, kind: str, **more: Any) -> None:
        self._say("content_block_delta", index=self._index, delta={"type": kind, **more})

    def _say(self, name: str, **more: Any) -> None:
        self._out.append(sse(name, {"type": name, **more}))

    def _flush(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out


def teller(job: Job) -> Teller:
    return MessageTeller(job)


def error(fault: Fault, request: str) -> bytes:
    """`{"type": "error", "error": {"type", "message"}}`."""
    status = status_of(fault)
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    if fault.code is Code.UNAVAILABLE:
        kind = "api_error"
    told = {"type": kind, "message": fault.message}
    return encode({"type": "error", "error": told, "request_id": f"req_{request}"})


ANTHROPIC = Dialect(
    name="anthropic", error=error, whole=whole, teller=teller, request_id=b"request-id", spelling=SPELLING
)
MESSAGES = Door(operation=CHAT, dialect=ANTHROPIC, read=to_chat)
COUNT_TOKENS = Door(operation=CHAT, dialect=ANTHROPIC, read=count)
