"""An archive with the rows of several people, and its readers in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from archive_kit import NOVEMBER, OCTOBER, row

from schemas.log import AuditLog, FileLog
from storage import frames, reader
from storage.archive import Archive
from storage.frames import Question, Waiting
from storage.rights import ALL, Whose
from storage.warm import Warm

MINE, THEIRS, OTHER = "a" * 16, "b" * 16, "c" * 16
"""Keys: two of the tenant `default`, one of `acme`."""
SECRET = "zz-secret-"
"""Begins each text in a row that is not MINE."""
TRAIL = (
    '[{{"number":1,"queue":"{0}q","provider":"{0}p","agent":"{0}a","started":1794999600.5,"seconds":0.2,'
    '"code":"rate_limited","message":"{0}m","status":429,"model":"{0}"}}]'
)


def rows(first: int = 1, count: int = 60) -> list[tuple[int, Any]]:
    """Of three keys in turn, in two months, of all styles; with a file and an act each."""
    found: list[tuple[int, Any]] = []
    for n in range(first, first + count):
        key = (MINE, THEIRS, OTHER)[n % 3]
        word = "" if key == MINE else f"{SECRET}{n}"
        tenant = "acme" if key == OTHER else "default"
        found.append(
            (
                n,
                row(
                    n, (OCTOBER, NOVEMBER)[n % 2], key=key, tenant=tenant, tag=word or str(n), ref=f"{word}r", model=f"{word}m",
                    style=("sync", "queued", "callback")[n % 4 % 3], trail=TRAIL.format(word), message=f"{word}!",
                    op="callback" if n % 5 == 0 else "chat", outcome="failed", status=500,
                    tokens_in=n if key == MINE else n + 10**6,
                    user_agent=word, client=word, provider=f"{word}p", queue=f"{word}q",
                ),
            )
        )  # fmt: skip
        file = FileLog(
            id=f"f{n}", time=NOVEMBER, tenant=tenant, key=key, event="stored", file=n, purpose="input", name=f"{word}.txt",
            content_type="text/plain", size=n,
        )  # fmt: skip
        act = AuditLog(
            id=f"a{n}",
            time=NOVEMBER,
            tenant=tenant,
            actor=key,
            action="changed",
            kind="key",
            name=f"{word}k",
            detail=word,
        )
        found += [(n, file), (n, act)]
    return found


def write(folder: Path, given: list[tuple[int, Any]]) -> None:
    writer = Archive(folder)
    writer.open()
    try:
        if not writer.mark.epoch:
            writer.renew(0)
        writer.append(given, given[-1][0], f"t{given[-1][0]}")
    finally:
        writer.close()


class Asker:
    """Asks one warm engine, as the reader's process does."""

    def __init__(self, warm: Warm) -> None:
        self.warm = warm

    def json(self, sql: str, whose: Whose = ALL, **more: Any) -> Any:
        """The answer as HTTP gets it. Raises `Problem`."""
        answer = reader.answer(
            self.warm, Question(id="q", sqls=[sql], kind="json", whose=whose, **({"seconds": 20.0} | more))
        )
        assert isinstance(answer, frames.Text)
        return msgspec.json.decode(answer.body)

    def rows(self, sql: str, whose: Whose = ALL, waiting: Waiting | None = None, **more: Any) -> list[list[Any]]:
        return self.json(sql, whose, hot=waiting or Waiting(), **more)["rows"]  # type: ignore[no-any-return]


@contextmanager
def asker(folder: Path, own: Path, memory: str = "512MB") -> Iterator[Asker]:
    warm = Warm(folder, own, memory)
    try:
        yield Asker(warm)
    finally:
        warm.close()
