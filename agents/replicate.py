"""Replicate: any of its models, through predictions. Pictures, sound, film, and words from sound.

What a newcomer would get wrong: most models there are somebody's own and run by a version, not by their name; which one
that is, and what its inputs are called, is asked once and remembered (`Memory`).
Source: replicate.com/docs/reference/http (models.get, files.create, account.get) and /docs/topics/predictions/input-files.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from agents import _pictures
from agents._fetched import keep
from agents._media import Made, answer, asked, bearer, body_of, each, file, in_memory, upload
from agents._multipart import Form, Upload
from agents._replicate_models import KNOWN, Known, inputs_of, read, split
from agents._replicate_run import Prediction, root, run, to_call
from agents.agent import Agent, Call, Handle, Report, Tools
from schemas.events import Event, Progress
from schemas.job import Job
from schemas.media import FileRef, ImageWithMask, Media, Segment, Told
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import Model

SMALL = 256 * 1024
"""Bytes of a file that goes into the request itself; larger ones are uploaded first (files.create)."""
DELIVERY = ("replicate.delivery",)
"""Where results lie: shown the key, as the API's reference says."""

OPS = (
    "text_to_image", "image_to_image", "image_with_mask", "image_upscale", "image_to_text", "speech_to_text",
    "text_to_speech", "text_to_audio", "text_to_video", "image_to_video",
)  # fmt: skip
_TEXT_OPS = ("image_to_text", "speech_to_text")


class Memory(msgspec.Struct):
    """What was asked about models: by name, how to call them."""

    models: dict[str, tuple[str, Known]] = {}


class _Version(msgspec.Struct):
    id: str
    openapi_schema: Any = None


class _Found(msgspec.Struct):
    latest_version: _Version | None = None
    is_official: bool = False


class _Uploaded(msgspec.Struct):
    urls: dict[str, str]


async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """As many predictions as the pictures take, side by side, and what they made."""
    request: Media = asked(job, OPERATIONS[job.op].request)
    name = tools.native(job.model, job.op)
    version, known = await how(name, tools)
    async with AsyncExitStack() as stack:
        inputs = {**inputs_of(request, known), **await _files(request, known, tools, stack)}
    calls = [to_call(name.partition(":")[0], version, one, job, tools) for one in _shares(request, inputs, known)]
    made, board = Made(), _Board(len(calls))
    blame = {theirs: ours for ours, theirs in known.names.items()}
    work = asyncio.ensure_future(each([run(call, blame, tools, board.slot(n)) for n, call in enumerate(calls)]))
    try:
        async for progress in board.news(work):
            yield progress
        predictions = await work
    finally:
        work.cancel()  # which calls off at Replicate what is still under way
        await asyncio.gather(work, return_exceptions=True)
    for prediction in predictions:
        made.add(await _collected(prediction, job.op, tools))
    yield made.done(job, tools, request)


async def how(name: str, tools: Tools) -> tuple[str, Known]:
    """The version to run (empty: by name) and its inputs. Raises `Problem`."""
    base, _, version = name.partition(":")
    known = KNOWN.get(base, Known(community=True))
    if known.names and (version or not known.community):
        return version, known
    memory = tools.thing if isinstance(tools.thing, Memory) else Memory()
    if name not in memory.models:
        memory.models[name] = await _asked_of(base, version, known, tools)
    return memory.models[name]


async def models(tools: Tools) -> list[Model]:
    """The models that we know by heart: Replicate itself lists thousands."""
    return [Model(name=name, op=op) for name, known in KNOWN.items() for op in known.ops]


async def check(tools: Tools) -> None:
    """Whose account it is costs nothing."""
    await body_of(Call(f"{root(tools)}/account", None, bearer(tools), "GET"), tools)


@asynccontextmanager
async def start(tools: Tools, report: Report) -> AsyncGenerator[Tools, None]:
    """A memory that all jobs share."""
    tools.thing = Memory()
    yield tools


async def _asked_of(base: str, version: str, known: Known, tools: Tools) -> tuple[str, Known]:
    owner, slash, rest = base.partition("/")
    if not slash or not all(
        part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, rest)
    ):
        sentence = (
            f"has models named `owner/name`, but {base[:80]!r} is none: correct `native` in the provider's settings"
        )
        raise tools.problem(Code.UNAVAILABLE, sentence)
    path = f"{root(tools)}/models/{base}" + (f"/versions/{version}" if version else "")
    body = await body_of(Call(path, None, bearer(tools), "GET"), tools)
    if version:
        found = _Found(latest_version=answer(body, _Version, tools, "a version of a model"))
    else:
        found = answer(body, _Found, tools, "a model")
    latest, official = (
        found.latest_version,
        found.is_official or (base in KNOWN and not known.community and not version),
    )
    if latest is None:
        return version, known
    if not known.names:
        try:
            known = read(latest.openapi_schema, known)
        except (AttributeError, KeyError, TypeError) as error:
            raise tools.problem(Code.PROVIDER_GARBLED, "told of a model's inputs what cannot be read") from error
    return ("" if official else latest.id), known


def _shares(request: Media, inputs: dict[str, Any], known: Known) -> list[dict[str, Any]]:
    """The inputs of each prediction. With one seed for all they would all be the same picture."""
    name, seed, found, drawn = known.names.get("batch_size"), inputs.get("seed"), [], 0
    for count in split(getattr(request, "batch_size", 1), known):
        own = {**inputs, name: count} if name else dict(inputs)
        if isinstance(seed, int):
            own["seed"] = seed + drawn
        found.append(own)
        drawn += count
    return found


