"""Speech in OpenAI's dialect: spoken from words, and words from what is heard.

What a newcomer would get wrong: which answer a transcription has depends on the model. Whisper tells segments and times
(`verbose_json`), gpt-4o-transcribe only words (`json`); another server is asked for the better one and, if it refuses,
for the other.
Sources: developers.openai.com/api/reference/resources/audio (speech, transcriptions, translations) and the types of
openai-python 3.54; console.groq.com/docs/text-to-speech; mistral's and vLLM's transcriptions are the same endpoint.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import msgspec

from agents._fetched import keep_pieces
from agents._http import Reply
from agents._media import PATIENCE, Made, answer, asked, bearer, body_of, file, upload
from agents._multipart import Field, Form, Upload
from agents._openai_images import written
from agents._openai_media import counted
from agents._problems import from_error_object
from agents.agent import Call, Handle, Tools, reply_to
from schemas.events import Event
from schemas.job import Job
from schemas.media import Artifact, Segment, SpeechToText, TextToSpeech, Told, Word
from schemas.problem import Code, Problem

VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
_DEFAULTS = (
    (r"playai-tts-arabic", "Ahmad-PlayAI"),
    (r"playai", "Fritz-PlayAI"),
    (r"orpheus", "autumn"),
    (r"kokoro", "af_heart"),
)
"""Voices of models that know none of OpenAI's, from their own pages."""
_NAMED = re.compile(r"(?P<model>.*(?:tts|kokoro|orpheus).*):(?P<voice>[a-z][\w.-]*)", re.IGNORECASE)
_TAGS = frozenset({"latest", "hd"})
_JSON_ONLY = re.compile(r"gpt.*transcribe|voxtral")
PCM = "audio/pcm"
"""24,000 samples a second, 16 bits, one channel: nothing in the bytes says so."""


# ---- spoken ----------------------------------------------------------------------------------------------------------


