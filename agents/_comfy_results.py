"""What a prompt has made: which files and texts its outputs name, and how they get from ComfyUI onto the job's shelf.

What a newcomer would get wrong: nodes name their files as they like (`images`, `gifs`, `audio`, `3d`, `video`), and a video
may stand under `images`. So every list is read for things that look like a file. What stands in `temp` is a preview, and
counts only where nothing else was made.
"""

import asyncio
import mimetypes
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import Any

import msgspec

from agents._comfy_wire import Wire
from agents._files import Files
from agents._flow import Flow
from agents._http import Reply
from schemas.media import Artifact, Told
from schemas.problem import Code, Problem

AT_ONCE = 4
"""Files fetched at the same time."""
TRIES = 3
"""The picture is there and took minutes: a broken download is worth another try."""
_TEXTS = frozenset({"text", "texts", "string", "strings", "tags", "caption", "captions", "value", "output_text"})
_TYPES = {
    ".webp": "image/webp", ".avif": "image/avif", ".exr": "image/x-exr", ".jxl": "image/jxl",
    ".flac": "audio/flac", ".opus": "audio/opus", ".ogg": "audio/ogg", ".m4a": "audio/mp4", ".wav": "audio/wav",
    ".mkv": "video/x-matroska", ".webm": "video/webm", ".mp4": "video/mp4", ".mov": "video/quicktime",
    ".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".obj": "model/obj", ".stl": "model/stl",
    ".ply": "model/ply", ".fbx": "model/fbx", ".splat": "model/splat", ".spz": "model/spz", ".usdz": "model/vnd.usdz+zip",
}  # fmt: skip
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/webp": (b"RIFF",),
    "image/gif": (b"GIF8",),
    "audio/flac": (b"fLaC",),
    "model/gltf-binary": (b"glTF",),
}
_CONVERTED = ("webp", "jpeg")
_PNG_END = b"IEND\xaeB`\x82"
_TAIL = 4096
"""Bytes at a file's end among which its own end must be: some nodes append words of theirs."""


class Made(msgspec.Struct, frozen=True):
    """A file that a node has made, as `/view` wants it named."""

    node: str
    filename: str
    subfolder: str = ""
    type: str = "output"

    @property
    def place(self) -> dict[str, str]:
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}

    @property
    def content_type(self) -> str:
        """By its name; empty where that says nothing."""
        suffix = PurePosixPath(self.filename).suffix.lower()
        return _TYPES.get(suffix) or mimetypes.guess_type(self.filename)[0] or ""


def files_of(outputs: dict[str, Any]) -> list[Made]:
    """Each once, in ComfyUI's order. Previews only where there is nothing else."""
    found: dict[tuple[str, str, str], Made] = {}
    for node, output in outputs.items():
        for values in output.values() if isinstance(output, dict) else ():
            for one in values if isinstance(values, list) else ():
                if isinstance(one, dict) and isinstance(one.get("filename"), str) and one["filename"]:
                    made = Made(
                        node, one["filename"], str(one.get("subfolder") or ""), str(one.get("type") or "output")
                    )
                    found.setdefault((made.type, made.subfolder, made.filename), made)
    kept = [made for made in found.values() if made.type == "output"]
    return kept or [made for made in found.values() if made.type == "temp"]


def texts_of(outputs: dict[str, Any]) -> list[Told]:
    """Texts that nodes show: `{"text": ["…"]}`, also as one text or as lists in lists."""
    return [
        Told(text=text, node=node)
        for node, output in outputs.items()
        if isinstance(output, dict)
        for name, values in output.items()
        if name in _TEXTS
        for text in _flat(values)
    ]


async def collect(made: list[Made], flow: Flow, wire: Wire, shelf: Files, form: str = "") -> tuple[Artifact, ...]:
    """Bring them all onto the shelf, some at a time and none of them whole in memory. `form`: `webp` or `jpeg` has ComfyUI
    convert pictures. Raises `Problem` when one can't be had."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def bring(one: Made) -> Artifact:
        async with turn:
            return await _brought(one, flow, wire, shelf, form)

    tasks = [asyncio.ensure_future(bring(one)) for one in made]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _brought(made: Made, flow: Flow, wire: Wire, shelf: Files, form: str) -> Artifact:
    for left in reversed(range(TRIES)):
        try:
            return await _put(made, flow, wire, shelf, form)
        except Problem as problem:
            if not left or problem.code not in (
                Code.PROVIDER_UNREACHABLE,
                Code.PROVIDER_TIMEOUT,
                Code.PROVIDER_GARBLED,
            ):
                raise
            await asyncio.sleep(0.2)
    raise AssertionError("unreachable")


async def _put(made: Made, flow: Flow, wire: Wire, shelf: Files, form: str) -> Artifact:
    kind = made.content_type
    converts = form in _CONVERTED and kind.startswith("image/") and kind not in (f"image/{form}", "image/gif")
    reply = await wire.view(made.place, f"{form};90" if converts else "")
    try:
        kind = reply.content_type if converts or not kind else kind
        name = made.filename if not converts else f"{PurePosixPath(made.filename).stem}.{form}"
        first = await _first(reply)
        if not first or not first.startswith(_MAGIC.get(kind, (b"",))):
            raise _broken(made, wire)
        wide, high = _png_size(first) if kind == "image/png" else (None, None)
        title = flow.title_of(made.node) if made.node in flow.nodes else ""
        about = Artifact(file_name=name, node=made.node, title=title, width=wide, height=high)
        async with aclosing(_checked(first, reply, kind, _broken(made, wire))) as pieces:
            return await shelf.put(pieces, kind or "application/octet-stream", about)
    finally:
        reply.close()


async def _first(reply: Reply) -> bytes:
    """Enough to know it by."""
    data = await reply.piece()
    while data and len(data) < 32 and (more := await reply.piece()):
        data += more
    return data


async def _checked(first: bytes, reply: Reply, kind: str, broken: Problem) -> AsyncGenerator[bytes, None]:
    """All of it. A PNG must come to its own end: one that was cut while it was written looks whole to HTTP."""
    data, tail = first, b""
    while data:
        tail = (tail + data)[-_TAIL:]
        yield data
        data = await reply.piece()
    if kind == "image/png" and _PNG_END not in tail:
        raise broken


def _broken(made: Made, wire: Wire) -> Problem:
    where = f"the file of node {made.node}"
    return wire.tools.problem(Code.PROVIDER_GARBLED, f"made a result that can't be read ({where})")


def _png_size(first: bytes) -> tuple[int | None, int | None]:
    if len(first) < 24:
        return None, None
    return int.from_bytes(first[16:20], "big"), int.from_bytes(first[20:24], "big")


def _flat(values: Any) -> list[str]:
    if isinstance(values, str):
        return [values]
    return [text for one in values for text in _flat(one)] if isinstance(values, list) else []
