"""`/ui/` as files: what is in the package is what is sent, for good where it can be, and nothing beside it."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from described_kit import served
from gateway_house import House

from bus.connection import Link
from gateway.routes.ui import FOLDER, Shelf

OURS = [one for one in sorted(FOLDER.rglob("*.js")) if "vendor" not in one.parts]
_COMMENT = re.compile(r"^\s*(?://|\*).*$", re.MULTILINE)
_IMPORT = re.compile(r"""(?:^|[;}\s])(?:import|export)\b[^;'"()]*?["'](\.[^"']+)["']""")


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with served(nats) as opened:
        yield opened


async def read(house: House, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    from yarl import URL

    async with house.http.get(URL(house.url + path, encoded=True), headers=headers, allow_redirects=False) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


async def test_the_page_comes_for_every_address_inside_and_links_to_files_that_last(house: House) -> None:
    for path in ("/ui", "/ui/", "/ui/jobs/123", "/ui/models/a%2Fb:70b"):
        status, heads, page = await read(house, path)
        assert (status, heads["content-type"], heads["cache-control"]) == (
            200,
            "text/html; charset=utf-8",
            "no-cache",
        ), path
        assert (await read(house, path, **{"if-none-match": heads["etag"]}))[0] == 304
    links = re.findall(r'(?:src|href)="(/ui/[^"]+)"', page.decode())
    assert len(links) > 10
    for link in links:
        status, heads, body = await read(house, link)
        assert status == 200, link
        assert "immutable" in heads["cache-control"]
        assert body == (FOLDER / re.sub(r"^/ui/@[0-9a-f]{12}/", "", link)).read_bytes()
    old = re.sub(r"@[0-9a-f]{12}", "@000000000000", links[-1])
    assert (await read(house, old))[1]["cache-control"] == "no-cache"


async def test_every_answer_is_under_a_policy_without_unsafe(house: House) -> None:
    for path in ("/ui/", "/ui/app.js", "/ui/css/kit.css", "/ui/icon.svg"):
        _, heads, _ = await read(house, path)
        assert heads["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in heads["content-security-policy"]
        assert heads["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "trick",
    [
        "/ui/../app.py", "/ui/..%2fapp.py", "/ui/%2e%2e/routes/ui.py", "/ui/..%5capp.py", "/ui/@000000000000/../../app.py",
        "/ui/@000000000000/..%2f..%2fapp.js", "/ui/README.md", "/ui/vendor/README.md", "/ui/.hidden.js", "/ui//etc/passwd.js",
        "/ui/kit//api.js", "/ui/%00.js", "/ui/kit/api.js%00", "/ui/kit/api.js/", "/ui/KIT/API.js", "/ui/nothing.js",
        "/ui/kit/api.js%0a", "/ui/%ff%fe.js",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_the_folder(house: House, trick: str) -> None:
    """Either it is refused, or it is an address inside the UI: then the one page comes, which holds nothing of it."""
    status, heads, body = await read(house, trick)
    if status == 200 and heads["content-type"].startswith("text/javascript"):
        assert body == (FOLDER / "kit/api.js").read_bytes()  # `/` at the end means the same to the router
    else:
        assert (
            status in (400, 404)
            or heads["content-type"].startswith("text/html")
            or heads["content-type"] == "application/json"
        )
    assert b"import asyncio" not in body
    assert b"root:" not in body
    assert b"# The web UI" not in body


async def test_a_browser_at_the_root_is_led_to_the_ui_and_a_program_gets_the_signpost(house: House) -> None:
    status, heads, _ = await read(house, "/", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (status, heads["location"]) == (302, "/ui/")
    for accept in ("*/*", "application/json"):
        status, heads, body = await read(house, "/", accept=accept)
        assert status == 200
        assert heads["content-type"].startswith("application/json")
        assert b'"/v1/models"' in body


async def test_packed_files_are_what_they_are_unpacked(house: House) -> None:
    for wish, packed in (("br, gzip;q=0.5", True), ("gzip;q=0, br", False), ("identity", False)):
        async with house.http.get(f"{house.url}/ui/vendor/uplot.js", headers={"accept-encoding": wish}) as reply:
            assert (reply.headers.get("content-encoding") == "gzip") is packed, wish
            assert await reply.read() == (FOLDER / "vendor/uplot.js").read_bytes()


async def test_head_is_answered_like_get_without_the_body(house: House) -> None:
    for path in ("/ui", "/ui/", "/ui/jobs/7", "/ui/app.js"):
        _, wanted, _ = await read(house, path)
        async with house.http.head(house.url + path) as reply:
            assert (reply.status, reply.headers["etag"], await reply.read()) == (200, wanted["etag"], b"")
            assert reply.headers["content-length"] == wanted["content-length"]


async def test_a_session_is_told_and_kept_by_no_cache(house: House) -> None:
    _, heads, body = await read(house, "/ui/session")
    assert (heads["cache-control"], json.loads(body)) == ("no-store", {"signed_in": False})
    who = {"provider": "credentials", "userName": "Ada", "password": house.secret}
    async with house.http.post(f"{house.url}/api/Authenticate", json=who) as reply:
        cookie = reply.headers["set-cookie"].partition(";")[0]
    told = json.loads((await read(house, "/ui/session", cookie=cookie))[2])
    assert {**told, "id": ""} == {"signed_in": True, "id": "", "name": "Ada", "scopes": []}
    _, _, forged = await read(house, "/ui/session", cookie=cookie[:-3] + "AAA")
    assert json.loads(forged) == {"signed_in": False}


def test_the_first_load_is_small() -> None:
    """What index.html names: 250 kB are the limit, and a page's own module still comes."""
    page = (FOLDER / "index.html").read_text()
    names = set(re.findall(r'"/ui/([^"]+)"', page)) | {"index.html", "pages/home.js"}
    packed = sum(len(gzip.compress((FOLDER / name).read_bytes(), 6)) for name in names)
    assert packed < 120_000, packed


def test_the_page_preloads_what_the_start_imports_and_nothing_else() -> None:
    """A module missing here would cost one more way to the server; one too many is loaded for nothing."""
    wanted: set[str] = set()

    def follow(one: Path) -> None:
        name = one.relative_to(FOLDER).as_posix()
        if name not in wanted:
            wanted.add(name)
            for found in _IMPORT.findall(_COMMENT.sub("", one.read_text())):
                follow((one.parent / found).resolve())

    follow(FOLDER / "app.js")
    page = (FOLDER / "index.html").read_text()
    assert set(re.findall(r'modulepreload" href="/ui/([^"]+)"', page)) == wanted - {"app.js"}


def test_a_changed_file_is_served_anew_and_changes_every_address(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    (tmp_path / "index.html").write_text('<script src="/ui/app.js">')
    (tmp_path / "kit" / "a.js").write_text("1")
    shelf = Shelf(tmp_path)
    before = shelf.page()
    paper = shelf.paper("kit/a.js")
    assert paper is not None
    assert paper.body == b"1"
    while True:
        (tmp_path / "kit" / "a.js").write_text("2")
        if shelf.paper("kit/a.js") is not paper:
            break
        time.sleep(0.005)  # the clock of some file systems is coarse
    changed = shelf.paper("kit/a.js")
    assert changed is not None
    assert changed.body == b"2"
    assert shelf.page().etag != before.etag


def test_what_others_wrote_is_as_it_was_taken() -> None:
    folder = FOLDER / "vendor"
    told = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (folder / "README.md").read_text(), re.MULTILINE))
    found = {
        hashlib.sha256(one.read_bytes()).hexdigest(): one.relative_to(folder).as_posix()
        for one in folder.rglob("*")
        if one.suffix in (".js", ".css")
    }
    assert found == told


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.relative_to(FOLDER).as_posix())
def test_our_modules_follow_the_rules(one: Path) -> None:
    """No markup from text outside its two places, no inline style as text, nothing of another host."""
    text = one.read_text()
    name = one.relative_to(FOLDER).as_posix()
    assert not re.search(
        r"""\beval\(|new Function|document\.write|outerHTML|insertAdjacentHTML|['\"]javascript:""", text
    )
    if name not in ("kit/markdown.js", "kit/code.js"):
        assert "innerHTML" not in text.replace("dangerouslySetInnerHTML", "innerHTML")
    assert not re.search(r'\sstyle="', text), "an inline style is refused by the policy: style=${{ width: '40%' }}"
    assert not re.search(r"""import\(?\s*['"]https?:|(?:src|href)=['"]?https?:""", text)
    assert text.startswith(("// ", "// @ts-check\n// ", "// @ts-check\n"))
    assert len(text.splitlines()) <= 420


def test_no_sheet_of_a_page_styles_what_others_write() -> None:
    """A page's sheet stays when one goes on: a bare class is no word of the kit's, and says the same wherever it stands."""
    sheets = [one for one in FOLDER.rglob("*.css") if one.parent.name != "vendor" and one.stem not in _COMMON]
    kit = {word for one in OURS if one.relative_to(FOLDER).parts[0] in ("kit", "shell") for word in _words(one)}
    said: dict[str, str] = {}
    for sheet in sheets:
        for word, rule in re.findall(r"^\.([\w-]+) (\{.*\})", sheet.read_text(), re.MULTILINE):
            assert word not in kit, f"{sheet.name}: .{word} is a word of the kit"
            assert said.setdefault(word, rule) == rule, f"{sheet.name}: .{word} means something else on another page"


def test_no_page_writes_a_class_that_the_sheet_of_another_styles() -> None:
    """Whoever comes from that other page would see it there: `.lines` of a form once stood in the gutter of the SQL editor."""
    pages = {page: _reached(page) for page in sorted((FOLDER / "pages").glob("*.js"))}
    bare = {
        sheet: set(re.findall(r"(?:^|[},/])\s*\.([\w-]+)(?=\s*[{,])", sheet.read_text()))
        for sheet in FOLDER.rglob("*.css")
        if sheet.parent.name != "vendor" and sheet.stem not in _COMMON
    }
    found = []
    for page, scripts in pages.items():
        own = {(one.parent / name).resolve() for one in scripts for name in _SHEET.findall(one.read_text())}
        written = {word for one in scripts if "pages" in one.relative_to(FOLDER).parts for word in _words(one)}
        found += [
            f"{page.name}: .{word} of {sheet.name}"
            for sheet, words in bare.items()
            if sheet not in own
            for word in sorted(words & written - _HARMLESS)
        ]
    assert found == []


_SHEET = re.compile(r"sheet\(new URL\('([^']+)'")
_HARMLESS = {"acts", "said", "filters", "null", "sql-bar", "sql-chart"}
"""Outdone by what the page's own sheet says, or written by a part that the page does not draw."""


def _reached(script: Path) -> set[Path]:
    """A script with all that it imports."""
    found: set[Path] = set()
    left = [script]
    while left:
        if (one := left.pop()) not in found and "vendor" not in one.parts:
            found.add(one)
            left += [(one.parent / name).resolve() for name in _IMPORT.findall(_COMMENT.sub("", one.read_text()))]
    return found


_COMMON = ("base", "kit", "shell", "tokens", "media", "threads")
"""Sheets that come with the frame, or belong to the kit."""


def _words(script: Path) -> set[str]:
    """The classes that a script writes."""
    found = re.findall(r"""class=(?:"([^"]*)"|\$\{cx\('([^']*)')""", script.read_text())
    return {word for pair in found for word in " ".join(pair).split()}


def test_the_types_in_the_comments_hold() -> None:
    """Where TypeScript's compiler is. Nobody needs it; whoever has it learns of a slip before a browser does."""
    if not (tsc := shutil.which("tsc")):
        pytest.skip("there is no tsc on this machine (npm install -g typescript)")
    flags = "--noEmit --allowJs --checkJs --skipLibCheck --strict false --target esnext --module esnext"
    more = ["--moduleResolution", "bundler", "--lib", "esnext,dom,dom.iterable"]
    told = subprocess.run(
        [tsc, *flags.split(), *more, *(str(one.relative_to(FOLDER)) for one in OURS)],
        cwd=FOLDER, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line for line in told.stdout.splitlines() if "error TS" in line and not line.startswith("vendor/")]
    assert found == []
