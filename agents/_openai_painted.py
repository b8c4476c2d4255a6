"""Pictures that a chat draws, at servers that have no other way: OpenRouter, Vercel's gateway. `modalities` asks for them.

What a newcomer would get wrong: the answer is a completion like any other, with the pictures beside its words
(`message.images`), and it holds one at most; several are several calls.
Source: openrouter.ai/docs/features/multimodal/image-generation, vercel.com/docs/ai-gateway/openai-compat/image-generation.
"""

import asyncio
import math
from base64 import b64encode
from typing import Any

import msgspec

from agents import _media, _native, _pictures
from agents._fetched import keep
from agents._media import PATIENCE, Made, answer, bearer, body_of, each, file
from agents._openai_images import family, prompt
from agents._problems import from_error_object
from agents.agent import Call, Tools
from schemas.events import Done, Usage
from schemas.job import Job
from schemas.media import Artifact, ImageToImage, ImageWithMask, TextToImage
from schemas.problem import Code, Problem

HOSTS = ("openrouter.ai", "ai-gateway.vercel.sh")
RATIOS = ((1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9))


class _Url(msgspec.Struct):
    url: str


class _Image(msgspec.Struct):
    image_url: _Url


class _Message(msgspec.Struct):
    content: str | None = None
    images: list[_Image] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    error: Any = None


def paints(tools: Tools) -> bool:
    """Whether this server draws in its chat."""
    return any((tools.url("").host or "").endswith(host) for host in HOSTS)


async def edited(job: Job, tools: Tools, request: ImageToImage) -> Done:
    if isinstance(request, ImageWithMask):
        sentence = "draws in a chat, which knows no mask: say in words what to change (image_to_image)"
        raise tools.problem(Code.PROVIDER_REFUSED, sentence)
    refs = [file(request.image, "image"), *(file(one, "images") for one in request.images)]
    shown = []
    for ref in refs:
        kind, data = await asyncio.to_thread(_pictures.seen, await tools.shelf.whole(ref))
        shown.append(f"data:{kind};base64,{b64encode(data).decode()}")
    return await painted(job, tools, request, shown)


async def painted(job: Job, tools: Tools, request: TextToImage | ImageToImage, shown: list[str]) -> Done:
    """`shown`: pictures to go by, as data URLs."""
    call, made = to_call(request, tools.native(job.model, job.op), shown, tools), Made()
    for one in await each([_one(call, tools) for _ in range(request.batch_size)]):
        made.add(one)
    return made.done(job, tools, request)


def to_call(request: TextToImage | ImageToImage, model: str, shown: list[str], tools: Tools) -> Call:
    parts: list[dict[str, Any]] = [{"type": "text", "text": prompt(request, family("gpt-image"))}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in shown]
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": parts}],
        "modalities": ["image", "text"],
    }
    if request.width or request.height:
        wide, high = nearest(request.width, request.height, RATIOS)
        body["image_config"] = {"aspect_ratio": f"{wide}:{high}"}
    if request.seed:
        body["seed"] = request.seed
    return Call("/chat/completions", _native.added(body, request.arguments), bearer(tools), patience=PATIENCE)


def nearest(width: int | None, height: int | None, ratios: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The ratio that comes nearest to the shape that was wished for; a side alone means a square."""
    wanted = math.log((width or height or 1) / (height or width or 1))
    return min(ratios, key=lambda one: round(abs(math.log(one[0] / one[1]) - wanted), 6))


async def _one(call: Call, tools: Tools) -> Made:
    found = answer(await body_of(call, tools), _Completion, tools, "a completion")
    if found.error is not None:
        raise from_error_object(tools.provider.name, found.error, tools.scrub)
    if not found.choices:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered without a choice")
    [choice, *_] = found.choices
    if not choice.message.images:
        raise _undrawn(choice, tools)
    title = (choice.message.content or "")[: _media.TITLE]
    artifacts = [await keep(image.image_url.url, tools, Artifact(title=title)) for image in choice.message.images]
    return Made(artifacts=artifacts, usage=found.usage, counted=_counted(found.usage))


def _undrawn(choice: _Choice, tools: Tools) -> Problem:
    said = tools.scrub(choice.message.content or choice.finish_reason or "no reason")[:200]
    return tools.problem(Code.PROVIDER_REFUSED, f"drew nothing and said: {said}")


def _counted(usage: dict[str, Any] | None) -> Usage:
    told = usage or {}
    asked, answered = told.get("prompt_tokens"), told.get("completion_tokens")
    return Usage(asked if isinstance(asked, int) else 0, answered if isinstance(answered, int) else 0)
