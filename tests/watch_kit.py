"""What the tests of the live view share: somebody who looks, and a page that applies changes as the documents say."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from gateway_house import House

from bus import watch_house, watch_teller
from bus.watch_house import Watched
from gateway.watch import Feed
from gateway.watch_scope import Scope

IDS = {
    "queues": "name", "providers": "name", "keys": "id", "processes": "process", "jobs": "job", "queued": "job",
    "failed": "id", "minutes": "minute",
}  # fmt: skip
State = dict[str, Any]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same promises in less time."""
    for name, seconds in (("TURN", 0.2), ("SLOWLY", 0.3), ("SOON", 2.0), ("ANEW_EVERY", 0.5)):
        monkeypatch.setattr(watch_house, name, seconds)
    monkeypatch.setattr(watch_teller, "EVERY", 0.2)


class Page:
    """A page of the web UI: the three rules of docs/reference/live.md, and nothing else."""

    def __init__(self) -> None:
        self.state: State = {}
        self.changes = 0

    def heard(self, name: str, data: State) -> None:
        if name == "state":
            self.state = {**data, **{table: {row[key]: row for row in data[table]} for table, key in IDS.items()}}
        elif name == "change":
            self.changes += 1
            for table, names in data.get("gone", {}).items():
                for one in names:
                    self.state[table].pop(one, None)
            for table, key in IDS.items():
                for row in data.get(table, ()):
                    self.state[table][row[key]] = {**self.state[table].get(row[key], {}), **row}
            self.state["totals"] = {**self.state["totals"], **data.get("totals", {})}
            self.state["at"] = data["at"]

    def row(self, table: str, **fields: Any) -> State | None:
        """The first row with these values."""
        rows = self.state.get(table, {}).values()
        return next((row for row in rows if all(row[name] == value for name, value in fields.items())), None)


async def events(reply: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, State]]:
    name = ""
    async for line in reply.content:
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])


@asynccontextmanager
async def page(http: aiohttp.ClientSession, url: str, key: str) -> AsyncIterator[Page]:
    """An open page, read in the background."""
    opened = Page()
    async with http.get(url + "/admin/live/events", headers={"X-Api-Key": key}) as reply:
        assert reply.status == 200, await reply.text()

        async def read() -> None:
            async for name, data in events(reply):
                opened.heard(name, data)

        task = asyncio.create_task(read())
        try:
            yield opened
        finally:
            task.cancel()


def shown(watched: Watched, tenant: str = "") -> State:
    """What a snapshot would be now, its tables by name."""
    scope = Scope(tenant, watched)
    scope.refresh(0, time.time(), whole=True)
    made = Page()
    made.heard("state", json.loads(scope.state("test")))
    return made.state


async def seen(watched: Watched, what: Callable[[State], Any], seconds: float = 8.0) -> Any:
    """Look until `what` is there, and return it."""
    end = time.monotonic() + seconds
    while True:
        await watched.look()
        if found := what(shown(watched)):
            return found
        assert time.monotonic() < end, "it was not seen in time"
        await asyncio.sleep(0.05)


def feed_of(house: House) -> Feed:
    """The feed inside a gateway."""
    found = house.app.dependencies["feed"].dependency()
    assert isinstance(found, Feed)
    return found
