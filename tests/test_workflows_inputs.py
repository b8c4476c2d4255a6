"""A workflow's inputs: found under names that callers can guess, filled with values that a server takes."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow_kit import INFO, RAW, drawn, flow, inputs_of, picture, text_to_image

from agents._flow import Flow, ObjectInfo, about, inspect, to_api, with_arguments
from schemas.problem import Code, Problem


def listed(workflow: dict[str, Any], info: ObjectInfo = INFO) -> dict[str, dict[str, Any]]:
    found = inspect(workflow, info)
    names = [one["name"] for one in found]
    assert len(set(names)) == len(names), "every widget has a name of its own"
    return {one["name"]: one for one in found}


def filled(args: dict[str, Any], made: Flow | None = None, **files: str) -> Flow:
    return with_arguments(made or flow(), args, files, INFO, None)


def refused(args: dict[str, Any], made: Flow | None = None, **files: str) -> Problem:
    with pytest.raises(Problem) as caught:
        filled(args, made, **files)
    assert caught.value.fault.code is Code.INVALID_REQUEST
    return caught.value


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_the_common_inputs_come_first_under_their_plain_names() -> None:
    found = listed(text_to_image())
    assert list(found)[:12] == [
        "positive_prompt",
        "negative_prompt",
        "seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "denoise",
        "ckpt_name",
        "width",
        "height",
        "batch_size",
    ]
    assert found["positive_prompt"] | {"tooltip": ""} == {
        "node_id": "6",
        "node": "CLIPTextEncode",
        "input": "text",
        "name": "positive_prompt",
        "names": ["positive_prompt", "Mine.text", "6.text"],
        "label": "Positive prompt",
        "type": "string",
        "default": "a bottle",
        "required": False,
        "multiline": True,
        "tooltip": "",
    }
    assert found["negative_prompt"]["default"] == "text, watermark"
    assert {name: found["cfg"][name] for name in ("type", "default", "min", "max", "step")} == {
        "type": "number",
        "default": 8,
        "min": 0.0,
        "max": 100.0,
        "step": 0.1,
    }
    assert found["scheduler"]["choices"] == ["normal", "karras", "simple"]
    assert found["SaveImage.filename_prefix"]["default"] == "ComfyUI"


def test_the_kind_of_a_workflow_is_told() -> None:
    assert about(text_to_image(), INFO) == {"type": "text_to_image", "outputs": ["image"]}
    invert = drawn("ImageInvert", 2, [], ins=[("image", "IMAGE", 1)], outs=[("IMAGE", [2])])
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 9, 0, "IMAGE"]]
    assert about(picture(invert, links=links, load=[1], save=2), INFO)["type"] == "image_to_image"
    api = {
        "1": {"class_type": "LoadAudio", "inputs": {"audio": "x.wav"}},
        "2": node("Whisper", audio=["1", 0], model="base"),
        "3": node("PreviewAny", source=["2", 0]),
    }
    assert about(api, INFO) == {"type": "speech_to_text", "outputs": ["text"]}
    api = {"1": node("LoadImage", image="x.png"), "2": node("SaveWEBM", images=["1", 0], fps=8)}
    assert about(api, INFO) == {"type": "image_to_video", "outputs": ["video"]}
    masked = {
        "1": node("LoadImage", image="x.png"),
        "2": node("SetLatentNoiseMask", samples=["4", 0], mask=["1", 1]),
        "4": node("VAEEncode", pixels=["1", 0]),
        "3": node("SaveImage", images=["1", 0], filename_prefix="x"),
    }
    assert about(masked, INFO)["type"] == "image_with_mask"


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def test_the_prompt_is_found_behind_guidance_control_nets_and_primitives() -> None:
    api = {
        "1": node("PrimitiveString", value="the prompt"),
        "2": node("CLIPTextEncode", text=["1", 0]),
        "3": node("CLIPTextEncode", text="not this"),
        "4": node("FluxGuidance", conditioning=["2", 0], guidance=3.5),
        "5": node("ControlNetApplyAdvanced", positive=["4", 0], negative=["3", 0], strength=1.0),
        "6": node("KSampler", positive=["5", 0], negative=["5", 1], steps=5),
        "7": node("PrimitiveInt", value=9),
        "8": node("EmptyLatentImage", width=["7", 0], height=["7", 0], batch_size=1),
    }
    found = listed(api)
    assert (found["positive_prompt"]["node_id"], found["negative_prompt"]["node_id"]) == ("1", "3")
    api["6"] = node("BasicGuider", conditioning=["4", 0])
    assert listed(api)["positive_prompt"]["node_id"] == "1"
    api["6"] = node("KSampler", positive=["2", 0], negative=["9", 0])
    api["9"] = node("ConditioningZeroOut", conditioning=["2", 0])
    assert "negative_prompt" not in listed(api)


def test_two_texts_of_one_encoder_are_one_prompt() -> None:
    api = {
        "2": node("CLIPTextEncodeFlux", clip_l="a", t5xxl="b", guidance=3.5),
        "6": node("KSampler", positive=["2", 0]),
    }
    assert list(listed(api))[:1] == ["positive_prompt"]
    made = filled({"positive_prompt": "both"}, to_api(api, INFO))
    assert (inputs_of(made, "2")["clip_l"], inputs_of(made, "2")["t5xxl"]) == ("both", "both")
    made = filled({"2.t5xxl": "one"}, to_api(api, INFO))
    assert (inputs_of(made, "2")["clip_l"], inputs_of(made, "2")["t5xxl"]) == ("a", "one")


def test_names_that_are_there_twice_get_numbers_in_the_order_of_the_nodes() -> None:
    api = {str(at): node("KSampler", steps=at, seed=at) for at in (10, 2, 30)}
    found = listed(api)
    assert {name: found[name]["node_id"] for name in ("steps", "steps_2", "steps_3", "seed_3")} == {
        "steps": "2",
        "steps_2": "10",
        "steps_3": "30",
        "seed_3": "30",
    }
    assert listed(dict(reversed(api.items()))).keys() == found.keys()
    made = filled({"steps_2": 7, "30.steps": 8, "KSampler.steps": 9}, to_api(api, INFO))
    assert [inputs_of(made, name)["steps"] for name in ("2", "10", "30")] == [9, 7, 8]


def test_files_are_required_unless_the_server_has_them() -> None:
    api = {
        "1": node("LoadImage", image="mine.png"),
        "2": node("LoadImage", image="example.png"),
        "3": node("LoadImage", image="m.png"),
        "4": node("SetLatentNoiseMask", mask=["3", 1]),
        "5": node("ImageBlend", image1=["1", 0], image2=["2", 0], factor=0.5),
    }
    found = listed(api)
    assert [(name, found[name]["required"], found[name]["type"]) for name in ("image", "image_2", "mask")] == [
        ("image", True, "file"),
        ("image_2", False, "file"),
        ("mask", True, "file"),
    ]
    assert "choices" not in found["image"]
    made = to_api(api, INFO)
    assert refused({}, made, mask="m1.png").fault.param == "image"
    assert refused({}, made, image="i1.png").fault.param == "mask"
    done = filled({}, made, image="i1.png", mask="m1.png")
    assert [inputs_of(done, name)["image"] for name in ("1", "2", "3")] == ["i1.png", "example.png", "m1.png"]
    assert refused({"image": "i1.png"}, made).fault.param == "arguments.image"
    assert refused({}, made, steps="x.png").fault.param == "steps"


# ---- filling in ------------------------------------------------------------------------------------------------------


def test_arguments_go_where_they_belong_and_nothing_else_changes() -> None:
    before = copy.deepcopy(flow().nodes)
    made = filled(
        {"positive_prompt": "a cat", "steps": "12", "cfg": 3, "sampler_name": "EULER_ancestral", "denoise": 0.5}
    )
    after = copy.deepcopy(before)
    after["6"]["inputs"]["text"] = "a cat"
    after["3"]["inputs"] |= {"steps": 12, "cfg": 3, "sampler_name": "euler_ancestral", "denoise": 0.5}
    after["3"]["inputs"]["seed"] = inputs_of(made, "3")["seed"]
    assert made.nodes == after
    assert flow().nodes == before


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("positivePrompt", "text", "x"),
        ("prompt", "text", "x"),
        ("Positive Prompt", "text", "x"),
        ("Mine.text", "text", "x"),
        ("6.text", "text", "x"),
        ("mine.TEXT", "text", "x"),
    ],
)
def test_names_are_understood_as_people_write_them(said: str, name: str, value: Any) -> None:
    assert inputs_of(filled({said: value}), "6")[name] == value


def test_our_own_words_for_the_common_inputs() -> None:
    made = filled({"model": "sd_xl_base_1.0", "sampler": "dpmpp_2m", "cfgScale": 4, "batchSize": 2})
    assert inputs_of(made, "4")["ckpt_name"] == "sd_xl_base_1.0.safetensors"
    assert (inputs_of(made, "3")["sampler_name"], inputs_of(made, "3")["cfg"]) == ("dpmpp_2m", 4)
    assert inputs_of(made, "5")["batch_size"] == 2


@pytest.mark.parametrize(
    ("args", "param", "word"),
    [
        ({"stepz": 5}, "arguments.stepz", "steps"),
        ({"steps": 0}, "arguments.steps", "from 1 to 10000"),
        ({"steps": 1.5}, "arguments.steps", "whole number"),
        ({"steps": True}, "arguments.steps", "whole number"),
        ({"steps": [5]}, "arguments.steps", "whole number"),
        ({"steps": {"a": 1}}, "arguments.steps", "whole number"),
        ({"steps": None}, "arguments.steps", "whole number"),
        ({"cfg": "much"}, "arguments.cfg", "number"),
        ({"cfg": float("nan")}, "arguments.cfg", "number"),
        ({"denoise": 1.01}, "arguments.denoise", "from 0 to 1"),
        ({"scheduler": "karas"}, "arguments.scheduler", "karras"),
        ({"scheduler": 5}, "arguments.scheduler", "normal"),
        ({"ckpt_name": "../../etc/passwd"}, "arguments.ckpt_name", "can't be"),
        ({"positive_prompt": ["4", 0]}, "arguments.positive_prompt", "text"),
        ({"images": "x"}, "arguments.images", "no input"),
    ],
)
def test_a_wrong_argument_is_refused_by_its_name(args: dict[str, Any], param: str, word: str) -> None:
    fault = refused(args).fault
    assert fault.param == param
    assert word in fault.message


def test_numbers_of_any_size_a_server_takes() -> None:
    assert inputs_of(filled({"seed": 2**64 - 1}), "3")["seed"] == 2**64 - 1
    assert inputs_of(filled({"seed": str(2**64 - 1)}), "3")["seed"] == 2**64 - 1
    assert inputs_of(filled({"steps": 5.0}), "3")["steps"] == 5


def test_a_seed_is_drawn_anew_where_the_ui_would_draw_it() -> None:
    drawing = text_to_image()
    assert len({inputs_of(filled({}, to_api(drawing, INFO)), "3")["seed"] for _ in range(5)}) == 5
    assert inputs_of(with_arguments(to_api(drawing, INFO), {}, {}, INFO, 7), "3")["seed"] == 7
    assert inputs_of(with_arguments(to_api(drawing, INFO), {"seed": 8}, {}, INFO, 7), "3")["seed"] == 8
    drawing["nodes"][4]["widgets_values"][1] = "fixed"
    assert inputs_of(filled({}, to_api(drawing, INFO)), "3")["seed"] == 1567
    assert inputs_of(filled({}, Flow(nodes=flow().nodes)), "3")["seed"] == 1567
    small = {**RAW, "RandomNoise": {"input": {"required": {"noise_seed": ["INT", {"max": 99}]}}, "output": ["NOISE"]}}
    made = with_arguments(
        to_api({"1": node("RandomNoise", noise_seed=1)}, ObjectInfo(small)), {}, {}, ObjectInfo(small), 12345
    )
    assert inputs_of(made, "1")["noise_seed"] <= 99


def test_what_is_linked_is_no_input() -> None:
    api = flow().nodes | {"20": node("PrimitiveInt", value=3)}
    api["3"]["inputs"]["steps"] = ["20", 0]
    found = listed(api)
    assert found["steps"]["node_id"] == "20"
    assert refused({"3.steps": 5}, to_api(api, INFO)).fault.param == "arguments.3.steps"
    assert inputs_of(filled({"steps": 5}, to_api(api, INFO)), "20")["value"] == 5


GOOD = {
    "steps": st.integers(1, 10000),
    "cfg": st.floats(0, 100),
    "seed": st.integers(0, 2**64 - 1),
    "denoise": st.floats(0, 1),
    "positive_prompt": st.text(),
    "negative_prompt": st.text(),
    "width": st.integers(16, 16384),
    "sampler_name": st.sampled_from(["euler", "euler_ancestral", "dpmpp_2m"]),
    "SaveImage.filename_prefix": st.text(),
}


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=GOOD))
def test_inputs_that_were_set_are_there_and_all_others_are_kept(args: dict[str, Any]) -> None:
    before = Flow(nodes=flow().nodes)
    made = filled(args, before)
    after = listed(made.nodes)
    assert {name: after[name]["default"] for name in args} == args
    was = listed(before.nodes)
    assert {name: after[name]["default"] for name in after if name not in args} == {
        name: was[name]["default"] for name in was if name not in args
    }
    assert {name: made.link("3", name) for name in ("model", "positive")} == {"model": ("4", 0), "positive": ("6", 0)}
    assert to_api(made.nodes, INFO).nodes == made.nodes


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from(sorted(GOOD)),
        st.none() | st.text() | st.floats() | st.lists(st.integers()),
    )
)
def test_any_arguments_are_taken_or_refused_by_name(args: dict[str, Any]) -> None:
    try:
        filled(args)
    except Problem as problem:
        named = [problem.fault.param == f"arguments.{name}" for name in args]
    else:
        named = [True]
    assert any(named)
