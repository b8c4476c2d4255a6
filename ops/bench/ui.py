"""The web UI's pages over ten million archived requests: how long the server takes for each call that a page makes.

A real browser opens the pages of a real house, so what is measured is what a page asks, not what somebody believes it asks.
What a newcomer would get wrong: a page's calls go out together and the browser works on the same cores. That is what a person
feels, and is told; judged is the same call alone, warm. Run alone: `python -m ops.bench.ui [--short]`.
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import structlog

from ops.bench import archive_data
from ops.prove.figures import Figures
from ops.prove.house import House, until_signal

log = structlog.get_logger()

MANY, FEW = 10_000_000, 200_000
GOAL = 300
"""Milliseconds for a call of a page."""
LOOKS = 5
PAGES = (
    "/dashboard", "/analytics", "/analytics?period=90d", "/analytics?period=all", "/jobs", "/jobs?state=failed", "/logs",
    "/operations", "/data",
)  # fmt: skip
CONFIG = """
detect = false
durability = "process"
[providers.none]
base_url = "http://127.0.0.1:1/v1"
models = ["m"]
discover = false
"""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


class Call(NamedTuple):
    """What a page asked of the server, and the milliseconds from sent to read."""

    method: str
    url: str
    body: str | None
    spent: float


async def pages(folder: Path, figures: Figures, short: bool) -> None:
    """`short`: a fiftieth of the rows, and two looks."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        log.warning("bench.ui_skipped", why="no chromium on this machine")
        return
    await asyncio.to_thread(_made, folder / "data" / "archive", FEW if short else MANY)
    async with House(folder, CONFIG) as house:
        found = (await house.command("keys", "create", "viewer", "--admin")).split()
        admin = next(word for word in found if word.startswith("ais-"))
        await _measured(figures, browser, house.url, admin, 2 if short else LOOKS)


def _made(root: Path, rows: int) -> None:
    archive_data.make(root, rows, datetime.now(UTC).replace(tzinfo=None))


async def _measured(figures: Figures, browser: str, url: str, admin: str, looks: int) -> None:
    from playwright.async_api import async_playwright  # for developers alone

    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=browser, args=FLAGS)
        window = await chromium.new_context(viewport={"width": 1360, "height": 860})
        who = {"provider": "credentials", "userName": "Bench", "password": admin, "rememberMe": True}
        assert (await window.request.post(f"{url}/api/Authenticate", data=who)).ok
        for path in PAGES:
            seen: dict[str, list[Call]] = defaultdict(list)
            for _ in range(looks + 1):
                for name, call in await _look(window, f"{url}/ui{path}"):
                    seen[name].append(call)
            for name, calls in sorted(seen.items()):
                figures.tell(f"ui {path}: {name}, in the page", statistics.median(one.spent for one in calls), "ms")
                figures.at_most(f"ui {path}: {name}, alone", await _alone_again(window, calls[-1], looks), GOAL, "ms")


async def _look(window: Any, address: str) -> list[tuple[str, Call]]:
    """One look at a page: each call of it that ended."""
    page, ended = await window.new_page(), list[Any]()
    page.on("requestfinished", lambda request: ended.append(request))  # playwright can't hold a built-in
    await page.goto(address, wait_until="load")
    await page.locator("#main h1").first.wait_for()
    await page.wait_for_timeout(300)  # a page asks when it stands, some of it after a first answer
    for _ in range(400):
        if not await page.locator("#main .skeleton, #main [aria-busy=true]").count():
            break
        await page.wait_for_timeout(50)
    await page.close()
    return [(_named(one), _call_of(one)) for one in ended if _is_asked(one.url)]


def _call_of(one: Any) -> Call:
    return Call(one.method, one.url, one.post_data, one.timing["responseEnd"] - one.timing["requestStart"])


async def _alone_again(window: Any, call: Call, times: int) -> float:
    """Milliseconds of the same call with nothing beside it, the middle of several."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        more = {"data": call.body, "headers": {"content-type": "application/json"}} if call.body else {}
        await (await window.request.fetch(call.url, method=call.method, **more)).body()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def _is_asked(address: str) -> bool:
    path = urlsplit(address).path
    return path.startswith(("/admin/", "/v1/", "/me", "/saved/")) and not path.endswith("/events")


def _named(request: Any) -> str:
    """Which call it is: its path, and for a report by what, for SQL how it begins."""
    parts = urlsplit(request.url)
    words = {name: values[0] for name, values in parse_qs(parts.query).items() if name in ("by", "state", "counts")}
    more = " ".join(f"{name}={value}" for name, value in words.items())
    if parts.path == "/admin/sql" and request.post_data:
        more = " ".join(str(request.post_data_json.get("sql", "")).split())[:60]
    return f"{parts.path} {more}".strip()


async def _alone(short: bool) -> list[str]:
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="ai-server-bench-") as folder:
        await pages(Path(folder), figures, short)
    figures.show("web UI")
    return []


if __name__ == "__main__":
    asyncio.run(until_signal(_alone("--short" in sys.argv)))
