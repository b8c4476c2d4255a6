"""What the web UI promises of every page there is: small, soon there, quiet, readable by everybody, and whole on a phone.

The pages are read from `gateway/ui/pages.js`, so a new one is held to all this from its first day.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ui_kit import DESK, Ui
from ui_past_kit import opened_with

_REGISTRY = (Path(__file__).parent.parent / "gateway" / "ui" / "pages.js").read_text()
PAGES = {
    name: (re.findall(r"'([^']+)'", path)[0], scope)
    for name, path, scope in re.findall(r"\{ name: '([\w-]+)', path: (\[[^\]]*\]|'[^']*'),.*?scope: '(\w*)'", _REGISTRY)
}
"""Name -> path and scope."""
PLACES = {"job": "job", "provider": "fake", "key": "key"}
"""What stands for the variable piece of a page's path."""
BUDGET = 250_000
READY = """(() => {
  const look = () => {
    const there = document.querySelector('SELECTOR');
    if (there) window.__ready = performance.now();
    else requestAnimationFrame(look);
  };
  look();
})()"""


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with(tmp_path_factory.mktemp("ui"), 2000) as ui:
        yield ui


@pytest.fixture(scope="module")
def known(ui_of_this_file: Ui) -> dict[str, str]:
    """The id of a job, of the provider, and of a key."""
    house, body = ui_of_this_file.house.office.house, {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {ui_of_this_file.keys['app']}", "Prefer": "respond-async"}
    status, _, job = ui_of_this_file.do(house.post(body, headers=headers))
    assert status == 202, job
    return {"job": str(job["id"]), "fake": "fake", "key": ui_of_this_file.house.office.key_id}


@pytest.fixture(scope="module")
def windows(ui_of_this_file: Ui) -> dict[str, Any]:
    """A window for each key that stays: the browser keeps the modules, so the next page is there at once."""
    found = {who: ui_of_this_file.browser.new_context(**DESK, reduced_motion="reduce") for who in ("admin", "app")}
    for who, window in found.items():
        window.set_default_timeout(15_000)
        ui_of_this_file.sign_in(window, who)
    return found


def place(name: str, known: dict[str, str]) -> str:
    path = PAGES[name][0]
    return re.sub(r":\w+", lambda _: known[PLACES[name]], path)


def settled(ui: Ui, page: Any) -> None:
    """The page's own heading stands there, and nothing is on its way any more."""
    page.locator("#main h1").first.wait_for()
    ui.until(page, "!document.querySelector('#main .skeleton, #main [aria-busy=true]')")
    assert (
        not page.locator("#main")
        .get_by_text(re.compile("Your key may not see|could not be loaded|has a fault"))
        .count()
    )


def no_sideways_scroll(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate(
        """() => {
            const root = document.scrollingElement, main = document.getElementById('main');
            return [root.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth];
        }"""
    )
    assert max(wide) <= 0, f"{wide} pixels too wide"


def test_every_page_of_the_registry_was_understood() -> None:
    assert len(PAGES) == len(re.findall(r"^  \{ name:", _REGISTRY, re.MULTILINE)) > 20


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_and_whole_for_an_admin(
    ui: Ui, windows: dict[str, Any], known: dict[str, str], name: str
) -> None:
    """Nothing on the console, no other host, no sideways scroll on a phone."""
    page = ui.open(place(name, known), as_="", context=windows["admin"])
    settled(ui, page)
    no_sideways_scroll(page)
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_by_everybody(ui: Ui, windows: dict[str, Any], known: dict[str, str], name: str) -> None:
    """No serious finding of axe in light and in dark."""
    page = ui.open(place(name, known), as_="", context=windows["admin"])
    settled(ui, page)
    ui.axe(page)
    page.emulate_media(color_scheme="dark")
    ui.axe(page, "color-contrast")  # the rest is the same in the dark
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, (_, scope) in PAGES.items() if not scope])
def test_a_page_is_quiet_for_a_key_without_rights(
    ui: Ui, windows: dict[str, Any], known: dict[str, str], name: str
) -> None:
    page = ui.open(place(name, known), as_="", context=windows["app"])
    settled(ui, page)
    no_sideways_scroll(page)
    page.close()


@pytest.mark.parametrize(("as_", "there"), [("", "input"), ("app", "#main h1")], ids=["nobody", "home"])
def test_the_first_load_is_small_and_soon_there(
    ui: Ui, capsys: pytest.CaptureFixture[str], as_: str, there: str
) -> None:
    """At most 250 kB come over the wire, from this host alone, until one can begin, in a second where nobody else works."""
    context = ui.context()
    if as_:
        ui.sign_in(context, as_)
    context.add_init_script(READY.replace("SELECTOR", there))
    page, loaded = context.new_page(), list[Any]()
    ui.watch(page)
    page.on("requestfinished", lambda one: loaded.append(one))  # playwright can't hold a built-in
    page.goto(f"{ui.url}/ui/", wait_until="networkidle")
    ready = page.evaluate("window.__ready")
    total = sum(one.sizes()["responseBodySize"] + one.sizes()["responseHeadersSize"] for one in loaded)
    with capsys.disabled():
        print(f"\n/ui/ as {as_ or 'nobody'}: {len(loaded)} files, {total / 1000:.0f} kB, ready after {ready:.0f} ms")
    assert all(one.url.startswith(ui.url) for one in loaded)
    assert 20_000 < total < BUDGET, "compressed, headers included"
    assert ready < 5000, "five times the goal, for a machine that does other things too"
