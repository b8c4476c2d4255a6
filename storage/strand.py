"""The chunks of a blob that is written in several sittings: each one is put behind the last by compare-and-set.

Nothing is remembered beside the stream itself: the last chunk says its number, so whoever goes on, in whatever process,
knows where. What a newcomer would get wrong: of two that write at once one is refused at its next chunk, so a strand needs
no lock to stay whole; a lock only spares the second one the surprise.
"""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any

from storage.objects import CHUNK, PAGE, STREAM, Blob, chunk_subject, runs_of
from storage.upload import Wire, purge


class Strand:
    """All chunks are `CHUNK` bytes; a shorter one is the end."""

    def __init__(self, wire: Wire, nuid: str) -> None:
        self.wire, self.nuid = wire, nuid
        self.count = 0
        """Chunks that are stored."""
        self.size = 0
        """Bytes in them."""
        self._seq = 0
        self._seqs: list[int] = []
        self._sha: Any = hashlib.sha256()
        """Of the chunks whose sequences are in `_seqs`."""

    async def look(self) -> None:
        """Where it ends now. What was hashed counts only while it is the same end."""
        seq, count, size = await self._end()
        if seq != self._seq or len(self._seqs) != count:
            self._seqs, self._sha = [], hashlib.sha256()
        self._seq, self.count, self.size = seq, count, size

    async def add(self, chunk: bytes) -> None:
        """Put a chunk behind the last. Raises the wire's refusal when somebody else has put one there."""
        known = len(self._seqs) == self.count
        # A name of its own for each try: a chunk that was cut off must not be taken for a message that came twice.
        msg_id = f"{self.nuid}.{self.count}.{secrets.token_hex(4)}"
        kept = await self.wire.keep(chunk_subject(self.nuid), chunk, msg_id=msg_id, expect=self._seq, timeout=30.0)
        self._seq, self.count, self.size = kept.seq, self.count + 1, self.size + len(chunk)
        if known:
            self._seqs.append(kept.seq)
            self._sha.update(chunk)

    async def cut(self, count: int) -> None:
        """Take back what is behind the first `count` chunks."""
        while self.count > count:
            await self.wire.api(f"STREAM.MSG.DELETE.{STREAM}", {"seq": self._seq, "no_erase": True})
            await self.look()

    async def blob(self) -> Blob:
        """What a blob's metadata says of it, but for its name. Reads it all when another process wrote the beginning."""
        if len(self._seqs) != self.count:
            await self._learn()
        return Blob(
            name="",
            nuid=self.nuid,
            size=self.size,
            digest=self._sha.hexdigest(),
            chunks=self.count,
            runs=runs_of(self._seqs),
            created=round(time.time(), 3),
        )

    async def head(self, size: int) -> bytes:
        """The first bytes."""
        found = await self.wire.read(STREAM, {"seq": 1, "batch": 1, "next_by_subj": chunk_subject(self.nuid)})
        return found[0].data[:size] if found else b""

    async def remove(self) -> None:
        """All of it."""
        await purge(self.wire, self.nuid)

    async def _end(self) -> tuple[int, int, int]:
        """(sequence, chunks, bytes) up to the last chunk."""
        found = await self.wire.last(STREAM, chunk_subject(self.nuid))
        if found is None or not found[1]:
            return 0 if found is None else found[0], 0, 0
        number = int(found[2]["Nats-Msg-Id"].split(".")[1])
        return found[0], number + 1, number * CHUNK + len(found[1])

    async def _learn(self) -> None:
        """Sequences and hash, from the chunks themselves."""
        self._seqs, self._sha = [], hashlib.sha256()
        async for seq, data in self._all():
            self._seqs.append(seq)
            self._sha.update(data)

    async def _all(self) -> AsyncGenerator[tuple[int, bytes], None]:
        after, step = 0, PAGE // CHUNK
        while len(self._seqs) < self.count:
            query = {"seq": after + 1, "batch": step, "next_by_subj": chunk_subject(self.nuid)}
            found = await self.wire.read(STREAM, query, timeout=30.0)
            for piece in found:
                after = int((piece.headers or {})["Nats-Sequence"])
                yield after, piece.data
            if not found:
                raise RuntimeError(f"{self.count - len(self._seqs)} chunks of an upload are gone")
