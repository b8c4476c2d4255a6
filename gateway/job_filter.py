"""Which jobs somebody means: the filter of the lists and of the bulk actions, and what each job's line shows.

One filter, two readers: open jobs are compared here, ended ones by SQL over the archive. What a newcomer would get wrong: a
field that is misspelt is an error, for a filter that matches too much may cancel everybody's jobs.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from bus.ids import EPOCH, make_id
from bus.listing import Seen
from gateway.past import text
from schemas.job import Record, State
from schemas.problem import Code, Problem
from schemas.watch import Running

Row = dict[str, Any]
Names = Callable[[str], str]
"""A key's id -> its name."""
OPEN = frozenset({State.QUEUED, State.RUNNING})
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})
WORDS = ("queue", "provider", "key", "model", "op", "style", "tag", "ref", "error", "tenant")
FIELDS = ("state", *WORDS, "from", "to", "q")
_SEARCHED = ("ref", "tag", "model", "message", "user_agent")
_LONGEST = 300
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?")
_MOST = 500
"""Values of one field."""
WEEK = 8 * 86400
"""A job can be put back for so long; its row then has a later time than its id."""


class Filter(msgspec.Struct, frozen=True):
    """Empty matches all."""

    states: frozenset[State] = OPEN | ENDED
    words: dict[str, frozenset[str]] = {}
    since: float = 0.0
    """Unix seconds."""
    until: float = 0.0
    """Unix seconds; 0: no end."""
    q: str = ""
    tenant: str = ""
    """Whose jobs may be seen; empty: everybody's."""

    @property
    def empty(self) -> bool:
        return self.states == OPEN | ENDED and not (self.words or self.since or self.until or self.q)

    @property
    def by_index(self) -> bool:
        """Nothing is asked that the index of open jobs could not tell."""
        return not (self.words or self.since or self.until or self.q or self.tenant)

    def matches(self, row: Row) -> bool:
        """Whether it means this line."""
        if row["state"] not in self.states or (self.tenant and row["tenant"] != self.tenant):
            return False
        if row["created"] < self.since or (self.until and row["created"] >= self.until):
            return False
        if any(str(row[name] or "") not in values for name, values in self.words.items()):
            return False
        wanted = self.q.lower()
        return not wanted or wanted == str(row["id"]) or any(wanted in str(row[one] or "").lower() for one in _SEARCHED)

    def sql(self) -> list[str]:
        """The conditions on `requests`. Jobs that are open again are for the caller to leave out."""
        found = [f"tenant = {text(self.tenant)}"] if self.tenant else []
        ended = [str(state) for state in sorted(self.states & ENDED)]
        found += [] if len(ended) == len(ENDED) else [f"outcome IN ({_list(ended)})"]
        found += [f"{name} IN ({_list(sorted(values))})" for name, values in self.words.items()]
        found += [f"created >= {_moment(self.since)}"] if self.since else []
        found += [f"created < {_moment(self.until)}"] if self.until else []
        if self.since:
            found.append(f"job >= {id_at(self.since - WEEK)}")
        if self.until:
            found.append(f"job < {id_at(self.until + 1)}")
        if self.q:
            inside = " OR ".join(f"contains(lower({name}), {text(self.q.lower())})" for name in _SEARCHED)
            found.append(f"({inside}" + (f" OR job = {int(self.q)})" if _number(self.q) else ")"))
        return found


def filter_of(fields: Mapping[str, Any], tenant: str, keys: Callable[[str], list[str]]) -> Filter:
    """The filter that a query or a body says. `keys`: the ids that a key's id or name may mean.

    Raises `Problem(INVALID_REQUEST)` that names the field.
    """
    words: dict[str, frozenset[str]] = {}
    for name in fields:
        if name not in FIELDS:
            raise _wrong(name, f"There is no filter '{name[:40]}'. There are: {', '.join(FIELDS)}.")
    for name in WORDS:
        values = _values(name, fields.get(name))
        if values:
            words[name] = (
                frozenset(one for value in values for one in keys(value)) if name == "key" else frozenset(values)
            )
    return Filter(
        states=_states(_values("state", fields.get("state"))),
        words=words,
        since=_time("from", fields.get("from")),
        until=_time("to", fields.get("to")),
        q=_text("q", fields.get("q")),
        tenant=tenant,
    )


def id_at(moment: float) -> int:
    """The smallest id a job of that time may have."""
    return make_id(max(EPOCH, int(moment)), 0, 0)


def _states(values: list[str]) -> frozenset[State]:
    known = {str(state): frozenset({state}) for state in State} | {"open": OPEN, "ended": ENDED}
    found: frozenset[State] = frozenset()
    for value in values:
        if value not in known:
            raise _wrong("state", f"There is no state '{value[:40]}'. There are: {', '.join(known)}.")
        found |= known[value]
    return found or OPEN | ENDED


def _values(name: str, said: Any) -> list[str]:
    """`a,b`, or a list."""
    if said is None or said == "":
        return []
    given = said if isinstance(said, list) else str(said).split(",") if isinstance(said, str | int) else [None]
    if len(given) > _MOST or not all(isinstance(one, str | int) and not isinstance(one, bool) for one in given):
        raise _wrong(name, f"'{name}' must be a text, or a list of at most {_MOST} texts.")
    return [_text(name, one) for one in given if str(one).strip()]


