"""ComfyUI workflows under a name: those of a key, and beneath them the built-in ones.

A key's own workflow is a private file of purpose `workflow`. What a newcomer would get wrong: its number is made of its name,
so that a name is one record and not a search through all files of the key. A second one of that name takes its place by
compare-and-set: whoever comes last wins, and nobody ever reads a half of each.
"""

import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import structlog

from gateway.access import Access
from gateway.files import About, Files
from gateway.live import whole
from gateway.parts import Parts
from gateway.quota import Quota
from schemas.files import FILE, WORKFLOW, FileRecord
from schemas.job import Job
from schemas.media import InspectWorkflow, decode_media
from schemas.operations import INSPECT_WORKFLOW
from schemas.operations import WORKFLOW as RUN
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

log = structlog.get_logger()

LARGEST = 4 * 1024 * 1024
"""Bytes of a workflow. It travels in the job's body; the largest we have seen has 700 kB."""
SECONDS = 60.0
"""For a look at the inputs: a ComfyUI's first answer about its nodes may take many seconds."""
REMEMBERED = 32
"""Workflows whose inputs are remembered: a large ComfyUI's lists of files make some 100 kB of one."""
BUILT_IN, OWN = "built_in", "own"
NUMBERS = 2**46
"""Numbers below are of the first seven months of 2025: no other file ever got one of them (`bus/ids.py`)."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()+-]{0,99}")
_TRIES = 8
_encode = msgspec.json.Encoder().encode


class Workflows:
    """The workflows of all keys, for one process."""

    def __init__(self, parts: Parts, files: Files, quota: Quota, access: Access) -> None:
        self.parts, self.files, self.quota, self.access = parts, files, quota, access
        self._told: dict[bytes, dict[str, Any]] = {}
        """What was said of inputs, by workflow, the newest last: for the time when no ComfyUI has a slot to say it again."""

    # ---- which there are --------------------------------------------------------------------------------------------

    async def listed(self, key: ApiKey) -> list[dict[str, Any]]:
        """Of each name the one that counts, by name."""
        found: dict[str, dict[str, Any]] = {
            name: {"name": name, "source": BUILT_IN, "size": len(data)} for name, data in self.parts.workflows.items()
        }
        for record in await self.files.of(key):
            if record.purpose == WORKFLOW:
                found[name_in(record)] = self.view(record)
        return [found[name] for name in sorted(found)]

    def view(self, record: FileRecord) -> dict[str, Any]:
        """`created`: Unix seconds."""
        about = {"id": f"{FILE}{record.id}", "size": record.size, "created": round(record.created, 3)}
        return {"name": name_in(record), "source": OWN, **about}

    async def read(self, key: ApiKey, name: str) -> bytes:
        """The JSON as it was given. Raises `Problem(NOT_FOUND)`."""
        name = named(name)
        found = await self.files.records.get(key.tenant, key.id, number_of(key, name))
        if found is not None:
            blob = await self.files.blob(found[1])
            return b"".join([piece async for piece in self.files.blobs.read(blob)])
        if name in self.parts.workflows:
            return self.parts.workflows[name]
        raise no_workflow(name)

    # ---- in and out -------------------------------------------------------------------------------------------------

    async def store(self, key: ApiKey, name: str, data: bytes) -> FileRecord:
        """In the place of one of that name. Raises `Problem`: INVALID_REQUEST, TOO_LARGE (the key's quota too)."""
        self.access.allow_op(key, RUN.name)
        name = named(name)
        checked(data)
        owner, number, draft = (key.tenant, key.id), number_of(key, name), self.files.new_id()
        about = About(id=number, filename=f"{name}.json", purpose=WORKFLOW, content_type="application/json")
        try:
            async with aclosing(self.quota.guard(key, draft, _once(data), len(data))) as guarded:
                blob = await self.files.store(owner, guarded, about, LARGEST)
            return await self.files.replace(owner, about, blob)
        finally:
            await self.quota.release(key, draft)

    async def delete(self, key: ApiKey, name: str) -> None:
        """Raises `Problem`: NOT_FOUND, FORBIDDEN for a built-in one."""
        name = named(name)
        number = number_of(key, name)
        if await self.files.records.get(key.tenant, key.id, number) is not None:
            await self.files.delete(key, f"{FILE}{number}")
            return
        if name in self.parts.workflows:
            said = f"The workflow '{name}' is built in. Store one of that name to put yours in its place."
            raise Problem(Code.FORBIDDEN, said, param="name")
        raise no_workflow(name)

    # ---- for jobs ---------------------------------------------------------------------------------------------------

    async def expanded(self, key: ApiKey, values: dict[str, Any]) -> dict[str, Any]:
        """The fields of a request to run one, with the workflow in the place of its name. Raises `Problem`."""
        said = values.get("workflow")
        if isinstance(said, str) and said.lstrip()[:1] != "{":
            return {**values, "workflow": json.loads(await self.read(key, said))}
        if isinstance(said, str):
            return {**values, "workflow": checked(said.encode())}
        if isinstance(said, dict):
            _shape(said)
        return values

    async def inputs(self, key: ApiKey, name: str, prompt: bool = False) -> dict[str, Any]:
        """What a ComfyUI that is online says of its inputs, or has said when all are busy; `prompt`: and its API form. Raises
        `Problem`: NO_PROVIDER, OVERLOADED, what the agent found wrong."""
        self.access.allow_op(key, RUN.name)
        data = await self.read(key, name)
        mark = hashlib.sha256(data + b"\0" * prompt).digest()
        told = self._told.get(mark)
        if told is None or not self._busy():
            told = await self._asked(key, json.loads(data), prompt)
            self._told.pop(mark, None)
            self._told[mark] = told
            for old in [*self._told][:-REMEMBERED]:
                del self._told[old]
        return {"name": named(name), **told}

    def _busy(self) -> bool:
        """Whether whoever could look would have to wait for a slot: a picture may take minutes."""
        wanted = (INSPECT_WORKFLOW.name, INSPECT_WORKFLOW.model)
        able = [view for view in self.parts.fleet.queues() if wanted in view.models and view.enabled and view.slots]
        return bool(able) and all(view.in_flight >= view.slots for view in able)

    async def _asked(self, key: ApiKey, workflow: Any, prompt: bool) -> dict[str, Any]:
        now = time.time()
        job = Job(
            id=self.parts.dispatcher.new_id(),
            tenant=key.tenant,
            key=key.id,
            op=INSPECT_WORKFLOW.name,
            model=INSPECT_WORKFLOW.model,
            body=_encode(InspectWorkflow(model=INSPECT_WORKFLOW.model, workflow=workflow, prompt=prompt)),
            created=now,
            deadline=now + SECONDS,
        )
        try:
            result = decode_media((await whole(self.parts.dispatcher, job)).body)
        except Problem as problem:
            raise _nobody(problem) from problem
        return {**(result.workflow or {}), "inputs": result.inputs or []}


def named(said: str) -> str:
    """A workflow's name: `portrait`, and `portrait.json` is the same. Raises `Problem(INVALID_REQUEST)`."""
    name = said.removesuffix(".json")
    if not _NAME.fullmatch(name):
        text = "A workflow's name has up to 100 letters, digits, spaces and . _ - + ( ), and starts with a letter or digit."
        raise Problem(Code.INVALID_REQUEST, text, param="name")
    return name


def name_in(record: FileRecord) -> str:
    return record.filename.removesuffix(".json")


def number_of(key: ApiKey, name: str) -> int:
    """Always the same for a key and a name."""
    digest = hashlib.sha256(f"{key.tenant}\0{key.id}\0{name}".encode()).digest()
    return 1 + int.from_bytes(digest[:8], "big") % (NUMBERS - 1)


def checked(data: bytes) -> dict[str, Any]:
    """The workflow, if it is one. Raises `Problem`: TOO_LARGE, INVALID_REQUEST."""
    if len(data) > LARGEST:
        raise Problem(Code.TOO_LARGE, f"The workflow is too large: at most {LARGEST / 1e6:g} MB.", param="workflow")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _no_workflow(f"is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise _no_workflow("is no JSON object")
    _shape(found)
    return found


def _shape(found: Mapping[str, Any]) -> None:
    """Whether it can be one of ComfyUI's two forms. What its nodes are worth, the ComfyUI server knows."""
    nodes = found.get("nodes")
    if isinstance(nodes, list):
        if not nodes or not all(isinstance(node, dict) and isinstance(node.get("type"), str) for node in nodes):
            raise _no_workflow("has no nodes, or some that are none")
        return
    inner = found.get("prompt")
    nodes = inner if isinstance(inner, dict) and "class_type" not in inner else found
    if not nodes or not all(
        isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in nodes.values()
    ):
        raise _no_workflow("is in neither of ComfyUI's forms: save it there with 'Save' or 'Export (API)'")


def no_workflow(name: str) -> Problem:
    said = f"There is no workflow '{name}'. GET /workflows lists yours and the built-in ones."
    return Problem(Code.NOT_FOUND, said, param="workflow")


def _no_workflow(why: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"The workflow {why}.", param="workflow")


def _nobody(problem: Problem) -> Problem:
    """Nobody to ask: what the caller can do about it."""
    if problem.code is Code.OVERLOADED:
        return Problem(problem.code, "Every ComfyUI is busy, and only one knows what its nodes take.", retry_after=5)
    if problem.code not in (Code.NO_PROVIDER, Code.MODEL_NOT_FOUND):
        return problem
    said = "No ComfyUI is online, and only one knows what its nodes take. Start one: ai-server agent comfyui."
    return Problem(Code.NO_PROVIDER, said, retry_after=5)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
