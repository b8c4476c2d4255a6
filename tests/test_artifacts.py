"""The files of jobs: what agents read and make, and that a job that does not succeed leaves nothing."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from shelf_kit import KEY, TENANT, Kit, open_shelf

from agents.agent import Agent, Tools
from bus.connection import Link
from ops.artifacts import Keeping
from ops.provide import performer
from schemas.events import Done, Event, Progress
from schemas.files import ARTIFACT, FileRecord
from schemas.job import Job
from schemas.media import Artifact, FileRef
from schemas.problem import Code, Problem
from schemas.provider import Provider


@pytest.fixture
async def shelf(nats: Link) -> AsyncIterator[Kit]:
    async with open_shelf(nats) as kit:
        yield kit


async def owned(shelf: Kit) -> list[FileRecord]:
    return await (await shelf.shelf.files()).records.of(TENANT, KEY)


async def blobs(shelf: Kit) -> list[str]:
    return [blob.name async for blob in (await shelf.shelf.files()).blobs.all()]


async def test_what_an_agent_is_given_comes_back_in_every_form(shelf: Kit) -> None:
    files, data = shelf.files(), os.urandom(3_000_000)
    ref = await shelf.given(data, "image/jpeg", "../../etc/passwd")
    assert await files.whole(ref) == data
    async with files.folder() as folder:
        path = await files.fetch(ref, folder)
        assert (path.parent, path.suffix, path.read_bytes()) == (folder, ".jpg", data)
        named = await files.fetch(ref, folder, "in.bin")
        assert named == folder / "in.bin"
    assert not folder.exists()
    with pytest.raises(Problem) as refused:
        await files.whole(ref, limit=1000)
    assert refused.value.code is Code.TOO_LARGE


async def test_a_folder_is_removed_when_its_job_is_cancelled_and_so_are_those_of_killed_processes(shelf: Kit) -> None:
    dead = Path("/tmp") / "x"
    async with shelf.files().folder() as folder:
        dead = folder.parent / "ai-server-job-999999999-left"
        dead.mkdir()
        same = (
            folder.parent / f"ai-server-job-{os.getpid()}-left"
        )  # in a container the next process has that number too
        same.mkdir()
        os.utime(same, (1, 1))
        async with shelf.files().folder():
            assert folder.exists()  # younger than its process, so somebody here uses it

    inside: asyncio.Future[Path] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with shelf.files().folder() as path:
            (path / "half").write_bytes(b"x")
            inside.set_result(path)
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    path = await inside
    assert (dead.exists(), same.exists()) == (False, False)
    task.cancel()
    await asyncio.wait([task])
    assert not path.exists()


async def test_what_an_agent_puts_is_a_file_once_its_job_is_done(shelf: Kit) -> None:
    job = shelf.job("text_to_image", b"{}")
    files = shelf.files(job)
    made = await files.put(b"abc", "image/png", Artifact(width=3, height=4, node="9", title="a cat"))
    assert await shelf.bytes_of(made) == b"abc"
    assert await owned(shelf) == []
    await files.settle()
    await files.settle()
    (record,) = await owned(shelf)
    assert (f"file-{record.id}", record.filename, record.size) == (made.id, made.file_name, made.size)
    assert (record.purpose, record.area, record.job, record.width) == (ARTIFACT, "public", job.id, 3)
    assert (made.node, made.title, made.file_name[-4:]) == ("9", "a cat", ".png")
    assert made.url.startswith("/artifacts/2")


async def test_results_are_kept_as_the_settings_say(nats: Link, tmp_path: Path) -> None:
    keeping = Keeping(public=False, days=2, base_url="https://cdn.example/x/", largest=1_000_000)
    async with open_shelf(nats, keeping=keeping) as shelf:
        files = shelf.files()
        (tmp_path / "a.mp4").write_bytes(b"v" * 600_000)
        made = await files.put_file(tmp_path / "a.mp4", "video/mp4", Artifact(file_name="../cut: it"))
        await files.settle()
        (record,) = await owned(shelf)
        assert (record.area, round(record.expires - record.created)) == ("private", 2 * 86_400)
        assert (made.url[:19], made.file_name) == ("/artifacts/private/", "cut it.mp4")
        with pytest.raises(Problem) as refused:
            await files.put(bytes(1_000_001), "video/mp4")
        assert refused.value.code is Code.TOO_LARGE
    async with open_shelf(nats, keeping=Keeping(base_url="https://cdn.example/x/")) as shelf:
        made = await shelf.files().put(b"abc", "image/png")
        assert made.url.startswith("https://cdn.example/x/artifacts/2")


Handle = Callable[[Job, Tools], AsyncGenerator[Event, None]]


def perform(shelf: Kit, handle: Handle) -> tuple[Job, AsyncIterator[Event]]:
    """As a worker runs it."""
    tools = Tools(shelf.http, Provider(name="p", kind="image"))
    job = shelf.job("convert_image", b"{}")
    return job, performer(Agent(handles={"convert_image": handle}), tools, None, shelf.shelf)(job)[0]


async def test_a_job_that_succeeds_has_its_files_before_it_says_so(shelf: Kit) -> None:
    async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        await tools.shelf.put(b"one", "image/png")
        yield Progress(0.5, "half")
        await tools.shelf.put(b"two", "image/png")
        yield Done(b"{}")

    _, events = perform(shelf, handle)
    seen = [(type(event), len(await owned(shelf))) async for event in events]
    assert seen == [(Progress, 0), (Done, 2)]


@pytest.mark.parametrize("end", ["problem", "crash", "cancel", "silence", "hung up"])
async def test_a_job_that_does_not_succeed_leaves_nothing(shelf: Kit, end: str) -> None:
    async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        await tools.shelf.put(os.urandom(600_000), "image/png")
        yield Progress(0.5, "half")
        if end == "problem":
            raise Problem(Code.INVALID_REQUEST, "no")
        if end == "crash":
            raise ZeroDivisionError
        if end == "cancel":
            await asyncio.Event().wait()

    async def run() -> None:
        _, events = perform(shelf, handle)
        async for _ in events:
            stored.set()
            if end == "hung up":
                await events.aclose()  # type: ignore[attr-defined]

    stored = asyncio.Event()
    task = asyncio.create_task(run())
    await stored.wait()
    if end == "cancel":
        task.cancel()
    await asyncio.wait([task])
    await shelf.shelf.close()
    assert await blobs(shelf) == []
    assert await owned(shelf) == []


async def test_what_is_put_after_the_end_is_refused_and_thrown_away(shelf: Kit) -> None:
    files = shelf.files()
    files.discard()
    with pytest.raises(Problem):
        await files.put(b"late", "image/png")
    await shelf.shelf.close()
    assert await blobs(shelf) == []


async def test_an_upload_that_was_cancelled_while_it_was_entered_takes_no_content_from_others(shelf: Kit) -> None:
    """The metadata is on its way when the cancel comes: its chunks must not go while it names them."""
    store = (await shelf.shelf.files()).blobs
    keep, entering = store.wire.keep, asyncio.Event()

    async def slow(subject: str, payload: bytes, **more: object) -> object:
        ack = await keep(subject, payload, **more)  # type: ignore[arg-type]
        if ".M." in subject and payload and not entering.is_set():
            entering.set()
            await asyncio.sleep(0.05)
        return ack

    store.wire.keep = slow  # type: ignore[method-assign, assignment]
    data = os.urandom(700_000)
    task = asyncio.create_task(shelf.files().put(data, "image/png"))
    await entering.wait()
    task.cancel()
    await asyncio.wait([task])
    made = await shelf.files().put(data, "image/png")
    await store.close()
    assert await shelf.bytes_of(made) == data
    assert len(await blobs(shelf)) == 1


# ---- who may read what ------------------------------------------------------------------------------------------------


async def test_a_job_reads_its_own_keys_files_and_public_ones_only(shelf: Kit) -> None:
    """The edge never names another's file; should it ever, the agent does not read it either."""
    mine = await shelf.given(b"mine", "image/png")
    theirs = await shelf.given(b"theirs", "image/png", key="k2")
    shared = await shelf.files(shelf.job("convert_image", b"{}", key="k2")).put(b"shared", "image/png")
    public = FileRef(blob=f"default/public/{shared.url.removeprefix('/artifacts/')}")
    files = shelf.files()
    assert [await files.whole(ref) for ref in (mine, public)] == [b"mine", b"shared"]
    for ref in (theirs, FileRef(blob=mine.blob.replace("default/", "other/")), FileRef(blob="x"), FileRef(blob="../x")):
        with pytest.raises(Problem) as refused:
            await files.whole(ref)
        assert refused.value.code is Code.NOT_FOUND
    assert await shelf.files(shelf.job("variant", b"{}")).whole(theirs) == b"theirs"  # the edge itself asks


