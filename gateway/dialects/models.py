"""The list of models in each dialect's shape. Pure: from names and the queues that serve them.

Providers tell us little about a model (no size, no date), and what we do not know we do not make up: such fields hold the
least that the official clients accept.
"""

import hashlib
from typing import Any

SINCE = 1767225600
"""OpenAI's clients want a time of creation; ours have none worth telling (2026-01-01)."""
_STAMP = "2026-01-01T00:00:00Z"
_VERBS = ["generateContent", "streamGenerateContent", "countTokens"]
_EMBEDS = ["embedContent", "batchEmbedContents"]


class Served:
    """A model somebody serves now. `ops`: what it can be asked for; `vision`: whether its chat takes pictures (None: nobody
    has said); `context`: tokens (0: nobody has said)."""

    __slots__ = ("context", "name", "ops", "queues", "vision")

    def __init__(self, name: str, vision: bool | None = None, context: int = 0) -> None:
        self.name, self.vision, self.context = name, vision, context
        self.queues: list[str] = []
        self.ops: list[str] = []


def openai(model: Served) -> dict[str, Any]:
    """Fields more than OpenAI has: `operations`, what the model can be asked for; and of a chat model what is known of it,
    in OpenRouter's words (`architecture.input_modalities`, `context_length`)."""
    told = {"id": model.name, "object": "model", "created": SINCE, "owned_by": ",".join(sorted(model.queues))}
    known: dict[str, Any] = {"context_length": model.context} if model.context else {}
    if model.vision is not None:
        paints = ["image"] if "text_to_image" in model.ops else []
        known["architecture"] = {
            "input_modalities": ["text", "image"] if model.vision else ["text"],
            "output_modalities": ["text", *paints],
        }
    return {**told, "operations": model.ops, **known}


def anthropic(model: Served) -> dict[str, Any]:
    told = {"display_name": model.name, "created_at": _STAMP, "lifecycle": "active"}
    return {"type": "model", "id": model.name, **told}


def gemini(model: Served) -> dict[str, Any]:
    verbs = (_VERBS if "chat" in model.ops else []) + (_EMBEDS if "embeddings" in model.ops else [])
    told = {"version": "1", "displayName": model.name, "supportedGenerationMethods": verbs}
    return {"name": f"models/{model.name}", **told}


def ollama(model: Served) -> dict[str, Any]:
    digest = hashlib.sha256(model.name.encode()).hexdigest()
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": _STAMP,
        "size": 0,
        "digest": digest,
        "details": _details(),
    }


def ollama_shown(model: Served) -> dict[str, Any]:
    """`/api/show`."""
    chats = ["completion", "tools", *(["vision"] if model.vision else [])] if "chat" in model.ops else []
    capable = chats + (["embedding"] if "embeddings" in model.ops else [])
    told: dict[str, Any] = {"modelfile": "", "parameters": "", "template": "", "license": "", "modified_at": _STAMP}
    return {**told, "details": _details(), "model_info": {"general.basename": model.name}, "capabilities": capable}


def _details() -> dict[str, Any]:
    told = {"parent_model": "", "format": "", "family": "", "families": []}
    return {**told, "parameter_size": "", "quantization_level": ""}


def openai_list(models: list[Served]) -> dict[str, Any]:
    return {"object": "list", "data": [openai(model) for model in models]}


def anthropic_list(models: list[Served]) -> dict[str, Any]:
    """One page: nothing more follows."""
    ids = [model.name for model in models]
    last = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return {"data": [anthropic(model) for model in models], "has_more": False, **last}


def gemini_list(models: list[Served]) -> dict[str, Any]:
    return {"models": [gemini(model) for model in models]}
