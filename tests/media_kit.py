"""A house with a studio: a worker that really reads the files of media jobs and really stores what it makes.

What it makes is told by the request: a prompt of `sleep 3` takes that long, `fail image` fails and names that field, `gone`
forgets the file, and so on. `Studio.seen` has each job's body as its agent read it, and the bytes of its files.
"""

import asyncio
import io
import struct
import wave
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from gateway_house import House, open_house, until

from agents._http import Http
from agents.agent import Agent, Tools
from bus.config import Config
from bus.connection import Link, open_bus
from bus.finish import Finish
from bus.fleet import Fleet
from bus.ids import Ids
from bus.jobs import Jobs
from bus.worker import Worker
from gateway.dialects.doors import posted_of, result_of
from gateway.files import Files
from ops.artifacts import Keeping, Shelf
from ops.provide import performer
from schemas.catalogue import Catalogue
from schemas.events import Done, Event, Progress, Usage
from schemas.files import INPUT, FileRecord
from schemas.job import Job
from schemas.media import Artifact, FileRef, MediaResult, Segment, Told, Word, encode_media
from schemas.operations import OPERATIONS, Operation
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider

MEDIA = [op for op in OPERATIONS.values() if op.media and not op.internal]
SAID = "Hello there. General Kenobi."


def png(width: int = 2, height: int = 1, tint: int = 0) -> bytes:
    """A real picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([tint % 256, 20, 30]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav(samples: int = 800) -> bytes:
    """A real sound."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(256)) * (samples // 128 + 1))
    return out.getvalue()


class Seen(msgspec.Struct):
    """One job as its agent saw it."""

    job: Job
    body: dict[str, Any]
    files: dict[str, bytes]


