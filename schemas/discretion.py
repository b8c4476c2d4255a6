"""What of a request may be written down: its text only where somebody said so, and no column that shall stay empty.

One key may want more or less than the setting says, and its wish is looked up when the row is made: a change holds from the
next row on. What a newcomer would get wrong: the text must not even reach LOG, which keeps its messages for 60 days, so it
is left out where rows are made and not only where they are archived.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from schemas.log import AuditLog, FileLog, RequestLog

REDACTABLE = ("client", "message", "ref", "request", "response", "tag", "user_agent")
"""Columns that can be left empty. All others carry meaning: without them rows can't be counted, found or told apart."""
WISHES = ("", "on", "off")
"""What a key says of its bodies; empty: as the setting."""

_NULL = frozenset(("message", "request", "response"))
Row = TypeVar("Row", bound=RequestLog | FileLog | AuditLog)


def no_wish(key: str) -> str:
    return ""


class Discretion(msgspec.Struct):
    """`bodies`: the setting; `redact`: columns left empty; `wish`: what the key of this id says of its bodies. One object for
    all who need it in a process, changed in place when an operator changes the settings."""

    bodies: bool = False
    redact: tuple[str, ...] = ()
    wish: Callable[[str], str] = no_wish

    def bodies_of(self, key: str) -> bool:
        """Whether the text of this key's requests is kept."""
        wish = self.wish(key)
        return wish == "on" if wish else self.bodies

    def veiled(self, row: Row) -> Row:
        """The row without what shall not be written. The same object where that is nothing."""
        if not self.redact:
            return row
        fields = [name for name in self.redact if getattr(row, name, None)]
        changes: dict[str, object] = {name: None if name in _NULL else "" for name in fields}
        if isinstance(row, RequestLog):
            if "message" in self.redact and row.trail:
                changes["trail"] = _silent(row.trail)
            if row.op == "callback":
                changes.pop("ref", None)  # our own, and the webhook's id is made of it
        return msgspec.structs.replace(row, **changes) if changes else row


DISCREET = Discretion()
"""No text, and every other column."""


def redact_faults(columns: Iterable[str]) -> Iterator[str]:
    """What is wrong with the setting, in sentences."""
    for column in columns:
        if column not in REDACTABLE:
            yield f"redact: `{column}` can't be left empty; these can: {', '.join(REDACTABLE)}"


def _silent(trail: str) -> str:
    """The attempts without what was told of their failures."""
    try:
        told = msgspec.json.decode(trail, type=list[dict[str, object]])
    except msgspec.MsgspecError:
        return ""
    return msgspec.json.encode([{**one, "message": None} if one.get("message") else one for one in told]).decode()
