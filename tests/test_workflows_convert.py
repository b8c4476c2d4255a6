"""From what ComfyUI's UI saves to what its server runs. The expected results are those of the UI's own export."""

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow_kit import INFO, drawn, inputs_of, picture, text_to_image, workflow

from agents._flow import to_api
from agents._flow_text import replaced, shuffled
from schemas.problem import Code, Problem


def refused(drawing: Any) -> str:
    with pytest.raises(Problem) as caught:
        to_api(drawing, INFO)
    assert caught.value.fault.code is Code.INVALID_REQUEST
    assert caught.value.fault.param == "workflow"
    return caught.value.fault.message


def test_the_workflow_of_a_new_comfyui_becomes_what_its_ui_exports() -> None:
    made = to_api(text_to_image(), INFO)
    assert inputs_of(made, "3") == {
        "seed": 1567,
        "steps": 20,
        "cfg": 8,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    assert inputs_of(made, "9") == {"filename_prefix": "ComfyUI", "images": ["8", 0]}
    assert made.nodes["6"]["_meta"] == {"title": "Mine"}
    assert made.nodes["4"]["_meta"] == {"title": "Load Checkpoint"}
    assert made.loose == {("3", "seed")}


def test_links_as_objects_and_nulls_among_them_mean_the_same() -> None:
    old, new = text_to_image(), text_to_image()
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    new["links"] = [dict(zip(keys, link, strict=True)) for link in old["links"]] + [None]
    new["version"] = 1
    new["extra"] = {"linkExtensions": [{"id": 1, "parentId": 1}], "reroutes": [{"id": 1, "pos": [0, 0]}]}
    assert to_api(new, INFO) == to_api(old, INFO)


def test_the_api_form_stays_as_it_is_and_converting_twice_changes_nothing() -> None:
    made = to_api(text_to_image(), INFO)
    assert to_api(made.nodes, INFO).nodes == made.nodes
    assert to_api({"prompt": made.nodes, "client_id": "x"}, INFO).nodes == made.nodes


def test_a_seed_without_its_control_does_not_shift_what_follows() -> None:
    drawing = text_to_image()
    drawing["nodes"][4]["widgets_values"] = [1567, 20, 8, "sample_euler", "normal", 1]
    made = to_api(drawing, INFO)
    assert (inputs_of(made, "3")["steps"], inputs_of(made, "3")["sampler_name"]) == (20, "euler")
    assert not made.loose


def test_values_by_name_and_missing_values() -> None:
    drawing = text_to_image()
    drawing["nodes"][4]["widgets_values"] = {"seed": 5, "steps": 9, "videopreview": {"x": 1}}
    drawing["nodes"][3]["widgets_values"] = [640]
    made = to_api(drawing, INFO)
    assert {name: inputs_of(made, "3")[name] for name in ("seed", "steps", "cfg", "sampler_name")} == {
        "seed": 5,
        "steps": 9,
        "cfg": 8.0,
        "sampler_name": "euler",
    }
    assert inputs_of(made, "5") == {"width": 640, "height": 512, "batch_size": 1}


def test_a_widget_made_an_input_takes_its_link_or_keeps_its_value() -> None:
    drawing = text_to_image()
    drawing["nodes"][4]["inputs"] += [
        {"name": "steps", "type": "INT", "link": 20, "widget": {"name": "steps"}},
        {"name": "cfg", "type": "FLOAT", "link": None, "widget": {"name": "cfg"}},
        {"name": "seed", "type": "INT", "link": 21, "widget": {"name": "seed"}},
    ]
    drawing["nodes"] += [
        drawn("PrimitiveInt", 20, [12, "fixed"], outs=[("INT", [20])]),
        drawn("PrimitiveNode", 21, [99, "randomize"], outs=[("INT", [21])]),
    ]
    drawing["links"] += [[20, 20, 0, 3, 4, "INT"], [21, 21, 0, 3, 6, "INT"]]
    made = to_api(drawing, INFO)
    given_ = inputs_of(made, "3")
    assert (given_["steps"], given_["cfg"], given_["seed"]) == (["20", 0], 8, 99)
    assert "21" not in made.nodes


def test_reroutes_notes_and_set_and_get_nodes_leave_no_trace() -> None:
    made = to_api(
        picture(
            drawn("Reroute", 2, None, ins=[("", "*", 1)], outs=[("", [2])]),
            drawn("SetNode", 3, ["pic"], ins=[("IMAGE", "IMAGE", 2)]),
            drawn("GetNode", 4, ["pic"], outs=[("IMAGE", [3])]),
            drawn("Note", 5, ["do this"]),
            drawn("MarkdownNote", 6, ["# that"]),
            drawn("Fast Muter (some pack)", 7, None, ins=[("", "*", None)], outs=[("OPT", [])]),
            links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "IMAGE"], [3, 4, 0, 9, 0, "IMAGE"]],
            load=[1],
            save=3,
        ),
        INFO,
    )
    assert sorted(made.nodes) == ["1", "9"]
    assert inputs_of(made, "9")["images"] == ["1", 0]


