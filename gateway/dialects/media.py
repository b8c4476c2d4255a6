"""Our own media routes, `/media/{operation}`: the canonical request in JSON or as a form, the canonical result."""

import msgspec

from gateway.dialects._dialect import Dialect, Door
from gateway.dialects.openai import error
from gateway.render import Shown, Store, echo_of, file, result_in
from gateway.spelling import spelt
from schemas.events import Done
from schemas.job import Job
from schemas.media import encode_media
from schemas.operations import OPERATIONS


class _Asked(msgspec.Struct, frozen=True):
    state: str | None = None


_state = msgspec.json.Decoder(_Asked).decode


def whole(job: Job, end: Done, at: float) -> bytes:
    """The result with the caller's own words."""
    if b'"state"' not in job.body or (state := _state(job.body).state) is None:
        return end.body
    return encode_media(msgspec.structs.replace(result_in(end), state=state))


async def render(job: Job, end: Done, at: float, store: Store) -> Shown | None:
    """The one file of the result, where its caller wants just that."""
    if not echo_of(job).raw:
        return None
    result = result_in(end)
    return file(await store.of(job, result.artifacts[0]), store) if len(result.artifacts) == 1 else None


MEDIA = Dialect(name="media", error=error, whole=whole, render=render)
DOORS: dict[str, Door] = {
    path: Door(operation=one, dialect=MEDIA, media=spelt(one))
    for one in OPERATIONS.values()
    if one.media and not one.internal
    for path in one.routes
}
