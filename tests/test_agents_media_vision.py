"""Pictures told in words by any model that chats and sees, whatever its dialect; and pictures that a chat draws."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pyvips
from agents_media_kit import Studio, done
from chat_kit import KEY
from conform_kit import FAKES
from fake_openai_media import FakeOpenAIMedia
from image_kit import picture
from shelf_kit import Kit, open_shelf

from agents import _openai_painted
from agents._http import Http
from agents._vision import sees
from agents.agent import load
from bus.connection import Link
from ops import catalogue
from schemas.media import FileRef, decode_media
from schemas.problem import Code
from schemas.provider import Model, Provider

SEEING = ["openai", "anthropic", "gemini", "ollama"]


@pytest.fixture
async def kit(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as opened:
        yield opened


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(private=True) as client:
        yield client


@pytest.mark.parametrize("kind", SEEING)
async def test_a_picture_is_told_in_words_whoever_sees_it(kit: Kit, http: Http, kind: str) -> None:
    async with FAKES[kind](key=KEY) as fake:
        studio = Studio(kind, fake.url, kit, http)
        studio.learn(Model(name="default", native="plain", op="image_to_text"), Model(name="default", native="other"))
        cat = await kit.given(picture("png"), "image/png")
        job = studio.job("image_to_text", "default", image=cat, prompt="What is it?", max_tokens=50, state="mine")
        events, problem = await studio.play(job)
        assert problem is None, problem.fault
        result = decode_media(done(events).body)
        assert [told.text for told in result.texts] == ["Grüße from the model."]
        assert (result.model, result.state, done(events).usage.tokens_in) == ("plain", "mine", 20)
        sent = json.dumps(fake.calls[-1].body)
        assert base64.b64encode(picture("png")).decode() in sent
        assert "What is it?" in sent
        assert KEY not in sent


async def test_a_large_picture_is_made_smaller_before_it_is_sent(kit: Kit, http: Http) -> None:
    async with FAKES["openai"](key=KEY) as fake:
        studio = Studio("openai", fake.url, kit, http)
        large = await kit.given(picture("avif", 3000, 1500), "image/avif")
        await studio.make("image_to_text", "plain", image=large)
        url = fake.calls[-1].body["messages"][0]["content"][0]["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,")
    shown = pyvips.Image.new_from_buffer(base64.b64decode(url.partition(",")[2]), "")
    assert (shown.width, shown.height) == (1568, 784)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello", Code.INVALID_REQUEST), (picture("jpg", 2000, 1800)[:5000], Code.INVALID_REQUEST),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Code.INVALID_REQUEST), (b"", Code.INVALID_REQUEST),
    ],
)  # fmt: skip
async def test_what_is_no_picture_is_the_callers_mistake(kit: Kit, http: Http, data: bytes, code: Code) -> None:
    async with FAKES["openai"](key=KEY) as fake:
        studio = Studio("openai", fake.url, kit, http)
        problem = await studio.fail("image_to_text", "plain", image=await kit.given(data, "image/png"))
        assert (problem.code, problem.fault.param) == (code, "image")
        assert fake.calls == []


async def test_a_picture_of_too_many_pixels_is_not_opened(kit: Kit, http: Http) -> None:
    giant: Any = pyvips.Image.black(20_000, 20_000)
    async with FAKES["openai"](key=KEY) as fake:
        studio = Studio("openai", fake.url, kit, http)
        bomb = await kit.given(giant.pngsave_buffer(compression=9, bitdepth=1), "image/png")
        problem = await studio.fail("image_to_text", "plain", image=bomb)
    assert (problem.code, problem.fault.param) == (Code.TOO_LARGE, "image")


async def test_a_model_without_words_is_no_success(kit: Kit, http: Http) -> None:
    async with FAKES["openai"](key=KEY) as fake:
        studio = Studio("openai", fake.url, kit, http)
        problem = await studio.fail("image_to_text", "empty", image=await kit.given(picture("png"), "image/png"))
    assert problem.code is Code.PROVIDER_GARBLED


def test_a_model_that_sees_is_announced_for_it_and_the_first_one_is_the_default() -> None:
    known, provider = catalogue.load(), Provider(name="openai", kind="openai")
    models = [
        Model(name="gpt-3.5"),
        Model(name="gpt-4o"),
        Model(name="mine", vision=True),
        Model(name="gpt-5", vision=False),
    ]
    found = {model.name: model for model in known.announced(provider, models, sees=True) if model.op == "image_to_text"}
    assert set(found) == {"gpt-4o", "gpt-4o:latest", "mine", "default"}
    assert found["default"].native == "gpt-4o"
    assert not [model for model in known.announced(provider, models) if model.op == "image_to_text"]


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("gpt-4o-mini", True), ("gpt-4o-transcribe", False), ("gpt-3.5-turbo", False), ("claude-opus-5", True), ("o3", True),
        ("o3-mini", False), ("llava:13b", True), ("Qwen/Qwen2.5-VL-7B-Instruct", True), ("qwen3:8b", False),
        ("gemma3:4b", True), ("gemma3:1b", False), ("gpt-oss-20b", False), ("llama3.2-vision:11b", True),
    ],
)  # fmt: skip
def test_a_name_tells_whether_a_model_sees(name: str, can: bool) -> None:
    assert sees(name) is can


def test_the_local_model_sees_nothing() -> None:
    assert set(load("local").handles) == {"chat", "embeddings"}
    for kind in SEEING:
        assert "image_to_text" in load(kind).handles


# ---- drawn in a chat ----


@pytest.fixture
async def painter(
    kit: Kit, http: Http, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Studio, FakeOpenAIMedia]]:
    monkeypatch.setattr(_openai_painted, "HOSTS", ("127.0.0.1",))
    async with FakeOpenAIMedia(key=KEY) as fake:
        yield Studio("openai", fake.url, kit, http), fake


async def test_a_chat_draws_what_is_said_and_shown(painter: tuple[Studio, FakeOpenAIMedia], kit: Kit) -> None:
    studio, fake = painter
    result = await studio.make("text_to_image", positive_prompt="a cat", batch_size=2, width=1600, height=900)
    assert [(one.width, one.title) for one in result.artifacts] == [(8, "Here.")] * 2
    assert result.usage == {"prompt_tokens": 600, "completion_tokens": 24, "total_tokens": 624}
    sent = fake.calls[-1].json
    assert (sent["modalities"], sent["image_config"]) == (["image", "text"], {"aspect_ratio": "16:9"})
    cat = await kit.given(picture("png"), "image/png")
    await studio.make("image_to_image", positive_prompt="a dog", image=cat, images=[cat])
    assert [part["type"] for part in fake.calls[-1].json["messages"][0]["content"]] == [
        "text",
        "image_url",
        "image_url",
    ]


async def test_a_chat_that_draws_nothing_says_why(painter: tuple[Studio, FakeOpenAIMedia], kit: Kit) -> None:
    studio, _ = painter
    problem = await studio.fail("text_to_image", positive_prompt="refuse")
    assert (problem.code, "rather not" in problem.fault.message) == (Code.PROVIDER_REFUSED, True)
    cat: FileRef = await kit.given(picture("png"), "image/png")
    problem = await studio.fail("image_with_mask", positive_prompt="x", image=cat, mask=cat)
    assert problem.code is Code.PROVIDER_REFUSED
