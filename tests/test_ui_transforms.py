"""The page of transforms: what one draws and drags is what the real agents make, to the pixel and the tenth of a second."""

import re
from pathlib import Path
from typing import Any

import pytest
import pyvips
from ffmpeg_kit import picture as flat
from ffmpeg_kit import probe, sound, video
from image_kit import drawn, picture
from test_ui_files_page import drop, files_of, store
from ui_kit import Ui

pytest_plugins = ["ui_agents_kit"]
AGENTS = ("image", "ffmpeg")


def drag(page: Any, box: dict[str, float], size: tuple[int, int], way: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """With the mouse, from one pixel of the picture to another."""
    scale = box["width"] / size[0]
    (ax, ay), (bx, by) = way
    page.mouse.move(box["x"] + ax * scale, box["y"] + ay * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + (ax + bx) / 2 * scale, box["y"] + (ay + by) / 2 * scale)
    page.mouse.move(box["x"] + bx * scale, box["y"] + by * scale)
    page.mouse.up()


def values(page: Any, *names: str) -> list[str]:
    return [page.locator(f"form [name={name}]").input_value() for name in names]


def result(ui: Ui, page: Any, act: str) -> tuple[dict[str, Any], bytes]:
    """Run it, and fetch what came of it, as the API tells it."""
    before = {one["id"] for one in files_of(ui)}
    page.get_by_role("button", name=act, exact=True).click()
    page.get_by_role("heading", name="Result").wait_for()
    (made,) = [one for one in files_of(ui) if one["id"] not in before and one["purpose"] == "artifact"]

    async def fetch() -> bytes:
        house = ui.house.office.house
        async with house.http.get(
            f"{house.url}/files/{made['id']}/content", headers={"X-Api-Key": ui.keys["app"]}
        ) as reply:
            return await reply.read()

    return made, ui.do(fetch())


def test_a_crop_drawn_with_the_mouse_is_cut_to_the_pixel(media: Ui) -> None:
    file = store(media, "photo.png", picture("png", 640, 480))
    page = media.open(f"/transforms/crop_image?file={file['id']}", as_="app")
    area = page.locator(".crop")
    area.wait_for()
    box = area.bounding_box()
    drag(page, box, (640, 480), ((100, 60), (420, 300)))
    assert values(page, "x", "y", "width", "height") == ["100", "60", "320", "240"]
    drag(page, box, (640, 480), ((200, 100), (230, 140)))  # inside: it is moved
    assert values(page, "x", "y", "width", "height") == ["130", "100", "320", "240"]
    drag(page, box, (640, 480), ((450, 340), (500, 400)))  # its corner
    assert values(page, "x", "y", "width", "height") == ["130", "100", "370", "300"]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    assert values(page, "x", "y", "width", "height") == ["129", "110", "371", "300"]
    media.shot(page, "transforms-crop")
    media.axe(page)
    code = page.get_by_role("region", name="The same from a program: curl").inner_text()
    assert '"x": 129' in code
    assert "$AI_SERVER_KEY" in code
    made, data = result(media, page, "Crop")
    assert (made["width"], made["height"]) == (371, 300)
    cut = pyvips.Image.new_from_buffer(data, "")
    assert (cut - drawn(640, 480).crop(129, 110, 371, 300)).abs().max() == 0
    media.shot(page, "transforms-result")
    media.axe(page)
    page.reload()
    page.get_by_role("heading", name="Result").wait_for()
    assert values(page, "x", "y", "width", "height") == ["129", "110", "371", "300"]
    page.get_by_role("button", name="History").click()
    page.keyboard.press("Escape")
    page.locator("[name=x]").fill("5")
    page.get_by_role("button", name="History").click()
    page.get_by_role("link", name=re.compile("Crop: photo.png")).first.click()
    media.until(page, "document.querySelector('[name=x]')?.value === '129'")
    page.get_by_role("heading", name="Result").wait_for()


@pytest.mark.long
def test_an_aspect_is_kept_and_the_next_step_takes_the_result(media: Ui) -> None:
    file = store(media, "photo.png", picture("png", 640, 480))
    page = media.open(f"/transforms/crop_image?file={file['id']}", as_="app")
    page.locator(".crop").wait_for()
    page.get_by_role("button", name="1:1").click()
    assert values(page, "x", "y", "width", "height") == ["80", "0", "480", "480"]
    drag(page, page.locator(".crop").bounding_box(), (640, 480), ((83, 477), (180, 380)))  # its lower left corner
    assert values(page, "x", "y", "width", "height") == ["180", "0", "380", "380"]
    made, _ = result(media, page, "Crop")
    assert (made["width"], made["height"]) == (380, 380)
    page.get_by_text("Use it as the input of").locator("..").get_by_role("button", name="Scale").click()
    page.wait_for_url(re.compile(rf"/transforms/scale_image\?file={made['id']}"))
    page.get_by_role("button", name="50 %").click()
    page.get_by_text("380 × 380 becomes 190 × 190").wait_for()
    made, _ = result(media, page, "Scale")
    assert (made["width"], made["height"]) == (190, 190)
    page.get_by_text("Use it as the input of").locator("..").get_by_role("button", name="Convert").click()
    page.get_by_label("Format").wait_for()
    page.get_by_label("Format").select_option("jpg")
    made, data = result(media, page, "Convert")
    assert (made["content_type"], data[:3]) == ("image/jpeg", b"\xff\xd8\xff")


@pytest.mark.long
def test_a_watermark_is_put_where_one_clicks(media: Ui) -> None:
    file, mark = store(media, "photo.png", picture("png", 640, 480)), flat("mark.png", "40x20", "red")
    page = media.open(f"/transforms/watermark_image?file={file['id']}", as_="app")
    page.locator(".marks").wait_for()
    page.get_by_role("button", name="Lay it over").click()
    page.get_by_text("Watermark is needed.").wait_for()
    drop(page, [("mark.png", "image/png", mark)], ".card .drop")
    page.get_by_role("img", name="The watermark, bottom right").wait_for()
    box = page.locator(".marks").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)
    page.get_by_role("img", name="The watermark, top left").wait_for()
    page.get_by_label("Opacity", exact=True).fill("1")
    media.shot(page, "transforms-watermark")
    media.axe(page)
    _, data = result(media, page, "Lay it over")
    made = pyvips.Image.new_from_buffer(data, "")
    assert made(11, 11)[0] > 240
    assert made(11, 11)[1] < 15
    assert made(49, 29)[0] > 240  # 40 x 20, ten pixels from the edges
    assert [round(one) for one in made(9, 9)[:3]] == [round(one) for one in drawn(640, 480)(9, 9)]


