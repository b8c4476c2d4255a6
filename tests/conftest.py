"""What every room's tests share: a real nats-server for each test, on a data directory of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from bus.connection import Link
from ops.embedded import EmbeddedNats

if TYPE_CHECKING:
    from ui_kit import Ui

    from bus.connection import Bus
    from storage.archive import Archive

hypothesis.settings.register_profile(
    "house", deadline=None
)  # speed is the bench's business; a busy machine is no failure
hypothesis.settings.load_profile("house")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    """A server of the test's own, with all that is known of it (pid, port, callout, restarts)."""
    async with EmbeddedNats(tmp_path, durability="process") as embedded:
        yield embedded


@pytest.fixture
async def nats(server: EmbeddedNats) -> Link:
    """The way to that server, as the user with all rights."""
    return server.link


@pytest.fixture
async def bus(nats: Link) -> "AsyncIterator[Bus]":
    """A connection to that server, its streams declared."""
    from bus.connection import open_bus
    from bus.streams import declare

    async with open_bus(nats, "test") as connected:
        await declare(connected)
        yield connected


@pytest.fixture
def archive(tmp_path: Path) -> "Iterator[Archive]":
    """The writer of an archive, its epoch begun."""
    from archive_kit import opened

    writer = opened(tmp_path / "archive")
    yield writer
    writer.close()


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Ui]":
    """A house and a browser before it: one for all tests of a file."""
    from ui_kit import opened

    with opened(tmp_path_factory.mktemp("ui")) as ui:
        yield ui


@pytest.fixture
def ui(ui_of_this_file: "Ui") -> "Iterator[Ui]":
    """The same; at the end every page of the test must have been quiet (`tests/ui_kit.py`)."""
    yield ui_of_this_file
    ui_of_this_file.settle()
