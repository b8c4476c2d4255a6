"""What was said of a report, read: strings of a query or a command line as `Wanted`, or an error that names the word.

What a newcomer would get wrong: a key may be said by id or by name and a user by any word of his keys, but the SQL has ids
alone, for names are in the configuration and change.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.problem import Code, Problem
from storage.reports import FILTERS, MOST, Report
from storage.sources import TIMES, Person, Wanted
from storage.spans import span_of

OLDEST = 3650


def wanted_of(
    report: Report, said: Mapping[str, str], people: Sequence[Person] = (), providers: Sequence[str] = (),
    now: datetime | None = None,
) -> Wanted:  # fmt: skip
    """Raises `Problem(INVALID_REQUEST)` that names the parameter. `people`: of all keys. `now`: UTC, without a zone."""
    for word in said:
        if word not in report.parameters:
            raise wrong(word, f"The report {report.name} has no parameter '{word[:40]}'; it has {_listed(report)}.")
    now = now or datetime.now(UTC).replace(tzinfo=None)
    get = said.get
    by = _by(report, get("by", "") or report.first)
    return Wanted(
        span=span_of(get("from", ""), get("to", ""), get("month", ""), now),
        by=by,
        keys=keys_of(get("key", ""), get("user", ""), people),
        model=get("model", ""),
        provider=get("provider", ""),
        op=get("op", ""),
        tag=get("tag", ""),
        metric=_metric(report, get("metric", "")),
        days=number(get("days", ""), "days", 30, OLDEST),
        limit=number(get("limit", ""), "limit", MOST if set(by) & set(TIMES) else report.rows, MOST),
        people=tuple(people),
        now=now,
        providers=tuple(providers),
    )


def keys_of(key: str, user: str, people: Sequence[Person]) -> tuple[str, ...] | None:
    """The ids of the keys that are meant; None: all. One that nobody knows is taken as an id: it may be long gone."""
    found: set[str] | None = None
    if key:
        found = {person.key for person in people if key in (person.key, person.name)} or {key}
    if user:
        theirs = {person.key for person in people if user == (person.user or person.name)} or {user}
        found = theirs if found is None else found & theirs
    return None if found is None else tuple(sorted(found))


def number(said: str, param: str, otherwise: int, most: int) -> int:
    if not said:
        return otherwise
    if not (said.isascii() and said.isdigit() and len(said) < 10 and 1 <= int(said) <= most):
        raise wrong(param, f"{param} must be a number from 1 to {most}, not '{said[:40]}'.")
    return int(said)


def described(report: Report) -> dict[str, Any]:
    """The report for a list of all: what may be said, and what is if nothing is."""
    told: list[dict[str, Any]] = []
    for name in report.parameters:
        words = report.by if name == "by" else report.metrics if name == "metric" else ()
        first = {"by": report.first, "metric": next(iter(report.metrics), ""), "limit": report.rows, "days": 30}.get(
            name
        )
        told.append({"name": name, "words": list(words), "default": first})
    return {"name": report.name, "about": report.about, "parameters": told}


def named(
    columns: list[str], rows: Sequence[Sequence[Any]], people: Sequence[Person]
) -> tuple[list[str], list[list[Any]]]:
    """The answer with the key's name and user beside its id."""
    if "key" not in columns:
        return columns, [list(row) for row in rows]
    at, known = columns.index("key") + 1, {person.key: person for person in people}
    wider = [
        [*row[:at], who.name if who else None, (who.user or None) if who else None, *row[at:]]
        for row in rows
        for who in (known.get(row[at - 1]),)
    ]
    return [*columns[:at], "key_name", "key_user", *columns[at:]], wider


def wrong(param: str, said: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, said, param=param)


def _by(report: Report, said: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in said.split(",")) if said else ()
    for word in words:
        if word not in report.by:
            raise wrong("by", f"The report {report.name} is not by '{word[:40]}'; it is by {', '.join(report.by)}.")
    if len(set(words)) != len(words) or len(words) > report.most:
        raise wrong("by", f"by takes up to {report.most} different words." if report.most > 1 else "by takes one word.")
    return words


def _metric(report: Report, said: str) -> str:
    if said and said not in report.metrics:
        raise wrong("metric", f"metric is one of {', '.join(report.metrics)}, not '{said[:40]}'.")
    return said or next(iter(report.metrics), "total")


def _listed(report: Report) -> str:
    return ", ".join(report.parameters)


__all__ = ["FILTERS", "described", "keys_of", "named", "number", "wanted_of", "wrong"]
