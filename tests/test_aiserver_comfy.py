"""ComfyUI's workflows in the AI Server dialect, over a real agent and a double of ComfyUI."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiserver_media_kit import Asker
from fake_comfyui import FakeComfyUI
from gateway_house import House, open_house, until
from media_kit import form, png
from test_workflows_http import API, BUILT_IN, gpu_of
from workflow_kit import text_to_image

from bus.connection import Link
from gateway.aiserver.comfy import humane, info_of
from schemas.dtos.comfy_words import ComfyInputType, ComfyPrimarySource, ComfyWorkflowType
from schemas.provider import Provider

STATUS = "GetArtifactGenerationStatus"


class Box:
    """A house with a ComfyUI."""

    def __init__(self, house: House, comfy: FakeComfyUI) -> None:
        self.house, self.comfy, self.ask = house, comfy, Asker(house)

    async def put(self, name: str, workflow: dict[str, Any]) -> None:
        assert (await self.house.get(f"/workflows/{name}", method="PUT", data=json.dumps(workflow).encode()))[0] == 200


def drawn() -> dict[str, Any]:
    """One that the double can run."""
    workflow = text_to_image()
    workflow["nodes"][0]["widgets_values"] = ["sd15.safetensors"]
    return workflow


@pytest.fixture
async def box(nats: Link) -> AsyncIterator[Box]:
    async with (
        FakeComfyUI() as comfy,
        open_house(nats, agent=False, workflows=BUILT_IN) as house,
        gpu_of(nats, Provider(name="gpu", kind="comfyui", base_url=comfy.url, slots=1)),
    ):
        made = Box(house, comfy)
        await made.put("my_portrait", drawn())

        async def ready() -> bool:
            return (await house.get("/workflows/my_portrait/inputs"))[0] == 200

        await until(ready)
        yield made


async def test_workflows_are_listed_to_their_key_alone(box: Box) -> None:
    """checklist 76: sorted, the built-in ones and one's own; nothing without a key."""
    assert await box.ask.good("/comfy/workflows", method="GET") == ["my_portrait.json", "plain.json"]
    assert await box.ask.good("GetComfyWorkflows", method="GET", key=box.house.other) == ["plain.json"]
    assert (await box.ask("GetComfyWorkflows", method="GET", key=""))[0] == 401


async def test_a_workflow_of_ones_own_stands_before_the_built_in(box: Box) -> None:
    """checklist 72, checklist 81: a workflow of that name takes the built-in one's place."""
    await box.put("plain", API)
    assert await box.ask.good("GetComfyWorkflows", method="GET") == ["my_portrait.json", "plain.json"]
    prompt = json.loads(await box.ask.good("GetComfyApiPrompt", method="GET", query={"workflow": "plain.json"}))
    assert prompt["prompt"] == API


async def test_a_workflow_tells_what_it_asks_for(box: Box) -> None:
    """checklist 77: types, defaults, ranges and choices; a path and a bare name are the same."""
    for name in ("my_portrait.json", "my_portrait", "text-to-image/my_portrait.json"):
        told = await box.ask.good("/comfy/workflows/info", method="GET", query={"workflow": name})
        found = told["result"]
        assert (found["name"], found["path"]) == ("My Portrait", "my_portrait.json")
        assert (found["type"], found["input"], found["output"]) == ("TextToImage", "Text", "Image")
    inputs = {one["name"]: one for one in found["inputs"]}
    assert (inputs["positive_prompt"]["type"], inputs["positive_prompt"]["default"]) == ("String", "a bottle")
    steps = inputs["steps"]
    assert (steps["type"], steps["nodeId"], steps["default"], steps["min"], steps["max"]) == ("Int", 3, 20, 1, 10000)
    assert (inputs["cfg"]["type"], inputs["seed"]["controlAfterGenerate"]) == ("Float", True)
    assert inputs["sampler_name"]["type"] == "Enum"
    assert "euler" in inputs["sampler_name"]["enumValues"]
    assert (await box.ask("GetComfyWorkflowInfo", method="GET", query={"workflow": "none"}))[0] == 404
    assert await box.ask.bad("GetComfyWorkflowInfo", method="GET") == (400, "NotEmpty", "workflow")
    assert (await box.ask("GetComfyWorkflowInfo", method="GET", query={"workflow": "../../etc/passwd"}))[0] == 404


