"""The page of files: brought in by drop, with progress, found, looked at, linked, made smaller, deleted; and nobody else's."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ffmpeg_kit import sound, video
from image_kit import picture
from ui_kit import Ui

from bus.config import new_key

pytest_plugins = ["ui_agents_kit"]
AGENTS = ("image", "ffmpeg")
DROP = """async ([where, files]) => {
  const data = new DataTransfer();
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  for (const [name, type, text] of files) data.items.add(new File([bytes(text)], name, { type }));
  const target = document.querySelector(where);
  const tell = (kind) => target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  tell('dragenter');
  await new Promise((done) => setTimeout(done, 30));
  const shown = !!document.querySelector('.everywhere');
  tell('drop');
  return shown;
}"""


def drop(page: Any, files: list[tuple[str, str, bytes]], where: str = "#main") -> bool:
    """Drop files on a place of the page, as a person does. Whether the page had said that it takes them."""
    told = [[name, kind, base64.b64encode(data).decode()] for name, kind, data in files]
    return bool(page.evaluate(DROP, [where, told]))


def store(ui: Ui, name: str, data: bytes, key: str = "app", **query: str) -> dict[str, Any]:
    """A file of that key, by the API."""

    async def put() -> dict[str, Any]:
        house = ui.house.office.house
        params = {"name": name, **query}
        heads = {"X-Api-Key": ui.keys[key], "Content-Type": "application/octet-stream"}
        async with house.http.post(f"{house.url}/files", params=params, data=data, headers=heads) as reply:
            assert reply.status == 201, await reply.text()
            return dict(await reply.json())

    return ui.do(put())


def files_of(ui: Ui, key: str = "app") -> list[dict[str, Any]]:
    return list(ui.do(ui.house.office.house.get("/files?limit=1000", ui.keys[key]))[2]["data"])


@pytest.fixture(autouse=True)
def empty(ui: Ui) -> None:
    for key in ("app", "analytics"):
        ids = [one["id"] for one in files_of(ui, key)]
        if ids:
            ui.do(ui.house.office.house.get("/files/delete", ui.keys[key], "POST", json={"ids": ids}))


@pytest.mark.long
def test_files_dropped_anywhere_are_stored_shown_and_counted(media: Ui) -> None:
    """checklist 117"""
    page = media.open("/files", as_="app")
    page.get_by_role("heading", name="No files yet").wait_for()
    media.shot(page, "files-empty")
    media.axe(page)
    page.get_by_label("Area of new files").select_option("public")
    shown = drop(
        page, [("a photo.png", "image/png", picture("png")), ("notes.json", "application/json", b'{"a": [1, 2]}')]
    )
    assert shown, "the page says that it takes what is held over it"
    page.get_by_role("button", name="Open a photo.png").wait_for()
    page.get_by_role("button", name="Open notes.json").wait_for()
    page.get_by_text("2 uploaded").wait_for()
    assert {one["file_name"]: one["area"] for one in files_of(media)} == {
        "a photo.png": "public",
        "notes.json": "public",
    }
    page.get_by_text("2 files", exact=False).first.wait_for()
    drop(page, [("on the area.txt", "text/plain", b"hello")], ".drop")
    page.get_by_role("button", name="Open on the area.txt").wait_for()
    page.reload()
    page.get_by_label("Area of new files").wait_for()
    assert page.get_by_label("Area of new files").input_value() == "public"


@pytest.mark.long
def test_every_upload_area_of_these_pages_takes_a_drop(media: Ui) -> None:
    """checklist 117"""
    page = media.open("/transforms/crop_image", as_="app")
    page.get_by_text("Drop, paste or choose").wait_for()
    drop(page, [("photo.png", "image/png", picture("png"))], ".drop")
    page.get_by_role("button", name="All of it").wait_for()
    page.goto(f"{media.url}/ui/transforms/trim_audio")
    page.get_by_text("Drop, paste or choose").wait_for()
    assert drop(page, [("tone.wav", "audio/wav", sound())])
    page.get_by_role("slider", name="Start").wait_for()
    page.goto(f"{media.url}/ui/workflows")
    page.get_by_text("Drop, paste or choose").wait_for()
    media.expects(400, "/workflows/")
    assert drop(page, [("broken.json", "application/json", b"{}")])
    page.get_by_text("is in neither of ComfyUI’s forms").or_(
        page.get_by_text("is in neither of ComfyUI's forms")
    ).wait_for()


@pytest.mark.long
def test_a_large_file_comes_in_pieces_with_progress_may_rest_and_goes_on_after_a_reload(
    media: Ui, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * (30_000_000 // 256))
    page = media.open("/files", as_="app")
    page.get_by_label("Area of new files").wait_for()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 12_000_000}
    client.send("Network.emulateNetworkConditions", slow)
    page.set_input_files("input[type=file]", str(large))
    bar = page.get_by_role("progressbar", name="Upload of large.bin")
    bar.wait_for()
    media.until(page, "Number(document.querySelector('.upload [role=progressbar]').ariaValueNow) > 28")
    page.get_by_role("button", name="Pause large.bin").click()
    page.get_by_text("paused").wait_for()
    media.shot(page, "files-uploading")
    rested = int(bar.get_attribute("aria-valuenow") or 0)
    assert 28 <= rested < 100
    page.reload()
    page.get_by_text("“large.bin” was not finished").wait_for()
    patches: list[int] = []
    page.on("request", lambda one: patches.append(int(one.headers["upload-offset"])) if one.method == "PATCH" else None)
    page.set_input_files("input[type=file]", str(large))
    page.get_by_role("button", name="Open large.bin").wait_for()
    assert patches
    assert min(patches) >= 8 * 1024 * 1024, "what had come is not sent again"
    (one,) = files_of(media)
    assert (one["size"], one["file_name"]) == (large.stat().st_size, "large.bin")
    assert page.get_by_text("was not finished").count() == 0


@pytest.mark.long
def test_a_file_is_found_looked_at_linked_and_deleted(media: Ui) -> None:
    store(media, "photo.png", picture("png", 640, 480))
    store(media, "tone.wav", sound())
    store(media, "clip.mp4", video())
    store(media, "notes.txt", "Grüße\n".encode() * 3)
    store(media, "letter.pdf", b"%PDF-1.4\n%%EOF")
    page = media.open("/files", as_="app")
    page.get_by_role("button", name="Open photo.png").wait_for()
    page.wait_for_load_state("networkidle")
    media.shot(page, "files")
    media.axe(page)
    page.get_by_label("Search files").fill("NOTE")
    page.get_by_role("button", name="Open photo.png").wait_for(state="detached")
    media.until(page, "location.search === '?q=NOTE'")
    page.get_by_role("button", name="Open notes.txt").click()
    drawer = page.get_by_role("dialog", name="notes.txt")
    drawer.get_by_text("Grüße").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Search files").fill("")
    page.get_by_label("Kind").select_option("pdf")
    page.get_by_role("button", name="Open letter.pdf").wait_for()
    media.until(page, "document.querySelectorAll('.file-tile').length === 1")
    page.reload()
    page.get_by_role("button", name="Open letter.pdf").click()
    page.get_by_role("dialog").get_by_role("link", name="Download").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Kind").select_option("")
    page.get_by_role("button", name="Open photo.png").click()
    drawer = page.get_by_role("dialog", name="photo.png")
    media.until(page, "document.querySelector('.show img').naturalWidth === 640")
    media.shot(page, "files-detail")
    media.axe(page)
    drawer.get_by_role("tab", name="Link").click()
    drawer.get_by_role("button", name="Make the link").click()
    link = drawer.get_by_role("textbox", name="Link").input_value()
    status, _, seen = media.do(_fetch(media, link))
    assert (status, seen) == (200, picture("png", 640, 480))
    assert media.do(_fetch(media, link.replace("expires=", "expires=9")))[0] in (401, 403, 404)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open photo.png").focus()
    page.keyboard.press("Delete")
    page.get_by_role("dialog", name="Delete “photo.png”?").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Open photo.png").wait_for(state="detached")
    assert "photo.png" not in [one["file_name"] for one in files_of(media)]


async def _fetch(ui: Ui, url: str) -> tuple[int, dict[str, str], bytes]:
    """Without a key."""
    async with ui.house.office.house.http.get(url) as reply:
        return reply.status, dict(reply.headers), await reply.read()


@pytest.mark.long
def test_the_call_that_is_shown_for_the_bytes_gives_them(media: Ui, tmp_path: Path) -> None:
    file = store(media, "photo.png", picture("png", 64, 48))
    page = media.open(f"/files?file={file['id']}&tab=code", as_="app")
    said = page.get_by_role("region", name="Its bytes: curl")
    said.wait_for()
    page.get_by_role("tab", name="Python").first.click()
    text = page.get_by_role("region", name="Its bytes: Python").inner_text()
    command = {"AI_SERVER_KEY": media.keys["app"]}
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, env=command, check=True, timeout=30)
    assert (tmp_path / "photo.png").read_bytes() == picture("png", 64, 48)


@pytest.mark.long
def test_variants_are_seen_as_they_are_chosen_and_their_address_gives_them(media: Ui) -> None:
    """checklist 115"""
    file = store(media, "photo.png", picture("png", 640, 480))
    page = media.open(f"/files?file={file['id']}&tab=variants", as_="app")
    drawer = page.get_by_role("dialog", name="photo.png")
    drawer.get_by_text("640 × 480").wait_for()
    drawer.get_by_label("Width").fill("200")
    drawer.get_by_label("Height").fill("100")
    drawer.get_by_label("Fit").select_option("cover")
    drawer.get_by_label("Format").select_option("png")
    drawer.get_by_text("200 × 100").wait_for()
    assert drawer.get_by_label("Quality").count() == 0
    address = drawer.get_by_label("Address of the variant").input_value()
    assert "/variants/width=200,height=100,fit=cover,format=png/" in address
    assert address in drawer.get_by_role("region", name="The same from a program: curl").inner_text()
    media.shot(page, "files-variants")
    media.axe(page)
    status, _, data = media.do(_with_key(media, address))
    assert (status, data[:4], data[16:24]) == (200, b"\x89PNG", (200).to_bytes(4, "big") + (100).to_bytes(4, "big"))
    drawer.get_by_role("button", name="Icon").click()
    drawer.get_by_text("64 × 64").wait_for()


async def _with_key(ui: Ui, url: str, key: str = "app") -> tuple[int, dict[str, str], bytes]:
    async with ui.house.office.house.http.get(url, headers={"X-Api-Key": ui.keys[key]}) as reply:
        return reply.status, dict(reply.headers), await reply.read()


@pytest.mark.long
def test_another_keys_file_is_not_seen(media: Ui) -> None:
    theirs = store(media, "secret plan.txt", b"the plan", "analytics")
    store(media, "mine.txt", b"mine")
    media.expects(404, "/files/")
    page = media.open("/files", as_="app")
    page.get_by_role("button", name="Open mine.txt").wait_for()
    assert page.get_by_text("secret plan").count() == 0
    page.goto(f"{media.url}/ui/files?file={theirs['id']}")
    page.get_by_role("dialog").get_by_role("alert").wait_for()
    assert "the plan" not in page.content()
    page.goto(f"{media.url}/ui/transforms/crop_image?file={theirs['id']}")
    page.get_by_role("button", name="Choose another file").wait_for()


@pytest.mark.long
def test_the_room_that_is_left_is_shown_and_what_does_not_fit_is_told_beside_its_name(media: Ui) -> None:
    secret, key = new_key("small")
    media.do(media.house.office.house.config.put_key(msgspec.structs.replace(key, storage_bytes=1_000_000)))
    media.keys["small"] = secret
    media.expects(413, "/files")
    page = media.open("/files", as_="small")
    page.get_by_text("0 B of 1 MB").wait_for()
    drop(page, [("half.bin", "application/octet-stream", b"1" * 500_000)])
    page.get_by_text("500 kB of 1 MB").wait_for()
    assert page.get_by_role("progressbar", name="Storage used").get_attribute("aria-valuenow") == "50"
    drop(page, [("more.bin", "application/octet-stream", b"2" * 600_000)])
    page.locator(".upload").get_by_role("alert").wait_for()
    page.get_by_role("button", name="Try again").wait_for()
    media.shot(page, "files-quota")
    media.axe(page)


@pytest.mark.long
def test_many_files_in_a_list_are_chosen_and_deleted_at_once(media: Ui) -> None:
    """checklist 121"""
    for at in range(6):
        store(media, f"note {at}.txt", b"x" * (at + 1))
    page = media.open("/files", as_="app")
    page.get_by_role("tab", name="List").click()
    page.get_by_role("row", name=re.compile("note 5")).wait_for()
    page.get_by_role("button", name="Size").click()
    media.shot(page, "files-list")
    media.axe(page)
    page.get_by_label("Choose all that are loaded").check()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog", name="Delete 6 files?").get_by_role("button", name="Delete").click()
    page.get_by_role("heading", name="No files yet").wait_for()
    assert files_of(media) == []
    page.get_by_role("tab", name="Tiles").click()


@pytest.mark.long
@pytest.mark.parametrize("how", ["dark", "phone"])
def test_it_is_pleasant_in_the_dark_and_on_a_phone(media: Ui, how: str) -> None:
    given = {
        "photo.png": picture("png", 640, 480),
        "clip.mp4": video(),
        "tone.wav": sound(),
        "data.json": json.dumps([1]).encode(),
    }
    for name, data in given.items():
        store(media, name, data, area="public" if name == "photo.png" else "private")
    page = media.open("/files", as_="app", dark=how == "dark", phone=how == "phone")
    page.get_by_role("button", name="Open photo.png").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth")
    media.shot(page, f"files-{how}")
    media.axe(page)
    page.get_by_role("button", name="Open photo.png").click()
    page.get_by_role("dialog", name="photo.png").wait_for()
    media.shot(page, f"files-detail-{how}")
    media.axe(page)
