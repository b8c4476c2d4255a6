"""Pictures in OpenAI's dialect: every operation, every family of models, and every way to fail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pyvips
from agents_media_kit import Studio, done, until
from chat_kit import KEY
from fake_openai_media import USAGE, FakeOpenAIMedia
from image_kit import flat, picture, written
from shelf_kit import Kit, open_shelf

from agents._fetched import keep
from agents._http import Http
from agents.agent import load
from bus.connection import Link
from schemas.media import FileRef, decode_media
from schemas.problem import Code, Problem
from schemas.provider import Model


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


def prompt(text: str = "a grey square", **more: Any) -> dict[str, Any]:
    return {"positive_prompt": text, **more}


# ---- from words ----


async def test_a_picture_is_stored_with_its_sides_and_what_the_model_made_of_the_words(studio: Studio) -> None:
    result = await studio.make("text_to_image", "dall-e-3", **prompt(state="mine"))
    [artifact] = result.artifacts
    assert (artifact.content_type, artifact.width, artifact.height) == ("image/png", 1024, 1024)
    assert artifact.title == "revised a grey square"
    assert (result.model, result.state) == ("dall-e-3", "mine")
    [data] = await studio.made(result)
    assert pyvips.Image.new_from_buffer(data, "").width == 1024


@pytest.mark.parametrize(
    ("model", "width", "height", "size"),
    [
        ("dall-e-2", 500, 480, "512x512"), ("dall-e-2", 2000, 1000, "1024x1024"), ("dall-e-3", 1600, 900, "1792x1024"),
        ("dall-e-3", 600, 1000, "1024x1792"), ("gpt-image-1-mini", 1200, 800, "1536x1024"),
        ("gpt-image-1-mini", 512, 512, "1024x1024"), ("gpt-image-2.5-flare", 1000, 1000, "992x992"),
        ("gpt-image-2.5-flare", 512, 256, "1152x576"), ("FLUX.1-dev", 700, 500, "700x500"),
        ("FLUX.1-dev", 700, None, "700x700"),
    ],
)  # fmt: skip
async def test_a_size_becomes_the_nearest_one_that_the_model_takes(
    studio: Studio, fake: FakeOpenAIMedia, model: str, width: int, height: int | None, size: str
) -> None:
    await studio.make("text_to_image", model, **prompt(width=width, height=height))
    assert fake.calls[-1].json["size"] == size


async def test_several_pictures_are_one_call_or_as_many_as_the_model_needs(
    studio: Studio, fake: FakeOpenAIMedia
) -> None:
    assert len((await studio.make("text_to_image", "dall-e-2", **prompt(batch_size=3))).artifacts) == 3
    assert [call.json["n"] for call in fake.calls] == [3]
    assert len((await studio.make("text_to_image", "dall-e-3", **prompt(batch_size=3))).artifacts) == 3
    assert [call.json["n"] for call in fake.calls[1:]] == [1, 1, 1]


async def test_a_model_that_turns_out_to_draw_one_is_asked_once_for_each(studio: Studio, fake: FakeOpenAIMedia) -> None:
    assert len((await studio.make("text_to_image", "single", **prompt(batch_size=2))).artifacts) == 2
    assert sorted(call.json["n"] for call in fake.calls) == [1, 1, 2]
    await studio.make("text_to_image", "single", **prompt(batch_size=2))
    assert [call.json["n"] for call in fake.calls[3:]] == [1, 1]


async def test_one_of_several_calls_that_fails_costs_one_picture(studio: Studio, fake: FakeOpenAIMedia) -> None:
    fake.queue("500")
    assert len((await studio.make("text_to_image", "dall-e-3", **prompt(batch_size=3))).artifacts) == 2


async def test_what_gpt_image_counts_is_told_and_summed(studio: Studio) -> None:
    events, _ = await studio.play(
        studio.job("text_to_image", "gpt-image-2.5-flare", **prompt(quality="hd", style="vivid"))
    )
    end = done(events)
    assert decode_media(end.body).usage == USAGE
    assert (end.usage.tokens_in, end.usage.tokens_out) == (50, 1000)


async def test_what_is_not_wanted_is_said_in_words_where_there_is_no_field(
    studio: Studio, fake: FakeOpenAIMedia
) -> None:
    await studio.make("text_to_image", "gpt-image-2.5-flare", **prompt(negative_prompt="people", background="opaque"))
    assert fake.calls[-1].json["prompt"] == "a grey square\n\nAvoid: people"
    assert fake.calls[-1].json["background"] == "opaque"
    await studio.make("text_to_image", "FLUX.1-dev", **prompt(negative_prompt="people", seed=7, steps=4))
    assert {"negative_prompt": "people", "seed": 7, "steps": 4}.items() <= fake.calls[-1].json.items()


async def test_a_server_that_knows_no_hints_is_asked_without_them_from_then_on(
    studio: Studio, fake: FakeOpenAIMedia
) -> None:
    body = prompt(seed=7, steps=4)
    assert len((await studio.make("text_to_image", "strict", **body)).artifacts) == 1
    before = len(fake.calls)
    await studio.make("text_to_image", "strict", **body)
    assert [call.path for call in fake.calls[before:]] == ["/v1/images/generations", "/files/1.png?sig=s3cret"]


async def test_more_arguments_reach_the_provider_but_take_no_word_of_ours(
    studio: Studio, fake: FakeOpenAIMedia
) -> None:
    own = {"moderation": "low", "model": "sora-2", "prompt": "else", "n": 9}
    await studio.make("text_to_image", "gpt-image-2.5-flare", **prompt(arguments=own))
    sent = fake.calls[-1].json
    assert (sent["moderation"], sent["model"], sent["prompt"]) == ("low", "gpt-image-2.5-flare", "a grey square")


async def test_an_answer_by_url_is_fetched_without_the_query_in_any_error(
    studio: Studio, fake: FakeOpenAIMedia
) -> None:
    result = await studio.make("text_to_image", "strict", **prompt())
    assert (result.artifacts[0].content_type, result.artifacts[0].width) == ("image/png", 8)
    fake.elsewhere = f"{fake.origin}/nowhere"
    problem = await studio.fail("text_to_image", "strict", **prompt())
    assert problem.code is Code.PROVIDER_ERROR
    assert "s3cret" not in problem.fault.message


async def test_a_provider_cannot_lead_us_into_our_own_network(kit: Kit, fake: FakeOpenAIMedia) -> None:
    async with Http() as http:  # private addresses are not allowed, and the provider's own is no other address
        studio = Studio("openai", fake.url, kit, http)
        fake.elsewhere = fake.origin
        assert len((await studio.make("text_to_image", "strict", **prompt())).artifacts) == 1
        fake.elsewhere = "http://127.0.0.1:9"
        problem = await studio.fail("text_to_image", "strict", **prompt())
        assert (problem.code, "127.0.0.1" in problem.fault.message) == (Code.PROVIDER_GARBLED, True)
        assert len(await studio.left()) == 1
        tools = studio.tools.fresh()
        tools.files = kit.files()
        with pytest.raises(Problem, match=r"169\.254\.169\.254"):
            await keep(f"{fake.origin}/files/inside.png", tools)


# ---- from pictures ----


@pytest.fixture
async def cat(kit: Kit) -> FileRef:
    return await kit.given(picture("png", 64, 48), "image/png", "../cat.png")


async def test_pictures_go_along_as_they_are(studio: Studio, fake: FakeOpenAIMedia, kit: Kit, cat: FileRef) -> None:
    dog = await kit.given(picture("jpg", 32, 32), "image/jpeg", "dog.jpg")
    result = await studio.make("image_to_image", "gpt-image-2.5-flare", **prompt(image=cat, images=[dog], batch_size=2))
    assert len(result.artifacts) == 2
    first, second = fake.calls[-1].files()
    assert (first.name, first.filename, first.data) == ("image[]", "image.png", picture("png", 64, 48))
    assert (second.filename, second.kind) == ("image.jpg", "image/jpeg")
    assert "size" not in fake.calls[-1].fields()


async def test_a_model_of_fixed_sizes_answers_in_the_shape_of_the_picture(
    studio: Studio, fake: FakeOpenAIMedia, kit: Kit
) -> None:
    tall = await kit.given(picture("webp", 40, 64), "image/webp", "tall.webp")
    await studio.make("image_to_image", "gpt-image-1-mini", **prompt(image=tall))
    assert fake.calls[-1].fields()["size"] == "1024x1536"


async def test_a_picture_on_the_web_is_fetched_first(studio: Studio, fake: FakeOpenAIMedia) -> None:
    async with FakeOpenAIMedia() as web:
        ref = FileRef(url=f"{web.origin}/files/1.png")
        await studio.make("image_to_image", "gpt-image-2.5-flare", **prompt(image=ref))
    assert fake.calls[-1].files()[0].kind == "image/png"


@pytest.mark.parametrize(("channel", "colours"), [("red", (255, 0, 0)), ("green", (0, 255, 0)), ("alpha", (9, 9, 9))])
async def test_a_mask_says_in_its_channel_where_to_paint(
    studio: Studio, fake: FakeOpenAIMedia, kit: Kit, cat: FileRef, channel: str, colours: tuple[int, ...]
) -> None:
    left = flat(16, 24, (*colours, 0)) if channel == "alpha" else flat(16, 24, colours)
    right = flat(16, 24, (9, 9, 9, 255)) if channel == "alpha" else flat(16, 24, (0, 0, 255))
    mask = await kit.given(written(left.join(right, "horizontal"), "png"), "image/png")
    await studio.make("image_with_mask", "gpt-image-2.5-flare", **prompt(image=cat, mask=mask, mask_channel=channel))
    sent = pyvips.Image.new_from_buffer(fake.calls[-1].files()[-1].data, "")
    assert (sent.width, sent.height, sent.bands) == (64, 48, 4)
    assert sent(4, 20)[3] == 0, "painted where the mask says so"
    assert sent(60, 20)[3] == 255


async def test_a_variation_needs_no_words(studio: Studio, fake: FakeOpenAIMedia, cat: FileRef) -> None:
    result = await studio.make(
        "image_to_image", "dall-e-2", **prompt(image=cat, batch_size=2, arguments={"variation": True})
    )
    assert len(result.artifacts) == 2
    assert fake.calls[-1].path == "/v1/images/variations"


@pytest.mark.parametrize("data", [b"this is text", picture("png", 64, 48)[:200], b"\x89PNG\r\n\x1a\n"])
async def test_a_mask_that_is_none_is_the_callers_mistake(
    studio: Studio, fake: FakeOpenAIMedia, kit: Kit, cat: FileRef, data: bytes
) -> None:
    mask = await kit.given(data, "image/png")
    problem = await studio.fail("image_with_mask", "gpt-image-2.5-flare", **prompt(image=cat, mask=mask))
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "mask")
    assert fake.calls == []


async def test_a_file_that_is_gone_is_not_the_providers_failure(studio: Studio, kit: Kit, cat: FileRef) -> None:
    files = await kit.shelf.files()
    gone = FileRef(
        blob=cat.blob.replace(cat.blob.rpartition("/")[2], f"{'0' * 64}.png"), content_type="image/png", size=10
    )
    problem = await studio.fail("image_to_image", "gpt-image-2.5-flare", **prompt(image=gone))
    assert problem.code is Code.NOT_FOUND
    assert await files.blobs.find(cat.blob) is not None


async def test_a_field_that_the_edge_did_not_resolve_goes_nowhere(studio: Studio, fake: FakeOpenAIMedia) -> None:
    problem = await studio.fail("image_to_image", "gpt-image-2.5-flare", **prompt(image="file-1"))
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "image")
    assert fake.calls == []


# ---- failures ----

CODES = {
    "429": Code.PROVIDER_RATE_LIMITED,
    "500": Code.PROVIDER_ERROR,
    "503": Code.PROVIDER_ERROR,
    "401": Code.PROVIDER_AUTH,
    "policy": Code.PROVIDER_REFUSED,
    "garbled": Code.PROVIDER_GARBLED,
    "html": Code.PROVIDER_GARBLED,
    "cut": Code.PROVIDER_UNREACHABLE,
    "slow": Code.PROVIDER_TIMEOUT,
    "reset": Code.PROVIDER_UNREACHABLE,
}


@pytest.mark.parametrize("op", ["text_to_image", "image_to_image"])
@pytest.mark.parametrize("fault", CODES)
async def test_every_fault_is_a_problem_that_leaves_nothing(
    studio: Studio, fake: FakeOpenAIMedia, cat: FileRef, fault: str, op: str
) -> None:
    fake.queue(fault)
    more = {} if op == "text_to_image" else {"image": cat}
    problem = await studio.fail(op, "gpt-image-2.5-flare", **prompt(**more))
    assert problem.code is CODES[fault]
    assert problem.fault.provider == "acme"
    assert problem.fault.retry_after == (7 if fault == "429" else None)
    if fault == "policy":
        assert (problem.fault.provider_status, "safety system" in problem.fault.message) == (400, True)
    assert await studio.left() == []


@pytest.mark.parametrize("words", ["broken", "wrong mime"])
async def test_a_picture_that_is_none_or_not_whole_is_not_stored(studio: Studio, words: str) -> None:
    problem = await studio.fail("text_to_image", "gpt-image-2.5-flare", **prompt(words))
    assert problem.code is Code.PROVIDER_GARBLED
    assert await studio.left() == []


async def test_a_picture_cut_on_its_way_from_a_url_is_not_stored(studio: Studio, fake: FakeOpenAIMedia) -> None:
    tools = studio.tools.fresh()
    tools.files = studio.kit.files()
    with pytest.raises(Problem) as caught:
        await keep(f"{fake.origin}/files/cut.png", tools)
    assert caught.value.code is Code.PROVIDER_UNREACHABLE
    assert (await keep(f"{fake.origin}/files/moved.png", tools)).width == 8


async def test_a_refused_size_is_told_with_its_field(studio: Studio) -> None:
    problem = await studio.fail("text_to_image", "gpt-image-2.5-flare", **prompt(quality="gorgeous"))
    assert (problem.code, problem.fault.param) == (Code.PROVIDER_REFUSED, "quality")


async def test_a_caller_who_leaves_hangs_up_on_the_provider(studio: Studio, fake: FakeOpenAIMedia) -> None:
    fake.queue("slow", "slow")
    task = asyncio.create_task(studio.play(studio.job("text_to_image", "dall-e-3", **prompt(batch_size=2))))
    await until(lambda: len(fake.calls) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: all(call.hung_up for call in fake.calls))


# ---- what models are for ----


async def test_models_are_listed_with_what_they_do_and_the_best_first(studio: Studio, fake: FakeOpenAIMedia) -> None:
    agent = load("openai")
    assert agent.models
    listed = await agent.models(studio.tools)
    ops: dict[str, list[str]] = {}
    for model in listed:
        ops.setdefault(model.op, []).append(model.name)
    assert ops["chat"] == ["gpt-5", "o3", "gpt-3.5-turbo-instruct"]
    assert ops["text_to_image"][0] == "gpt-image-2.5-flare"
    assert ops["text_to_image"][-2:] == ["dall-e-2", "dall-e-3"] or ops["text_to_image"][-3:-1] == [
        "dall-e-2",
        "dall-e-3",
    ]
    assert "dall-e-3" not in ops["image_with_mask"]
    assert ops["speech_to_text"][0] == "whisper-1"
    assert set(ops["text_to_speech"]) == {"tts-1", "gpt-4o-mini-tts"}
    assert {model.name for model in listed if model.vision} == {"gpt-5", "o3"}
    spoken = next(model for model in listed if model.name == "tts-1")
    assert "tts-1:nova" in spoken.aliases


async def test_a_list_that_says_what_goes_in_and_out_is_believed(studio: Studio, fake: FakeOpenAIMedia) -> None:
    both = ["image", "text"]
    fake.listed = [
        {"id": "google/gemini-2.5-flash-image", "architecture": {"input_modalities": both, "output_modalities": both}},
        {"id": "meta/llama", "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}},
        {"id": "black-forest-labs/FLUX.1-schnell", "type": "image"},
        {"id": "cartesia/sonic-2", "type": "audio"},
        {"id": "openai/whisper-large-v3", "type": "audio"},
        {"id": "playai-tts", "active": True},
        {"id": "old", "active": False},
    ]  # fmt: skip
    agent = load("openai")
    assert agent.models
    found = {(model.name, model.op): model.vision for model in await agent.models(studio.tools)}
    assert found == {
        ("google/gemini-2.5-flash-image", "chat"): True,
        ("google/gemini-2.5-flash-image", "text_to_image"): None,
        ("google/gemini-2.5-flash-image", "image_to_image"): None,
        ("meta/llama", "chat"): False,
        ("black-forest-labs/FLUX.1-schnell", "text_to_image"): None,
        ("cartesia/sonic-2", "text_to_speech"): None,
        ("openai/whisper-large-v3", "speech_to_text"): None,
        ("playai-tts", "text_to_speech"): None,
    }


async def test_a_native_name_goes_out(studio: Studio, fake: FakeOpenAIMedia) -> None:
    studio.learn(Model(name="default", native="dall-e-3", op="text_to_image"), Model(name="default", native="gpt-5"))
    await studio.make("text_to_image", "default", **prompt())
    assert fake.calls[-1].json["model"] == "dall-e-3"
