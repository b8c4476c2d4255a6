"""What a gateway holds of variants: those used last, and those that are on their way.

What a newcomer would get wrong: whoever asks first may hang up first. The work goes on, for others may have joined it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MEMORY = 64 * 1024 * 1024
"""Bytes of variants that a gateway holds."""


class Flights(Generic[T]):
    """What is asked for several times at once is done once. It goes on though those who asked hang up: others may join."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[T]] = {}

    async def join(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.create_task(work())
            task.add_done_callback(lambda ended: self._landed(name, ended))
        return await asyncio.shield(task)

    def _landed(self, name: str, task: asyncio.Task[T]) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled():
            task.exception()  # somebody has to look at it, or it is logged as lost

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Memory:
    """The variants used last, of `room` bytes in all."""

    def __init__(self, room: int = MEMORY) -> None:
        self._room, self._size = room, 0
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def get(self, name: str, text: str) -> bytes | None:
        found = self._kept.get((name, text))
        if found is not None:
            self._kept.move_to_end((name, text))
        return found

    def put(self, name: str, text: str, data: bytes) -> None:
        self._size += len(data) - len(self._kept.pop((name, text), b""))
        self._kept[name, text] = data
        while self._size > self._room:
            self._size -= len(self._kept.popitem(last=False)[1])

    def drop(self, name: str) -> None:
        """All variants of one source."""
        for key in [key for key in self._kept if key[0] == name]:
            self._size -= len(self._kept.pop(key))
