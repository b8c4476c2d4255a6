"""Our own workflows: announced where a server can do them, filled with what a request says."""

import copy
import json
from typing import Any

import msgspec
import pytest
from workflow_kit import RAW, node_class

from agents._flow import Flow, ObjectInfo
from agents._templates import NEGATIVE, flow_for, served, workflows
from schemas.media import Media
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem

METHODS = [["nearest-exact", "lanczos"]]
CHECKPOINTS = [
    "sd_xl_base_1.0.safetensors",
    "XL/juggernautXL.safetensors",
    "v1-5-pruned.ckpt",
    "sdxl_lightning_8step.safetensors",
    "flux1-dev-fp8.safetensors",
    "512-inpainting-ema.safetensors",
    "stable_audio_open_1.0.safetensors",
    "svd_xt.safetensors",
    "sd_xl_refiner_1.0.safetensors",
]
UNETS = ["flux1-schnell.safetensors", "wan2.1_i2v_480p_14B.safetensors", "wan2.2_t2v_high_noise_14B.safetensors"]


def server(**without: Any) -> ObjectInfo:
    """A server with some models. `without`: choices that are others."""
    clips = ["t5xxl_fp16.safetensors", "clip_l.safetensors", "umt5_xxl.safetensors", "t5_base.safetensors"]
    number, text = ["INT", {"default": 1, "min": 0}], ["STRING", {}]
    classes = {
        **{name: raw for name, raw in copy.deepcopy(RAW).items() if name != "Whisper"},
        "CheckpointLoaderSimple": node_class({"ckpt_name": [CHECKPOINTS]}, ["MODEL", "CLIP", "VAE"]),
        "ImageOnlyCheckpointLoader": node_class({"ckpt_name": [CHECKPOINTS]}, ["MODEL", "CLIP_VISION", "VAE"]),
        "UNETLoader": node_class({"unet_name": [UNETS], "weight_dtype": [["default"]]}, ["MODEL"]),
        "DualCLIPLoader": node_class({"clip_name1": [clips], "clip_name2": [clips], "type": [["flux"]]}, ["CLIP"]),
        "CLIPLoader": node_class({"clip_name": [clips], "type": [["wan", "stable_audio"]]}, ["CLIP"]),
        "VAELoader": node_class({"vae_name": [["ae.safetensors", "wan_2.1_vae.safetensors"]]}, ["VAE"]),
        "CLIPVisionLoader": node_class({"clip_name": [[]]}, ["CLIP_VISION"]),
        "CLIPVisionEncode": node_class({"clip_vision": ["CLIP_VISION"], "image": ["IMAGE"]}, ["CLIP_VISION_OUTPUT"]),
        "EmptySD3LatentImage": node_class({"width": number, "height": number, "batch_size": number}, ["LATENT"]),
        "RepeatLatentBatch": node_class({"samples": ["LATENT"], "amount": number}, ["LATENT"]),
        "LoadImageMask": node_class(
            {"image": [[], {"image_upload": True}], "channel": [["alpha", "red", "green", "blue"]]}, ["MASK"]
        ),
        "VAEEncodeForInpaint": node_class(
            {"pixels": ["IMAGE"], "vae": ["VAE"], "mask": ["MASK"], "grow_mask_by": number}, ["LATENT"]
        ),
        "ImageScale": node_class(
            {"image": ["IMAGE"], "upscale_method": METHODS, "width": number, "height": number}, ["IMAGE"]
        ),
        "ImageScaleBy": node_class(
            {"image": ["IMAGE"], "upscale_method": METHODS, "scale_by": ["FLOAT", {}]}, ["IMAGE"]
        ),
        "UpscaleModelLoader": node_class(
            {"model_name": ["COMBO", {"options": ["4x-Ultra.pth", "RealESRGAN_x2.pth"]}]}, ["UPSCALE_MODEL"]
        ),
        "ImageUpscaleWithModel": node_class({"upscale_model": ["UPSCALE_MODEL"], "image": ["IMAGE"]}, ["IMAGE"]),
        "EmptyLatentAudio": node_class({"seconds": ["FLOAT", {}], "batch_size": number}, ["LATENT"]),
        "VAEDecodeAudio": node_class({"samples": ["LATENT"], "vae": ["VAE"]}, ["AUDIO"]),
        "SaveAudio": node_class({"audio": ["AUDIO"], "filename_prefix": text}, [], ends=True),
        "SaveAudioMP3": node_class(
            {"audio": ["AUDIO"], "filename_prefix": text, "quality": [["V0", "128k"]]}, [], ends=True
        ),
        "ModelSamplingSD3": node_class({"model": ["MODEL"], "shift": ["FLOAT", {}]}, ["MODEL"]),
        "WanImageToVideo": node_class(
            {"width": number, "height": number, "length": number, "batch_size": number},
            ["CONDITIONING", "CONDITIONING", "LATENT"],
        ),
        "SVD_img2vid_Conditioning": node_class(
            {"width": number, "height": number, "fps": number}, ["CONDITIONING"] * 2 + ["LATENT"]
        ),
        "VideoLinearCFGGuidance": node_class({"model": ["MODEL"], "min_cfg": ["FLOAT", {}]}, ["MODEL"]),
    }
    classes["KSampler"]["input"]["required"] |= {
        "sampler_name": [["euler", "euler_ancestral", "uni_pc", "dpmpp_2s_ancestral"]],
        "scheduler": [["normal", "karras", "simple", "sgm_uniform"]],
    }
    return ObjectInfo({name: raw for name, raw in (classes | without).items() if raw is not None})


