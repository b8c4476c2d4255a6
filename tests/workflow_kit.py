"""Small ComfyUI workflows for tests, and what a small server says of its nodes."""

from typing import Any

from agents._flow import Flow, ObjectInfo, to_api

Raw = dict[str, Any]
SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]
SIDE = ["INT", {"default": 512, "min": 16, "max": 16384, "step": 8}]
TEXT = ["STRING", {"multiline": True, "dynamicPrompts": True, "tooltip": "The text."}]


def node_class(
    required: Raw, outputs: list[str], optional: Raw | None = None, *, ends: bool = False, **more: Any
) -> Raw:
    """As `GET /object_info` has it."""
    sections = {"required": required, **({"optional": optional} if optional else {})}
    names = more.pop("output_name", outputs)
    return {"input": sections, "output": outputs, "output_name": names, "output_node": ends, **more}


RAW: Raw = {
    "CheckpointLoaderSimple": node_class(
        {"ckpt_name": [["sd_xl_base_1.0.safetensors", "v1-5-pruned.ckpt"], {}]},
        ["MODEL", "CLIP", "VAE"],
        display_name="Load Checkpoint",
    ),
    "CLIPTextEncode": node_class({"text": TEXT, "clip": ["CLIP"]}, ["CONDITIONING"]),
    "CLIPTextEncodeFlux": node_class(
        {"clip": ["CLIP"], "clip_l": TEXT, "t5xxl": TEXT, "guidance": ["FLOAT", {"default": 3.5}]}, ["CONDITIONING"]
    ),
    "FluxGuidance": node_class(
        {"conditioning": ["CONDITIONING"], "guidance": ["FLOAT", {"default": 3.5}]}, ["CONDITIONING"]
    ),
    "ConditioningZeroOut": node_class({"conditioning": ["CONDITIONING"]}, ["CONDITIONING"]),
    "ControlNetApplyAdvanced": node_class(
        {
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "image": ["IMAGE"],
            "strength": ["FLOAT", {"default": 1.0}],
        },
        ["CONDITIONING", "CONDITIONING"],
        output_name=["positive", "negative"],
    ),
    "EmptyLatentImage": node_class(
        {"width": SIDE, "height": SIDE, "batch_size": ["INT", {"default": 1, "min": 1, "max": 64}]}, ["LATENT"]
    ),
    "KSampler": node_class(
        {
            "model": ["MODEL"],
            "seed": SEED,
            "steps": ["INT", {"default": 20, "min": 1, "max": 10000}],
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1}],
            "sampler_name": [["euler", "euler_ancestral", "dpmpp_2m"]],
            "scheduler": ["COMBO", {"options": ["normal", "karras", "simple"]}],
            "positive": ["CONDITIONING"],
            "negative": ["CONDITIONING"],
            "latent_image": ["LATENT"],
            "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}],
        },
        ["LATENT"],
    ),
    "BasicGuider": node_class({"model": ["MODEL"], "conditioning": ["CONDITIONING"]}, ["GUIDER"]),
    "RandomNoise": node_class({"noise_seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1}]}, ["NOISE"]),
    "VAEDecode": node_class({"samples": ["LATENT"], "vae": ["VAE"]}, ["IMAGE"]),
    "VAEEncode": node_class({"pixels": ["IMAGE"], "vae": ["VAE"]}, ["LATENT"]),
    "SetLatentNoiseMask": node_class({"samples": ["LATENT"], "mask": ["MASK"]}, ["LATENT"]),
    "LoadImage": node_class({"image": [["example.png"], {"image_upload": True}]}, ["IMAGE", "MASK"]),
    "LoadAudio": node_class({"audio": [["example.wav"], {"audio_upload": True}]}, ["AUDIO"]),
    "ImageInvert": node_class({"image": ["IMAGE"]}, ["IMAGE"]),
    "ImageBlend": node_class(
        {"image1": ["IMAGE"], "image2": ["IMAGE"], "factor": ["FLOAT", {"default": 0.5}]}, ["IMAGE"]
    ),
    "SaveImage": node_class(
        {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]}, [], ends=True
    ),
    "SaveWEBM": node_class({"images": ["IMAGE"], "fps": ["FLOAT", {"default": 24.0}]}, [], ends=True),
    "PreviewAny": node_class({"source": ["*", {}]}, [], ends=True),
    "PrimitiveInt": node_class({"value": ["INT", {"control_after_generate": True}]}, ["INT"]),
    "PrimitiveString": node_class({"value": ["STRING", {}]}, ["STRING"]),
    "Whisper": node_class({"audio": ["AUDIO"], "model": [["base", "tiny"]]}, ["STRING"]),
    "Forced": node_class(
        {
            "text": ["STRING", {"forceInput": True}],
            "count": ["INT", {"default": 1}],
            "flag": ["BOOLEAN", {"default": True}],
        },
        ["STRING"],
    ),
    "Pick": node_class(
        {"name": ["COMBO", {"options": ["a", "b"], "control_after_generate": True}], "after": ["INT", {"default": 7}]},
        ["STRING"],
    ),
    "Dynamic": node_class(
        {
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {
                            "key": "size",
                            "inputs": {"required": {"width": ["INT", {"default": 8}], "image": ["IMAGE", {}]}},
                        },
                        {"key": "factor", "inputs": {"required": {"by": ["FLOAT", {"default": 1.0}]}}},
                    ]
                },
            ],
            "name": ["STRING", {"default": "x"}],
        },
        ["IMAGE"],
    ),
    "PackWidget": node_class(
        {"path": ["PACKPATH", {}], "many": ["MULTI", {}], "count": ["INT", {"default": 1}]}, ["STRING"]
    ),
}
INFO = ObjectInfo(RAW)


