"""`/artifacts/…` over HTTP: who may read, in which parts, with which headers, and what a damaged file looks like."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from gateway_house import House, open_house, until
from msgspec.structs import replace

from bus.config import new_key
from bus.connection import Link, open_bus
from gateway.artifacts import Artifacts
from gateway.files import About, Files
from gateway.links import Links
from ops.embedded import EmbeddedNats
from schemas.files import PRIVATE, PUBLIC
from schemas.problem import Code, Problem
from schemas.provider import ApiKey
from storage.blobs import address_of, blob_at
from storage.objects import CHUNK, chunk_subject, encode_blob, meta_subject


class Place:
    """A gateway with its connection for bytes, and files put behind its back."""

    def __init__(self, house: House, files: Files) -> None:
        self.house, self.files = house, files

    async def put(
        self, data: bytes, kind: str = "image/png", area: str = PUBLIC, key: ApiKey | None = None, name: str = "cat.png"
    ) -> str:
        """Its address."""
        key = key or self.house.key

        async def source() -> AsyncIterator[bytes]:
            yield data

        about = About(id=self.files.new_id(), filename=name, purpose="artifact", content_type=kind, area=area)
        blob = await self.files.store((key.tenant, key.id), source(), about)
        await self.files.enter((key.tenant, key.id), about, blob)
        return address_of(blob.name)

    async def get(
        self, path: str, key: str = "", method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        heads = {name.replace("_", "-"): value for name, value in headers.items()}
        heads |= {"X-Api-Key": key} if key else {}
        url = aiohttp.client.URL(self.house.url + path, encoded=True)
        async with self.house.http.request(method, url, headers=heads) as reply:
            return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


@pytest.fixture
async def place(nats: Link) -> AsyncIterator[Place]:
    async with AsyncExitStack() as things:
        bulk = await things.enter_async_context(open_bus(nats, "bulk"))
        house = await things.enter_async_context(open_house(nats, agent=False, bulk=bulk))
        yield Place(house, Files(house.bus, iter(range(4_194_304_000, 2**52)).__next__, bulk))


async def test_a_public_file_is_read_by_whoever_knows_its_address(place: Place) -> None:
    data = os.urandom(3 * CHUNK + 5)
    path = await place.put(data)
    status, headers, got = await place.get(path)
    assert (status, got) == (200, data)
    digest = hashlib.sha256(data).hexdigest()
    assert path.endswith(f"/{place.house.key.id}/{digest}.png")
    assert (headers["etag"], headers["content-length"]) == (f'"{digest}"', str(len(data)))
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (headers["content-type"], headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert headers["access-control-allow-origin"] == "*"
    assert "content-disposition" not in headers


async def test_head_and_conditions_and_ranges_are_as_rfc_9110_says(place: Place) -> None:
    data = os.urandom(2 * CHUNK + 77)
    path = await place.put(data, area=PRIVATE)
    for where in (path, f"/v1/files/{await _id(place)}/content"):
        secret = place.house.secret
        _, whole, _ = await place.get(where, secret)
        etag = whole["etag"]
        for heads, status, body in (
            ({"Range": "bytes=0-0"}, 206, data[:1]),
            ({"Range": f"bytes={CHUNK - 3}-{CHUNK + 2}"}, 206, data[CHUNK - 3 : CHUNK + 3]),
            ({"Range": "bytes=-10"}, 206, data[-10:]),
            ({"Range": f"bytes={len(data)}-"}, 416, b""),
            ({"Range": "bytes=5-9", "If_Range": etag}, 206, data[5:10]),
            ({"Range": "bytes=5-9", "If_Range": '"old"'}, 200, data),
            ({"If_None_Match": f'"x", {etag}'}, 304, b""),
            ({"If_None_Match": f"W/{etag}", "Range": "bytes=5-9"}, 304, b""),
            ({"Range": "bytes=0-1,4-5"}, 200, data),
        ):
            assert (status, body) == (await place.get(where, secret, **heads))[::2]
        status, headers, body = await place.get(where, secret, "HEAD", Range="bytes=0-9")
        assert (status, headers["content-length"], headers["etag"], body) == (200, str(len(data)), etag, b"")
        assert whole["cache-control"] == "private, no-cache"
        assert "access-control-allow-origin" not in whole


async def _id(place: Place) -> str:
    _, _, listed = await place.house.get("/v1/files")
    return str(listed["data"][0]["id"])


async def test_a_private_file_is_its_owners_an_admins_or_a_links(place: Place) -> None:
    path = await place.put(b"mine", area=PRIVATE)
    admin, stored = new_key("admin", ("admin",))
    await place.house.config.put_key(stored)
    never = path.replace(path[-20:-4], "0" * 16)
    assert [(await place.get(path, key))[0] for key in (place.house.secret, admin)] == [200, 200]
    assert [(await place.get(one))[0] for one in (path, never)] == [401, 401]
    told = [await place.get(one, place.house.other) for one in (path, never)]
    assert [status for status, _, _ in told] == [404, 404]
    assert told[0][2].replace(path.encode(), b"") == told[1][2].replace(never.encode(), b"")
    assert (await place.get(path, place.house.other, "HEAD"))[::2] == (404, b"")
    assert (await place.get(path, "no key"))[0] == 401


async def test_a_link_is_asked_with_the_path_as_it_was_sent(place: Place) -> None:
    """The gateway's own links are tested with uploads; here, that they are asked before any key."""

    class Nobody:
        def who(self, heads: Any) -> ApiKey:
            raise AssertionError("a signed link needs no key")

    links, path = Links(b"secret"), await place.put(b"mine", area=PRIVATE)
    artifacts = Artifacts(place.files, Nobody(), links)  # type: ignore[arg-type]
    sent: list[Any] = []

    async def ask(path: str, query: str) -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
        await artifacts.answer({**scope, "query_string": query.encode()}, asyncio.Event().wait, send)  # type: ignore[arg-type]

    query = links.sign(path, int(time.time()) + 60).partition("?")[2]
    await ask(path, query)
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"mine")
    other = await place.put(b"other", area=PRIVATE)
    for where, wrong in ((other, query), (path, query.replace("expires=", "expires=9")), (path, query + "&x=1")):
        with pytest.raises(Problem) as refused:
            await ask(where, wrong)
        assert refused.value.code is Code.FORBIDDEN
    with pytest.raises(AssertionError):
        await ask(path, "")


