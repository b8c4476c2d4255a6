"""OpenAI's sound: `/v1/audio/speech`, `/transcriptions`, `/translations`. A transcript is shown in five formats.

What a newcomer would get wrong: the sound is never converted here. The wanted format is asked of the agent (`output_format`),
and the answer's content type is that of the file the agent made.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from gateway.dialects._dialect import Dialect, Door, refuse
from gateway.dialects._subtitles import srt, vtt
from gateway.dialects.openai import error
from gateway.render import SSE_TYPE, Echo, Shown, Store, Stored, at_base, echo_of, event, file, result_in, text
from gateway.spelling import Fields, Meant, Words, flag, table
from schemas.events import Done
from schemas.job import Job
from schemas.media import MediaResult, Told, encode_media
from schemas.operations import SPEECH_TO_TEXT, TEXT_TO_SPEECH
from schemas.problem import Code, Problem

_encode = msgspec.json.Encoder().encode
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_GRAINS = ("word", "segment")
PIECE = 48 * 1024
"""Bytes of sound in one event."""
_SEGMENT = {
    "id": 0, "seek": 0, "start": 0.0, "end": 0.0, "text": "", "tokens": [], "temperature": 0.0, "avg_logprob": 0.0,
    "compression_ratio": 0.0, "no_speech_prob": 0.0,
}  # fmt: skip


# ---- speech ----------------------------------------------------------------------------------------------------------


def to_speech(fields: Fields) -> Meant:
    values = dict(fields.values)
    values.setdefault("output_format", "mp3")  # as OpenAI documents it
    voice = values.get("voice")
    if isinstance(voice, dict):
        values["voice"] = voice.get("id")
    form = values.pop("stream_format", "audio")
    if form not in ("audio", "sse"):
        raise refuse("'stream_format' must be 'audio' or 'sse'.", "stream_format")
    return Meant(TEXT_TO_SPEECH, values, {"stream": True} if form == "sse" else {})


def speech_whole(job: Job, end: Done, at: float) -> bytes:
    """Where only JSON will do: the result, which names the sound."""
    return encode_media(at_base(result_in(end), echo_of(job).base))


async def speech_render(job: Job, end: Done, at: float, store: Store) -> Shown | None:
    result = result_in(end)
    if not result.artifacts:
        raise Problem(Code.PROVIDER_GARBLED, f"{end.provider or 'The provider'} answered without a sound.")
    stored = await store.of(job, result.artifacts[0])
    if not echo_of(job).stream:
        return file(stored, store)
    return Shown(SSE_TYPE, -1, _sound_events(stored, result, store))


async def _sound_events(stored: Stored, result: MediaResult, store: Store) -> AsyncIterator[bytes]:
    async for piece in store.blobs.read(stored.blob):
        for at in range(0, len(piece), PIECE):
            packed = base64.b64encode(piece[at : at + PIECE]).decode()
            yield event({"type": "speech.audio.delta", "audio": packed})
    usage = result.usage or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield event({"type": "speech.audio.done", "usage": usage})


# ---- transcripts -----------------------------------------------------------------------------------------------------


def to_transcript(fields: Fields) -> Meant:
    values = dict(fields.values)
    wanted = values.pop("response_format", "json")
    if wanted not in FORMATS:
        raise refuse(f"'response_format' must be one of: {', '.join(FORMATS)}.", "response_format")
    grains = values.pop("timestamp_granularities", [])
    if not isinstance(grains, list) or any(one not in _GRAINS for one in grains):
        raise refuse("'timestamp_granularities' takes 'word' and 'segment'.", "timestamp_granularities")
    if grains and wanted != "verbose_json":
        raise refuse("'timestamp_granularities' wants the response_format 'verbose_json'.", "timestamp_granularities")
    words = "word" in grains
    echo = Echo(
        format=wanted,
        stream=flag(values.pop("stream", False), "stream"),
        words=words,
        segments=not grains or "segment" in grains,
    )
    if words:
        values["words"] = True
    return Meant(SPEECH_TO_TEXT, values, msgspec.to_builtins(echo))


def to_translation(fields: Fields) -> Meant:
    meant = to_transcript(fields)
    return meant._replace(
        values={**meant.values, "translate": True}, echo={**meant.echo, "facts": {"task": "translate"}}
    )


def transcript(result: MediaResult) -> Told:
    """The text, and the times wherever the agent told them."""
    if not result.texts:
        return Told(text="")
    first = result.texts[0]
    timed = next((one for one in result.texts if one.segments), first)
    return msgspec.structs.replace(first, segments=timed.segments, words=first.words or timed.words)


def transcript_whole(job: Job, end: Done, at: float) -> bytes:
    """As JSON, whatever text the caller wanted."""
    result, echo = result_in(end), echo_of(job)
    told = transcript(result)
    more: dict[str, Any] = {"usage": result.usage} if result.usage else {}
    if echo.format != "verbose_json":
        return _encode({"text": told.text, **more})
    found: dict[str, Any] = {
        "task": echo.facts.get("task", "transcribe"),
        "language": told.language,
        "duration": told.seconds or (told.segments[-1].end if told.segments else 0.0),
        "text": told.text,
    }
    if echo.segments:
        found["segments"] = [_segment(number, one) for number, one in enumerate(told.segments)]
    if echo.words:
        found["words"] = told.words
    return _encode({**found, **more})


def _segment(number: int, one: Any) -> dict[str, Any]:
    return {**_SEGMENT, "id": number, **one.extra, "start": one.start, "end": one.end, "text": one.text}


async def transcript_render(job: Job, end: Done, at: float, store: Store) -> Shown | None:
    result, echo = result_in(end), echo_of(job)
    told = transcript(result)
    if echo.stream:
        return text(_spoken(told, result), SSE_TYPE)
    match echo.format:
        case "text":
            return text(told.text.rstrip("\n") + "\n", "text/plain; charset=utf-8")
        case "srt":
            return text(srt(told), "application/x-subrip; charset=utf-8")
        case "vtt":
            return text(vtt(told), "text/vtt; charset=utf-8")
        case _:
            return None


def _spoken(told: Told, result: MediaResult) -> bytes:
    """The text in pieces that make it up again, and then as a whole."""
    pieces = [one.text for one in told.segments]
    if "".join(pieces) != told.text:
        pieces = [told.text] if told.text else []
    events = [event({"type": "transcript.text.delta", "delta": piece}) for piece in pieces if piece]
    more: dict[str, Any] = {"usage": result.usage} if result.usage else {}
    return b"".join([*events, event({"type": "transcript.text.done", "text": told.text, **more})])


SPEECH = Dialect(
    name="speech",
    error=error,
    whole=speech_whole,
    render=speech_render,
    spelling={"output_format": "response_format"},
)
TRANSCRIPT = Dialect(
    name="transcript",
    error=error,
    whole=transcript_whole,
    render=transcript_render,
    spelling={"audio": "file", "words": "timestamp_granularities"},
)


def _heard(read: Any) -> Door:
    words = Words(
        operations=(SPEECH_TO_TEXT,),
        names=table([SPEECH_TO_TEXT], timestamp_granularities="timestamp_granularities"),
        several=frozenset({"timestamp_granularities"}),
        read=read,
        own=("response_format", "timestamp_granularities", "stream"),
    )
    return Door(operation=SPEECH_TO_TEXT, dialect=TRANSCRIPT, media=words)


_SPOKEN = Words(
    operations=(TEXT_TO_SPEECH,),
    names=table([TEXT_TO_SPEECH], response_format="output_format"),
    read=to_speech,
    own=("stream_format",),
    absolute=True,
)
DOORS: dict[str, Door] = {
    "/v1/audio/speech": Door(operation=TEXT_TO_SPEECH, dialect=SPEECH, media=_SPOKEN),
    "/v1/audio/transcriptions": _heard(to_transcript),
    "/v1/audio/translations": _heard(to_translation),
}
