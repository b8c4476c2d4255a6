"""A workflow runs at a ComfyUI: what it makes comes back whole, its progress is told, its refusals are told in words."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
from comfy_kit import Bench, bench, drawn, inverted, node, plain, until
from fake_comfy_nodes import png, wav
from fake_comfyui import FakeComfyUI

from agents import comfyui
from agents._comfy_results import collect, files_of, texts_of
from agents._comfy_story import Frame, Story, read_frame
from agents._flow import Flow
from agents._previews import LARGEST, data_url
from bus.connection import Link
from schemas.problem import Code, Problem


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[Bench]:
    async with bench(nats) as ready:
        yield ready


async def test_every_file_and_text_that_a_workflow_made_comes_back(house: Bench) -> None:
    sound = await house.kit.given(wav(0.5), "audio/wav", "a.wav")
    nodes = {
        **plain(batch=3),
        "3": node("CreateVideo", images=["1", 0], fps=8.0),
        "4": node("SaveVideo", video=["3", 0], filename_prefix="video/clip", format="auto", codec="auto"),
        "5": node("LoadAudio", "Voice", audio="example.wav"),
        "6": node("SaveAudio", audio=["5", 0], filename_prefix="audio/voice"),
        "7": node("PrimitiveString", value="seen"),
        "8": node("PreviewAny", source=["7", 0]),
        "9": node("PreviewImage", images=["1", 0]),
    }
    result = (await house.run(nodes, files={"5.audio": sound})).result
    kinds = sorted(artifact.content_type for artifact in result.artifacts)
    assert kinds == ["audio/wav", "image/png", "image/png", "image/png", "video/mp4"]
    assert [(told.text, told.node) for told in result.texts] == [("seen", "8")]
    pictures = [artifact for artifact in result.artifacts if artifact.node == "2"]
    assert [(one.width, one.height, one.title) for one in pictures] == [(32, 32, "Keep")] * 3
    assert await house.kit.bytes_of(pictures[0]) == png(32, 32, 255)
    heard = next(one for one in result.artifacts if one.content_type == "audio/wav")
    assert await house.kit.bytes_of(heard) == wav(0.5)


async def test_progress_names_node_and_step_shows_previews_and_never_falls(house: Bench) -> None:
    house.comfy.slow = 0.05
    story = await house.run(drawn(steps=12))
    shares = [event.share for event in story.progress if event.share is not None]
    assert shares == sorted(shares)
    assert any(stage.startswith("Paint ") and stage.endswith("/12") for stage in story.stages)
    assert any(event.eta for event in story.progress)
    previews = [event.preview for event in story.progress if event.preview]
    assert previews
    assert all(preview.startswith("data:image/png;base64,") for preview in previews)


async def test_a_large_preview_is_made_small_enough_for_an_event() -> None:
    import random

    import pyvips

    noise = pyvips.Image.new_from_memory(random.Random(1).randbytes(900 * 900 * 3), 900, 900, 3, "uchar")
    large = noise.jpegsave_buffer(Q=95)
    assert len(large) > LARGEST
    url = await data_url(large, "image/jpeg")
    assert url.startswith("data:image/jpeg;base64,")
    assert len(url) <= LARGEST
    assert await data_url(b"no picture" * 10_000, "image/jpeg") == ""


async def test_what_is_cached_as_a_whole_is_done_at_once(house: Bench) -> None:
    first = (await house.run(drawn())).result
    story = await house.run(drawn())
    assert [artifact.url for artifact in story.result.artifacts] == [artifact.url for artifact in first.artifacts]
    assert [event.share for event in story.progress if event.share != 1.0] == []


async def test_inputs_are_stored_under_names_of_ours(house: Bench) -> None:
    photo = png(20, 10, 5)
    ref = await house.kit.given(photo, "image/png", "../my secret holiday.png")
    result = (await house.run(inverted(), files={"1.image": ref})).result
    assert (result.artifacts[0].width, result.artifacts[0].height) == (20, 10)
    assert house.comfy.inputs == {f"ai-server-{hashlib.sha256(photo).hexdigest()[:40]}.png": photo}


async def test_previews_count_where_nothing_else_was_made(house: Bench) -> None:
    shown = {**plain(), "2": node("PreviewImage", images=["1", 0])}
    assert len((await house.run(shown)).result.artifacts) == 1
    both = {**plain(), "3": node("PreviewImage", images=["1", 0])}
    assert [artifact.node for artifact in (await house.run(both)).result.artifacts] == ["2"]


async def test_a_picture_is_converted_where_that_was_asked(house: Bench) -> None:
    await house.run(plain())
    entry = next(iter(house.comfy.history.values()))["entry"]
    files = house.kit.files()
    made = await collect(files_of(entry["outputs"]), Flow(nodes={}), house.tools.thing.wire, files, "webp")
    assert [(one.content_type, one.file_name) for one in made] == [("image/webp", "plain_00001_.webp")]


async def test_all_jobs_share_one_socket_and_hear_their_own(house: Bench) -> None:
    stories = await asyncio.gather(*(house.run(plain(width)) for width in (33, 34, 35, 36)))
    assert [story.result.artifacts[0].width for story in stories] == [33, 34, 35, 36]
    assert house.comfy.asked.count("GET /ws") == 1
    assert len(house.comfy.runs) == 4


async def test_a_key_and_a_path_before_it_are_honoured_everywhere(nats: Link) -> None:
    async with bench(nats, FakeComfyUI(key="open-sesame", prefix="/gpu/7"), key="open-sesame") as house:
        await comfyui.check(house.tools)
        ref = await house.kit.given(png(8, 8), "image/png")
        assert (await house.run(inverted(), files={"1.image": ref})).result.artifacts
        assert house.tools.thing.line.up
    async with bench(nats, FakeComfyUI(key="open-sesame"), key="wrong") as house:
        assert (await house.fault(plain())).code is Code.PROVIDER_AUTH


@pytest.mark.parametrize(
    ("change", "said", "param"),
    [
        ({"1": node("EmptyImage", width=0, height=8, batch_size=1, color=0)}, "smaller than min", "width"),
        ({"2": node("SaveImage", "Keep", filename_prefix="x")}, "'images' is missing", "images"),
        ({"1": node("PrimitiveInt", value=3)}, "wrong type", "images"),
        ({"2": node("ImageInvert", image=["1", 0])}, "no output node", "workflow"),
        ({"1": node("EmptyImage", width="wide", height=8, batch_size=1, color=0)}, "width", "width"),
    ],
)
async def test_a_refused_workflow_names_node_and_input(house: Bench, change: dict, said: str, param: str) -> None:
    fault = await house.fault({**plain(), **change})
    assert (fault.code, fault.param) == (Code.INVALID_REQUEST, param)
    assert said in fault.message
    assert house.comfy.runs == []


async def test_a_workflow_that_would_run_in_part_does_not_run(house: Bench) -> None:
    house.comfy.foreign({"1": node("EmptyImage", width=8, height=8, batch_size=1, color=0), "2": plain()["2"]})
    house.comfy.hold("1")
    await house.comfy.reached.wait()
    other = {"8": node("EmptyImage", width=99_999, height=8, batch_size=1, color=0)}
    fault = await house.fault({**plain(), **other, "9": node("SaveImage", images=["8", 0], filename_prefix="x")})
    assert (fault.code, fault.param) == (Code.INVALID_REQUEST, "width")
    assert "node 8 (EmptyImage)" in fault.message
    house.comfy.let_go()
    await until(lambda: house.comfy.running is None)
    assert len(house.comfy.runs) == 1


async def test_a_model_file_that_is_not_there_may_be_elsewhere(house: Bench) -> None:
    lacking = {**drawn(), "4": node("CheckpointLoaderSimple", ckpt_name="flux.safetensors")}
    fault = await house.fault(lacking)
    assert (fault.code, fault.provider_status) == (Code.PROVIDER_REFUSED, 404)
    assert "flux.safetensors" in fault.message
    house.comfy.info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append("flux.safetensors")
    try:
        assert (await house.run(lacking)).result.artifacts  # copied there meanwhile: asked anew, and found
    finally:
        house.comfy.info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].remove("flux.safetensors")


async def test_a_workflow_that_made_nothing_is_no_success(house: Bench) -> None:
    empty = {**plain(), "1": node("EmptyImage", width=8, height=8, batch_size=1, color=0)}
    house.comfy._save = lambda *_: {}  # type: ignore[method-assign, assignment, return-value]
    fault = await house.fault(empty)
    assert fault.code is Code.INVALID_REQUEST
    assert "saved no file" in fault.message


async def test_what_it_can_do_and_how_it_is(house: Bench) -> None:
    await comfyui.check(house.tools)
    listed = await comfyui.models(house.tools)
    assert ("workflow", "comfyui") in {(model.op, model.name) for model in listed}


async def test_prompts_of_others_are_counted(house: Bench) -> None:
    house.comfy.hold("1")
    for _ in range(3):
        house.comfy.foreign(plain())
    await until(lambda: comfyui.backlog(house.tools) == 3)
    task, story = house.start(plain(40))
    await until(lambda: "queued, 3 before it" in story.stages)
    assert comfyui.backlog(house.tools) == 3
    house.comfy.let_go()
    assert (await task).result.artifacts
    await until(lambda: comfyui.backlog(house.tools) == 0)


def test_frames_of_both_sorts_are_read_and_others_passed_over() -> None:
    told = b'{"prompt_id": "p", "image_type": "image/png"}'
    assert read_frame(b"\0\0\0\1\0\0\0\1jpeg") == Frame(data=b"jpeg", content_type="image/jpeg")
    assert read_frame(b"\0\0\0\4" + len(told).to_bytes(4, "big") + told + b"png") == Frame(
        data=b"png", content_type="image/png", prompt="p"
    )
    assert read_frame(b"\0\0\0\3\0\0\0\x0212loading") == Frame(text="loading")
    for odd in (b"", b"\0\0\0\1", b"\0\0\0\4\xff\xff\xff\xffx", b"\0\0\0\4\0\0\0\2[]x", b"\0\0\0\x09\0\0\0\1abc"):
        assert read_frame(odd) is None


def test_files_are_found_under_any_name_and_each_once() -> None:
    place = {"filename": "a.mp4", "subfolder": "", "type": "output"}
    outputs = {
        "1": {"gifs": [{**place, "fullpath": "/x", "frame_rate": 8}], "images": [place], "animated": [True]},
        "2": {"3d": [{"filename": "m.glb", "subfolder": "mesh", "type": "output"}], "result": ["m.glb", None]},
        "3": {"images": [{"filename": "t.png", "subfolder": "", "type": "temp"}]},
        "4": {"text": ["one", ["two"]], "tags": "three"},
        "5": None,
    }
    assert [(one.filename, one.content_type) for one in files_of(outputs)] == [
        ("a.mp4", "video/mp4"), ("m.glb", "model/gltf-binary"),
    ]  # fmt: skip
    assert [told.text for told in texts_of(outputs)] == ["one", "two", "three"]


def test_a_blocked_node_is_not_the_end() -> None:
    story = Story({}, {"1": 1.0, "2": 1.0})
    story.feed("execution_start", {}, 1.0)
    story.feed(
        "execution_error", {"exception_type": "ExecutionBlocked", "exception_message": "Execution Blocked: no"}, 2.0
    )
    assert story.fault is None
    assert story.blocked == "Execution Blocked: no"
    story.feed("executing", {"node": "2.0.0.1", "display_node": "2"}, 3.0)
    assert story.progress(4.0).share == 0.0
    story.feed(
        "progress_state", {"nodes": {"2.0.0.1": {"value": 1, "max": 2, "state": "running", "display_node_id": "2"}}}, 5
    )
    assert story.progress(5.0).share == 0.25


async def test_a_workflow_tells_what_it_may_be_told(house: Bench) -> None:
    found = (await house.perform(house.job(drawn(), op="inspect_workflow"))).result.inputs
    assert found
    assert {"steps", "seed"} <= {one["name"] for one in found}
    assert house.comfy.runs == []


async def test_an_unreachable_comfyui_is_told_as_such(nats: Link) -> None:
    async with bench(nats) as house:
        await until(lambda: house.tools.thing.line.up)
        await house.comfy.down()
        with pytest.raises(Problem) as caught:
            await comfyui.check(house.tools)
        assert caught.value.code is Code.PROVIDER_UNREACHABLE
        assert (await house.fault(plain())).code is Code.PROVIDER_UNREACHABLE
        await house.comfy.up()
