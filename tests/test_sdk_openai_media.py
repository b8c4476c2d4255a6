"""Pictures and sound as the official `openai` SDK asks for them, sync and async, against a whole house."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from media_kit import SAID, MediaHouse, open_media, png, wav

from bus.connection import Link

pytestmark = pytest.mark.filterwarnings("ignore:deprecated")  # the SDK says so of what OpenAI itself has given up


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats) as opened:
        yield opened


@pytest.fixture
async def sdk(house: MediaHouse) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{house.house.url}/v1", api_key=house.house.secret, max_retries=0
    ) as client:
        yield client


# ---- pictures --------------------------------------------------------------------------------------------------------


async def test_generations_as_urls_that_anybody_may_read(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.images.generate(
        prompt="revise this cat", model="painter", n=2, size="1024x512", quality="high", style="vivid", user="u",  # type: ignore[call-overload]
        background="transparent", output_format="webp",
    )  # fmt: skip
    assert [one.b64_json for one in made.data] == [None, None]
    assert [one.revised_prompt for one in made.data] == ["revised", "revised"]
    assert [await house.fetch(one.url) for one in made.data] == house.studio.made
    assert made.data[0].url.startswith(f"{house.house.url}/artifacts/")
    assert (made.size, made.quality, made.background, made.output_format) == ("1024x512", "high", "transparent", "webp")
    assert made.created > 1_700_000_000
    body = house.studio.last.body
    assert [body[name] for name in ("positive_prompt", "batch_size", "width", "height", "quality", "style")] == [
        "revise this cat", 2, 1024, 512, "high", "vivid",
    ]  # fmt: skip
    assert "user" not in body


async def test_generations_in_base64(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.images.generate(prompt="x tokens", n=3, response_format="b64_json", size="auto", quality="auto")
    assert [base64.b64decode(one.b64_json or "") for one in made.data or []] == house.studio.made
    assert len(house.studio.made) == 3
    assert (made.usage.total_tokens if made.usage else 0) == 16
    assert house.studio.last.body["width"] is None
    assert house.studio.last.job.model == "default"


async def test_models_of_openai_answer_in_base64_and_get_their_own_fields(
    house: MediaHouse, sdk: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await sdk.images.generate(prompt="x", model="gpt-image-1", output_compression=80, moderation="low")
    assert refused.value.code == "model_not_found"
    made = await sdk.images.generate(
        prompt="x", model="painter", output_compression=80, moderation="low", extra_body={"negative_prompt": "blur"}
    )
    assert made.data
    assert house.studio.last.body["arguments"] == {"output_compression": 80, "moderation": "low"}
    assert house.studio.last.body["negative_prompt"] == "blur"


async def test_a_stream_of_pictures_ends_with_them(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.images.generate(prompt="x", model="painter", stream=True, partial_images=2)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.completed"]
    assert base64.b64decode(events[0].b64_json) == house.studio.made[0]
    edited = await sdk.images.edit(image=png(), prompt="x", model="painter", stream=True)
    assert [event.type async for event in edited] == ["image_edit.completed"]


async def test_edits_of_one_picture_of_several_and_with_a_mask(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    await sdk.images.edit(image=("a.png", png()), prompt="more red", model="painter", n=2, size="256x256")
    assert (house.studio.last.job.op, house.studio.last.files) == ("image_to_image", {"image": png()})
    assert [house.studio.last.body[name] for name in ("batch_size", "width")] == [2, 256]
    several = [("a.png", io.BytesIO(png(1, 1, n))) for n in range(3)]
    await sdk.images.edit(image=several, prompt="x", input_fidelity="high")
    assert house.studio.last.files == {"image": png(1, 1), "images.0": png(1, 1, 1), "images.1": png(1, 1, 2)}
    assert house.studio.last.body["arguments"] == {"input_fidelity": "high"}
    made = await sdk.images.edit(image=png(), mask=png(1, 1, 9), prompt="x", response_format="b64_json")
    assert base64.b64decode((made.data or [])[0].b64_json or "") == house.studio.made[-1]
    assert house.studio.last.job.op == "image_with_mask"
    assert house.studio.last.files["mask"] == png(1, 1, 9)
    assert house.studio.last.body["mask_channel"] == "alpha"


async def test_an_edit_in_json_names_its_pictures(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    file = await sdk.files.create(file=("m.png", png(7, 7)), purpose="vision")
    data = "data:image/png;base64," + base64.b64encode(png()).decode()
    body = {"prompt": "x", "images": [{"image_url": data}, {"file_id": file.id}], "mask": {"image_url": data}}
    assert (await house.media("/v1/images/edits", body))[0] == 200
    assert house.studio.last.files == {"image": png(), "images.0": png(7, 7), "mask": png()}
    for wrong in ({"blob": "x"}, {"image_url": data, "blob": "x"}, {}, {"file_id": 5}):
        status, _, told = await house.media("/v1/images/edits", {"prompt": "x", "images": [wrong]})
        assert (status, told["error"]["param"]) == (400, "images")


async def test_variations(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    made = await sdk.images.create_variation(image=png(), n=2, model="painter", size="512x512", response_format="url")
    assert len(made.data or []) == 2
    assert house.studio.last.job.op == "image_to_image"
    assert house.studio.last.body["width"] == 512


async def test_refused_pictures_name_the_callers_field(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    async def param(call: Any) -> str | None:
        with pytest.raises(openai.BadRequestError) as refused:
            await call
        return refused.value.param

    create: Any = sdk.images.generate
    assert await param(create(prompt="")) == "prompt"
    assert await param(create(prompt="x", n=11)) == "n"
    assert await param(create(prompt="x", size="big")) == "size"
    assert await param(create(prompt="x", size="4096x4096")) == "size"
    assert await param(create(prompt="x", response_format="png")) == "response_format"
    assert await param(create(prompt="x", output_format="svg")) == "output_format"
    assert await param(create(prompt="fail width")) == "size"  # what the agent says is put into the caller's words too
    assert await param(sdk.images.edit(image=b"", prompt="x")) == "image"
    assert await param(sdk.images.edit(image=[], prompt="x")) == "image"
    assert await param(sdk.images.edit(image=[png()] * 17, prompt="x")) == "image"
    assert await param(sdk.images.edit(image=png(), prompt="x", n=50)) == "n"
    assert await param(sdk.images.create_variation(image=png(), size="7x")) == "size"  # type: ignore[arg-type]
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="no").images.generate(prompt="x")
    with pytest.raises(openai.NotFoundError):
        await sdk.images.generate(prompt="x", model="nobody")


# ---- sound -----------------------------------------------------------------------------------------------------------


async def test_speech_in_every_format(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    for wanted, kind in (
        ("mp3", "audio/mpeg"), ("opus", "audio/opus"), ("aac", "audio/aac"), ("flac", "audio/flac"), ("wav", "audio/wav"),
        ("pcm", "audio/pcm"), (openai.omit, "audio/mpeg"),
    ):  # fmt: skip
        spoken: Any = await sdk.audio.speech.create(
            model="painter", voice="alloy", input="hello", speed=1.5, instructions="softly", response_format=wanted  # type: ignore[arg-type]
        )  # fmt: skip
        assert spoken.content == wav()
        assert spoken.response.headers["content-type"] == kind
        assert spoken.response.headers["content-length"] == str(len(wav()))
    body = house.studio.last.body
    assert [body[name] for name in ("input", "voice", "speed", "instructions", "output_format")] == [
        "hello", "alloy", 1.5, "softly", "mp3",
    ]  # fmt: skip
    await sdk.audio.speech.create(model="painter", voice={"id": "voice_1"}, input="x")
    assert house.studio.last.body["voice"] == "voice_1"


async def test_speech_streamed_as_bytes_and_as_events(
    house: MediaHouse, sdk: openai.AsyncOpenAI, tmp_path: Any
) -> None:
    async with sdk.audio.speech.with_streaming_response.create(model="painter", voice="a", input="x") as spoken:
        await spoken.stream_to_file(tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == wav()
    async with sdk.audio.speech.with_streaming_response.create(
        model="painter", voice="a", input="x tokens", stream_format="sse"
    ) as spoken:
        assert spoken.headers["content-type"].startswith("text/event-stream")
        events = [openai_event(line) async for line in spoken.iter_lines() if line]
    assert b"".join(base64.b64decode(one["audio"]) for one in events[:-1]) == wav()
    assert (events[-1]["type"], events[-1]["usage"]["total_tokens"]) == ("speech.audio.done", 16)


def openai_event(line: str) -> dict[str, Any]:
    import json

    assert line.startswith("data: ")
    found: dict[str, Any] = json.loads(line[6:])
    return found


async def test_transcriptions_in_every_format(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    sound = ("a.wav", wav())
    plain = await sdk.audio.transcriptions.create(
        file=sound, model="painter", language="en", prompt="names", temperature=0.5
    )
    assert plain.text == SAID
    body = house.studio.last.body
    assert [body[name] for name in ("language", "prompt", "temperature", "translate", "words")] == [
        "en", "names", 0.5, False, False,
    ]  # fmt: skip
    assert house.studio.last.files == {"audio": wav()}
    text: Any = await sdk.audio.transcriptions.create(file=sound, model="painter", response_format="text")
    assert text == SAID + "\n"
    srt: Any = await sdk.audio.transcriptions.create(file=sound, model="painter", response_format="srt")
    assert srt == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n00:00:01,500 --> 01:01:01,250\nGeneral Kenobi.\n\n"
    )
    vtt: Any = await sdk.audio.transcriptions.create(file=sound, model="painter", response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n")
    verbose = await sdk.audio.transcriptions.create(file=sound, model="painter", response_format="verbose_json")
    assert (verbose.language, verbose.duration, verbose.text, verbose.words) == ("en", 3661.25, SAID, None)
    assert [(one.id, one.start, one.end, one.text) for one in verbose.segments or []] == [
        (0, 0.0, 1.5, "Hello there."), (1, 1.5, 3661.25, " General Kenobi."),
    ]  # fmt: skip
    words = await sdk.audio.transcriptions.create(
        file=sound, model="painter", response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert house.studio.last.body["words"] is True
    assert [(one.word, one.start) for one in words.words or []] == [("Hello", 0.0), ("there.", 0.5)]
    assert words.segments is None
    both = await sdk.audio.transcriptions.create(
        file=sound, model="painter", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert both.words
    assert both.segments


async def test_a_transcript_as_a_stream(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.audio.transcriptions.create(file=("a.wav", wav()), model="painter", stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == SAID


async def test_translations(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    plain = await sdk.audio.translations.create(file=("a.wav", wav()), model="painter", prompt="x", temperature=0)
    assert plain.text == SAID
    assert house.studio.last.body["translate"] is True
    verbose = await sdk.audio.translations.create(
        file=("a.wav", wav()), model="painter", response_format="verbose_json"
    )
    assert (verbose.duration, len(verbose.segments or [])) == (3661.25, 2)
    text: Any = await sdk.audio.translations.create(file=("a.wav", wav()), model="painter", response_format="text")
    assert text == SAID + "\n"


async def test_refused_sound_names_the_callers_field(house: MediaHouse, sdk: openai.AsyncOpenAI) -> None:
    async def param(call: Any) -> str | None:
        with pytest.raises(openai.BadRequestError) as refused:
            await call
        return refused.value.param

    hear: Any = sdk.audio.transcriptions.create
    sound = ("a.wav", wav())
    assert await param(hear(file=("a.wav", b""), model="painter")) == "file"
    assert await param(hear(file=sound, model="painter", response_format="diarized_json")) == "response_format"
    assert await param(hear(file=sound, model="painter", timestamp_granularities=["word"])) == "timestamp_granularities"
    assert await param(hear(file=sound, model="painter", temperature=3)) == "temperature"
    assert await param(hear(file=sound, model="painter", prompt="fail audio")) == "file"
    speak: Any = sdk.audio.speech.create
    assert await param(speak(model="painter", voice="a", input="")) == "input"
    assert await param(speak(model="painter", voice="a", input="x", speed=9)) == "speed"
    assert await param(speak(model="painter", voice="a", input="x", response_format="wma")) == "response_format"
    assert await param(speak(model="painter", voice="a", input="x", stream_format="ogg")) == "stream_format"
    with pytest.raises(openai.InternalServerError) as broken:
        await speak(model="painter", voice="a", input="nothing")
    assert "without a sound" in str(broken.value)


async def test_the_sync_client_too(house: MediaHouse) -> None:
    def ask() -> tuple[Any, ...]:
        with openai.OpenAI(base_url=f"{house.house.url}/v1", api_key=house.house.secret, max_retries=0) as client:
            made = client.images.generate(prompt="x", response_format="b64_json")
            edited = client.images.edit(image=[png(), png()], prompt="x", mask=png())
            varied = client.images.create_variation(image=png())
            spoken = client.audio.speech.create(model="painter", voice="a", input="x").read()
            heard = client.audio.transcriptions.create(file=("a.wav", wav()), model="painter")
            stream = client.audio.transcriptions.create(file=("a.wav", wav()), model="painter", stream=True)
            last = list(stream)[-1]
            told = client.audio.translations.create(file=("a.wav", wav()), model="painter")
            models = [model.id for model in client.models.list()]
            return made, edited, varied, spoken, heard, last, told, models

    made, edited, varied, spoken, heard, last, told, models = await asyncio.to_thread(ask)
    assert base64.b64decode(made.data[0].b64_json) == house.studio.made[0]
    assert [len(one.data) for one in (edited, varied)] == [1, 1]
    assert (spoken, heard.text, last.text, told.text, models) == (wav(), SAID, SAID, SAID, ["painter"])
