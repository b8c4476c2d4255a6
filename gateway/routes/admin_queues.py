"""`/admin/queues`: the queues as they are now, and a hand on each: pause, drain, resume."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from bus.hold import Mode
from gateway.queue_desk import QueueDesk
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Fields = dict[str, Any]


@get("/queues", summary="All queues as they are now")
async def list_queues(queue_desk: NamedDependency[QueueDesk], admin: NamedDependency[ApiKey]) -> Fields:
    return {"object": "list", "data": await queue_desk.all(), "next": None}


@get("/queues/{name:str}", summary="One queue as it is now")
async def show_queue(
    name: FromPath[str], queue_desk: NamedDependency[QueueDesk], admin: NamedDependency[ApiKey]
) -> Fields:
    return await queue_desk.one(name)


@post("/queues/{name:str}/{action:str}", status_code=200, summary="pause, drain or resume a queue")
async def hold_queue(
    name: FromPath[str],
    action: FromPath[str],
    queue_desk: NamedDependency[QueueDesk],
    admin: NamedDependency[ApiKey],
    fields: NamedDependency[Fields],
) -> Fields:
    """`pause`: nothing new starts, what runs ends, what waits waits on. `drain`: what waits also moves to other queues that
    serve it. `resume` ends both. `{"note": …}` says why."""
    unknown = [one for one in fields if one != "note"]
    if unknown:
        raise Problem(
            Code.INVALID_REQUEST, f"There is no field '{unknown[0][:40]}'. There is: note.", param=unknown[0][:40]
        )
    if action == "resume":
        return await queue_desk.resume(name, admin)
    if action not in ("pause", "drain"):
        raise Problem(Code.NOT_FOUND, f"There is no action '{action[:40]}'. There are: pause, drain, resume.")
    return await queue_desk.hold(name, Mode(action), fields.get("note", ""), admin)


ROUTES = [list_queues, show_queue, hold_queue]
