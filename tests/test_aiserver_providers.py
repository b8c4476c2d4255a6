"""Providers in the AI Server dialect: made, changed, tried, switched; and never a secret in an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from admin_house import CATALOGUE
from aiohttp import web
from aiserver_admin_kit import Desk, open_desk
from fake_provider import FakeProvider
from gateway_house import chat, until

from bus.connection import Link
from gateway.aiserver._numbers import number_of
from gateway.aiserver._sorts import AI, CUSTOM, our_priority, our_url, their_priority, their_url
from ops import catalogue
from ops.reloading import Reloading
from schemas.catalogue import Catalogue

SECRET = "sk-very-secret-0123456789"


MODEL = {
    "name": "llama3.2:1b", "model": "llama3.2:1b", "modified_at": "2026-05-01T10:00:00.123456789+02:00", "size": 1321098329,
    "digest": "abc", "details": {"format": "gguf", "family": "llama", "families": None, "parameter_size": "1.2B"},
}  # fmt: skip


@asynccontextmanager
async def tags(answer: object) -> AsyncIterator[str]:
    """A server that has an Ollama's list of models and nothing else."""
    app = web.Application()
    app.router.add_get("/api/tags", lambda request: web.json_response(answer))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def create(desk: Desk, fake: FakeProvider, **more: object) -> int:
    base = fake.url.removesuffix("/v1")
    fields = {"aiTypeId": "Open AI", "name": "One", "apiBaseUrl": base, "enabled": True, "models": [{"model": "m"}]}
    return int((await desk.want("CreateAiProvider", **(fields | more)))["id"])


async def one(desk: Desk, name: str = "one") -> dict:
    return (await desk.get("QueryAiProviders", name=name))["results"][0]


async def served(desk: Desk, model: str = "m") -> None:
    async def answers() -> bool:
        return (await desk.house.post(chat(model)))[0] == 200

    await until(answers)


async def test_a_provider_is_made_serves_is_changed_and_removed(nats: Link) -> None:
    async with open_desk(nats) as desk:
        number = await create(desk, desk.house.fake, apiKey=SECRET, priority=1, concurrency=3)
        assert number == number_of("one")
        await served(desk)
        held = desk.house.config.providers["one"]
        assert (held.type, held.slots, held.priority, held.base_url) == ("openai", 3, 2, desk.house.fake.url)
        told = await one(desk)
        assert (told["id"], told["priority"], told["concurrency"], told["aiTypeId"]) == (number, 1, 3, "Open AI")
        assert told["apiBaseUrl"] == desk.house.fake.url.removesuffix("/v1")
        assert told["selectedModels"] == ["m"]
        assert "offlineDate" not in told
        assert told["createdDate"][:4] >= "2026"
        await desk.want("UpdateAiProvider", method="PATCH", id=number, priority=-1, concurrency=7)
        assert ((await one(desk))["priority"], (await one(desk))["concurrency"]) == (-1, 7)
        await desk.want("DeleteAiProvider", method="DELETE", id=number)
        assert (await desk.get("QueryAiProviders"))["results"] == []
        assert (await desk.ask("DeleteAiProvider", method="DELETE", id=number))[0] == 404


async def test_a_providers_key_is_never_shown_and_its_mask_keeps_it(nats: Link) -> None:
    async with open_desk(nats, team=False) as desk:
        number = await create(desk, desk.house.fake, apiKey=SECRET)
        for dto in ("QueryAiProviders", "GetActiveProviders", "QueryMediaProviders"):
            assert SECRET not in str(await desk.get(dto))
        assert SECRET not in str(desk.house.config.providers)
        sealed = desk.house.config.providers["one"].key
        assert sealed.startswith("sealed:")
        shown = (await one(desk))["apiKey"]
        await desk.want("UpdateAiProvider", method="PATCH", id=number, apiKey=shown, priority=2)
        assert desk.house.config.providers["one"].key == sealed
        status, answer = await desk.ask(
            "UpdateAiProvider", method="PATCH", id=number, apiBaseUrl="http://elsewhere.example"
        )
        assert status == 400, answer  # no secret goes to another address
        await desk.want("UpdateAiProvider", method="PATCH", id=number, apiKeyVar="OPENAI_API_KEY")
        told = await one(desk)
        assert told["apiKeyVar"] == "OPENAI_API_KEY"
        assert "apiKey" not in told
        assert (await desk.ask("UpdateAiProvider", method="PATCH", id=number, apiKey="env:AI_SERVER_X"))[0] == 400
        status, _ = await desk.ask("UpdateAiProvider", method="PATCH", id=number, apiKeyVar="AI_SERVER_MASTER")
        assert status == 400


