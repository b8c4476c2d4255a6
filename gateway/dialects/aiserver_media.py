"""Pictures, sound and video in the AI Server dialect: results, the receipt of a queued job, and what a callback posts.

Pure, for workers tell callbacks too. What a newcomer would get wrong: a failure is posted as well, in the same form with a
`responseStatus`, and so is the end of a transform; addresses are whole URLs wherever the caller's own address is known.
"""

from dataclasses import replace
from typing import Any

import msgspec

from gateway.dialects._dialect import Dialect, respelt
from gateway.dialects._status import error, status_code
from gateway.dialects.aiserver import JOB_STATES, asked_of, encode, failed_dict, status_url
from gateway.render import Shown, Store, at_base, result_in
from schemas.events import Done
from schemas.job import Job, Record, State
from schemas.media import Artifact, MediaResult, Told, decode_media
from schemas.operations import IMAGE_TO_TEXT, SPEECH_TO_TEXT, TRANSFORMS, WORKFLOW
from schemas.problem import Code, Fault, Problem

TOLD = frozenset({IMAGE_TO_TEXT.name, SPEECH_TO_TEXT.name})
"""Operations whose result is a text."""
_TRANSFORMS = frozenset(one.name for one in TRANSFORMS)
_NAMES = (
    "positive_prompt", "negative_prompt", "batch_size", "cfg_scale", "mask_channel", "output_format", "start_time",
    "end_time", "watermark_scale", "max_tokens",
)  # fmt: skip
SPELLING = {name: "".join(word.title() if at else word for at, word in enumerate(name.split("_"))) for name in _NAMES}
"""Fields that agents complain of, as this dialect has them."""
RUN_SPELLING = {**SPELLING, "arguments": "args"}
_SORTS = {"video": "Video", "audio": "Audio"}


class _Said(msgspec.Struct):
    state: str | None = None


_said = msgspec.json.Decoder(_Said).decode


# ---- results ----------------------------------------------------------------------------------------------------------


def files(result: MediaResult, base: str, provider: str) -> list[dict[str, Any]]:
    """What was made, as `ArtifactOutput`s. `base`: before addresses that are no whole ones."""
    found = at_base(result, base).artifacts
    who = {"provider": provider} if provider else {}
    return [{"url": one.url, "fileName": _name(one), **who} for one in found]


def texts(result: MediaResult, op: str) -> list[dict[str, Any]]:
    """What was said. Of speech two texts: plain, and a JSON array of `{text, start, end}` (seconds)."""
    if op != SPEECH_TO_TEXT.name or not result.texts:
        return [{"text": one.text} for one in result.texts]
    first = result.texts[0]
    timed = next((one for one in result.texts if one.segments), first)
    return [{"text": first.text}, {"text": _timed(timed)}]


def duration(result: MediaResult) -> str:
    """What the provider worked at it, in XSD's words: `PT4.5S`."""
    seconds = f"{max(0.0, result.duration):.3f}".rstrip("0").rstrip(".")
    return f"PT{seconds}S"


def _timed(told: Told) -> str:
    parts: list[dict[str, Any]] = [{"text": one.text, "start": one.start, "end": one.end} for one in told.segments]
    if not parts and told.text:
        parts = [{"text": told.text, "start": 0.0, "end": told.seconds or 0.0}]
    return encode(parts).decode()


def _name(one: Artifact) -> str:
    return one.file_name or one.url.rpartition("/")[2]


def whole(job: Job, end: Done, at: float) -> bytes:
    """The answer of one who waited."""
    result = result_in(end)
    results = texts(result, job.op) if job.op in TOLD else files(result, asked_of(job).base, end.provider)
    return encode({"results": results, "duration": duration(result)})


async def render(job: Job, end: Done, at: float, store: Store) -> Shown | None:
    """Nothing but JSON; and an answer without anything in it is a failure. Raises `Problem(PROVIDER_GARBLED)`."""
    result = result_in(end)
    if not (result.texts if job.op in TOLD else result.artifacts or result.texts):
        raise Problem(Code.PROVIDER_GARBLED, f"{end.provider or 'The provider'} answered without a result.")
    return None


# ---- queued -----------------------------------------------------------------------------------------------------------


def receipt(record: Record) -> bytes:
    """The answer to one who does not wait. Generations and transforms have types of their own, which are the same."""
    job, state = record.job, JOB_STATES[record.state]
    named = {"jobId": job.id, "refId": job.ref, "jobState": state, "status": state}
    return encode({**named, "statusUrl": status_url(record)})


def created(record: Record) -> bytes:
    """The same for the generic requests."""
    return encode({"id": record.job.id, "refId": record.job.ref})


def run(record: Record) -> bytes:
    """The same for a workflow. Which server has it, and under which name, is known when one takes it."""
    return encode({"mediaProviderId": 0, "refId": record.job.ref, "promptId": record.job.ref, "jobId": record.job.id})


def posted(record: Record) -> bytes:
    """What a callback posts, of a job that ended well and of one that did not."""
    job = record.job
    state = _said(job.body).state if b'"state"' in job.body else None
    body: dict[str, Any] = ({"state": state} if state is not None else {}) | {"refId": job.ref}
    if record.state is not State.DONE:
        return encode({**body, **failed_dict(fault_of(record))})
    result = decode_media(record.result) if record.result else MediaResult()
    made = at_base(result, asked_of(job).base).artifacts
    if job.op in _TRANSFORMS:
        body["outputs"] = [{"fileName": _name(one), "url": one.url, "outputFormat": sort_of(one)} for one in made]
    else:
        body["outputs"] = [{"fileName": _name(one), "url": one.url} for one in made]
        body["textOutputs"] = texts(result, job.op)
    return encode(body)


def fault_of(record: Record) -> Fault:
    """Why it ended badly."""
    spelling = RUN_SPELLING if record.job.op == WORKFLOW.name else SPELLING
    return respelt(record.fault or Fault(Code.CANCELLED, "The job was cancelled."), spelling)


def sort_of(one: Artifact) -> str:
    return _SORTS.get(one.content_type.partition("/")[0], "Image")


MEDIA = Dialect(name="aiserver.media", error=error, status=status_code, whole=whole, render=render, spelling=SPELLING)
QUEUED = replace(MEDIA, name="aiserver.queued", accepted=receipt, posted=posted)
CREATED = replace(QUEUED, name="aiserver.created", accepted=created)
RUN = replace(QUEUED, name="aiserver.workflow", accepted=run, spelling=RUN_SPELLING)
DIALECTS = (MEDIA, QUEUED, CREATED, RUN)