@pytest.mark.long
def test_a_video_is_trimmed_by_its_handles_to_that_length(media: Ui, tmp_path: Path) -> None:
    file = store(media, "clip.mp4", video())
    page = media.open(f"/transforms?file={file['id']}", as_="app")
    start, end = page.get_by_role("slider", name="Start"), page.get_by_role("slider", name="End")
    start.wait_for()
    media.until(page, "Number(document.querySelector('.end-handle.to')?.ariaValueMax) > 1.9")
    track = page.locator(".track").bounding_box()
    for handle, second in ((start, 0.5), (end, 1.5)):
        at = handle.bounding_box()
        page.mouse.move(at["x"] + 6, at["y"] + 20)
        page.mouse.down()
        page.mouse.move(track["x"] + track["width"] * second / 2, at["y"] + 20, steps=4)
        page.mouse.up()
    assert abs(float(values(page, "start_time")[0]) - 0.5) < 0.02
    assert abs(float(values(page, "end_time")[0]) - 1.5) < 0.02
    start.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.locator("[name=start_time]").fill("0.5")
    page.locator("[name=end_time]").fill("1.3")
    page.get_by_text("piece of 0:00.80").wait_for()
    media.shot(page, "transforms-trim")
    media.axe(page)
    _, data = result(media, page, "Trim")
    facts = media.do(probe(data, tmp_path))
    assert abs(facts.seconds - 0.8) < 0.1


@pytest.mark.long
def test_a_sound_shows_its_wave_and_is_trimmed(media: Ui, tmp_path: Path) -> None:
    file = store(media, "tone.wav", sound())
    page = media.open(f"/transforms/trim_audio?file={file['id']}", as_="app")
    media.until(page, "(document.querySelector('.peaks path')?.getAttribute('d') ?? '').length > 4000")
    page.get_by_role("slider", name="Start").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.get_by_role("slider", name="End").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.get_by_text("piece of 0:01.00").wait_for()
    media.shot(page, "transforms-wave")
    media.axe(page)
    _, data = result(media, page, "Trim")
    assert abs(media.do(probe(data, tmp_path)).seconds - 1.0) < 0.05


@pytest.mark.long
def test_a_video_is_cropped_on_a_frame_of_it(media: Ui, tmp_path: Path) -> None:
    file = store(media, "clip.mp4", video())
    page = media.open(f"/transforms/crop_video?file={file['id']}", as_="app")
    area = page.locator(".crop")
    area.wait_for()
    drag(page, area.bounding_box(), (160, 120), ((20, 10), (100, 70)))
    assert values(page, "x", "y", "width", "height") == ["20", "10", "80", "60"]
    _, data = result(media, page, "Crop")
    facts = media.do(probe(data, tmp_path))
    assert (facts.width, facts.height) == (80, 60)


@pytest.mark.long
def test_a_refusal_stands_at_its_field_in_the_servers_words(media: Ui) -> None:
    media.expects(400, "/media/")
    file = store(media, "photo.png", picture("png", 64, 48))
    page = media.open(f"/transforms/crop_image?file={file['id']}&x=10&y=0&width=100&height=10", as_="app")
    page.get_by_role("button", name="Crop", exact=True).click()
    page.locator("[aria-invalid=true][name=width]").wait_for()
    assert "64 x 48" in page.locator(".field .error").first.inner_text().replace("×", "x").replace("64x48", "64 x 48")


@pytest.mark.long
@pytest.mark.parametrize("how", ["dark", "phone"])
def test_it_is_pleasant_in_the_dark_and_on_a_phone(media: Ui, how: str) -> None:
    file = store(media, "photo.png", picture("png", 640, 480))
    page = media.open("/transforms", as_="app", dark=how == "dark", phone=how == "phone")
    page.get_by_text("Drop, paste or choose").wait_for()
    media.shot(page, f"transforms-empty-{how}")
    media.axe(page)
    page.goto(f"{media.url}/ui/transforms/crop_image?file={file['id']}&x=100&y=60&width=320&height=240")
    page.locator(".crop-rect").wait_for()
    assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth")
    media.shot(page, f"transforms-{how}")
    media.axe(page)