async def test_a_url_is_fetched_within_its_limits_and_never_inside_our_network(nats: Link) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/there":
                raise web.HTTPFound("/a.png")
            case "/inside":
                raise web.HTTPFound("http://169.254.169.254/latest")
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/large":
                reply = web.StreamResponse()
                await reply.prepare(request)
                for _ in range(40):
                    await reply.write(bytes(100_000))
                return reply
            case "/broken":
                reply = web.StreamResponse(headers={"Content-Length": "1000"})
                await reply.prepare(request)
                await reply.write(b"x")
                assert request.transport is not None
                request.transport.close()
                return reply
            case "/a.png":
                return web.Response(body=b"\x89PNG")
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    try:
        async with open_shelf(nats, keeping=Keeping(largest=1_000_000)) as shelf:
            files = shelf.files()
            assert await files.whole(FileRef(url=f"{url}/there")) == b"\x89PNG"
            async with files.folder() as folder:
                path = await files.fetch(FileRef(url=f"{url}/a.png?x=/../../y.exe"), folder)
                assert (path.parent, path.suffix) == (folder, ".png")
            for path_, code in (
                ("/inside", Code.INVALID_REQUEST),
                ("/loop", Code.INVALID_REQUEST),
                ("/none", Code.INVALID_REQUEST),
                ("/broken", Code.INVALID_REQUEST),
                ("/large", Code.TOO_LARGE),
            ):
                with pytest.raises(Problem) as refused:
                    await files.whole(FileRef(url=f"{url}{path_}?secret=1"))
                assert (refused.value.code, "secret" in str(refused.value)) == (code, False)
            for wrong in ("file:///etc/passwd", "http://u:p@h/", "http://[::1", "ftp://h/x"):
                with pytest.raises(Problem):
                    await files.whole(FileRef(url=wrong))
        async with open_shelf(nats, private=False) as strict:
            with pytest.raises(Problem) as refused:
                await strict.files().whole(FileRef(url=f"{url}/a.png"))
            assert "may not be called" in str(refused.value)
    finally:
        await runner.cleanup()