INFO = server()


def models(op: str, info: ObjectInfo = INFO) -> dict[str, str]:
    return {model.name: model.native or model.name for model in served(info) if model.op == op}


def asked(op: str, **fields: Any) -> Media:
    needed = {"positive_prompt": "a cat", "image": "x", "mask": "x", "audio": "x", "input": "hello"}
    names = {one.encode_name for one in msgspec.structs.fields(OPERATIONS[op].request)}
    given = {name: value for name, value in (needed | fields).items() if name in names}
    return msgspec.convert(given, OPERATIONS[op].request)  # type: ignore[no-any-return]


def made(op: str, model: str, info: ObjectInfo = INFO, **fields: Any) -> Flow:
    return flow_for(
        op, asked(op, **fields), models(op, info)[model], info, {"image": "i.png", "mask": "m.png", "audio": "a.wav"}
    )


def inputs(flow: Flow, kind: str) -> dict[str, Any]:
    found = [flow.inputs(name) for name in flow.nodes if flow.class_of(name) == kind]
    assert len(found) == 1, (kind, len(found))
    return found[0]


def test_only_what_the_files_and_nodes_allow_is_announced() -> None:
    assert set(models("text_to_image")) == {
        "sd_xl_base_1.0",
        "juggernautXL",
        "v1-5-pruned",
        "sdxl_lightning_8step",
        "flux1-dev-fp8",
        "512-inpainting-ema",
        "flux1-schnell",
    }
    assert set(models("image_to_image")) == set(models("image_with_mask")) == set(models("text_to_image"))
    assert models("text_to_audio") == {"stable_audio_open_1.0": "stable_audio_open_1.0.safetensors"}
    assert set(models("image_to_video")) == {"wan2.1_i2v_480p_14B", "svd_xt"}
    assert not models("text_to_video")
    assert not models("image_to_text")
    assert not models("speech_to_text")
    assert next(iter(models("image_with_mask"))) == "512-inpainting-ema"
    assert list(models("text_to_image"))[-1] == "512-inpainting-ema"
    assert list(models("image_upscale")) == ["RealESRGAN_x2", "4x-Ultra", "lanczos"]


