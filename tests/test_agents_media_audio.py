"""Speech in OpenAI's dialect, spoken and heard; and that neither 100 MB of it nor a caller who leaves does any harm."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents_media_kit import Studio, done, memory, until
from chat_kit import KEY
from fake_media import MP3, wav
from fake_openai_media import SPOKEN, FakeOpenAIMedia
from shelf_kit import KEY as OWNER
from shelf_kit import TENANT, Kit, open_shelf
from test_agents_media_openai import CODES

from agents._http import Http
from bus.connection import Link
from gateway.files import About
from schemas.files import INPUT
from schemas.media import FileRef, decode_media
from schemas.problem import Code
from schemas.provider import Model

BIG = 100 * 1024 * 1024


@pytest.fixture
async def kit(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as opened:
        yield opened


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAIMedia]:
    async with FakeOpenAIMedia(key=KEY) as opened:
        yield opened


@pytest.fixture
async def studio(kit: Kit, fake: FakeOpenAIMedia) -> AsyncIterator[Studio]:
    async with Http(private=True) as http:
        yield Studio("openai", fake.url, kit, http)


@pytest.fixture
async def voice(kit: Kit) -> FileRef:
    return await kit.given(wav(), "audio/wav", "memo.wav")


# ---- spoken ----


@pytest.mark.parametrize(
    ("form", "kind", "asked"),
    [
        (None, "audio/mpeg", None), ("mp3", "audio/mpeg", "mp3"), ("wav", "audio/wav", "wav"), ("pcm", "audio/pcm", "pcm"),
        ("opus", "audio/opus", "opus"), ("ogg", "audio/opus", "opus"),
    ],
)  # fmt: skip
async def test_words_are_spoken_in_the_form_that_is_wanted(
    studio: Studio, fake: FakeOpenAIMedia, form: str | None, kind: str, asked: str | None
) -> None:
    result = await studio.make("text_to_speech", "tts-1", input="Hello", output_format=form, speed=1.5)
    assert result.artifacts[0].content_type == kind
    sent = fake.calls[-1].json
    assert (sent.get("response_format"), sent["voice"], sent["speed"]) == (asked, "alloy", 1.5)


@pytest.mark.parametrize(
    ("model", "voice", "spoken"),
    [
        ("tts-1:nova", None, ("tts-1", "nova")), ("tts-1:nova", "echo", ("tts-1", "echo")), ("tts-1", None, ("tts-1", "alloy")),
        ("tts-1:latest", None, ("tts-1:latest", "alloy")), ("narrator", None, ("gpt-4o-mini-tts", "sage")),
        ("playai-tts", None, ("playai-tts", "Fritz-PlayAI")),
    ],
)  # fmt: skip
async def test_a_voice_may_stand_in_the_models_name(
    studio: Studio, fake: FakeOpenAIMedia, model: str, voice: str | None, spoken: tuple[str, str]
) -> None:
    studio.learn(Model(name="narrator", native="gpt-4o-mini-tts:sage", op="text_to_speech"))
    await studio.make("text_to_speech", model, input="Hello", voice=voice)
    assert (fake.calls[-1].json["model"], fake.calls[-1].json["voice"]) == spoken


async def test_directions_reach_the_models_that_follow_them(studio: Studio, fake: FakeOpenAIMedia) -> None:
    await studio.make("text_to_speech", "gpt-4o-mini-tts", input="Hello", instructions="Whisper")
    assert fake.calls[-1].json["instructions"] == "Whisper"
    await studio.make("text_to_speech", "tts-1", input="Hello", instructions="Whisper")
    assert "instructions" not in fake.calls[-1].json


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("json error", Code.PROVIDER_ERROR), ("html", Code.PROVIDER_GARBLED), ("empty", Code.PROVIDER_GARBLED),
        ("truncated", Code.PROVIDER_UNREACHABLE),
    ],
)  # fmt: skip
async def test_what_is_no_sound_or_not_whole_is_not_stored(studio: Studio, said: str, code: Code) -> None:
    assert (await studio.fail("text_to_speech", "tts-1", input=said)).code is code
    assert await studio.left() == []


async def test_the_bytes_tell_what_a_sound_is_and_not_the_header(studio: Studio) -> None:
    result = await studio.make("text_to_speech", "tts-1", input="wrong mime")
    assert result.artifacts[0].content_type == "audio/wav"
    assert result.artifacts[0].file_name.endswith(".wav")


async def test_a_voice_that_there_is_not_is_the_providers_word(studio: Studio) -> None:
    problem = await studio.fail("text_to_speech", "tts-1", input="Hello", voice="Elvis")
    assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "voice")


async def test_a_hundred_megabytes_of_speech_flow_through(kit: Kit) -> None:
    async with FakeOpenAIMedia(key=KEY, speech=BIG) as fake, Http(private=True) as http:
        studio = Studio("openai", fake.url, kit, http)
        async with memory() as peak:
            result = await studio.make("text_to_speech", "tts-1", input="Hello")
        assert result.artifacts[0].size == BIG + len(MP3)
    assert peak.grown < 64 * 1024 * 1024


async def test_a_caller_who_leaves_ends_the_speech(studio: Studio, fake: FakeOpenAIMedia) -> None:
    task = asyncio.create_task(studio.play(studio.job("text_to_speech", "tts-1", input="forever")))
    await until(lambda: bool(fake.calls))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: fake.calls[0].hung_up)
    assert await studio.left() == []


# ---- heard ----


async def test_whisper_tells_words_and_times(studio: Studio, fake: FakeOpenAIMedia, voice: FileRef) -> None:
    result = await studio.make(
        "speech_to_text", "whisper-1", audio=voice, language="en", prompt="Fox", words=True, temperature=0
    )
    [told] = result.texts
    assert (told.text, told.language, told.seconds) == (SPOKEN, "english", 1.5)
    assert (told.segments[0].end, told.segments[0].extra["avg_logprob"]) == (1.5, -0.2)
    assert told.words[0].word == "The"
    assert result.usage == {"type": "duration", "seconds": 2}
    sent = fake.calls[-1]
    assert sent.files()[0].data == wav()
    assert {
        "language": "en",
        "prompt": "Fox",
        "temperature": "0.0",
        "response_format": "verbose_json",
    }.items() <= sent.fields().items()


async def test_a_model_that_tells_no_times_is_asked_for_words(
    studio: Studio, fake: FakeOpenAIMedia, voice: FileRef
) -> None:
    events, _ = await studio.play(studio.job("speech_to_text", "gpt-4o-transcribe", audio=voice, words=True))
    end = done(events)
    assert decode_media(end.body).texts[0].text == SPOKEN
    assert (end.usage.tokens_in, end.usage.tokens_out) == (14, 6)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("model", ["plain", "timeless"])
async def test_a_server_that_refuses_a_form_is_asked_for_another_from_then_on(
    studio: Studio, fake: FakeOpenAIMedia, voice: FileRef, model: str
) -> None:
    for calls in (2, 3):
        assert (await studio.make("speech_to_text", model, audio=voice)).texts[0].text == SPOKEN
        assert len(fake.calls) == calls


async def test_a_translation_is_another_place(studio: Studio, fake: FakeOpenAIMedia, voice: FileRef) -> None:
    await studio.make("speech_to_text", "whisper-1", audio=voice, translate=True, language="de")
    assert fake.calls[-1].path == "/v1/audio/translations"
    assert "language" not in fake.calls[-1].fields()


async def test_a_name_cannot_break_out_of_the_form(studio: Studio, fake: FakeOpenAIMedia, kit: Kit) -> None:
    bad = await kit.given(wav(), "audio/wav", 'x"\r\nContent-Type: text/html\r\n\r\n.wav')
    await studio.make("speech_to_text", "whisper-1", audio=bad, prompt='"\r\n--boundary--\r\n')
    assert fake.calls[-1].files()[0].filename == "audio.wav"
    assert fake.calls[-1].fields()["prompt"] == '"\r\n--boundary--\r\n'


async def test_an_empty_file_is_the_callers_mistake(studio: Studio, fake: FakeOpenAIMedia, kit: Kit) -> None:
    problem = await studio.fail("speech_to_text", "whisper-1", audio=await kit.given(b"", "audio/wav"))
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "audio")
    assert fake.calls == []


@pytest.mark.parametrize("fault", CODES)
@pytest.mark.parametrize("op", ["speech_to_text", "text_to_speech"])
async def test_every_fault_of_speech_is_a_problem(
    studio: Studio, fake: FakeOpenAIMedia, voice: FileRef, op: str, fault: str
) -> None:
    fake.queue(fault)
    body: dict[str, Any] = {"audio": voice} if op == "speech_to_text" else {"input": "Hello"}
    problem = await studio.fail(op, "whisper-1" if op == "speech_to_text" else "tts-1", **body)
    assert problem.code is (Code.PROVIDER_GARBLED if (op, fault) == ("text_to_speech", "cut") else CODES[fault])
    assert await studio.left() == []


async def test_a_hundred_megabytes_of_sound_are_sent_as_they_are_read(
    kit: Kit, studio: Studio, fake: FakeOpenAIMedia
) -> None:
    sha = hashlib.sha256()

    async def source() -> AsyncIterator[bytes]:
        for number in range(BIG // (256 * 1024)):
            piece = (wav()[:44] if number == 0 else b"") + number.to_bytes(4, "little") * (64 * 1024)
            piece = piece[: 256 * 1024]
            sha.update(piece)
            yield piece

    files = await kit.shelf.files()
    about = About(id=kit.ids.new(), filename="long.wav", purpose=INPUT, content_type="audio/wav")
    blob = await files.store((TENANT, OWNER), source(), about)
    ref = FileRef(blob=blob.name, content_type="audio/wav", size=blob.size, name="long.wav")
    async with memory() as peak:
        result = await studio.make("speech_to_text", "whisper-1", audio=ref)
    assert (result.texts[0].text, result.texts[0].seconds) == (SPOKEN, 100)
    assert fake.calls[-1].size > BIG
    assert peak.grown < 64 * 1024 * 1024


async def test_a_file_that_goes_away_while_it_is_sent_is_said_to_be_gone(
    kit: Kit, studio: Studio, voice: FileRef
) -> None:
    from agents._media import in_memory
    from agents._multipart import Form, Upload
    from agents.agent import Call
    from schemas.problem import Problem

    async def breaks() -> AsyncIterator[bytes]:
        yield b"RIFF"
        raise Problem(Code.NOT_FOUND, "The file is no longer there.")

    broken = Upload(filename="a.wav", content_type="audio/wav", open=breaks, size=1000)
    with pytest.raises(Problem) as caught:
        await studio.tools.send(Call("/audio/transcriptions", Form([("file", broken)])))
    assert caught.value.code is Code.NOT_FOUND
    short = Upload(
        filename="a.wav", content_type="audio/wav", open=in_memory(b"RIFF", "audio/wav", "a").open, size=1000
    )
    with pytest.raises(Problem, match="changed"):
        await studio.tools.send(Call("/audio/transcriptions", Form([("file", short)])))
