"""The form of NATS's object store, pure: names, subjects, metadata, and where a piece of a blob lies in the stream.

What a newcomer would get wrong: an object's chunks are found by their stream sequences, not by counting. They are recorded
as runs (first sequence, how many) because two uploads at a time interleave; other clients ignore the record and read the
chunk subject from its beginning, so chunks must also stand in the stream in their own order.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.files import PRIVATE, PUBLIC

BUCKET = "BLOBS"
STREAM = f"OBJ_{BUCKET}"
CHUNK = 512 * 1024
"""Bytes of one message."""
PAGE = 2 * 1024 * 1024
"""Bytes that one read asks the server for. Each reader holds two: larger ones were no faster (2 to 8 MB: 300 to 170 MB/s)."""

CONFIG: dict[str, Any] = {
    "name": STREAM,
    "subjects": [f"$O.{BUCKET}.C.>", f"$O.{BUCKET}.M.>"],
    "retention": "limits",
    "storage": "file",
    "num_replicas": 1,
    "discard": "new",
    "max_age": 0,
    "duplicate_window": 120_000_000_000,
    "allow_direct": True,
    "allow_rollup_hdrs": True,
    "allow_msg_ttl": True,
}
"""The bucket as other clients of the object store would make it, and with TTLs, by which a dropped blob leaves no mark."""

DIGEST = "SHA-256="
TENANT = "default"
"""The tenant whose files' addresses do not name it."""
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
_ADDRESS = re.compile(
    r"/artifacts/(?:t/(?P<tenant>[A-Za-z0-9_-]{1,64})/(?P<area>public|private)/|(?P<hidden>private)/)?"
    r"(?P<rest>[0-9]{4}/[0-9]{2}/[0-9]{2}/[A-Za-z0-9_-]{1,64}/[0-9a-f]{64}\.[a-z0-9]{1,10})"
)
_encode = msgspec.json.Encoder().encode


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A stored blob. It never changes: other content is another digest and so another name."""

    name: str
    nuid: str
    """Names the chunks."""
    size: int
    digest: str
    """SHA-256, 64 hex digits."""
    chunk: int = CHUNK
    chunks: int = 0
    runs: tuple[tuple[int, int], ...] = ()
    """(first stream sequence, number of chunks). Empty: written by another client, to be read from the beginning."""
    content_type: str = "application/octet-stream"
    holders: tuple[str, ...] = ()
    """Who needs it. The last one that drops it removes it."""
    created: float = 0.0
    """Unix seconds."""

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'


class Page(NamedTuple):
    """One read: `chunks` chunks from chunk `first` on, which is at stream sequence `seq` or behind it."""

    first: int
    chunks: int
    seq: int


class _Options(msgspec.Struct, omit_defaults=True):
    max_chunk_size: int = 128 * 1024


class _Info(msgspec.Struct, omit_defaults=True):
    """ObjectInfo as all clients write it. Ours goes into `metadata`, which is a map of strings."""

    name: str
    bucket: str
    nuid: str = ""
    size: int = 0
    mtime: str = ""
    chunks: int = 0
    digest: str = ""
    deleted: bool = False
    headers: dict[str, list[str]] | None = None
    metadata: dict[str, str] | None = None
    options: _Options | None = None


_decode = msgspec.json.Decoder(_Info).decode
_decode_runs = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


class Place(NamedTuple):
    """What a blob's name says: whose it is, and who may read it."""

    tenant: str
    area: str
    key: str


def blob_name(owner: tuple[str, str], area: str, created: float, digest: str, extension: str = "") -> str:
    """`<tenant>/<area>/<yyyy>/<mm>/<dd>/<key>/<sha256>.<ext>`: the same content of one key on one day is one blob.

    `owner`: (tenant, key id). The area stands in the name, so the name alone says who may read it.
    """
    tenant, key = owner
    day = datetime.fromtimestamp(created, UTC).strftime("%Y/%m/%d")
    ending = extension.lower().lstrip(".")
    return f"{tenant}/{area}/{day}/{key}/{digest}.{ending if _EXTENSION.fullmatch(ending) else 'bin'}"


def place_of(name: str) -> Place | None:
    """Whose a blob is. Names without an area (`<tenant>/<key>/<yyyy>/…`, of earlier versions) are private."""
    parts = name.split("/")
    if len(parts) == 7 and parts[1] in (PUBLIC, PRIVATE):
        return Place(parts[0], parts[1], parts[5])
    return Place(parts[0], PRIVATE, parts[1]) if len(parts) == 6 else None