def test_a_missing_node_or_file_takes_its_models_away() -> None:
    assert not models("image_with_mask", server(LoadImageMask=None))
    without = node_class({"vae_name": [[]]}, ["VAE"])
    assert "flux1-schnell" not in models("text_to_image", server(VAELoader=without))
    assert "flux1-dev-fp8" in models("text_to_image", server(VAELoader=without))
    assert list(models("image_upscale", server(UpscaleModelLoader=None))) == ["lanczos"]
    assert served(ObjectInfo({})) == []


def test_files_of_one_name_in_two_folders_keep_their_folders() -> None:
    loader = node_class({"ckpt_name": [["a/model.safetensors", "b/model.safetensors"]]}, ["MODEL", "CLIP", "VAE"])
    assert set(models("text_to_image", server(CheckpointLoaderSimple=loader, UNETLoader=None))) == {
        "a/model.safetensors",
        "b/model.safetensors",
    }


@pytest.mark.parametrize(
    ("model", "steps", "cfg", "sampler", "scheduler", "side"),
    [
        ("sd_xl_base_1.0", 25, 7.0, "euler_ancestral", "normal", 1024),
        ("v1-5-pruned", 25, 7.0, "euler_ancestral", "normal", 512),
        ("sdxl_lightning_8step", 8, 1.0, "euler", "sgm_uniform", 1024),
        ("flux1-dev-fp8", 20, 1.0, "euler", "simple", 1024),
        ("flux1-schnell", 4, 1.0, "euler", "simple", 1024),
    ],
)
def test_a_family_brings_its_own_values(
    model: str, steps: int, cfg: float, sampler: str, scheduler: str, side: int
) -> None:
    flow = made("text_to_image", model)
    told = inputs(flow, "KSampler")
    assert (told["steps"], told["cfg"], told["sampler_name"], told["scheduler"]) == (steps, cfg, sampler, scheduler)
    empty = ("EmptyLatentImage", "EmptySD3LatentImage")
    size = next(flow.inputs(name) for name in flow.nodes if flow.class_of(name) in empty)
    assert (size["width"], size["height"], size["batch_size"]) == (side, side, 1)


def test_what_the_request_says_goes_over_them() -> None:
    flow = made(
        "text_to_image",
        "juggernautXL",
        width=700,
        height=512,
        batch_size=3,
        steps=5,
        cfg_scale=2,
        sampler="euler",
        scheduler="karras",
        seed=77,
        negative_prompt="dogs",
    )
    assert inputs(flow, "CheckpointLoaderSimple")["ckpt_name"] == "XL/juggernautXL.safetensors"
    told = inputs(flow, "KSampler")
    assert {name: told[name] for name in ("steps", "cfg", "sampler_name", "scheduler", "seed")} == {
        "steps": 5,
        "cfg": 2.0,
        "sampler_name": "euler",
        "scheduler": "karras",
        "seed": 77,
    }
    assert inputs(flow, "EmptyLatentImage") == {"width": 696, "height": 512, "batch_size": 3}
    texts = [flow.inputs(name)["text"] for name in flow.nodes if flow.class_of(name) == "CLIPTextEncode"]
    assert texts == ["a cat", f"dogs, {NEGATIVE}"]


def test_a_seed_is_drawn_when_none_is_given_and_templates_stay_as_they_are() -> None:
    before = workflows()
    seeds = {inputs(made("text_to_image", "sd_xl_base_1.0", seed=seed), "KSampler")["seed"] for seed in (None, 0, None)}
    assert len(seeds) == 3
    assert 0 not in seeds
    assert workflows() == before


def test_a_model_in_parts_gets_its_text_encoders_and_its_vae() -> None:
    flow = made("image_to_image", "flux1-schnell")
    assert inputs(flow, "UNETLoader")["unet_name"] == "flux1-schnell.safetensors"
    assert inputs(flow, "DualCLIPLoader") == {
        "clip_name1": "t5xxl_fp16.safetensors",
        "clip_name2": "clip_l.safetensors",
        "type": "flux",
    }
    assert inputs(flow, "VAELoader")["vae_name"] == "ae.safetensors"
    for name in flow.nodes:
        for field, value in flow.inputs(name).items():
            assert not isinstance(value, list) or flow.link(name, field), (name, field)
    assert inputs(flow, "LoadImage")["image"] == "i.png"
    assert inputs(flow, "KSampler")["denoise"] == 0.5