def test_a_muted_node_goes_with_the_links_that_leave_it() -> None:
    drawing = text_to_image()
    drawing["nodes"][2]["mode"] = 2
    made = to_api(drawing, INFO)
    assert "7" not in made.nodes
    assert "negative" not in inputs_of(made, "3")


def test_a_bypassed_node_passes_on_what_fits_by_type() -> None:
    blend = drawn(
        "ImageBlend",
        2,
        [0.5],
        ins=[("mask", "MASK", 1), ("image1", "IMAGE", 2), ("image2", "IMAGE", None)],
        outs=[("IMAGE", [3])],
        mode=4,
    )
    links = [[1, 1, 1, 2, 0, "MASK"], [2, 1, 0, 2, 1, "IMAGE"], [3, 2, 0, 9, 0, "IMAGE"]]
    made = to_api(picture(blend, links=links, load=[2], save=3), INFO)
    assert inputs_of(made, "9")["images"] == ["1", 0]
    blend["inputs"] = [{"name": "clip", "type": "CLIP", "link": 1}]
    made = to_api(picture(blend, links=links, load=[2], save=3), INFO)
    assert "images" not in inputs_of(made, "9")


def sub(
    nodes: list[Any], links: list[Any], inputs: list[Any], outputs: list[Any], name: str = "sub-1"
) -> dict[str, Any]:
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    return {
        "id": name,
        "name": name,
        "nodes": nodes,
        "links": [dict(zip(keys, link, strict=True)) for link in links],
        "inputs": [{"id": str(at), "name": one, "type": kind} for at, (one, kind) in enumerate(inputs)],
        "outputs": [{"id": str(at), "name": one, "type": kind} for at, (one, kind) in enumerate(outputs)],
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
    }


def inverted_size() -> dict[str, Any]:
    """A subgraph: its picture inverted, and a blend whose factor is an input with a widget."""
    return sub(
        [
            drawn("ImageInvert", 1, [], ins=[("image", "IMAGE", 1)], outs=[("IMAGE", [2])]),
            drawn(
                "ImageBlend",
                2,
                [0.25],
                ins=[("image1", "IMAGE", 2), ("image2", "IMAGE", 2), ("factor", "FLOAT", 3, "factor")],
                outs=[("IMAGE", [4])],
            ),
        ],
        [[1, -10, 0, 1, 0, "IMAGE"], [2, 1, 0, 2, 0, "IMAGE"], [3, -10, 1, 2, 2, "FLOAT"], [4, 2, 0, -20, 0, "IMAGE"]],
        [("image", "IMAGE"), ("factor", "FLOAT")],
        [("IMAGE", "IMAGE")],
    )


def with_sub(instance: dict[str, Any], *subs: dict[str, Any]) -> dict[str, Any]:
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 9, 0, "IMAGE"]]
    return picture(instance, links=links, load=[1], save=2, definitions={"subgraphs": list(subs)})


def instance(kind: str = "sub-1", values: Any = None, **more: Any) -> dict[str, Any]:
    slots = [("image", "IMAGE", 1), ("factor", "FLOAT", None, "factor")]
    return drawn(kind, 2, values, ins=slots, outs=[("IMAGE", [2])], **more)


def test_a_subgraph_is_expanded_and_its_nodes_are_named_by_their_way() -> None:
    made = to_api(with_sub(instance(), inverted_size()), INFO)
    assert sorted(made.nodes) == ["1", "2:1", "2:2", "9"]
    assert inputs_of(made, "2:1") == {"image": ["1", 0]}
    assert inputs_of(made, "2:2") == {"image1": ["2:1", 0], "image2": ["2:1", 0], "factor": 0.25}
    assert inputs_of(made, "9")["images"] == ["2:2", 0]


@pytest.mark.parametrize(
    "more",
    [
        {"values": [0.75]},
        {"values": [0.75], "properties": {"proxyWidgets": [["-1", "factor"]]}},
        {"values": [0.75], "properties": {"proxyWidgets": [["2", "factor"]]}},
    ],
)
def test_the_values_of_an_instance_go_over_those_inside(more: dict[str, Any]) -> None:
    made = to_api(with_sub(instance(**more), inverted_size()), INFO)
    assert inputs_of(made, "2:2")["factor"] == 0.75


