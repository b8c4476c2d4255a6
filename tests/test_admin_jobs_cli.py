"""`ai-server jobs` and `ai-server queues` against a running gateway: what they print, and their exit codes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bus_house import until
from jobs_desk_kit import open_desk

from bus.connection import Link
from ops import errand_jobs
from ops.errand_jobs import Desk
from ops.talk import TalkError


async def test_the_commands_show_jobs_and_act_on_them(
    nats: Link, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_desk(nats, tmp_path, agent=False) as desk:
        at = Desk(desk.house.url, desk.boss)

        async def run(command: Any, *words: Any) -> tuple[int, str]:
            capsys.readouterr()
            code = await asyncio.to_thread(command, at, *words)
            return code, capsys.readouterr().out

        numbers = [await desk.queued(tag="nightly") for _ in range(3)]
        code, text = await run(errand_jobs.list_jobs, {"tag": "nightly"}, 2)
        assert code == 0
        assert str(numbers[2]) in text
        assert str(numbers[0]) not in text
        assert "--limit 4" in text
        code, text = await run(errand_jobs.show_job, numbers[0], False)
        assert "accepted" in text
        assert "cancel, first" in text
        asked = {"filter": {"tag": "nightly"}, "dry_run": True}
        code, text = await run(errand_jobs.act, "cancel", asked)
        assert code == 0
        assert "3 jobs are meant; nothing was done" in text
        assert (await run(errand_jobs.act, "first", {"ids": [numbers[1]]}))[1].endswith("first: 1 of 1 jobs\n")
        code, text = await run(errand_jobs.act, "cancel", {"ids": [numbers[1], 5]})
        assert code == 1
        assert "cancel: 1 of 2 jobs" in text
        text = (await run(errand_jobs.hold, "away", "pause", "new fans"))[1]
        assert "away: paused, 0 in flight, 2 waiting" in text
        text = (await run(errand_jobs.list_queues))[1]
        assert "new fans" in text
        assert (await run(errand_jobs.hold, "away", "resume"))[1].count("away: away")
        await until(lambda: not desk.house.config.holds)
        with pytest.raises(TalkError, match="There is no queue 'nowhere'"):
            await run(errand_jobs.hold, "nowhere", "pause")


def test_an_action_wants_ids_or_a_filter_and_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    from ops.commands.jobs import Which, cancel

    assert cancel() == 2
    assert cancel(5, which=Which(tag="a")) == 2
    assert "which jobs?" in capsys.readouterr().err