def test_a_picture_may_be_given_a_size_and_a_mask() -> None:
    flow = made("image_to_image", "sd_xl_base_1.0", width=640, denoise=0.3, batch_size=2)
    scale = inputs(flow, "ImageScale")
    assert (scale["width"], scale["height"], flow.class_of(scale["image"][0])) == (640, 0, "LoadImage")
    assert flow.class_of(inputs(flow, "VAEEncode")["pixels"][0]) == "ImageScale"
    assert (inputs(flow, "RepeatLatentBatch")["amount"], inputs(flow, "KSampler")["denoise"]) == (2, 0.3)
    flow = made("image_with_mask", "sd_xl_base_1.0", mask_channel="alpha")
    assert inputs(flow, "LoadImageMask") == {"image": "m.png", "channel": "alpha"}
    assert inputs(flow, "LoadImage")["image"] == "i.png"
    flow = made("image_with_mask", "512-inpainting-ema")
    assert inputs(flow, "VAEEncodeForInpaint")["grow_mask_by"] == 6
    assert inputs(flow, "KSampler")["denoise"] == 1.0


def test_pictures_are_made_larger_by_a_model_or_without_one() -> None:
    flow = made("image_upscale", "RealESRGAN_x2")
    assert inputs(flow, "UpscaleModelLoader")["model_name"] == "RealESRGAN_x2.pth"
    assert "ImageScaleBy" not in {flow.class_of(name) for name in flow.nodes}
    assert inputs(made("image_upscale", "4x-Ultra", scale=2), "ImageScaleBy")["scale_by"] == 0.5
    assert inputs(made("image_upscale", "lanczos"), "ImageScaleBy")["scale_by"] == 2
    assert inputs(made("image_upscale", "lanczos", scale=3), "ImageScaleBy")["scale_by"] == 3


def test_sound_has_its_length_and_its_format() -> None:
    flow = made("text_to_audio", "stable_audio_open_1.0")
    told = inputs(flow, "KSampler")
    assert (inputs(flow, "EmptyLatentAudio")["seconds"], told["steps"], told["cfg"]) == (47.5, 50, 4)
    assert inputs(flow, "CLIPLoader")["clip_name"] == "t5_base.safetensors"
    flow = made("text_to_audio", "stable_audio_open_1.0", seconds=5, output_format="mp3")
    assert (inputs(flow, "EmptyLatentAudio")["seconds"], inputs(flow, "SaveAudioMP3")["quality"]) == (5, "V0")
    with pytest.raises(Problem) as caught:
        made("text_to_audio", "stable_audio_open_1.0", output_format="ogg")
    assert (caught.value.fault.code, caught.value.fault.param) == (Code.INVALID_REQUEST, "output_format")


def test_video_has_its_frames_and_is_saved_as_the_server_can() -> None:
    flow = made("image_to_video", "wan2.1_i2v_480p_14B", seconds=2, width=480, height=320)
    assert inputs(flow, "WanImageToVideo")["length"] == 33
    assert "clip_vision_output" not in inputs(flow, "WanImageToVideo")
    assert inputs(flow, "VAELoader")["vae_name"] == "wan_2.1_vae.safetensors"
    assert inputs(flow, "SaveWEBM")["fps"] == 16
    video = {
        "CreateVideo": node_class({"images": ["IMAGE"], "fps": ["FLOAT", {}]}, ["VIDEO"]),
        "SaveVideo": node_class({"video": ["VIDEO"]}, [], ends=True),
    }
    assert inputs(made("image_to_video", "wan2.1_i2v_480p_14B", server(**video), fps=8), "CreateVideo")["fps"] == 8


