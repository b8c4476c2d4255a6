"""How the caller wants to be answered: in the same response, by a job to ask for, or by a web callback.

Pure. Four headers, one query parameter and two fields of the body say it; a request with none of them is sync. What a
newcomer would get wrong: `Prefer: respond-async, wait=10` is one wish (RFC 7240): wait ten seconds, then be asynchronous.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from schemas.job import Style
from schemas.problem import Code, Problem

LONGEST_REF = 200


class Asking(Protocol):
    """What every operation's request struct says to us."""

    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool | None: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def ref_id(self) -> str | None: ...
    @property
    def tag(self) -> str | None: ...


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`durable`: the job is stored before it is done. `wait`: seconds to wait for its end (None: not at all)."""

    style: Style = Style.SYNC
    durable: bool = False
    wait: float | None = None
    ref: str = ""
    reply_to: str = ""
    preferred: bytes = b""
    """What of `Prefer` was followed, for `Preference-Applied`."""


SYNC = Wish()
_FILES = ("image/", "audio/", "video/", "application/octet-stream")
_SPEAKING = frozenset({b"prefer", b"reply-to", b"replyto", b"idempotency-key", b"ref-id", b"refid"})


def wish_of(headers: Iterable[tuple[bytes, bytes]], heads: Mapping[bytes, bytes], query: bytes, asked: Asking) -> Wish:
    """The wish of one HTTP request. Raises `Problem(INVALID_REQUEST)` for a `wait` that is no number."""
    if _SPEAKING.isdisjoint(heads) and not query and asked.reply_to is None and asked.ref_id is None:
        return SYNC
    idempotency = heads.get(b"idempotency-key", b"")
    ref = _ref(idempotency or heads.get(b"ref-id") or heads.get(b"refid") or b"", asked.ref_id)
    reply_to = _text(heads.get(b"reply-to") or heads.get(b"replyto") or b"") or asked.reply_to or ""
    later, wait = preference(headers)
    if reply_to:
        return Wish(style=Style.CALLBACK, durable=True, ref=ref, reply_to=reply_to, wait=wait, preferred=_said(wait))
    if wait is not None:
        return Wish(style=Style.QUEUED, durable=True, ref=ref, wait=wait, preferred=_said(wait))
    if later or _queued(query):
        return Wish(style=Style.QUEUED, durable=True, ref=ref, preferred=b"respond-async" if later else b"")
    # A sync call that names itself must not be paid for twice, so it is stored. A stream can't be handed out again.
    return Wish(ref=ref, durable=bool(idempotency) and not asked.stream)


def in_background(wish: Wish) -> Wish:
    """The wish of a request whose body asks to be done in the background (`/v1/responses`)."""
    if wish.style is Style.SYNC:
        return msgspec.structs.replace(wish, style=Style.QUEUED, durable=True)
    return wish


def preference(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bool, float | None]:
    """(respond-async, wait in seconds) of the `Prefer` headers. Unknown preferences are ignored, as RFC 7240 wants."""
    later, wait = False, None
    for name, value in headers:
        if name != b"prefer":
            continue
        for part in _text(value).split(","):
            word, _, number = part.partition(";")[0].strip().partition("=")
            if word.lower() == "respond-async":
                later = True
            elif word.lower() == "wait":
                wait = seconds(number.strip().strip('"'), "Prefer")
    return later, wait


def seconds(text: str, param: str) -> float:
    """A waiting time. Raises `Problem(INVALID_REQUEST)` unless it is a finite number from 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Problem(Code.INVALID_REQUEST, f"wait must be a number of seconds, not '{text[:40]}'.", param=param)
    return value


def wants_raw(heads: Mapping[bytes, bytes], query: bytes) -> bool:
    """Whether the caller of a media operation wants the one file of its result: `Accept: image/*`, or `?raw=1`."""
    if b"raw=" in query and parse_qs(query.decode("latin-1")).get("raw", ["0"])[-1].lower() in ("1", "true", "yes"):
        return True
    first = _text(heads.get(b"accept", b"")).partition(",")[0].strip().lower()
    return first.startswith(_FILES)


def _ref(header: bytes, field: str | None) -> str:
    ref = _text(header) or field or ""
    if len(ref) > LONGEST_REF:
        raise Problem(
            Code.INVALID_REQUEST, f"An Idempotency-Key or refId has at most {LONGEST_REF} characters.", param="refId"
        )
    return ref


def _queued(query: bytes) -> bool:
    said = parse_qs(query.decode("latin-1")).get("queue", ["0"])[-1]
    return said.lower() in ("1", "true", "yes")


def _said(wait: float | None) -> bytes:
    return b"" if wait is None else b"wait=%d" % wait


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()
