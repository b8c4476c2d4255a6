"""Whose rows a question may see, as the definition of the views it sees.

What a newcomer would get wrong: a filter in a view is no wall by itself. DuckDB moves the asker's own conditions down beside
it, and may try them in any order: `WHERE error(tag) IS NULL`, or a failing CAST, would then say what it found in somebody
else's row. Below a LIMIT no condition can be moved, so the filter has one on top (`FENCE`), which cuts nothing off. What is
answered from a file's statistics looks through it all the same, so such functions are not on the list (`storage.functions`),
and EXPLAIN is refused.
"""

import msgspec

from storage import duck
from storage.table import Table

FENCE = f"LIMIT {2**63 - 1}"


class Whose(msgspec.Struct, frozen=True):
    """Rows of this tenant, and of this API key (its id). Both empty: all."""

    tenant: str = ""
    key: str = ""


ALL = Whose()


def view(table: Table, body: str, whose: Whose, fenced: bool = True) -> str:
    """The SELECT `body`, which gives all of `table`, without what is not to be seen. `fenced`: a stranger asks; the fence
    keeps every condition of ours above it too, which a page of the log can't afford."""
    if whose == ALL:
        return body
    return f"SELECT {table.names}, month FROM ({body}) WHERE {_own(table, whose)}{f' {FENCE}' if fenced else ''}"


def _own(table: Table, whose: Whose) -> str:
    """The condition. A table that does not say whose its rows are shows none."""
    names = {column.name for column in table.columns}
    tests = [f"tenant = {duck.quoted(whose.tenant)}" if "tenant" in names and whose.tenant else "false"]
    if whose.key:
        column = next((name for name in ("key", "actor") if name in names), "")
        tests.append(f"{column} = {duck.quoted(whose.key)}" if column else "false")
    return " AND ".join(tests)
