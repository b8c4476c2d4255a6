"""Batches: bad lines, bounds, time, and gateways that are killed in the middle."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fake_scripts import Script
from gateway_house import House, gateway_of, open_house, until
from hypothesis import given
from hypothesis import strategies as st
from up_house import clean_env

from bus.connection import Link
from gateway.app import Limits
from gateway.batch_lines import Bad, Line, Request, lines, read_line
from gateway.batches import window_seconds
from gateway.dialects.doors import DOORS
from ops.run import address
from schemas.files import BatchStatus
from schemas.problem import Problem

CHAT = "/v1/chat/completions"
ROOT = Path(__file__).parent.parent


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, limits=Limits(body_bytes=100_000, batch_jobs=8)) as opened:
        yield opened


def line(number: int, url: str = CHAT, method: str = "POST", **body: Any) -> str:
    asked = {"model": "m", "messages": [{"role": "user", "content": f"ref:{number}"}], **body}
    return json.dumps({"custom_id": f"c{number}", "method": method, "url": url, "body": asked})


async def upload(house: House, text: str) -> str:
    fields = aiohttp.FormData()
    fields.add_field("purpose", "batch")
    fields.add_field("file", text.encode(), filename="in.jsonl")
    heads = {"Authorization": f"Bearer {house.secret}"}
    async with house.http.post(f"{house.url}/v1/files", data=fields, headers=heads) as reply:
        return (await reply.json())["id"]


async def start(house: House, text: str, window: str = "24h") -> str:
    body = {"input_file_id": await upload(house, text), "endpoint": CHAT, "completion_window": window}
    status, _, batch = await house.post(body, path="/v1/batches")
    assert status == 200, batch
    return batch["id"]


async def look(house: House, batch: str) -> dict[str, Any]:
    try:
        status, _, found = await house.get(f"/v1/batches/{batch}")
    except aiohttp.ClientError:  # the gateway was killed a moment ago
        return {"status": ""}
    return found if status == 200 else {"status": ""}


async def ended(house: House, batch: str, seconds: float = 40.0) -> dict[str, Any]:
    async def over() -> Any:
        found = await look(house, batch)
        return found if found["status"] and BatchStatus(found["status"]).terminal else None

    return await until(over, seconds)


async def rows(house: House, file: str | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    heads = {"Authorization": f"Bearer {house.secret}"}
    async with house.http.get(f"{house.url}/v1/files/{file}/content", headers=heads) as reply:
        return [json.loads(row) for row in (await reply.text()).splitlines()]


async def test_a_bad_line_goes_to_the_error_file_with_its_number_and_the_others_are_done(house: House) -> None:
    text = "\n".join(
        [
            line(1), "", "{broken", line(4, url="/v1/embeddings"), line(5, method="GET"), line(1), '{"custom_id": 7}',
            line(8, stream=True), line(9, model="nobody"), line(10, model="404"), line(11, temperature=9), line(12),
            line(13, user="x" * 120_000),
        ]
    )  # fmt: skip
    batch = await ended(house, await start(house, text))
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 12, "completed": 2, "failed": 10})
    assert [row["custom_id"] for row in await rows(house, batch["output_file_id"])] == ["c1", "c12"]
    errors = await rows(house, batch["error_file_id"])
    unread = {row["error"]["line"]: (row["custom_id"], row["error"]["code"]) for row in errors if row["error"]}
    assert unread == {
        3: (None, "invalid_json_line"),
        4: ("c4", "mismatched_url"),
        5: ("c5", "invalid_method"),
        6: ("c1", "duplicate_custom_id"),
        7: (None, "invalid_request"),
        13: (None, "line_too_long"),
    }
    answered = {row["custom_id"]: row["response"] for row in errors if row["response"]}
    told = {name: (one["status_code"], one["body"]["error"]["param"]) for name, one in answered.items()}
    assert told == {"c8": (400, "stream"), "c9": (404, "model"), "c10": (404, None), "c11": (400, "temperature")}
    assert "No answer" not in json.dumps(errors)


async def test_a_batch_never_has_more_jobs_under_way_than_it_may(house: House) -> None:
    house.fake.default = replace(Script(), delay=0.02)
    batch = await ended(house, await start(house, "\n".join(line(n) for n in range(60))))
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 60)
    assert 2 <= house.fake.peak <= 8


async def test_counts_grow_while_the_batch_runs_and_the_input_may_be_deleted(house: House) -> None:
    house.fake.default = replace(Script(), delay=0.15)
    name = await start(house, "\n".join(line(n) for n in range(150)))

    async def growing() -> bool:
        found = await look(house, name)
        return found["status"] == "in_progress" and 0 < found["request_counts"]["completed"] < 150

    await until(growing)
    found = await look(house, name)
    assert (await house.get(f"/v1/files/{found['input_file_id']}", method="DELETE"))[0] == 200
    house.fake.default = Script()
    batch = await ended(house, name)
    assert (batch["status"], len(await rows(house, batch["output_file_id"]))) == ("completed", 150)
    info = await house.bus.api("STREAM.INFO.OBJ_BLOBS", {"subjects_filter": "$O.BLOBS.C.>"})
    assert len(info["state"]["subjects"]) <= 2  # the output, and for a second the mark of the input


async def test_what_is_not_done_in_time_is_told_as_expired(house: House) -> None:
    text = "\n".join([line(1), *(line(n, model="slow") for n in range(2, 30))])
    batch = await ended(house, await start(house, text, window="3s"))
    assert (batch["status"], batch["request_counts"]["total"]) == ("expired", 29)
    assert [row["custom_id"] for row in await rows(house, batch["output_file_id"])] == ["c1"]
    errors = await rows(house, batch["error_file_id"])
    codes = Counter(row["error"]["code"] if row["error"] else row["response"]["status_code"] for row in errors)
    assert codes["batch_expired"] > 20
    await until(lambda: house.fake.in_flight == 0)


async def test_a_revoked_key_gets_nothing_more_done(house: House) -> None:
    house.fake.default = replace(Script(), delay=0.1)
    name = await start(house, "\n".join(line(n) for n in range(100)))
    await until(lambda: len(house.fake.calls) > 3)
    await house.config.put_key(msgspec_replace(house.key, revoked=time.time()))
    await asyncio.sleep(0)
    done: list[int] = []

    async def quiet() -> bool:
        done.append(len(house.fake.calls))
        return len(done) > 60 and done[-1] == done[-50]

    await until(quiet, 20)
    assert len(house.fake.calls) < 100
    assert (await house.get(f"/v1/batches/{name}"))[0] == 401


def msgspec_replace(struct: Any, **fields: Any) -> Any:
    from msgspec.structs import replace as change

    return change(struct, **fields)


async def test_two_gateways_share_one_batch_without_doubling_anything(house: House, nats: Link) -> None:
    house.fake.default = replace(Script(), delay=0.02)
    second = House()
    async with gateway_of(nats, second, limits=Limits(batch_jobs=8)):
        batch = await ended(house, await start(house, "\n".join(line(n) for n in range(80))))
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 80)
    assert Counter(call.ref for call in house.fake.calls) == Counter(str(n) for n in range(80))


# ---- killed gateways ------------------------------------------------------------------------------------------------


class Gateway:
    """A gateway in a process of its own, on one port, to be killed and begun again."""

    def __init__(self, nats: Link, folder: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._env = clean_env(NATS_URL=address(nats), AI_SERVER_DATA=str(folder / "gateway"))
        self._log = (folder / "gateway.log").open("ab")
        self.start()

    def start(self) -> None:
        fd = self.listener.fileno()
        command = [sys.executable, "-m", "ops.run", "gateway", "--fd", str(fd)]
        self.process = subprocess.Popen(
            command, env=self._env, cwd=ROOT, pass_fds=[fd], stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.listener.close()
        self._log.close()


@asynccontextmanager
async def killable(nats: Link, folder: Path, house: House) -> AsyncIterator[Gateway]:
    """`house` asks a gateway of its own process from now on."""
    gateway = await asyncio.to_thread(Gateway, nats, folder)
    house.url = gateway.url
    try:
        yield gateway
    finally:
        gateway.close()


async def test_a_batch_survives_gateways_that_are_killed_again_and_again(
    house: House, nats: Link, tmp_path: Path
) -> None:
    """Every line is answered once, and asked of the provider once, whenever the gateway dies."""
    house.fake.default = replace(Script(), delay=0.05)
    total = 300
    async with stopped(house), killable(nats, tmp_path, house) as gateway:
        await until(lambda: _serves(house))
        name = await start(house, "\n".join(line(n) for n in range(total)))
        for share in (0.1, 0.5, 0.99):
            await until(lambda: len(house.fake.calls) >= total * share, 40)  # noqa: B023
            gateway.kill()
            gateway.start()
        batch = await ended(house, name, 60)
        assert (batch["status"], batch["request_counts"]) == (
            "completed",
            {"total": total, "completed": total, "failed": 0},
        )
        found = await rows(house, batch["output_file_id"])
        assert [row["custom_id"] for row in found] == [f"c{n}" for n in range(total)]
        _, _, files = await house.get("/v1/files?purpose=batch_output")
        assert [file["id"] for file in files["data"]] == [batch["output_file_id"]]
    asked = Counter(call.ref for call in house.fake.calls)
    assert (len(asked), max(asked.values())) == (total, 1)


@asynccontextmanager
async def stopped(house: House) -> AsyncIterator[None]:
    """The house's own gateway takes up no batches meanwhile: the one to be killed is alone."""
    import gateway.batches as module

    before, module.AT_ONCE = module.AT_ONCE, 0
    try:
        yield
    finally:
        module.AT_ONCE = before


