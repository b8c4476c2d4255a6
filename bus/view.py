"""What a caller sees of a job: its record, and while it runs the claim and the last progress."""

from collections.abc import Callable

import msgspec

from schemas.events import Attempt, Progress, fault_dict, usage_dict
from schemas.job import Claim, JobView, Record, State
from schemas.rules import steps_told

Show = Callable[[Record], bytes]
"""A stored result as its caller wants to see it; empty: there is none that is JSON."""


def canonical(record: Record) -> bytes:
    """The result as it is stored."""
    return record.result if record.content_type == "application/json" else b""


def enveloped(record: Record) -> bytes:
    """No callback's body of its own: it is the job, in an envelope."""
    return b""


def view_of(record: Record, claim: Claim | None, progress: Progress | None = None, show: Show = canonical) -> JobView:
    """The job as `GET /jobs/{id}` shows it. Times are Unix seconds."""
    result = show(record)
    job = record.job
    running = record.state is State.QUEUED and claim is not None and claim.agent != ""
    attempts = record.attempts or (claim.trail if claim else ())
    started = attempts[0].started if attempts else claim.started if claim and running else None
    return JobView(
        id=job.id,
        status=State.RUNNING if running else record.state,
        op=job.op,
        model=job.asked or job.model,
        style=job.style,
        created=job.created,
        deadline=job.deadline,
        ref_id=job.ref,
        tag=job.tag,
        status_url=f"/jobs/{job.id}",
        attempt=claim.attempt if claim else len(attempts),
        provider=record.provider or (claim.provider if claim else ""),
        queue=record.queue or (claim.queue if claim else ""),
        started=started or None,
        finished=record.finished or None,
        duration_ms=round((record.finished - job.created) * 1000, 1) if record.finished else None,
        progress=1.0 if record.state is State.DONE else progress.share if progress else None,
        stage=progress.stage if progress and running else "",
        eta=progress.eta if progress and running else None,
        attempts=tuple(_attempt(attempt) for attempt in attempts),
        usage=usage_dict(record.usage) if record.state.terminal else None,
        error=fault_dict(record.fault) if record.fault else None,
        result=msgspec.Raw(result) if result else None,
        dialect=job.dialect if show is not canonical else "openai",
        cost=record.cost,
        cost_estimated=record.cost_estimated,
        trail=steps_told(record.steps or (claim.steps if claim and claim.steps else job.steps)) if job.explain else (),
    )


def _attempt(attempt: Attempt) -> dict[str, object]:
    told = {name: getattr(attempt, name) for name in attempt.__struct_fields__ if name != "agent"}
    return {name: value for name, value in told.items() if value is not None and (value or name != "model")}