def drawn(kind: str, number: int, values: Any = None, *, ins: Any = (), outs: Any = (), **more: Any) -> Raw:
    """A node as the UI saves it. `ins`: (name, type, link) or (name, type, link, widget's name); `outs`: (type, links)."""
    slots = [
        {"name": one[0], "type": one[1], "link": one[2], **({"widget": {"name": one[3]}} if len(one) > 3 else {})}
        for one in ins
    ]
    outputs = [{"name": str(kind), "type": kind, "links": list(links)} for kind, links in outs]
    return {
        "id": number,
        "type": kind,
        "mode": 0,
        "inputs": slots,
        "outputs": outputs,
        "widgets_values": values,
        **more,
    }


def workflow(nodes: list[Raw], links: list[Any], **more: Any) -> Raw:
    return {"version": 0.4, "last_node_id": 99, "nodes": nodes, "links": links, **more}


def text_to_image() -> Raw:
    """What a newly opened ComfyUI shows."""
    return workflow(
        [
            drawn(
                "CheckpointLoaderSimple",
                4,
                ["sd_xl_base_1.0.safetensors"],
                outs=[("MODEL", [1]), ("CLIP", [3, 5]), ("VAE", [8])],
            ),
            drawn(
                "CLIPTextEncode", 6, ["a bottle"], ins=[("clip", "CLIP", 3)], outs=[("CONDITIONING", [4])], title="Mine"
            ),
            drawn("CLIPTextEncode", 7, ["text, watermark"], ins=[("clip", "CLIP", 5)], outs=[("CONDITIONING", [6])]),
            drawn("EmptyLatentImage", 5, [512, 768, 2], outs=[("LATENT", [2])]),
            drawn(
                "KSampler",
                3,
                [1567, "randomize", 20, 8, "euler", "normal", 1],
                ins=[
                    ("model", "MODEL", 1),
                    ("positive", "CONDITIONING", 4),
                    ("negative", "CONDITIONING", 6),
                    ("latent_image", "LATENT", 2),
                ],
                outs=[("LATENT", [7])],
            ),
            drawn("VAEDecode", 8, [], ins=[("samples", "LATENT", 7), ("vae", "VAE", 8)], outs=[("IMAGE", [9])]),
            drawn("SaveImage", 9, ["ComfyUI"], ins=[("images", "IMAGE", 9)]),
        ],
        [
            [1, 4, 0, 3, 0, "MODEL"],
            [2, 5, 0, 3, 3, "LATENT"],
            [3, 4, 1, 6, 0, "CLIP"],
            [4, 6, 0, 3, 1, "CONDITIONING"],
            [5, 4, 1, 7, 0, "CLIP"],
            [6, 7, 0, 3, 2, "CONDITIONING"],
            [7, 3, 0, 8, 0, "LATENT"],
            [8, 4, 2, 8, 1, "VAE"],
            [9, 8, 0, 9, 0, "IMAGE"],
        ],
    )


def picture(*between: Raw, links: Any, load: Any = (), save: int = 0, **more: Any) -> Raw:
    """LoadImage (1), what is between, SaveImage (9) that takes link `save`."""
    first = drawn("LoadImage", 1, ["example.png", "image"], outs=[("IMAGE", load), ("MASK", [])])
    last = drawn("SaveImage", 9, ["ComfyUI"], ins=[("images", "IMAGE", save)])
    return workflow([first, *between, last], list(links), **more)


def flow() -> Flow:
    return to_api(text_to_image(), INFO)


def inputs_of(made: Flow, node: str) -> Raw:
    return made.nodes[node]["inputs"]  # type: ignore[no-any-return]
