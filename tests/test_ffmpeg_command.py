"""A foreign program under `agents/_command.py`: alone, bounded, and gone with its group when nobody waits for it."""

import asyncio
import os
import signal
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from bus_house import until
from ffmpeg_kit import events_of, ffmpeg, long, made, processes, tools_of, video
from shelf_kit import open_shelf

from agents._command import OUTPUT, TAIL, Command, Limits, run, running, words
from agents.ffmpeg import agent
from bus.connection import Link
from schemas.problem import Code, Problem

MIB = 1024 * 1024


def python(code: str, **limits: float) -> Command:
    return Command(argv=(sys.executable, "-I", "-S", "-c", code), limits=Limits(**limits))  # type: ignore[arg-type]


def group_lives(pid: int) -> bool:
    """Somebody of the process group still runs; zombies do not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            return True
    return False


async def test_a_program_gets_nothing_but_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_SERVER_SECRET", "s3cret")
    told = "import os,sys; print(sorted(os.environ), repr(sys.stdin.read()), os.getpgid(0)==os.getpid()==os.getsid(0))"
    ended = await run(python(told))
    assert ended.good
    assert ended.output.decode().strip() == "['LC_ALL'] '' True"


async def test_a_program_runs_in_its_limits() -> None:
    told = "import os,resource as r; print(*(r.getrlimit(x)[0] for x in (r.RLIMIT_CPU,r.RLIMIT_FSIZE,r.RLIMIT_DATA,r.RLIMIT_CORE)), os.nice(0))"  # noqa: E501
    ended = await run(python(told, cpu=7, file=MIB, memory=512 * MIB, nice=3))
    assert ended.output.split() == [b"7", b"%d" % MIB, b"%d" % (512 * MIB), b"0", b"%d" % min(19, os.nice(0) + 3)]


async def test_a_program_that_takes_too_long_is_killed_with_all_it_started() -> None:
    started = time.monotonic()
    async with running(Command(argv=("/bin/sh", "-c", "sleep 60 & sleep 60"), limits=Limits(seconds=0.2))) as program:
        ended = await program.end()
    assert (ended.late, ended.good, ended.code) == (True, False, -signal.SIGKILL)
    assert time.monotonic() - started < 5
    await until(lambda: not group_lives(program.pid), 1.0)


async def test_a_program_that_spins_runs_out_of_cpu() -> None:
    ended = await run(python("while True: pass", cpu=1, seconds=30))
    assert ended.code == -signal.SIGXCPU


async def test_a_program_cannot_fill_the_disk(tmp_path: Path) -> None:
    command = Command(argv=("/bin/sh", "-c", "yes > big"), folder=tmp_path, limits=Limits(file=MIB))
    ended = await run(command)
    assert not ended.good
    assert (tmp_path / "big").stat().st_size == MIB


async def test_a_program_cannot_fill_the_memory() -> None:
    ended = await run(python("x = bytearray(600_000_000)", memory=200 * MIB))
    assert "MemoryError" in ended.tail


async def test_what_a_program_says_is_kept_in_part() -> None:
    code = "import sys; sys.stdout.write('o'*3_000_000); sys.stderr.write('e'*3_000_000+'last words')"
    ended = await run(python(code))
    assert len(ended.output) == OUTPUT
    assert len(ended.tail) == TAIL
    assert ended.tail.endswith("last words")


async def test_a_line_that_never_ends_is_not_collected() -> None:
    async with running(python("print('x' * 5_000_000); print('end')")) as program:
        lines = [line async for line in program.lines()]
    assert max(map(len, lines)) < 100_000
    assert lines[-1] == "end"


async def test_a_program_that_is_not_there_is_a_problem_without_its_path() -> None:
    with pytest.raises(Problem) as refused:
        await run(Command(argv=("/nowhere/at/all/tool",)))
    assert refused.value.code is Code.UNAVAILABLE
    assert "/nowhere" not in refused.value.fault.message


async def test_leaving_the_block_kills_the_group() -> None:
    async with running(Command(argv=("/bin/sh", "-c", "sleep 60 & sleep 60"))) as program:
        assert group_lives(program.pid)
    await until(lambda: not group_lives(program.pid), 1.0)  # a grandchild dies by itself, after its parent


async def test_cancelling_the_task_kills_the_group() -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with running(Command(argv=("/bin/sh", "-c", "sleep 60 & sleep 60"))) as program:
            started.set_result(program.pid)
            await program.end()

    task = asyncio.create_task(work())
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not group_lives(pid), 1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_program_dies_with_an_agent_that_is_killed(tmp_path: Path, loop: str) -> None:
    note = tmp_path / "pid"
    code = f"""
