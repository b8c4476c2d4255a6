"""What the front door refuses, and how: OpenAI's error shape, the right status, the field that is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import CHAT, House, chat, open_house

from bus.config import new_key
from bus.connection import Link
from schemas.discretion import Discretion
from schemas.provider import ApiKey


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


BAD_BODIES: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b"{", None),
    (b"not json", None),
    (b"[]", None),
    (b'"text"', None),
    (b'{"model": "m", "messages": [{"role": "user", "content": "\xff\xfe"}]}', None),
    (b'{"x":' + b"[" * 200_000, None),
    (json.dumps({"messages": chat()["messages"]}).encode(), "model"),
    (json.dumps({"model": "m"}).encode(), "messages"),
    (json.dumps(chat() | {"messages": []}).encode(), "messages"),
    (json.dumps(chat() | {"messages": "hello"}).encode(), "messages"),
    (json.dumps(chat() | {"messages": [{"content": "x"}]}).encode(), "messages[0].role"),
    (json.dumps(chat() | {"messages": [{"role": 1, "content": "x"}]}).encode(), "messages[0].role"),
    (json.dumps(chat() | {"messages": [{"role": "king", "content": "x"}]}).encode(), "messages[0].role"),
    (json.dumps(chat() | {"messages": [{"role": "user", "content": 5}]}).encode(), "messages[0].content"),
    (json.dumps(chat(5)).encode(), "model"),  # type: ignore[arg-type]
    (json.dumps(chat("")).encode(), "model"),
    (json.dumps(chat(temperature="hot")).encode(), "temperature"),
    (json.dumps(chat(stream="yes")).encode(), "stream"),
    (json.dumps(chat(max_tokens=0)).encode(), "max_tokens"),
]


async def test_a_bad_body_is_a_400_that_names_the_field(house: House) -> None:
    for body, param in BAD_BODIES:
        status, headers, reply = await house.post(body)
        assert (status, reply["error"]["param"]) == (400, param), (body[:200], reply)
        assert reply["error"]["type"] == "invalid_request_error"
        assert len(reply["error"]["message"]) < 300
        row = await house.row(headers["x-job-id"])
        assert (row.outcome, row.status, row.error, row.key) == ("failed", 400, "invalid_request", house.key.id)


async def test_a_compressed_body_is_refused_in_clear_words(house: House) -> None:
    status, _, reply = await house.post(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})
    assert (status, "compressed" in reply["error"]["message"]) == (400, True)


@pytest.mark.parametrize("chunked", [False, True])
async def test_twenty_megabytes_get_a_clean_413_and_the_connection_lives(house: House, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000_000

    headers = {"Authorization": f"Bearer {house.secret}"}
    async with asyncio.timeout(10):
        data: Any = pieces() if chunked else b"x" * 20_000_000
        async with house.http.post(house.url + CHAT, data=data, headers=headers) as reply:
            assert reply.status == 413
            assert (await reply.json())["error"]["code"] == "request_too_large"
        assert (await house.post())[0] == 200


async def test_a_client_that_waits_for_continue_never_sends_a_body_too_large(house: House) -> None:
    port = int(house.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.secret}\r\n"
    writer.write((head + "Content-Length: 20000000\r\nExpect: 100-continue\r\n\r\n").encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


STRANGERS: list[tuple[dict[str, Any], str]] = [
    ({"Authorization": None}, "didn't provide"),
    ({"Authorization": "Bearer ais-wrong"}, "Incorrect"),
    ({"Authorization": "Bearer "}, "no `Bearer KEY`"),
    ({"Authorization": "Basic Zm9vOmJhcg=="}, "no `Bearer KEY`"),
    ({"Authorization": None, "X-Api-Key": "ais-wrong"}, "Incorrect"),
    ({"Authorization": "Bearer \xff\xfe"}, "Incorrect"),
]


async def test_no_key_or_a_wrong_one_is_a_401(house: House) -> None:
    for headers, word in STRANGERS:
        status, told, reply = await house.post(headers=headers)
        assert (status, reply["error"]["code"]) == (401, "invalid_api_key"), headers
        assert word in reply["error"]["message"], headers
        assert told["www-authenticate"].startswith("Bearer")
    assert not house.fake.calls


@pytest.mark.parametrize("header", ["X-Api-Key", "x-api-key", "Authorization"])
async def test_a_key_may_come_in_either_header(house: House, header: str) -> None:
    for _ in range(2):  # the second time from memory
        assert (await house.post(headers={"Authorization": None, header: house.secret}))[0] == 200


async def test_a_proxys_basic_header_never_stands_for_somebody_elses_key(house: House) -> None:
    basic = {"Authorization": "Basic Zm9v"}
    assert (await house.post(headers={**basic, "X-Api-Key": house.secret}))[0] == 200
    assert (await house.post(headers=basic))[0] == 401
    assert (await house.post(headers={**basic, "X-Api-Key": "ais-wrong"}))[0] == 401


async def test_a_revoked_or_expired_key_says_so_and_stops_at_once(house: House) -> None:
    assert (await house.post())[0] == 200
    await house.config.revoke_key(house.key.id)
    status, _, reply = await house.post()
    assert (status, "revoked" in reply["error"]["message"]) == (401, True)
    secret, key = new_key("old")
    fields = {name: getattr(key, name) for name in key.__struct_fields__}
    await house.config.put_key(ApiKey(**{**fields, "expires": 1.0}))
    status, _, reply = await house.post(headers={"Authorization": f"Bearer {secret}"})
    assert (status, "expired" in reply["error"]["message"]) == (401, True)


async def test_wrong_paths_and_methods_answer_in_the_same_shape(house: House) -> None:
    for path, method, status in (
        ("/v1/nothing", "GET", 404),
        ("/nothing", "POST", 404),
        (CHAT, "GET", 405),
        (CHAT, "DELETE", 405),
        ("/v1/models", "POST", 405),
        ("/jobs/1", "PUT", 405),
    ):
        found, _, reply = await house.get(path, method=method)
        assert (status, {"message", "type", "param", "code"}) == (found, set(reply["error"])), (path, method)


async def test_an_unforeseen_error_is_a_500_with_a_sentence_and_no_trace(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("bus.dispatch.Dispatcher.live", broken)
    monkeypatch.setattr("bus.fleet.Fleet.models", broken)
    for status, headers, reply in (await house.post(), await house.get("/v1/models")):
        assert (status, reply["error"]["type"], reply["error"]["code"]) == (500, "server_error", "internal")
        assert "secret" not in json.dumps(reply)
        assert headers["x-request-id"]


async def test_a_model_whose_agents_are_gone_is_a_503_at_once(nats: Link) -> None:
    async with open_house(nats, agent=False) as house:
        status, _, reply = await house.post()
        assert (status, "no provider is online" in reply["error"]["message"]) == (404, True)


async def test_bad_waiting_times_are_refused(house: House) -> None:
    assert (await house.post(headers={"Prefer": "wait=soon"}))[0] == 400
    assert (await house.post(headers={"Prefer": "wait=-1"}))[0] == 400
    assert (await house.get("/jobs/1?wait=nan"))[0] == 400
    _, _, accepted = await house.post(headers={"Prefer": "respond-async"})
    assert (await house.get(f"/jobs/{accepted['id']}/events?after=x"))[0] == 400


async def test_the_open_pages_need_no_key_and_the_others_do(house: House) -> None:
    """checklist 124: GET /up answers."""
    nobody = {"X-Api-Key": ""}
    assert (await house.get("/up", headers=nobody))[2] == {"status": "ok", "version": "1.2.3", "bus": True}
    assert (await house.get("/up", headers=nobody, method="HEAD"))[::2] == (200, None)
    assert "chat" in (await house.get("/", headers=nobody))[2]
    document = (await house.get("/openapi", headers=nobody))[2]
    assert CHAT in document["paths"]
    assert "/jobs/{job}" in document["paths"]
    assert "ChatRequest" in document["components"]["schemas"]
    for path in ("/v1/models", "/jobs/1", "/jobs/1/events"):
        assert (await house.get(path, headers=nobody))[0] == 401


async def test_bodies_are_archived_only_where_the_setting_is_on(nats: Link) -> None:
    async with open_house(nats, discretion=Discretion(True)) as house:
        _, headers, reply = await house.post()
        row = await house.row(headers["x-job-id"])
        assert json.loads(row.request or "") == chat()
        assert json.loads(row.response or "") == reply
