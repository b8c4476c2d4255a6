"""The commands about jobs and queues: questions to the running gateway's admin API, printed for people.

They ask over HTTP and not on the bus, so that what is done, checked and noted is the same as from anywhere else. What a
newcomer would get wrong: without `--key` an administrator's key is lent for the one command and dropped after it.
"""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from bus.config import Config, new_key
from bus.connection import Bus
from ops.commands.common import Where, ask_bus, settings_of
from ops.errands import running_url
from ops.printing import say, show, table
from ops.talk import TalkError

PATIENCE = 600.0
"""Seconds: a bulk action answers when all is done."""
LENT = 900.0
NAME = "cli"
Told = dict[str, Any]


class Desk:
    """The admin API of one server."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = urlsplit(url), key

    def ask(self, method: str, path: str, body: Told | None = None) -> Told:
        """The JSON of a success. Raises `TalkError` with the server's own sentence."""
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        line = kind(self.url.hostname or "", self.url.port, timeout=PATIENCE)
        heads = {"X-Api-Key": self.key, "Content-Type": "application/json", "User-Agent": "ai-server-cli"}
        try:
            line.request(method, f"{self.url.path.rstrip('/')}/admin{path}", json.dumps(body) if body else None, heads)
            answer = line.getresponse()
            told: Told = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise TalkError(f"no AI Server answers at {self.url.geturl()}: {error}") from error
        except ValueError as error:
            raise TalkError(f"what answers at {self.url.geturl()} is no AI Server") from error
        finally:
            line.close()
        if answer.status not in (200, 201):
            raise TalkError(str((told.get("error") or {}).get("message") or f"the server answered {answer.status}"))
        return told


@contextmanager
def desk(where: Where, url: str = "", key: str = "") -> Iterator[Desk]:
    """With a key that is lent for the command, unless one is named."""
    settings = settings_of(where)
    address = url or running_url(settings)
    if key:
        yield Desk(address, key)
        return
    raw, stored = new_key(NAME, ("admin",))
    lent = msgspec.structs.replace(stored, expires=time.time() + LENT)

    async def lend(bus: Bus, _: Any) -> None:
        await Config(bus).put_key(lent, NAME, "lent for a command")

    async def drop(bus: Bus, _: Any) -> None:
        await Config(bus).drop_key(lent.id, NAME)

    ask_bus(settings, lend)
    try:
        yield Desk(address, raw)
    finally:
        ask_bus(settings, drop)


# ---- jobs -------------------------------------------------------------------------------------------------------------


def list_jobs(at: Desk, filters: Told, limit: int, letters: bool = False) -> int:
    """As many as asked for, page by page."""
    made = table("id", "state", "age", "op", "model", "queue", "key", "tries", "seconds", "tag", "error")
    after, shown = "", 0
    while shown < limit:
        query = {**filters, "limit": min(500, limit - shown), **({"after": after} if after else {})}
        page = at.ask("GET", f"/{'dead-letters' if letters else 'jobs'}?{urlencode(query)}")
        for line in page["data"]:
            made.add_row(*_cells(line))
        shown += len(page["data"])
        after = page["next"] or ""
        if not after:
            break
    show(made)
    if after:
        say(f"\nthere are more; --limit {2 * limit} shows them")
    return 0


def _cells(line: Told) -> list[str]:
    share = f" {line['progress']:.0%}" if line.get("progress") is not None and line["state"] == "running" else ""
    state = line["state"] + share + (" (first)" if line.get("first") else "")
    took = f"{line['total_ms'] / 1000:.1f}" if line["total_ms"] else ""
    place = line["queue"] or line["provider"] or ""
    cells = (
        line["id"],
        state,
        _age(line["created"]),
        line["op"],
        line["model"],
        place,
        line["key_name"] or line["key"],
    )
    return [str(cell) for cell in (*cells, line["attempts"], took, line["tag"] or "", line["error"] or "")]


def _age(created: float) -> str:
    seconds = max(0.0, time.time() - created)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def show_job(at: Desk, number: int, as_json: bool) -> int:
    job = at.ask("GET", f"/jobs/{number}")
    if as_json:
        say(json.dumps(job, indent=2, ensure_ascii=False))
        return 0
    for name in (
        "id",
        "state",
        "op",
        "model",
        "queue",
        "provider",
        "key_name",
        "ref",
        "tag",
        "cost",
        "error",
        "message",
    ):
        if job.get(name) not in (None, ""):
            say(f"{name:<10} {job[name]}")
    say(f"{'can be':<10} {', '.join(job['actions']) or '-'}\n")
    made = table("at", "what", "provider", "detail")
    for event in job["timeline"]:
        rest = {
            name: value for name, value in event.items() if name not in ("at", "what", "provider", "queue", "agent")
        }
        detail = ", ".join(f"{name} {value}" for name, value in rest.items() if value not in (None, ""))
        made.add_row(f"+{event['at'] - job['created']:.2f} s", event["what"], event.get("provider", ""), detail)
    show(made)
    return 0


def act(at: Desk, action: str, body: Told) -> int:
    """One or many. The exit code is 1 when something could not be done."""
    told = at.ask("POST", f"/jobs/{action}", body)
    for one in told["failed"][:20]:
        say(f"{one['id']}: {one['why']}")
    if told["dry_run"]:
        say(f"{told['matched']} jobs are meant{' (and more)' if told['more'] else ''}; nothing was done")
        return 0
    for old, new in told.get("replayed_as", {}).items():
        say(f"{old} -> {new}")
    more = "; there are more: say it again, or --most" if told["more"] else ""
    say(f"{action}: {told['done']} of {told['matched']} jobs{more}")
    return 1 if told["failed"] else 0


# ---- queues -----------------------------------------------------------------------------------------------------------


def list_queues(at: Desk) -> int:
    made = table("queue", "state", "slots", "in flight", "waiting", "first", "wait", "providers", "held")
    for one in at.ask("GET", "/queues")["data"]:
        held = one["paused"]
        wait = f"{one['expected_wait']:.1f} s" if one["expected_wait"] is not None else ""
        counts = (one["slots"], one["in_flight"], one["waiting"], one["waiting_first"])
        why = f"{_age(held['at'])} by {held['by']} {held['note']}".strip() if held else ""
        made.add_row(one["queue"], one["state"], *(str(n) for n in counts), wait, ", ".join(one["providers"]), why)
    show(made)
    return 0


def hold(at: Desk, name: str, action: str, note: str = "") -> int:
    told = at.ask("POST", f"/queues/{quote(name, safe='')}/{action}", {"note": note} if note else None)
    say(f"{told['queue']}: {told['state']}, {told['in_flight']} in flight, {told['waiting']} waiting")
    return 0