async def test_a_key_may_go_in_a_header_of_its_own(nats: Link) -> None:
    async with open_desk(nats) as desk:
        await create(desk, desk.house.fake, apiKey=SECRET, apiKeyHeader="x-api-key")
        held = desk.house.config.providers["one"]
        assert held.key == ""
        assert held.headers["x-api-key"].startswith("sealed:")
        assert (await one(desk))["apiKeyHeader"] == "x-api-key"
        status, answer = await desk.ask(
            "CreateAiProvider", aiTypeId="Custom", name="x", apiKey="k", apiKeyHeader="Color"
        )
        assert (status, answer["responseStatus"]["errors"][0]["fieldName"]) == (400, "apiKeyHeader")


async def test_fields_are_reset_by_name(nats: Link) -> None:
    async with open_desk(nats, team=False) as desk:
        number = await create(desk, desk.house.fake, apiKey=SECRET, concurrency=3)
        status, _, _ = await desk.house.get(
            "/api/UpdateAiProvider", desk.boss, "PATCH", params={"reset": "apiKey,concurrency"}, json={"id": number}
        )
        assert status == 200
        held = desk.house.config.providers["one"]
        assert (held.key, held.slots) == ("", 64)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("aiTypeId", {"aiTypeId": "Nobody", "name": "x"}),
        ("name", {"aiTypeId": "Open AI", "name": "!!!"}),
        ("name", {"aiTypeId": "Open AI", "name": ""}),
    ],
)
async def test_what_is_wrong_with_a_provider_is_told_by_its_field(nats: Link, field: str, fields: dict) -> None:
    async with open_desk(nats, team=False) as desk:
        status, answer = await desk.ask("CreateAiProvider", **fields)
        assert status == 400
        assert answer["responseStatus"]["errors"][0]["fieldName"] == field
        assert (await desk.ask("CreateAiProvider", by=desk.house.secret, **fields))[0] == 403


async def test_a_provider_is_taken_offline_and_back_by_hand(nats: Link) -> None:
    """checklist 42, checklist 37"""
    async with open_desk(nats) as desk:
        await create(desk, desk.house.fake)
        await served(desk)
        said = await desk.want("ChangeAiProviderStatus", provider="One", online=False)
        assert said["result"] == "one was taken offline"

        async def refused() -> bool:
            return (await desk.house.post(chat()))[0] >= 400

        await until(refused)
        assert (await desk.get("GetActiveProviders"))["results"] == []
        said = await desk.want("ChangeAiProviderStatus", provider="one", online=True)
        assert said["result"] == "one is back online"
        await served(desk)
        assert [found["name"] for found in (await desk.get("GetActiveProviders"))["results"]] == ["one"]
        assert (await desk.ask("ChangeAiProviderStatus", provider="nobody", online=True))[0] == 404


async def test_a_check_asks_the_provider_itself(nats: Link) -> None:
    """checklist 42, checklist 41"""
    async with open_desk(nats) as desk:
        await create(desk, desk.house.fake)
        await served(desk)
        assert (await desk.want("CheckAiProviderStatus", provider="one"))["result"] is True
        await create(desk, desk.house.fake, name="dead", apiBaseUrl="http://127.0.0.1:9")

        async def heard() -> bool:
            return bool((await desk.want("CheckAiProviderStatus", provider="dead"))["meta"]["error"])

        await until(heard)
        assert (await desk.want("CheckAiProviderStatus", provider="dead"))["result"] is False
        assert (await desk.ask("CheckAiProviderStatus", provider="nobody"))[0] == 404


