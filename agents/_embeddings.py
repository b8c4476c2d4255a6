"""Embeddings for providers with a dialect of their own: what was asked, and OpenAI's list of what came. Pure.

The numbers travel as the bytes they came in. A caller who wants base64 (OpenAI's own SDK does) gets little-endian float32.
"""

import re
import struct
from base64 import b64encode
from typing import Any

import msgspec

from agents._asked import refusal
from agents._meter import tokens
from agents.agent import Tools
from schemas.embeddings import EmbeddingsRequest
from schemas.events import Done, Usage
from schemas.job import Job
from schemas.problem import Code, Problem

_encode = msgspec.json.Encoder().encode
_request = msgspec.json.Decoder(EmbeddingsRequest).decode
_floats = msgspec.json.Decoder(list[float]).decode

_EMBEDS = re.compile(
    r"embed|(^|[/_-])(bge|gte|e5|minilm|sbert|bert|voyage|jina-clip)([-_.:]|$)|arctic-embed|paraphrase"
)


def embeds(name: str) -> bool:
    """Whether a model's name tells that it makes embeddings."""
    return _EMBEDS.search(name.lower()) is not None


def asked(job: Job) -> EmbeddingsRequest:
    try:
        return _request(job.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, "The body is not a request for embeddings") from error


def texts(request: EmbeddingsRequest, tools: Tools) -> list[str]:
    """The texts to embed. Tokens are refused: they mean something to one tokenizer only, and we do not know which."""
    found = [request.input] if isinstance(request.input, str) else request.input
    if not found:
        raise Problem(Code.INVALID_REQUEST, "There is nothing to embed", param="input")
    words = [text for text in found if isinstance(text, str)]
    if len(words) != len(found):
        raise refusal(tools, "embeds texts, not tokens", "input")
    return words


def result(request: EmbeddingsRequest, tools: Tools, rows: list[msgspec.Raw], counted: int | None) -> Done:
    """OpenAI's list. `counted`: the provider's tokens; None: we estimate."""
    words = texts(request, tools)
    if len(rows) != len(words):
        raise tools.problem(Code.PROVIDER_GARBLED, f"answered {len(rows)} embeddings for {len(words)} texts")
    as_base64 = request.encoding_format == "base64"
    try:
        data = [
            {"object": "embedding", "index": place, "embedding": _packed(row) if as_base64 else row}
            for place, row in enumerate(rows)
        ]
    except msgspec.DecodeError as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered an embedding that is no list of numbers") from error
    usage = Usage(tokens_in=counted) if counted else Usage(tokens_in=tokens(sum(map(len, words))), estimated=True)
    count: dict[str, Any] = {"prompt_tokens": usage.tokens_in, "total_tokens": usage.tokens_in}
    if usage.estimated:
        count["estimated"] = True
    return Done(
        body=_encode({"object": "list", "data": data, "model": request.model, "usage": count}),
        usage=usage,
    )


def _packed(row: msgspec.Raw) -> str:
    numbers = _floats(row)
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
