"""What Gemini answers, in OpenAI's words. A stream is a row of whole answers, each with the parts that are new.

Nothing says that the stream is over but its end; the finish reason says that a candidate is. The last count holds.
Source: ai.google.dev/api/generate-content#generatecontentresponse.
"""

from typing import Any

import msgspec

from agents._problems import from_error_object
from agents._told import Told
from schemas.problem import Code, Problem

_encode = msgspec.json.Encoder().encode

REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY", "ESCALATION",
         "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
        "content_filter",
    ),
}  # fmt: skip
_LOST = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"}
)
"""The model failed at its own syntax: nothing came of it that a caller could use."""


class _Called(msgspec.Struct):
    name: str
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class _Blob(msgspec.Struct, rename="camel"):
    data: str
    mime_type: str = "application/octet-stream"


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Called | None = None
    inline_data: _Blob | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Top(msgspec.Struct):
    candidates: list[_Token] = []


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] = []
    top_candidates: list[_Top] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int = 0
    logprobs_result: _Logprobs | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _Reply(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


_reply = msgspec.json.Decoder(_Reply).decode
_replies = msgspec.json.Decoder(list[_Reply]).decode


class GeminiTold(Told):
    """One answer, of one or several candidates."""

    _count: _Usage | None = None

    def event(self, name: bytes, data: bytes) -> list[bytes]:
        return self._reply(_reply(data))

    def whole(self, body: bytes) -> list[bytes]:
        """Without `alt=sse` a stream is a JSON list of answers: some servers send that whatever they are asked for."""
        replies = _replies(body) if body.lstrip()[:1] == b"[" else [_reply(body)]
        return [chunk for reply in replies for chunk in self._reply(reply)]

    def end(self) -> list[bytes]:
        count, self._count = self._count, None
        if count is None:
            return []
        thought = count.thoughts_token_count or 0
        asked = (count.prompt_token_count or 0) + (count.tool_use_prompt_token_count or 0)
        answered = (count.candidates_token_count or 0) + thought
        return [self.usage(asked, answered, cached=count.cached_content_token_count or 0, thought=thought)]

    def _reply(self, reply: _Reply) -> list[bytes]:
        if reply.error is not None:
            raise from_error_object(self.tools.provider.name, reply.error, self.tools.scrub)
        if reply.prompt_feedback and reply.prompt_feedback.block_reason and not reply.candidates:
            raise self._blocked(reply.prompt_feedback)
        self.id, self.model = reply.response_id or self.id, reply.model_version or self.model
        if reply.usage_metadata:
            self._count = reply.usage_metadata
            asked = reply.usage_metadata.prompt_token_count or 0
            self.tools.meter.start(lambda: asked)
        return [chunk for candidate in reply.candidates or () for chunk in self._candidate(candidate)]

    def _candidate(self, candidate: _Candidate) -> list[bytes]:
        index, more = candidate.index, {}
        if candidate.logprobs_result:
            more["logprobs"] = {"content": _tokens(candidate.logprobs_result)}
        chunks: list[bytes] = []
        for part in (candidate.content and candidate.content.parts) or ():
            chunks += self._part(part, index)
        if more:
            chunks.append(self.say({}, index, **more))
        reason = candidate.finish_reason
        if reason and reason != "FINISH_REASON_UNSPECIFIED":
            if reason in _LOST and not self.begun(index):
                told = candidate.finish_message or reason
                raise self.tools.problem(Code.PROVIDER_GARBLED, f"could not finish its answer: {told}")
            ours = REASONS.get(reason, "stop")
            chunks.append(self.finish("tool_calls" if ours == "stop" and self.calls(index) else ours, reason, index))
        return chunks

    def _part(self, part: _Part, index: int) -> list[bytes]:
        signed: dict[str, Any] = {}
        if part.thought_signature:
            signed = {"extra_content": {"google": {"thought_signature": part.thought_signature}}}
        if part.function_call:
            call = part.function_call
            return [self.call(call.id or "", call.name, bytes(call.args).decode(), index, **signed)]
        if part.inline_data and not part.thought:
            url = f"data:{part.inline_data.mime_type};base64,{part.inline_data.data}"
            return [self.say({"images": [{"type": "image_url", "image_url": {"url": url}}], **signed}, index)]
        if part.thought:
            return [self.thought(part.text, index)] if part.text else []
        if part.text:
            return [self.say({"content": part.text, **signed}, index)]
        return [self.say(signed, index)] if signed else []

    def _blocked(self, feedback: _Feedback) -> Problem:
        why = (
            f"{feedback.block_reason}: {feedback.block_reason_message}"
            if feedback.block_reason_message
            else feedback.block_reason
        )
        return self.tools.problem(Code.PROVIDER_REFUSED, f"blocked the prompt ({why})")


def _tokens(found: _Logprobs) -> list[dict[str, Any]]:
    told = []
    for place, token in enumerate(found.chosen_candidates):
        others = found.top_candidates[place].candidates if place < len(found.top_candidates) else []
        told.append({**_token(token), "top_logprobs": [_token(other) for other in others]})
    return told


def _token(token: _Token) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}