async def _serves(house: House) -> bool:
    try:
        return len((await house.get("/v1/models"))[2]["data"]) > 1
    except aiohttp.ClientError:
        return False


# ---- pure -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=12).map(lambda one: one.replace(b"\n", b" "))), st.integers(1, 9), st.booleans())
def test_lines_are_the_same_however_the_file_is_cut(said: list[bytes], size: int, ending: bool) -> None:
    data = b"\n".join(said) + (b"\n" if ending else b"")

    async def cut() -> list[Line]:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(data), size):
                yield data[at : at + size]

        return [one async for one in lines(pieces(), 8)]

    wanted = [
        Line(number, part if len(part) <= 8 else None)
        for number, part in enumerate(data.split(b"\n"), 1)
        if part.strip() or len(part) > 8
    ]
    assert wanted == asyncio.run(cut())


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), st.from_regex(rb'\{"custom_id": ?.*\}')))
def test_any_bytes_are_a_request_or_a_bad_line(data: bytes) -> None:
    read = read_line(Line(3, data), CHAT, DOORS[CHAT])
    assert isinstance(read, Request | Bad)
    assert not isinstance(read, Bad) or (read.error.line, "Line 3 " in read.error.message) == (3, True)


def test_a_window_is_a_time_up_to_three_days() -> None:
    assert [window_seconds(text) for text in ("24h", "90m", "5s", "72h")] == [86400, 5400, 5, 259200]
    for wrong in ("73h", "0h", "1d", "", "h"):
        with pytest.raises(Problem):
            window_seconds(wrong)
