"""The operation registry: every operation named once. Routes, bus subjects and records are made from this table.

A new modality is a request struct, one row here, and an entry in the dictionary of each agent that can do it.
"""

import msgspec

from schemas.chat import ChatRequest
from schemas.embeddings import EmbeddingsRequest


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the token on the bus (`req.<tenant>.<key>.<name>`), the column `op`, and the feature in the docs."""

    name: str
    request: type
    routes: tuple[str, ...]
    """HTTP paths that take the request as JSON."""
    streams: bool = False


CHAT = Operation(name="chat", request=ChatRequest, routes=("/v1/chat/completions",), streams=True)
EMBEDDINGS = Operation(name="embeddings", request=EmbeddingsRequest, routes=("/v1/embeddings",))

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (CHAT, EMBEDDINGS)}
