"""What goes wrong at a ComfyUI: nothing is lost, nothing runs twice, and nobody else's work is touched."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from comfy_kit import Bench, Story, bench, drawn, inverted, node, plain, until
from fake_comfyui import FakeComfyUI

from agents import _comfy_line, _comfy_results, _comfy_run
from bus import retry
from bus.connection import Link
from schemas.problem import Code, Fault, Problem


@pytest.fixture
async def house(nats: Link, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    hurried(monkeypatch)
    async with bench(nats) as ready:
        await until(lambda: ready.tools.thing.line.up)
        yield ready


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, in a tenth of the time."""
    for name, seconds in (
        ("POLL", 0.1),
        ("WAITING", 0.2),
        ("SILENCE", 0.3),
        ("DEAF", 0.5),
        ("AWAY", 0.6),
        ("SETTLE", 0.3),
    ):
        monkeypatch.setattr(_comfy_run, name, seconds)
    monkeypatch.setattr(_comfy_line, "BACKOFF", (0.02, 0.1))


def tried_elsewhere(fault: Fault) -> bool:
    again = retry.verdict("workflow", fault, (), durable=True)
    return again is not None and again.elsewhere


# ---- the socket -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [1, 2, 3, 5, 9, 14])
async def test_a_socket_that_breaks_after_any_event_loses_nothing(house: Bench, events: int) -> None:
    """checklist 75"""
    house.comfy.drop_after = events
    story = await house.run(drawn())
    assert len(story.result.artifacts) == 1
    assert len(house.comfy.runs) == 1
    await until(lambda: house.tools.thing.line.up)


