"""`/openapi.json`: all that is served is in it, what is in it is served, its examples fit, and it comes quickly."""

import asyncio
import base64
import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

import imageio_ffmpeg
import jsonschema
import pytest
import pyvips
import yaml
from described_kit import NOBODY, Document, follow, mounted, operations, papers, references, routed, served
from gateway_house import House
from openapi_spec_validator import OpenAPIV31SpecValidator

from bus.connection import Link
from gateway.described import samples
from gateway.described.doors import WIRES
from gateway.described.dtos import shown_apis
from gateway.described.routes import NOTES
from gateway.described.shapes import Shapes, field_texts
from gateway.described.yaml import yaml_of
from gateway.dialects.doors import DOORS, VERBS
from gateway.openapi import TAGS, used_of
from schemas.dtos import APIS
from schemas.media import TextToImage
from schemas.operations import OPERATIONS


@pytest.fixture
async def kept(nats: Link) -> dict[str, Any]:
    return await papers(nats)


@pytest.fixture
async def document(kept: dict[str, Any]) -> Document:
    found: Document = kept["openapi"]
    return found


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with served(nats) as opened:
        yield opened


# ---- all of it -------------------------------------------------------------------------------------------------------


def test_the_document_is_openapi_3_1(document: Document) -> None:
    OpenAPIV31SpecValidator(thinned(document)).validate()  # type: ignore[arg-type]
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == "1.2.3"


def thinned(document: Document) -> Document:
    """The document with one DTO in ten, for they are all made by one function, and the judge is slow."""
    dtos = [path for path in document["paths"] if path.startswith("/api/") and path[5].isupper()]
    paths = {path: item for path, item in document["paths"].items() if path not in dtos or path in dtos[::10]}
    components = document["components"]
    kept = used_of(components["schemas"], [paths, components["responses"]])
    return {**document, "paths": paths, "components": {**components, "schemas": kept}}


def test_every_route_of_the_app_is_described(kept: dict[str, Any], document: Document) -> None:
    paths = document["paths"]
    for method, path in routed(kept["app"]):
        if path.endswith("/{rest}"):  # Gemini's: its verbs are described one by one
            assert any(other.startswith(path.removesuffix("{rest}") + "{model}:") for other in paths)
            continue
        assert method in paths.get(path, {}), f"{method} {path} is not described"
    for path in mounted(kept["app"]):
        assert path in paths or any(other.startswith(f"{path}/{{") for other in paths), f"{path} is not described"


def test_every_door_verb_operation_and_dto_is_described(document: Document) -> None:
    paths = document["paths"]
    assert {path for path in DOORS if "post" not in paths.get(path, {})} == set()
    for verb in VERBS:
        for root in ("v1", "v1beta"):
            assert "post" in paths[f"/{root}/models/{{model}}:{verb}"]
    assert {path for one in OPERATIONS.values() for path in one.routes if path not in paths} == set()
    names = {name for name, _ in shown_apis()}
    assert {"TextToImage", "OpenAiChatCompletion"} <= names
    assert {name for name in names if APIS[name].verb.lower() not in paths.get(f"/api/{name}", {})} == set()
    assert {operation["operationId"] for _, path, operation in operations(document) if path == "/api/TextToImage"} == {
        "TextToImage"
    }


def test_every_ordinary_route_has_a_note_and_no_note_is_of_a_route_that_is_gone(kept: dict[str, Any]) -> None:
    ordinary = {one for one in routed(kept["app"]) if not one[1].endswith("/{rest}")}
    assert ordinary == NOTES.keys()
    assert set(WIRES) == {path for path, door in DOORS.items() if door.media is None} | VERBS.keys()


async def test_what_is_described_is_served_and_wants_a_key_exactly_where_it_says_so(
    house: House, document: Document
) -> None:
    several = asyncio.Semaphore(16)

    async def knock(method: str, path: str, operation: Document) -> None:
        url, more = asked(document, path, operation)
        async with several, house.http.request(method, house.url + url, **more) as reply:
            text = await reply.text()
            where = (method, path, reply.status, text[:200])
            assert "There is nothing at" not in text, where
            assert "There is no request" not in text, where
            assert reply.status < 500 or reply.status == 503, where
            assert reply.status != 405, where
            security = operation.get("security", document["security"])
            if not security:
                assert reply.status != 401 or operation["tags"] == ["Auth"], where
            elif {} not in security:
                assert reply.status == 401, where

    await asyncio.gather(*(knock(*one) for one in operations(document)))


