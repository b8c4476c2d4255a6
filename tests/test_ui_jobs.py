"""The jobs of a house with a past: 100,000 rows, filters in the address, one job with all of it, single and bulk actions."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_scripts import Script
from gateway_house import chat
from ui_kit import Ui
from ui_past_kit import opened_with

ROWS = 100_000
"""In the archive."""
_seeded: dict[str, list[int]] = {}


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with(tmp_path_factory.mktemp("ui"), ROWS) as ui:
        yield ui


async def _ask(ui: Ui, *bodies: dict[str, Any]) -> list[int]:
    """Queued jobs of the key `app`; returns their ids."""
    house, found = ui.house.office.house, []
    for body in bodies:
        headers = {"Authorization": f"Bearer {ui.keys['app']}", "Prefer": "respond-async"}
        async with house.http.post(f"{ui.url}/v1/chat/completions", headers=headers, json=body) as reply:
            assert reply.status == 202, await reply.text()
            found.append(int((await reply.json())["id"]))
    return found


async def _ended(ui: Ui, number: int, state: str) -> None:
    end = time.monotonic() + 10
    while (await ui.house.office.want("GET", f"/jobs/{number}"))["state"] != state:
        assert time.monotonic() < end


@pytest.fixture
def seeded(ui: Ui) -> dict[str, list[int]]:
    """Three that were refused, two that were answered."""
    if not _seeded:
        ui.house.office.house.fake.queue(*(Script("status", status=413) for _ in range(3)))
        _seeded["bad"] = ui.do(_ask(ui, *(chat("m", tag="refused") for _ in range(3))))
        for number in _seeded["bad"]:
            ui.do(_ended(ui, number, "failed"))
        _seeded["good"] = ui.do(_ask(ui, *(chat("m", tag="answered") for _ in range(2))))
        for number in _seeded["good"]:
            ui.do(_ended(ui, number, "done"))
    return _seeded


SCROLL = """async (wanted) => {
    const box = document.querySelector('.grid .scroll'), foot = document.querySelector('.grid .foot [role=status]');
    const rows = () => Number(foot.textContent.replace(/[^0-9]/g, ''));
    const end = performance.now() + 12000;
    let frames = 0, most = 0;
    while (rows() < wanted && performance.now() < end) {
        box.scrollTop += 700;
        await new Promise((go) => requestAnimationFrame(go));
        frames += 1;
        most = Math.max(most, document.querySelectorAll('.grid .gr').length);
    }
    return { rows: rows(), frames, most };
}"""


def _worked(session: Any) -> float:
    """Seconds of the processor that the page's thread has used: not more because others are busy too."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


@pytest.mark.long
def test_a_hundred_thousand_jobs_scroll_without_a_halt(ui: Ui) -> None:
    """checklist 105: virtual rows, pages of the server"""
    page = ui.open("/jobs?period=all", as_="admin")
    page.get_by_role("button", name="done 9").wait_for()  # 97,…: all of them were counted
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _worked(session)
    found = page.evaluate(SCROLL, 4000)
    a_frame = (_worked(session) - before) / found["frames"]
    assert found["rows"] >= 1200, found
    assert found["most"] <= 80, found  # no more rows exist than are in sight
    assert a_frame <= 0.05, (a_frame, found)
    page.get_by_label("Period").select_option(
        page.get_by_label("Period").locator("optgroup option").nth(2).get_attribute("value")
    )
    page.wait_for_url("**period=20*")
    page.locator(".gr").first.wait_for()
    ui.shot(page, "jobs-100k")


@pytest.mark.long
def test_the_filters_are_in_the_address_and_the_chart_leads_to_its_hour(ui: Ui, seeded: dict[str, list[int]]) -> None:
    """checklist 105: periods, hourly chart; checklist 121: filters, CSV"""
    page = ui.open("/jobs?period=7d", as_="admin")
    page.get_by_role("img", name="Requests by hour").wait_for()
    page.get_by_label("Filter by State").select_option("failed")
    page.get_by_label("Filter by Tag").fill("refused")
    page.get_by_label("Filter by Tag").press("Enter")
    page.get_by_text("3 rows").wait_for()
    assert "state=failed" in page.url
    assert "tag=refused" in page.url
    page.reload()
    page.get_by_text("3 rows").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    rows = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
    assert {row[1] for row in rows[1:]} == {str(number) for number in seeded["bad"]}
    page.get_by_role("button", name="Clear", exact=True).click()
    page.locator(".chart svg g rect").nth(40).click()
    page.wait_for_url("**from=*to=*")
    page.get_by_label("From").wait_for()
    ui.axe(page)


