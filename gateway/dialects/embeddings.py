"""Vectors as a provider gave them, for the dialects that want plain lists of numbers. Pure.

OpenAI's wire knows two spellings of a vector: numbers, or base64 of little-endian 32-bit floats; a provider may answer either.
"""

import base64
import struct

import msgspec

from gateway.dialects._words import Counted
from schemas.events import Done


class Vector(msgspec.Struct):
    embedding: list[float] | str
    index: int = 0


class Vectors(msgspec.Struct):
    data: list[Vector] = []
    usage: Counted | None = None


_decode = msgspec.json.Decoder(Vectors).decode


def read_vectors(end: Done) -> tuple[list[list[float]], int]:
    """The vectors in the order of their inputs, and the tokens of all inputs."""
    found = _decode(end.body)
    ordered = sorted(found.data, key=lambda vector: vector.index)
    asked = (found.usage.prompt_tokens if found.usage else None) or end.usage.tokens_in
    return [_numbers(vector.embedding) for vector in ordered], asked


def _numbers(said: list[float] | str) -> list[float]:
    if isinstance(said, list):
        return said
    raw = base64.b64decode(said)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))