async def test_nothing_but_the_very_address_leads_to_a_file(place: Place) -> None:
    path = await place.put(b"private", area=PRIVATE)
    public = await place.put(b"public")
    rest = path.removeprefix("/artifacts/private/")
    for wrong in (
        f"/artifacts/public/{rest}",
        f"/artifacts/{rest}",
        f"/artifacts//private/{rest}",
        f"/artifacts/./private/{rest}",
        f"/artifacts/x/../private/{rest}",
        f"/artifacts/%2e%2e/artifacts/private/{rest}",
        f"/artifacts/private/..%2f{rest}",
        f"/artifacts/%70rivate/{rest}",
        f"/artifacts/PRIVATE/{rest}",
        f"/artifacts/t/default/private/{rest}",
        f"/artifacts/t/default/public/{public.removeprefix('/artifacts/')}",
        f"/artifacts/t/other/private/{rest}",
        f"/artifacts/t/../private/{rest}",
        f"{path}/",
        f"{path}%00",
        f"{path}%0a",
        path.upper(),
        path.replace(path[-20:-4], "f" * 16),
        path[:-4] + ".html",
        f"/artifacts/private/{rest}" + "a" * 5000,
        "/artifacts",
        "/artifacts/",
        f"/artifactsx/{rest}",
    ):
        status, _, body = await place.get(wrong, place.house.secret)
        assert (wrong, status) == (wrong, 404)
        assert b"private" not in body or b"no file" in body or b"nothing" in body


async def test_another_tenants_files_have_addresses_of_their_own(place: Place) -> None:
    secret, key = new_key("far", tenant="acme")
    await place.house.config.put_key(key)
    path = await place.put(b"acme's", area=PRIVATE, key=key)
    assert path.startswith("/artifacts/t/acme/private/")
    assert (await place.get(path, secret))[::2] == (200, b"acme's")
    assert (await place.get(path, place.house.secret))[0] == 404
    assert (await place.get(path.replace("/t/acme/", "/"), secret))[0] == 404


