"""The log of requests, a page at a time, the newest first; and one request with all that is known of it.

A page goes on from the last row of the one before (`created`, `job`, `run`), not by counting rows: so the thousandth page
costs what the first does, and none is shown twice while new ones come. A search for words looks through some millions of
rows at a time (`reach`), so it may find nothing and still have a next page. What a newcomer would get wrong: it is quick
because the files of months that are over are sorted the newest first, and DuckDB leaves out what can't come into the page any
more; an expression around `created` in the ORDER BY would take that away.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.problem import Code, Problem
from storage import callers
from storage.duck import quoted
from storage.report_words import keys_of, number, wrong
from storage.sources import DIMENSIONS, Person
from storage.spans import Span, literal, span_of
from storage.tables import REQUESTS

PAGE, LONGEST_PAGE, LONGEST_EXPORT = 100, 500, 100_000
LEFT_OUT = ("request", "response", "trail", "seq")
"""Columns that a page does not show, for they are long: the request alone does."""
COLUMNS = tuple(column.name for column in REQUESTS.columns if column.name not in LEFT_OUT)
EQUAL = {
    "provider": "provider", "op": "op", "outcome": "outcome", "error": "error", "client": "client", "queue": "queue",
    "style": "style", "tag": "tag", "ref": "ref", "model": "",
}  # fmt: skip
"""Filters by the same word -> column."""
FILTERS = ("month", "from", "to", "key", "user", *EQUAL, *callers.FILTERS, "q")
SEARCHED = ("tag", "message", "model", "error")
"""Columns with few different words, where case does not matter; `ref` is searched too, as it is written."""
LONGEST_Q = 200
REACH = 2_000_000
"""Rows that a page of a search looks through."""
_ORDER = "ORDER BY created DESC, job DESC, run DESC"
_PLACE = msgspec.json.Decoder(tuple[int, int, int])


class Page(msgspec.Struct, frozen=True):
    """A question: `sql` gives one row more than `size` if there are more."""

    sql: str
    size: int


def page(
    said: Mapping[str, str], people: Sequence[Person] = (), now: datetime | None = None, back_to: datetime | None = None
) -> Page:
    """`back_to`: no further (`reach`). Raises `Problem(INVALID_REQUEST)` that names the parameter."""
    size = number(said.get("limit", ""), "limit", PAGE, LONGEST_PAGE)
    return export(said, people, size, said.get("after", ""), now, back_to)


def reach(said: Mapping[str, str], now: datetime | None = None) -> str:
    """SQL: the day until which a page of a search looks back; null, where that is to the beginning. Raises as `page`."""
    span, place = _span(said, now), _place(said.get("after", ""))
    tests = Span(span.since and span.since.replace(hour=0, minute=0, second=0, microsecond=0), span.until).tests("day")
    if place is not None:
        tests.append(f"day < {literal(place[0])}")
    days = f"SELECT day, sum(requests) AS n FROM daily{_where(tests)} GROUP BY day"
    return f"""SELECT max(day)
