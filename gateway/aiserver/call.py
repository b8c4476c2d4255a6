"""One request of the dialect while it is answered, and what its handlers may use.

What a newcomer would get wrong: `Call.turn.key` is None for a request that needs no key and brought none; whoever needs to
know who asks says so in the DTO (`auth="key"`), and reads `Call.key`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from litestar.types import Receive, Scope

from bus.desk import Desk
from gateway.aiserver.sessions import Sessions
from gateway.answer import Front
from gateway.area import Area
from gateway.artifacts import Artifacts
from gateway.files import Files
from gateway.inputs import origin_of
from gateway.links import Links
from gateway.parts import Parts
from gateway.quota import Quota
from gateway.records import Records
from gateway.turn import Turn
from gateway.variants import Variants
from gateway.workflows import Workflows
from schemas.dtos._model import Api
from schemas.media import FileRef
from schemas.provider import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the gateway has, for handlers."""

    parts: Parts
    front: Front
    desk: Desk
    records: Records
    files: Files
    area: Area
    quota: Quota
    links: Links
    artifacts: Artifacts
    variants: Variants
    workflows: Workflows
    sessions: Sessions


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, or one of a batch."""

    api: Api
    rooms: Rooms
    turn: Turn
    scope: Scope
    receive: Receive
    """The body, for a handler that is `raw`; else it has been read."""
    method: str
    query: list[tuple[str, str]]
    """As it came: what a DTO does not know (implicit filters) is still there."""
    path: Mapping[str, str] = field(default_factory=dict)
    """Fields that stand in the path."""
    files: dict[str, FileRef] = field(default_factory=dict)
    """Files that came in a form, by the name of their part. They are thrown away with the call, unless they are kept."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """More headers for the answer."""

    @property
    def key(self) -> ApiKey:
        """Who asks. Only where the DTO wants a key."""
        assert self.turn.key is not None
        return self.turn.key

    @property
    def base(self) -> str:
        """`https://host`, as the caller addressed us; empty where it can't be told."""
        return origin_of(self.turn.heads)

    def asked(self, name: str) -> str | None:
        """A word of the query, whatever its case."""
        return next((value for said, value in self.query if said.lower() == name.lower()), None)

    async def keep(self) -> None:
        """Make the files that came along files of the key. Raises `Problem`."""
        if self.turn.brought is not None:
            await self.turn.brought.keep()
            self.turn.brought = None


Handle: TypeAlias = Callable[[Any, Call], Awaitable[Any]]
"""(the DTO, the call) -> a DTO, a list, a text, None for nothing, or an ASGI application that answers by itself.

Raises `Problem`."""


@dataclass(frozen=True, slots=True)
class Handler:
    """`raw`: it reads the body itself, and its DTO is bound from query and path alone."""

    handle: Handle
    raw: bool = False
