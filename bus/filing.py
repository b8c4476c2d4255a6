"""The records of files and batches, one per owner's key; and which jobs a batch's lines have become.

Buckets FILES and BATCHES, each change a compare-and-set. What a newcomer would get wrong: a batch keeps no list of its jobs.
A line's job carries the ref `batch.<id>.<line>`, and refs name jobs in JOBS already: so a line that was sent before a crash
is found after it, and is never sent twice.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from bus import subjects
from bus.acks import Conflict
from bus.connection import Bus
from bus.wire import Message
from schemas.files import BatchRecord, FileRecord, decode_batch, decode_file, encode_batch, encode_file
from schemas.job import Record, decode_record
from schemas.partial import PartialRecord, decode_partial, encode_partial
from schemas.saved import Saved, decode_saved, encode_saved

PAGE = 500
TOGETHER = 32
"""Job records read at a time: each may hold some megabytes of result."""
MARK = {"Nats-Rollup": "sub", "KV-Operation": "PURGE", "Nats-TTL": "60s"}


class Owned(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def tenant(self) -> str: ...
    @property
    def key(self) -> str: ...


R = TypeVar("R", bound=Owned)


class Drawer(Generic[R]):
    """One bucket of records. What belongs to another key is not found, as if it had never been."""

    def __init__(self, bus: Bus, bucket: str, encode: Callable[[R], bytes], decode: Callable[[bytes], R]) -> None:
        self.bus, self.stream, self._encode, self._decode = bus, f"KV_{bucket}", encode, decode
        self._prefix = f"$KV.{bucket}."

    async def get(self, tenant: str, key: str, number: int) -> tuple[int, R] | None:
        """(revision, record), from the leader."""
        revision, record = await self.at(tenant, key, number)
        return (revision, record) if record is not None else None

    async def at(self, tenant: str, key: str, number: int) -> tuple[int, R | None]:
        """The same for whoever means to write: what was removed a moment ago has left a mark, which has a revision too."""
        found = await self.bus.last(self.stream, self._subject("rec", tenant, key, number))
        return (found[0], self._decode(found[1]) if found[1] else None) if found else (0, None)

    async def put(self, record: R, revision: int = 0, life: int = 0) -> int:
        """The new revision. `life`: seconds until it lapses (0: never). Raises `Conflict` when the record is not at
        `revision` (0: it must be new)."""
        subject = self._subject("rec", record.tenant, record.key, record.id)
        headers = {"Nats-TTL": f"{life}s"} if life else None
        return (await self.bus.keep(subject, self._encode(record), expect=revision, headers=headers)).seq

    async def remove(self, record: R, revision: int) -> None:
        """Raises `Conflict`."""
        subject = self._subject("rec", record.tenant, record.key, record.id)
        await self.bus.keep(subject, b"", expect=revision, headers=MARK)

    async def of(self, tenant: str, key: str) -> list[R]:
        """All records of one key, oldest first."""
        return [record for _, record in await self._read(f"{self._prefix}rec.{tenant}.{key}.*")]

    async def since(self, tenant: str, key: str, after: int) -> AsyncIterator[tuple[int, int, R | None]]:
        """(revision, id, record) of what has changed behind revision `after`; None: removed, in the last minute."""
        for message in await self._pages(f"{self._prefix}rec.{tenant}.{key}.*", after):
            heads = message.headers or {}
            number = int(heads["Nats-Subject"].rpartition(".")[2])
            yield int(heads["Nats-Sequence"]), number, self._decode(message.data) if message.data else None

    async def numbered(self, number: int) -> tuple[int, R] | None:
        """The record of this number, whosever it is."""
        found = await self.bus.read(self.stream, {"multi_last": [f"{self._prefix}rec.*.*.{number}"], "batch": 1})
        if not found or not found[0].data:
            return None
        return int((found[0].headers or {})["Nats-Sequence"]), self._decode(found[0].data)

    async def all(self) -> list[tuple[int, R]]:
        """Everybody's, with revisions."""
        return await self._read(f"{self._prefix}rec.>")

    async def flag(self, record: R) -> None:
        """Enter the record in the list of what is unfinished."""
        await self.bus.keep(self._subject("open", record.tenant, record.key, record.id), b"open")

    async def unflag(self, owner: tuple[str, str, int]) -> None:
        await self.bus.keep(self._subject("open", *owner), b"", headers=MARK)

    async def flagged(self) -> list[tuple[str, str, int]]:
        """(tenant, key, id) of what is unfinished."""
        found = []
        for message in await self._pages(f"{self._prefix}open.>"):
            if message.data:
                tenant, key, number = (message.headers or {})["Nats-Subject"].split(".")[3:]
                found.append((tenant, key, int(number)))
        return found

    def _subject(self, kind: str, tenant: str, key: str, number: int) -> str:
        return f"{self._prefix}{kind}.{tenant}.{key}.{number}"

    async def _read(self, pattern: str) -> list[tuple[int, R]]:
        found = [
            (int((message.headers or {})["Nats-Sequence"]), self._decode(message.data))
            for message in await self._pages(pattern)
            if message.data
        ]
        return sorted(found, key=lambda pair: pair[1].id)

    async def _pages(self, pattern: str, after: int = 0) -> list[Message]:
        found: list[Message] = []
        while True:
            query = {"seq": after + 1, "batch": PAGE, "next_by_subj": pattern}
            page = await self.bus.read(self.stream, query)
            found += page
            if len(page) < PAGE:
                return found
            after = int((page[-1].headers or {})["Nats-Sequence"])


