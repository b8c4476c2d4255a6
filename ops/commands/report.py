"""`ai-server report`: the prepared reports on the command line, over the archive of this machine, with no server needed.

What a newcomer would get wrong: an option that is not given must not be sent, for each report says itself what it takes and
what it means to leave a word out.
"""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ops.commands.common import HERE, Where, link_of, settings_of

if TYPE_CHECKING:
    from bus.connection import Link
    from ops.settings import Settings
    from storage.sources import Person
    from storage.views import Hot


@Parameter(name="*")
@dataclass(frozen=True)
class Words:
    """What a report is asked."""

    by: Annotated[str, Parameter(help="Group by: model, key, user, provider, op, day, hour, month ... or a,b.")] = ""
    since: Annotated[str, Parameter(name="--from", help="7d, 24h, 2026-11-01, or a time.")] = ""
    until: Annotated[str, Parameter(name="--to", help="The same; a day or month is meant as a whole.")] = ""
    month: Annotated[str, Parameter(help="2026-11.")] = ""
    key: Annotated[str, Parameter(help="An API key, by id or name.")] = ""
    user: Annotated[str, Parameter(help="Whose keys.")] = ""
    model: Annotated[str, Parameter(help="The model that answered.")] = ""
    provider: Annotated[str, Parameter(help="A provider.")] = ""
    op: Annotated[str, Parameter(help="chat, embeddings ...")] = ""
    tag: Annotated[str, Parameter(help="The callers' label.")] = ""
    metric: Annotated[str, Parameter(help="total, first or wait (latency, slowest).")] = ""
    days: Annotated[str, Parameter(help="Without a request for so long (idle).")] = ""
    limit: Annotated[str, Parameter(help="Rows.")] = ""

    def said(self) -> dict[str, str]:
        """The parameters by the names that the API has for them."""
        return {{"since": "from", "until": "to"}.get(name, name): value for name, value in vars(self).items() if value}


NOTHING = Words()


def report(
    name: Annotated[str, Parameter(help="Which one; without a name they are listed.", show_default=False)] = "",
    *,
    words: Words = NOTHING,
    format: Annotated[Literal["table", "csv", "json"], Parameter(help="How to print.")] = "table",  # noqa: A002
    show_sql: Annotated[bool, Parameter(help="Print the SQL instead of asking it.", negative=())] = False,
    where: Where = HERE,
) -> int:
    """Prepared reports over the archive: usage and cost, latency, errors, speed, cache, users, clients, who is idle."""
    from storage.report_words import wanted_of
    from storage.reports import report_of

    if not name:
        return _list()
    found = report_of(name)
    wanted_of(found, words.said())  # a wrong word is told before anybody is asked
    settings = settings_of(where)
    people, providers, hot = _world(settings, link_of(settings), wants_rows=not show_sql)
    wanted = wanted_of(found, words.said(), people, providers)
    if show_sql:
        sys.stdout.write(found.sql(wanted) + "\n")
        return 0
    from gateway.reports import notes
    from ops import report as printed
    from storage.report_words import named
    from storage.sql import Result, Sql

    sql = found.sql(wanted)
    answer = Sql(settings.data / "archive", hot).query(sql, wanted.limit)
    columns, rows = named(answer.columns, answer.rows, people)
    types = [dict(zip(answer.columns, answer.types, strict=True)).get(column, "VARCHAR") for column in columns]
    warnings = [*answer.warnings, *notes(found, wanted, sql, len(rows))]
    found_rows = Result(columns, types, [tuple(row) for row in rows], False, warnings)
    printed.tell(found_rows, printed.Wish(sql, format))
    return 0


def _list() -> int:
    from ops.printing import show, table
    from storage.reports import FILTERS, REPORTS

    told = table("report", "about", "by", "more")
    for one in REPORTS.values():
        more = [f"--metric {'|'.join(one.metrics)}" if word == "metric" else f"--{word}" for word in one.more]
        told.add_row(one.name, one.about, " ".join(one.by), " ".join(more))
    show(told)
    sys.stdout.write("\nAll take " + " ".join(f"--{word}" for word in FILTERS) + ".\n")
    return 0


def _world(
    settings: "Settings", link: "Link | None", wants_rows: bool
) -> "tuple[tuple[Person, ...], tuple[str, ...], Hot | None]":
    """Whose the keys are, the providers, and the rows that the archiver has not written yet. Nothing without a server."""
    if link is None:
        sys.stderr.write(f"note: no AI Server runs on {settings.data}; these are the rows that it had written\n")
        return (), (), None
    import asyncio

    from ops import logs

    logs.setup("error")
    return asyncio.run(_read_world(settings, link, wants_rows))


async def _read_world(
    settings: "Settings", link: "Link", wants_rows: bool
) -> "tuple[tuple[Person, ...], tuple[str, ...], Hot | None]":
    from bus.config import Config
    from bus.connection import open_bus
    from gateway.reports import people_of
    from ops.log_reader import read_hot
    from storage.rights import ALL

    async with open_bus(link, "cli", timeout=3) as bus:
        config = Config(bus)
        await config.load()
        hot = await read_hot(bus, settings.data / "archive") if wants_rows else None
        return people_of(config.keys.values(), ALL), tuple(sorted(config.providers)), hot
