"""Logs: one line an event. JSON where a machine reads, colours where a person does; always on stderr.

What a newcomer would get wrong: tracebacks never show local variables, for those hold prompts and keys; and what a
library says through `logging` comes out here as well, as the event `library.said`.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
QUIET = ("nats", "asyncio", "uvicorn", "uvicorn.error", "aiohttp")


class _Lines:
    """A file for structlog that hands on whole lines."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def write(self, text: str) -> int:
        if line := text.rstrip("\n"):
            self._take(line)
        return len(text)

    def flush(self) -> None:
        pass


def setup(level: str = "info", role: str = "", take: Callable[[str], None] | None = None) -> None:
    """Call once, at a process's start. `role` stands in each line, so that the house's lines can be told apart.

    `take` gets the lines as JSON instead of stderr: while a screen is shown, nobody may write past it.
    """
    person = sys.stderr.isatty() and take is None
    file: Any = _Lines(take) if take else sys.stderr
    render: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if person
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    processors += [] if person else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*processors, render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=take is None,
    )
    if role:
        structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(handlers=[_Passer()], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR if name == "nats" else logging.WARNING)


class _Passer(logging.Handler):
    """Passes a library's record on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno if record.levelno in (10, 20, 30, 40, 50) else 30,
            "library.said",
            library=record.name,
            message=record.getMessage()[:2000],
            exc_info=record.exc_info or None,
        )


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
