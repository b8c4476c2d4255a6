"""A table of rows that remembers what has changed since it was last asked: what a feed of changes is made of.

What a newcomer would get wrong: a row that is new is told whole, and it is the row itself, so what changes before it is told
is in it already.
"""

from typing import Any

Row = dict[str, Any]
Name = int | str
_ABSENT = object()


class Table:
    """Rows by the field `key`. A row with a `tenant` is that tenant's; one without is everybody's."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.rows: dict[Name, Row] = {}
        self._changed: dict[Name, Row] = {}
        self._gone: dict[Name, str | None] = {}

    def put(self, row: Row) -> None:
        """A row as it is now, whole."""
        name = row[self.key]
        if name in self.rows:
            self.patch(name, row)
        else:
            self.rows[name] = self._changed[name] = row

    def patch(self, name: Name, fields: Row) -> None:
        """Some fields of a row; of one that is not there nothing is known."""
        row = self.rows.get(name)
        if row is None:
            return
        news = {field: value for field, value in fields.items() if row.get(field, _ABSENT) != value}
        if news:
            row.update(news)
            self._changed.setdefault(name, {self.key: name}).update(news)

    def drop(self, name: Name) -> None:
        row = self.rows.pop(name, None)
        if row is not None:
            self._changed.pop(name, None)
            self._gone[name] = row.get("tenant")

    def fill(self, rows: list[Row]) -> None:
        """These are all there are."""
        names = {row[self.key] for row in rows}
        for name in [name for name in self.rows if name not in names]:
            self.drop(name)
        for row in rows:
            self.put(row)

    def clear(self) -> None:
        self.fill([])

    def shown(self, tenant: str) -> list[Row]:
        """The rows that an administrator of `tenant` may see; empty: all."""
        return [row for row in self.rows.values() if _seen(row.get("tenant"), tenant)]

    def news(self, tenant: str) -> tuple[list[Row], list[Name]]:
        """Rows and fields that are new since `told`, and the names of rows that are no more."""
        if not tenant:
            return list(self._changed.values()), list(self._gone)
        rows = [row for name, row in self._changed.items() if _seen(self.rows[name].get("tenant"), tenant)]
        return rows, [name for name, whose in self._gone.items() if _seen(whose, tenant)]

    def told(self) -> None:
        """Everybody has heard the news."""
        if self._changed:
            self._changed = {}
        if self._gone:
            self._gone = {}


def _seen(whose: str | None, tenant: str) -> bool:
    return not tenant or whose is None or whose == tenant
