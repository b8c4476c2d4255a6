"""All dialects by the name a job carries, all doors by their path, and a stored result as its caller wants to see it."""

from collections.abc import Mapping

import msgspec

from gateway.dialects import (
    aiserver,
    aiserver_media,
    anthropic_answer,
    audio,
    completions,
    gemini_answer,
    images,
    ollama_answer,
    responses_answer,
)
from gateway.dialects._dialect import Dialect, Door
from gateway.dialects.media import DOORS as MEDIA_DOORS
from gateway.dialects.openai import OPENAI
from gateway.render import Shown, Store, echo_of, encode_echo
from schemas.events import Done
from schemas.job import Record, State
from schemas.operations import CHAT, EMBEDDINGS

ANTHROPIC, OLLAMA, GEMINI = anthropic_answer.ANTHROPIC, ollama_answer.OLLAMA_CHAT, gemini_answer.GEMINI

DOORS: dict[str, Door] = {
    **{path: Door(operation=one, dialect=OPENAI) for one in (CHAT, EMBEDDINGS) for path in one.routes},
    "/v1/completions": completions.DOOR,
    "/v1/responses": responses_answer.DOOR,
    "/v1/messages": anthropic_answer.MESSAGES,
    "/v1/messages/count_tokens": anthropic_answer.COUNT_TOKENS,
    "/api/chat": ollama_answer.CHAT_DOOR,
    "/api/generate": ollama_answer.GENERATE_DOOR,
    "/api/embed": ollama_answer.EMBED_DOOR,
    "/api/embeddings": ollama_answer.EMBEDDINGS_DOOR,
    **images.DOORS,
    **audio.DOORS,
    **MEDIA_DOORS,
}
"""Path -> door. Gemini's have the model in the path, so their verbs stand below."""

VERBS: dict[str, Door] = {
    "generateContent": gemini_answer.GENERATE,
    "streamGenerateContent": gemini_answer.GENERATE,
    "countTokens": gemini_answer.COUNT,
    "embedContent": gemini_answer.EMBED,
    "batchEmbedContents": gemini_answer.BATCH,
}
"""`/v1beta/models/{model}:{verb}` and `/v1/models/{model}:{verb}`."""

DIALECTS: dict[str, Dialect] = {
    **{door.dialect.name: door.dialect for door in (*DOORS.values(), *VERBS.values())},
    **{dialect.name: dialect for dialect in (*aiserver.DIALECTS, *aiserver_media.DIALECTS)},
}


def dialect_at(path: str, heads: Mapping[bytes, bytes]) -> Dialect:
    """The dialect of a caller whose request has no door: an error, or a list of models."""
    if path.startswith("/json/") or (path.startswith("/api/") and path[5:6].isupper()):
        return aiserver.AISERVER
    if path.startswith("/api/"):
        return OLLAMA
    if path.startswith("/v1beta/") or (path.startswith("/v1/models") and b"x-goog-api-key" in heads):
        return GEMINI
    if path.startswith("/v1/messages") or (path.startswith("/v1/models") and b"anthropic-version" in heads):
        return ANTHROPIC
    return OPENAI


def result_of(record: Record) -> bytes:
    """A stored result in the dialect of its caller. Empty: there is none, or it is not JSON."""
    if record.state is not State.DONE or not record.result or record.content_type != "application/json":
        return b""
    dialect = DIALECTS.get(record.job.dialect, OPENAI)
    if dialect.whole is None:
        return record.result
    try:
        return dialect.whole(record.job, _done(record), record.finished)
    except msgspec.DecodeError:  # an agent newer than us: its own words are better than none
        return record.result


def posted_of(record: Record) -> bytes:
    """The body of the web callback that reports a job, in the dialect of its caller. Empty: the house's own envelope."""
    dialect = DIALECTS.get(record.job.dialect, OPENAI)
    return dialect.posted(record) if dialect.posted is not None else b""


async def rendered(record: Record, store: Store, raw: bool = False) -> Shown | None:
    """A stored result that is more than JSON, as its caller would have got it at once. None: it is JSON (`result_of`).

    `raw`: whoever asks now wants the one file of it. Raises `Problem` when its files are gone.
    """
    dialect, job = DIALECTS.get(record.job.dialect, OPENAI), record.job
    if dialect.render is None or record.state is not State.DONE:
        return None
    if raw:
        job = msgspec.structs.replace(job, echo=encode_echo(msgspec.structs.replace(echo_of(job), raw=True)))
    return await dialect.render(job, _done(record), record.finished, store)


def _done(record: Record) -> Done:
    return Done(record.result, record.usage, record.content_type, record.provider, record.attempts, record.first)
