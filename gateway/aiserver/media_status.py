"""What has become of a queued media job: `GetArtifactGenerationStatus`, `GetTextGenerationStatus`, `GetGeneration`.

A job belongs to its key: another's is not there. What a newcomer would get wrong: a job that failed is answered with 500 and
its error, not with 200 and nothing in it; clients look no further than the status.
"""

from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from gateway.aiserver.media_args import TASKS
from gateway.aiserver.told import NOTHING, failed, job_of, state_of
from gateway.dialects.aiserver import asked_of
from gateway.dialects.aiserver_media import fault_of, files, texts
from schemas.dtos.generation import (
    AiProviderFileOutput,
    AiProviderTextOutput,
    GenerationArgs,
    GenerationResult,
    GetGeneration,
    GetGenerationResponse,
)
from schemas.dtos.jobs import BackgroundJobState
from schemas.dtos.media import ArtifactOutput, TextOutput
from schemas.dtos.media_queue import (
    GetArtifactGenerationStatus,
    GetArtifactGenerationStatusResponse,
    GetTextGenerationStatus,
    GetTextGenerationStatusResponse,
)
from schemas.job import Record, State
from schemas.media import MediaResult, decode_media
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem

Status = TypeVar("Status", GetArtifactGenerationStatusResponse, GetTextGenerationStatusResponse)
_ARGS = {"image": "image_input", "mask": "mask_input", "audio": "audio_input", "seconds": "sample_length"}
_TASKS = {operation.name: task for task, operation in TASKS.items()}


@answers(GetArtifactGenerationStatus)
async def artifact_status(asked: GetArtifactGenerationStatus, call: Call) -> GetArtifactGenerationStatusResponse:
    record = await media_job(call, asked.job_id, asked.ref_id)
    told = await _told(record, call, GetArtifactGenerationStatusResponse())
    if record.state is State.DONE:
        result = _result(record)
        told.results = _made(record, result, call)
        told.duration = timedelta(seconds=result.duration)
    return told


@answers(GetTextGenerationStatus)
async def text_status(asked: GetTextGenerationStatus, call: Call) -> GetTextGenerationStatusResponse:
    record = await media_job(call, asked.job_id, asked.ref_id)
    told = await _told(record, call, GetTextGenerationStatusResponse())
    if record.state is State.DONE:
        result = _result(record)
        told.results = [TextOutput(text=one["text"]) for one in texts(result, record.job.op)]
        told.duration = timedelta(seconds=result.duration)
    return told


@answers(GetGeneration)
async def generation(asked: GetGeneration, call: Call) -> GetGenerationResponse:
    """Request and result of one that has ended well; there is none before. Raises `Problem(NOT_FOUND)`."""
    record = await media_job(call, asked.id, asked.ref_id)
    if record.state is not State.DONE:
        raise Problem(Code.NOT_FOUND, "The generation has not ended yet.", param="id")
    result = _result(record)
    made = [
        AiProviderFileOutput(file_name=one.file_name or "", url=one.url or "") for one in _made(record, result, call)
    ]
    said = [AiProviderTextOutput(text=one["text"]) for one in texts(result, record.job.op)]
    return GetGenerationResponse(
        request=_request(record),
        result=GenerationResult(text_outputs=said, outputs=made, duration=timedelta(seconds=result.duration)),
        outputs=made,
        text_outputs=said,
    )


async def media_job(call: Call, number: int | None, ref: str | None) -> Record:
    """The job of this number or ref. Raises `Problem`: INVALID_REQUEST where neither is given, NOT_FOUND."""
    record = await job_of(call.rooms.desk, call, number, ref)
    operation = OPERATIONS.get(record.job.op)
    if operation is None or not operation.media:
        raise NOTHING
    if record.state in (State.FAILED, State.CANCELLED):
        raise failed(msgspec.structs.replace(record, fault=fault_of(record)))
    return record


async def _told(record: Record, call: Call, into: Status) -> Status:
    into.job_id, into.ref_id = record.job.id, record.job.ref or str(record.job.id)
    into.job_state = state_of(record)
    into.status = str(into.job_state.value)
    if record.state is State.QUEUED:
        view = await call.rooms.desk.view(call.key, record.job.id)
        into.job_state = (
            BackgroundJobState.Started if view.status.terminal else state_of(record, view)
        )  # ended just now
        into.status = view.stage or str(into.job_state.value)
    return into


def _result(record: Record) -> MediaResult:
    return decode_media(record.result) if record.result else MediaResult()


def _made(record: Record, result: MediaResult, call: Call) -> list[ArtifactOutput]:
    """With addresses as the one who asks now reaches us; else as the one did who asked for the job."""
    base = call.base or (asked_of(record.job).base if record.job.dialect.startswith("aiserver") else "")
    return [
        ArtifactOutput(url=one["url"], file_name=one["fileName"], provider=one.get("provider"))
        for one in files(result, base, record.provider)
    ]


def _request(record: Record) -> GenerationArgs:
    """What was asked, in the words of this dialect. Files are not told: they may be somebody's bytes."""
    asked: dict[str, Any] = msgspec.json.decode(record.job.body) if record.job.body else {}
    args = GenerationArgs(task_type=_TASKS.get(record.job.op))
    for name, value in asked.items():
        attribute = _ARGS.get(name, name)
        if attribute in args.__struct_fields__ and isinstance(value, str | int | float) and attribute != "mask_channel":
            setattr(args, attribute, value)
    if record.job.op == "text_to_speech":
        args.positive_prompt = asked.get("input")
    return args