def asked(document: Document, path: str, operation: Document) -> tuple[str, dict[str, Any]]:
    """Its example, without a key."""
    told: dict[str, dict[str, str]] = {"query": {}, "header": {}}
    for one in (follow(document, each) for each in operation.get("parameters", ())):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
        elif one.get("required"):
            told[one["in"]][one["name"]] = str(one["example"])
    more: dict[str, Any] = {"params": told["query"], "headers": told["header"]}
    return path, more | ({"data": b"{}"} if "requestBody" in operation else {})


# ---- its parts -------------------------------------------------------------------------------------------------------


def test_every_operation_has_a_name_of_its_own_a_known_tag_and_answers_for_good_and_bad(document: Document) -> None:
    names: set[str] = set()
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["operationId"] not in names, where
        names.add(operation["operationId"])
        assert operation["summary"], where
        assert set(operation["tags"]) <= set(TAGS), where
        assert any(status[0] == "2" for status in operation["responses"]), where
        assert {"4XX", "5XX"} <= operation["responses"].keys(), where


def test_every_reference_leads_somewhere_and_no_component_is_left_over(document: Document) -> None:
    found = set(references(document))
    for one in found:
        assert follow(document, {"$ref": one}) is not None, one
    components = {
        f"#/components/{kind}/{name}" for kind in document["components"] for name in document["components"][kind]
    }
    components -= {one for one in components if one.startswith("#/components/securitySchemes/")}
    assert components - found == set()


def test_every_operation_has_an_example_and_every_example_fits(document: Document) -> None:
    check = Examples(document)
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        for one in (follow(document, each) for each in operation.get("parameters", ())):
            assert not one.get("required") or "example" in one, f"{where}: {one['name']} has no example"
            check(one.get("schema", {}), one, f"{where}: {one['name']}")
        body = operation.get("requestBody")
        if body is not None:
            content = body["content"]
            assert not body["required"] or any("example" in one for one in content.values()), f"{where} has no example"
            for one in content.values():
                check(one["schema"], one, where)
        for status, answer in operation["responses"].items():
            for kind, one in follow(document, answer).get("content", {}).items():
                check(one["schema"], one, f"{where} {status}")
                if kind == "application/json" and status[0] == "2" and one["schema"].get("$ref"):
                    assert "example" in one, f"{where} {status} has no example"


class Examples:
    """Judges examples by their schemas."""

    def __init__(self, document: Document) -> None:
        self.components = {"components": document["components"]}

    def __call__(self, schema: Any, holder: Any, where: str) -> None:
        if "example" not in holder:
            return
        judge = jsonschema.Draft202012Validator({**schema, **self.components})
        wrong = [
            f"{where}: {'.'.join(map(str, one.path))}: {one.message[:200]}"
            for one in judge.iter_errors(holder["example"])
        ]
        assert wrong == []


