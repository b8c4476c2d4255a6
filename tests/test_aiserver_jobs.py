"""Background jobs in the AI Server dialect: lists, one job, its progress; cancelled, put back, counted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiserver_admin_kit import Desk, open_desk
from archive_kit import row
from gateway_house import agent_of, chat, until

from bus.config import new_key
from bus.connection import Link
from bus.ids import created_at, make_id
from schemas.log import RequestLog, encode_logs
from schemas.provider import Model, Provider
from storage.archive import Archive
from storage.sql import Sql

MODELS = tuple(Model(name=name) for name in ("m", "slow", "413"))


@asynccontextmanager
async def open_jobs(link: Link, folder: Path, **more: Any) -> AsyncIterator[Desk]:
    async with open_desk(link, folder, team=False) as desk:
        provider = Provider(
            name="fake", kind="openai", base_url=desk.house.fake.url, models=MODELS, discover=False, first_timeout=20.0,
            **{"slots": 4, **more},
        )  # fmt: skip
        async with agent_of(link, provider):

            async def serves() -> bool:
                return len((await desk.house.get("/v1/models"))[2]["data"]) >= len(MODELS)

            await until(serves)
            yield desk


async def queued(desk: Desk, model: str = "m", **more: Any) -> int:
    told = await desk.want("QueueOpenAiChatCompletion", request=chat(model), **more)
    return int(told["id"])


async def ended(desk: Desk, number: int) -> dict[str, Any]:
    async def look() -> Any:
        job = await desk.get("AdminGetJob", id=number)
        return job if "queued" not in job else None

    return await until(look)  # type: ignore[no-any-return]


def archived(folder: Path, *rows: RequestLog) -> None:
    archive = Archive(folder)
    archive.open()
    archive.renew(0)
    archive.append([(place, one) for place, one in enumerate(rows, 1)], len(rows), "t")
    archive.close()


async def test_a_job_is_shown_while_it_runs_and_when_it_has_ended(nats: Link, tmp_path: Path) -> None:
    """checklist 21"""
    async with open_jobs(nats, tmp_path) as desk:
        number = await queued(desk, "slow", refId="ref-1", tag="blue")

        async def running() -> Any:
            rows = (await desk.get("AdminQueryBackgroundJobs"))["results"]
            return rows if rows and rows[0]["state"] == "Started" else None

        (job,) = await until(running)
        assert (job["id"], job["refId"], job["tag"], job["worker"], job["command"]) == (
            number,
            "ref-1",
            "blue",
            "fake",
            "chat",
        )
        shown = await desk.get("AdminGetJob", refId="ref-1")
        assert shown["queued"]["id"] == shown["result"]["id"] == number
        progress = await desk.get("AdminGetJobProgress", id=number)
        assert (progress["state"], progress["status"]) == ("Started", "started")
        assert "started" in progress["logs"]
        assert (await desk.get("AdminGetJobProgress", id=number, logStart=9999)).get("logs") is None
        assert (await desk.get("AdminQueryJobSummary", id=number))["results"][0]["state"] == "Started"
        stats = await desk.get("GetWorkerStats")
        assert [(one["name"], one["runningJob"]) for one in stats["results"]] == [("fake", number)]
        told = await desk.get("AdminCancelJobs", ids=number)
        assert told["results"] == [number]
        assert (await ended(desk, number))["failed"]["state"] == "Cancelled"
        again = await desk.get("AdminCancelJobs", ids=f"{number},77")
        assert again["results"] == [number]
        assert list(again["errors"]) == ["77"]


async def test_jobs_are_cancelled_by_state_and_by_worker(nats: Link, tmp_path: Path) -> None:
    """checklist 22"""
    async with open_jobs(nats, tmp_path, slots=2) as desk:
        numbers = [await queued(desk, "slow", refId=f"r{n}") for n in range(4)]

        async def states() -> dict[str, int]:
            rows = (await desk.get("AdminQueryBackgroundJobs"))["results"]
            return {state: [row["state"] for row in rows].count(state) for state in ("Started", "Queued")}

        async def settled() -> bool:
            found = await states()
            return found["Started"] >= 1 and sum(found.values()) == 4

        await until(settled)
        waiting = (await states())["Queued"]
        told = await desk.get("AdminCancelJobs", worker="fake", state="Queued")
        assert len(told["results"]) == waiting
        told = await desk.get("AdminCancelJobs", cancelWorker="fake")
        assert len(told["results"]) == 4 - waiting
        assert {(await ended(desk, number))["result"]["state"] for number in numbers} == {"Cancelled"}
        assert (await desk.ask("CancelWorker", worker="nobody"))[0] == 404


async def test_a_cancelled_worker_lets_go_of_its_sync_calls_too(nats: Link, tmp_path: Path) -> None:
    """checklist 22"""
    async with open_jobs(nats, tmp_path) as desk:
        call = asyncio.create_task(desk.house.post(chat("slow")))

        async def in_hand() -> bool:
            return (await desk.get("GetWorkerStats"))["results"][0]["received"] >= 1

        await until(in_hand)
        raw, chief = new_key("chief", ("admin",), tenant="north")
        await desk.house.config.put_key(chief)
        theirs = asyncio.create_task(desk.house.post(chat("slow"), headers={"Authorization": f"Bearer {raw}"}))
        await until(lambda: len(desk.house.fake.calls) == 2)
        assert (await desk.ask("CancelWorker", by=raw, worker="fake"))[0] == 200
        assert (await asyncio.wait_for(theirs, 5))[0] == 499
        assert not call.done(), "an administrator of one tenant ends that tenant's calls alone"
        assert (await desk.ask("CancelWorker", worker="fake"))[0] == 200
        status, _, _ = await asyncio.wait_for(call, 5)
        assert status >= 400


async def test_a_failed_job_is_put_back_and_runs_again(nats: Link, tmp_path: Path) -> None:
    """checklist 23, checklist 19"""
    async with open_jobs(nats, tmp_path) as desk:
        number = await queued(desk, "413")
        first = await ended(desk, number)
        assert (first["failed"]["state"], first["failed"]["attempts"]) == ("Failed", 1)
        assert first["failed"]["error"]["message"]
        told = await desk.want("AdminRequeueFailedJobs", ids=[number, 42])
        assert told["results"] == [number]
        assert list(told["errors"]) == ["42"]
        assert (await ended(desk, number))["result"]["state"] == "Failed"
        done = await queued(desk)
        await ended(desk, done)
        told = await desk.want("AdminRequeueFailedJobs", ids=[done])
        assert (told["results"], list(told["errors"])) == ([], [str(done)])

        async def listed() -> Any:
            rows = (await desk.get("AdminQueryJobSummary", orderBy="id"))["results"]
            return rows if len(rows) == 2 else None

        assert [one["id"] for one in await until(listed)] == [number, done]  # a job with two runs is one job


async def test_an_old_job_is_found_in_the_archive_of_its_month(nats: Link, tmp_path: Path) -> None:
    """checklist 16"""
    old = make_id(int(datetime(2026, 3, 5, tzinfo=UTC).timestamp()), 3, 7)
    made = row(
        old, created=float(created_at(old)), ref="last-spring", request='{"a":1}', response='{"b":2}', provider="p"
    )
    broken = row(old + 1, created=float(created_at(old)), outcome="failed", error="provider_error", message="It broke.")
    archived(tmp_path, made, broken)
    async with open_jobs(nats, tmp_path) as desk:
        found = await desk.get("AdminGetJob", id=old)
        assert found["completed"]["responseBody"] == '{"b":2}'
        assert found["completed"]["createdDate"].startswith("2026-03-05T00:00:00")
        assert (await desk.get("AdminGetJob", refId="last-spring"))["result"]["id"] == old
        failed = await desk.get("AdminGetJob", id=old + 1)
        assert failed["failed"]["error"]["message"] == "It broke."
        assert (await desk.get("AdminGetJobProgress", id=old))["state"] == "Completed"
        assert (await desk.ask("AdminGetJob", method="GET", id=old + 2))[0] == 404
        assert (await desk.ask("AdminGetJob", method="GET", refId="nothing"))[0] == 404
        assert (await desk.ask("AdminGetJob", by=desk.house.secret, method="GET", id=old))[0] == 403


async def test_ended_jobs_are_listed_by_month_with_filters_and_pages(nats: Link, tmp_path: Path) -> None:
    """checklist 122"""
    march, april = (int(datetime(2026, month, 5, tzinfo=UTC).timestamp()) for month in (3, 4))
    rows = [
        row(make_id(march + n, 1, 0), created=march + n, provider=f"p{n % 2}", tag="x_y" if n else "")
        for n in range(10)
    ]
    rows += [row(make_id(april, 1, 0), created=april, outcome="failed", error="internal", message="no")]
    archived(tmp_path, *rows)
    async with open_jobs(nats, tmp_path) as desk:
        march_only = await desk.get("AdminQueryCompletedJobs", month="2026-03-01", take=3, skip=2, orderBy="id")
        assert (march_only["total"], march_only["offset"], len(march_only["results"])) == (10, 2, 3)
        assert [one["id"] for one in march_only["results"]] == [one.job for one in rows[2:5]]
        assert (await desk.get("AdminQueryCompletedJobs", month="2026-04-01"))["total"] == 0
        assert (await desk.get("AdminQueryFailedJobs", month="2026-04-01"))["results"][0]["errorCode"] == "internal"
        assert (await desk.get("AdminQueryCompletedJobs", worker="P1"))["total"] == 5
        assert (await desk.get("AdminQueryCompletedJobs", tagContains="_Y"))["total"] == 9
        assert (await desk.get("AdminQueryCompletedJobs", tagIsNull="true"))["total"] == 1
        between = f"{rows[1].job},{rows[4].job}"
        assert (await desk.get("AdminQueryCompletedJobs", idBetween=between))["total"] == 4
        late = datetime.fromtimestamp(march + 7, UTC).isoformat()
        assert (await desk.get("AdminQueryCompletedJobs", **{"createdDate>": late}))["total"] == 3
        assert (await desk.get("AdminQueryCompletedJobs", workerIn="p0,p1", fields="id"))["results"][0].keys() == {"id"}
        evil = "x'; DROP TABLE requests; --"
        assert (await desk.get("AdminQueryCompletedJobs", tag=evil))["total"] == 0
        assert (await desk.ask("AdminQueryCompletedJobs", method="GET", orderBy="1; DROP"))[0] == 400
        info = await desk.get("AdminJobInfo", month="2026-03-01")
        assert [when[:7] for when in info["monthDbs"]] == ["2026-04", "2026-03"]
        assert (info["tableCounts"]["CompletedJob"], info["tableCounts"]["JobSummary"]) == (10, 11)


async def test_the_dashboard_counts_what_sql_counts(nats: Link, tmp_path: Path) -> None:
    now = time.time()
    rows = [
        row(make_id(int(now), 1, n), created=now, provider="p" if n % 3 else "q", style="queued" if n % 2 else "sync",
            outcome="failed" if n == 4 else "done", attempts=2 if n == 3 else 1)
        for n in range(9)
    ]  # fmt: skip
    archived(tmp_path, *rows)
    async with open_jobs(nats, tmp_path) as desk:
        board = await desk.get("AdminJobDashboard", **{"from": datetime.fromtimestamp(now - 60, UTC).isoformat()})
        workers = {one["name"]: (one["total"], one["retries"], one["failed"]) for one in board["workers"]}
        bad = "count(*) FILTER (outcome = 'failed')"
        sql = f"SELECT provider, count(*), sum(attempts - 1)::BIGINT, {bad} FROM requests GROUP BY 1"
        assert workers == {name: tuple(rest) for name, *rest in Sql(tmp_path).query(sql).rows}
        assert (board["apis"][0]["total"], board["commands"][0]["total"]) == (5, 4)
        assert sum(hour["total"] for hour in board["today"]) == 9
        assert (await desk.get("AdminJobDashboard", to="2020-01-01"))["workers"] == []


async def test_what_the_house_does_by_itself_is_listed(nats: Link, tmp_path: Path) -> None:
    async with open_jobs(nats, tmp_path) as desk:
        await desk.house.config.put_provider(Provider(name="one", kind="openai", check_seconds=7.0))
        tasks = {one["name"]: one["interval"] for one in (await desk.get("AdminQueryScheduledTasks"))["results"]}
        assert tasks["keeper.audit"] == "PT1M"
        assert tasks["provider.check:one"] == "PT7S"


async def test_live_and_archived_rows_of_the_bus_are_one_list(nats: Link, tmp_path: Path) -> None:
    """checklist 122: what the archiver has not written yet is there too."""
    async with open_jobs(nats, tmp_path) as desk:
        number = await queued(desk)
        await ended(desk, number)

        async def listed() -> Any:
            rows = (await desk.get("AdminQueryCompletedJobs", id=number))["results"]
            return rows or None

        (found,) = await until(listed)
        assert found["worker"] == "fake"
        assert not list(tmp_path.glob("requests/*/*.parquet"))  # noqa: ASYNC240  # a look at the disk
        more = msgspec.structs.replace(row(number + 1, created=time.time()), key=desk.house.key.id)
        await desk.house.bus.keep("log.default.chat", encode_logs([more]), msg_id="more")
        assert (await desk.get("AdminGetJob", id=number + 1))["completed"]["id"] == number + 1