def files_of(bus: Bus) -> Drawer[FileRecord]:
    return Drawer(bus, "FILES", encode_file, decode_file)


def partials_of(bus: Bus) -> Drawer[PartialRecord]:
    return Drawer(bus, "PARTIALS", encode_partial, decode_partial)


def saved_of(bus: Bus) -> Drawer[Saved]:
    return Drawer(bus, "SAVED", encode_saved, decode_saved)


def batches_of(bus: Bus) -> Drawer[BatchRecord]:
    return Drawer(bus, "BATCHES", encode_batch, decode_batch)


class Lease:
    """The right to work at something, held by one process at a time: a message in LEASES that lapses."""

    def __init__(self, bus: Bus, name: str, seconds: int) -> None:
        self.bus, self.seconds = bus, seconds
        self._subject = subjects.lease_key(name)
        self._revision = 0

    async def hold(self) -> bool:
        """Take it or renew it. False: another has it."""
        if (self._revision and await self._take(self._revision)) or await self._take(0):
            return True
        found = await self.bus.last("KV_LEASES", self._subject)
        given_back = found is not None and "KV-Operation" in found[2]  # that mark stays for a second
        return given_back and found is not None and await self._take(found[0])

    async def _take(self, revision: int) -> bool:
        try:
            headers = {"Nats-TTL": f"{self.seconds}s"}
            self._revision = (await self.bus.keep(self._subject, b"", expect=revision, headers=headers)).seq
        except Conflict:
            self._revision = 0
            return False
        return True

    async def drop(self) -> None:
        if self._revision:
            await self.bus.keep(self._subject, b"", headers={**MARK, "Nats-TTL": "1s"}, expect=self._revision)
            self._revision = 0


_Named = tuple[int, str]
"""The value of an idempotency key: the job's id, and a digest of what was asked (`bus.jobs`)."""
_decode_named = msgspec.msgpack.Decoder(_Named).decode


async def jobs_of(bus: Bus, tenant: str, key: str, refs: Sequence[str]) -> dict[str, int]:
    """The job that each ref names, for those that name one. At most `PAGE` refs at a time."""
    where = {subjects.idem_key(tenant, key, hashlib.sha256(ref.encode()).hexdigest()[:40]): ref for ref in refs}
    found = await _last_of(bus, list(where))
    return {where[subject]: _decode_named(data)[0] for subject, data in found.items()}


async def records_of(bus: Bus, tenant: str, jobs: Iterable[int]) -> dict[int, Record]:
    """The records of many jobs, for those that still have one. Mind the memory: each may hold a result."""
    found = await _last_of(bus, [subjects.job_key(tenant, job) for job in jobs])
    return {int(subject.rpartition(".")[2]): decode_record(data) for subject, data in found.items()}


async def _last_of(bus: Bus, wanted: list[str]) -> dict[str, bytes]:
    """The newest message of each subject. An answer may end early (64 MB): what is missing is asked for once more."""
    found: dict[str, bytes] = {}
    while wanted:
        page = await bus.read("KV_JOBS", {"multi_last": wanted, "batch": len(wanted)}, timeout=30.0)
        for message in page:
            if message.data:
                found[(message.headers or {})["Nats-Subject"]] = message.data
        heads = page[-1].headers or {} if page else {}
        if not page or heads.get("Nats-Num-Pending", "0") == "0":
            return found
        seen = {(message.headers or {})["Nats-Subject"] for message in page}
        wanted = [subject for subject in wanted if subject not in seen]
    return found