async def test_without_a_socket_the_history_is_asked(nats: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    comfy = FakeComfyUI()
    comfy.refuse_ws = True
    async with bench(nats, comfy) as house:
        assert len((await house.run(drawn())).result.artifacts) == 1
        comfy.broken["3"] = ("RuntimeError", "no such luck")
        assert "no such luck" in (await house.fault(drawn(steps=5))).message


async def test_a_socket_that_says_nothing_is_not_waited_for(house: Bench) -> None:
    house.comfy.silent = True
    house.comfy.slow = 0.2
    assert (await house.run(plain())).result.artifacts
    assert house.comfy.asked.count("GET /ws") >= 1


async def test_a_socket_that_is_no_longer_ours_is_made_anew(house: Bench) -> None:
    house.comfy.hold("3")
    task, _ = house.start(drawn())
    await house.comfy.reached.wait()
    house.comfy.silent = True
    await until(lambda: house.comfy.asked.count("GET /ws") >= 2)
    house.comfy.silent = False
    house.comfy.let_go()
    assert (await task).result.artifacts


async def test_events_that_come_before_the_answer_count(house: Bench) -> None:
    house.comfy.answer_late.clear()
    story = await house.run(drawn())
    assert story.result.artifacts
    assert len(house.comfy.runs) == 1


async def test_a_late_end_of_the_prompt_before_ends_nothing(house: Bench) -> None:
    house.comfy.late_null = True
    for width in (32, 64, 96):
        assert (await house.run(drawn(width=width))).result.artifacts[0].width == width


async def test_a_history_that_comes_late_is_waited_for(house: Bench) -> None:
    house.comfy.history_after = 0.2
    assert (await house.run(plain())).result.artifacts


async def test_what_the_events_told_is_enough_where_the_history_was_wiped(house: Bench) -> None:
    house.comfy.forget_success = True
    assert (await house.run(plain())).result.artifacts


# ---- sent once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True])
async def test_a_lost_answer_does_not_run_it_twice(nats: Link, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    hurried(monkeypatch)
    async with bench(nats, FakeComfyUI(old=old)) as house:
        house.comfy.hold("1")
        house.comfy.lose_answer = True
        task, _ = house.start(plain())
        await house.comfy.reached.wait()
        await until(lambda: "GET /queue" in house.comfy.asked)
        house.comfy.let_go()
        assert (await task).result.artifacts
        assert len(house.comfy.runs) == len(house.comfy.prompts) == 1


async def test_an_old_server_that_names_prompts_itself_is_understood(
    nats: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch)
    async with bench(nats, FakeComfyUI(old=True)) as house:
        house.comfy.slow = 0.05
        story = await house.run(drawn(steps=8))
        assert story.result.artifacts
        assert any(event.preview for event in story.progress)


@pytest.mark.parametrize("ended", [False, True])
async def test_a_job_whose_agent_died_goes_on_where_it_was(house: Bench, ended: bool) -> None:
    house.comfy.hold("3")
    job = house.job(drawn(), durable=True)
    async with house.another() as dying:
        wire, client = dying.thing.wire, dying.thing.line.client
        from agents.comfyui import _key

        await wire.send(drawn(), _key(job), client, {})  # and then it was killed
    await house.comfy.reached.wait()
    if ended:
        house.comfy.let_go()
        await until(lambda: house.comfy.running is None)
    task = asyncio.create_task(house.perform(job))
    await until(lambda: any(asked.startswith("GET /history") for asked in house.comfy.asked) or not ended)
    house.comfy.let_go()
    assert (await task).result.artifacts
    assert len(house.comfy.runs) == len(house.comfy.prompts) == 1


async def test_a_job_given_back_is_begun_anew(house: Bench) -> None:
    job = house.job(drawn(), durable=True)
    house.comfy.hold("3")
    task = asyncio.create_task(house.perform(job))
    await house.comfy.reached.wait()
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: house.comfy.running is None)
    house.comfy.let_go()
    assert (await house.perform(job)).result.artifacts
    assert len(set(house.comfy.runs)) == 2


# ---- stopped --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True])
async def test_a_cancelled_job_is_interrupted_within_a_second(
    nats: Link, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    hurried(monkeypatch)
    async with bench(nats, FakeComfyUI(old=old)) as house:
        house.comfy.hold("3")
        task, _ = house.start(drawn())
        await house.comfy.reached.wait()
        await cancelled(task)
        await until(lambda: house.comfy.running is None, 1.0)
        assert house.comfy.history[house.comfy.runs[0]]["entry"]["status"]["status_str"] == "error"


@pytest.mark.parametrize("old", [False, True])
async def test_a_cancelled_job_in_the_queue_leaves_what_runs_alone(
    nats: Link, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    hurried(monkeypatch)
    async with bench(nats, FakeComfyUI(old=old)) as house:
        house.comfy.hold("1")
        theirs = house.comfy.foreign(plain())
        await house.comfy.reached.wait()
        task, _ = house.start(drawn())
        await until(lambda: len(house.comfy.queue) == 1)
        await cancelled(task)
        assert (house.comfy.queue, house.comfy.interrupts) == ([], [])
        house.comfy.let_go()
        await until(lambda: theirs in house.comfy.history)
        assert house.comfy.runs == [theirs]


async def test_a_job_cancelled_while_its_prompt_is_on_its_way_leaves_none_behind(house: Bench) -> None:
    house.comfy.answer_late.clear()
    house.comfy.hold("3")
    task, _ = house.start(drawn())
    await house.comfy.reached.wait()
    task.cancel()
    house.comfy.answer_late.set()
    await asyncio.wait([task], timeout=1.0)
    assert task.cancelled()
    await until(lambda: house.comfy.running is None, 1.0)


async def test_a_reader_that_goes_away_stops_the_prompt(house: Bench) -> None:
    from agents import comfyui

    house.comfy.slow = 0.05
    job, own = house.job(drawn(steps=200)), house.tools.fresh()
    own.files = house.kit.files(job)
    events = comfyui.agent.handles["workflow"](job, own)
    await anext(events)
    await events.aclose()
    await until(lambda: bool(house.comfy.history) or not house.comfy.runs, 1.0)
    assert house.comfy.running is None


async def cancelled(task: "asyncio.Task[Story]") -> None:
    task.cancel()
    await asyncio.wait([task], timeout=1.0)
    assert task.cancelled()


# ---- it fails -------------------------------------------------------------------------------------------------------


async def test_a_restarted_comfyui_has_forgotten_the_job_and_it_is_tried_again(house: Bench) -> None:
    house.comfy.hold("3")
    task, _ = house.start(drawn())
    await house.comfy.reached.wait()
    await house.comfy.down()
    await house.comfy.up()
    with pytest.raises(Problem) as caught:
        await task
    assert caught.value.code is Code.PROVIDER_UNREACHABLE
    assert "restarted" in str(caught.value)
    assert tried_elsewhere(caught.value.fault)
    house.comfy.let_go()
    assert (await house.run(drawn())).result.artifacts


async def test_a_comfyui_that_stays_away_is_given_up(house: Bench) -> None:
    house.comfy.hold("3")
    task, _ = house.start(drawn())
    await house.comfy.reached.wait()
    await house.comfy.down()
    with pytest.raises(Problem) as caught:
        await task
    assert caught.value.code is Code.PROVIDER_UNREACHABLE


async def test_a_node_that_fails_is_named_without_a_trace(house: Bench) -> None:
    house.comfy.broken["3"] = (
        "RuntimeError",
        "mat1 and mat2 do not fit in /srv/ComfyUI/models/checkpoints/sd15.safetensors",
    )
    fault = await house.fault(drawn())
    assert (fault.code, fault.provider_status) == (Code.PROVIDER_REFUSED, 422)
    assert "node 3 ('Paint', KSampler) failed: mat1 and mat2 do not fit in sd15.safetensors" in fault.message
    assert "/srv" not in fault.message
    assert "line 496" not in fault.message
    assert not tried_elsewhere(fault)


async def test_memory_that_ran_out_may_be_had_elsewhere(house: Bench) -> None:
    tips = "This error means you ran out of memory on your GPU.\n\nTIPS: batch_size"
    house.comfy.broken["3"] = ("torch.OutOfMemoryError", f"Allocation on device \n{tips}")
    fault = await house.fault(drawn())
    assert fault.message == "box ran out of memory in node 3 ('Paint', KSampler): Allocation on device"
    assert tried_elsewhere(fault)


async def test_what_somebody_else_interrupts_is_tried_again(house: Bench) -> None:
    house.comfy.hold("3")
    task, _ = house.start(drawn())
    await house.comfy.reached.wait()
    house.comfy.free()
    with pytest.raises(Problem) as caught:
        await task
    assert tried_elsewhere(caught.value.fault)
    assert house.comfy.interrupts == []


async def test_a_file_that_is_no_picture_is_the_callers_fault(house: Bench) -> None:
    text = await house.kit.given(b"I am a text named .png", "image/png", "a.png")
    fault = await house.fault(inverted(), files={"1.image": text})
    assert fault.code is Code.INVALID_REQUEST
    assert "cannot identify image file" in fault.message
    assert "ai-server-" not in fault.message


async def test_a_file_that_is_too_large_for_comfyui_says_what_to_change(house: Bench) -> None:
    large = await house.kit.given(bytes(5 * 1024 * 1024), "image/png", "a.png")
    fault = await house.fault(inverted(), files={"1.image": large})
    assert fault.code is Code.TOO_LARGE
    assert "--max-upload-size" in fault.message


@pytest.mark.parametrize("faults", [["cut"], ["empty", "html"], ["truncated", "cut"]])
async def test_a_broken_download_is_tried_again(house: Bench, faults: list[str]) -> None:
    house.comfy.view_faults = faults
    result = (await house.run(plain(batch=1))).result
    assert len(await house.kit.bytes_of(result.artifacts[0])) == result.artifacts[0].size
    assert len(house.comfy.runs) == 1


@pytest.mark.parametrize("fault", ["cut", "empty", "html", "truncated", "missing"])
async def test_a_download_that_stays_broken_is_an_error(
    house: Bench, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_comfy_results, "TRIES", 2)
    house.comfy.view_faults = [fault] * 9
    found = await house.fault(plain(batch=3))
    assert found.code in (Code.PROVIDER_GARBLED, Code.PROVIDER_UNREACHABLE, Code.PROVIDER_REFUSED)


async def test_a_prompt_that_was_taken_from_the_queue_is_tried_again(house: Bench) -> None:
    house.comfy.hold("1")
    house.comfy.foreign(plain())
    await house.comfy.reached.wait()
    task, _ = house.start({**drawn(), "1": node("PrimitiveInt", value=1)})
    await until(lambda: len(house.comfy.queue) == 1)
    house.comfy.queue.clear()
    with pytest.raises(Problem) as caught:
        await task
    assert tried_elsewhere(caught.value.fault)
    house.comfy.let_go()
