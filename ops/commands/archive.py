"""`ai-server archive …`: what is archived, whether it is whole, and how it is copied, taken in and tidied.

What a newcomer would get wrong: none of it needs a running server, and a running one is no hindrance: whatever writes is
done by the process that has the folder.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ops.commands.common import HERE, Where, fail, link_of, settings_of

archive = App(name="archive", help="The archive's files: what is there, is it whole, copies of it.")

Months = Annotated[list[str] | None, Parameter(help="Month like 2026-10 [default: all]. Repeatable.", negative=())]
Json = Annotated[bool, Parameter(help="Print JSON.", negative=())]


@archive.default
@archive.command(name="list")
def show(*, json: Json = False, where: Where = HERE) -> int:
    """List months and tables: rows, bytes, open or closed, files that can't be read."""
    from ops import errand_archive

    return errand_archive.show_all(settings_of(where), json)


@archive.command
def verify(
    *,
    month: Months = None,
    json: Json = False,
    accept: Annotated[
        bool, Parameter(help="Write the manifests anew from what is there now: after a repair by hand.", negative=())
    ] = False,
    where: Where = HERE,
) -> int:
    """Read every file to its end and compare it with the month's manifest.

    Names what is damaged, altered, missing, surplus; exit code 1 if anything is. The other files can still be used.
    """
    from ops import errand_archive

    return errand_archive.verify(settings_of(where), _months(month), json, accept)


@archive.command
def compact(
    *,
    month: Annotated[str, Parameter(help="Month like 2026-10 [default: all].", show_default=False)] = "",
    where: Where = HERE,
) -> int:
    """Make one sorted file of each table of a month, now."""
    from ops import errand_archive

    settings = settings_of(where)
    return errand_archive.compact(settings, link_of(settings), (_months([month]) if month else [""])[0])


@archive.command
def export(
    dest: Path,
    *,
    month: Months = None,
    table: Annotated[list[str] | None, Parameter(help="Table [default: all]. Repeatable.", negative=())] = None,
    where: Where = HERE,
) -> int:
    """Copy the archive to the folder DEST, as it is at one moment: Parquet and manifests.

    Broken off, it goes on there when it is run again; run later, it brings what is new. Each copy is read back.
    """
    from ops import errand_archive
    from storage.tables import TABLES

    unknown = [name for name in table or () if name not in TABLES]
    if unknown:
        raise SystemExit(fail(f"there is no table `{unknown[0]}`; there are: {', '.join(TABLES)}", 2))
    return errand_archive.export(settings_of(where), dest, _months(month), table or [])


@archive.command(name="import")
def take_in(src: Path, *, where: Where = HERE) -> int:
    """Take in the archive, or the copy, in the folder SRC.

    Each file is checked against SRC's manifest, or read whole. What is here already is left out, row by row, so importing
    twice changes nothing. Exit code 1 if a file was refused.
    """
    from ops import errand_archive

    settings = settings_of(where)
    return errand_archive.take_in(settings, link_of(settings), src)


def _months(given: list[str] | None) -> list[str]:
    import re

    for month in given or ():
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            raise SystemExit(fail(f"--month takes a month like 2026-10, not {month!r}", 2))
    return given or []
