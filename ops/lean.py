"""What a process leaves out to start faster and to work less: imported first by `ops/run.py`, before any other of ours.

nats-py loads aiohttp for WebSocket connections alone, structlog loads rich for coloured traces alone: 0.35 s and 12 MB a
process on a small machine. What a newcomer would get wrong: a module left out looks as if it was not installed, so a role
that really needs it must not leave it out.
"""

import asyncio
import gc
import os
import sys

GARBAGE = 20_000
"""New containers between two looks for cycles. With Python's 700 these looks took 11 to 16 % of a chat's processor time."""
SETTLED = 3.0
"""Seconds after which what the start has made counts as permanent: a look through all of it stops every call for 70 ms."""


def leave_out(*names: str) -> None:
    """From now on importing these fails, as libraries expect of what is not installed. What is loaded stays."""
    for name in names:
        if name == "aiohttp" and os.environ.get("NATS_URL", "").startswith("ws"):
            continue
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # Python's own sign for "not to be had"


def collect_rarely(loop: asyncio.AbstractEventLoop) -> None:
    """Look for cycles less often, and never among what the start has made."""
    gc.set_threshold(GARBAGE, 20, 20)
    loop.call_later(SETTLED, gc.freeze)


def collect_all() -> None:
    """Before the end: what is frozen then counts as leaked, and native libraries (DuckDB's) say so at length."""
    gc.unfreeze()


if sys.orig_argv[1:3] == ["-m", "ops.run"]:
    if not sys.stderr.isatty():
        leave_out("rich")
    if sys.orig_argv[3:4] != ["agent"]:
        leave_out("aiohttp")
