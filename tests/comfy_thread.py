"""The ComfyUI double beside a test that is not async: in a thread, with a loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_comfyui import FakeComfyUI


@contextmanager
def comfyui_running() -> Iterator[FakeComfyUI]:
    started, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    comfy = FakeComfyUI()

    async def live() -> None:
        async with comfy:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield comfy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