def test_files_are_parts_of_forms_and_texts_in_json(document: Document) -> None:
    content = document["paths"]["/api/ImageToImage"]["post"]["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"]["properties"]["image"] == {"type": "string", "format": "binary"}
    named = follow(document, content["application/json"]["schema"])
    assert named["properties"]["image"]["type"] == "string"
    assert {"image", "positivePrompt"} <= set(named["required"])
    assert named["properties"]["seed"]["anyOf"][0]["maximum"] == 2**31 - 1
    edits = document["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert edits["properties"]["mask"]["format"] == "binary"


def test_streams_styles_and_each_dialects_errors_are_described(document: Document) -> None:
    paths = document["paths"]
    chat = paths["/v1/chat/completions"]["post"]
    assert "text/event-stream" in chat["responses"]["200"]["content"]
    assert "application/x-ndjson" in paths["/api/chat"]["post"]["responses"]["200"]["content"]
    assert "202" in chat["responses"]
    named = {follow(document, one)["name"] for one in chat["parameters"]}
    assert {"Prefer", "Idempotency-Key", "Reply-To", "x-ai-provider", "x-ai-explain", "x-ai-cache", "queue"} <= named
    refused = {
        path: item["post"]["responses"]["4XX"]["$ref"].rpartition("/")[2]
        for path, item in paths.items()
        if "post" in item
    }
    assert refused["/v1/messages"] == "Anthropic4XX"
    assert refused["/api/chat"] == "Ollama4XX"
    assert refused["/v1beta/models/{model}:generateContent"] == "Gemini4XX"
    assert refused["/api/TextToImage"] == "AiServer4XX"
    assert refused["/media/text_to_image"] == "OpenAi4XX"


async def test_errors_look_as_they_are_described(house: House, document: Document) -> None:
    check = Examples(document)
    for path, name in (
        ("/v1/chat/completions", "OpenAi"), ("/v1/messages", "Anthropic"), ("/api/chat", "Ollama"),
        ("/v1beta/models/m:generateContent", "Gemini"), ("/api/TextToImage", "AiServer"),
    ):  # fmt: skip
        status, _, told = await house.post(b"{}", path=path)
        assert status == 400, (path, told)
        check({"$ref": f"#/components/schemas/{name}Error"}, {"example": told}, path)


def test_the_samples_are_what_they_say() -> None:
    def bytes_of(text: str) -> bytes:
        return base64.b64decode(text.partition(",")[2])

    for one in (samples.PICTURE, samples.MASK):
        picture = pyvips.Image.new_from_buffer(bytes_of(one), "")
        assert (picture.width, picture.height) == (64, 64)
    for one in (samples.SOUND, samples.VIDEO):
        words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-f", "null", "-"]
        assert subprocess.run(words, input=bytes_of(one), capture_output=True, check=True).stderr == b""


def test_the_text_below_a_field_is_its_description() -> None:
    shapes = Shapes()
    assert shapes.of(TextToImage) == {"$ref": "#/components/schemas/TextToImage"}
    assert "by chance" in shapes.components["TextToImage"]["properties"]["seed"]["description"]
    assert field_texts("json") == {}


def test_two_types_of_one_name_in_one_group_are_an_error() -> None:
    shapes = Shapes()
    shapes.of(TextToImage)
    with pytest.raises(ValueError, match="TextToImage"):
        shapes.of(APIS["TextToImage"].request)
    shapes.of(APIS["TextToImage"].request, "Other.")


# ---- how it comes ----------------------------------------------------------------------------------------------------


def test_the_yaml_says_the_same(kept: dict[str, Any]) -> None:
    assert yaml.load(kept["yaml"], Loader=yaml.CSafeLoader) == kept["openapi"]


def test_yaml_holds_whatever_json_does() -> None:
    data = {
        "a": {},
        "b": [],
        "c": [{"d": None}, [1, [True]], "x: y\n- z", ""],
        "é:": -1.5e9,
        "null": "null",
        "q\"'": "\u2028",
    }
    assert yaml.safe_load(yaml_of(data)) == data


async def test_the_document_is_small_on_the_wire_known_again_and_quick_once_made(house: House) -> None:
    url, packed = f"{house.url}/openapi.json", {"accept-encoding": "gzip"}
    async with house.http.get(url, headers=packed) as reply:
        assert reply.headers["content-encoding"] == "gzip"
        assert int(reply.headers["content-length"]) < 150_000
        assert (await reply.json())["openapi"] == "3.1.0"
        tag = reply.headers["etag"]
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        async with house.http.get(url) as reply:
            await reply.read()
        best = min(best, time.perf_counter() - began)
    assert best < 0.1
    async with house.http.get(url, headers={"if-none-match": tag}) as reply:
        assert reply.status == 304
        assert await reply.read() == b""
    status, _, same = await house.get("/openapi", headers=NOBODY)
    assert status == 200
    assert same["openapi"] == "3.1.0"


async def test_a_name_that_is_no_text_is_refused_and_no_failure_of_ours(house: House) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    for name in ("refId", "replyTo", "tag"):
        for value in ({}, [1], True):
            status, _, told = await house.post({name: value, "request": asked}, path="/api/QueueOpenAiChatCompletion")
            assert (status, told["responseStatus"]["errors"][0]["fieldName"]) == (400, name)
    status, _, told = await house.post({"refId": 0.5, "request": asked}, path="/api/QueueOpenAiChatCompletion")
    assert status < 500, told
