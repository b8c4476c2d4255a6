"""`/workflows`: ComfyUI workflows by name. List, store, read, delete, look at the inputs, run.

What a newcomer would get wrong: to run one is the ordinary request for `workflow` (`/media/workflow`) with its name in the
path. So all four styles are there, and a field of the body that is none of the request's is an argument: `{"steps": 8}`.
"""

from dataclasses import replace
from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send

from gateway.answer import Front
from gateway.dialects._dialect import Door
from gateway.dialects.media import MEDIA
from gateway.reading import Gone, read_body
from gateway.spelling import Fields, Meant, Words, spelt
from gateway.workflows import LARGEST, Workflows, named
from schemas.operations import WORKFLOW
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]
_WORDS = spelt(WORKFLOW)
_FIELDS = frozenset(_WORDS.names.values())


@get("/workflows", summary="Workflows by name", tags=["workflows"])
async def list_workflows(
    workflows: NamedDependency[Workflows], caller: NamedDependency[ApiKey]
) -> dict[str, list[dict[str, Any]]]:
    """The key's own (`source: own`) and the built-in ones; of two with one name only the key's own."""
    return {"data": await workflows.listed(caller)}


@put("/workflows/{name:str}", status_code=200, summary="Store a workflow", tags=["workflows"])
async def store_workflow(
    name: FromPath[str], request: Asked, workflows: NamedDependency[Workflows], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """The body is the JSON that ComfyUI saves (`Save`, `Export (API)`). It takes the place of one of that name."""
    named(name)
    try:
        data = await read_body(request.receive, dict(request.scope["headers"]), LARGEST)
    except Gone:
        raise Problem(Code.CANCELLED, "The caller hung up.") from None
    return workflows.view(await workflows.store(caller, name, data))


@get("/workflows/{name:str}", summary="A workflow", tags=["workflows"])
async def read_workflow(
    name: FromPath[str], workflows: NamedDependency[Workflows], caller: NamedDependency[ApiKey]
) -> Response[bytes]:
    """The JSON as it was stored: ComfyUI opens it."""
    data = await workflows.read(caller, name)
    headers = {"cache-control": "private, no-cache", "x-content-type-options": "nosniff"}
    return Response(data, headers=headers, media_type="application/json")


@delete("/workflows/{name:str}", status_code=200, summary="Delete a workflow", tags=["workflows"])
async def delete_workflow(
    name: FromPath[str], workflows: NamedDependency[Workflows], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """The key's own. A built-in one of that name is there again."""
    await workflows.delete(caller, name)
    return {"name": named(name), "deleted": True}


@get("/workflows/{name:str}/inputs", summary="A workflow's inputs", tags=["workflows"])
async def workflow_inputs(
    name: FromPath[str], workflows: NamedDependency[Workflows], caller: NamedDependency[ApiKey]
) -> dict[str, Any]:
    """Names, types, defaults, ranges and choices, as a ComfyUI that is online knows them, and what it makes. 503 if none is."""
    return await workflows.inputs(caller, name)


@post("/workflows/{name:str}", status_code=200, summary="Run a workflow", tags=["workflows"])
async def run_workflow(name: FromPath[str], front: NamedDependency[Front]) -> "RunAnswer":
    """JSON, or a form with files: the fields of `/media/workflow` without `workflow`. Arguments may stand beside them."""
    return RunAnswer(front, door_of(name))


ROUTES = [list_workflows, store_workflow, read_workflow, delete_workflow, workflow_inputs, run_workflow]


class RunAnswer:
    """What a handler of Litestar returns to leave all that follows to the front door."""

    def __init__(self, front: Front, door: Door) -> None:
        self.front, self.door = front, door
        self.headers: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front.answer(self.door, scope, receive, send)


def door_of(name: str) -> Door:
    """The door of `workflow`, with its name known."""
    return Door(operation=WORKFLOW, dialect=MEDIA, media=words_of(name))


def words_of(name: str) -> Words:
    def read(fields: Fields) -> Meant:
        values = fields.values
        more = {field: values.pop(field) for field in [*values] if field not in _FIELDS}
        arguments = {**more, **fields.map_of("arguments")}
        return Meant(WORKFLOW, {**values, "arguments": arguments, "workflow": name})

    return replace(_WORDS, read=read)
