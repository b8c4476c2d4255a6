"""The page of ComfyUI workflows: dropped in, looked at, filled in, run with progress, kept; before a double of ComfyUI."""

import json
import re
import struct
import zlib
from typing import Any

import pytest
from fake_comfyui import FakeComfyUI
from media_kit import png
from test_ui_files_page import drop
from ui_kit import Ui
from workflow_kit import text_to_image

pytest_plugins = ["ui_agents_kit"]
AGENTS = ("comfyui", "image")


def portrait() -> dict[str, Any]:
    workflow = text_to_image()
    workflow["nodes"][0]["widgets_values"] = ["sd15.safetensors"]
    return workflow


def saved_picture(workflow: Any) -> bytes:
    """A picture as ComfyUI saves it: its workflow stands in a text chunk."""
    text = b"workflow\0" + json.dumps(workflow).encode()
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    whole = png()
    return whole[:33] + chunk + whole[33:]


def bring(ui: Ui, name: str, workflow: Any) -> None:
    house = ui.house.office.house
    status, _, told = ui.do(house.get(f"/workflows/{name}", ui.keys["app"], "PUT", data=json.dumps(workflow).encode()))
    assert status == 200, told


@pytest.fixture(autouse=True)
def none(ui: Ui) -> None:
    house = ui.house.office.house
    for one in ui.do(house.get("/workflows", ui.keys["app"]))[2]["data"]:
        if one["source"] == "own":
            ui.do(house.get(f"/workflows/{one['name']}", ui.keys["app"], "DELETE"))


@pytest.mark.long
def test_a_picture_with_a_workflow_in_it_is_dropped_its_form_is_filled_and_run(media: Ui, comfy: FakeComfyUI) -> None:
    """checklist 117"""
    page = media.open("/workflows", as_="app")
    page.get_by_text("Drop, paste or choose").wait_for()
    media.shot(page, "workflows-empty")
    media.axe(page)
    assert drop(page, [("my portrait.png", "image/png", saved_picture(portrait()))])
    page.wait_for_url(re.compile("/workflows/my%20portrait"))
    page.locator("[name=positive_prompt]").wait_for()
    assert page.locator("[name=positive_prompt]").input_value() == "a bottle"
    assert page.locator("[name=ckpt_name] option").all_inner_texts()[:2] == [
        "sd15.safetensors",
        "sdxl_base_1.0.safetensors",
    ]
    page.locator("[name=positive_prompt]").fill("a lighthouse in a storm")
    page.locator("[name=steps]").fill("4")
    page.locator("[name=width]").fill("128")
    page.locator("[name=seed]").fill("77")
    code = page.get_by_role("region", name="The same from a program: curl").inner_text()
    assert '"positive_prompt": "a lighthouse in a storm"' in code
    assert '"sampler_name"' not in code, "what is as the workflow has it is not said"
    media.shot(page, "workflows-form")
    media.axe(page)
    comfy.hold("3")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("progressbar").first.wait_for()
    page.get_by_role("button", name="Cancel").wait_for()
    media.shot(page, "workflows-running")
    comfy.let_go()
    page.get_by_role("heading", name="Result").wait_for()
    picture = page.get_by_role("list", name="Results").get_by_role("img", include_hidden=True).first
    media.until(page, "[...document.querySelectorAll('[aria-label=Results] img')].some((one) => one.naturalWidth > 0)")
    assert picture.count() == 1
    sent = {node["class_type"]: node["inputs"] for node in comfy.prompts[-1]["prompt"].values()}
    assert (sent["KSampler"]["seed"], sent["KSampler"]["steps"], sent["EmptyLatentImage"]["width"]) == (77, 4, 128)
    media.shot(page, "workflows-result")
    media.axe(page)
    page.wait_for_url(re.compile("run="))
    page.reload()
    page.get_by_role("heading", name="Result").wait_for()
    media.until(page, "document.querySelector('[name=positive_prompt]').value === 'a lighthouse in a storm'")
    page.get_by_role("button", name="History").click()
    page.get_by_role("link", name=re.compile("my portrait: a lighthouse")).wait_for()


@pytest.mark.long
def test_values_are_kept_as_a_preset_and_come_back(media: Ui) -> None:
    bring(media, "portrait", portrait())
    page = media.open("/workflows/portrait", as_="app")
    page.locator("[name=steps]").wait_for()
    page.locator("[name=steps]").fill("33")
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("menuitem", name="Save these values …").click()
    page.get_by_label("Name of the preset").fill("slow and good")
    page.keyboard.press("Enter")
    page.get_by_text("Saved as “slow and good”").wait_for()
    page.reload()
    page.locator("[name=steps]").wait_for()
    assert page.locator("[name=steps]").input_value() == "20"
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("menuitem", name="slow and good", exact=True).click()
    media.until(page, "document.querySelector('[name=steps]').value === '33'")


@pytest.mark.long
def test_a_run_is_cancelled_and_a_wrong_value_stands_at_its_field(media: Ui, comfy: FakeComfyUI) -> None:
    bring(media, "portrait", portrait())
    page = media.open("/workflows/portrait", as_="app")
    page.locator("[name=steps]").wait_for()
    page.locator("[name=steps]").fill("0")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("At least 1.").wait_for()
    page.locator("[name=steps]").fill("5")
    comfy.hold("3")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile("run="))
    page.get_by_text("100 %").or_(page.locator(".running .bar:not(.free)")).first.wait_for()
    page.reload()  # the one ComfyUI is busy: the run and its form are there all the same
    page.get_by_role("button", name="Cancel").click(timeout=5000)
    page.get_by_text("Cancelled", exact=True).wait_for()
    assert page.locator("[name=steps]").input_value() == "5"
    assert not page.get_by_role("alert").count(), "what one has asked for is no failure"
    comfy.let_go()


@pytest.mark.long
def test_what_is_no_workflow_is_told_in_words_and_one_is_deleted_by_name(media: Ui) -> None:
    media.expects(400, "/workflows/")
    bring(media, "portrait", portrait())
    page = media.open("/workflows", as_="app")
    page.get_by_role("link", name=re.compile("portrait")).wait_for()
    drop(page, [("holiday.png", "image/png", png())])
    page.get_by_text("holiday.png is a picture without a workflow in it.").wait_for()
    drop(page, [("portrait.json", "application/json", json.dumps(portrait()).encode())])
    page.get_by_role("dialog", name="Replace “portrait”?").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Actions of portrait").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog", name="Delete “portrait”?").get_by_role("button", name="Delete").click()
    page.get_by_role("link", name=re.compile("portrait")).wait_for(state="detached")


@pytest.mark.long
@pytest.mark.parametrize("how", ["dark", "phone"])
def test_it_is_pleasant_in_the_dark_and_on_a_phone(media: Ui, how: str) -> None:
    bring(media, "portrait", portrait())
    page = media.open("/workflows", as_="app", dark=how == "dark", phone=how == "phone")
    page.get_by_role("link", name=re.compile("portrait")).wait_for()
    media.shot(page, f"workflows-{how}")
    media.axe(page)
    page.get_by_role("link", name=re.compile("portrait")).click()
    page.locator("[name=steps]").wait_for()
    assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth")
    media.shot(page, f"workflows-form-{how}")
    media.axe(page)
