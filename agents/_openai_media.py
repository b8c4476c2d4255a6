"""Pictures in OpenAI's dialect: made from words, from other pictures, and inside a mask.

What a newcomer would get wrong: not every model draws several pictures a call, and not every server says so before it is
asked; so a refusal of `n` becomes as many calls of one, side by side.
Source: developers.openai.com/api/reference/resources/images.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from agents import _media, _openai_images, _openai_painted, _pictures
from agents._fetched import keep, keep_picture
from agents._media import Made, answer, asked, body_of, each, file, in_memory, upload
from agents._multipart import Field
from agents._problems import from_error_object
from agents.agent import Call, Handle, Tools
from schemas.events import Done, Event, Usage
from schemas.job import Job
from schemas.media import Artifact, ImageToImage, ImageWithMask, TextToImage
from schemas.problem import Code, Problem

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of an answer with its pictures in base64."""
MOST_INPUTS = 16


class _Picture(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class _Pictures(msgspec.Struct):
    data: list[_Picture] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


async def text_to_image(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request, model = asked(job, TextToImage), tools.native(job.model, job.op)
    if _openai_painted.paints(tools):
        yield await _openai_painted.painted(job, tools, request, [])
        return
    made = await _drawn(lambda: _openai_images.calls(request, model, tools), model, tools)
    yield made.done(job, tools, request)


async def image_to_image(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request = asked(job, ImageWithMask if job.op == "image_with_mask" else ImageToImage)
    if _openai_painted.paints(tools):
        yield await _openai_painted.edited(job, tools, request)
        return
    async with AsyncExitStack() as stack:
        yield await _edited(job, tools, request, stack)


async def _edited(job: Job, tools: Tools, request: ImageToImage, stack: AsyncExitStack) -> Done:
    model = tools.native(job.model, job.op)
    files, sides = await _files(request, tools, stack, model)
    made = await _drawn(lambda: _openai_images.edit(request, model, files, sides, tools), model, tools)
    return made.done(job, tools, request)


async def _files(
    request: ImageToImage, tools: Tools, stack: AsyncExitStack, model: str
) -> tuple[list[Field], tuple[int | None, int | None]]:
    """The pictures as parts of a form (`image`, or `image[]` where there are several), and the first one's sides."""
    refs = [file(request.image, "image"), *(file(one, "images") for one in request.images)]
    if len(refs) > MOST_INPUTS:
        raise Problem(Code.INVALID_REQUEST, f"At most {MOST_INPUTS} pictures go into one", param="images")
    name = "image" if len(refs) == 1 else "image[]"
    fields: list[Field] = [(name, await upload(tools.shelf, ref, stack, "image")) for ref in refs]
    sides: tuple[int | None, int | None] = (None, None)
    takes = _openai_images.family(model)
    masked = isinstance(request, ImageWithMask)
    if masked or (takes.sizes and not (request.width or request.height)):
        first = await tools.shelf.whole(refs[0])
        sides = await asyncio.to_thread(_pictures.sides, first)
        if isinstance(request, ImageWithMask):
            mask = await tools.shelf.whole(file(request.mask, "mask"))
            png = await asyncio.to_thread(_pictures.see_through, first, mask, request.mask_channel)
            fields.append(("mask", in_memory(png, "image/png", "mask")))
    return fields, sides


async def _drawn(build: Callable[[], list[Call]], model: str, tools: Tools) -> Made:
    """What came of the calls; built anew for a model that turns out to draw one picture a call."""
    calls, made = build(), Made()
    try:
        found = await each([_one(call, tools) for call in calls])
    except Problem as refused:
        if not _openai_images.single(calls[0], refused, model, tools):
            raise
        found = await each([_one(call, tools) for call in build()])
    for one in found:
        made.add(one)
    return made


async def _one(call: Call, tools: Tools) -> Made:
    body = await body_of(call, tools, _openai_images.otherwise, MAX_ANSWER)
    found = answer(body, _Pictures, tools, "pictures")
    if found.error is not None:
        raise from_error_object(tools.provider.name, found.error, tools.scrub)
    if not found.data:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered without a picture")
    artifacts = [await _kept(picture, tools) for picture in found.data]
    return Made(artifacts=artifacts, usage=found.usage, counted=counted(found.usage))


async def _kept(picture: _Picture, tools: Tools) -> Artifact:
    title = (picture.revised_prompt or "")[: _media.TITLE]
    if picture.b64_json:
        return await keep_picture(picture.b64_json, tools, title)
    if picture.url:
        return await keep(picture.url, tools, Artifact(title=title))
    raise tools.problem(Code.PROVIDER_GARBLED, "answered a picture without its bytes")


def counted(usage: dict[str, Any] | None) -> Usage:
    """Tokens, where the provider counts them: `input_tokens` or `prompt_tokens`."""
    told = usage or {}
    details = told.get("input_tokens_details") or told.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    found = (
        told.get("input_tokens", told.get("prompt_tokens")),
        told.get("output_tokens", told.get("completion_tokens")),
    )
    tokens_in, tokens_out, tokens_cached = (value if isinstance(value, int) else 0 for value in (*found, cached))
    return Usage(tokens_in, tokens_out, tokens_cached)


HANDLES: dict[str, Handle] = {
    "text_to_image": text_to_image,
    "image_to_image": image_to_image,
    "image_with_mask": image_to_image,
}
