"""OpenAI's pictures: `/v1/images/generations`, `/edits`, `/variations`. A `size` is two sides, a mask another operation.

What a newcomer would get wrong: whether the answer holds base64 or URLs is no matter of the job. Both are made of the same
stored files, base64 while the answer is sent; whoever looks at the job later (`/jobs/{id}`, a callback) gets URLs.
"""

import re
from typing import Any

import msgspec

from gateway.dialects._dialect import Dialect, Door, refuse
from gateway.dialects.openai import error
from gateway.render import SSE_TYPE, Echo, Packed, Shown, Store, at_base, echo_of, mixed, result_in
from gateway.spelling import Fields, Meant, Words, flag, table
from schemas.events import Done
from schemas.job import Job
from schemas.media import Artifact, MediaResult
from schemas.operations import IMAGE_TO_IMAGE, IMAGE_WITH_MASK, TEXT_TO_IMAGE, Operation

_encode = msgspec.json.Encoder().encode
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_GPT = ("gpt-image", "chatgpt-image")
"""Models that OpenAI answers for in base64 only."""
_FACTS = ("background", "output_format", "quality", "size")
"""What the answer repeats of the request."""
_THEIRS = ("output_compression", "moderation", "input_fidelity")
"""Fields that only OpenAI's own models understand: they travel as named arguments."""
_DROPPED = ("user", "safety_identifier", "partial_images")
VARIATION = "A variation of this picture."


def to_generation(fields: Fields) -> Meant:
    return _meant(TEXT_TO_IMAGE, fields)


def to_edit(fields: Fields) -> Meant:
    """With a mask it is another operation. What is transparent in OpenAI's mask is painted anew."""
    values = fields.values
    pictures = [*values.pop("image", []), *_named(values.pop("images", []))]
    if pictures:
        values["image"], values["images"] = pictures[0], pictures[1:]
        fields.said.setdefault("images", fields.said.get("image", "image"))
    if "mask" not in values:
        return _meant(IMAGE_TO_IMAGE, fields)
    (values["mask"],) = _named([values["mask"]])
    values["mask_channel"] = "alpha"
    return _meant(IMAGE_WITH_MASK, fields)


def to_variation(fields: Fields) -> Meant:
    fields.values["positive_prompt"] = VARIATION
    return _meant(IMAGE_TO_IMAGE, fields)


def _named(pictures: Any) -> list[Any]:
    """OpenAI's JSON form of an edit names pictures by objects: `{"image_url": "…"}`, `{"file_id": "…"}`."""
    found = []
    for one in pictures if isinstance(pictures, list) else [pictures]:
        if isinstance(one, dict):
            said = one.get("file_id") or one.get("image_url")
            if not isinstance(said, str) or len(one) != 1:
                raise refuse("A picture is named by 'file_id' or by 'image_url'.", "images")
            one = said
        found.append(one)
    return found


def _meant(operation: Operation, fields: Fields) -> Meant:
    values, said = dict(fields.values), fields.said
    facts = {name: str(values[name])[:40] for name in _FACTS if name in values}
    if (size := values.pop("size", "auto")) != "auto":
        values["width"], values["height"] = _sides(size, said.get("size", "size"))
        said["width"] = said["height"] = said.get("size", "size")
    for name in ("quality", "background"):
        if values.get(name) == "auto":
            del values[name]
    wanted = values.pop("response_format", "")
    if wanted not in ("", "url", "b64_json"):
        raise refuse("'response_format' must be 'url' or 'b64_json'.", "response_format")
    stream = flag(values.pop("stream", False), "stream")
    packed = stream or wanted == "b64_json" or str(values.get("model", "")).startswith(_GPT)
    theirs = {name: _number(values.pop(name)) for name in _THEIRS if name in values}
    if theirs:
        values["arguments"] = {**fields.map_of("arguments"), **theirs}
    for name in _DROPPED:
        values.pop(name, None)
    echo = Echo(b64=packed, stream=stream, facts=facts, format="edit" if operation is not TEXT_TO_IMAGE else "")
    return Meant(operation, values, msgspec.to_builtins(echo))


