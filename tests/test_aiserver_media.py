"""Media in the AI Server dialect: made at once, queued, called back."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiserver_media_kit import Asker
from gateway_house import agent_of, until
from media_kit import SAID, MediaHouse, form, open_media, png, wav
from test_agents_callbacks import Receiver

from bus.connection import Link
from ops.sections import CALLBACKS

PROMPT = {"positivePrompt": "a cat"}
STATUS, TEXTS = "GetArtifactGenerationStatus", "GetTextGenerationStatus"


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats, private_callbacks=True) as opened:
        yield opened


@pytest.fixture
def ask(house: MediaHouse) -> Asker:
    return Asker(house.house)


async def test_a_picture_is_made_while_its_caller_waits(house: MediaHouse, ask: Asker) -> None:
    """checklist 1, checklist 44: batch count honoured, absolute addresses, who made it and how long it took."""
    asked = {**PROMPT, "model": "painter", "width": 128, "height": 64, "batchSize": 3, "seed": 7, "tag": "cats"}
    told = await ask.good("TextToImage", asked)
    assert told["duration"].startswith("PT")
    assert [one["provider"] for one in told["results"]] == ["studio"] * 3
    for one, data in zip(told["results"], house.studio.made, strict=True):
        assert one["url"].startswith(f"{house.house.url}/artifacts/")
        assert one["fileName"].endswith(".png")
        assert await house.fetch(one["url"]) == data
    seen = house.studio.last
    assert (seen.body["positive_prompt"], seen.body["width"], seen.body["height"]) == ("a cat", 128, 64)
    assert (seen.body["seed"], seen.body["batch_size"], seen.job.tag) == (7, 3, "cats")


async def test_any_verb_and_any_spelling_will_do(house: MediaHouse, ask: Asker) -> None:
    """checklist 1: the query is a request too, and so is `/json/reply`."""
    await ask.good("TextToImage", method="GET", query={"PositivePrompt": "a cat", "batch_size": "2", "Width": "64"})
    assert (house.studio.last.body["batch_size"], house.studio.last.body["width"]) == (2, 64)
    told = await ask.good("/json/reply/QueueTextToImage", PROMPT)
    assert (await ask.ended(told))["results"]
    many = await ask.good("/json/reply/TextToImage[]", [PROMPT, {"positivePrompt": "a dog"}])
    assert [len(one["results"]) for one in many] == [1, 1]


async def test_a_missing_seed_and_a_missing_model_are_left_to_the_agent(house: MediaHouse, ask: Asker) -> None:
    """checklist 54: the agent knows its model's defaults and draws the seed (`agents/_templates.py`)."""
    await ask.good("TextToImage", PROMPT)
    seen = house.studio.last
    assert (seen.body["seed"], seen.body["negative_prompt"], seen.job.model) == (None, None, "default")
    await ask.good("ImageToImage", form=form(("image", png()), positivePrompt="x", model="image-to-image"))
    assert house.studio.last.job.model == "default"


async def test_pictures_come_with_a_request_as_parts_of_a_form(house: MediaHouse, ask: Asker) -> None:
    """checklist 45, checklist 46, checklist 47, checklist 134: one POST has the DTO's fields and its files by name."""
    data = form(("image", png(3, 2)), positivePrompt="a dog", denoise="0.25", batchSize="2", seed="9")
    told = await ask.good("ImageToImage", form=data)
    seen = house.studio.last
    assert (len(told["results"]), seen.files["image"]) == (2, png(3, 2))
    assert (seen.body["denoise"], seen.body["batch_size"], seen.body["seed"]) == (0.25, 2, 9)
    data = form(("image", png(3, 2)), ("mask", png(3, 2, 9)), PositivePrompt="a hat")
    await ask.good("ImageWithMask", form=data)
    seen = house.studio.last
    assert (seen.files["mask"], seen.body["mask_channel"]) == (png(3, 2, 9), "red")
    await ask.good("ImageUpscale", form=form(("upload", png(3, 2)), seed="1"))
    assert (house.studio.last.job.op, house.studio.last.files["image"]) == ("image_upscale", png(3, 2))


async def test_a_file_may_be_named_by_text(house: MediaHouse, ask: Asker) -> None:
    made = await ask.good("TextToImage", PROMPT)
    told = await ask.good("ImageUpscale", {"image": made["results"][0]["url"]})
    assert house.studio.last.files["image"] == house.studio.made[0]
    assert len(told["results"]) == 1


