"""ffmpeg: video and sound converted, cut, scaled and marked; and a picture that stands for them.

One handle serves all operations, for they differ only in what `_ffmpeg_edits` decides. What a newcomer would get wrong: the
bytes decide how a file is opened, never its name or what a caller says of it (`_ffmpeg_sniff`).
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec

from agents._ffmpeg_binary import Toolbox, toolbox
from agents._ffmpeg_edits import Edit, edit_of
from agents._ffmpeg_facts import Facts, facts_of
from agents._ffmpeg_plan import Input, ladder
from agents._ffmpeg_run import Made, encode, length_of, room
from agents._ffmpeg_sniff import sniff
from agents.agent import Agent, Handle, Tools
from schemas import media
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import Artifact, FileRef, MediaResult, encode_media
from schemas.operations import FFMPEG, OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import Model

OPS = tuple(name for name, operation in OPERATIONS.items() if operation.model == FFMPEG)
"""Every operation whose model is `ffmpeg`."""
_TIMED = (media.TrimVideo, media.TrimAudio, media.Poster)


def handle_of(op: str) -> Handle:
    """The handle of one operation."""
    fields = OPERATIONS[op].files
    decode: Callable[[bytes], media.Media] = msgspec.json.Decoder(OPERATIONS[op].request).decode

    async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        started = time.monotonic()
        try:
            request = decode(job.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(Code.INVALID_REQUEST, f"The body is no {op}: {error}") from error
        box = await toolbox()
        async with tools.shelf.folder() as folder:
            yield Progress(0.0, "fetching")
            inputs = [await _input(request, field, folder, tools) for field in fields]
            facts, *marks = await _facts(request, fields, inputs, box, job.deadline)
            edit = edit_of(request, facts, *marks)
            plans = ladder(box, edit, facts, tuple(inputs))
            made: Made | None = None
            async with aclosing(encode(plans, edit.seconds, (fields[0], facts), job.deadline)) as events:
                async for event in events:
                    if isinstance(event, Made):
                        made = event
                    else:
                        yield event
            assert made is not None
            yield Progress(0.99, "storing")
            about = _about(edit, made, getattr(request, fields[0]))
            artifact = await tools.shelf.put_file(made.out, edit.to.content_type, about)
        duration = round(time.monotonic() - started, 3)
        yield Done(
            encode_media(MediaResult(artifacts=(artifact,), duration=duration, model=FFMPEG, state=request.state))
        )

    return handle


async def models(tools: Tools) -> list[Model]:
    """One model, under one name, for each operation."""
    return [Model(name=FFMPEG, op=op) for op in OPS]


async def check(tools: Tools) -> None:
    """Raises `Problem(UNAVAILABLE)` where no ffmpeg runs."""
    await toolbox()


async def _input(request: media.Media, field: str, folder: Path, tools: Tools) -> Input:
    """The file of a field, on disk under a name of ours."""
    ref = getattr(request, field)
    if not isinstance(ref, FileRef):
        raise Problem(Code.INVALID_REQUEST, f"{field} must be a file", param=field)
    room(folder, ref.size)
    path = await tools.shelf.fetch(ref, folder, f"{field}.in")
    return Input(await asyncio.to_thread(sniff, path, field), path)


async def _facts(
    request: media.Media, fields: tuple[str, ...], inputs: list[Input], box: Toolbox, deadline: float
) -> list[Facts]:
    """Of each file, in the order of `fields`."""
    found = [await facts_of(box, one.kind, one.path, field) for field, one in zip(fields, inputs, strict=True)]
    for field, facts in zip(fields, found, strict=True):
        _must_hold(facts, field)
    if isinstance(request, _TIMED) and (found[0].seconds is None or found[0].estimated):
        measured = await length_of(box, inputs[0], fields[0], deadline)
        found[0] = msgspec.structs.replace(found[0], seconds=measured, estimated=False)
    return found


def _must_hold(facts: Facts, field: str) -> None:
    """A field's file must have the stream that the field is named after."""
    if field in ("video", "watermark") and not (facts.video and facts.width and facts.height):
        what = "video" if field == "video" else "picture"
        raise Problem(Code.INVALID_REQUEST, f"The file in '{field}' has no {what} in it", param=field)
    if field == "file" and not facts.audio and not (facts.width and facts.height):
        raise Problem(Code.INVALID_REQUEST, "The file has neither pictures nor sound in it", param=field)
    if field == "audio" and not facts.audio:
        raise Problem(Code.INVALID_REQUEST, "The file in 'audio' has no sound in it", param=field)


def _about(edit: Edit, made: Made, ref: FileRef) -> Artifact:
    """The result's name is that of the source, with an ending that fits."""
    stem = re.sub(r"[^\w .()+-]+", "_", Path(ref.name.replace("\\", "/")).stem)[:100].strip(" .")
    seconds = edit.seconds if edit.seconds is not None else (made.seconds or None)
    timed = edit.to.content_type.startswith(("video/", "audio/")) or edit.to.name == "gif"
    return Artifact(
        file_name=f"{stem or 'result'}.{edit.to.name}",
        width=edit.width,
        height=edit.height,
        seconds=round(seconds, 3) if timed and seconds else None,
    )


agent = Agent(handles={op: handle_of(op) for op in OPS}, models=models, check=check)
