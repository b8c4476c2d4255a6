"""ComfyUI: pictures, sound, video and texts by workflows, ours (`_templates`) or the caller's.

Each job becomes one prompt: inputs are uploaded, the prompt is sent and watched (`_comfy_run`), what it made is fetched
(`_comfy_results`). What a newcomer would get wrong: a ComfyUI does one prompt at a time and has a queue that others may
use too, so a slot more here is a place in that queue, no more work at once.
"""

import hashlib
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from agents._comfy import Comfy, connected, opened, ready
from agents._comfy_results import collect, files_of, texts_of
from agents._comfy_run import Prompt
from agents._comfy_wire import Wire
from agents._flow import Flow, ObjectInfo, about, inspect, to_api, with_arguments
from agents._templates import flow_for, served
from agents.agent import Agent, Handle, Report, Tools
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import FileRef, InspectWorkflow, Media, MediaResult, Workflow, encode_media
from schemas.operations import (
    IMAGE_TO_IMAGE,
    IMAGE_TO_TEXT,
    IMAGE_TO_VIDEO,
    IMAGE_UPSCALE,
    IMAGE_WITH_MASK,
    INSPECT_WORKFLOW,
    OPERATIONS,
    SPEECH_TO_TEXT,
    TEXT_TO_AUDIO,
    TEXT_TO_IMAGE,
    TEXT_TO_SPEECH,
    TEXT_TO_VIDEO,
    WORKFLOW,
)
from schemas.problem import Code, Problem
from schemas.provider import Model

BASE_URL = "http://localhost:8188"
NAME = "comfyui"
"""Of the one model of `workflow`: every ComfyUI runs workflows."""
TEMPLATED = (
    TEXT_TO_IMAGE, IMAGE_TO_IMAGE, IMAGE_WITH_MASK, IMAGE_UPSCALE, IMAGE_TO_TEXT, SPEECH_TO_TEXT, TEXT_TO_SPEECH,
    TEXT_TO_AUDIO, TEXT_TO_VIDEO, IMAGE_TO_VIDEO,
)  # fmt: skip
_TOLD = frozenset({IMAGE_TO_TEXT.name, SPEECH_TO_TEXT.name})
"""Operations whose result is a text."""
_NAMESPACE = uuid.UUID("5f0c6a52-2f0e-4f7e-9d0d-0a6c3d1f7c11")
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(operation.request) for name, operation in OPERATIONS.items() if operation.media
}

Build = Callable[[ObjectInfo, dict[str, str]], Flow]


@asynccontextmanager
async def start(tools: Tools, report: Report) -> AsyncGenerator[Tools, None]:
    """Hold the line to it. A ComfyUI that is away now may come later: nothing is waited for."""
    async with opened(tools) as comfy:
        tools.thing = comfy
        report(1.0, "ready")
        yield tools


async def models(tools: Tools) -> list[Model]:
    """What its checkpoints and nodes allow, by operation (GET /object_info)."""
    async with connected(tools) as comfy:
        found = served(await comfy.info(0.0))
    for operation in (WORKFLOW, INSPECT_WORKFLOW):
        if not any(model.op == operation.name for model in found):
            found.append(Model(name=NAME, op=operation.name))
    return found


async def check(tools: Tools) -> None:
    """GET /system_stats: loads nothing."""
    await Wire(tools).stats()


def backlog(tools: Tools) -> int:
    """Prompts of others in its queue."""
    return tools.thing.line.foreign if isinstance(tools.thing, Comfy) else 0


# ---- handles --------------------------------------------------------------------------------------------------------