async def test_what_a_browser_would_run_is_served_so_that_it_does_not(place: Place) -> None:
    for kind, shown in (
        ("text/html", False),
        ("image/svg+xml", False),
        ("application/xhtml+xml", False),
        ("text/xml", False),
        ("application/javascript", False),
        ("x/y", False),
        ("text/plain", True),
        ("video/mp4", True),
    ):
        path = await place.put(kind.encode(), kind)
        _, headers, _ = await place.get(path)
        assert headers["content-security-policy"].startswith("sandbox;")
        assert headers["x-content-type-options"] == "nosniff"
        assert (kind, headers.get("content-disposition")) == (kind, None if shown else "attachment")


async def test_a_file_is_saved_under_its_own_name(place: Place) -> None:
    path = await place.put(b"x", name='kätz"chen.png')
    _, headers, _ = await place.get(f"{path}?download=1")
    assert (
        headers["content-disposition"]
        == "attachment; filename=\"k_tz_chen.png\"; filename*=UTF-8''k%C3%A4tz%22chen.png"
    )
    assert "content-disposition" not in (await place.get(f"{path}?download=0"))[1]


async def test_other_methods_are_refused_and_pages_may_ask_first(place: Place) -> None:
    path = await place.put(b"x")
    assert (await place.get(path, method="DELETE"))[0] == 405
    status, headers, _ = await place.get(path, method="OPTIONS", Origin="https://a.example")
    assert (status, headers["access-control-allow-methods"]) == (204, "GET, HEAD, OPTIONS")
    hidden = await place.put(b"y", area=PRIVATE)
    assert "access-control-allow-origin" not in (await place.get(hidden, method="OPTIONS"))[1]


async def test_a_damaged_file_never_ends_like_a_good_one(place: Place) -> None:
    """The digest is wrong: what has been sent by then is cut short of the announced length."""
    data = os.urandom(4 * CHUNK)
    path = await place.put(data)
    name = blob_at(path)
    assert name is not None
    blob = await place.files.blobs.find(name)
    assert blob is not None
    bus = place.house.bus
    acks = [await bus.keep(chunk_subject("forged"), data[at : at + CHUNK]) for at in range(0, 3 * CHUNK, CHUNK)]
    await bus.keep(chunk_subject("forged"), bytes(CHUNK))
    forged = replace(blob, nuid="forged", runs=((acks[0].seq, 4),))
    await bus.keep(meta_subject(name), encode_blob(forged), headers={"Nats-Rollup": "sub"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await place.get(path)
    assert (await place.get(path, Range="bytes=0-9"))[::2] == (206, data[:10])  # a part can't be checked
    small = await place.put(b"abc", "text/plain")
    await _forge(place, small)
    assert (await place.get(small))[0] == 500  # nothing was sent yet: an honest status


async def _forge(place: Place, path: str) -> None:
    name = blob_at(path)
    assert name is not None
    blob = await place.files.blobs.find(name)
    assert blob is not None
    ack = await place.house.bus.keep(chunk_subject("small"), b"xyz")
    forged = replace(blob, nuid="small", runs=((ack.seq, 1),))
    await place.house.bus.keep(meta_subject(name), encode_blob(forged), headers={"Nats-Rollup": "sub"})


async def test_a_deleted_file_is_gone_at_its_address(place: Place) -> None:
    path = await place.put(b"short", area=PRIVATE)
    await place.house.get(f"/v1/files/{await _id(place)}", method="DELETE")
    assert (await place.get(path, place.house.secret))[0] == 404


async def test_a_caller_who_hangs_up_stops_the_reading(place: Place) -> None:
    path = await place.put(bytes(60 * CHUNK))
    host, port = place.house.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert b" 200 " in await reader.readline()
    writer.transport.abort()
    await until(lambda: not [t for t in asyncio.all_tasks() if "send_blob" in repr(t) or "run_asgi" in repr(t)])


async def test_a_download_goes_on_after_the_server_was_killed(server: EmbeddedNats) -> None:
    async with open_house(server.link, agent=False) as house:
        data = random.Random(8).randbytes(80 * CHUNK)
        place = Place(house, Files(house.bus, iter(range(4_194_304_000, 2**52)).__next__))
        path = await place.put(data)
        async with house.http.get(house.url + path) as reply:
            got = await reply.content.read(CHUNK)
            os.kill(server.pid, 9)
            got += await reply.content.read()
        assert (reply.status, got == data) == (200, True)
        assert server.restarts == 1