@pytest.mark.long
def test_one_job_tells_its_story_input_output_and_error(ui: Ui, seeded: dict[str, list[int]]) -> None:
    """checklist 105: the job's dialog, and its page"""
    page = ui.open("/jobs?tag=refused", as_="admin")
    page.get_by_text(str(seeded["bad"][0])).click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_text("refused the request (413)").wait_for()
    assert "1. fake failed" in drawer.get_by_role("img", name="Timeline").get_attribute("aria-label")
    drawer.get_by_role("tab", name="Input").click()
    drawer.get_by_text("hello").first.wait_for()
    drawer.get_by_role("tab", name="Output").click()
    drawer.get_by_text("the job did not end well").wait_for()
    ui.shot(page, "job-drawer")
    ui.axe(page)
    drawer.get_by_role("link", name="Open as a page").click()
    page.wait_for_url(f"**/ui/jobs/{seeded['bad'][0]}")
    page.get_by_role("heading", name=f"Job {seeded['bad'][0]}").wait_for()
    page.goto(f"{ui.url}/ui/jobs/{seeded['good'][0]}")
    page.get_by_role("tab", name="Output").click()
    page.get_by_text("w0 w1 w2").first.wait_for()
    page.get_by_role("tab", name="Events").click()
    page.get_by_role("list", name="What happened").get_by_text("attempt done").wait_for()
    page.get_by_role("tab", name="Raw").click()
    page.get_by_text('"timeline"').wait_for()
    ui.shot(page, "job-page")
    ui.expects(404, "/admin/jobs/77")
    page.goto(f"{ui.url}/ui/jobs/77")
    page.get_by_text("There is no job 77").wait_for()


def test_all_that_match_are_counted_first_and_then_put_back(ui: Ui, seeded: dict[str, list[int]]) -> None:
    """checklist 105: bulk actions, of chosen rows and of a filter"""
    page = ui.open("/jobs?tag=refused&state=failed", as_="admin")
    page.get_by_text("3 rows").wait_for()
    page.get_by_label("Choose", exact=True).first.check()
    page.get_by_text("1 chosen").wait_for()
    page.get_by_role("button", name="Requeue").click()
    page.get_by_text("1 job put back").wait_for()
    page.get_by_text("2 rows").wait_for()
    page.get_by_role("button", name="All that match…").click()
    page.get_by_role("menuitem", name="Requeue them").click()
    page.get_by_text("2 jobs match").wait_for()
    ui.shot(page, "jobs-bulk")
    page.get_by_role("button", name="Requeue 2 jobs").click()
    page.get_by_text("2 jobs put back").wait_for()
    for number in seeded["bad"]:
        ui.do(_ended(ui, number, "done"))
    page.get_by_text("Nothing matches").wait_for()
    page.get_by_role("tab", name="By month").click()
    page.get_by_role("heading", name="Months").wait_for()
    assert page.locator(".live-table tbody tr").count() >= 4
    ui.shot(page, "jobs-months")
    page.get_by_role("tab", name="Scheduled").click()
    page.get_by_text("Nothing is scheduled").wait_for()


@pytest.mark.long
def test_a_dead_letter_shows_its_runs_and_goes_back(ui: Ui) -> None:
    """Failed twice; then put back."""
    ui.house.office.house.fake.queue(*(Script("status", status=413) for _ in range(2)))
    (number,) = ui.do(_ask(ui, chat("m", tag="dead")))
    ui.do(_ended(ui, number, "failed"))
    page = ui.open("/dead-letters?tag=dead", as_="admin")
    page.get_by_role("gridcell").get_by_role("button", name="Requeue").click()
    page.get_by_text(f"Job {number} is put back").wait_for()
    page.get_by_role("row").get_by_text("1", exact=True).last.wait_for()
    page.get_by_text(str(number)).first.click()
    page.get_by_role("tab", name="Runs").click()
    page.get_by_text("run 0").wait_for()
    ui.shot(page, "dead-letters")
    ui.axe(page)


@pytest.mark.long
def test_operations_have_their_statistics(ui: Ui) -> None:
    """checklist 110: every operation with runs, failures, durations, the last run"""
    page = ui.open("/operations?period=all", as_="admin")
    row = page.get_by_role("row").filter(has_text="text to image")
    row.wait_for()
    asked = ui.do(ui.house.office.want("GET", "/reports/usage?by=op"))
    runs = {line[0]: line[1] for line in asked["rows"]}
    assert f"{runs['text_to_image']:,}" in row.inner_text()
    row.get_by_text("ago").wait_for()
    row.click()
    page.get_by_role("dialog").get_by_role("img", name="Requests by month").wait_for()
    ui.shot(page, "operations")
    ui.axe(page)