FROM (SELECT day, sum(n) OVER (ORDER BY day DESC) AS upto, min(day) OVER () AS first FROM ({days}))
WHERE upto >= {REACH} AND day > first"""


def export(
    said: Mapping[str, str], people: Sequence[Person], size: int, after: str = "", now: datetime | None = None,
    back_to: datetime | None = None,
) -> Page:  # fmt: skip
    """The same rows, more of them at a time."""
    tests = [*_tests(said, people, now), *_after(after)]
    tests += Span(since=back_to).tests("created")
    end, columns = f"{_ORDER} LIMIT {size + 1}", ", ".join(COLUMNS)
    if not said.get("q"):
        return Page(f"SELECT {columns} FROM requests{_where(tests)} {end}", size)
    ways = [
        f"(SELECT created, job, run FROM requests{_where([*tests, way])} {end})" for way in _ways_to_find(said["q"])
    ]
    places = f"SELECT * FROM ({' UNION '.join(ways)}) {end}"
    return Page(
        f"WITH page AS ({places}) SELECT {columns} FROM requests SEMI JOIN page USING (created, job) {end}", size
    )


def cursor(row: Mapping[str, Any]) -> str:
    """The place of a row of the log, for the page after it."""
    micros = (row["created"] - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(msgspec.json.encode((micros, row["job"], row["run"] or 0))).decode().rstrip("=")


def cursor_at(when: datetime) -> str:
    """The place before which there are the rows older than `when`."""
    return cursor({"created": when, "job": 0, "run": 0})


def one(job: int) -> tuple[str, ...]:
    """All there is of a job: its rows, its attempts, its callbacks with their tries, the files it made."""
    about = f"WHERE job = {job}"
    return (
        f"SELECT * EXCLUDE (month, seq) FROM requests {about} {_ORDER}",
        f"SELECT * EXCLUDE (month) FROM attempts {about} ORDER BY run, n",
        f"SELECT * EXCLUDE (month) FROM callbacks WHERE parent = {job} ORDER BY started, n",
        f"SELECT * EXCLUDE (month, seq) FROM files {about} ORDER BY time, id",
    )


def _tests(said: Mapping[str, str], people: Sequence[Person], now: datetime | None) -> list[str]:
    get = said.get
    for word in said:
        if word not in (*FILTERS, "limit", "after", "format"):
            raise wrong(
                word, f"The log has no parameter '{word[:40]}'; it has {', '.join(FILTERS)}, limit, after, format."
            )
    tests = _span(said, now).tests("created")
    keys = keys_of(get("key", ""), get("user", ""), people)
    if keys is not None:
        tests.append(f"key IN ({', '.join(map(quoted, keys))})" if keys else "false")
    tests += [f"{column} = {quoted(get(word, ''))}" for word, column in EQUAL.items() if column and get(word)]
    tests += callers.tests(said)
    if get("model"):
        tests.append(f"(model = {quoted(get('model', ''))} OR {DIMENSIONS['model']} = {quoted(get('model', ''))})")
    return tests


def _span(said: Mapping[str, str], now: datetime | None) -> Span:
    now = now or datetime.now(UTC).replace(tzinfo=None)
    return span_of(said.get("from", ""), said.get("to", ""), said.get("month", ""), now)


def _ways_to_find(q: str) -> list[str]:
    """The conditions of which a row must meet one. They are asked one by one and of a few columns, because DuckDB asks a
    lone column's condition of its dictionary, and an OR of several of each row."""
    if len(q) > LONGEST_Q:
        raise wrong("q", f"q is too long: at most {LONGEST_Q} characters.")
    ways = [f"contains(lower({column}), {quoted(q.lower())})" for column in SEARCHED] + [f"contains(ref, {quoted(q)})"]
    return [*ways, f"job = {int(q)}"] if q.isascii() and q.isdigit() and len(q) < 19 else ways


def _where(tests: list[str]) -> str:
    return f" WHERE {' AND '.join(tests)}" if tests else ""


def _place(said: str) -> tuple[datetime, int, int] | None:
    if not said:
        return None
    try:
        micros, job, run = _PLACE.decode(base64.b64decode(said + "=" * (-len(said) % 4), b"-_", validate=True))
        return datetime(1970, 1, 1) + timedelta(microseconds=micros), job, run
    except (ValueError, binascii.Error, msgspec.MsgspecError, OverflowError):
        raise Problem(Code.INVALID_REQUEST, "after is not the `next` of a page of this log.", param="after") from None


def _after(said: str) -> list[str]:
    place = _place(said)
    if place is None:
        return []
    at, job, run = place
    at_once = f"created = {literal(at)} AND (job < {job} OR (job = {job} AND coalesce(run, 0) < {run}))"
    # The first two are what leaves files and row groups out; the third, that rows of one instant come once.
    return [
        f"created <= {literal(at)}",
        f"month <= '{at:%Y-%m}'",
        f"(created < {literal(at)} OR ({at_once}))",
    ]