async def text_to_speech(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """The sound flows from the provider to the shelf; only its first bytes are looked at."""
    request, made = asked(job, TextToSpeech), Made()
    reply = await reply_to(to_speech(request, job.model, tools), tools, otherwise)
    try:
        if reply.content_type in ("application/json", "text/html"):
            raise _no_sound(await reply.read_some(), tools)
        made.artifacts = [await _kept(reply, request, tools)]
    finally:
        reply.close()
    yield made.done(job, tools, request)


def to_speech(request: TextToSpeech, name: str, tools: Tools) -> Call:
    """`name`: the model as the caller wrote it, for it may hold the voice (`tts-1:nova`)."""
    model, voice = voiced(name, tools)
    body: dict[str, Any] = {"model": model, "input": request.input, "voice": request.voice or voice or default(model)}
    if request.output_format:
        body["response_format"] = "opus" if request.output_format == "ogg" else request.output_format
    if request.speed is not None:
        body["speed"] = request.speed
    if request.instructions and not model.startswith("tts-1"):
        body["instructions"] = request.instructions
    body = {field: value for field, value in body.items() if f"less {field} {model}" not in tools.quirks}
    return Call("/audio/speech", body, bearer(tools), patience=PATIENCE)


def voiced(name: str, tools: Tools) -> tuple[str, str]:
    """The native model and the voice that is in its name, if there is one."""
    native = tools.native(name, "text_to_speech")
    for written_so in (native, name):
        if (found := _NAMED.fullmatch(written_so)) and found["voice"].lower() not in _TAGS:
            model = found["model"] if written_so == native else native
            return model, found["voice"]
    return native, ""


def default(model: str) -> str:
    return next((voice for name, voice in _DEFAULTS if re.search(name, model.lower())), VOICES[0])


async def _kept(reply: Reply, request: TextToSpeech, tools: Tools) -> Artifact:
    async with aclosing(_sound(reply)) as pieces:
        if request.output_format == "pcm":
            return await tools.shelf.put(_some(pieces, tools), PCM)
        return await keep_pieces(pieces, tools, None, reply.content_type)


async def _sound(reply: Reply) -> AsyncGenerator[bytes, None]:
    while piece := await reply.piece():
        yield piece


async def _some(pieces: AsyncGenerator[bytes, None], tools: Tools) -> AsyncGenerator[bytes, None]:
    empty = True
    async for piece in pieces:
        empty = False
        yield piece
    if empty:
        raise tools.problem(Code.PROVIDER_GARBLED, "sent no sound")


def _no_sound(body: bytes, tools: Tools) -> Problem:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = None
    if isinstance(told, dict) and told.get("error"):
        return from_error_object(tools.provider.name, told["error"], tools.scrub)
    return tools.problem(Code.PROVIDER_GARBLED, "answered something else instead of sound")


# ---- heard -----------------------------------------------------------------------------------------------------------


class _Heard(msgspec.Struct):
    text: str | None = None
    language: str | None = None
    duration: float | str | None = None
    segments: list[dict[str, Any]] | None = None
    words: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


async def speech_to_text(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request = asked(job, SpeechToText)
    async with AsyncExitStack() as stack:
        sound = await upload(tools.shelf, file(request.audio, "audio"), stack, "audio")
        call = to_hear(request, tools.native(job.model, job.op), sound, tools)
        body = await body_of(call, tools, otherwise)
    found = answer(body, _Heard, tools, "a transcription")
    if found.error is not None:
        raise from_error_object(tools.provider.name, found.error, tools.scrub)
    if found.text is None:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered a transcription without a text")
    made = Made(texts=[told(found, tools)], usage=found.usage, counted=counted(found.usage))
    yield made.done(job, tools, request)


def to_hear(request: SpeechToText, model: str, sound: Upload, tools: Tools) -> Call:
    """The file comes last: a server that reads the form as it comes knows by then what to do with it."""
    form = shape(model, request.words, tools)
    fields: dict[str, Any] = {"model": model, "response_format": form}
    if request.language and not request.translate:
        fields["language"] = request.language
    if request.prompt and "diarize" not in model:
        fields["prompt"] = request.prompt
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if form == "diarized_json":
        fields["chunking_strategy"] = "auto"  # wanted for more than 30 s
    said: list[Field] = [
        (name, written(value)) for name, value in fields.items() if f"less {name} {model}" not in tools.quirks
    ]
    if form == "verbose_json" and not request.translate and f"less {_TIMES} {model}" not in tools.quirks:
        said += [(_TIMES, one) for one in (("segment", "word") if request.words else ("segment",))]
    path = "/audio/translations" if request.translate else "/audio/transcriptions"
    return Call(path, Form([*said, ("file", sound)]), bearer(tools), patience=PATIENCE)


_TIMES = "timestamp_granularities[]"


def shape(model: str, words: bool, tools: Tools) -> str:
    """The answer to ask for."""
    if "diarize" in model:
        return "diarized_json"
    return "json" if _JSON_ONLY.search(model) or f"plain {model}" in tools.quirks else "verbose_json"


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call in words that the server knows; remembered for the calls to come."""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status not in (400, 422):
        return None
    told, form = f"{refused.fault.message} {refused.fault.param or ''}", call.body
    if isinstance(form, dict):
        gone = [name for name in ("instructions", "speed") if name in form and name in told]
        tools.quirks |= {f"less {name} {form['model']}" for name in gone}
        left = {name: value for name, value in form.items() if name not in gone}
        return msgspec.structs.replace(call, body=left) if gone else None
    if not isinstance(form, Form):
        return None
    model = form.text("model")
    if form.text(_TIMES) and "timestamp_granularities" in told:
        tools.quirks.add(f"less {_TIMES} {model}")
        return msgspec.structs.replace(call, body=form.without(_TIMES))
    if form.text("response_format") == "verbose_json" and re.search("response_format|verbose_json", told):
        tools.quirks.add(f"plain {model}")
        return msgspec.structs.replace(call, body=form.without(_TIMES).changed("response_format", "json"))
    return None


def told(found: _Heard, tools: Tools) -> Told:
    """Times are seconds. A segment's other fields (`avg_logprob`, `speaker` …) stay beside it."""
    try:
        segments = tuple(_segment(one) for one in found.segments or ())
        words = tuple(Word(start=one["start"], end=one["end"], word=str(one["word"])) for one in found.words or ())
        seconds = float(found.duration) if found.duration is not None else None
    except (KeyError, TypeError, ValueError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered a transcription whose times cannot be read") from error
    if seconds is None and (found.usage or {}).get("type") == "duration":
        seconds = found.usage["seconds"] if found.usage else None
    return Told(text=found.text or "", segments=segments, words=words, language=found.language or "", seconds=seconds)


def _segment(one: dict[str, Any]) -> Segment:
    extra = {name: value for name, value in one.items() if name not in ("start", "end", "text")}
    return Segment(start=float(one["start"]), end=float(one["end"]), text=str(one["text"]), extra=extra)


HANDLES: dict[str, Handle] = {"text_to_speech": text_to_speech, "speech_to_text": speech_to_text}
