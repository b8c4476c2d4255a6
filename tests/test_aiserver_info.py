"""What there is, told in the AI Server dialect: models, types, voices, prompts, icons, ComfyUI's files."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from aiserver_admin_kit import Desk, open_desk
from gateway_house import agent_of, until

from bus.connection import Link
from gateway.aiserver._icons import icon, initials
from schemas.provider import Model, Provider


def provider(desk: Desk, name: str, kind: str = "openai", **more: Any) -> Provider:
    return Provider(name=name, kind=kind, base_url=desk.house.fake.url, discover=False, **more)


async def house(desk: Desk) -> None:
    """Three providers, one of them of somebody's own."""
    rows = (
        provider(
            desk, "openai", type="openai",
            models=(Model(name="gpt-4o"), Model(name="o3"), Model(name="tts-1", op="text_to_speech")),
        ),
        provider(desk, "ollama", "ollama", models=(Model(name="llama3.3:70b"), Model(name="llava:13b", vision=True))),
        provider(desk, "mine", models=(Model(name="my-model"),)),
        provider(desk, "off", "ollama", models=(Model(name="phi4:14b"),), enabled=False),
    )  # fmt: skip
    for one in rows:
        await desk.house.config.put_provider(one)


async def test_active_models_are_listed_by_engine_and_by_sight(nats: Link) -> None:
    """checklist 31"""
    async with open_desk(nats, team=False) as desk:
        await house(desk)
        every = (await desk.get("ActiveAiModels"))["results"]
        assert every == sorted(["gpt-4o:latest", "llama3.3:70b", "llava:13b", "my-model", "o3:latest"])
        ollama = (await desk.get("ActiveAiModels", provider="OllamaAiProvider"))["results"]
        assert ollama == ["llama3.3:70b", "llava:13b", "my-model"]
        seeing = (await desk.get("ActiveAiModels", vision="true"))["results"]
        assert seeing == ["gpt-4o:latest", "llava:13b", "my-model", "o3:latest"]
        assert (await desk.get("ActiveCustomAiModels"))["results"] == ["my-model"]
        assert (await desk.ask("ActiveAiModels", method="GET", provider="Nobody"))[0] == 400


async def test_catalogues_are_browsed_with_filters_and_pages(nats: Link) -> None:
    """checklist 32"""
    async with open_desk(nats, team=False) as desk:
        llamas = await desk.get("QueryAiModels", idStartsWith="llama3.2", orderBy="id")
        assert [row["id"] for row in llamas["results"]] == ["llama3.2", "llama3.2-vision"]
        assert llamas["results"][0]["tags"] == ["1b", "3b"]
        assert llamas["results"][1]["vision"] is True
        page = await desk.get("QueryAiModels", skip=2, take=3, orderBy="id", include="total")
        assert (page["offset"], len(page["results"])) == (2, 3)
        assert page["total"] > 30
        kinds = {row["id"]: row for row in (await desk.get("QueryAiTypes"))["results"]}
        assert kinds["Open AI"]["apiBaseUrl"] == "https://api.openai.com"
        assert kinds["Google Cloud"]["provider"] == "GoogleAiProvider"
        assert kinds["GroqCloud"]["apiModels"]["llama3.3:70b"] == "llama-3.3-70b-versatile"
        assert "xai" in kinds
        prompts = await desk.get("QueryPrompts", nameContains="translator", fields="id,name")
        assert len(prompts["results"]) == 3
        assert "value" not in prompts["results"][0]


async def test_every_model_has_an_icon(nats: Link) -> None:
    """checklist 35"""
    async with open_desk(nats, team=False) as desk:
        await house(desk)

        async def drawn(name: str) -> str:
            async with desk.house.http.get(f"{desk.house.url}/icons/models/{name}") as reply:
                assert (reply.status, reply.content_type) == (200, "image/svg+xml"), await reply.text()
                text = await reply.text()
                ET.fromstring(text)  # our own answer
                return text

        family, custom, unknown = await drawn("llama3.3:70b"), await drawn("my-model"), await drawn("nobody-knows")
        assert "circle" in family
        assert ">L3<" in family
        assert "rect" in custom
        assert len({family, custom, unknown}) == 3
        assert await drawn("llama3.3") != unknown
        await drawn("%3Cscript%3Ealert(1)")


@pytest.mark.parametrize("name", ["<script>", '"', "&amp;", "a" * 500, "", "ÄÖ", "0"])
def test_an_icon_holds_nothing_that_the_name_does_to_it(name: str) -> None:
    for known in (True, False):
        root = ET.fromstring(icon(name, known=known, custom=not known))  # our own answer
        assert [child.tag.rpartition("}")[2] for child in root][1:] == ["text"]
    assert len(initials(name)) <= 4


async def test_media_models_and_types_are_listed_with_their_tasks(nats: Link) -> None:
    """checklist 57"""
    async with open_desk(nats, team=False) as desk:
        sdxl = Model(name="sdxl_lightning", native="sdxl_l.safetensors", op="text_to_image")
        await desk.house.config.put_provider(provider(desk, "box", "comfyui", models=(sdxl,)))
        types = {row["id"]: row["provider"] for row in (await desk.get("QueryMediaTypes"))["results"]}
        assert types == {"Replicate": "Replicate", "ComfyUI": "Comfy", "OpenAI": "OpenAi"}
        (flux,) = (await desk.get("QueryMediaModels", id="flux-schnell"))["results"]
        assert flux["type"] == "TextToImage"
        assert flux["apiModels"]["Replicate"] == "black-forest-labs/flux-schnell"
        there = (await desk.get("QueryMediaModels", providerId="ComfyUI"))["results"]
        assert [(row["id"], row["apiModels"]) for row in there] == [
            ("sdxl_lightning", {"ComfyUI": "sdxl_l.safetensors"})
        ]
        assert there[0]["supportedTasks"] == {"ComfyUI": ["TextToImage"]}
        assert (await desk.want("GetComfyModelMappings"))["models"] == {"sdxl_l.safetensors": "sdxl_lightning"}
        assert (await desk.want("GetComfyModels"))["results"] == ["sdxl_l.safetensors"]
        assert (await desk.ask("GetComfyModels", apiBaseUrl="http://169.254.169.254"))[0] == 503  # nobody goes to look


async def test_only_what_somebody_can_do_now_is_active(nats: Link) -> None:
    """checklist 57, checklist 51"""
    async with open_desk(nats, team=False) as desk:
        assert (await desk.get("ActiveMediaModels"))["results"] == []
        assert (await desk.get("QueryTextToSpeechVoices"))["results"] == []
        painter = provider(
            desk, "painter", priority=1,
            models=(Model(name="dall-e-3", op="text_to_image"), Model(name="tts-1:alloy", op="text_to_speech")),
        )  # fmt: skip
        async with agent_of(nats, painter):

            async def active() -> object:
                return (await desk.get("ActiveMediaModels"))["results"]

            assert await until(active) == [{"key": "dall-e-3", "value": "dall-e-3"}]
            voices = (await desk.get("QueryTextToSpeechVoices"))["results"]
            assert voices == [{"id": "Default", "model": "text-to-speech"}, {"id": "Alloy", "model": "tts-1:alloy"}]
