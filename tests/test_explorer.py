"""`/explorer`: a page that needs no other host and no inline script, small enough to be read whole."""

import gzip
import re
from collections.abc import AsyncIterator

import pytest
from described_kit import served
from gateway_house import House

from bus.connection import Link

FILES = ("explorer.js", "explorer.css")


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with served(nats) as opened:
        yield opened


async def read(house: House, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    async with house.http.get(house.url + path, headers=headers) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.text()


async def test_the_page_and_its_files_come_without_a_key_under_a_strict_policy(house: House) -> None:
    kinds = {"/explorer": "text/html", "/explorer/explorer.js": "text/javascript", "/explorer/explorer.css": "text/css"}
    total = 0
    for path, kind in kinds.items():
        status, heads, text = await read(house, path)
        assert (status, heads["content-type"].partition(";")[0]) == (200, kind)
        policy = heads["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert heads["x-content-type-options"] == "nosniff"
        assert (await read(house, path, **{"if-none-match": heads["etag"]}))[0] == 304
        total += len(text.encode())
    assert total <= 40_000


async def test_the_page_names_nothing_that_is_not_on_this_host(house: House) -> None:
    _, _, page = await read(house, "/explorer")
    texts = [page, *[(await read(house, f"/explorer/{name}"))[2] for name in FILES]]
    for text in texts:
        assert not re.search(r"(?:https?:)?//[\w-]+\.\w", text)
        assert "@import" not in text
        assert not re.search(r"\burl\(", text)
    linked = set(re.findall(r'(?:src|href)="([^"#]+)"', page)) - {"data:,", "openapi.json"}
    assert linked == {f"explorer/{name}" for name in FILES}


async def test_nothing_is_set_as_markup_and_nothing_stands_inline(house: House) -> None:
    _, _, page = await read(house, "/explorer")
    _, _, script = await read(house, "/explorer/explorer.js")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|localStorage|cookie", script
    )
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", page)
    assert set(re.findall(r'\$\("(\w+)"\)', script)) <= set(re.findall(r'\bid="(\w+)"', page))
    assert script.count("sessionStorage") >= 2


async def test_other_names_are_not_found(house: House) -> None:
    for name in ("nothing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "index.htm", "__init__.py"):
        status, _, text = await read(house, f"/explorer/{name}")
        assert status == 404, name
        assert "gateway" not in text


async def test_a_first_visit_is_small(house: House) -> None:
    size = 0
    for path in ("/explorer", "/explorer/explorer.js", "/explorer/explorer.css", "/openapi.json"):
        async with house.http.get(house.url + path) as reply:
            size += len(gzip.compress(await reply.read()))
    assert size < 150_000
