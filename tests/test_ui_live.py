"""The house as it is now, in a browser: what runs, what waits, who works; queues are held, jobs cancelled; and its totals."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fake_scripts import Script
from gateway_house import chat, until
from ui_kit import Ui
from ui_past_kit import opened_with

ROWS = 4_000
"""In the archive."""
_tasks: set[asyncio.Task[Any]] = set()


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with(tmp_path_factory.mktemp("ui"), ROWS) as ui:
        yield ui


async def _post(ui: Ui, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    http, headers = ui.house.office.house.http, {"Authorization": f"Bearer {ui.keys['app']}", **headers}
    async with http.post(f"{ui.url}/v1/chat/completions", headers=headers, json=body) as reply:
        return reply.status, await reply.read()


def _forget(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that nobody is told of it


async def _start(ui: Ui, script: Script, **body: Any) -> None:
    """A call that runs on, and is at the provider."""
    fake = ui.house.office.house.fake
    before = len(fake.calls)
    fake.queue(script)
    task = asyncio.ensure_future(
        _post(ui, chat("m", **body), **({} if body.get("stream") else {"Prefer": "respond-async"}))
    )
    _tasks.add(task)
    task.add_done_callback(_forget)
    await until(lambda: len(fake.calls) > before or fake.in_flight)


@pytest.fixture
def calm(ui: Ui) -> Iterator[None]:
    """Afterwards nothing runs, and no queue is held."""
    yield

    async def end() -> None:
        for task in list(_tasks):
            task.cancel()
        office = ui.house.office
        await office.want("POST", "/queues/fake/resume", {})
        await office.want("POST", "/jobs/cancel", {"filter": {"state": "open"}})

    ui.do(end())


def test_a_stream_is_seen_while_it_runs_and_a_queue_is_paused_and_resumed(ui: Ui, calm: None) -> None:
    """checklist 105: the live queue, live calls too"""
    ui.do(_start(ui, Script(tokens=2000, delay=0.05), stream=True, tag="tale"))
    page = ui.open("/live", as_="admin", viewport={"width": 1360, "height": 2300})
    running = page.get_by_role("region", name="Running jobs")
    running.get_by_text("tale").wait_for()
    tokens = running.locator("tbody tr td:nth-child(5)").first
    before = tokens.inner_text()
    page.wait_for_function(
        "before => document.querySelector('.live-table tbody tr td:nth-child(5)').innerText !== before", arg=before
    )
    queues = page.get_by_role("region", name="Queues")
    queues.get_by_role("button", name="Pause").click()
    page.get_by_label("Why").fill("new fans")
    page.get_by_role("button", name="Pause").last.click()
    queues.get_by_text("new fans").wait_for()
    queues.get_by_text("paused", exact=True).wait_for()
    for _ in range(6):  # the agent may still have asked for some
        ui.do(_post(ui, chat("m", tag="later"), Prefer="respond-async"))
    waiting = page.get_by_role("region", name="Waiting jobs")
    waiting.get_by_role("button", name="Put job").first.click()
    page.get_by_text("is put first").wait_for()
    jobs = ui.do(ui.house.office.want("GET", "/jobs?tag=later"))["data"]
    assert [job["first"] for job in jobs].count(True) == 1
    ui.shot(page, "live")
    ui.axe(page)
    ui.expects(404, "/admin/jobs/")  # for a moment, between its end and its row in the archive
    running.get_by_role("link").first.click()
    page.get_by_text("A live call").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_text("is cancelled").wait_for()
    page.get_by_text("Nothing runs right now").wait_for()
    page.keyboard.press("Escape")
    queues.get_by_role("button", name="Resume").click()
    page.get_by_text("fake goes on").wait_for()
    page.get_by_text("Nothing waits").wait_for()


@pytest.mark.long
def test_a_running_job_is_cancelled_after_a_question(ui: Ui, calm: None) -> None:
    """A job that is stored has a button; it ends at once, and the row goes."""
    ui.do(_start(ui, Script("slow", seconds=30.0), tag="slow"))
    page = ui.open("/jobs?tab=live", as_="admin")
    page.get_by_role("button", name="Cancel job").first.click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_text("is cancelled").wait_for()
    page.get_by_text("Nothing runs right now").wait_for()


@pytest.mark.long
def test_processes_beat_and_what_failed_is_told(ui: Ui, calm: None) -> None:
    """Also in the dark, and on a phone."""
    ui.house.office.house.fake.queue(Script("status", status=413))
    ui.do(_post(ui, chat("m", tag="refused")))
    page = ui.open("/live", as_="admin", dark=True, viewport={"width": 1360, "height": 2300})
    page.get_by_role("region", name="Failed lately").get_by_text("provider_refused").first.wait_for()
    processes = page.get_by_role("region", name="Processes")
    processes.get_by_text("this one").wait_for()
    assert "gateway" in processes.inner_text()
    page.get_by_role("img", name="Latency by minute").locator("canvas").wait_for()
    ui.shot(page, "live-dark")
    ui.axe(page)
    small = ui.open("/live", as_="admin", phone=True)
    small.get_by_role("region", name="Queues").wait_for()
    assert small.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ui.shot(small, "live-phone")


@pytest.mark.long
def test_the_dashboard_adds_up_what_the_reports_say(ui: Ui) -> None:
    """checklist 100: totals, workers, by provider, model and month, tokens, minutes, tokens/s, date range"""
    page = ui.open("/dashboard?period=all", as_="admin", viewport={"width": 1360, "height": 1900})
    usage = ui.do(ui.house.office.want("GET", "/reports/usage?by=model"))
    requests = sum(line[1] for line in usage["rows"])
    tile = page.locator(".stat").filter(has_text="Requests")
    tile.get_by_text(f"{requests:,}", exact=True).wait_for()
    for name in ("Failed", "Tokens in", "Tokens out", "Tokens/s", "Minutes", "Cost"):
        assert page.locator(".stat").filter(has_text=name).locator(".value").inner_text() not in ("", "–")
    grid = page.get_by_role("grid", name="Statistics by provider")
    grid.get_by_role("link").first.wait_for()
    page.get_by_role("tab", name="By model").click()
    page.get_by_role("grid", name="Statistics by model").get_by_text("gpt-5", exact=True).wait_for()
    page.get_by_role("tab", name="By month").click()
    months = page.get_by_role("grid", name="Statistics by month")
    months.get_by_role("link").nth(3).wait_for()
    page.get_by_role("region", name="Processes").get_by_text("gateway").first.wait_for()
    ui.shot(page, "dashboard")
    ui.axe(page)
    page.get_by_label("Period").select_option("7d")
    page.wait_for_function(
        "all => !document.querySelector('.stat .value').innerText.includes(all)", arg=f"{requests:,}"
    )
    assert "by=month" in page.url
    months.get_by_role("link").first.click()
    page.wait_for_url("**/ui/jobs?period=20*")


@pytest.mark.long
def test_a_queue_is_drained_from_its_page(ui: Ui, calm: None) -> None:
    """checklist 105"""
    page = ui.open("/queues", as_="admin")
    page.get_by_role("button", name="More for fake").click()
    page.get_by_role("menuitem", name="Drain").click()
    page.get_by_role("button", name="Drain").last.click()
    page.get_by_text("fake is draining").wait_for()
    page.get_by_role("grid", name="Queues").get_by_text("draining").wait_for()
    page.get_by_role("grid", name="Queues").get_by_text("Maintenance").click()
    page.get_by_role("dialog").get_by_text("It is being drained").wait_for()
    ui.shot(page, "queues")
    ui.axe(page)