def test_two_instances_of_one_subgraph_have_nodes_of_their_own() -> None:
    drawing = with_sub(instance(values=[0.1]), inverted_size())
    second = {**instance(values=[0.9]), "id": 3}
    second["inputs"] = [{"name": "image", "type": "IMAGE", "link": 1}]
    drawing["nodes"].append(second)
    made = to_api(drawing, INFO)
    assert (inputs_of(made, "2:2")["factor"], inputs_of(made, "3:2")["factor"]) == (0.1, 0.9)


def test_subgraphs_in_subgraphs_and_bypassed_and_muted_ones() -> None:
    outer = sub(
        [drawn("sub-1", 5, None, ins=[("image", "IMAGE", 1)], outs=[("IMAGE", [2])])],
        [[1, -10, 0, 5, 0, "IMAGE"], [2, 5, 0, -20, 0, "IMAGE"]],
        [("image", "IMAGE")],
        [("IMAGE", "IMAGE")],
        "outer",
    )
    made = to_api(with_sub(instance("outer"), outer, inverted_size()), INFO)
    assert sorted(made.nodes) == ["1", "2:5:1", "2:5:2", "9"]
    assert inputs_of(made, "2:5:1") == {"image": ["1", 0]}
    assert inputs_of(made, "9")["images"] == ["2:5:2", 0]
    passed = to_api(with_sub(instance("outer", mode=4), outer, inverted_size()), INFO)
    assert inputs_of(passed, "9")["images"] == ["1", 0]
    muted = to_api(with_sub(instance("outer", mode=2), outer, inverted_size()), INFO)
    assert "images" not in inputs_of(muted, "9")


def test_an_old_group_node_is_expanded() -> None:
    group = {
        "nodes": [
            drawn("ImageInvert", 0, [], ins=[("image", "IMAGE", None)], outs=[("IMAGE", [])], index=0),
            drawn(
                "KSampler",
                0,
                [1, "fixed", 20, 8, "euler", "normal", 1],
                ins=[("model", "MODEL", None), ("latent_image", "LATENT", None)],
                outs=[("LATENT", [])],
                index=1,
            ),
            drawn(
                "ImageBlend",
                0,
                [0.5],
                ins=[("image1", "IMAGE", None), ("image2", "IMAGE", None)],
                outs=[("IMAGE", [])],
                index=2,
            ),
        ],
        "links": [[0, 0, 2, 0, 1, "IMAGE"], [None, 0, 0, 0, 4, "IMAGE"]],
        "external": [],
    }
    slots = [("image", "IMAGE", 1), ("model", "MODEL", None), ("latent_image", "LATENT", None), ("image2", "IMAGE", 1)]
    node = drawn(
        "workflow>Pair",
        2,
        [77, "randomize", 5, 2, "euler", "karras", 1, 0.125],
        ins=slots,
        outs=[("LATENT", []), ("IMAGE", [2])],
    )
    drawing = with_sub(node)
    drawing["links"][1] = [2, 2, 1, 9, 0, "IMAGE"]
    drawing["extra"] = {"groupNodes": {"Pair": group}}
    made = to_api(drawing, INFO)
    assert inputs_of(made, "2:0") == {"image": ["1", 0]}
    assert inputs_of(made, "2:2") == {"image1": ["2:0", 0], "image2": ["1", 0], "factor": 0.125}
    assert {name: inputs_of(made, "2:1")[name] for name in ("seed", "steps", "scheduler")} == {
        "seed": 77,
        "steps": 5,
        "scheduler": "karras",
    }
    assert inputs_of(made, "9")["images"] == ["2:2", 0]


def values_of(kind: str, values: Any, ins: Any = ()) -> dict[str, Any]:
    drawing = workflow([drawn(kind, 1, values, ins=ins, outs=[("STRING", [])])], [])
    return inputs_of(to_api(drawing, INFO), "1")


def test_odd_widgets() -> None:
    assert values_of("Pick", ["b", "randomize", "", 3]) == {"name": "b", "after": 3}
    assert values_of("Pick", ["b", 3]) == {"name": "b", "after": 3}
    assert values_of("Forced", [4, False]) == {"count": 4, "flag": False}
    assert values_of("Forced", ["was a widget", 4, False]) == {"count": 4, "flag": False}
    assert values_of("Dynamic", ["size", 64, "n"]) == {"mode": "size", "mode.width": 64, "name": "n"}
    assert values_of("Dynamic", ["factor", 2.5, "n"]) == {"mode": "factor", "mode.by": 2.5, "name": "n"}
    assert values_of("LoadImage", ["mine.png", "image"]) == {"image": "mine.png"}
    assert values_of(
        "PackWidget", ["/x", ["a", "b"], 3], [("path", "PACKPATH", None, "path"), ("many", "MULTI", None, "many")]
    ) == {
        "path": "/x",
        "many": {"__value__": ["a", "b"]},
        "count": 3,
    }


