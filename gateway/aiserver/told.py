"""A job in the dialect's words: its state, the whole of it (`BackgroundJobBase`), and where a caller's name for it leads.

What a newcomer would get wrong: a job belongs to its key, also here; a foreign one is answered as if there were none. And
a `replyTo` may hold a token: only its address is ever told.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bus.desk import Desk
from gateway.aiserver.call import Call
from gateway.dialects._status import null, status_dict
from gateway.dialects.aiserver import JOB_STATES, asked_of
from gateway.dialects.doors import result_of
from schemas.callback import parse_reply_to
from schemas.dtos.base import ResponseError, ResponseStatus
from schemas.dtos.jobs import BackgroundJobBase, BackgroundJobState
from schemas.job import Job, JobView, Record, State
from schemas.operations import OPERATIONS
from schemas.problem import Code, Fault, FieldFault, Problem

B = TypeVar("B", bound=BackgroundJobBase)
NOTHING = Problem(Code.NOT_FOUND, "Job not found")


async def job_of(desk: Desk, call: Call, number: int | None, ref: str | None) -> Record:
    """The caller's job by its id or its refId. Raises `Problem`: INVALID_REQUEST for neither, NOT_FOUND."""
    if not number and not ref:
        raise null("refId", "Say which job: by its id or by its refId.")
    if ref:
        number = await desk.jobs.named(call.key.tenant, call.key.id, ref) or _id_in(ref)
    if not number or not 0 < number < 2**53:
        raise Problem(Code.NOT_FOUND, "Job not found", param="refId" if ref else "id")
    try:
        return await desk.result(call.key, number)
    except Problem as problem:
        raise NOTHING if problem.code is Code.NOT_FOUND else problem from None


def _id_in(ref: str) -> int:
    """A job without a name of its own goes by its number."""
    return int(ref) if ref.isascii() and ref.isdecimal() and len(ref) <= 16 else 0


def state_of(record: Record, view: JobView | None = None) -> BackgroundJobState:
    return BackgroundJobState(JOB_STATES[view.status if view else record.state])


def status_of_fault(fault: Fault) -> ResponseStatus:
    told = status_dict(fault)
    errors = [ResponseError(**{_PY[name]: value for name, value in one.items()}) for one in told["errors"]]
    return ResponseStatus(error_code=told["errorCode"], message=told["message"], errors=errors)


_PY = {"errorCode": "error_code", "fieldName": "field_name", "message": "message"}


def fault_of(record: Record) -> Fault:
    """Why a job ended badly."""
    return record.fault or Fault(Code.CANCELLED, "The job was cancelled.")


def failed(record: Record) -> Problem:
    """A job that ended badly, as the answer to whoever asks for its result: always an error, never an empty 200."""
    fault = fault_of(record)
    how = "was cancelled" if record.state is State.CANCELLED else "failed"
    error = FieldFault(status_dict(fault)["errorCode"], fault.param or "", fault.message)
    return Problem.of(Fault(Code.INTERNAL, f"Job {how}: {fault.message}", errors=(error,)))


def background_job(kind: type[B], record: Record, view: JobView | None = None) -> B:
    """The whole job. `view`: what is known of it beside its record while it runs."""
    job, result = record.job, result_of(record)
    fault = fault_of(record) if record.state in (State.FAILED, State.CANCELLED) else None
    dto = asked_of(job).dto or job.op
    made: dict[str, Any] = {
        "id": job.id,
        "parent_id": job.parent or None,
        "ref_id": job.ref or str(job.id),
        "worker": record.provider or (view.provider if view else "") or record.queue or None,
        "tag": job.tag or None,
        "created_date": date(job.created),
        "created_by": job.key,
        "user_id": job.key,
        "request_type": "CMD" if job.durable else "API",
        "command": job.op,
        "request": dto,
        "request_body": job.body.decode("utf-8", "replace"),
        "response": _answer_name(job) if result else None,
        "response_body": result.decode("utf-8", "replace") if result else None,
        "state": state_of(record, view),
        "started_date": date(view.started) if view and view.started else None,
        "completed_date": date(record.finished) if record.state is State.DONE else None,
        "attempts": (view.attempt if view else len(record.attempts)),
        "duration_ms": round((record.finished - job.created) * 1000) if record.finished else 0,
        "timeout_secs": round(job.deadline - job.created),
        "progress": view.progress if view else 1.0 if record.state is State.DONE else None,
        "status": (view.stage if view else "") or state_of(record, view).value,
        "last_activity_date": date(record.finished or job.created),
        "reply_to": _address(job),
        "error_code": status_dict(fault)["errorCode"] if fault else None,
        "error": status_of_fault(fault) if fault else None,
        "args": {"model": job.asked or job.model, **({"provider": ",".join(job.providers)} if job.providers else {})},
    }
    return kind(**made)


def date(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _answer_name(job: Job) -> str:
    names = {"aiserver.chat": "OpenAiChatResponse", "aiserver.ollama": "OllamaGenerateResponse"}
    if job.dialect in names:
        return names[job.dialect]
    operation = OPERATIONS.get(job.op)
    return "ArtifactGenerationResponse" if operation is not None and operation.media else "OpenAiChatResponse"


def _address(job: Job) -> str | None:
    """Where the callback goes, without the credentials that go along."""
    if not job.reply_to:
        return None
    try:
        target = parse_reply_to(job.reply_to)
    except Problem:
        return None
    return target.url


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body) if body else None