async def test_a_drawing_is_told_as_the_prompt_that_comfyui_runs(box: Box) -> None:
    """checklist 73, checklist 78"""
    status, text = await box.ask("/comfy/workflows/prompt", method="GET", query={"workflow": "my_portrait"})
    assert status == 200
    prompt = json.loads(text)
    assert prompt["prompt"]["3"]["class_type"] == "KSampler"
    assert prompt["prompt"]["3"]["inputs"]["model"] == ["4", 0]
    assert prompt["prompt"]["6"]["inputs"]["text"] == "a bottle"
    assert prompt["extra_data"]["extra_pnginfo"]["workflow"] == drawn()
    status, _, told = await box.house.get("/workflows/my_portrait/inputs")
    assert (status, "prompt" in told) == (200, False)


async def test_a_workflow_is_run_with_arguments_by_name(box: Box) -> None:
    """checklist 71, checklist 74, checklist 79, checklist 80: and its files are told by the status requests."""
    asked = {
        "workflow": "my_portrait.json",
        "args": {"positive_prompt": "a cat", "steps": "5", "width": 64, "height": 64},
    }
    told = await box.ask.good("/comfy/workflows/queue", asked)
    assert set(told) == {"mediaProviderId", "refId", "promptId", "jobId"}
    done = await box.ask.ended(told)
    assert (len(done["results"]), done["results"][0]["provider"]) == (2, "gpu")
    assert done["results"][0]["url"].startswith(f"{box.house.url}/artifacts/")
    assert done["duration"].startswith("PT")
    sent = box.comfy.prompts[-1]["prompt"]
    assert (sent["6"]["inputs"]["text"], sent["3"]["inputs"]["steps"]) == ("a cat", 5)
    by_ref = await box.ask.good("GetGeneration", method="GET", query={"refId": told["refId"]})
    assert [one["url"] for one in by_ref["outputs"]] == [one["url"] for one in done["results"]]
    *_, year, month, day, _, name = done["results"][0]["url"].split("/")
    path = f"/comfy/{year}/{month}/{day}/{done['results'][0]['fileName']}"
    assert await box.ask.good(path, method="GET") == await box.ask.good(
        f"{path.rpartition('/')[0]}/{name}", method="GET"
    )
    assert (await box.ask(f"/comfy/{year}/{month}/{day}/none.png", method="GET"))[0] == 404
    assert (await box.ask(path, method="GET", key=box.house.other))[0] == 404
    assert (await box.ask(path, method="GET", key=""))[0] == 401


async def test_a_run_that_can_not_be_says_why(box: Box) -> None:
    """checklist 79: an argument that is none is named."""
    told = await box.ask.good("QueueComfyWorkflow", {"workflow": "my_portrait", "args": {"stepz": 5}})

    async def ended() -> Any:
        status, found = await box.ask(STATUS, method="GET", query={"jobId": told["jobId"]})
        return found if status != 200 else None

    found = (await until(ended))["responseStatus"]
    assert (found["errorCode"], found["errors"][0]["fieldName"]) == ("ArgumentException", "args.stepz")
    assert (await box.ask("QueueComfyWorkflow", {"workflow": "none"}))[0] == 404
    assert (await box.ask("QueueComfyWorkflow", {"workflow": "my_portrait"}, key=""))[0] == 401
    assert (await box.ask("QueueComfyWorkflow", {"workflow": "my_portrait"}, key=box.house.other))[0] == 404


async def test_a_picture_goes_into_a_workflow(box: Box) -> None:
    """checklist 79: as a part of the form, or as an argument that names a file."""
    load = {"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}  # fmt: skip
    await box.put("echo", load)
    told = await box.ask.good("QueueComfyWorkflow", form=form(("image", png()), workflow="echo"))
    first = await box.ask.ended(told)
    assert len(first["results"]) == 1
    path = first["results"][0]["url"].removeprefix(box.house.url)
    told = await box.ask.good("QueueComfyWorkflow", {"workflow": "echo", "args": {"image": path}})
    assert len((await box.ask.ended(told))["results"]) == 1


def test_what_the_agent_finds_is_told_in_this_dialects_words() -> None:
    one = {"name": "voice", "file": "audio", "node_id": "12:3", "label": "Voice"}
    told = info_of({"name": "speech_to_text", "type": "speech_to_text", "outputs": ["text"], "inputs": [one]})
    assert (told.type, told.input, told.output) == (
        ComfyWorkflowType.AudioToText, ComfyPrimarySource.Audio, ComfyPrimarySource.Text,
    )  # fmt: skip
    assert (told.inputs[0].type, told.inputs[0].node_id) == (ComfyInputType.Audio, 3)
    assert humane("text_to_image-sd3 large") == "Text To Image Sd3 Large"
