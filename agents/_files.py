"""The files of a job, as its agent sees them: read what it was given, put away what it made.

Whoever runs the agent (`ops/artifacts.py`) brings the object store along, for agents know no storage. What a newcomer
would get wrong: what was put belongs to the job at once, and is thrown away again if the job fails after that.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from schemas.media import Artifact, FileRef


class Files(Protocol):
    """One job's files. All of it raises `Problem`: NOT_FOUND for a file that is gone, INVALID_REQUEST for a URL that can't
    be fetched, TOO_LARGE, OVERLOADED when the store is full."""

    def read(self, ref: FileRef) -> AsyncIterator[bytes]:
        """Its bytes, in pieces."""

    async def whole(self, ref: FileRef, limit: int = 64 * 1024 * 1024) -> bytes:
        """All of its bytes. Raises `Problem(TOO_LARGE)` behind `limit`."""

    def folder(self) -> AbstractAsyncContextManager[Path]:
        """A folder of this job's own, removed at the end whatever happens."""

    async def fetch(self, ref: FileRef, folder: Path, name: str = "") -> Path:
        """Write its bytes into a file in `folder`. `name` empty: made up, with an extension that fits. Never the caller's."""

    async def put(
        self, data: bytes | AsyncIterable[bytes], content_type: str, about: Artifact | None = None
    ) -> Artifact:
        """Store a result. `about` brings what is known beside the bytes (file_name, width, height, seconds, node, title);
        what comes back has id, url, size and a file_name too."""

    async def put_file(self, path: Path, content_type: str, about: Artifact | None = None) -> Artifact:
        """The same for a file on disk."""
