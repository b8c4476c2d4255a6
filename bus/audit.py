"""The audit trail: who changed what, as rows of the archive's table `audit`.

What a newcomer would get wrong: a change that is done is not undone because its note can't be written; so `note` never
raises, and the row is sent again for a while if the bus is away. Changes of CONFIG are noted in `bus/config.py` itself, so
that no door can forget it; whoever acts on something else (a queue, somebody's job) calls `note`.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from bus import subjects
from bus.acks import ApiError, Full
from bus.connection import Bus
from schemas.log import AuditLog, encode_logs
from schemas.problem import Problem

log = structlog.get_logger()

TRIES = 8


def note(
    bus: Bus, by: str, action: str, kind: str, name: str, detail: Mapping[str, Any] | None = None, **more: Any
) -> AuditLog:
    """Write it down in the background. `by`: a key's id or `cli`; `more`: tenant, client, revision, id."""
    row = AuditLog(
        id=more.pop("id", "") or secrets.token_hex(12),
        time=time.time(),
        tenant=more.pop("tenant", "default"),
        actor=by,
        action=action,
        kind=kind,
        name=name,
        detail=msgspec.json.encode(detail).decode() if detail else "",
        **more,
    )
    bus.spawn(_send(bus, row))
    return row


async def write(bus: Bus, row: AuditLog, seconds: float = 2.0) -> None:
    """Write a row down, and wait for it so long: a command hangs up right after its change."""
    await asyncio.wait({bus.spawn(_send(bus, row))}, timeout=seconds)


async def _send(bus: Bus, row: AuditLog) -> None:
    for tried in range(TRIES):
        try:
            await bus.keep(subjects.log(row.tenant, "audit"), encode_logs([row]), headers={"Nats-Msg-Id": row.id})
            return
        except (Problem, Full, ApiError) as error:
            log.info("audit.not_written", id=row.id, error=str(error))
            await asyncio.sleep(min(30.0, 0.25 * 2**tried))
    log.error("audit.lost", by=row.actor, action=row.action, kind=row.kind, name=row.name)
