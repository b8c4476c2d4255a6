"""The gallery, and what the pages of media have in common: drops, phones, the dark, histories, features that nobody serves."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pyvips
from fake_media import wav
from image_kit import picture
from test_ui_files_page import drop, store
from test_ui_media import made_picture, prompt
from ui_kit import Ui

if TYPE_CHECKING:
    from ui_studio_kit import Painter

pytest_plugins = ["ui_studio_kit"]


@pytest.mark.long
def test_the_gallery_shows_makes_links_and_hands_on(ui: Ui, painter: "Painter") -> None:
    """checklist 115"""
    page = ui.open("/text-to-image", as_="analytics")
    prompt(page).fill("two herons")
    page.get_by_label("How many, as a number").fill("2")
    page.get_by_role("button", name="Paint").click()
    made_picture(page).wait_for()
    store(ui, "tone.wav", wav(), "analytics")
    with page.expect_response(lambda one: "/variants/" in one.url) as small:
        page.goto(f"{ui.url}/ui/gallery")
    assert small.value.headers["content-type"] == "image/webp"
    page.locator(".tile img:not(.waits)").nth(1).wait_for()
    ui.shot(page, "gallery")
    ui.axe(page)
    page.locator(".tile .thumb").first.click()
    box = page.get_by_role("dialog")
    box.get_by_text("1 of 2").wait_for()
    page.keyboard.press("ArrowRight")
    box.get_by_text("2 of 2").wait_for()
    for key in ("+", "+"):
        page.keyboard.press(key)
    box.get_by_text("196 %").wait_for()
    page.keyboard.press("0")
    page.keyboard.press("i")
    box.get_by_text("two herons").wait_for()
    box.get_by_text("painter-1").wait_for()
    box.get_by_text(str(painter.last.body["seed"])).wait_for()
    ui.shot(page, "gallery-lightbox")
    ui.axe(page)
    with page.expect_download() as download:
        page.keyboard.press("d")
    assert Path(download.value.path()).read_bytes()[:4] == b"\x89PNG"
    page.reload()
    box.get_by_text("2 of 2").wait_for()  # the address says which is open
    act(page, box, "Pin as icon of its thread")
    page.get_by_text("Pinned as the icon of “two herons”").wait_for()
    act(page, box, "Link for others …")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Link", exact=True).input_value()
    assert page.context.browser.new_context().request.get(link).status == 200, "read without a key"
    page.keyboard.press("Escape")
    act(page, box, "Other sizes …")
    page.get_by_label("Width").fill("100")
    url = page.get_by_label("Address", exact=True).input_value()
    assert pyvips.Image.new_from_buffer(page.request.get(url).body(), "").width == 100
    page.keyboard.press("Escape")
    act(page, box, "Image to image")
    page.get_by_role("button", name=re.compile("^Remove ")).wait_for()  # it is the form's input
    assert "image=" not in page.url
    page.goto(f"{ui.url}/ui/text-to-image")
    page.locator(".thread img.picture").wait_for()
    page.goto(f"{ui.url}/ui/gallery")
    page.locator(".tile .thumb").first.click()
    act(page, box, "Delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("is deleted").wait_for()
    ui.until(page, "document.querySelectorAll('.tile').length === 1")
    page.get_by_role("tab", name="Sound").click()
    page.get_by_label("Where they come from").select_option("all")
    page.get_by_role("button", name="Open tone.wav").wait_for()


def act(page: Any, box: Any, name: str) -> None:
    box.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name=name).click()


@pytest.mark.long
def test_files_are_dropped_anywhere_on_a_page_that_takes_some(ui: Ui) -> None:
    """checklist 117"""
    for path, name, kind, data in (
        ("/upscale", "drop.png", "image/png", picture("png", 40, 30)),
        ("/speech-to-text", "drop.wav", "audio/wav", wav()),
    ):
        page = ui.open(path, as_="app")
        page.locator(".drop").wait_for()
        assert drop(page, [(name, kind, data)])
        page.get_by_role("button", name=f"Remove {name}").wait_for()
        page.reload()
        page.get_by_role("button", name=f"Remove {name}").wait_for()  # the draft is there again
    page = ui.open("/gallery", as_="app")
    page.locator(".drop").wait_for()
    assert drop(page, [("mine.png", "image/png", picture("png", 50, 50))])
    page.get_by_role("button", name="Open mine.png").wait_for()
    page.goto(f"{ui.url}/ui/image-to-text")
    page.get_by_role("button", name="From the gallery").click()
    page.get_by_role("button", name="Use mine.png").click()
    page.get_by_role("button", name="Remove mine.png").wait_for()


@pytest.mark.long
def test_phones_and_dark_rooms_have_the_same_pages(ui: Ui, painter: "Painter") -> None:
    page = ui.open("/text-to-image", as_="app", phone=True, dark=True)
    prompt(page).fill("a small boat")
    page.get_by_role("button", name="Paint").click()
    made_picture(page, "Made of a small boat").wait_for()
    ui.shot(page, "media-phone", full=True)
    ui.axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{ui.url}/ui/gallery")
    page.locator(".tile img:not(.waits)").first.wait_for()
    ui.shot(page, "gallery-phone")
    dark = ui.open("/gallery", as_="app", dark=True)
    dark.locator(".tile img:not(.waits)").first.wait_for()
    ui.shot(dark, "gallery-dark")
    ui.axe(dark)


@pytest.mark.long
def test_a_feature_that_nobody_serves_says_how_to_add_one(ui: Ui) -> None:
    page = ui.open("/text-to-video", as_="admin")
    prompt(page).wait_for()
    page.route("**/v1/models", lambda route: route.fulfill(json={"object": "list", "data": []}))
    page.reload()
    page.get_by_text("No provider can do this now (text to video)").wait_for()
    page.get_by_text("ai-server provider add comfyui").wait_for()
    page.get_by_role("link", name="Add a provider").wait_for()
    ui.shot(page, "media-nobody")


@pytest.mark.long
def test_the_history_of_a_feature_is_its_own(ui: Ui, painter: "Painter") -> None:
    """checklist 112"""
    page = ui.open("/text-to-audio", as_="admin")
    prompt(page).fill("rain on a window")
    page.get_by_role("button", name="Compose").click()
    page.get_by_role("button", name="Play").wait_for()
    page.get_by_role("link", name="rain on a window").wait_for()
    page.goto(f"{ui.url}/ui/text-to-image")
    page.get_by_text("No picture yet").wait_for()
    page.goto(f"{ui.url}/ui/text-to-audio")
    page.get_by_role("link", name="rain on a window").click()
    page.get_by_role("button", name="Play").wait_for()
    assert prompt(page).input_value() == "rain on a window"
