"""The rows of the live view, as docs/reference/live.md has them. Pure: what is known goes in, plain dictionaries come out.

What a newcomer would get wrong: a row that differs is told to every viewer, so nothing here may change with the time alone:
no ages, no countdowns, and figures are rounded to what a person can use.
"""

from typing import Any

import msgspec

from bus.config import Config
from bus.hold import Mode
from bus.router import QueueView, expected_wait
from schemas.job import Job
from schemas.provider import ApiKey, Heartbeat, Provider
from schemas.watch import Failure, Moved, Running, Vitals

Row = dict[str, Any]
Held = tuple[str, str, float]
"""What an operator has done to a queue: `paused` or `draining`, why, and until when (0: open)."""
NOTHING = {f"{name}_{span}": 0 for name in ("requests", "failed", "tokens") for span in ("minute", "hour")}
"""What a key did that asked for nothing."""


def queue_row(view: QueueView, beats: list[Heartbeat], held: Held | None, depth: tuple[int, int], now: float) -> Row:
    """A queue. `beats`: of its agents that are heard; `depth`: live calls and queued jobs that wait."""
    state, why, until = _queue_state(view, beats, held, now)
    live, queued = depth
    wait: float | None = None
    if state in ("ready", "cooling") and view.slots > 0:
        waited = msgspec.structs.replace(view, waiting=max(view.waiting, live + queued))
        wait = round(expected_wait(waited), 2)
    return {
        "name": view.name,
        "state": state,
        "why": why,
        "until": until or None,
        "providers": list(view.providers),
        "slots": view.slots,
        "in_flight": view.in_flight,
        "waiting_live": live,
        "waiting_queued": queued,
        "waiting": live + queued,
        "wait_seconds": wait,
        "seconds": round(view.seconds, 2),
    }


def _queue_state(view: QueueView, beats: list[Heartbeat], held: Held | None, now: float) -> tuple[str, str, float]:
    if held is not None:
        return held
    state, why, until = _state(beats, now)
    return ("ready", "", 0.0) if state == "probing" else (state, why, until)


def provider_row(name: str, provider: Provider | None, beats: list[Heartbeat], now: float) -> Row:
    """A provider. `provider`: as it is set, None where only its agents know of it; `beats`: of its agents that are heard."""
    first = beats[0] if beats else None
    state, why, until = ("off", "Switched off.", 0.0) if provider and not provider.enabled else _state(beats, now)
    ready = [beat for beat in beats if not beat.draining]
    since = min((beat.offline_since for beat in ready if beat.offline_since), default=0.0)
    return {
        "name": name,
        "kind": provider.kind if provider else first.kind if first else "",
        "queue": provider.queue if provider else first.queue if first else name,
        "state": state,
        "why": why,
        "until": until or None,
        "since": since if state == "offline" and since else None,
        "slots": sum(beat.slots for beat in beats),
        "in_flight": sum(beat.in_flight for beat in beats),
        "latency_seconds": _mean([beat.latency for beat in ready]),
        "first_seconds": _mean([beat.first for beat in ready]),
        "done": sum(beat.done for beat in beats),
        "failed": sum(beat.failed for beat in beats),
        "retried": sum(beat.retried for beat in beats),
        "paced_seconds": round(min((beat.paced for beat in ready), default=0.0), 1),
        "priority": provider.priority if provider else first.priority if first else 0,
        "cost": provider.cost if provider else first.cost if first else 0.0,
        "agents": [_agent(beat, now) for beat in sorted(beats, key=lambda one: one.agent)],
    }


def _agent(beat: Heartbeat, now: float) -> Row:
    return {
        "agent": beat.agent, "host": beat.host, "pid": beat.pid, "state": _state([beat], now)[0], "slots": beat.slots,
        "in_flight": beat.in_flight, "started": beat.started,
    }  # fmt: skip