async def test_what_is_told_of_a_picture_or_heard_comes_as_texts(house: MediaHouse, ask: Asker) -> None:
    """checklist 48, checklist 49, checklist 50: of speech the text, and its times as JSON."""
    told = await ask.good("ImageToText", form=form(("image", png())))
    assert [one["text"] for one in told["results"]] == [SAID]
    assert (house.studio.last.body["prompt"], house.studio.last.job.model) == (None, "default")
    await ask.good("ImageToText", form=form(("image", png()), model="painter", prompt="what is it"))
    assert (house.studio.last.body["prompt"], house.studio.last.job.model) == ("what is it", "painter")
    told = await ask.good("SpeechToText", form=form(("audio", wav(), "a.wav")))
    plain, timed = (one["text"] for one in told["results"])
    assert plain == SAID
    assert json.loads(timed)[1] == {"text": " General Kenobi.", "start": 1.5, "end": 3661.25}


async def test_a_text_is_spoken_under_either_name(house: MediaHouse, ask: Asker) -> None:
    """checklist 51: `input` where one waits, `text` where one does not; each takes the other's word, and the model counts."""
    for dto, field in (
        ("TextToSpeech", "input"),
        ("TextToSpeech", "text"),
        ("QueueTextToSpeech", "text"),
        ("QueueTextToSpeech", "input"),
    ):
        told = await ask.good(dto, {field: "hello", "model": "painter"})
        if dto.startswith("Queue"):
            told = await ask.ended(told)
        assert told["results"][0]["url"].endswith(".wav")
        assert (house.studio.last.body["input"], house.studio.last.job.model) == ("hello", "painter")


async def test_a_missing_file_is_named(house: MediaHouse, ask: Asker) -> None:
    """checklist 45: 400 that names the field, and nothing stays of what did come."""
    assert await ask.bad("ImageToImage", PROMPT) == (400, "ArgumentNullException", "image")
    data = form(("image", png()), positivePrompt="x")
    assert await ask.bad("ImageWithMask", form=data) == (400, "ArgumentNullException", "mask")
    assert await ask.bad("QueueSpeechToText", {}) == (400, "ArgumentNullException", "audio")
    await house.empty()


async def test_ranges_are_checked_by_their_names(ask: Asker) -> None:
    """checklist 56"""
    for field, value in (("width", 63), ("height", 2049), ("batchSize", 11), ("batchSize", 0), ("seed", -1)):
        for dto in ("TextToImage", "QueueTextToImage"):
            assert await ask.bad(dto, {**PROMPT, field: value}) == (400, "InclusiveBetween", field)


async def test_other_rules_too(house: MediaHouse, ask: Asker) -> None:
    """checklist 56: what is empty, and a share that is none."""
    data = form(("image", png()), positivePrompt="x", denoise="1.5")
    assert await ask.bad("ImageToImage", form=data) == (400, "InclusiveBetween", "denoise")
    assert await ask.bad("TextToImage", {}) == (400, "NotEmpty", "positivePrompt")
    assert (await ask.bad("QueueTextToSpeech", {}))[0] == 400
    assert await ask.bad("TextToImage", PROMPT, key="") == (401, "Unauthorized", "")
    await house.empty()


async def test_a_model_that_does_something_else_is_refused_with_those_that_do(ask: Asker) -> None:
    """checklist 55"""
    status, told = await ask("QueueTextToImage", {**PROMPT, "model": "ffmpeg"})
    (error,) = told["responseStatus"]["errors"]
    assert (status, error["errorCode"], error["fieldName"]) == (400, "InvalidModel", "model")
    assert "painter" in error["message"]
    assert (await ask("TextToImage", {**PROMPT, "model": "none"}))[0] == 404


async def test_a_failure_is_never_an_empty_200(ask: Asker) -> None:
    asked = {"positivePrompt": "fail image"}
    assert await ask.bad("TextToImage", asked) == (400, "ArgumentException", "image")
    assert (await ask.bad("TextToImage", {"positivePrompt": "nothing at all"}))[0] == 500


# ---- queued -----------------------------------------------------------------------------------------------------------


async def test_a_queued_job_is_found_by_its_id_its_ref_and_its_address(house: MediaHouse, ask: Asker) -> None:
    """checklist 2, checklist 7, checklist 11"""
    told = await ask.good("QueueTextToImage", {**PROMPT, "refId": "mine-1", "batchSize": 2})
    assert (told["refId"], told["jobState"]) == ("mine-1", "Queued")
    assert told["statusUrl"].startswith(f"{house.house.url}/api/{STATUS}?")
    done = await ask.ended(told)
    assert (done["refId"], done["status"], len(done["results"])) == ("mine-1", "Completed", 2)
    assert done["duration"].startswith("PT")
    assert done["results"][0]["url"].startswith(house.house.url)
    assert await ask.good(STATUS, method="GET", query={"RefId": "mine-1"}) == done
    assert await ask.good(told["statusUrl"].removeprefix(house.house.url), method="GET") == done
    assert (await ask("QueueTextToImage", {"positivePrompt": "another", "refId": "mine-1"}))[0] == 409
    assert (await ask.good("QueueTextToImage", PROMPT))["refId"]