# ---- files -----------------------------------------------------------------------------------------------------------


async def _files(request: Media, known: Known, tools: Tools, stack: AsyncExitStack) -> dict[str, Any]:
    """The request's files as the model's inputs."""
    found: dict[str, Any] = {}
    for ours in ("image", "audio"):
        if (value := getattr(request, ours, None)) is None:
            continue
        theirs = known.names.get(ours, ours)
        refs = [file(value, ours), *(file(one, "images") for one in getattr(request, "images", ()))]
        given = [await _given(await upload(tools.shelf, ref, stack, ours), tools) for ref in refs]
        if len(given) > 1 and theirs not in known.many:
            raise Problem(Code.INVALID_REQUEST, "This model takes one picture", param="images")
        found[theirs] = given if theirs in known.many else given[0]
    if isinstance(request, ImageWithMask):
        mask = await _white(file(request.image, "image"), file(request.mask, "mask"), request.mask_channel, tools)
        found[known.names.get("mask", "mask")] = await _given(mask, tools)
    return found


async def _white(image: FileRef, mask: FileRef, channel: str, tools: Tools) -> Upload:
    """Stable Diffusion and its kin paint where a mask is white."""
    first, second = await tools.shelf.whole(image), await tools.shelf.whole(mask)
    return in_memory(await asyncio.to_thread(_pictures.white, first, second, channel), "image/png", "mask")


async def _given(sound: Upload, tools: Tools) -> str:
    """A small file as a `data:` URL, a large one as the address of its upload."""
    if sound.size is not None and sound.size <= SMALL:
        data = b"".join([piece async for piece in sound.open()])
        return f"data:{sound.content_type};base64,{b64encode(data).decode()}"
    call = Call(f"{root(tools)}/files", Form([("content", sound)]), bearer(tools))
    uploaded = answer(await body_of(call, tools), _Uploaded, tools, "a file")
    if not (there := uploaded.urls.get("get")):
        raise tools.problem(Code.PROVIDER_GARBLED, "took a file and named no place for it")
    return there


# ---- what came -------------------------------------------------------------------------------------------------------


async def _collected(prediction: Prediction, op: str, tools: Tools) -> Made:
    """The files it names, or its words."""
    made, output = Made(seconds=prediction.seconds), prediction.output
    if op in _TEXT_OPS:
        made.texts = [_told(output, tools)]
        return made
    made.artifacts = [await keep(url, tools, trusted=DELIVERY) for url in _urls(output)]
    if not made.artifacts:
        raise tools.problem(Code.PROVIDER_GARBLED, "succeeded, but named no file")
    return made


def _urls(output: Any) -> list[str]:
    """Every file in an output: text, a list, an object of either."""
    if isinstance(output, str):
        return [output] if output.startswith(("https://", "http://", "data:")) else []
    inner = output.values() if isinstance(output, dict) else output if isinstance(output, list) else ()
    return [url for one in inner for url in _urls(one)]


def _told(output: Any, tools: Tools) -> Told:
    """Words: text, pieces of it, or an object as Whisper's (`transcription`, `segments`; or `text`, `chunks`)."""
    if isinstance(output, list) and all(isinstance(one, str) for one in output):
        output = "".join(output)
    if isinstance(output, str):
        return Told(text=output)
    if isinstance(output, dict):
        text = next(
            (output[name] for name in ("translation", "transcription", "text", "output") if output.get(name)), None
        )
        if isinstance(text, str):
            language = output.get("detected_language") or output.get("language")
            return Told(
                text=text.strip(), segments=_segments(output), language=language if isinstance(language, str) else ""
            )
    raise tools.problem(Code.PROVIDER_GARBLED, "succeeded, but without words")


def _segments(output: dict[str, Any]) -> tuple[Segment, ...]:
    """Times are an extra: those that cannot be read are left out."""
    found = []
    for one in output.get("segments") or output.get("chunks") or ():
        stamp = one.get("timestamp") if isinstance(one, dict) else None
        start, end = stamp if isinstance(stamp, list) and len(stamp) == 2 else (None, None)
        if isinstance(one, dict):
            start, end = one.get("start", start), one.get("end", end)
        if isinstance(start, int | float) and isinstance(end, int | float):
            found.append(Segment(start=float(start), end=float(end), text=str(one.get("text", ""))))
    return tuple(found)


class _Board:
    """How far the predictions of a job are, as one progress."""

    def __init__(self, count: int) -> None:
        self._shares: list[float | None] = [None] * count
        self._stages = ["starting"] * count
        self._changed = asyncio.Event()

    def slot(self, number: int) -> Any:
        def tell(prediction: Prediction) -> None:
            ended = prediction.status == "succeeded"
            self._shares[number] = 1.0 if ended else prediction.share
            self._stages[number] = prediction.status
            self._changed.set()

        return tell

    async def news(self, work: "asyncio.Future[Any]") -> AsyncGenerator[Progress, None]:
        """Progress when something changed, until the work is done."""
        work.add_done_callback(lambda _: self._changed.set())
        last = None
        while not work.done():
            await self._changed.wait()
            self._changed.clear()
            known = [share for share in self._shares if share is not None]
            stage = "processing" if "processing" in self._stages else self._stages[0]
            now = Progress(sum(known) / len(self._shares) if known else None, stage)
            if now != last and not work.done():
                yield now
            last = now


_HANDLES: dict[str, Handle] = dict.fromkeys(OPS, handle)

agent = Agent(handles=_HANDLES, models=models, check=check, start=start)
