"""Embeddings: the request and the answer, in OpenAI's `embeddings` shape.

Source: the OpenAI API reference, "Create embeddings". As with chat, the bytes the caller sent travel on, so these structs
name only what we check or read.
"""

from typing import Annotated, Any, Literal

import msgspec

from schemas.chat import ChatUsage, Count

Tokens = list[int]


class EmbeddingsRequest(msgspec.Struct, frozen=True):
    """`input`: a text, several texts, or tokens in place of either."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    input: str | list[str | int | Tokens]
    dimensions: Count | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    reply_to: Annotated[str, msgspec.Meta(max_length=4000)] | None = msgspec.field(name="replyTo", default=None)
    """Ours: the web callback's URL. Taken out before the request goes to a provider."""
    ref_id: Annotated[str, msgspec.Meta(max_length=200)] | None = msgspec.field(name="refId", default=None)
    tag: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    provider: str | list[str] | dict[str, Any] | None = None
    """Ours when it is a name or a list of names: who may serve it. An object is OpenRouter's and travels on."""

    @property
    def stream(self) -> None:
        """Embeddings come whole, whatever the caller says."""


class EmbeddingsRow(msgspec.Struct, frozen=True):
    """`embedding`: numbers, or base64 of little-endian float32."""

    embedding: msgspec.Raw
    index: int = 0
    object: str = "embedding"


class EmbeddingsReply(msgspec.Struct, frozen=True):
    data: list[EmbeddingsRow]
    model: str | None = None
    usage: ChatUsage | None = None
    object: str = "list"
