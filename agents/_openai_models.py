"""What the models of a server in OpenAI's dialect are for. Pure.

The list itself says little: an id, at some servers a type (Together) or what goes in and out (OpenRouter); else the name
tells. What a newcomer would get wrong: a model that is listed for nothing we serve is better left out than offered as a
chat that fails.
Sources: developers.openai.com/api/reference/resources/models, docs.together.ai/reference/models,
openrouter.ai/docs/api-reference/list-available-models.
"""

import re

import msgspec

from agents._embeddings import embeds
from agents._openai_audio import VOICES
from agents._vision import sees
from schemas.provider import Model

_NEITHER = re.compile(
    r"moderation|realtime|^sora|^(davinci|babbage)-002|rerank|content-?filter|text-to-video|video-gen"
)
_PAINTS = re.compile(
    r"dall-e|gpt-image|chatgpt-image|(^|[/_-])flux|diffusion|(^|[/_-])sd(xl|-?3|-turbo|_xl)|qwen-image|seedream|ideogram"
    r"|recraft|imagen|playground-v|kandinsky|pixart|hidream|z-image|grok-.*image|hunyuan-?image"
)
_EDITS = re.compile(r"gpt-image|chatgpt-image|dall-e-2|kontext|(^|[-_])edit|inpaint")
_HEARS = re.compile(r"whisper|transcri|(^|[-_/])(asr|stt)([-_.]|$)|parakeet")
_SPEAKS = re.compile(r"(^|[-_/])tts([-_.]|$)|kokoro|orpheus|(^|[/_-])(piper|xtts|parler|cosyvoice|chatterbox)([-_.]|$)")
_VOICED = re.compile(r"tts-1(-hd)?|gpt-4o-mini-tts")
"""OpenAI's own speakers: `tts-1:nova` is a model too."""

IMAGES = ("text_to_image", "image_to_image", "image_with_mask")
_TYPES = {
    "image": IMAGES[:1],
    "audio": ("text_to_speech",),
    "tts": ("text_to_speech",),
    "transcribe": ("speech_to_text",),
    "embedding": ("embeddings",),
    **dict.fromkeys(("video", "moderation", "rerank"), ()),
}
"""Together's `type`."""


class Architecture(msgspec.Struct):
    """OpenRouter's."""

    input_modalities: list[str] = []
    output_modalities: list[str] = []


class Listed(msgspec.Struct):
    id: str
    type: str | None = None
    """Together says what a model is for."""
    active: bool | None = None
    """Groq."""
    architecture: Architecture | None = None


def classified(listed: list[Listed]) -> list[Model]:
    """A row for each model and each thing it does, chats first. The first row of an operation is its `default`, so of the
    media models the ones that one would choose come first."""
    found = {model.id: model for model in listed if model.id and model.active is not False}
    rows = [row for model in found.values() for row in _rows(model)]
    words = [row for row in rows if row.op in ("chat", "embeddings")]
    return words + sorted((row for row in rows if row.op not in ("chat", "embeddings")), key=_rank)


def ops(model: Listed) -> tuple[str, ...]:
    """What a model does: names of operations."""
    name = model.id.lower()
    if model.architecture is not None and model.architecture.output_modalities:
        return _by_modalities(model.architecture)
    if model.type in _TYPES and not (model.type == "audio" and _HEARS.search(name)):
        return _TYPES[model.type]
    if _NEITHER.search(name):
        return ()
    if _HEARS.search(name):
        return ("speech_to_text",)
    if _SPEAKS.search(name):
        return ("text_to_speech",)
    if _PAINTS.search(name):
        return IMAGES if _EDITS.search(name) else IMAGES[:1]
    return ("embeddings",) if embeds(name) else ("chat",)


def _rows(model: Listed) -> list[Model]:
    can = ops(model)
    vision = None
    if "chat" in can:
        inputs = model.architecture.input_modalities if model.architecture else []
        vision = "image" in inputs if inputs else sees(model.id) or None
    voices = tuple(f"{model.id}:{voice}" for voice in VOICES) if _VOICED.fullmatch(model.id) else ()
    return [
        Model(
            name=model.id,
            op=op,
            vision=vision if op == "chat" else None,
            aliases=voices if op == "text_to_speech" else (),
        )
        for op in can
    ]


def _by_modalities(told: Architecture) -> tuple[str, ...]:
    found = ["chat"] if "text" in told.output_modalities else []
    if "image" in told.output_modalities:
        found += IMAGES[:2] if "image" in told.input_modalities else IMAGES[:1]
    return tuple(found)


def _rank(model: Model) -> tuple[int, int, float]:
    """Whisper before those that tell no times; the newest pictures before the retired; a name before its snapshots."""
    name = model.name.lower()
    dated = re.search(r"\d{4}-\d{2}-\d{2}", name) is not None
    version = re.search(r"gpt-image-(\d+(?:\.\d+)?)", name)
    old = name.startswith("dall-e") or "mini" in name or (model.op == "speech_to_text" and "whisper" not in name)
    return int(old), int(dated), -float(version[1]) if version else 0.0
