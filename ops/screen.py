"""What a person sees: the welcome, and the live status in a terminal.

What a newcomer would get wrong: while the status is shown nobody else may write to the terminal, so the children's log
lines come here too. They go to `<data>/up.log`; warnings and worse are shown above the status as well.
"""

import json
import time
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bus.fleet import STALE, Fleet, Seen
from ops import talk
from ops.children import State, rss_mb
from ops.house import House
from ops.printing import tame
from ops.sections import TOOLS
from schemas.operations import CHAT, DEFAULT

LOG_BYTES = 20_000_000
LOUD = {"warning": "yellow", "error": "red", "critical": "red"}
FOLDED = 12
"""More models than this are counted, not listed."""


def welcome(house: House, version: str) -> str:
    """Where it is, what it serves, and what to paste. With the first keys: shown here once and nowhere again."""
    lines = ["", f"AI Server {version} is up: {house.url}", ""]
    lines += [f"  Web UI     {house.url}/ui/  (sign in with an API key)", f"  Data       {house.settings.data}"]
    lines += _about_providers(house)
    names = [name for name in house.fleet.models() if name not in (DEFAULT, *TOOLS)]
    lines.append(f"  Models     {_few(names) if names else 'none yet; `ai-server models` tells when there are'}")
    if not house.settings.nats_url:
        lines.append(f"  NATS       {house.link.url}  (direct publishers: an API key is the token)")
    key = house.keys.get("app", "$AI_SERVER_KEY")
    if house.keys:
        lines += ["", "First start: two API keys, shown this once. `ai-server keys create NAME` makes more."]
        lines += [f"  {name:<9}  {raw}" for name, raw in house.keys.items()]
    else:
        lines += ["", "`ai-server keys create NAME` makes an API key, `ai-server keys list` shows which there are."]
    model = next(iter(house.fleet.models(CHAT.name)), "MODEL")
    lines += ["", "Try it:", *("  " + line for line in talk.curl(house.url, key, model).splitlines()), ""]
    return "\n".join(lines)


def _about_providers(house: House) -> Iterator[str]:
    sources = {one.name: one.source for one in house.found}
    title = "  Providers  "
    for name, provider in house.providers.items():
        mine = house.settings.providers.get(name)
        source = "settings" if mine else sources.get(name, "")
        off = "" if provider.enabled else ", disabled"
        yield f"{title}{name} ({source}{off}{_absent(house.fleet, name)})"
        title = " " * len(title)
    if not house.providers:
        yield f"{title}none yet, so nothing can be answered. Any of these adds one:"
        yield f"{' ' * len(title)}- set OPENAI_API_KEY (or another provider's key) and start again"
        yield f"{' ' * len(title)}- a small model on this machine: pip install 'ai-server[local]'"
        yield f"{' ' * len(title)}- [providers.NAME] in ai-server.toml: docs/how-to/add-a-provider.md"
    for one in house.found:
        if one.provider is None:
            yield f"{' ' * len(title)}{one.name} was found ({one.source}), but {one.note}"


def _absent(fleet: Fleet, name: str) -> str:
    reasons = [seen.beat.offline for seen in fleet.agents.values() if seen.beat.provider == name]
    return f", not reachable: {reasons[0]}" if reasons and reasons[0] else ""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - FOLDED} more" if len(names) > FOLDED else ""
    return ", ".join(names[:FOLDED]) + more


class Screen:
    """The live status. Also the place where children's lines go (`line`)."""

    def __init__(self, console: Console, log: TextIO) -> None:
        self.console, self.log = console, log
        self._counted: tuple[float, int] = (time.monotonic(), 0)
        self._rate = 0.0

    def line(self, child: str, text: str) -> None:
        """A line that a child wrote: to the log, and to the person if it is a warning."""
        if self.log.tell() < LOG_BYTES:
            self.log.write(text + "\n")
            self.log.flush()
        try:
            event = json.loads(text)
            level, what = event.pop("level", "info"), event.pop("event", "")
        except (ValueError, AttributeError):
            self.console.print(Text(f"{child}: {text}", style="red"))  # no log line of ours: a crash
            return
        if level in LOUD:
            self.console.print(_told(event, child, level, what))

    def picture(self, house: House) -> Group:
        """The whole picture, to be drawn again and again."""
        self._measure(house.fleet)
        foot = Text(f"{house.url}   {self._rate:,.0f} requests/s   log: {self.log.name}   Ctrl-C stops", style="dim")
        return Group(tame(processes(house)), tame(queues(house.fleet)), foot)

    def _measure(self, fleet: Fleet) -> None:
        at, total = time.monotonic(), sum(seen.beat.done + seen.beat.failed for seen in fleet.agents.values())
        before, counted = self._counted
        if at - before >= 1.0:
            self._rate = max(0, total - counted) / (at - before)
            self._counted = (at, total)


def _told(event: dict[str, Any], child: str, level: str, what: str) -> Text:
    for name in ("timestamp", "role"):
        event.pop(name, None)
    trace = event.pop("exception", "")
    rest = " ".join(f"{name}={value}" for name, value in event.items())
    return Text(f"{child}: {what} {rest}" + (f"\n{trace}" if trace else ""), style=LOUD[level])


def processes(house: House) -> Table:
    table = _table("process", "state", "pid", "restarts", "MB")
    looks = {State.RUNNING: "green", State.WAITING: "red", State.STARTING: "yellow"}
    if pid := house.nats_pid():
        table.add_row("nats-server", Text("running", style="green"), str(pid), "", f"{rss_mb(pid):.0f}")
    for child in house.crew.children:
        state = Text(str(child.state), style=looks.get(child.state, ""))
        restarts = str(child.restarts) if child.restarts else ""
        table.add_row(
            child.name, state, str(child.pid or ""), restarts, f"{rss_mb(child.pid):.0f}" if child.pid else ""
        )
    return table


def queues(fleet: Fleet) -> Table:
    """Every provider's agents, one row each."""
    table = _table("provider", "state", "slots", "in flight", "waiting", "seconds", "done", "failed", "models")
    for seen in sorted(fleet.agents.values(), key=lambda one: (one.beat.queue, one.beat.provider, one.beat.agent)):
        beat = seen.beat
        name = beat.provider if beat.queue == beat.provider else f"{beat.queue}/{beat.provider}"
        counts = (beat.slots, beat.in_flight, beat.waiting, f"{beat.seconds:.2f}", beat.done, beat.failed)
        models = _few(sorted({model.name for model in seen.models} - {DEFAULT}))
        held = fleet.config.holds.get(beat.queue)
        state = Text(held.reason, style="yellow") if held is not None else _fitness(seen)
        table.add_row(name, state, *(str(count) for count in counts), models)
    return table


def _fitness(seen: Seen) -> Text:
    beat = seen.beat
    left = beat.cooling_until - time.time()
    if time.monotonic() - seen.at > STALE:
        return Text("silent", style="red")
    if beat.offline:
        return Text(beat.offline, style="red")
    if left > 0:
        return Text(f"cooling {left:.0f} s: {beat.reason}", style="yellow")
    return Text("draining" if beat.draining else "ready", style="yellow" if beat.draining else "green")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 or column == "models" else "right")
    return table
