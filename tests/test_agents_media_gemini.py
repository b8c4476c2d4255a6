"""Pictures and speech at the Gemini API, and the refusals that come with status 200."""

import base64
import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents_media_kit import Studio, done
from chat_kit import KEY
from fake_gemini_media import SAMPLES, FakeGeminiMedia
from fake_media import wav
from image_kit import picture
from shelf_kit import Kit, open_shelf
from test_agents_media_openai import CODES

from agents import _gemini_media
from agents._http import Http
from agents.agent import load
from bus.connection import Link
from schemas.media import decode_media
from schemas.problem import Code

IMAGE, TTS = "gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts"


@pytest.fixture
async def kit(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as opened:
        yield opened


@pytest.fixture
async def fake() -> AsyncIterator[FakeGeminiMedia]:
    async with FakeGeminiMedia(key=KEY) as opened:
        yield opened


@pytest.fixture
async def studio(kit: Kit, fake: FakeGeminiMedia) -> AsyncIterator[Studio]:
    async with Http(private=True) as http:
        yield Studio("gemini", fake.url, kit, http)


def prompt(text: str = "a cat", **more: Any) -> dict[str, Any]:
    return {"positive_prompt": text, **more}


async def test_words_become_pictures_of_the_shape_that_is_wanted(studio: Studio, fake: FakeGeminiMedia) -> None:
    job = studio.job("text_to_image", IMAGE, **prompt(batch_size=2, width=1600, height=900, seed=3))
    events, _ = await studio.play(job)
    result = decode_media(done(events).body)
    assert [(one.width, one.height, one.title) for one in result.artifacts] == [(128, 72, "Here it is.")] * 2
    assert (done(events).usage.tokens_in, done(events).usage.tokens_out) == (34, 2580)
    assert result.usage == {"input_tokens": 34, "output_tokens": 2580, "total_tokens": 2614}
    assert len(fake.calls) == 2


async def test_pictures_go_along_with_the_words(studio: Studio, fake: FakeGeminiMedia, kit: Kit) -> None:
    one, two = await kit.given(picture("png"), "image/png"), await kit.given(picture("jpg"), "image/jpeg")
    await studio.make("image_to_image", IMAGE, **prompt(image=one, images=[two]))
    words, first, second = fake.calls[-1].json["contents"][0]["parts"]
    assert words == {"text": "a cat"}
    assert first["inlineData"] == {"mimeType": "image/png", "data": base64.b64encode(picture("png")).decode()}
    assert second["inlineData"]["mimeType"] == "image/jpeg"


async def test_imagen_is_asked_in_its_own_words(studio: Studio, fake: FakeGeminiMedia) -> None:
    result = await studio.make(
        "text_to_image", "imagen-4.0-generate-001", **prompt(batch_size=3, width=600, height=800)
    )
    assert len(result.artifacts) == 3
    assert fake.calls[-1].json["parameters"] == {"sampleCount": 3, "aspectRatio": "3:4"}
    problem = await studio.fail("text_to_image", "imagen-4.0-generate-001", **prompt("unsafe"))
    assert problem.code is Code.PROVIDER_REFUSED


async def test_speech_is_samples_with_a_header(studio: Studio, fake: FakeGeminiMedia, kit: Kit) -> None:
    result = await studio.make("text_to_speech", TTS, input="Hello", voice="Puck", instructions="Say cheerfully")
    [artifact] = result.artifacts
    assert (artifact.content_type, artifact.seconds) == ("audio/wav", 0.1)
    with wave.open(io.BytesIO(await kit.bytes_of(artifact))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.readframes(10_000)) == (24_000, 1, SAMPLES)
    assert fake.calls[-1].json["contents"][0]["parts"] == [{"text": "Say cheerfully: Hello"}]
    bare = await studio.make("text_to_speech", TTS, input="Hello", output_format="pcm")
    assert await kit.bytes_of(bare.artifacts[0]) == SAMPLES
    problem = await studio.fail("text_to_speech", TTS, input="Hello", output_format="mp3")
    assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "output_format")


async def test_speech_is_heard(studio: Studio, fake: FakeGeminiMedia, kit: Kit) -> None:
    voice = await kit.given(wav(), "audio/wav")
    result = await studio.make("speech_to_text", "gemini-2.5-flash", audio=voice, language="en", prompt="Fox")
    assert (result.texts[0].text, result.texts[0].language) == ("The quick brown fox.", "en")
    assert "English" in _gemini_media.TRANSLATE
    problem = await studio.fail("speech_to_text", "gemini-2.5-flash", audio=voice, prompt="silence")
    assert problem.code is Code.PROVIDER_GARBLED


async def test_a_sound_beyond_what_a_request_holds_is_too_large(
    studio: Studio, fake: FakeGeminiMedia, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gemini_media, "INLINE", 1000)
    problem = await studio.fail("speech_to_text", "gemini-2.5-flash", audio=await kit.given(wav(), "audio/wav"))
    assert (problem.code, problem.fault.param) == (Code.TOO_LARGE, "audio")
    assert fake.calls == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("forbidden", Code.PROVIDER_REFUSED, "PROHIBITED_CONTENT"), ("unsafe", Code.PROVIDER_REFUSED, "IMAGE_SAFETY"),
        ("chatty", Code.PROVIDER_REFUSED, "What kind of cat?"), ("broken", Code.PROVIDER_GARBLED, "cut short"),
    ],
)  # fmt: skip
async def test_an_answer_without_a_picture_says_why(studio: Studio, words: str, code: Code, said: str) -> None:
    problem = await studio.fail("text_to_image", IMAGE, **prompt(words))
    assert problem.code is code
    assert said in problem.fault.message
    assert await studio.left() == []


@pytest.mark.parametrize("fault", CODES)
async def test_every_fault_is_a_problem(studio: Studio, fake: FakeGeminiMedia, fault: str) -> None:
    fake.queue(fault)
    problem = await studio.fail("text_to_image", IMAGE, **prompt())
    assert problem.code is CODES[fault]
    assert await studio.left() == []


async def test_models_are_listed_with_what_they_do(studio: Studio) -> None:
    agent = load("gemini")
    assert agent.models
    assert {(model.name, model.op) for model in await agent.models(studio.tools)} == {
        ("gemini-2.5-flash", "chat"),
        ("gemini-2.5-flash", "speech_to_text"),
        (IMAGE, "chat"),
        (IMAGE, "text_to_image"),
        (IMAGE, "image_to_image"),
        (TTS, "text_to_speech"),
        ("gemini-embedding-001", "embeddings"),
        ("imagen-4.0-generate-001", "text_to_image"),
    }
