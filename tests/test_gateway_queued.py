"""Queued, waited-for and called-back chat; jobs, their events, their owner; idempotency."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fake_scripts import Script
from gateway_house import CHAT, House, chat, open_house, until

from bus.connection import Link

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats) as opened:
        yield opened


async def ended(house: House, job: int | str) -> dict[str, Any]:
    status, _, view = await house.get(f"/jobs/{job}?wait=10")
    assert (status, view["status"] in ("done", "failed", "cancelled")) == (200, True), view
    return view


def events_of(raw: bytes) -> list[tuple[str, str, dict[str, Any]]]:
    """(id, name, data) of each server-sent event."""
    found = []
    for block in raw.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


@pytest.mark.parametrize("how", [{"headers": ASYNC}, {"path": CHAT + "?queue=1"}])
async def test_a_queued_chat_is_accepted_with_202_and_can_be_asked_for(house: House, how: dict[str, Any]) -> None:
    status, headers, accepted = await house.post(chat(refId="mine"), **how)
    job = accepted["id"]
    assert (202, {"id": job, "refId": "mine", "status": "queued", "status_url": f"/jobs/{job}"}) == (status, accepted)
    assert (headers["location"], headers["retry-after"], headers["x-job-id"]) == (f"/jobs/{job}", "1", str(job))
    view = await ended(house, job)
    assert (view["status"], view["result"]["choices"][0]["message"]["content"]) == ("done", "w0 w1 w2 w3 w4")
    assert view["usage"]["tokens_out"] == 5
    assert (await house.get(f"/jobs/{job}/result"))[2] == view["result"]
    row = await house.row(job)
    assert (row.outcome, row.style, row.ref) == ("done", "queued", "mine")


async def test_prefer_wait_answers_as_if_sync_when_the_job_ends_in_time(house: House) -> None:
    status, headers, reply = await house.post(headers={"Prefer": "respond-async, wait=10"})
    assert (status, reply["choices"][0]["message"]["content"]) == (200, "w0 w1 w2 w3 w4")
    assert (headers["preference-applied"], headers["x-ai-provider"]) == ("wait=10", "fake")


async def test_prefer_wait_tells_a_failure_as_if_sync(house: House) -> None:
    house.fake.queue(Script("status", status=400))
    status, _, reply = await house.post(headers={"Prefer": "wait=10"})
    assert (status, reply["error"]["code"]) == (400, "provider_refused")


async def test_prefer_wait_falls_back_to_202_when_time_runs_out(house: House) -> None:
    """checklist 17: the wait ends, the job goes on."""
    house.fake.queue(Script("slow", seconds=1.0))
    status, _, accepted = await house.post(headers={"Prefer": "wait=0.2"})
    assert (status, accepted["status"]) == (202, "running")
    assert (await ended(house, accepted["id"]))["status"] == "done"


async def test_the_events_of_a_streamed_job_come_as_sse_and_resume_where_they_broke_off(house: House) -> None:
    _, _, accepted = await house.post(chat(stream=True), headers=ASYNC)
    url, key = f"{house.url}/jobs/{accepted['id']}/events", {"X-Api-Key": house.secret}
    async with house.http.get(url, headers=key) as reply:
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = events_of(await reply.read())
    names = [name for _, name, _ in told]
    assert (names[0], names[-1]) == ("progress", "done")
    deltas = [data["chunk"] for _, name, data in told if name == "delta"]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in deltas) == "w0 w1 w2 w3 w4"
    assert told[-1][2]["result"]["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4"
    first = told[0][0]
    async with house.http.get(url, headers={**key, "Last-Event-ID": first}) as reply:
        assert events_of(await reply.read()) == told[1:]
    async with house.http.get(f"{url}?after={first}", headers=key) as reply:
        assert events_of(await reply.read()) == told[1:]


async def test_delete_cancels_a_running_job_and_its_providers_call(house: House) -> None:
    house.fake.queue(Script("slow", seconds=30))
    _, _, accepted = await house.post(headers=ASYNC)
    await until(lambda: house.fake.in_flight == 1)
    status, _, view = await house.get(f"/jobs/{accepted['id']}", method="DELETE")
    assert (status, view["status"]) == (200, "cancelled")
    await until(lambda: house.fake.in_flight == 0, 1.0)
    assert (await house.row(accepted["id"])).outcome == "cancelled"
    assert (await house.get(f"/jobs/{accepted['id']}", method="DELETE"))[2]["status"] == "cancelled"


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/events"), ("GET", "/result"), ("DELETE", "")])
async def test_another_keys_job_looks_exactly_like_one_that_does_not_exist(
    house: House, method: str, tail: str
) -> None:
    _, _, accepted = await house.post(headers=ASYNC)
    job = accepted["id"]
    foreign = await house.get(f"/jobs/{job}{tail}", key=house.other, method=method)
    nothing = await house.get(f"/jobs/{job + 1}{tail}", method=method)
    no_number = await house.get(f"/jobs/abc{tail}", method=method)
    assert [foreign[0], nothing[0], no_number[0]] == [404, 404, 404]
    words = foreign[2]["error"]["message"].replace(str(job), "ID")
    assert words == nothing[2]["error"]["message"].replace(str(job + 1), "ID")
    assert words == no_number[2]["error"]["message"].replace("abc", "ID")


async def test_fifty_submits_under_one_key_at_once_are_one_job(house: House) -> None:
    headers = {**ASYNC, "Idempotency-Key": "once"}
    answers = await asyncio.gather(*(house.post(headers=headers) for _ in range(50)))
    assert [status for status, _, _ in answers] == [202] * 50
    assert len({body["id"] for _, _, body in answers}) == 1
    assert sum("idempotent-replayed" not in headers for _, headers, _ in answers) == 1
    await ended(house, answers[0][2]["id"])
    assert len(house.fake.calls) == 1


async def test_a_second_submit_returns_the_first_job_and_another_body_is_a_conflict(house: House) -> None:
    headers = {**ASYNC, "Idempotency-Key": "k"}
    _, _, first = await house.post(headers=headers)
    await ended(house, first["id"])
    status, told, second = await house.post(headers=headers)
    assert (202, first["id"], "done", "true") == (status, second["id"], second["status"], told["idempotent-replayed"])
    status, told, error = await house.post(chat(n=2), headers=headers)
    assert (status, error["error"]["code"], told["x-should-retry"]) == (409, "conflict", "false")


async def test_a_sync_call_with_an_idempotency_key_is_paid_for_once(house: House) -> None:
    first = await house.post(headers={"Idempotency-Key": "s"})
    second = await house.post(headers={"Idempotency-Key": "s"})
    assert [first[0], second[0]] == [200, 200]
    assert first[2] == second[2]
    assert ("idempotent-replayed" in first[1], second[1]["idempotent-replayed"]) == (False, "true")
    assert len(house.fake.calls) == 1


INSIDE = [
    "http://127.0.0.1/x", "http://10.0.0.1/x", "http://[::1]/x", "http://localhost:9/x", "ftp://a/b", "nonsense",
    "http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://2130706433/",
    "http://[::ffff:127.0.0.1]/", "http://100.100.100.200/",
]  # fmt: skip


async def test_a_callback_to_an_address_inside_is_refused_at_once(house: House) -> None:
    for target in INSIDE:
        for answer in (await house.post(headers={"Reply-To": target}), await house.post(chat(replyTo=target))):
            assert (answer[0], answer[2]["error"]["param"]) == (400, "replyTo"), target


@pytest.mark.parametrize("in_body", [True, False])
async def test_a_callback_is_a_202_and_the_field_does_not_reach_the_provider(nats: Link, in_body: bool) -> None:
    async with open_house(nats, private_callbacks=True) as house:
        target = "http://127.0.0.1:9/hook"
        body, headers = (chat(replyTo=target), {}) if in_body else (chat(), {"ReplyTo": target})
        status, _, accepted = await house.post(body, headers=headers)
        assert status == 202
        view = await ended(house, accepted["id"])
        assert (view["status"], view["style"]) == ("done", "callback")
        assert "replyTo" not in house.fake.calls[0].body
        never = await house.post(headers={"Reply-To": "http://169.254.169.254/latest"})
        assert never[0] == 400


async def test_a_queued_job_for_an_unknown_model_is_refused_and_recorded(house: House) -> None:
    status, headers, reply = await house.post(chat("none"), headers=ASYNC)
    assert (status, reply["error"]["code"]) == (404, "model_not_found")
    assert (await house.row(headers["x-job-id"])).outcome == "failed"


async def test_hanging_up_on_a_waited_for_job_does_not_stop_it(house: House) -> None:
    house.fake.queue(Script("slow", seconds=0.5))
    headers = {"Authorization": f"Bearer {house.secret}", "Prefer": "wait=20"}
    timeout = aiohttp.ClientTimeout(total=0.2)
    with pytest.raises(TimeoutError):
        await house.http.post(house.url + CHAT, json=chat(), headers=headers, timeout=timeout)
    row = await until(lambda: next(iter(house.rows), None))
    assert (row.outcome, row.style) == ("done", "queued")


async def test_a_reader_of_events_who_leaves_leaves_nothing_behind(house: House) -> None:
    house.fake.queue(Script("slow", seconds=30))
    _, _, accepted = await house.post(headers=ASYNC)
    before = len(house.bus.ears)
    url = f"{house.url}/jobs/{accepted['id']}/events"
    async with house.http.get(url, headers={"X-Api-Key": house.secret}) as reply:
        await reply.content.readline()
        assert len(house.bus.ears) == before + 1
        reply.close()
    await until(lambda: len(house.bus.ears) == before, 5)
    await house.get(f"/jobs/{accepted['id']}", method="DELETE")
