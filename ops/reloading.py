"""Read the catalogue anew, in all processes of the house, without a restart.

Whoever is asked reads its own files first, so that a mistake in an override is told to the one who asks and changes nothing
anywhere. What a newcomer would get wrong: agents announce models under the catalogue's names, so a provider's agent has to
begin anew to say them.
"""

from collections.abc import Callable
from pathlib import Path

import structlog

from bus import subjects
from bus.connection import Bus
from bus.wire import Message
from ops import catalogue
from schemas.catalogue import Catalogue
from schemas.problem import Code, Problem

log = structlog.get_logger()


class Reloading:
    """Keeps `held` as the files say, whenever anyone asks for it; then calls `then`."""

    def __init__(self, bus: Bus, held: Catalogue, overrides: Path, then: Callable[[], None]) -> None:
        self.bus, self.held, self.overrides, self.then = bus, held, overrides, then

    async def start(self) -> None:
        await self.bus.listen(subjects.RELOAD, self._heard)

    async def ask(self) -> None:
        """Here and everywhere. Raises `Problem(INVALID_REQUEST)` that names the file."""
        self._read()
        self.bus.tell(subjects.RELOAD)

    def _heard(self, message: Message) -> None:
        try:
            self._read()
        except Problem as problem:
            log.warning("catalogue.reload_failed", error=str(problem))

    def _read(self) -> None:
        try:
            found = catalogue.load(self.overrides)
        except catalogue.BadCatalogueError as error:
            raise Problem(Code.INVALID_REQUEST, str(error)) from error
        if not self.held.same(found):
            self.held.become(found)
            self.then()
            log.info("catalogue.reloaded", types=len(found.types), models=len(found.models))
