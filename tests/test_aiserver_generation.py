"""`CreateGeneration` and `GetGeneration`: one request for whatever can be made, by the number of its task."""

import json
from collections.abc import AsyncIterator

import pytest
from aiserver_media_kit import Asker
from media_kit import MediaHouse, form, open_media, png, wav

from bus.connection import Link


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats) as opened:
        yield opened


@pytest.fixture
def ask(house: MediaHouse) -> Asker:
    return Asker(house.house)


async def test_a_generation_is_asked_for_by_its_number_and_read_back(house: MediaHouse, ask: Asker) -> None:
    """checklist 53"""
    asked = {
        "request": {"taskType": 1, "positivePrompt": "a cat", "steps": 8, "cfgScale": 2.5, "sampler": "huen"},
        "refId": "g1",
    }
    told = await ask.good("/generate", asked)
    assert set(told) == {"id", "refId"}
    await ask.ended(told)
    body = house.studio.last.body
    assert (body["steps"], body["cfg_scale"], body["sampler"]) == (8, 2.5, "heun")
    by_id = await ask.good(f"/generation/{told['id']}", method="GET")
    assert (
        by_id
        == await ask.good("/generation/ref/g1", method="GET")
        == await ask.good("GetGeneration", method="GET", query={"refId": "g1"})
    )
    assert (by_id["request"]["taskType"], by_id["request"]["positivePrompt"], by_id["request"]["steps"]) == (
        1,
        "a cat",
        8,
    )
    assert by_id["outputs"] == by_id["result"]["outputs"]
    assert by_id["outputs"][0]["url"].startswith(house.house.url)
    slow = await ask.good("/generate", {"request": {"positivePrompt": "sleep 0.4"}})
    assert (await ask(f"/generation/{slow['id']}", method="GET"))[0] == 404
    await ask.ended(slow)


async def test_every_task_has_its_number(house: MediaHouse, ask: Asker) -> None:
    """checklist 52: and sound out of words is one of them."""
    pictures = ["text_to_image", "image_to_image", "image_upscale", "image_with_mask"]
    tasks = [*pictures, "image_to_text", "text_to_audio", "text_to_speech", "speech_to_text"]
    for number, op in enumerate(tasks, 1):
        args = {"taskType": number, "positivePrompt": "rain", "sampleLength": 5, "maskChannel": "alpha", "denoise": 0.0}
        files = [(name, png()) for name in ("image", "mask")] + [("audio", wav(), "a.wav")]
        told = await ask.good("CreateGeneration", form=form(*files, request=json.dumps(args), refId=f"t{number}"))
        await ask.ended(told)
        seen = house.studio.last
        assert (seen.job.op, seen.job.ref) == (op, f"t{number}")
        if op == "text_to_audio":
            assert (seen.body["seconds"], seen.body["positive_prompt"]) == (5, "rain")
        if op == "text_to_speech":
            assert seen.body["input"] == "rain"
        if op == "image_with_mask":
            assert (seen.body["mask_channel"], seen.body["denoise"]) == ("alpha", 0.0)


async def test_a_generation_without_what_it_needs_is_refused(ask: Asker) -> None:
    assert (await ask.bad("CreateGeneration", {}))[0] == 400
    assert await ask.bad("CreateGeneration", {"request": {"taskType": 1}}) == (
        400,
        "ArgumentNullException",
        "positivePrompt",
    )
    assert await ask.bad("CreateGeneration", {"request": {"taskType": 3}}) == (400, "ArgumentNullException", "image")
    asked = {"request": {"taskType": 1, "positivePrompt": "x", "aspectRatio": "wide"}}
    assert await ask.bad("CreateGeneration", asked) == (400, "ArgumentException", "aspectRatio")