import {loop}, asyncio, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from agents._command import Command, running
async def main():
    async with running(Command(argv=("/bin/sleep", "60"))) as program:
        open({str(note)!r} + ".new", "w").write(str(program.pid))
        import os
        os.rename({str(note)!r} + ".new", {str(note)!r})
        await program.end()
asyncio.Runner(loop_factory={loop}.new_event_loop).run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    async with asyncio.timeout(20):
        while not note.exists():  # noqa: ASYNC110 - it is another process that writes it
            await asyncio.sleep(0.01)
        pid = int(note.read_text())
        parent.kill()
        await parent.wait()
        while group_lives(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_what_a_program_said_is_shown_without_paths_and_addresses() -> None:
    said = "[mov @ 0x55c8aa5cdb80] moov atom not found\nError opening input file /tmp/ai-server-job-1/video.in.\n"
    assert words(said) == "moov atom not found"
    assert words("[in#0 @ 0xdeadbeef] /srv/secret place/x: bad\x07") == "… place/x: bad".replace(" place/x", " place…")
    assert "/" not in words("cannot open '/a b/c d': file:/etc/passwd http://h/x")
    assert words("") == ""
    assert len(words("word " * 1000)) == 300


# ---- the agent's own ffmpeg ------------------------------------------------------------------------------------------


async def test_a_cancelled_job_leaves_no_ffmpeg_and_no_folder(nats: Link) -> None:
    async with open_shelf(nats) as shelf:
        source = await shelf.given(long(), "video/mp4", "long.mp4")
        job = shelf.job("convert_video", {"video": source, "output_format": "webm"}, "ffmpeg")
        folders = set(_folders())
        async with aclosing(agent.handles["convert_video"](job, tools_of(shelf, job))) as events:
            async for event in events:
                if getattr(event, "stage", "") == "encoding":
                    break
            assert processes(ffmpeg())
            assert len(set(_folders()) - folders) == 1
            started = time.monotonic()
        assert time.monotonic() - started < 1.0
        assert not processes(ffmpeg())
        assert set(_folders()) == folders


async def test_a_job_whose_deadline_passes_is_stopped(nats: Link) -> None:
    async with open_shelf(nats) as shelf:
        source = await shelf.given(long(), "video/mp4", "long.mp4")
        body = {"video": source, "output_format": "webm"}
        job = shelf.job("convert_video", body, "ffmpeg", deadline=time.time() + 0.5)
        with pytest.raises(Problem) as refused:
            _ = [event async for event in agent.handles["convert_video"](job, tools_of(shelf, job))]
        assert refused.value.code is Code.DEADLINE
        assert not processes(ffmpeg())


async def test_a_result_that_grows_too_large_is_refused(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents._ffmpeg_run.LARGEST", 20_000)
    async with open_shelf(nats) as shelf:
        with pytest.raises(Problem, match="larger") as refused:
            await made(shelf, "convert_audio", audio=video(), output_format="wav")
        assert (refused.value.code, refused.value.fault.param) == (Code.TOO_LARGE, "audio")


async def test_a_full_disk_refuses_the_job_before_it_is_fetched(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents._ffmpeg_run.RESERVE", 2**60)
    async with open_shelf(nats) as shelf:
        with pytest.raises(Problem, match="disk") as refused:
            await events_of(shelf, "convert_video", video=video(), output_format="mp4")
        assert refused.value.code is Code.OVERLOADED


def _folders() -> list[Path]:
    import tempfile

    return list(Path(tempfile.gettempdir()).glob(f"ai-server-job-{os.getpid()}-*"))
