"""`/v1/batches`: OpenAI's batches. A file of requests in, a file of results out, within a day.

A batch belongs to the key that made it; to another key it does not exist.
"""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter

from gateway.batches import Batches
from gateway.parsing import parse
from gateway.parts import Parts
from gateway.reading import Gone, read_body
from schemas.files import BatchView, Listed, batch_view, decode_batch_request
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Asked = Request[Any, Any, Any]


@post("/v1/batches", status_code=200, summary="Start a batch", tags=["batches"])
async def create_batch(
    request: Asked, batches: NamedDependency[Batches], parts: NamedDependency[Parts], caller: NamedDependency[ApiKey]
) -> BatchView:
    """Each line of the input file (purpose `batch`) becomes a queued job; the results are a file when all have ended."""
    try:
        body = await read_body(request.receive, dict(request.scope["headers"]), parts.limits.body_bytes)
    except Gone:
        raise Problem(Code.CANCELLED, "The caller hung up.") from None
    return batch_view(await batches.create(caller, parse(decode_batch_request, body)))


@get("/v1/batches", summary="The key's batches", tags=["batches"])
async def list_batches(
    batches: NamedDependency[Batches],
    caller: NamedDependency[ApiKey],
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=100)]] = 20,
    after: FromQuery[str | None] = None,
) -> Listed:
    """Newest first. `after` is the id of the last batch of the page before."""
    page, more = await batches.page(caller, limit, after)
    views = [batch_view(record) for record in page]
    return Listed(
        data=views, first_id=views[0].id if views else None, last_id=views[-1].id if views else None, has_more=more
    )


@get("/v1/batches/{batch:str}", summary="A batch", tags=["batches"])
async def read_batch(
    batch: FromPath[str], batches: NamedDependency[Batches], caller: NamedDependency[ApiKey]
) -> BatchView:
    """Its state and counts; the output and error files once it has ended."""
    return batch_view(await batches.get(caller, batch))


@post("/v1/batches/{batch:str}/cancel", status_code=200, summary="Cancel a batch", tags=["batches"])
async def cancel_batch(
    batch: FromPath[str], batches: NamedDependency[Batches], caller: NamedDependency[ApiKey]
) -> BatchView:
    """What is done by then is in its files."""
    return batch_view(await batches.cancel(caller, batch))


ROUTES = (create_batch, list_batches, read_batch, cancel_batch)