def test_what_the_ui_writes_into_texts_is_written() -> None:
    drawing = text_to_image()
    drawing["nodes"][1]["widgets_values"] = ["a {red} bottle // not this"]
    drawing["nodes"][6]["widgets_values"] = ["%KSampler.seed%_%nobody.x%_%width%"]
    drawing["nodes"][4]["properties"] = {"Node name for S&R": "KSampler"}
    made = to_api(drawing, INFO)
    assert inputs_of(made, "6")["text"] == "a red bottle "
    assert inputs_of(made, "9")["filename_prefix"] == "1567_%nobody.x%_%width%"
    assert {shuffled("{a|{b|c}}") for _ in range(200)} == {"a", "b", "c"}
    assert shuffled("\\{kept\\}") == "{kept}"
    assert len(replaced("%date:yyyy-MM-dd%", [])) == 10


def test_an_unknown_class_is_named_with_its_node_and_its_pack() -> None:
    drawing = picture(
        drawn(
            "Magic", 5, [], ins=[("image", "IMAGE", 1)], outs=[("IMAGE", [2])], properties={"cnr_id": "comfyui-magic"}
        ),
        links=[[1, 1, 0, 5, 0, "IMAGE"], [2, 5, 0, 9, 0, "IMAGE"]],
        load=[1],
        save=2,
    )
    said = refused(drawing)
    assert "Magic" in said
    assert "node 5" in said
    assert "comfyui-magic" in said
    drawing["nodes"][1]["mode"] = 4
    assert "5" not in to_api(drawing, INFO).nodes
    assert "Magic" in refused({"7": {"class_type": "Magic", "inputs": {}}})


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"nodes": []},
        {"nodes": [1]},
        {"nodes": [{"id": 1}]},
        {"1": {"inputs": {}}},
        {"1": []},
        {"nodes": "x"},
        {"1": {"class_type": "SaveImage", "inputs": []}},
        {"nodes": [drawn("Note", 1, [])]},
        {"nodes": [{**drawn("SaveImage", 1), "inputs": [5]}]},
        {"nodes": [{**drawn("SaveImage", 1), "mode": "x"}]},
    ],
)
def test_what_is_no_workflow_is_refused_in_words(bad: Any) -> None:
    assert refused(bad)


def test_circles_and_bombs_are_refused() -> None:
    circle = workflow(
        [
            drawn("Reroute", 1, None, ins=[("", "*", 1)], outs=[("", [2])]),
            drawn("Reroute", 2, None, ins=[("", "*", 2)], outs=[("", [1])]),
            drawn("SaveImage", 3, ["x"], ins=[("images", "IMAGE", 2)]),
        ],
        [[1, 2, 0, 1, 0, "*"], [2, 1, 0, 2, 0, "*"]],
    )
    assert "circle" in refused(circle)
    itself = sub([drawn("sub-1", 1, None)], [], [], [])
    assert "holds itself" in refused(with_sub(instance(), itself))
    levels = [sub([drawn(f"s{at + 1}", one, None) for one in (1, 2)], [], [], [], f"s{at}") for at in range(20)]
    assert "more than" in refused(
        with_sub(instance("s0"), *levels, sub([drawn("ImageInvert", 1, [])], [], [], [], "s20"))
    )


def test_links_to_what_is_not_there_are_no_links() -> None:
    drawing = text_to_image()
    drawing["links"] = [link for link in drawing["links"] if link[0] != 2]
    drawing["links"][0] = [1, 404, 0, 3, 0, "MODEL"]
    made = to_api(drawing, INFO)
    assert {"model", "latent_image"}.isdisjoint(inputs_of(made, "3"))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_a_problem_and_never_a_crash(data: st.DataObject) -> None:
    drawing = copy.deepcopy(with_sub(instance(), inverted_size()))
    parts = [
        drawing,
        drawing["definitions"],
        drawing["definitions"]["subgraphs"][0],
        *drawing["nodes"],
        *drawing["nodes"][1]["inputs"],
    ]
    part = data.draw(st.sampled_from(parts))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JUNK)
    with suppress(Problem):
        made = to_api(drawing, INFO)
        assert json.loads(json.dumps(made.nodes)) == made.nodes