def _state(beats: list[Heartbeat], now: float) -> tuple[str, str, float]:
    """One word for all agents of it, as good as the best of them; why; and until when it cools."""
    if not beats:
        return "away", "No agent speaks for it.", 0.0
    staying = [beat for beat in beats if not beat.draining]
    if not staying:
        return "draining", "Its agents stop.", 0.0
    online = [beat for beat in staying if not beat.offline]
    if not online:
        return "offline", staying[0].offline, 0.0
    fit = [beat for beat in online if beat.cooling_until <= now]
    if not fit:
        first = min(online, key=lambda beat: beat.cooling_until)
        return "cooling", first.reason, first.cooling_until
    if all(beat.probing for beat in fit):
        return "probing", fit[0].reason or "After a failure one job is let through to see.", 0.0
    return "ready", "", 0.0


def process_row(process: str, vitals: Vitals, lost: float) -> Row:
    """A process. `lost`: when it was last heard, where it is lost; else 0."""
    return {
        "process": process,
        "role": vitals.role,
        "state": "lost" if lost else "ok",
        "heard": round(lost, 1) if lost else None,
        "host": vitals.host,
        "pid": vitals.pid,
        "version": vitals.version,
        "started": vitals.started,
        "rss": vitals.rss // 1_000_000 * 1_000_000,
        "lag_ms": vitals.lag_ms if vitals.lag_ms >= 5 else 0.0,
        "in_flight": vitals.in_flight,
        "streams": vitals.streams,
        "providers": vitals.providers,
    }


def running_row(run: Running, process: str, key: ApiKey | None) -> Row:
    """An attempt in hand (or a call that waits) as it was first told of."""
    return {
        "job": run.job,
        "state": "waiting" if run.waiting else "running",
        "op": run.op,
        "model": run.model,
        "queue": run.queue,
        "provider": run.provider,
        "agent": run.agent,
        "process": "" if run.waiting else process,
        **_whose(run.key, run.tenant, key),
        "style": run.style,
        "stream": run.stream,
        "durable": run.durable,
        "attempt": run.attempt,
        "created": run.created,
        "started": run.started or None,
        "deadline": run.deadline,
        **moved_fields(Moved(run.job)),
        "trail": [{name: getattr(one, name) for name in one.__struct_fields__} for one in run.trail],
        "tag": run.tag,
        "ref": run.ref,
        "client": run.client,
    }


def moved_fields(moved: Moved) -> Row:
    """How far it is."""
    share = moved.share
    return {
        "first": moved.first or None,
        "stage": moved.stage,
        "percent": round(100 * min(1.0, max(0.0, share)), 1) if share is not None else None,
        "eta_seconds": round(moved.eta, 1) if moved.eta is not None else None,
        "tokens": moved.tokens,
        "preview": moved.previews > 0,
        "previews": moved.previews,
    }


def queued_row(job: Job, queue: str, key: ApiKey | None) -> Row:
    return {
        "job": job.id, "op": job.op, "model": job.model, "queue": queue, **_whose(job.key, job.tenant, key),
        "style": str(job.style), "attempt": job.attempt, "created": job.created, "deadline": job.deadline,
        "first": job.first, "tag": job.tag, "ref": job.ref,
    }  # fmt: skip


def failed_row(failure: Failure, key: ApiKey | None) -> Row:
    row: Row = {name: getattr(failure, name) for name in failure.__struct_fields__}
    return {**row, **_whose(failure.key, failure.tenant, key)}


def key_row(whose: tuple[str, str], key: ApiKey | None, running: int, queued: int, counts: dict[str, int]) -> Row:
    tenant, key_id = whose
    return {
        "id": key_id, "name": key.name if key else "", "tenant": tenant, "user": key.user if key else "",
        "running": running, "queued": queued, **counts,
    }  # fmt: skip


def held(config: Config, queue: str) -> Held | None:
    """What an operator has done to a queue; None: nothing."""
    hold = config.holds.get(queue)
    if hold is None:
        return None
    return "paused" if hold.mode is Mode.PAUSE else "draining", hold.reason, 0.0


def _whose(key_id: str, tenant: str, key: ApiKey | None) -> Row:
    return {"key": key_id, "key_name": key.name if key is not None else "", "tenant": tenant}


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if value]
    return round(sum(known) / len(known), 3) if known else None