def _sides(size: Any, name: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise refuse("'size' must be 'auto' or WIDTHxHEIGHT, for example '1024x1024'.", name)
    return int(found[1]), int(found[2])


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


# ---- the answer ------------------------------------------------------------------------------------------------------


def whole(job: Job, end: Done, at: float) -> bytes:
    """With URLs."""
    echo, result = echo_of(job), result_in(end)
    data = [{"url": one.url, **_told(one)} for one in at_base(result, echo.base).artifacts]
    return _encode({**_head(job, at), "data": data, **_tail(result, echo)})


async def render(job: Job, end: Done, at: float, store: Store) -> Shown | None:
    """With base64, or as the last event of a stream."""
    echo, result = echo_of(job), result_in(end)
    if not echo.b64:
        return None
    files = [Packed(one.blob) for one in await store.all(job, result)]
    if echo.stream:
        return mixed(_events(job, result, files, echo, at), store, SSE_TYPE)
    parts: list[bytes | Packed] = [_encode(_head(job, at))[:-1] + b',"data":[']
    for number, (one, packed) in enumerate(zip(result.artifacts, files, strict=True)):
        told = _encode(_told(one))[1:]
        parts += [(b"," if number else b"") + b'{"b64_json":"', packed, b'"' + (b"," if told != b"}" else b"") + told]
    tail = _encode(_tail(result, echo))[1:]
    parts.append(b"]" + (b"," if tail != b"}" else b"") + tail)
    return mixed(parts, store)


def _events(job: Job, result: MediaResult, files: list[Packed], echo: Echo, at: float) -> list[bytes | Packed]:
    kind = "image_edit.completed" if echo.format == "edit" else "image_generation.completed"
    facts = {"background": "auto", "quality": "auto", "size": "auto", "output_format": "png", **_tail(result, echo)}
    parts: list[bytes | Packed] = []
    for packed in files:
        head = {"type": kind, "created_at": int(at or job.created), **facts}
        parts += [b"data: " + _encode(head)[:-1] + b',"b64_json":"', packed, b'"}\n\n']
    return parts


def _head(job: Job, at: float) -> dict[str, Any]:
    return {"created": int(at or job.created)}


def _told(one: Artifact) -> dict[str, Any]:
    return {"revised_prompt": one.title} if one.title else {}


def _tail(result: MediaResult, echo: Echo) -> dict[str, Any]:
    facts: dict[str, Any] = {name: value for name, value in echo.facts.items() if value != "auto"}
    if result.artifacts:
        first = result.artifacts[0]
        facts.setdefault("output_format", first.content_type.removeprefix("image/"))
        if first.width and first.height:
            facts["size"] = f"{first.width}x{first.height}"
    return {**facts, "usage": result.usage} if result.usage else facts


SPELLING = {"positive_prompt": "prompt", "batch_size": "n", "width": "size", "height": "size"}
IMAGES = Dialect(name="images", error=error, whole=whole, render=render, spelling=SPELLING)


def _door(read: Any, *operations: Operation, several: frozenset[str] = frozenset()) -> Door:
    own = ("size", "response_format", "stream", *_THEIRS, "user")
    words = Words(operations=operations, names=table(operations), several=several, read=read, own=own, absolute=True)
    return Door(operation=operations[0], dialect=IMAGES, media=words)


DOORS: dict[str, Door] = {
    "/v1/images/generations": _door(to_generation, TEXT_TO_IMAGE),
    "/v1/images/edits": _door(to_edit, IMAGE_TO_IMAGE, IMAGE_WITH_MASK, several=frozenset({"image", "images"})),
    "/v1/images/variations": _door(to_variation, IMAGE_TO_IMAGE),
}