class Studio:
    """Serves every media operation."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.made: list[bytes] = []

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    async def handle(self, job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        body = msgspec.json.decode(job.body)
        asked = msgspec.json.decode(job.body, type=OPERATIONS[job.op].request)
        files = {name: await tools.shelf.whole(ref) for name, ref in _refs(asked) if ref.blob}
        self.seen.append(Seen(job, body, files))
        order = str(body.get("positive_prompt") or body.get("input") or body.get("prompt") or "")
        yield Progress(0.5, "painting")
        await self._obey(order)
        made: list[Artifact] = []
        for number in range(body.get("batch_size", 1)):
            data, kind, about = self._work(job, body, number)
            if data:
                self.made.append(data)
                made.append(await tools.shelf.put(data, kind, about))
        texts = _texts(order) if job.op in ("speech_to_text", "image_to_text") else ()
        result = MediaResult(artifacts=tuple(made) if "nothing" not in order else (), texts=texts, model="painter-1")
        if "tokens" in order:
            usage = {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
            result = msgspec.structs.replace(result, usage=usage)
            yield Done(encode_media(result), Usage(7, 9))
        else:
            yield Done(encode_media(result))

    async def _obey(self, order: str) -> None:
        word, _, rest = order.partition(" ")
        if word == "sleep":
            await asyncio.sleep(float(rest))
        elif word == "fail":
            raise Problem(Code.INVALID_REQUEST, f"'{rest}' is no picture that can be read.", param=rest)

    def _work(self, job: Job, body: dict[str, Any], number: int) -> tuple[bytes, str, Artifact]:
        if "audio" in job.op or job.op == "text_to_speech":
            kind = {"mp3": "audio/mpeg", "opus": "audio/opus", "pcm": "audio/pcm"}.get(
                body.get("output_format") or "wav", f"audio/{body.get('output_format') or 'wav'}"
            )
            return wav(), kind, Artifact(seconds=0.1)
        if job.op in ("speech_to_text", "image_to_text"):
            return b"", "", Artifact()
        width, height = body.get("width") or 2, body.get("height") or 1
        title = "revised" if "revise" in str(body.get("positive_prompt")) else ""
        about = Artifact(width=width, height=height, title=title)
        return png(2, 1, number + len(self.made)), "image/png", about


def _refs(asked: Any) -> list[tuple[str, FileRef]]:
    found = []
    for name in ("image", "images", "mask", "audio", "video", "watermark", "files"):
        value = getattr(asked, name, None)
        many = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        found += [(f"{name}.{at}", one) for at, one in many]
        if isinstance(value, FileRef):
            found.append((name, value))
    return found


def _texts(order: str) -> tuple[Told, ...]:
    if order == "silence":
        return (Told(text=""),)
    parts = (Segment(start=0.0, end=1.5, text="Hello there."), Segment(start=1.5, end=3661.25, text=" General Kenobi."))
    words = (Word(start=0.0, end=0.5, word="Hello"), Word(start=0.5, end=1.5, word="there."))
    return (Told(text=SAID, segments=parts, words=words, language="en", seconds=3661.25),)


class MediaHouse:
    """A `House` and its studio."""

    def __init__(self, house: House, studio: Studio, files: Files) -> None:
        self.house, self.studio, self.files = house, studio, files

    async def media(
        self, op: str, body: Any = None, *, form: Any = None, **more: Any
    ) -> tuple[int, dict[str, str], Any]:
        """A request to `/media/{op}` (or to the path `op`), as JSON or as a form."""
        path = op if op.startswith("/") else f"/media/{op}"
        headers = {"Authorization": f"Bearer {more.pop('key', self.house.secret)}", **more.pop("headers", {})}
        content = {"data": form} if form is not None else {"json": body}
        async with self.house.http.post(self.house.url + path, headers=headers, **content, **more) as reply:
            data = await reply.read()
            kind = reply.headers.get("content-type", "")
            told = msgspec.json.decode(data) if kind.startswith("application/json") else data
            return reply.status, {name.lower(): value for name, value in reply.headers.items()}, told

    async def raw(self, path: str, data: Any, **headers: str) -> tuple[int, Any]:
        """A body of our own making."""
        named = {"Authorization": f"Bearer {self.house.secret}", **headers}
        async with self.house.http.post(self.house.url + path, data=data, headers=named) as reply:
            return reply.status, msgspec.json.decode(await reply.read())

    async def fetch(self, url: str, key: str = "") -> bytes:
        headers = {"X-Api-Key": key} if key else {}
        whole = url if url.startswith("http") else self.house.url + url
        async with self.house.http.get(whole, headers=headers) as reply:
            assert reply.status == 200, (reply.status, url)
            return await reply.read()

    async def inputs(self) -> list[FileRecord]:
        key = self.house.key
        return [one for one in await self.files.records.of(key.tenant, key.id) if one.purpose == INPUT]

    async def empty(self) -> None:
        """Nothing that a request brought is left: no record, no blob."""

        async def look() -> bool:
            return not await self.inputs() and not [blob async for blob in self.files.blobs.all()]

        await until(look)


def form(*parts: tuple[Any, ...], **fields: Any) -> aiohttp.FormData:
    """`(name, bytes, filename, type)` for each file."""
    made = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        made.add_field(name, str(value))
    for name, data, *rest in parts:
        filename, kind = (*rest, None, None)[:2]
        made.add_field(name, data, filename=filename or "a.png", content_type=kind)
    return made


@asynccontextmanager
async def studio_of(
    link: Link, studio: Studio, keeping: Keeping | None = None, ops: list[Operation] = MEDIA
) -> AsyncIterator[Worker]:
    """The studio's worker, on a connection of its own."""
    models = tuple(Model(name=op.model if op.model != "default" else "painter", op=op.name) for op in ops)
    async with open_bus(link, "studio") as bus, Http(private=True) as http:
        config, ids, jobs = Config(bus), Ids(bus), Jobs(bus)
        fleet = Fleet(bus, config)
        for part in (config, ids, fleet):
            await part.start()
        given = Provider(name="studio", kind="openai", slots=8, models=models)
        given = msgspec.structs.replace(given, models=Catalogue().announced(given, given.models))
        shelf = Shelf(bus, ids.new, keeping)
        agent = Agent(handles={op.name: studio.handle for op in ops})
        perform = performer(agent, Tools(http, given), None, shelf)
        worker = Worker(fleet, Finish(bus, jobs, ids, show=result_of, post=posted_of), given, perform)
        await worker.start()
        try:
            yield worker
        finally:
            await worker.drain(1)
            await shelf.close()


@asynccontextmanager
async def open_media(
    link: Link, change: Callable[[Any], Any] | None = None, keeping: Keeping | None = None, **parts: Any
) -> AsyncIterator[MediaHouse]:
    """Everything, ready to be asked for media."""
    studio = Studio()
    async with open_house(link, agent=False, **parts) as house, studio_of(link, studio, keeping):
        if change is not None:
            house.key = change(house.key)
            await house.config.put_key(house.key)

        async def ready() -> bool:
            _, _, listed = await house.get("/v1/models")
            return any(model["id"] == "painter" for model in listed["data"])

        await until(ready)
        yield MediaHouse(house, studio, Files(house.bus, lambda: 1))
