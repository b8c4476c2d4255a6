"""Replicate: every operation, how a prediction goes wrong, and that one nobody waits for is called off there."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pyvips
from agents_media_kit import Studio, until
from chat_kit import KEY
from fake_media import wav
from fake_replicate import VERSION, FakeReplicate
from image_kit import flat, picture, written
from shelf_kit import Kit, open_shelf
from test_agents_media_openai import CODES

from agents import _replicate_run
from agents._http import Http
from agents.agent import load
from agents.replicate import Memory
from bus.connection import Link
from schemas.events import Progress
from schemas.media import FileRef
from schemas.problem import Code

FLUX, SDXL, MINE = "black-forest-labs/flux-schnell", "stability-ai/sdxl", "someone/painter"


@pytest.fixture
async def kit(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as opened:
        yield opened


@pytest.fixture
async def fake() -> AsyncIterator[FakeReplicate]:
    async with FakeReplicate(key=KEY) as opened:
        yield opened


@pytest.fixture
async def studio(kit: Kit, fake: FakeReplicate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Studio]:
    monkeypatch.setattr(_replicate_run, "FIRST", 0.01)
    monkeypatch.setattr(_replicate_run, "LONGEST", 0.05)
    async with Http(private=True) as http:
        made = Studio("replicate", fake.url, kit, http)
        made.tools.thing = Memory()
        yield made


@pytest.fixture
async def cat(kit: Kit) -> FileRef:
    return await kit.given(picture("png", 64, 48), "image/png", "cat.png")


def inputs(fake: FakeReplicate) -> list[dict[str, Any]]:
    return [one["input"] for one in fake.predictions.values() if "input" in one]


def prompt(text: str = "a cat", **more: Any) -> dict[str, Any]:
    return {"positive_prompt": text, **more}


# ---- what goes out, what comes back ----


async def test_words_become_pictures_in_as_few_predictions_as_the_model_allows(
    studio: Studio, fake: FakeReplicate
) -> None:
    body = prompt(batch_size=6, seed=7, width=1600, height=900, steps=30, output_format="jpeg", state="mine")
    result = await studio.make("text_to_image", FLUX, **body)
    assert [(one.content_type, one.width) for one in result.artifacts] == [("image/png", 16)] * 6
    first, second = sorted(inputs(fake), key=lambda one: one["seed"])
    assert first == {
        "prompt": "a cat", "seed": 7, "num_inference_steps": 4, "num_outputs": 4, "output_format": "jpg",
        "output_quality": 80, "aspect_ratio": "16:9",
    }  # fmt: skip
    assert (second["seed"], second["num_outputs"]) == (11, 2)
    assert (result.duration, result.state, result.usage) == (1.25, "mine", None)
    started = fake.to(f"/v1/models/{FLUX}/predictions")[0]
    assert started.headers["prefer"] == "wait=5"
    assert 50 <= int(started.headers["cancel-after"].removesuffix("s")) <= 60


async def test_a_community_model_is_run_by_its_version_asked_once(
    studio: Studio, fake: FakeReplicate, cat: FileRef
) -> None:
    for _ in range(2):
        result = await studio.make("image_to_image", SDXL, **prompt(image=cat, denoise=0.6, negative_prompt="dogs"))
        assert len(result.artifacts) == 1
    assert len(fake.to(f"/v1/models/{SDXL}")) == 1
    assert [call.json["version"] for call in fake.to("/v1/predictions")] == [VERSION] * 2
    given = inputs(fake)[0]
    assert (given["prompt_strength"], given["negative_prompt"]) == (0.6, "dogs")
    assert given["image"] == "data:image/png;base64," + base64.b64encode(picture("png", 64, 48)).decode()


async def test_a_mask_is_white_where_it_paints(studio: Studio, fake: FakeReplicate, kit: Kit, cat: FileRef) -> None:
    half = flat(32, 48, (0, 255, 0)).join(flat(32, 48, (255, 0, 0)), "horizontal")
    mask = await kit.given(written(half, "png"), "image/png")
    await studio.make("image_with_mask", SDXL, **prompt(image=cat, mask=mask, mask_channel="green"))
    sent = pyvips.Image.new_from_buffer(base64.b64decode(inputs(fake)[0]["mask"].partition(",")[2]), "")
    assert (sent.width, sent.height, sent.bands) == (64, 48, 1)
    assert (sent(4, 4)[0], sent(60, 4)[0]) == (255, 0)


@pytest.mark.parametrize(
    ("op", "model", "body", "given", "kind"),
    [
        ("image_upscale", "nightmareai/real-esrgan", {"image": "cat", "scale": 4}, {"scale": 4.0}, "image/png"),
        ("text_to_speech", "jaaari/kokoro-82m", {"input": "Hello", "voice": "af_bella", "speed": 1.2},
         {"text": "Hello", "voice": "af_bella", "speed": 1.2}, "audio/mpeg"),
        ("text_to_audio", "meta/musicgen", prompt("a tune", seconds=9.6, output_format="wav", seed=3),
         {"prompt": "a tune", "duration": 10, "output_format": "wav", "seed": 3}, "audio/mpeg"),
        ("text_to_video", "wan-video/wan-2.2-t2v-fast", prompt(seconds=6, fps=16, width=480, height=832),
         {"prompt": "a cat", "num_frames": 96, "frames_per_second": 16, "aspect_ratio": "9:16"}, "video/mp4"),
        ("image_to_video", "wan-video/wan-2.2-i2v-fast", prompt(image="cat", seconds=5),
         {"prompt": "a cat", "num_frames": 80}, "video/mp4"),
    ],
)  # fmt: skip
async def test_every_operation_speaks_its_models_words(
    studio: Studio,
    fake: FakeReplicate,
    cat: FileRef,
    op: str,
    model: str,
    body: dict[str, Any],
    given: dict[str, Any],
    kind: str,
) -> None:
    body = {name: cat if value == "cat" else value for name, value in body.items()}
    result = await studio.make(op, model, **body)
    assert [one.content_type for one in result.artifacts] == [kind]
    [sent] = inputs(fake)
    assert {name: value for name, value in sent.items() if name != "image"} == given


@pytest.mark.parametrize(("translate", "text"), [(False, "Hello"), (True, "Hallo")])
async def test_speech_is_heard_with_its_times(studio: Studio, kit: Kit, translate: bool, text: str) -> None:
    voice = await kit.given(wav(), "audio/wav", "memo.wav")
    result = await studio.make("speech_to_text", "openai/whisper", audio=voice, language="en", translate=translate)
    [told] = result.texts
    assert (told.text, told.language, told.segments[0].end) == (text, "english", 1.5)
    assert result.artifacts == ()


async def test_any_model_is_spoken_to_by_what_its_schema_says(
    studio: Studio, fake: FakeReplicate, cat: FileRef
) -> None:
    body = prompt(
        image=cat, images=[cat], cfg_scale=9, width=900, height=700, output_format="jpeg", arguments={"brush": "wide"}
    )
    await studio.make("image_to_image", MINE, **body)
    [sent] = inputs(fake)
    assert len(sent.pop("input_images")) == 2
    assert sent == {"text_prompt": "a cat", "guidance": 5, "aspect_ratio": "4:3", "format": "jpg", "brush": "wide"}
    problem = await studio.fail("image_to_image", MINE, **prompt(image=cat, arguments={"pencil": 1}))
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "arguments")
    assert "brush" in problem.fault.message


async def test_a_large_file_is_uploaded_and_a_small_one_goes_along(
    studio: Studio, fake: FakeReplicate, kit: Kit
) -> None:
    large = await kit.given(wav(20), "audio/wav", "memo.wav")
    await studio.make("speech_to_text", "openai/whisper", audio=large)
    [upload] = fake.uploads.values()
    assert upload.files()[0].data == wav(20)
    assert inputs(fake)[0]["audio"] == f"{fake.url}/files/f0"


async def test_progress_is_what_the_log_says(studio: Studio) -> None:
    events, problem = await studio.play(studio.job("text_to_image", FLUX, **prompt("steps")))
    assert problem is None
    told = [event for event in events if isinstance(event, Progress)]
    assert [one.share for one in told if one.share is not None] == sorted(
        one.share for one in told if one.share is not None
    )
    assert {0.3, 0.6} <= {one.share for one in told}
    assert {one.stage for one in told} <= {"starting", "processing", "succeeded"}


async def test_a_look_that_fails_is_not_the_end(studio: Studio, fake: FakeReplicate) -> None:
    fake.polls_fail = 3
    assert len((await studio.make("text_to_image", FLUX, **prompt("steps"))).artifacts) == 1
    assert fake.cancelled == []


# ---- called off ----


async def leave(studio: Studio, fake: FakeReplicate, began: int, **body: Any) -> None:
    task = asyncio.create_task(studio.play(studio.job("text_to_image", FLUX, **body)))
    await until(lambda: len(inputs(fake)) >= began)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_caller_who_leaves_calls_off_every_prediction(studio: Studio, fake: FakeReplicate) -> None:
    await leave(studio, fake, 2, **prompt("slow", batch_size=8))
    assert sorted(fake.cancelled) == sorted(fake.predictions)
    assert await studio.left() == []


async def test_a_prediction_whose_start_is_still_on_its_way_is_called_off_too(
    studio: Studio, fake: FakeReplicate
) -> None:
    fake.hold = 0.2
    await leave(studio, fake, 1, **prompt("slow"))
    assert fake.cancelled == ["p0"]


async def test_a_generator_that_is_closed_calls_off(studio: Studio, fake: FakeReplicate) -> None:
    job, tools = studio.job("text_to_image", FLUX, **prompt("slow")), studio.tools.fresh()
    tools.files = studio.kit.files(job)
    events = load("replicate").handles[job.op](job, tools)
    assert isinstance(await anext(events), Progress)
    await events.aclose()
    assert fake.cancelled == ["p0"]


async def test_looks_that_all_fail_call_off_what_nobody_can_see(studio: Studio, fake: FakeReplicate) -> None:
    fake.polls_fail = 99
    assert (await studio.fail("text_to_image", FLUX, **prompt("slow"))).code is Code.PROVIDER_ERROR
    assert fake.cancelled == ["p0"]


# ---- failures ----


@pytest.mark.parametrize("fault", CODES)
async def test_every_fault_of_a_start_is_a_problem(studio: Studio, fake: FakeReplicate, fault: str) -> None:
    fake.queue(fault)
    problem = await studio.fail("text_to_image", FLUX, **prompt())
    assert problem.code is CODES[fault]
    assert problem.fault.retry_after == (7 if fault == "429" else None)
    assert await studio.left() == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("fails", Code.PROVIDER_ERROR), ("nsfw", Code.PROVIDER_REFUSED), ("aborted", Code.PROVIDER_TIMEOUT),
        ("null", Code.PROVIDER_GARBLED),
    ],
)  # fmt: skip
async def test_a_prediction_that_does_not_succeed_says_why(studio: Studio, words: str, code: Code) -> None:
    problem = await studio.fail("text_to_image", FLUX, **prompt(words))
    assert problem.code is code
    if words == "nsfw":
        assert "different prompt" in problem.fault.message


async def test_a_refused_input_is_told_by_our_name_for_it(studio: Studio) -> None:
    problem = await studio.fail("text_to_image", FLUX, **prompt(arguments={"num_inference_steps": 40}))
    assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "steps")


async def test_a_model_that_there_is_not_is_no_fault_of_the_request(studio: Studio) -> None:
    assert (await studio.fail("text_to_image", "someone/nothing", **prompt())).fault.provider_status == 404
    assert (await studio.fail("text_to_image", "../../account", **prompt())).code is Code.UNAVAILABLE


async def test_the_account_is_the_check_and_the_known_models_are_the_list(studio: Studio, fake: FakeReplicate) -> None:
    agent = load("replicate")
    assert agent.check
    assert agent.models
    await agent.check(studio.tools)
    assert fake.calls[-1].path == "/v1/account"
    listed = {(model.name, model.op) for model in await agent.models(studio.tools)}
    assert {(FLUX, "text_to_image"), (SDXL, "image_with_mask"), ("meta/musicgen", "text_to_audio")} <= listed
    assert {op for _, op in listed} <= set(agent.handles)
