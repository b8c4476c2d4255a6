"""Analytics and the log in a real browser: the page's numbers are the API's, a click leads to the rows behind it, and whatever
callers call themselves stays text."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ui_kit import Ui
from ui_log_kit import CANARY, HOSTILE, KEPT, opened_with_log

SHOWN: dict[str, Any] = {}


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with_log(tmp_path_factory.mktemp("ui")) as (ui, rows):
        SHOWN["rows"] = rows
        yield ui


def report(ui: Ui, name: str, **query: str) -> list[dict[str, Any]]:
    """As the API tells it to the administrator."""
    status, _, answer = ui.do(ui.house.office.house.get(f"/admin/reports/{name}", ui.keys["admin"], params=query))
    assert status == 200, answer
    return [dict(zip(answer["columns"], line, strict=True)) for line in answer["rows"]]


def log(ui: Ui, **query: str) -> list[int]:
    status, _, answer = ui.do(
        ui.house.office.house.get("/admin/requests", ui.keys["admin"], params={"limit": "500", **query})
    )
    assert status == 200, answer
    return [one["job"] for one in answer["data"]]


def ranks(page: Any, label: str) -> dict[str, int]:
    """What a ranking shows: name -> number."""
    items = page.get_by_role("list", name=label, exact=True).get_by_role("listitem")
    items.first.wait_for()
    lines = items.evaluate_all(
        "(all) => all.map((one) => [one.children[0].textContent, one.children[2].firstChild.textContent])"
    )
    return {name: int(number.replace(",", "")) for name, number in lines}


def unharmed(page: Any) -> None:
    assert page.evaluate("window.struck === undefined && !document.querySelector('#app img[src=x], dialog img[src=x]')")


def test_totals_are_those_of_the_api_and_lead_to_the_log(ui: Ui) -> None:
    """checklist 106"""
    (wanted,) = report(ui, "summary", **{"from": "30d"})
    page = ui.open("/analytics", as_="admin")
    tile = page.get_by_role("group", name="Totals").get_by_role("link", name="Failed")
    tile.get_by_text(f"{wanted['failed']:,}", exact=True).wait_for()
    totals = page.get_by_role("group", name="Totals").inner_text()
    for name in ("requests", "from_our_cache"):
        assert f"{wanted[name]:,}" in totals
    assert ranks(page, "Providers") == {
        one["provider"] or "no provider": one["requests"]
        for one in report(ui, "usage", by="provider", **{"from": "30d"})
    }
    unharmed(page)
    ui.shot(page, "analytics", full=True)
    ui.axe(page)
    tile.click()
    page.get_by_role("grid", name="Requests").get_by_text("failed").first.wait_for()
    said = parse_qs(urlsplit(page.url).query)
    assert (said["outcome"], said["period"]) == (["failed"], ["30d"])


@pytest.mark.long
@pytest.mark.parametrize("by", ["op", "user", "client", "status", "tag", "duration", "browser", "device", "bot"])
def test_numbers_by_anything_are_those_of_the_api(ui: Ui, by: str) -> None:
    """checklist 106"""
    name = "usage" if by in ("op", "user") else "breakdown"
    wanted = report(ui, name, by=by)
    page = ui.open(f"/analytics?view=by&by={by}&period=all", as_="admin")
    label = page.get_by_role("combobox", name="By").evaluate("(one) => one.selectedOptions[0].textContent")
    shown = ranks(page, f"Requests by {label.lower()}")
    assert sorted(shown.values()) == sorted(one["requests"] for one in wanted)[-12:]
    unharmed(page)


@pytest.mark.long
def test_months_days_and_the_time_before(ui: Ui) -> None:
    """checklist 106"""
    page = ui.open("/analytics?view=by&by=month&period=all", as_="admin", dark=True)
    grid = page.get_by_role("grid", name="By month")
    for one in report(ui, "usage", by="month"):
        line = grid.get_by_role("row").filter(has_text=one["month"])
        assert f"{one['requests']:,}" in line.inner_text()
    ui.shot(page, "analytics-months-dark")
    page.get_by_role("combobox", name="By").select_option("provider")
    page.get_by_role("combobox", name="Period").select_option("7d")
    page.get_by_role("columnheader", name="Before").wait_for()
    assert {"period=7d", "by=provider"} <= set(urlsplit(page.url).query.split("&"))


@pytest.mark.long
def test_a_click_on_a_browser_shows_its_requests(ui: Ui) -> None:
    """checklist 107"""
    page = ui.open("/analytics?view=by&by=browser&period=all", as_="admin")
    page.get_by_role("list", name="Requests by browser").get_by_role("link", name="Firefox").click()
    rows = page.get_by_role("grid", name="Requests")
    rows.get_by_role("row").nth(1).wait_for()
    wanted = log(ui, browser="Firefox")
    page.get_by_role("status").filter(has_text=f"{len(wanted):,} rows").wait_for()
    assert parse_qs(urlsplit(page.url).query) == {"browser": ["Firefox"], "period": ["all"]}
    page.get_by_role("button", name="Remove the filter Browser").click()
    page.get_by_role("status").filter(has_text="200+ rows").wait_for()


@pytest.mark.long
@pytest.mark.parametrize("view", ["speed", "errors", "cache", "idle"])
def test_every_view_has_its_numbers_and_no_fault(ui: Ui, view: str) -> None:
    """checklist 106"""
    page = ui.open(f"/analytics?view={view}&period=all", as_="admin", dark=view == "speed")
    first = {
        "speed": ("Duration", "latency"),
        "errors": ("What failed", "errors"),
        "cache": ("Cache hits", "cache"),
        "idle": ("Idle keys", "idle"),
    }[view]
    table = page.get_by_role("region", name=first[0])
    table.wait_for()
    assert table.locator("tbody tr").count() == len(report(ui, first[1]))
    unharmed(page)
    ui.shot(page, f"analytics-{view}", full=True)
    ui.axe(page)


@pytest.mark.long
def test_the_log_is_narrowed_by_its_address_and_saved_as_csv(ui: Ui) -> None:
    """checklist 108"""
    wanted = log(ui, model="llama", provider="p1")
    page = ui.open("/logs?model=llama&provider=p1", as_="admin")
    page.get_by_role("status").filter(has_text=f"{len(wanted):,} rows").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert len(saved.value.path().read_text().splitlines()) == len(wanted) + 1
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("menuitem", name="Outcome").click()
    page.get_by_role("combobox", name="Outcome").fill("failed")
    page.keyboard.press("Enter")
    fewer = log(ui, model="llama", provider="p1", outcome="failed")
    page.get_by_role("status").filter(has_text=f"{len(fewer):,} rows").wait_for()
    month = page.get_by_role("combobox", name="Period").locator("optgroup option").first.get_attribute("value")
    page.get_by_role("combobox", name="Period").select_option(month)
    page.get_by_role("status").filter(
        has_text=f"{len(log(ui, model='llama', provider='p1', outcome='failed', month=month)):,} row"
    ).wait_for()
    ui.axe(page)


@pytest.mark.long
def test_one_request_with_all_that_is_known(ui: Ui) -> None:
    """checklist 108"""
    page = ui.open("/logs", as_="admin")
    page.get_by_role("grid", name="Requests").get_by_text("kept-model").click()
    panel = page.get_by_role("dialog")
    panel.get_by_text("10.9.9.9").wait_for()
    assert f"open={KEPT}" in page.url
    panel.get_by_role("tab", name="Bodies").click()
    panel.get_by_text('"temperature": 0.5').wait_for()
    assert CANARY.split(">")[0] in panel.inner_text()
    ui.shot(page, "logs-detail")
    panel.get_by_role("tab", name="The same call").click()
    panel.get_by_text("curl").first.wait_for()
    assert "/v1/chat/completions" in panel.inner_text()
    assert '"kept-model"' in panel.inner_text()
    assert ui.keys["admin"] not in panel.inner_text()
    page.keyboard.press("j")
    page.get_by_role("heading", name=f"Request {HOSTILE}").wait_for()
    panel.get_by_role("tab", name="Fields").click()
    panel.get_by_text(CANARY).first.wait_for()
    panel.get_by_role("tab", name="Attempts").click()
    panel.get_by_role("region", name="Attempts").wait_for()
    unharmed(page)
    assert panel.get_by_role("link", name="Job").get_attribute("href") == f"/ui/jobs/{HOSTILE}"
    ui.axe(page)
    page.keyboard.press("k")
    page.get_by_role("heading", name=f"Request {KEPT}").wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="detached")
    assert "open=" not in page.url


@pytest.mark.long
def test_a_key_for_analytics_sees_its_own_rows_alone(ui: Ui) -> None:
    """checklist 106"""
    page = ui.open("/logs", as_="analytics")
    page.get_by_role("status").filter(has_text="2 rows").wait_for()
    unharmed(page)
    page.goto(f"{ui.url}/ui/analytics")
    assert ranks(page, "Models") == {"kept-model": 1, CANARY: 1}
    unharmed(page)


@pytest.mark.long
def test_it_fits_a_phone(ui: Ui) -> None:
    page = ui.open("/analytics", as_="admin", phone=True)
    ranks(page, "Models")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ui.shot(page, "analytics-phone")
    page.goto(f"{ui.url}/ui/logs")
    page.get_by_role("status").filter(has_text="200+ rows").wait_for()
    ui.shot(page, "logs-phone")
