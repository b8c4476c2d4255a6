"""The audit trail, a page at a time, the newest first.

A page goes on from the last row of the one before (`time`, `id`), so none is shown twice while new ones come. What a newcomer
would get wrong: `q` looks into `detail` too, which is JSON as text: what stands there is a field's name or its new value.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.problem import Code, Problem
from storage.duck import quoted
from storage.report_words import keys_of, number, wrong
from storage.request_log import Page
from storage.sources import Person
from storage.spans import literal, span_of

PAGE, LONGEST_PAGE = 100, 500
FILTERS = ("by", "action", "kind", "name", "from", "to", "month", "q")
COLUMNS = ("id", "time", "tenant", "actor", "action", "kind", "name", "detail", "client", "revision")
_SEARCHED = ("name", "actor", "action", "kind", "detail")
_LONGEST_Q = 200
_PLACE = msgspec.json.Decoder(tuple[int, str]).decode


def page(said: Mapping[str, str], people: Sequence[Person] = (), now: datetime | None = None) -> Page:
    """Raises `Problem(INVALID_REQUEST)` that names the parameter. `people`: whose keys may be said by name."""
    size = number(said.get("limit", ""), "limit", PAGE, LONGEST_PAGE)
    tests = _tests(said, people, now or datetime.now(UTC).replace(tzinfo=None))
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    return Page(f"SELECT {', '.join(COLUMNS)} FROM audit{where} ORDER BY time DESC, id DESC LIMIT {size + 1}", size)


def cursor(row: Mapping[str, Any]) -> str:
    """The place of a row, for the page after it."""
    micros = (row["time"] - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(msgspec.json.encode((micros, row["id"]))).decode().rstrip("=")


def _tests(said: Mapping[str, str], people: Sequence[Person], now: datetime) -> list[str]:
    for word in said:
        if word not in (*FILTERS, "limit", "after"):
            raise wrong(
                word, f"The audit trail has no parameter '{word[:40]}'; it has {', '.join(FILTERS)}, limit, after."
            )
    get = said.get
    tests = span_of(get("from", ""), get("to", ""), get("month", ""), now).tests("time")
    actors = keys_of(get("by", ""), "", people)
    if actors is not None:
        tests.append(f"actor IN ({', '.join(map(quoted, actors))})")
    tests += [f"{word} = {quoted(get(word, ''))}" for word in ("action", "kind") if get(word)]
    if get("name"):
        tests.append(f"name IN ({', '.join(map(quoted, keys_of(get('name', ''), '', people) or ()))})")
    if get("q"):
        tests.append(_found(get("q", ""), people))
    return [*tests, *([_after(get("after", ""))] if get("after") else [])]


def _found(q: str, people: Sequence[Person]) -> str:
    """A key is in the trail by its id; whoever searches for its name means it."""
    if len(q) > _LONGEST_Q:
        raise wrong("q", f"q is too long: at most {_LONGEST_Q} characters.")
    ways = [f"contains(lower({column}), {quoted(q.lower())})" for column in _SEARCHED]
    ids = ", ".join(quoted(one.key) for one in people if q.lower() in one.name.lower())
    return f"({' OR '.join([*ways, *([f'actor IN ({ids})', f'name IN ({ids})'] if ids else [])])})"


def _after(said: str) -> str:
    try:
        micros, row = _PLACE(base64.b64decode(said + "=" * (-len(said) % 4), b"-_", validate=True))
        at = datetime(1970, 1, 1) + timedelta(microseconds=micros)
    except (ValueError, binascii.Error, msgspec.MsgspecError, OverflowError):
        raise Problem(Code.INVALID_REQUEST, "after is not the `next` of a page of this trail.", param="after") from None
    earlier = f"time < {literal(at)} OR (time = {literal(at)} AND id < {quoted(row)})"
    return f"month <= '{at:%Y-%m}' AND ({earlier})"
