"""The live view in a terminal: the state as `GET /admin/live` has it, drawn once or again and again.

It comes straight from the bus, so it works while no gateway does; with an address and a key, from that gateway. What a
newcomer would get wrong: on the bus only the last five minutes are told again, the whole hour has only a gateway.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bus.connection import Bus
from ops import talk
from ops.printing import PIPE_WIDTH, table, tame

State = dict[str, Any]
RUNNING, FAILED = 25, 8
"""Rows that are shown of many."""
LOOKS = {
    "ready": "green",
    "ok": "green",
    "running": "green",
    "cooling": "yellow",
    "probing": "yellow",
    "draining": "yellow",
}


async def from_bus(bus: Bus) -> AsyncGenerator[State, None]:
    """The state each second."""
    from bus.config import Config
    from bus.fleet import Fleet
    from bus.watch_hour import LATE
    from bus.watch_house import Watched
    from gateway.watch_scope import Scope

    config = Config(bus)
    await config.start()
    fleet = Fleet(bus, config)
    watched, turn = Watched(fleet), 0
    watched.hour.since -= (LATE - 1) * 60
    await fleet.start()
    await watched.start()
    while True:
        await watched.look()
        scope = Scope("", watched)
        scope.refresh(turn, time.time(), whole=True)
        yield json.loads(scope.state(""))
        turn += 1
        await asyncio.sleep(1)


async def from_gateway(url: str, key: str) -> AsyncGenerator[State, None]:
    """The same from a gateway. Raises `TalkError`."""
    while True:
        yield await asyncio.to_thread(talk.live, url, key)
        await asyncio.sleep(1)


async def show(states: AsyncIterator[State], once: bool, as_json: bool) -> int:
    """Draw them until Ctrl-C, or the first one alone."""
    console = Console(markup=False)
    if not once and not as_json and console.is_terminal:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            async for state in states:
                live.update(picture(state), refresh=True)
        return 0
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH, color_system=None, markup=False)
    async for state in states:
        if as_json:
            sys.stdout.write(json.dumps(state, ensure_ascii=False) + "\n")
        else:
            with console.capture() as text:
                console.print(picture(state))
            sys.stdout.write("\n".join(line.rstrip() for line in text.get().splitlines()) + "\n")
        sys.stdout.flush()
        if once:
            break
    return 0


def picture(state: State) -> Group:
    """The whole state, the way a person reads it."""
    parts: list[Any] = [head(state), tame(queues(state)), Text(""), tame(processes(state))]
    for title, drawn in (("running", running(state)), ("failed lately", failed(state))):
        if drawn.row_count:
            parts += [Text(""), Text(title, style="bold"), tame(drawn)]
    return Group(*parts)


def head(state: State) -> Text:
    totals = state["totals"]
    minutes = [row for row in state["minutes"] if row["done"] + row["failed"]]
    p95 = next((f"   p95 {row['p95_ms'] / 1000:.2f} s" for row in reversed(minutes) if row["p95_ms"]), "")
    waiting = totals["waiting_live"] + totals["waiting_queued"]
    line = (
        f"{totals['running']} running   {waiting} waiting   {totals['scheduled']} scheduled   "
        f"{totals['requests_minute']} requests/min{p95}   {totals['in_flight']}/{totals['slots']} slots"
    )
    return Text(line if totals["bus"] else line + "   NATS is away", style="bold" if totals["bus"] else "bold red")


def queues(state: State) -> Table:
    made = table("queue", "state", "slots", "in flight", "waiting", "wait", "service", "why")
    for row in state["queues"]:
        wait = "" if row["wait_seconds"] is None else f"{row['wait_seconds']:.1f} s"
        counts = (row["slots"], row["in_flight"], row["waiting"])
        why = row["why"] + (f" ({row['until'] - state['at']:.0f} s)" if row["until"] else "")
        made.add_row(
            row["name"], _look(row["state"]), *map(str, counts), wait, f"{row['seconds']:.2f} s", _cut(why, 60)
        )
    return made


def processes(state: State) -> Table:
    made = table("process", "role", "state", "up", "MB", "lag ms", "in flight", "streams", "providers")
    for row in sorted(state["processes"], key=lambda row: (row["role"], row["process"])):
        told = "lost" if row["state"] == "ok" else f"lost {_age(state['at'] - row['heard'])} ago"
        look = _look("ok") if row["state"] == "ok" else Text(told, style="red")
        facts = (f"{row['rss'] / 1e6:.0f}", f"{row['lag_ms']:.0f}", str(row["in_flight"]), str(row["streams"]))
        made.add_row(
            row["process"],
            row["role"],
            look,
            _age(state["at"] - row["started"]),
            *facts,
            _cut(", ".join(row["providers"])),
        )
    return made


def running(state: State) -> Table:
    made = table("job", "op", "model", "provider", "key", "style", "try", "for", "%", "left", "tokens", "stage")
    jobs = sorted(state["jobs"], key=lambda row: float(row["started"] or row["created"]))
    for row in jobs[:RUNNING]:
        share = "" if row["percent"] is None else f"{row['percent']:.0f}"
        left = "" if row["eta_seconds"] is None else f"{row['eta_seconds']:.0f} s"
        where = row["provider"] or f"({row['queue']})"
        facts = (row["op"], _cut(row["model"]), where, _cut(row["key_name"] or row["key"], 20), row["style"])
        since = _age(state["at"] - (row["started"] or row["created"]))
        stage = row["stage"] if row["state"] == "running" else "waits for a slot"
        made.add_row(
            str(row["job"]), *facts, str(row["attempt"]), since, share, left, str(row["tokens"] or ""), _cut(stage)
        )
    if state["totals"]["running"] > RUNNING:
        made.add_row(f"and {state['totals']['running'] - RUNNING} more")
    return made


def failed(state: State) -> Table:
    made = table("ago", "job", "op", "model", "provider", "key", "code", "message")
    for row in state["failed"][:FAILED]:
        facts = (row["op"], _cut(row["model"]), row["provider"], _cut(row["key_name"] or row["key"], 20))
        made.add_row(
            _age(state["at"] - row["at"]), row["id"], *facts, Text(row["code"], style="red"), _cut(row["message"], 60)
        )
    return made


def _look(state: str) -> Text:
    return Text(state, style=LOOKS.get(state, "red"))


def _cut(text: str, most: int = 30) -> Text:
    """As text and not as markup: a provider's words may hold brackets."""
    flat = " ".join(text.split())
    return Text(flat if len(flat) <= most else flat[: most - 1] + "…")


def _age(seconds: float) -> str:
    seconds = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
