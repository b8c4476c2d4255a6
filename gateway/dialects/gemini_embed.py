"""Google's embeddings, the way in: one text, or several requests at once. Only texts become vectors here."""

from typing import Any

import msgspec

from gateway.dialects._dialect import Place, Read, ours, refuse
from gateway.dialects._words import encode, fields_of
from gateway.dialects.gemini import in_camel
from gateway.dialects.gemini_turns import Content
from gateway.parsing import parse


class Embed(msgspec.Struct, rename="camel"):
    content: Content
    output_dimensionality: int | None = None
    task_type: str | None = None
    title: str | None = None
    model: str = ""


class Batch(msgspec.Struct):
    requests: list[Embed]


SPELLING = {"input": "content", "dimensions": "outputDimensionality"}
_OWN = frozenset({"content", "requests", "outputDimensionality", "model"})
_embed = msgspec.json.Decoder(Embed).decode
_batch = msgspec.json.Decoder(Batch).decode


def one(body: bytes, place: Place) -> Read:
    """`embedContent`."""
    body = in_camel(body)
    return Read(body=_request([parse(_embed, body)], body, place))


def many(body: bytes, place: Place) -> Read:
    """`batchEmbedContents`: one model and one number of dimensions for all."""
    body = in_camel(body)
    asked = parse(_batch, body).requests
    if not asked:
        raise refuse("'requests' must not be empty.", "requests")
    return Read(body=_request(asked, body, place))


def _request(asked: list[Embed], body: bytes, place: Place) -> bytes:
    if len({one.output_dimensionality for one in asked}) > 1:
        raise refuse("All requests must ask for the same outputDimensionality.", "requests")
    mine, foreign = ours(fields_of(body), _OWN)
    request: dict[str, Any] = {
        "model": place.model,
        "input": [_text(one.content) for one in asked],
        "encoding_format": "float",
        **mine,
    }
    if asked[0].output_dimensionality is not None:
        request["dimensions"] = asked[0].output_dimensionality
    if asked[0].task_type:
        foreign["taskType"] = msgspec.Raw(encode(asked[0].task_type))
    if foreign:
        request["native"] = {"gemini": foreign}
    return encode(request)


def _text(content: Content) -> str:
    if any(part.text is None for part in content.parts):
        raise refuse("Only text can be embedded here.", "content.parts")
    return "\n".join(part.text or "" for part in content.parts)
