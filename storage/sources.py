"""What a report is asked, and the FROM of its SELECT: cells of the rollups, or requests.

What a newcomer would get wrong: days are read where whole ones are meant, and hours at both ends; a word that the rollups
don't know (a tag) makes the same cells of the requests themselves, so that the numbers agree but the answer takes longer.
"""

from datetime import datetime

import msgspec

from storage.duck import quoted
from storage.hourly import cells_of
from storage.spans import Span

DIMENSIONS = {
    "key": "key", "user": '"user"', "tenant": "tenant", "model": "coalesce(nullif(served, ''), model)",
    "provider": "provider", "queue": "queue", "op": "op", "style": "style", "outcome": "outcome",
    "hour": "hour", "day": "hour::DATE", "month": "strftime(hour, '%Y-%m')",
}  # fmt: skip
"""Words for `by` -> SQL over `hourly`. A model is the one that answered."""
TIMES = ("hour", "day", "month")


class Person(msgspec.Struct, frozen=True):
    """Whose a key is, for reports by user."""

    key: str
    name: str = ""
    user: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a report, read and found right (`report_words.py`). Empty: not asked for."""

    span: Span = Span()
    by: tuple[str, ...] = ()
    keys: tuple[str, ...] | None = None
    """Ids; None: all. An empty tuple: nobody's."""
    model: str = ""
    provider: str = ""
    op: str = ""
    tag: str = ""
    metric: str = "total"
    days: int = 30
    limit: int = 100
    people: tuple[Person, ...] = ()
    now: datetime = datetime(2026, 1, 1)
    providers: tuple[str, ...] = ()
    """All there are."""
    raw: bool = False
    """Over the requests themselves, though the rollup could answer."""


def cells(wanted: Wanted) -> str:
    """The FROM of a report: cells of the rollup that fit, or the same made of the requests where it takes those."""
    if wanted.tag or wanted.raw:
        fitting = [*wanted.span.hours().tests("created"), *([f"tag = {quoted(wanted.tag)}"] if wanted.tag else [])]
        made = cells_of("SELECT * FROM requests" + where(fitting))
        source = f"(SELECT *, hour AS last_hour FROM ({made}))"
    else:
        source = f"({_rollup(wanted)})"
    source += " AS cells"
    if "user" in wanted.by:
        source += f" LEFT JOIN (VALUES {_users(wanted)}) AS people(id, name) ON people.id = cells.key"
    return source + where(tests_of(wanted))


def _rollup(wanted: Wanted) -> str:
    """Days where whole ones are meant, and hours before and after them."""
    span = wanted.span.hours()
    days = span.days()
    if "hour" in wanted.by or days.empty:
        return "SELECT *, hour AS last_hour FROM hourly" + where(span.tests("hour"))
    found = ["SELECT *, day AS hour FROM daily" + where(days.tests("day"))]
    found += [
        "SELECT *, hour AS last_hour FROM hourly" + where(edge.tests("hour"))
        for edge in (Span(span.since, days.since), Span(days.until, span.until))
        if edge.since != edge.until
    ]
    return " UNION ALL BY NAME ".join(found)


def rows(wanted: Wanted, *more: str) -> str:
    """The FROM of a report over requests themselves."""
    tag = [f"tag = {quoted(wanted.tag)}"] if wanted.tag else []
    return "requests" + where([*more, *tests_of(wanted), *tag, *wanted.span.tests("created")])


def tests_of(wanted: Wanted) -> list[str]:
    """SQL over cells and requests alike: what was asked for, but the time."""
    found = [f"op = {quoted(wanted.op)}" if wanted.op else "op <> 'callback'"]
    if wanted.keys is not None:
        found.append(f"key IN ({', '.join(map(quoted, wanted.keys))})" if wanted.keys else "false")
    if wanted.model:
        found.append(f"{DIMENSIONS['model']} = {quoted(wanted.model)}")
    if wanted.provider:
        found.append(f"provider = {quoted(wanted.provider)}")
    return found


def where(tests: list[str]) -> str:
    return f" WHERE {' AND '.join(tests)}" if tests else ""


def _users(wanted: Wanted) -> str:
    named = [person for person in wanted.people if person.user or person.name] or [Person("", "", "")]
    return ", ".join(f"({quoted(person.key)}, {quoted(person.user or person.name)})" for person in named)
