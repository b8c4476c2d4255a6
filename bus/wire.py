"""NATS on the wire: messages, headers, and nats-py's client with a fast lane.

What a newcomer would get wrong: nats-py's read loop dies for good when anything in it raises, while `is_connected` stays
True. So a handler's exception never leaves `LeanClient`. The private parts of nats-py used here are pinned by
`tests/test_connection.py`.
"""

import asyncio
from collections.abc import Callable

import structlog
from nats.aio.client import Client

log = structlog.get_logger()

Headers = dict[str, str]


class Message:
    """What was received. `headers` holds `Status` and `Description` too, for the server's own notes."""

    __slots__ = ("data", "headers", "reply", "subject")

    def __init__(self, subject: str, reply: str, data: bytes, headers: Headers | None) -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self.headers = headers

    @property
    def status(self) -> str:
        return self.headers.get("Status", "") if self.headers else ""


Handler = Callable[[Message], None]


def parse_headers(raw: bytes) -> Headers:
    """`NATS/1.0 404 No Messages\\r\\nKey: value\\r\\n\\r\\n` as a dict; the status line becomes `Status`, `Description`."""
    lines = raw.decode("utf-8", "replace").split("\r\n")
    headers: Headers = {}
    status, _, description = lines[0][8:].strip().partition(" ")
    if status:
        headers["Status"] = status
        headers["Description"] = description
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return headers


def format_headers(headers: Headers) -> bytes:
    """The wire form. Values come from us alone, but a line break would forge a header, so it is refused."""
    parts = ["NATS/1.0"]
    for name, value in headers.items():
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"line break in header {name!r}")
        parts.append(f"{name}: {value}")
    return ("\r\n".join(parts) + "\r\n\r\n").encode()


class LeanClient(Client):
    """nats-py with a fast lane: a subscription in `lane` gets its message inside the read loop, without queue and task."""

    def __init__(self) -> None:
        super().__init__()
        self.lane: dict[int, Handler] = {}

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        handler = self.lane.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            handler(Message(subject.decode(), reply.decode(), data, parse_headers(headers) if headers else None))
        except Exception:
            log.exception("bus.handler_failed", subject=subject.decode("utf-8", "replace"))

    def send(self, *command: bytes) -> None:
        """Queue one protocol line, given in pieces, and wake the flusher. Never awaits, so it can't be cancelled half-way."""
        self._pending += command
        self._pending_data_size += sum(map(len, command))
        if self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return int(self._pending_data_size)
