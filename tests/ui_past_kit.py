"""The house of `ui_kit` with a past: an archive of 120 days before it starts. In a test file:

@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with(tmp_path_factory.mktemp("ui"), 2000) as ui:
        yield ui
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ui_kit import Ui, opened

from ops.bench import archive_data


@contextmanager
def opened_with(folder: Path, rows: int) -> Iterator[Ui]:
    """The house and the browser, with so many requests in the archive."""
    archive_data.make(folder / "archive", rows, datetime.now(UTC).replace(tzinfo=None))
    with opened(folder) as ui:
        yield ui
