"""What `generateContent` answers where files are to come of it: its parts, its count, and why there is nothing.

Source: ai.google.dev/api/generate-content#generatecontentresponse, /gemini-api/docs/imagen.
"""

from typing import Any

import msgspec

from agents._gemini_told import REASONS
from agents._media import Made, answer, body_of
from agents._problems import from_error_object
from agents.agent import Call, Tools
from schemas.events import Usage
from schemas.problem import Code, Problem


class _Blob(msgspec.Struct, rename="camel"):
    data: str
    mime_type: str = ""


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    inline_data: _Blob | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Counted(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class Reply(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Counted | None = None
    error: Any = None

    @property
    def parts(self) -> list[_Part]:
        return [
            part for one in self.candidates or () if one.content for part in one.content.parts or () if not part.thought
        ]


class _Drawn(msgspec.Struct, rename="camel"):
    bytes_base64_encoded: str | None = None
    rai_filtered_reason: str | None = None


class Predicted(msgspec.Struct):
    predictions: list[_Drawn] = []


async def replied(call: Call, tools: Tools) -> Reply:
    found = answer(await body_of(call, tools), Reply, tools, "content")
    if found.error is not None:
        raise from_error_object(tools.provider.name, found.error, tools.scrub)
    return found


def made_of(found: Reply, **more: Any) -> Made:
    count = found.usage_metadata
    if count is None:
        return Made(**more)
    asked_tokens, thought = count.prompt_token_count or 0, count.thoughts_token_count or 0
    answered, cached = (count.candidates_token_count or 0) + thought, count.cached_content_token_count or 0
    usage = {"input_tokens": asked_tokens, "output_tokens": answered, "total_tokens": asked_tokens + answered}
    return Made(usage=usage, counted=Usage(asked_tokens, answered, cached, thought), **more)


def withheld(found: Reply, words: str, what: str, tools: Tools) -> Problem:
    """An answer without what was asked for: refused by a filter, or in words."""
    if found.prompt_feedback and found.prompt_feedback.block_reason:
        return tools.problem(Code.PROVIDER_REFUSED, f"blocked the prompt ({found.prompt_feedback.block_reason})")
    last = found.candidates[0] if found.candidates else None
    reason = last.finish_reason if last else None
    if reason and (REASONS.get(reason) == "content_filter" or reason == "NO_IMAGE"):
        return tools.problem(
            Code.PROVIDER_REFUSED,
            f"{what} ({reason}): {tools.scrub(last.finish_message or words)[:200] if last else ''}",
        )
    if words:
        return tools.problem(Code.PROVIDER_REFUSED, f"{what} and said: {tools.scrub(words)[:200]}")
    return tools.problem(Code.PROVIDER_GARBLED, f"{what}, without a reason")
