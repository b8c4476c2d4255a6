"""Callbacks over real sockets: signed, with one id, judged by the receiver's status, and never sent where they must not go."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from fake_wire import HungUpError, Wire
from standardwebhooks import Webhook

from agents import callbacks
from agents._http import Http
from agents.agent import Tools, load
from schemas.callback import CallbackRequest, parse_reply_to, webhook_id
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Provider

PAYLOAD = b'{"id": 5,  "text":"\xc3\xa9"}'
SECRET, OLD = "whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8
Reply = Callable[[Wire], bool]


class Receiver:
    """Answers each request as told and remembers what came."""

    def __init__(self) -> None:
        self.reply: Reply = lambda wire: wire.answer(204, b"")
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, HungUpError):
            wire, goes_on = Wire(reader, writer), True
            while goes_on:
                self.seen.append(await wire.request())
                goes_on = self.reply(wire)
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as one:
        yield one


def tools(http: Http, key: str = SECRET) -> Tools:
    return Tools(http, Provider(name="callbacks", kind="callbacks"), key=key, env={"HOOK": "hook-secret-1"})


async def deliver(url: str, *, private: bool = True, key: str = SECRET) -> Done:
    """Raises the `Problem` of a delivery that failed."""
    request = CallbackRequest(target=parse_reply_to(url), id=webhook_id(5), payload=msgspec.Raw(PAYLOAD))
    body = msgspec.json.encode(request)
    job = Job(id=6, tenant="t", key="k", op="callback", model="", body=body, created=0, deadline=9e9, parent=5)
    async with Http(guarded=True, private=private) as http:
        events = [event async for event in load("callbacks").handles["callback"](job, tools(http, key))]
    assert isinstance(events[-1], Done)
    return events[-1]


async def failure(url: str, *, private: bool = True, key: str = SECRET) -> Problem:
    with pytest.raises(Problem) as caught:
        await deliver(url, private=private, key=key)
    return caught.value


async def test_a_callback_is_signed_and_carries_its_payload_byte_for_byte(receiver: Receiver) -> None:
    done = await deliver(f"PUT $HOOK@http://127.0.0.1:{receiver.port}/done?id=7", key=f"{SECRET} {OLD}")
    method, path, headers, body = receiver.seen[0]
    assert (method, path, body) == ("PUT", "/done?id=7", PAYLOAD)
    assert headers["webhook-id"] == "msg_5"
    assert headers["authorization"] == "Bearer hook-secret-1"
    assert headers["user-agent"].startswith("AI-Server/")
    for secret in (SECRET, OLD):
        assert Webhook(secret).verify(body, headers) == {"id": 5, "text": "é"}
    assert json.loads(done.body) == {"status": 204, "webhook_id": "msg_5"}


async def test_without_a_secret_it_goes_unsigned_and_a_bad_one_is_told(receiver: Receiver) -> None:
    await deliver(f"http://127.0.0.1:{receiver.port}/", key="")
    assert "webhook-signature" not in receiver.seen[0][2]
    assert (await failure(f"http://127.0.0.1:{receiver.port}/", key="whsec_é")).code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "code", "wait"),
    [
        (301, Code.PROVIDER_ERROR, None),
        (307, Code.PROVIDER_ERROR, None),
        (400, Code.PROVIDER_ERROR, None),
        (404, Code.PROVIDER_ERROR, None),
        (410, Code.PROVIDER_REFUSED, None),
        (429, Code.PROVIDER_RATE_LIMITED, 9),
        (500, Code.PROVIDER_ERROR, None),
        (503, Code.PROVIDER_ERROR, 9),
    ],
)
async def test_only_2xx_is_success_and_410_is_final(
    receiver: Receiver, status: int, code: Code, wait: float | None
) -> None:
    headers = {"Retry-After": "9", "Location": f"http://127.0.0.1:{receiver.port}/other"}
    receiver.reply = lambda wire: wire.answer(status, b"no", headers)
    fault = (await failure(f"http://127.0.0.1:{receiver.port}/")).fault
    assert (fault.code, fault.retry_after, fault.provider_status) == (code, wait, status)
    assert len(receiver.seen) == 1


async def test_a_receiver_that_closes_or_keeps_silent_is_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.reply = lambda wire: wire.reset()
    assert (await failure(f"http://127.0.0.1:{receiver.port}/")).code is Code.PROVIDER_UNREACHABLE
    monkeypatch.setattr(callbacks, "TIMEOUT", 0.2)
    receiver.reply = lambda wire: True
    assert (await failure(f"http://127.0.0.1:{receiver.port}/")).code is Code.PROVIDER_TIMEOUT


async def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    def endless(wire: Wire) -> bool:
        wire.head(200, {"Content-Length": str(10**12)})
        wire.writer.write(b"x" * 1_000_000)
        return True

    receiver.reply = endless
    assert json.loads((await deliver(f"http://127.0.0.1:{receiver.port}/")).body)["status"] == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "127。0。0。1"],
)
async def test_loopback_is_called_only_where_it_is_allowed(receiver: Receiver, host: str) -> None:
    problem = await failure(f"http://{host}:{receiver.port}/", private=False)
    assert problem.code is Code.FORBIDDEN
    assert receiver.seen == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "0", "100.100.100.200", "2852039166"]
)
async def test_metadata_is_never_called(host: str) -> None:
    assert (await failure(f"http://{host}/latest/meta-data", private=True)).code is Code.FORBIDDEN


async def test_a_name_that_leads_inside_is_called_where_it_is_allowed(receiver: Receiver) -> None:
    await deliver(f"http://localhost:{receiver.port}/")
    assert len(receiver.seen) == 1


async def test_an_unguarded_client_delivers_nothing(receiver: Receiver) -> None:
    assert load("callbacks").guarded
    job = Job(id=6, tenant="t", key="k", op="callback", model="", body=b"{}", created=0, deadline=9e9)
    async with Http() as http:
        with pytest.raises(Problem, match="guarded"):
            await anext(load("callbacks").handles["callback"](job, tools(http)))