async def test_a_job_under_way_says_so(ask: Asker) -> None:
    told = await ask.good("QueueTextToImage", {"positivePrompt": "sleep 0.6"})

    async def started() -> bool:
        seen = await ask.good(STATUS, method="GET", query={"jobId": told["jobId"]})
        assert "results" not in seen or seen["jobState"] == "Completed"
        return bool(seen["jobState"] == "Started" and seen["status"])

    await until(started)
    assert (await ask.ended(told))["results"]


async def test_queued_texts_have_a_status_of_their_own(house: MediaHouse, ask: Asker) -> None:
    """checklist 12"""
    told = await ask.good("QueueSpeechToText", form=form(("audio", wav(), "a.wav"), refId="heard"))
    assert told["statusUrl"].startswith(f"{house.house.url}/api/{TEXTS}?")
    done = await ask.ended(told, TEXTS)
    assert done["results"][0]["text"] == SAID
    assert (await ask.good("QueueImageToText", form=form(("image", png()))))["jobId"]


async def test_a_sync_call_with_a_ref_is_found_again(ask: Asker) -> None:
    """checklist 7: the ref counts for those who wait, too."""
    told = await ask.good("TextToImage", {**PROMPT, "refId": "waited"})
    found = await ask.good(STATUS, method="GET", query={"refId": "waited"})
    assert found["results"] == told["results"]


async def test_a_failed_job_is_a_500_with_its_error(ask: Asker) -> None:
    told = await ask.good("QueueTextToImage", {"positivePrompt": "fail image"})

    async def ended() -> Any:
        status, found = await ask(STATUS, method="GET", query={"jobId": told["jobId"]})
        return found if status != 200 else None

    found = (await until(ended))["responseStatus"]
    assert found["message"].startswith("Job failed: 'image' is no picture")
    assert (found["errorCode"], found["errors"][0]["fieldName"]) == ("ArgumentException", "image")


async def test_a_job_is_its_keys_alone(house: MediaHouse, ask: Asker) -> None:
    told = await ask.good("QueueTextToImage", {**PROMPT, "refId": "secret"})
    await ask.ended(told)
    for dto, query in ((STATUS, {"jobId": told["jobId"]}), (STATUS, {"refId": "secret"}), (TEXTS, {"jobId": told["jobId"]}),
                       ("GetGeneration", {"id": told["jobId"]})):  # fmt: skip
        assert (await ask(dto, method="GET", query=query, key=house.house.other))[0] == 404
        assert (await ask(dto, method="GET", query=query, key=""))[0] == 401
    assert (await ask(STATUS, method="GET"))[0] == 400
    assert (await ask(STATUS, method="GET", query={"jobId": 4711}))[0] == 404


async def test_results_and_failures_are_posted_to_the_caller(nats: Link, house: MediaHouse, ask: Asker) -> None:
    """checklist 3, checklist 8, checklist 9: with state and refId, whole addresses, and by headers as well as by fields."""
    async with Receiver() as receiver, agent_of(nats, CALLBACKS):
        hook = f"http://127.0.0.1:{receiver.port}/hook?order=5"
        await ask.good("QueueTextToImage", {**PROMPT, "replyTo": hook, "refId": "r1", "state": "s1"})
        await ask.good(
            "QueueTextToImage",
            {"positivePrompt": "fail image", "refId": "r2", "state": "s2"},
            headers={"ReplyTo": hook, "Tag": "t"},
        )
        await ask.good("QueueSpeechToText", form=form(("audio", wav(), "a.wav"), replyTo=hook, refId="r3"))
        await ask.good("QueueConvertImage", form=form(("image", png()), outputFormat="jpg", replyTo=hook, refId="r4"))
        await until(lambda: len(receiver.seen) == 4)
    assert {path for _, path, _, _ in receiver.seen} == {"/hook?order=5"}
    told = {body["refId"]: body for body in (json.loads(data) for _, _, _, data in receiver.seen)}
    assert told["r1"]["state"] == "s1"
    assert told["r1"]["outputs"][0]["url"].startswith(f"{house.house.url}/artifacts/")
    assert (told["r1"]["outputs"][0]["fileName"][-4:], told["r1"]["textOutputs"]) == (".png", [])
    assert (told["r2"]["state"], "outputs" in told["r2"]) == ("s2", False)
    assert told["r2"]["responseStatus"]["errors"][0]["fieldName"] == "image"
    assert told["r3"]["textOutputs"][0] == {"text": SAID}
    assert (told["r4"]["outputs"][0]["outputFormat"], "textOutputs" in told["r4"]) == ("Image", False)
    assert next(one.job.tag for one in house.studio.seen if one.job.ref == "r2") == "t"
