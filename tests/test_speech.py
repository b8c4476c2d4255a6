"""Speech: what Piper says Whisper hears, over a real object store; what is no sound is refused in words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from shelf_kit import Kit, open_shelf

from agents import speech
from agents._command import Command, run
from agents._http import Http
from agents.agent import Tools
from bus.connection import Link
from schemas.catalogue import Catalogue
from schemas.events import Done, Progress, decode_event, encode_event
from schemas.media import MediaResult, decode_media
from schemas.problem import Code, Problem
from schemas.provider import Provider

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank."
_studio: list[Any] = []
"""The models, loaded once for the process: each test has tools of its own."""


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


@pytest.fixture
async def tools(shelf: Kit) -> AsyncIterator[Tools]:
    provider = Provider(name="speech", kind="speech")
    async with Http() as http:
        made = Tools(http, provider)
        if not _studio:
            told: list[float] = []
            async with speech.start(made, lambda share, _: told.append(share)):
                _studio.append(made.thing)
            assert told == sorted(told)
            assert told[-1] == 1.0
        made.thing = _studio[0]
        made.learn(Catalogue().announced(provider, await speech.models(made)))
        made.files = shelf.files()
        yield made


async def told(handle: Any, job: Any, tools: Tools) -> tuple[MediaResult, list[Progress]]:
    events = [event async for event in handle(job, tools)]
    assert [decode_event(encode_event(event)) for event in events] == events, "as it travels on the bus"
    assert isinstance(events[-1], Done)
    return decode_media(events[-1].body), [event for event in events if isinstance(event, Progress)]


def words_of(text: str) -> list[str]:
    return ["".join(c for c in word if c.isalpha()) for word in text.lower().split()]


async def test_what_is_spoken_is_heard_again_word_for_word(shelf: Kit, tools: Tools) -> None:
    spoken, _ = await told(speech.speak, shelf.job("text_to_speech", {"input": SENTENCE}, "default"), tools)
    made = spoken.artifacts[0]
    assert made.content_type == "audio/wav"
    assert 2 < (made.seconds or 0) < 8
    ref = await shelf.given(await shelf.bytes_of(made), "audio/wav", "said.wav")
    job = shelf.job("speech_to_text", {"audio": ref, "words": True}, "default")
    heard, progress = await told(speech.hear, job, tools)
    text = heard.texts[0]
    assert words_of(text.text) == words_of(SENTENCE)
    assert text.language == "en"
    assert spoken.duration > 0
    assert heard.duration > 0
    assert [word.word.lower().strip(".,") for word in text.words] == words_of(SENTENCE)
    assert abs((text.seconds or 0) - (made.seconds or 0)) < 0.1
    assert all(0 <= segment.start < segment.end <= (made.seconds or 0) + 0.5 for segment in text.segments)
    assert {"tokens", "avg_logprob", "no_speech_prob"} <= set(text.segments[0].extra)
    assert [p.share for p in progress] == sorted(p.share or 0 for p in progress)


@pytest.mark.parametrize(
    ("wanted", "content_type", "sign"),
    [
        ("mp3", "audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xf3")),
        ("opus", "audio/ogg", (b"OggS",)),
        ("flac", "audio/flac", (b"fLaC",)),
        ("aac", "audio/aac", (b"\xff\xf1",)),
        ("pcm", "audio/pcm", (b"",)),
    ],
)
async def test_speech_comes_in_the_format_that_was_asked_for(
    shelf: Kit, tools: Tools, wanted: str, content_type: str, sign: tuple[bytes, ...]
) -> None:
    body = {"input": "Hello.", "output_format": wanted, "voice": "alloy"}
    result, _ = await told(speech.speak, shelf.job("text_to_speech", body, "tts-1"), tools)
    made = result.artifacts[0]
    assert made.content_type == content_type
    data = await shelf.bytes_of(made)
    assert data.startswith(sign)
    if wanted == "pcm":
        assert abs(len(data) / 48_000 - (made.seconds or 0)) < 0.1


async def test_twice_the_speed_is_half_the_time(shelf: Kit, tools: Tools) -> None:
    lengths = []
    for speed in (1.0, 2.0):
        job = shelf.job("text_to_speech", {"input": SENTENCE, "speed": speed}, "default")
        lengths.append((await told(speech.speak, job, tools))[0].artifacts[0].seconds or 0)
    assert 0.35 < lengths[1] / lengths[0] < 0.7


async def test_the_sound_of_a_film_is_heard_and_silence_has_no_words(shelf: Kit, tools: Tools, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    picture, sound = ("-f", "lavfi", "-i", "testsrc=s=64x64:d=1"), ("-f", "lavfi", "-i", "anullsrc=d=1")
    codecs = ("-shortest", "-c:v", "mpeg4", "-c:a", "aac")
    assert (await run(Command(argv=(imageio_ffmpeg.get_ffmpeg_exe(), *picture, *sound, *codecs, str(film))))).good
    ref = await shelf.given(film.read_bytes(), "video/mp4", "film.mp4")
    heard, _ = await told(speech.hear, shelf.job("speech_to_text", {"audio": ref}, "whisper-1"), tools)
    assert len(heard.texts[0].text) < 20


@pytest.mark.parametrize(
    "data",
    [b"", b"not sound at all", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"],
    ids=["empty", "text", "truncated", "playlist"],
)
async def test_what_is_no_sound_is_refused_in_words(shelf: Kit, tools: Tools, data: bytes) -> None:
    ref = await shelf.given(data or b" ", "audio/wav", "x.wav")
    with pytest.raises(Problem) as raised:
        await told(speech.hear, shelf.job("speech_to_text", {"audio": ref}, "default"), tools)
    assert raised.value.code is Code.INVALID_REQUEST
    assert raised.value.fault.param == "audio"
    assert "/" not in str(raised.value)


async def test_another_language_than_english_is_refused_by_a_model_that_knows_only_english(
    shelf: Kit, tools: Tools
) -> None:
    ref = await shelf.given(b" ", "audio/wav", "x.wav")
    with pytest.raises(Problem, match="English only") as raised:
        await told(speech.hear, shelf.job("speech_to_text", {"audio": ref, "language": "de"}, "default"), tools)
    assert raised.value.fault.param == "language"


async def test_nothing_to_say_is_refused(shelf: Kit, tools: Tools) -> None:
    with pytest.raises(Problem) as raised:
        await told(speech.speak, shelf.job("text_to_speech", {"input": " "}, "default"), tools)
    assert raised.value.fault.param == "input"
