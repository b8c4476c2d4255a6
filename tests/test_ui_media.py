"""The pages that make and read media: what a person without code does with each feature."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pyvips
from image_kit import picture
from ui_kit import Ui

if TYPE_CHECKING:
    from ui_studio_kit import Life, Painter

pytest_plugins = ["ui_studio_kit"]


def choose(page: Any, label: str, name: str, data: bytes, kind: str = "image/png") -> None:
    page.locator("form .field", has_text=label).locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": kind, "buffer": data}
    )
    page.get_by_role("button", name=f"Remove {name}").wait_for()


def model(page: Any, name: str) -> None:
    box = page.get_by_role("combobox", name="Model")
    box.fill(name)
    page.get_by_role("option", name=name).first.click()


def prompt(page: Any) -> Any:
    return page.get_by_role("textbox", name="Prompt", exact=True)


def made_picture(page: Any, name: str = "Made of") -> Any:
    return page.get_by_role("list", name=name).locator("img:not(.waits)").first


def test_words_become_pictures_with_progress_and_nothing_is_lost_by_leaving(ui: Ui, painter: "Painter") -> None:
    page = ui.open("/text-to-image", as_="app")
    page.get_by_text("Your pictures appear here").wait_for()
    ui.shot(page, "media-empty")
    prompt(page).fill("hold a lighthouse at dusk")
    page.get_by_label("Size", exact=True).select_option("1216x832")
    page.keyboard.press("Control+Enter")
    page.get_by_alt_text("As it stands").wait_for()
    page.get_by_text("step 8 of 20 · 40 %").wait_for()
    page.get_by_text("left", exact=False).first.wait_for()
    ui.until(page, "/text-to-image\\/\\d+$/.test(location.pathname)")
    ui.shot(page, "media-running")
    at = page.url
    page.get_by_role("link", name="Home").first.click()  # leaves the page in the middle
    page.get_by_role("heading", level=1).first.wait_for()
    page.goto(at)  # and the tab
    page.get_by_text("step 8 of 20 · 40 %").wait_for()
    ui.house.loop.call_soon_threadsafe(painter.go.set)
    made_picture(page).wait_for()
    body = painter.last.body
    assert (body["width"], body["height"]) == (1216, 832)
    assert page.get_by_text(f"seed {body['seed']}").is_visible()
    ui.shot(page, "media-done")
    ui.axe(page)
    page.get_by_role("button", name="Run again").click()
    page.get_by_role("list", name="Results").get_by_role("article").nth(1).wait_for()
    ui.until(page, "document.querySelectorAll('.run .tile img:not(.waits)').length === 2")
    assert painter.last.body["seed"] != body["seed"], "by chance again"
    page.get_by_role("button", name=f"Use the seed {body['seed']}").click()
    assert page.get_by_role("spinbutton", name="Seed").input_value() == str(body["seed"])
    page.get_by_text("curl", exact=True).click()
    assert "$AI_SERVER_KEY" in page.locator(".making .code pre").inner_text()
    assert str(body["seed"]) in page.locator(".making .code pre").inner_text()


@pytest.mark.long
def test_what_a_form_lacks_and_what_a_provider_says_stand_where_one_looks(
    ui: Ui, life: "Life", painter: "Painter"
) -> None:
    page = ui.open("/text-to-image", as_="app")
    page.get_by_role("button", name="Paint").click()
    page.get_by_text("Prompt is needed.").wait_for()
    prompt(page).fill("fail image")
    page.get_by_role("button", name="Paint").click()
    page.get_by_text("'image' is no picture that can be read.").wait_for()
    ui.shot(page, "media-failed")
    life.openai.queue("policy")
    prompt(page).fill("something forbidden")
    model(page, "gpt-image-2.5-flare")
    page.get_by_role("button", name="Paint").click()
    said = page.get_by_role("alert").filter(has_text=re.compile("safety|policy|content", re.IGNORECASE))
    said.first.wait_for()
    prompt(page).fill("a fox")
    page.get_by_role("button", name="Paint").click()
    made_picture(page, "Made of a fox").wait_for()
    prompt(page).fill("hold on")
    model(page, "painter")
    page.get_by_role("button", name="Paint").click()
    page.get_by_text("step 8 of 20").wait_for()
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_text("cancelled").wait_for()


@pytest.mark.long
def test_a_mask_is_drawn_and_the_provider_receives_it(ui: Ui, life: "Life") -> None:
    """checklist 111"""
    page = ui.open("/inpaint", as_="app")
    choose(page, "Image", "cat.png", picture("png", 256, 256))
    prompt(page).fill("a red balloon")
    page.get_by_role("button", name="Paint the mask").click()
    page.get_by_text("Mask is needed.").wait_for()
    canvas = page.locator(".mask canvas")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.25, steps=4)
    page.mouse.up()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75)
    page.keyboard.press("Control+z")
    assert ink(page, 0.75, 0.75) == 0
    page.keyboard.press("Control+y")
    assert ink(page, 0.75, 0.75) > 0
    page.keyboard.press("Control+z")
    page.keyboard.press("i")
    assert (ink(page, 0.25, 0.25), ink(page, 0.75, 0.75) > 0) == (0, True)
    page.keyboard.press("i")
    page.keyboard.press("e")  # the eraser, by keys: down, three steps, up
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.1)
    page.keyboard.press("b")
    page.keyboard.press(" ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    assert ink(page, 0.25, 0.1) > 0
    ui.shot(page, "media-inpaint")
    ui.axe(page)
    model(page, "gpt-image-2.5-flare")
    page.get_by_role("button", name="Paint the mask").click()
    made_picture(page).wait_for()
    (call,) = life.openai.to("/v1/images/edits")
    (mask,) = [part for part in call.parts if part.name == "mask"]
    sent = pyvips.Image.new_from_buffer(mask.data, "")
    assert (sent.width, sent.height) == (256, 256)
    assert sent(64, 64)[3] == 0, "what was drawn over is to be painted anew"
    assert sent(192, 192)[3] == 255, "the rest stays"
    page.get_by_role("button", name="Use its values").click()
    page.get_by_role("button", name="Clear the mask").click()
    assert ink(page, 0.25, 0.25) == 0


def ink(page: Any, x: float, y: float) -> int:
    """How much mask there is at a place of the picture."""
    script = """([x, y]) => { const one = document.querySelector('.mask canvas');
        return one.getContext('2d').getImageData(Math.round(x * one.width), Math.round(y * one.height), 1, 1).data[3]; }"""
    return int(page.evaluate(script, [x, y]))


@pytest.mark.long
def test_speech_is_recorded_written_down_and_saved_as_subtitles(ui: Ui, painter: "Painter") -> None:
    """checklist 111: speech to text; checklist 116: the audio player."""
    page = ui.open("/speech-to-text", as_="app")
    page.get_by_role("button", name="Record").click()
    ui.until(page, "document.querySelector('.recorder meter')?.value > 0.01")
    ui.until(page, "document.querySelector('.recorder .num').textContent >= '0:01'")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name=re.compile("Remove recording")).wait_for()
    page.get_by_role("button", name="Write down").click()
    page.get_by_role("button", name="Play from 0:00: Hello there.").wait_for()
    assert len(painter.last.files["audio"]) > 1000
    assert painter.last.body["words"] is True
    ui.shot(page, "media-speech")
    ui.axe(page)
    page.get_by_role("button", name="Play from 0:00: Hello there.").click()
    ui.until(page, "[...document.querySelectorAll('.made audio')].some((one) => one.currentTime > 0 || !one.paused)")
    page.get_by_role("tab", name=re.compile("Words")).click()
    page.get_by_role("button", name="there.", exact=True).wait_for()
    page.get_by_role("button", name="Download the transcript").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Subtitles (.srt)").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n00:00:01,500 --> 01:01:01,250\n")


FORMS: list[tuple[str, str, dict[str, str], str, str]] = [
    ("image-to-image", "Repaint", {"Prompt": "in winter"}, "Image", "image_to_image"),
    ("upscale", "Enlarge", {}, "Image", "image_upscale"),
    ("image-to-text", "Read", {"Question": "What is it?"}, "Image", "image_to_text"),
    ("text-to-speech", "Speak", {"Text": "Good evening."}, "", "text_to_speech"),
    ("text-to-audio", "Compose", {"Prompt": "slow piano"}, "", "text_to_audio"),
    ("text-to-video", "Film", {"Prompt": "a paper boat"}, "", "text_to_video"),
    ("image-to-video", "Set in motion", {"Prompt": "the waves roll in"}, "Image", "image_to_video"),
]


@pytest.mark.long
@pytest.mark.parametrize(("path", "act", "words", "file", "op"), FORMS)
def test_each_feature_has_its_page(
    ui: Ui, painter: "Painter", path: str, act: str, words: dict[str, str], file: str, op: str
) -> None:
    """checklist 111 and 116"""
    page = ui.open(f"/{path}", as_="app")
    if file:
        choose(page, file, "cat.png", picture("png", 64, 64))
    for label, text in words.items():
        page.get_by_role("textbox", name=label, exact=True).fill(text)
    page.get_by_role("button", name=act, exact=True).click()
    if op == "image_to_text":
        page.get_by_text("Hello there. General Kenobi.").wait_for()
    elif op in ("text_to_speech", "text_to_audio"):
        page.get_by_role("button", name="Play").wait_for()
        ui.until(page, "document.querySelector('.made .wave path').getAttribute('d').length > 1000")
        page.get_by_role("button", name="Play").click()
        ui.until(page, "document.querySelector('.made audio').currentTime > 0")
    else:
        made_picture(page).wait_for()
    assert painter.last.job.op == op
    assert set(painter.last.files) == ({"image"} if file else set())
    if "video" in op:
        page.locator(".made .thumb").hover()
        page.locator(".made .thumb video").wait_for()
        page.locator(".made .thumb").click()
        page.locator("dialog video").wait_for()
    ui.shot(page, f"media-{path}")