def test_a_wrong_word_names_the_field_of_the_request() -> None:
    with pytest.raises(Problem) as caught:
        made("text_to_image", "sd_xl_base_1.0", sampler="eulr")
    assert (caught.value.fault.code, caught.value.fault.param) == (Code.INVALID_REQUEST, "sampler")
    with pytest.raises(Problem) as caught:
        flow_for("text_to_image", asked("text_to_image"), "gone.safetensors", INFO, {})
    assert caught.value.fault.code is Code.MODEL_NOT_FOUND


def test_more_arguments_reach_the_nodes() -> None:
    flow = made("text_to_image", "flux1-dev-fp8", arguments={"guidance": 2.5})
    assert inputs(flow, "FluxGuidance")["guidance"] == 2.5
    with pytest.raises(Problem) as caught:
        made("text_to_image", "flux1-dev-fp8", arguments={"guidanze": 2.5})
    assert caught.value.fault.param == "arguments.guidanze"


def test_packs_are_known_by_what_they_take_and_give() -> None:
    packs = server(
        Florence2Run=node_class(
            {
                "image": ["IMAGE"],
                "florence2_model": ["FL2MODEL"],
                "text_input": ["STRING", {"default": ""}],
                "task": [["caption", "more_detailed_caption", "docvqa"]],
                "max_new_tokens": ["INT", {"default": 1024}],
            },
            ["IMAGE", "MASK", "STRING", "JSON"],
            output_name=["image", "mask", "caption", "data"],
        ),
        DownloadAndLoadFlorence2Model=node_class(
            {"model": [["microsoft/Florence-2-base"]], "precision": [["fp16"]]}, ["FL2MODEL"]
        ),
        **{
            "Apply Whisper": node_class(
                {"audio": ["AUDIO"], "model": [["base", "large"]], "language": ["STRING", {"default": "auto"}]},
                ["STRING", "whisper_alignment"],
                output_name=["text", "segments"],
            )
        },
        PiperTTS=node_class(
            {"text": ["STRING", {"multiline": True}], "voice": [["en_US-lessac-high", "de_DE-thorsten"]]}, ["AUDIO"]
        ),
        ApiTTS=node_class({"text": ["STRING", {}], "voice": [["x"]]}, ["AUDIO"], category="api node/audio"),
    )
    assert models("image_to_text", packs) == {"Florence-2-base": "microsoft/Florence-2-base"}
    assert set(models("speech_to_text", packs)) == {"base", "large"}
    assert set(models("text_to_speech", packs)) == {"en_US-lessac-high", "de_DE-thorsten"}
    seen = made("image_to_text", "Florence-2-base", packs, prompt="How many?", max_tokens=50)
    assert {name: inputs(seen, "Florence2Run")[name] for name in ("task", "text_input", "max_new_tokens")} == {
        "task": "docvqa",
        "text_input": "How many?",
        "max_new_tokens": 50,
    }
    assert inputs(seen, "PreviewAny")["source"] == ["3", 2]
    heard = made("speech_to_text", "large", packs, language="de")
    assert (inputs(heard, "Apply Whisper")["model"], inputs(heard, "Apply Whisper")["language"]) == ("large", "de")
    assert inputs(heard, "LoadAudio")["audio"] == "a.wav"
    spoken = made("text_to_speech", "en_US-lessac-high", packs, voice="de_DE-thorsten")
    assert inputs(spoken, "PiperTTS") == {"text": "hello", "voice": "de_DE-thorsten"}
    with pytest.raises(Problem) as caught:
        made("text_to_speech", "en_US-lessac-high", packs, voice="nobody")
    assert caught.value.fault.param == "voice"


def test_every_template_is_a_whole_workflow() -> None:
    assert len(workflows()) >= 16
    for name, data in workflows().items():
        nodes = json.loads(data)
        for node in nodes.values():
            for value in node["inputs"].values():
                assert not isinstance(value, list) or value[0] in nodes, name
