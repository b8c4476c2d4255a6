"""The files of the embedded NATS below `<data>/nats`: secrets, configuration, ports, locks, and whether it answers.

What a newcomer would get wrong: `nats.pid` and `link.json` outlive a server that was killed. Only a held lock says that
a server lives, and only an answer says that it is ours.
"""

import fcntl
import http.client
import json
import os
import secrets as random
import socket
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bus.callout import CalloutLink, new_seed
from bus.connection import Link
from ops.nats_conf import USERS

PROBE_SECONDS = 1.0
LAST_LINES = 8


class Secrets(msgspec.Struct, frozen=True):
    """Made once for a data directory. `seed` signs what the auth callout grants."""

    passwords: dict[str, str]
    seed: str


class Lock:
    """A lock on a file. Whoever has the open file holds it: also a child that inherited `fd`, after our own death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def take(self) -> bool:
        """True when the lock is ours (now or already). The file then holds our process id, for people to read."""
        if self.fd >= 0:
            return True
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self.fd = fd
        return True

    def holder(self) -> str:
        """The process that took the lock last."""
        with suppress(OSError):
            return self.path.read_text() or "unknown"
        return "unknown"

    def drop(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Home:
    """`<data>/nats`. Its files are readable by their owner alone."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self.path = self.data / "nats"
        self.run = self.path / "run"
        self.conf = self.path / "nats.conf"
        self.errors = self.path / "stderr.log"
        self._link = self.run / "link.json"

    def make(self) -> None:
        for folder in (self.data, self.path, self.run):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def prepare(self, conf: str) -> None:
        """Ready for a start: the new configuration, and no traces of a server that was killed."""
        for stale in (*self.run.glob("*.ports"), self.run / "nats.pid"):
            stale.unlink(missing_ok=True)
        self.errors.touch(mode=0o600)
        write_private(self.conf, conf.encode())

    def secrets(self) -> Secrets:
        """The stored ones; made at the first call."""
        path = self.path / "secrets.json"
        with suppress(FileNotFoundError):
            return msgspec.json.decode(path.read_bytes(), type=Secrets)
        made = Secrets({user: random.token_urlsafe(32) for user in USERS}, new_seed())
        write_private(path, msgspec.json.encode(made))
        return made

    def set_password(self, user: str, password: str) -> None:
        """From the server's next start on. For roles that can't read this directory and are given the secret instead."""
        stored = self.secrets()
        if stored.passwords[user] != password:
            changed = Secrets({**stored.passwords, user: password}, stored.seed)
            write_private(self.path / "secrets.json", msgspec.json.encode(changed))

    def used(self) -> int:
        """Bytes in the store now."""
        total = 0
        for file in (self.path / "js").rglob("*"):
            with suppress(OSError):  # a running server removes files while we count
                total += file.stat().st_size
        return total

    def pid(self) -> int:
        """Of the last server started here; 0 before it has written it."""
        with suppress(OSError, ValueError):
            return int((self.run / "nats.pid").read_text())
        return 0

    def link(self, user: str, pid: int) -> Link | None:
        """The server `pid` as `user`, once it has written its ports."""
        urls = self._ports(pid).get("nats") or []
        near = [url for url in urls if url.startswith("nats://127.")] or urls  # of 0.0.0.0 it lists every address
        return Link(near[0], user, self.secrets().passwords[user]) if near else None

    def monitor(self, pid: int) -> str:
        """URL of the server's monitoring page; empty before it is known."""
        return next(iter(self._ports(pid).get("monitoring") or []), "")

    def callout(self, link: Link) -> CalloutLink:
        stored = self.secrets()
        return CalloutLink(Link(link.url, "callout", stored.passwords["callout"]), stored.seed)

    def _ports(self, pid: int) -> dict[str, list[str]]:
        with suppress(OSError, ValueError):  # not there yet, or half written
            ports: dict[str, list[str]] = json.loads((self.run / f"nats-server_{pid}.ports").read_bytes())
            return ports
        return {}

    def read_link(self) -> Link | None:
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._link.read_bytes(), type=Link)
        return None

    def last_port(self) -> int:
        """The port of the last server, if it was killed and the port is free; else -1, any port."""
        link = self.read_link()
        port = (urlsplit(link.url).port if link else None) or -1
        return port if port > 0 and _is_free(port) else -1

    def write_link(self, link: Link) -> None:
        write_private(self._link, msgspec.json.encode(link))

    def forget(self) -> None:
        for file in (self._link, self.run / "nats.pid"):
            file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of the server's logs, for whoever must find out why it stopped."""
        lines: list[str] = []
        for path in (self.errors, self.path / "nats.log"):
            with suppress(OSError):
                lines += path.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(lines[-LAST_LINES:]) or "it left no message"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` at once, durably, readable by its owner alone."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def answers(link: Link, seconds: float = PROBE_SECONDS) -> bool:
    """Whether a NATS server at `link` lets us in. By hand, for nats-py's `connect` may neither return nor raise."""
    where = urlsplit(link.url)
    hello = {"user": link.user, "pass": link.password, "verbose": False, "pedantic": False, "lang": "python"}
    try:
        with socket.create_connection((where.hostname, where.port or 4222), seconds) as line:
            line.settimeout(seconds)
            line.sendall(b"CONNECT " + msgspec.json.encode(hello) + b"\r\nPING\r\n")
            heard = b""
            while b"PONG\r\n" not in heard and b"-ERR" not in heard:
                piece = line.recv(65536)
                if not piece:
                    return False
                heard += piece
            return b"-ERR" not in heard
    except OSError:
        return False


def ready(link: Link, monitor: str) -> bool:
    """Whether a starting server lets us in, with JetStream recovered."""
    return _healthy(monitor) and answers(link)


def _healthy(monitor: str, seconds: float = PROBE_SECONDS) -> bool:
    """JetStream is up, by the server's own word (it answers 503 while it recovers)."""
    where = urlsplit(monitor)
    try:
        page = http.client.HTTPConnection(where.hostname or "", where.port, timeout=seconds)
        with closing(page):
            page.request("GET", "/healthz?js-enabled-only=true")
            return page.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
