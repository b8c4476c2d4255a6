"""The HTTP server around the gateway's application: its socket, and how it ends.

What a newcomer would get wrong: signals are the role's business, not uvicorn's, for the bus must outlive the last answer.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Any

from schemas.problem import Code, Problem

DRAIN_SECONDS = 5.0
"""How long what is running may go on after SIGTERM; then it is handed back (jobs) or cut (sync calls)."""


async def serve(app: Any, listener: socket.socket, stop: asyncio.Event, late: Callable[[], None]) -> None:
    """uvicorn until `stop`; then no new connections, and `DRAIN_SECONDS` for the open ones. `late` is called at their end."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http="httptools",
        loop="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=2048,
        timeout_graceful_shutdown=int(DRAIN_SECONDS) + 1,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # signals are ours
    task = asyncio.create_task(server.serve(sockets=[listener]))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    server.should_exit = True
    await asyncio.wait([task], timeout=DRAIN_SECONDS)
    if not task.done():
        late()
    await task
    if not server.started:
        raise Problem(Code.INTERNAL, "the HTTP server did not start; the log has the reason")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises `Problem(CONFLICT)` that names the way out when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # asyncio switches Nagle off for sockets that say they are TCP, and a connection inherits what its listener says. Else the
    # body of each answer waits 40 ms for the client's ACK of its head.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise Problem(Code.CONFLICT, _why_not(host, port, error)) from error
    listener.setblocking(False)
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program; choose another with --port (0: any free one)"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023 with --port"
    return f"can't listen on {host} port {port}: {error.strerror or error}; --host and --port choose the address"
