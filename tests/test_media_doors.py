"""`/media/{operation}`: every operation of the registry, in JSON and as a form, with its files; and who may ask for it."""

import base64
import json
from collections.abc import AsyncIterator

import msgspec
import pytest
from media_kit import MEDIA, MediaHouse, form, open_media, png, wav

from bus.connection import Link
from gateway.parts import FileRules
from ops.artifacts import Keeping
from schemas.operations import OPERATIONS
from schemas.provider import ApiKey


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats) as opened:
        yield opened


ASKED = {
    "positive_prompt": "a cat", "input": "hello", "output_format": None, "width": 100, "height": 100, "start_time": "1",
    "workflow": '{"1": {"class_type": "LoadImage"}}',
}  # fmt: skip
FORMATS = {"convert_image": "png", "convert_video": "mp4", "convert_audio": "mp3"}


def fields_of(op: str) -> dict[str, object]:
    needed = [one for one in msgspec.structs.fields(OPERATIONS[op].request) if one.required]
    told = {one.name: ASKED.get(one.name) for one in needed if one.name not in OPERATIONS[op].files}
    return {**told, "output_format": FORMATS[op]} if op in FORMATS else told


async def test_every_operation_is_served_as_a_form_with_files(house: MediaHouse) -> None:
    for op in (one.name for one in MEDIA):
        files = [name for name in OPERATIONS[op].files if name not in ("images", "files")]
        data = form(*((name, png() if name != "audio" else wav(), f"my {name}.bin") for name in files), **fields_of(op))
        if op == "workflow":
            data.add_field("photo", png(), filename="p.png")
        status, heads, told = await house.media(op, form=data)
        assert status == 200, (op, told)
        seen = house.studio.last
        assert seen.job.op == op
        assert seen.job.model == OPERATIONS[op].model
        assert heads["x-ai-provider"] == "studio"
        assert heads["x-job-id"] == heads["x-request-id"] == str(seen.job.id)
        if files:
            assert set(seen.files) == set(files), op
        if op == "workflow":
            assert seen.files == {"files.photo": png()}
            assert seen.body["files"]["photo"]["content_type"] == "image/png"
        row = await house.house.row(heads["x-job-id"])
        assert (row.op, row.model, row.provider, row.status) == (op, OPERATIONS[op].model, "studio", 200)


async def test_a_workflows_arguments_that_are_files_are_found(house: MediaHouse) -> None:
    _, _, made = await house.media("text_to_image", {"prompt": "x"})
    url, number = made["artifacts"][0]["url"], made["artifacts"][0]["id"]
    inline = "data:image/png;base64," + base64.b64encode(png(6, 6)).decode()
    arguments = {"a": url, "b": number, "c": inline, "text": "see /artifacts/x", "link": "https://example.com/", "n": 5}
    body = {"workflow": {"1": {"class_type": "X"}}, "arguments": arguments, "files": {"d": inline}}
    status, _, told = await house.media("workflow", body)
    assert status == 200, told
    seen = house.studio.last
    assert seen.body["arguments"] == {name: arguments[name] for name in ("text", "link", "n")}
    one, other = house.studio.made[0], png(6, 6)
    assert seen.files == {"files.a": one, "files.b": one, "files.c": other, "files.d": other}
    data = form(("files[d]", png(), "d.png"), ("e", png(2, 2), "e.png"), workflow=json.dumps(body["workflow"]))
    data.add_field("arguments[seed]", "7")
    data.add_field("files[f]", url)
    assert (await house.media("workflow", form=data))[0] == 200
    assert house.studio.last.files == {"files.d": png(), "files.e": png(2, 2), "files.f": one}
    assert house.studio.last.body["arguments"] == {"seed": "7"}


async def test_the_result_names_files_that_can_be_read(house: MediaHouse) -> None:
    status, _, told = await house.media("text_to_image", {"positivePrompt": "two cats", "batchSize": 2})
    assert status == 200
    assert [one["content_type"] for one in told["artifacts"]] == ["image/png"] * 2
    assert [await house.fetch(one["url"]) for one in told["artifacts"]] == house.studio.made
    listed = await house.house.get(f"/v1/files/{told['artifacts'][0]['id']}")
    assert listed[2]["bytes"] == len(house.studio.made[0])


async def test_state_comes_back_and_model_and_provider_may_be_named(house: MediaHouse) -> None:
    asked = {"prompt": "x", "state": "mine: 7", "model": "painter", "provider": "studio", "tag": "t"}
    status, heads, told = await house.media("text_to_image", asked)
    assert (status, told["state"]) == (200, "mine: 7")
    assert house.studio.last.job.providers == ("studio",)
    row = await house.house.row(heads["x-job-id"])
    assert (row.tag, row.model) == ("t", "painter")
    status, _, told = await house.media("text_to_image", {**asked, "model": "no-such"})
    assert (status, told["error"]["code"], told["error"]["param"]) == (404, "model_not_found", "model")


