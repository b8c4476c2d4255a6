"""What a process leaves out to start faster: imported first by `ops/run.py`, before any other module of ours.

nats-py loads aiohttp for WebSocket connections alone, structlog loads rich for coloured traces alone: 0.35 s and 12 MB a
process on a small machine. What a newcomer would get wrong: a module left out looks as if it was not installed, so a role
that really needs it must not leave it out.
"""

import os
import sys


def leave_out(*names: str) -> None:
    """From now on importing these fails, as libraries expect of what is not installed. What is loaded stays."""
    for name in names:
        if name == "aiohttp" and os.environ.get("NATS_URL", "").startswith("ws"):
            continue
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # Python's own sign for "not to be had"


if sys.orig_argv[1:3] == ["-m", "ops.run"]:
    if not sys.stderr.isatty():
        leave_out("rich")
    if sys.orig_argv[3:4] != ["agent"]:
        leave_out("aiohttp")