async def generate(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """By a template of ours."""
    request = _decoders[job.op].decode(job.body)
    files = _files(request, OPERATIONS[job.op].files)
    native = tools.native(job.model, job.op)

    def build(info: ObjectInfo, uploads: dict[str, str]) -> Flow:
        return flow_for(job.op, request, native, info, uploads)

    async with aclosing(_perform(job, tools, request, files, build)) as events:
        async for event in events:
            yield event


async def run(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """A workflow of the caller's."""
    request: Workflow = _decoders[job.op].decode(job.body)
    files = {name: ref for name, ref in request.files.items() if isinstance(ref, FileRef)}

    def build(info: ObjectInfo, uploads: dict[str, str]) -> Flow:
        flow = to_api(_workflow(request.workflow), info)
        return with_arguments(flow, request.arguments, uploads, info, request.seed)

    async with aclosing(_perform(job, tools, request, files, build)) as events:
        async for event in events:
            yield event


async def inputs(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """What a workflow may be told."""
    request: InspectWorkflow = _decoders[job.op].decode(job.body)
    async with connected(tools) as comfy:
        found = await comfy.read(lambda info: inspect(request.workflow, info))
        kind = await comfy.read(lambda info: about(request.workflow, info))
        if request.prompt:
            kind = {**kind, "prompt": await comfy.read(lambda info: to_api(request.workflow, info).nodes)}
    yield Done(body=encode_media(MediaResult(inputs=found, workflow=kind, model=job.model)))


async def _perform(
    job: Job, tools: Tools, request: Media, files: dict[str, FileRef], build: Build
) -> AsyncGenerator[Event, None]:
    shelf = tools.shelf
    async with connected(tools) as comfy:
        await ready(comfy)
        async with Prompt(comfy.wire, comfy.line, _key(job)) as prompt:
            if not (job.durable and await prompt.adopt()):
                if files:
                    yield Progress(None, "sending inputs")
                prompt.uploads = uploads = await comfy.upload(files, shelf)
                await _send(prompt, comfy, lambda info: build(info, uploads))
            async with aclosing(prompt.progress()) as words:
                async for word in words:
                    yield word
        made = files_of(prompt.outputs) if job.op not in _TOLD else []
        texts = texts_of(prompt.outputs)
        _expect(job, tools, prompt, bool(made), bool(texts))
        form = str(getattr(request, "output_format", "") or "")
        artifacts = await collect(made, prompt.flow, comfy.wire, shelf, form)
    result = MediaResult(
        artifacts=artifacts, texts=tuple(texts), duration=prompt.seconds, model=job.model, state=request.state
    )
    yield Done(body=encode_media(result))


async def _send(prompt: Prompt, comfy: Comfy, build: Callable[[ObjectInfo], Flow]) -> None:
    flow = await comfy.read(build)
    try:
        await prompt.send(flow, await comfy.info())
    except Problem as problem:
        if problem.code in (Code.INVALID_REQUEST, Code.PROVIDER_REFUSED):
            comfy.doubt()
        raise


def _expect(job: Job, tools: Tools, prompt: Prompt, files: bool, texts: bool) -> None:
    """A success that made nothing is none."""
    wants_text = job.op in _TOLD
    if (texts if wants_text else files) or (job.op == WORKFLOW.name and texts):
        return
    why = f": {prompt.blocked}" if prompt.blocked else ""
    if job.op == WORKFLOW.name:
        sentence = f"ran the workflow, which saved no file and showed no text{why}; end it in a node such as SaveImage"
        raise Problem(Code.INVALID_REQUEST, f"{tools.provider.name} {sentence}", param="workflow")
    made = "no text" if wants_text else "no file"
    raise tools.problem(Code.PROVIDER_GARBLED, f"ran the workflow of {job.op}, which made {made}{why}")


def _workflow(workflow: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(workflow, str):  # the edge puts the workflow in the place of its name
        raise Problem(Code.INVALID_REQUEST, "The workflow must be the workflow itself here", param="workflow")
    return workflow


def _files(request: Media, fields: tuple[str, ...]) -> dict[str, FileRef]:
    """The request's files by field; those of a list as `images.0`."""
    found: dict[str, FileRef] = {}
    for field in fields:
        value = getattr(request, field)
        if isinstance(value, FileRef):
            found[field] = value
        elif isinstance(value, list):
            found |= {f"{field}.{place}": ref for place, ref in enumerate(value) if isinstance(ref, FileRef)}
    return found


def _key(job: Job) -> str:
    """The prompt's id: the same if this very attempt is begun again elsewhere, so that it is found and not run twice."""
    said = f"{job.tenant}/{job.id}/{job.attempt}/{hashlib.sha256(job.body).hexdigest()}"
    return str(uuid.uuid5(_NAMESPACE, said))


_handles: dict[str, Handle] = {operation.name: generate for operation in TEMPLATED}
agent = Agent(
    handles={**_handles, WORKFLOW.name: run, INSPECT_WORKFLOW.name: inputs},
    models=models,
    check=check,
    start=start,
    backlog=backlog,
)
