"""Pictures named by a URL: fetched for providers that want bytes, and never from inside our own network."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat_kit import KEY, job, play, provider
from conform_kit import PIXEL
from fake_gemini import FakeGemini
from fake_ollama import FakeOllama
from fake_wire import Wire

from agents._http import Http
from agents._images import MAX_PICTURES
from agents.agent import Tools
from schemas.problem import Code


class Gallery:
    """A web server of pictures, good and bad."""

    async def __aenter__(self) -> "Gallery":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.seen: list[str] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        _, path, _, _ = await wire.request()
        self.seen.append(path)
        close = {"Connection": "close"}
        match path:
            case "/a.png":
                wire.answer(200, base64.b64decode(PIXEL), close, "text/plain")
            case "/moved":
                wire.answer(302, b"", {"Location": "/a.png", **close})
            case "/round":
                wire.answer(302, b"", {"Location": "/round", **close})
            case "/inside":
                wire.answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data", **close})
            case "/page":
                wire.answer(200, b"<html>sign in</html>", close, "image/png")
            case "/giant":
                wire.answer(200, b"\x89PNG\r\n\x1a\n" + b"x" * (21 * 1024 * 1024), close, "image/png")
            case _:
                wire.answer(404, b"", close)
        await writer.drain()
        writer.close()


@pytest.fixture
async def gallery() -> AsyncIterator[Gallery]:
    async with Gallery() as opened:
        yield opened


def looking(*urls: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}]


@pytest.mark.parametrize("path", ["/a.png", "/moved"])
async def test_a_picture_is_fetched_for_who_wants_its_bytes(gallery: Gallery, path: str) -> None:
    asked = job("plain", messages=looking(gallery.url + path, gallery.url + path))
    async with Http(private=True) as http, FakeGemini(key=KEY) as a, FakeOllama(key=KEY) as b:
        for kind, fake in (("gemini", a), ("ollama", b)):
            _, problem = await play(asked, Tools(http, provider(fake.url, kind=kind), key=KEY))
            assert problem is None, problem.fault
            assert json.dumps(fake.calls[0].body).count(PIXEL) == 2
    assert gallery.seen.count(path) == 2, "the same picture is fetched once a request"
    assert '"mimeType": "image/png"' in json.dumps(a.calls[0].body)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none", "404"),
        ("/page", "no picture"),
        ("/giant", "more than"),
        ("/round", "redirected"),
        ("/inside", "169.254.169.254"),
    ],
)
async def test_a_picture_that_cannot_be_had_is_the_callers_to_mend(gallery: Gallery, path: str, says: str) -> None:
    async with Http(private=True) as http, FakeOllama(key=KEY) as fake:
        known = Tools(http, provider(fake.url, kind="ollama"), key=KEY)
        _, problem = await play(job("plain", messages=looking(gallery.url + path + "?token=secret")), known)
        if path != "/none":
            _, problem = await play(job("plain", messages=looking(gallery.url + path)), known)
        assert problem is not None
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "messages")
        assert says in problem.fault.message
        assert "secret" not in problem.fault.message
        assert fake.calls == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a.png", "http://localhost/a.png", "ftp://x.example/a", "file:///etc/passwd", "http://"]
)
async def test_a_picture_is_never_fetched_from_inside(gallery: Gallery, url: str) -> None:
    async with Http() as http, FakeOllama(key=KEY) as fake:
        _, problem = await play(
            job("plain", messages=looking(url)), Tools(http, provider(fake.url, kind="ollama"), key=KEY)
        )
        assert problem is not None
        assert problem.code is Code.INVALID_REQUEST
        _, problem = await play(
            job("plain", messages=looking(*(f"{gallery.url}/{i}" for i in range(MAX_PICTURES + 1)))),
            Tools(http, provider(fake.url, kind="ollama"), key=KEY),
        )
        assert problem is not None
        assert gallery.seen == []


async def test_pictures_that_google_holds_are_named_and_not_fetched() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    async with Http() as http, FakeGemini(key=KEY) as fake:
        _, problem = await play(
            job("plain", messages=looking(url)), Tools(http, provider(fake.url, kind="gemini"), key=KEY)
        )
        assert problem is None
        assert fake.calls[0].body["contents"][0]["parts"][1] == {"fileData": {"fileUri": url}}
