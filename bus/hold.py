"""Queues that an operator holds: nothing new starts there until it is resumed; what runs ends as usual.

A hold lives in CONFIG under `queues.<name>`, so every process knows of it within milliseconds, and a restart does not end it.
What a newcomer would get wrong: `callbacks` is a queue too; while it is held, web callbacks wait.
"""

from enum import StrEnum

import msgspec


class Mode(StrEnum):
    """What becomes of jobs that wait there."""

    PAUSE = "pause"
    """They wait on."""
    DRAIN = "drain"
    """They move to other queues that serve them; those that nobody else serves wait on."""


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who holds a queue, and why."""

    queue: str
    mode: Mode = Mode.PAUSE
    at: float = 0.0
    """Unix seconds."""
    by: str = ""
    """A key's id, or `cli`."""
    note: str = ""

    @property
    def reason(self) -> str:
        """For a trail and for the caller of a live call."""
        return "paused by an operator" + (f": {self.note}" if self.note else "")


NOTE_LENGTH = 300
decode_hold = msgspec.json.Decoder(Hold).decode