def _text(name: str, said: Any) -> str:
    if said is None:
        return ""
    if not isinstance(said, str | int) or len(str(said)) > _LONGEST or "\0" in str(said):
        raise _wrong(name, f"'{name}' must be a text of at most {_LONGEST} characters.")
    return str(said).strip()


def _time(name: str, said: Any) -> float:
    """Unix seconds, or a date (2026-11-23, 2026-11-23T10:00:00Z; UTC where it says nothing)."""
    if said is None or said == "":
        return 0.0
    try:
        if _SECONDS.fullmatch(str(said)) or isinstance(said, float):
            moment = float(said)
        else:
            at = datetime.fromisoformat(str(said)[:40])
            moment = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        if not 0 <= moment < 32503680000:
            raise ValueError
    except (ValueError, OverflowError):
        raise _wrong(name, f"'{name}' must be Unix seconds or a date like 2026-11-23T10:00:00Z.") from None
    return moment


def _wrong(name: str, message: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, message, param=name[:40])


def _list(values: list[str]) -> str:
    return ", ".join(text(value) for value in values) or "NULL"


def _moment(at: float) -> str:
    return f"make_timestamp({int(at * 1_000_000)})"


def _number(said: str) -> bool:
    return said.isascii() and said.isdecimal() and len(said) <= 16


# ---- lines ------------------------------------------------------------------------------------------------------------

COLUMNS = """job AS id, outcome AS state, op, model, served, style, tenant, key, queue, provider, agent,
  epoch(created) AS created, epoch(created) + wait_ms / 1000 AS started, epoch(created) + total_ms / 1000 AS finished,
  wait_ms, total_ms, attempts, coalesce(run, 0) AS run, ref, tag, error, message, tokens_in, tokens_out, cost, client,
  user_agent, parent, stream"""


def line_of_row(row: Row, names: Names) -> Row:
    """An ended job, from a row of the archive (`COLUMNS`)."""
    more = {"key_name": names(row["key"]), "first": False, "progress": None, "stage": ""}
    return {**row, **more, "replay_of": None, "parent": row["parent"] or None}


def line_of(seen: Seen, names: Names) -> Row:
    """A job from its record."""
    record, claim = seen.record, seen.claim
    job, ended = record.job, record.state.terminal
    attempts = record.attempts or (claim.trail if claim else ())
    running = seen.running
    last = attempts[-1] if attempts else None
    started = attempts[0].started if attempts else claim.started if claim and running else 0.0
    return {
        "id": job.id,
        "state": State.RUNNING if running else record.state,
        "op": job.op,
        "model": job.asked or job.model,
        "served": record.model or (claim.model if claim and claim.model != job.model else ""),
        "style": job.style,
        "tenant": job.tenant,
        "key": job.key,
        "key_name": names(job.key),
        "queue": record.queue if ended and record.queue else seen.queue,
        "provider": record.provider or (claim.provider if claim and running else ""),
        "agent": claim.agent if claim and running else last.agent if last else "",
        "created": job.created,
        "started": started or None,
        "finished": record.finished or None,
        "wait_ms": round((started - job.created) * 1000, 3) if started else None,
        "total_ms": round((record.finished - job.created) * 1000, 3) if record.finished else None,
        "attempts": len(attempts) + (1 if running else 0),
        "run": job.run,
        "ref": job.ref,
        "tag": job.tag,
        "error": str(record.fault.code) if record.fault else None,
        "message": record.fault.message if record.fault else None,
        **_used(record),
        "client": job.client,
        "user_agent": job.user_agent,
        "parent": job.parent or None,
        "stream": job.stream,
        "first": seen.first and not ended,
        "progress": seen.progress.share if seen.progress and running else None,
        "stage": seen.progress.stage if seen.progress and running else "",
        "replay_of": job.replays or None,
    }


def line_of_call(call: Running, names: Names) -> Row:
    """A live call, from the gateway that holds its line: who works on it is for the live view to tell."""
    told = ("op", "model", "style", "tenant", "key", "queue", "created", "ref", "tag", "client", "stream")
    unknown = (
        "started",
        "finished",
        "wait_ms",
        "total_ms",
        "error",
        "message",
        "tokens_in",
        "tokens_out",
        "cost",
        "parent",
    )
    return {
        "id": call.job,
        "state": State.RUNNING,
        **{name: getattr(call, name) for name in told},
        "key_name": names(call.key),
        **dict.fromkeys(("served", "provider", "agent", "user_agent", "stage"), ""),
        **dict.fromkeys((*unknown, "progress", "replay_of")),
        "attempts": call.attempt,
        "run": 0,
        "first": False,
    }


def _used(record: Record) -> Row:
    if not record.state.terminal:
        return {"tokens_in": None, "tokens_out": None, "cost": None}
    return {"tokens_in": record.usage.tokens_in, "tokens_out": record.usage.tokens_out, "cost": record.cost}
