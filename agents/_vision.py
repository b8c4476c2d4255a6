"""Pictures told in words (`image_to_text`), by any model that chats and sees: a picture, a question, and the chat's answer.

What a newcomer would get wrong: nothing of a provider is known here. The job becomes a canonical chat of one turn and goes
through the same handle as any chat of that kind, with all that it knows of its dialect.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from agents import _pictures
from agents._media import Made, answer, asked, file
from agents.agent import Handle, Tools
from schemas.events import Done, Event
from schemas.job import Job
from schemas.media import ImageToText, Told
from schemas.problem import Code

PROMPT = "Describe this picture."
LARGEST = 64 * 1024 * 1024
"""Bytes of a picture before it is made smaller."""
_SEES = re.compile(
    r"gpt-(4o|4\.|4-turbo|5|6)|chatgpt|(^|/)o[1345]($|-(?!mini|preview))|o4-mini|claude-|gemini|gemma-?3:?n?-?(4|12|27)|llava|pixtral"
    r"|vision|(^|[-_/.:])vl($|[-_:.\d])|-vl-|\dvl|minicpm-v|moondream|llama-?4|internvl|mistral-(small-(3|2503|2506)|medium)|grok-(4|[a-z-]*vision)|molmo|smolvlm"
)
_BLIND = re.compile(r"audio|realtime|transcribe|tts|search|embed|gpt-4o-mini-search|instruct-text|codex-mini|oss")


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: dict[str, Any] | None = None


def sees(model: str) -> bool:
    """Whether a model's name tells that it takes pictures. What a provider or the catalogue says counts for more."""
    name = model.lower()
    return _SEES.search(name) is not None and _BLIND.search(name) is None


def seeing(chat: Handle) -> Handle:
    """`image_to_text`, by way of this chat."""

    async def image_to_text(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        request, made = asked(job, ImageToText), Made()
        data = await tools.shelf.whole(file(request.image, "image"), LARGEST)
        kind, small = await asyncio.to_thread(_pictures.seen, data)
        async with aclosing(chat(to_chat(job, request, kind, small, tools), tools)) as events:
            async for event in events:
                if isinstance(event, Done):
                    made.texts, made.usage = [_text(event.body, tools)], _usage(event.body, tools)
                    made.counted = event.usage
        yield made.done(job, tools, request)

    return image_to_text


def to_chat(job: Job, request: ImageToText, kind: str, data: bytes, tools: Tools) -> Job:
    """The same job as a chat. The model's native name is settled here: `default` means another one in each operation."""
    model = tools.native(job.model, job.op)
    picture = {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{b64encode(data).decode()}"}}
    words = {"type": "text", "text": request.prompt or PROMPT}
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": [picture, words]}],
        "stream": False,
    }
    if request.max_tokens:
        body["max_tokens"] = request.max_tokens
    return msgspec.structs.replace(
        job, op="chat", model=model, body=msgspec.json.encode(body), stream=False, keep=False
    )


def _text(body: bytes, tools: Tools) -> Told:
    choices = answer(body, _Completion, tools, "a completion").choices
    text = choices[0].message.content if choices else ""
    if not text or not text.strip():
        raise tools.problem(Code.PROVIDER_GARBLED, "had no words for the picture")
    return Told(text=text)


def _usage(body: bytes, tools: Tools) -> dict[str, Any] | None:
    return answer(body, _Completion, tools, "a completion").usage
