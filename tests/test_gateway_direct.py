"""Direct publishers: the same chat on NATS without HTTP, by core request and by a stored one."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats as nats_py
import pytest
from fake_scripts import Script
from gateway_house import House, chat, open_house, until
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus.callout import Callout
from bus.connection import open_bus
from ops.embedded import EmbeddedNats

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "direct_chat.py"


@pytest.fixture
async def house(server: EmbeddedNats) -> AsyncIterator[House]:
    async with open_house(server.link) as opened, open_bus(server.callout.link, "callout") as bus:
        await Callout(bus, server.callout.seed, opened.config.find_key).start()
        yield opened


class Publisher:
    """A service with an API key and plain nats-py."""

    def __init__(self, nc: Client, key: str) -> None:
        self.nc, self.key = nc, key
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def rpc(self, body: bytes, op: str = "chat") -> Msg:
        return await self.nc.request(f"rpc.default.{self.key}.{op}", body, timeout=10)

    async def stream(self, body: bytes) -> list[Msg]:
        inbox = self.nc.new_inbox()
        replies = await self.nc.subscribe(inbox)
        await self.nc.publish(f"rpc.default.{self.key}.chat", body, reply=inbox)
        found = [await replies.next_msg(timeout=5)]
        while "Ai-End" not in (found[-1].headers or {}):
            found.append(await replies.next_msg(timeout=5))
        return found

    async def listen(self) -> None:
        async def heard(message: Msg) -> None:
            self.heard.append((message.subject.rpartition(".")[2], json.loads(message.data)))

        await self.nc.subscribe(f"out.default.{self.key}.>", cb=heard)
        await self.nc.flush()

    async def req(self, body: bytes, **headers: str) -> None:
        subject = f"req.default.{self.key}.chat"
        await self.nc.jetstream().publish(subject, body, headers=headers or None)

    def types(self, ref: str | None = None) -> list[str]:
        return [event["type"] for name, event in self.heard if ref in (None, name)]


@pytest.fixture
async def publisher(house: House, server: EmbeddedNats) -> AsyncIterator[Publisher]:
    prefix = f"_INBOX.{house.key.id}".encode()
    nc = await nats_py.connect(server.link.url, token=house.secret, inbox_prefix=prefix)
    yield Publisher(nc, house.key.id)
    await nc.close()


def packed(*args: Any, **more: Any) -> bytes:
    return json.dumps(chat(*args, **more)).encode()


async def test_rpc_answers_with_the_completion_in_one_reply(house: House, publisher: Publisher) -> None:
    reply = await publisher.rpc(packed())
    assert json.loads(reply.data)["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4"
    headers = reply.headers or {}
    assert (headers["Ai-Status"], headers["Ai-Provider"], headers["Ai-End"]) == ("200", "fake", "1")
    row = await house.row(headers["Ai-Job"])
    assert ("done", "direct", house.key.id) == (row.outcome, row.style, row.key)


async def test_rpc_streams_deltas_and_ends_with_done(publisher: Publisher) -> None:
    told = [json.loads(message.data) for message in await publisher.stream(packed(stream=True))]
    assert told[-1]["type"] == "done"
    assert told[-1]["usage"]["tokens_out"] == 5
    chunks = [event["chunk"] for event in told[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "w0 w1 w2 w3 w4"


async def test_a_stream_that_breaks_ends_with_failed(publisher: Publisher) -> None:
    told = [json.loads(message.data) for message in await publisher.stream(packed("cut", stream=True))]
    assert (told[0]["type"], told[-1]["type"], told[-1]["error"]["code"]) == ("delta", "failed", "stream_broken")


@pytest.mark.parametrize(
    ("body", "op", "status", "code"),
    [
        (b"{", "chat", "400", "invalid_request"),
        (packed(messages=[]), "chat", "400", "invalid_request"),
        (packed("none"), "chat", "404", "model_not_found"),
        (packed(), "nothing", "404", "not_found"),
        (packed("html"), "chat", "502", "provider_garbled"),
    ],
)
async def test_rpc_errors_have_openais_shape_and_a_status(
    house: House, publisher: Publisher, body: bytes, op: str, status: str, code: str
) -> None:
    reply = await publisher.rpc(body, op)
    headers = reply.headers or {}
    assert (status, code) == (headers["Ai-Status"], json.loads(reply.data)["error"]["code"])
    assert (await house.row(headers["Ai-Job"])).status == int(status)


async def test_a_key_revoked_while_connected_is_refused(house: House, publisher: Publisher) -> None:
    await house.config.revoke_key(house.key.id)
    reply = await publisher.rpc(packed())
    assert (reply.headers or {})["Ai-Status"] == "401"


async def test_a_stored_request_is_accepted_worked_on_and_told(house: House, publisher: Publisher) -> None:
    await publisher.listen()
    await publisher.req(packed(), **{"Ai-Ref": "r1"})
    await until(lambda: "done" in publisher.types("r1"))
    assert publisher.types("r1")[0] == "accepted"
    done = publisher.heard[-1][1]
    assert done["result"]["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4"
    job = publisher.heard[0][1]["job"]
    row = await house.row(job)
    assert (row.outcome, row.style, row.ref) == ("done", "direct", "r1")
    assert (await house.get(f"/jobs/{job}"))[2]["status"] == "done"


async def test_a_stored_stream_is_told_chunk_by_chunk(publisher: Publisher) -> None:
    await publisher.listen()
    await publisher.req(packed(stream=True))
    await until(lambda: "done" in publisher.types())
    chunks = [event["chunk"] for _, event in publisher.heard if event["type"] == "delta"]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "w0 w1 w2 w3 w4"
    assert {name for name, _ in publisher.heard} == {str(publisher.heard[0][1]["job"])}


async def test_a_request_stored_twice_is_one_job_and_its_end_is_told_again(house: House, publisher: Publisher) -> None:
    await publisher.listen()
    await publisher.req(packed(), **{"Ai-Ref": "twice"})
    await until(lambda: "done" in publisher.types("twice"))
    await publisher.req(packed(), **{"Ai-Ref": "twice"})
    await until(lambda: publisher.types("twice").count("done") == 2)
    assert [event["duplicate"] for _, event in publisher.heard if event["type"] == "accepted"] == [False, True]
    assert len(house.fake.calls) == 1


@pytest.mark.parametrize("body", [b"{", packed("none"), packed(messages=[])])
async def test_a_message_nobody_can_use_is_answered_once_and_does_not_come_back(
    house: House, publisher: Publisher, body: bytes
) -> None:
    await publisher.listen()
    await publisher.req(body, **{"Ai-Ref": "bad"})
    await until(lambda: publisher.types("bad") == ["failed"])

    async def empty() -> bool:
        return (await house.bus.api("STREAM.INFO.REQ"))["state"]["messages"] == 0

    await until(empty)
    await until(lambda: [row.status for row in house.rows] in ([400], [404]))


async def test_fifty_stored_at_once_are_fifty_jobs(house: House, publisher: Publisher) -> None:
    await publisher.listen()
    await asyncio.gather(*(publisher.req(packed(), **{"Ai-Ref": f"n{i}"}) for i in range(50)))
    await until(lambda: publisher.types().count("done") == 50, 20)
    assert len(house.fake.calls) == 50


async def test_the_example_in_the_docs_runs_against_us_with_plain_nats_py(house: House, server: EmbeddedNats) -> None:
    house.fake.default = Script(tokens=3)
    command = [sys.executable, str(EXAMPLE), server.link.url, house.secret, "m"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=30, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"answer: +w0 w1 w2\nstream: +w0 w1 w2 +\(done", done.stdout)
    assert "event:    accepted" in done.stdout
    assert "event:    done" in done.stdout
