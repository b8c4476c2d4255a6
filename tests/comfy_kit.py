"""A ComfyUI agent at work against the double: jobs in, events and files out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
from fake_comfyui import FakeComfyUI
from shelf_kit import Kit, open_shelf

from agents import comfyui
from agents._http import Http
from agents.agent import Tools, tools_for
from bus.connection import Link
from schemas.events import Done, Event, Progress
from schemas.job import Job
from schemas.media import MediaResult, decode_media
from schemas.problem import Fault, Problem
from schemas.provider import Provider

Nodes = dict[str, Any]


class Story:
    """What one job has told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def progress(self) -> list[Progress]:
        return [event for event in self.events if isinstance(event, Progress)]

    @property
    def stages(self) -> list[str]:
        return [event.stage for event in self.progress]

    @property
    def result(self) -> MediaResult:
        assert isinstance(self.events[-1], Done), self.events
        return decode_media(self.events[-1].body)


class Bench:
    """A started agent, its double and a shelf."""

    def __init__(self, comfy: FakeComfyUI, tools: Tools, kit: Kit) -> None:
        self.comfy, self.tools, self.kit = comfy, tools, kit

    async def run(self, nodes: Nodes, **more: Any) -> Story:
        return await self.perform(self.job(nodes, **more))

    def job(self, nodes: Nodes, op: str = "workflow", **more: Any) -> Job:
        own = {name: more.pop(name) for name in ("durable", "attempt") if name in more}
        return self.kit.job(op, {"workflow": nodes, **more}, "comfyui", **own)

    async def perform(self, job: Job, tools: Tools | None = None, story: Story | None = None) -> Story:
        own, story = (tools or self.tools).fresh(), story or Story()
        own.files = self.kit.files(job)
        async with aclosing(comfyui.agent.handles[job.op](job, own)) as events:
            async for event in events:
                story.events.append(event)
        return story

    def start(self, nodes: Nodes, **more: Any) -> tuple["asyncio.Task[Story]", Story]:
        story = Story()
        return asyncio.create_task(self.perform(self.job(nodes, **more), story=story)), story

    async def fault(self, nodes: Nodes, **more: Any) -> Fault:
        """How it fails."""
        try:
            story = await self.run(nodes, **more)
        except Problem as problem:
            return problem.fault
        raise AssertionError(f"it did not fail: {story.result}")

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Tools]:
        """The tools of another process for the same provider."""
        async with Http() as http:
            twin = tools_for(self.tools.provider, http, {})
            async with comfyui.start(twin, lambda share, what: None) as ready:
                yield ready


@asynccontextmanager
async def bench(nats: Link, comfy: FakeComfyUI | None = None, **provider: Any) -> AsyncIterator[Bench]:
    async with comfy or FakeComfyUI() as comfy, open_shelf(nats) as kit, Http() as http:
        said = Provider(name="box", kind="comfyui", base_url=comfy.url)
        tools = tools_for(msgspec.structs.replace(said, **provider), http, {})
        async with comfyui.start(tools, lambda share, what: None) as ready:
            yield Bench(comfy, ready, kit)


async def until(true: Any, seconds: float = 5.0) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def drawn(steps: int = 4, width: int = 64, prefix: str = "cat") -> Nodes:
    """Text to image as ComfyUI's own first example has it."""
    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
        "5": node("EmptyLatentImage", width=width, height=64, batch_size=1),
        "6": node("CLIPTextEncode", text="a cat", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="", clip=["4", 1]),
        "3": node(
            "KSampler", "Paint", model=["4", 0], seed=7, steps=steps, cfg=7.0, sampler_name="euler", scheduler="normal",
            positive=["6", 0], negative=["7", 0], latent_image=["5", 0], denoise=1.0,
        ),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix=prefix),
    }  # fmt: skip


def plain(width: int = 32, batch: int = 1) -> Nodes:
    return {
        "1": node("EmptyImage", width=width, height=32, batch_size=batch, color=255),
        "2": node("SaveImage", "Keep", images=["1", 0], filename_prefix="plain"),
    }


def inverted() -> Nodes:
    return {
        "1": node("LoadImage", "Photo", image="example.png"),
        "2": node("ImageInvert", image=["1", 0]),
        "3": node("SaveImage", images=["2", 0], filename_prefix="dark"),
    }


def node(kind: str, title: str = "", **inputs: Any) -> Nodes:
    return {"class_type": kind, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}
