"""The archive commands: what they print.

What a newcomer would get wrong: the result goes to stdout and may be piped; how far a command is goes to stderr, and only
if it takes more than a second.
"""

import sys
import time
from pathlib import Path

import msgspec

from bus.connection import Link
from ops.printing import say, show, table
from ops.settings import Settings
from schemas.problem import Code, Problem

SOON, EVERY = 1.0, 0.2
"""Seconds until progress is shown, and between two of its lines on a screen."""
PLAIN_EVERY = 10.0
"""The same where stderr is a file."""


class Progress:
    """How far it is, on stderr."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._shown = False

    def __call__(self, done: int, total: int, what: str) -> None:
        self.say(f"{done / max(total, 1):4.0%}  {size(done)} of {size(total)}  {what}")

    def say(self, text: str) -> None:
        now, screen = time.monotonic(), sys.stderr.isatty()
        if now - self._began < SOON or now - self._last < (EVERY if screen else PLAIN_EVERY):
            return
        self._last, self._shown = now, screen
        sys.stderr.write(f"\r\x1b[K{text[:100]}" if screen else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")


def show_all(settings: Settings, as_json: bool) -> int:
    from storage.overview import overview

    found = overview(_root(settings))
    if as_json:
        say(_json({"data": found}))
        return 0
    rows = table("month", "table", "files", "rows", "bytes", "state", "damaged")
    for one in found:
        state = "closed" if one.closed else "open"
        rows.add_row(one.month, one.table, str(one.files), f"{one.rows:,}", size(one.bytes), state, _few(one.damaged))
    show(rows)
    return 0


def verify(settings: Settings, months: list[str], as_json: bool, accept: bool) -> int:
    from storage import verify as checking

    root, progress = _root(settings), Progress()
    if accept:
        say(f"manifests written anew: {', '.join(checking.accept(root, months)) or 'none'}")
    found = checking.verify(root, months, progress)
    progress.end()
    if empty := [one.month for one in found if not one.files and not one.closed]:
        raise Problem(Code.NOT_FOUND, f"there is nothing of {', '.join(empty)} in the archive")
    wrong = [finding for one in found for finding in one.findings]
    if as_json:
        say(_json({"ok": not wrong, "months": found}))
        return 1 if wrong else 0
    rows = table("month", "files", "rows", "bytes", "state", "")
    for one in found:
        state = "closed" if one.closed else "open"
        told = f"{len(one.findings)} wrong" if one.findings else "ok"
        rows.add_row(one.month, str(one.files), f"{one.rows:,}", size(one.bytes), state, told)
    show(rows)
    for finding in wrong:
        say(f"{finding.kind}: {root / finding.file}: {finding.why}")
    return 1 if wrong else 0


def compact(settings: Settings, link: Link | None, month: str) -> int:
    from ops.keeping import Chore, do

    progress = Progress()
    done = do(_root(settings), link, Chore("compact", month=month), progress.say)
    progress.end()
    say(f"{done.merged} files merged" + (f"; closed: {', '.join(done.closed)}" if done.closed else ""))
    return 0


def export(settings: Settings, target: Path, months: list[str], tables: list[str]) -> int:
    from storage.export import Wish, export

    progress = Progress()
    try:
        done = export(_root(settings), target, Wish(months, tables), progress)
    finally:
        progress.end()
    say(
        f"{done.files} files, {done.rows:,} rows, {size(done.bytes)} of {', '.join(done.months) or 'no month'} "
        f"are in {target}; {done.copied} of the files are new"
    )
    for file, why in done.damaged:
        sys.stderr.write(f"left out, damaged: {file}: {why}\n")
    return 1 if done.damaged else 0


def take_in(settings: Settings, link: Link | None, source: Path) -> int:
    from ops.keeping import Chore, do
    from storage.intake import room, stage

    root, progress = settings.data / "archive", Progress()
    if not source.is_dir():
        raise Problem(Code.NOT_FOUND, f"there is no folder {source}")
    with room(root) as folder:
        found = stage(source, root, folder, progress)
        found += do(root, link, Chore("import"), progress.say).taken
    progress.end()
    for one in sorted(found, key=lambda one: one.file):
        kept = f"{one.rows:,} rows came in" if one.result in ("taken", "partly") else "nothing came in"
        here = f", {one.left:,} were here" if one.left else ""
        say(f"{one.result:8}{one.file}: {kept}{here}{f': {one.why}' if one.why else ''}")
    say(f"{sum(one.rows for one in found):,} rows came in, {sum(one.left for one in found):,} were here already")
    return 1 if any(one.result == "refused" for one in found) else 0


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _root(settings: Settings) -> Path:
    root = settings.data / "archive"
    if not root.is_dir():
        raise Problem(Code.NOT_FOUND, f"there is no archive at {root}; name its data directory with --data")
    return root


def _few(names: tuple[str, ...]) -> str:
    return "" if not names else names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
