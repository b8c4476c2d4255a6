"""The archiver's chores: old text and old months go, months are closed, acts whose note was lost are told, and what a command
asks for is done at once.

One process writes to the archive. So a command takes the folder itself while nobody has it, and else asks the archiver on
the bus (`chore`), which answers with a sign of life each second and then with the result. What a newcomer would get wrong:
the archiver may stand on another machine with another folder; it answers only for the archive whose epoch was named.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from bus import subjects
from bus.connection import Bus, Link, open_bus
from bus.wire import Message
from ops import untold
from schemas.log import AuditLog, encode_logs
from schemas.problem import Code, Problem
from storage import parts
from storage.archive import Archive
from storage.intake import FOLDER, Taken, take_in
from storage.keeping import Keeper, Month, Rules, settle

log = structlog.get_logger()

LOOK_SECONDS, HOUR = 10.0, 3600.0
"""Between two looks for a month that is to be closed; between two for what is too old."""
BEAT, SILENCE = 1.0, 15.0
"""Seconds between two signs of life of a chore, and how long none may come."""


class Chore(msgspec.Struct, frozen=True):
    """What to do. `epoch`: of the archive that is meant."""

    do: Literal["compact", "import"]
    epoch: str = ""
    month: str = ""


class Result(msgspec.Struct, frozen=True):
    """What came of it. `merged`: files; `closed`: months; `taken`: what became of each imported file."""

    merged: int = 0
    closed: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()


class Word(msgspec.Struct, frozen=True):
    """One message of the archiver about a chore: a sign of life, or its end."""

    result: Result | None = None
    error: str = ""


def perform(keeper: Keeper, chore: Chore, told: Callable[[str], None] | None = None) -> Result:
    """Do it here, in the process that has the folder. Raises `Problem`, `duckdb.Error`, OSError."""
    if chore.do == "import":
        taken = take_in(keeper.archive, keeper.root / FOLDER, lambda one: told(one.file) if told else None)
        return Result(closed=tuple(settle(keeper, time.time())), taken=tuple(taken))
    while keeper.archive.complete():
        pass
    merged = keeper.compact(chore.month)
    return Result(merged, tuple(settle(keeper, time.time())))


class Chores:
    """Beside one archiver, until `stop`."""

    def __init__(self, bus: Bus, archive: Archive, rules: Rules) -> None:
        self.bus, self.keeper = bus, Keeper(archive, rules)
        self._one = asyncio.Lock()
        self._next = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        ear = await self.bus.listen(subjects.ARCHIVE, self._asked)
        try:
            while not stop.is_set():
                try:
                    async with self._one:
                        await self.turn(time.time())
                except Exception as error:
                    log.warning("archive.chore_failed", error=str(error) or type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await stop.wait()
        finally:
            await ear.close()

    async def turn(self, now: float) -> None:
        """What is due. Raises what the disk, DuckDB and the bus do. What must go comes first: nothing may hold it up."""
        if now >= self._next:
            while await asyncio.to_thread(self.keeper.empty_bodies, now):
                pass
            for month in await asyncio.to_thread(self.keeper.outdated, now):
                await self._note(month)
                await asyncio.to_thread(self.keeper.drop, month.month)
            self._next = now + HOUR
            if told := await untold.tell(self.bus, self.keeper.archive, now):
                log.info("archive.acts_told", acts=told)
        await asyncio.to_thread(self._close, now)

    def _close(self, now: float) -> None:
        while self.keeper.close_month(now):
            pass

    async def _note(self, month: Month) -> None:
        """Written down before it goes: whoever dies in between says it again under the same id. Raises `Problem`."""
        told = {
            "files": month.files,
            "requests": month.rows,
            "bytes": month.bytes,
            "keep_months": self.keeper.rules.keep_months,
        }
        row = AuditLog(
            id=f"drop-{month.month}-{hashlib.sha256(' '.join(month.names).encode()).hexdigest()[:12]}",
            time=time.time(),
            tenant="default",
            actor="settings",
            action="removed",
            kind="archive",
            name=month.month,
            detail=msgspec.json.encode(told).decode(),
        )
        await self.bus.keep(subjects.log("default", "audit"), encode_logs([row]), msg_id=row.id)

    def _asked(self, message: Message) -> None:
        try:
            chore = msgspec.json.decode(message.data, type=Chore)
        except msgspec.MsgspecError:
            return
        if chore.epoch == self.keeper.archive.mark.epoch:
            self.bus.spawn(self._serve(chore, message.reply))

    async def _serve(self, chore: Chore, reply: str) -> None:
        alive = asyncio.create_task(self._live(reply))
        try:
            async with self._one:
                word = Word(await asyncio.to_thread(perform, self.keeper, chore))
        except Exception as error:
            log.warning("archive.chore_failed", chore=chore.do, error=str(error))
            word = Word(error=str(error) or type(error).__name__)
        finally:
            alive.cancel()
        self.bus.tell(reply, msgspec.json.encode(word))

    async def _live(self, reply: str) -> None:
        while True:
            self.bus.tell(reply, msgspec.json.encode(Word()))
            await asyncio.sleep(BEAT)


def do(root: Path, link: Link | None, chore: Chore, told: Callable[[str], None] | None = None) -> Result:
    """Do the chore here if nobody has the folder, else have the archiver do it. Raises `Problem`."""
    archive = Archive(root)
    try:
        archive.open()
    except Problem as problem:
        if problem.code is not Code.CONFLICT:
            raise
        return asyncio.run(_ask(root, link, chore, told))
    try:
        return perform(Keeper(archive), chore, told)
    finally:
        archive.close()


async def _ask(root: Path, link: Link | None, chore: Chore, told: Callable[[str], None] | None) -> Result:
    if link is None:
        raise Problem(Code.CONFLICT, f"another process writes to {root}, and no bus is known to ask it; set NATS_URL")
    words: asyncio.Queue[Word] = asyncio.Queue()
    chore = msgspec.structs.replace(chore, epoch=parts.read_mark(root).epoch)
    async with open_bus(link, "cli", timeout=3) as bus:
        inbox = bus.nc.new_inbox()
        await bus.listen(inbox, lambda message: _hear(words, message))
        bus.tell(subjects.ARCHIVE, msgspec.json.encode(chore), inbox)
        while True:
            try:
                word = await asyncio.wait_for(words.get(), SILENCE)
            except TimeoutError:
                text = f"the process that writes to {root} does not answer on the bus"
                raise Problem(Code.UNAVAILABLE, text) from None
            if word.error:
                raise Problem(Code.INTERNAL, f"the archiver could not do it: {word.error}")
            if word.result is not None:
                return word.result
            if told:
                told("the archiver is at it")


def _hear(words: "asyncio.Queue[Word]", message: Message) -> None:
    if message.status:
        return
    found: Any = msgspec.json.decode(message.data, type=Word)
    words.put_nowait(found)