async def test_a_provider_that_can_not_be_reached_says_since_when(nats: Link) -> None:
    """checklist 38"""
    async with open_desk(nats) as desk:
        await create(desk, desk.house.fake, name="dead", apiBaseUrl="http://127.0.0.1:9", models=None)

        async def since() -> object:
            return (await one(desk, "dead")).get("offlineDate")

        first = await until(since)
        await asyncio.sleep(0)
        assert str(first)[:4] >= "2026"


async def test_media_providers_are_made_changed_and_removed(nats: Link) -> None:
    async with open_desk(nats, team=False) as desk:
        told = {"name": "ComfyUI Agent - box", "mediaTypeId": "ComfyUI", "apiBaseUrl": "http://127.0.0.1:7860",
                "apiKey": SECRET, "enabled": True, "models": ["sdxl_lightning.safetensors", "RealESRGAN_x2.pth"]}  # fmt: skip
        number = int((await desk.want("CreateMediaProvider", **told))["id"])
        (found,) = (await desk.get("QueryMediaProviders"))["results"]
        assert (found["id"], found["name"], found["mediaTypeId"]) == (number, "comfyui-agent---box", "ComfyUI")
        assert found["models"] == told["models"]
        assert found["mediaType"]["provider"] == "Comfy"
        held = desk.house.config.providers[found["name"]]
        assert [model.op for model in held.models] == ["text_to_image", "image_upscale"]
        await desk.want("UpdateMediaProvider", method="PATCH", id=number, enabled=False)
        assert desk.house.config.providers[found["name"]].enabled is False
        assert (await desk.get("QueryMediaProviders", name="nobody"))["results"] == []
        await desk.want("DeleteMediaProvider", method="DELETE", name="ComfyUI Agent - box")
        assert (await desk.get("QueryMediaProviders"))["results"] == []


async def test_a_changed_catalogue_holds_without_a_restart(nats: Link, tmp_path: Path) -> None:
    """checklist 43"""
    known, overrides = Catalogue(), tmp_path / "overrides"
    known.become(catalogue.load())
    overrides.mkdir()
    changed: list[int] = []
    async with open_desk(nats, team=False, known=known) as desk:
        reloading = Reloading(desk.house.bus, known, overrides, lambda: changed.append(1))
        await reloading.start()
        (overrides / "mine.toml").write_text('[prompts.pirate]\nname = "Pirate"\ntext = "Talk like one."\n')
        await reloading.ask()
        assert "pirate" in known.prompts
        assert changed
        assert (await desk.get("QueryPrompts", id="pirate"))["results"][0]["name"] == "Pirate"
        assert (await desk.ask("Reload"))[0] == 200
        assert "pirate" not in CATALOGUE.prompts


async def test_what_an_ollama_elsewhere_has_is_asked_by_an_agent(nats: Link) -> None:
    """checklist 33"""
    async with tags({"models": [MODEL, {"name": "bare", "details": None}]}) as url, open_desk(nats) as desk:

        async def asked() -> bool:
            return (await desk.ask("GetOllamaModels", method="GET", apiBaseUrl=url))[0] == 200

        await until(asked)  # until the agent process listens
        found = (await desk.get("GetOllamaModels", apiBaseUrl=url))["results"]
        assert [one["name"] for one in found] == ["llama3.2:1b", "bare"]
        assert (found[0]["size"], found[0]["details"]["parameter_size"]) == (1321098329, "1.2B")
        for bad in ("http://169.254.169.254", "file:///etc/passwd", "http://[fd00:ec2::254]/"):
            status, answer = await desk.ask("GetOllamaModels", method="GET", apiBaseUrl=bad)
            assert status in (400, 403), answer
        nobody, _, _ = await desk.house.get("/api/GetOllamaModels", "ais-wrong", params={"apiBaseUrl": url})
        assert nobody == 401


def test_addresses_and_priorities_are_the_same_there_and_back() -> None:
    for sort in AI:
        url = "https://host.example" if sort is not CUSTOM else "https://host.example/v1/chat/completions"
        assert their_url(sort, our_url(sort, url)) == url
    assert [their_priority(our_priority(said)) for said in (-1, 0, 1, 2)] == [-1, 0, 1, 2]
    assert len({number_of(f"provider-{n}") for n in range(500)}) == 500