async def test_accept_of_a_picture_or_raw_gives_the_bytes_themselves(house: MediaHouse) -> None:
    for more in ({"headers": {"Accept": "image/png"}}, {"params": {"raw": "1"}}):
        status, heads, body = await house.media("text_to_image", {"prompt": "x"}, **more)
        assert (status, heads["content-type"], body) == (200, "image/png", house.studio.made[-1])
        assert (heads["content-length"], heads["x-ai-provider"]) == (str(len(body)), "studio")
    status, heads, body = await house.media("text_to_audio", {"prompt": "x"}, headers={"Accept": "audio/*"})
    assert (heads["content-type"], body) == ("audio/wav", wav())
    for more in ({"headers": {"Accept": "*/*"}}, {"headers": {"Accept": "application/json, image/*"}}):
        assert (await house.media("text_to_image", {"prompt": "x"}, **more))[1]["content-type"] == "application/json"
    status, heads, told = await house.media("text_to_image", {"prompt": "x", "n": 2}, params={"raw": "1"})
    assert (heads["content-type"], len(told["artifacts"])) == ("application/json", 2)


async def test_internal_operations_have_no_door(house: MediaHouse) -> None:
    for op in ("variant", "poster", "inspect_workflow"):
        assert (await house.media(op, {"image": "file-1"}))[0] == 404
    assert (await house.house.get("/media/text_to_image"))[0] == 405


async def test_a_keys_rights_hold_for_media(nats: Link) -> None:
    def narrow(key: ApiKey) -> ApiKey:
        return msgspec.structs.replace(key, apis=("scale_image", "chat"), models=("painter",))

    async with open_media(nats, narrow) as house:
        status, _, told = await house.media("text_to_image", {"prompt": "x", "model": "painter"})
        assert (status, told["error"]["code"]) == (403, "forbidden")
        assert "'text_to_image'" in told["error"]["message"]
        status, _, told = await house.media("convert_image", form=form(("image", png()), output_format="png"))
        assert status == 403
        await house.empty()
        status, _, told = await house.media("scale_image", form=form(("image", png()), width=5))
        assert status == 200, told  # which agent cuts pictures is nobody's choice, so no list of models forbids it
        status, _, told = await house.media("scale_image", form=form(("image", png()), width=5, model="other"))
        assert (status, told["error"]["param"]) == (403, "model")


async def test_limits_count_requests_and_an_answer_without_tokens_costs_none(nats: Link) -> None:
    def slow(key: ApiKey) -> ApiKey:
        return msgspec.structs.replace(key, requests_per_minute=2, tokens_per_minute=10)

    async with open_media(nats, slow) as house:
        for _ in range(2):
            assert (await house.media("text_to_image", {"prompt": "a" * 500}))[0] == 200
        status, heads, told = await house.media("image_upscale", form=form(("image", png())))
        assert (status, told["error"]["code"]) == (429, "rate_limit_exceeded")
        assert "retry-after" in heads
        assert await house.inputs() == []


async def test_what_a_cdn_stands_before_is_in_the_answers(nats: Link) -> None:
    base = "https://cdn.example/x"
    async with open_media(nats, keeping=Keeping(base_url=base), files=FileRules(base_url=base)) as house:
        _, _, told = await house.media("/v1/images/generations", {"prompt": "x"})
        assert told["data"][0]["url"].startswith("https://cdn.example/x/artifacts/")
        status, _, told = await house.media("image_upscale", {"image": told["data"][0]["url"]})
        assert status == 200, told
        assert house.studio.last.files["image"] == house.studio.made[0]


async def test_models_are_listed_with_what_they_can_do(house: MediaHouse) -> None:
    _, _, told = await house.house.get("/v1/models")
    found = {model["id"]: model for model in told["data"]}
    assert set(found) == {"painter"}
    assert {"text_to_image", "speech_to_text", "workflow"} <= set(found["painter"]["operations"])
    assert (await house.house.get("/v1/models/painter"))[2]["id"] == "painter"
    for name in ("default", "image", "ffmpeg"):
        assert (await house.house.get(f"/v1/models/{name}"))[0] == 404
    assert (await house.house.get("/api/tags"))[2] == {"models": []}
    _, _, told = await house.house.get("/v1/models", headers={"anthropic-version": "2023-06-01"})
    assert told["data"] == []


async def test_openapi_knows_the_media_routes_and_their_fields(house: MediaHouse) -> None:
    _, _, told = await house.house.get("/openapi")
    for op in MEDIA:
        body = told["paths"][op.routes[0]]["post"]["requestBody"]["content"]
        assert body["application/json"]["schema"] == {"$ref": f"#/components/schemas/{op.request.__name__}"}
        parts = body["multipart/form-data"]["schema"]["properties"]
        for name in op.files:
            assert "binary" in msgspec.json.encode(parts[name]).decode(), (op.name, name)
    properties = told["components"]["schemas"]["TextToImage"]["properties"]
    assert {"positive_prompt", "width", "replyTo"} <= set(properties)
    image = told["components"]["schemas"]["ImageUpscale"]["properties"]["image"]
    assert image["type"] == "string"
    assert "FileRef" not in told["components"]["schemas"]
    assert "multipart/form-data" in told["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    answer = told["paths"]["/media/text_to_image"]["post"]["responses"]["200"]["content"]
    assert answer["application/json"]["schema"] == {"$ref": "#/components/schemas/MediaResult"}