def address_of(name: str) -> str:
    """The URL path of a blob. Empty for one that has no address: a name of an earlier version, or not ours."""
    tenant, _, rest = name.partition("/")
    area, _, rest = rest.partition("/")
    if area not in (PUBLIC, PRIVATE):
        return ""
    if tenant != TENANT:
        return f"/artifacts/t/{tenant}/{area}/{rest}"
    return f"/artifacts/{rest}" if area == PUBLIC else f"/artifacts/{area}/{rest}"


def blob_at(path: str) -> str | None:
    """The blob's name that a URL path stands for. None for any other path: one blob has one address, to the letter."""
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return None
    tenant = found["tenant"] or TENANT
    area = found["area"] or (PRIVATE if found["hidden"] else PUBLIC)
    name = f"{tenant}/{area}/{found['rest']}"
    return name if address_of(name) == path else None


def chunk_subject(nuid: str) -> str:
    return f"$O.{BUCKET}.C.{nuid}"


def meta_subject(name: str) -> str:
    return f"$O.{BUCKET}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def encode_blob(blob: Blob) -> bytes:
    return _encode(
        {
            "name": blob.name,
            "bucket": BUCKET,
            "nuid": blob.nuid,
            "size": blob.size,
            "mtime": _rfc3339(blob.created),
            "chunks": blob.chunks,
            "digest": DIGEST + base64.urlsafe_b64encode(bytes.fromhex(blob.digest)).decode(),
            "headers": {"Content-Type": [blob.content_type]},
            "metadata": {"runs": _encode(blob.runs).decode(), "holders": " ".join(blob.holders)},
            "options": {"max_chunk_size": blob.chunk},
        }
    )


def encode_gone(blob: Blob) -> bytes:
    """The mark that other clients know as a deleted object."""
    gone = {"name": blob.name, "bucket": BUCKET, "nuid": blob.nuid, "size": 0, "chunks": 0, "deleted": True}
    return _encode({**gone, "mtime": _rfc3339(blob.created)})


def decode_blob(data: bytes) -> Blob | None:
    """The blob; None for a deleted one and for a link (which nobody here makes)."""
    info = _decode(data)
    if info.deleted or not info.nuid:
        return None
    metadata = info.metadata or {}
    types = (info.headers or {}).get("Content-Type") or ["application/octet-stream"]
    return Blob(
        name=info.name,
        nuid=info.nuid,
        size=info.size,
        digest=base64.urlsafe_b64decode(info.digest.removeprefix(DIGEST)).hex(),
        chunk=(info.options or _Options()).max_chunk_size,
        chunks=info.chunks,
        runs=_decode_runs(metadata.get("runs", "[]")),
        content_type=types[0],
        holders=tuple(metadata.get("holders", "").split()),
        created=_unix(info.mtime),
    )


def stamp_of(text: str) -> float:
    """Unix seconds of Go's RFC 3339 with nanoseconds."""
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()


def runs_of(seqs: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Chunk sequences in the blob's order, as runs of neighbours."""
    runs: list[tuple[int, int]] = []
    for seq in seqs:
        if runs and sum(runs[-1]) == seq:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((seq, 1))
    return tuple(runs)


def pages(blob: Blob, start: int, stop: int) -> Iterator[Page]:
    """The reads that give the bytes from `start` to before `stop`. Of a foreign blob only the first chunks can be found."""
    first, last = start // blob.chunk, (stop - 1) // blob.chunk
    if not blob.runs:
        first = 0
    in_order = all(sum(a) <= b[0] for a, b in zip(blob.runs, blob.runs[1:], strict=False))
    step = max(1, PAGE // blob.chunk) if in_order else 1
    for at in range(first, last + 1, step):
        yield Page(at, min(step, last + 1 - at), _seq(blob.runs, at))


def _seq(runs: Sequence[tuple[int, int]], chunk: int) -> int:
    for seq, count in runs:
        if chunk < count:
            return seq + chunk
        chunk -= count
    return 0


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")


def _unix(text: str) -> float:
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except ValueError:  # Go writes nanoseconds, and the year 1 where it means "look at the message"
        return 0.0
