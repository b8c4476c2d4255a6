"""The nodes of the ComfyUI double: some real classes as `/object_info` tells of them, and what running one comes to.

Values are stand-ins (a picture is its size and colour), but files are real: a PNG that opens, a wav that sounds.
"""

import io
import struct
import wave
import zlib
from collections.abc import Callable
from typing import Any

Node = dict[str, Any]
SAMPLERS, SCHEDULERS = ["euler", "euler_ancestral", "dpmpp_2m", "ddim"], ["normal", "karras", "simple", "beta"]
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
CHECKPOINTS = ["sd15.safetensors", "sdxl_base_1.0.safetensors"]


def _int(default: int, least: int = 0, most: int = 2**63) -> list[Any]:
    return ["INT", {"default": default, "min": least, "max": most}]


def _float(default: float, least: float = 0.0, most: float = 100.0) -> list[Any]:
    return ["FLOAT", {"default": default, "min": least, "max": most}]


def _text(default: str = "", multiline: bool = False) -> list[Any]:
    return ["STRING", {"default": default, "multiline": multiline}]


IMAGE, LATENT, MODEL, CLIP, VAE, AUDIO = ["IMAGE"], ["LATENT"], ["MODEL"], ["CLIP"], ["VAE"], ["AUDIO"]
SEED = ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}]
SIDE = _int(512, 16, 16384)

# name: (required, optional, outputs, ends a branch)
CLASSES: dict[str, tuple[Node, Node, list[str], bool]] = {
    "CheckpointLoaderSimple": ({"ckpt_name": [CHECKPOINTS]}, {}, ["MODEL", "CLIP", "VAE"], False),
    "LoraLoader": (
        {"model": MODEL, "clip": CLIP, "lora_name": [["style.safetensors"]], "strength_model": _float(1, -100),
         "strength_clip": _float(1, -100)}, {}, ["MODEL", "CLIP"], False,
    ),
    "VAELoader": ({"vae_name": [["vae.safetensors", "pixel_space"]]}, {}, ["VAE"], False),
    "CLIPTextEncode": ({"text": _text(multiline=True), "clip": CLIP}, {}, ["CONDITIONING"], False),
    "EmptyLatentImage": ({"width": SIDE, "height": SIDE, "batch_size": _int(1, 1, 4096)}, {}, ["LATENT"], False),
    "KSampler": (
        {"model": MODEL, "seed": SEED, "steps": _int(20, 1, 10000), "cfg": _float(8.0), "sampler_name": [SAMPLERS],
         "scheduler": [SCHEDULERS], "positive": ["CONDITIONING"], "negative": ["CONDITIONING"], "latent_image": LATENT,
         "denoise": _float(1.0, 0.0, 1.0)}, {}, ["LATENT"], False,
    ),
    "VAEDecode": ({"samples": LATENT, "vae": VAE}, {}, ["IMAGE"], False),
    "VAEEncode": ({"pixels": IMAGE, "vae": VAE}, {}, ["LATENT"], False),
    "VAEEncodeForInpaint": (
        {"pixels": IMAGE, "vae": VAE, "mask": ["MASK"], "grow_mask_by": _int(6, 0, 64)}, {}, ["LATENT"], False,
    ),
    "SetLatentNoiseMask": ({"samples": LATENT, "mask": ["MASK"]}, {}, ["LATENT"], False),
    "RepeatLatentBatch": ({"samples": LATENT, "amount": _int(1, 1, 64)}, {}, ["LATENT"], False),
    "EmptyImage": (
        {"width": _int(512, 1, 16384), "height": _int(512, 1, 16384), "batch_size": _int(1, 1, 4096),
         "color": _int(0, 0, 0xFFFFFF)}, {}, ["IMAGE"], False,
    ),
    "LoadImage": ({"image": [["example.png"], {"image_upload": True}]}, {}, ["IMAGE", "MASK"], False),
    "LoadImageMask": (
        {"image": [["example.png"], {"image_upload": True}], "channel": [["alpha", "red", "green", "blue"]]}, {},
        ["MASK"], False,
    ),
    "ImageScale": (
        {"image": IMAGE, "upscale_method": [METHODS], "width": _int(512, 0, 16384), "height": _int(512, 0, 16384),
         "crop": [["disabled", "center"]]}, {}, ["IMAGE"], False,
    ),
    "ImageScaleBy": (
        {"image": IMAGE, "upscale_method": [METHODS], "scale_by": _float(1.0, 0.01, 8.0)}, {}, ["IMAGE"], False,
    ),
    "ImageInvert": ({"image": IMAGE}, {}, ["IMAGE"], False),
    "UpscaleModelLoader": ({"model_name": [["RealESRGAN_x4.pth"]]}, {}, ["UPSCALE_MODEL"], False),
    "ImageUpscaleWithModel": ({"upscale_model": ["UPSCALE_MODEL"], "image": IMAGE}, {}, ["IMAGE"], False),
    "SaveImage": ({"images": IMAGE, "filename_prefix": _text("ComfyUI")}, {}, [], True),
    "PreviewImage": ({"images": IMAGE}, {}, [], True),
    "LoadAudio": ({"audio": [["example.wav"], {"audio_upload": True}]}, {}, ["AUDIO"], False),
    "SaveAudio": ({"audio": AUDIO, "filename_prefix": _text("audio/ComfyUI")}, {"audioUI": ["AUDIO_UI", {}]}, [], True),
    "PreviewAudio": ({"audio": AUDIO}, {"audioUI": ["AUDIO_UI", {}]}, [], True),
    "CreateVideo": ({"images": IMAGE, "fps": _float(30.0, 1.0, 120.0)}, {"audio": AUDIO}, ["VIDEO"], False),
    "SaveVideo": (
        {"video": ["VIDEO"], "filename_prefix": _text("video/ComfyUI"),
         "format": ["COMBO", {"default": "auto", "options": ["auto", "mp4"]}],
         "codec": ["COMBO", {"default": "auto", "options": ["auto", "h264"]}]}, {}, [], True,
    ),
    "PrimitiveString": ({"value": _text()}, {}, ["STRING"], False),
    "PrimitiveInt": ({"value": _int(0, -(2**63))}, {}, ["INT"], False),
    "PreviewAny": ({"source": ["*", {}]}, {}, [], True),
    "SaveGLB": ({"mesh": ["MESH"], "filename_prefix": _text("mesh/ComfyUI")}, {}, [], True),
}  # fmt: skip
LOADERS = frozenset({"LoadImage", "LoadImageMask", "LoadAudio"})
"""Classes that look for their file themselves: what they offer need not name it."""


def object_info() -> dict[str, Any]:
    return {name: _info(name) for name in CLASSES}


def _info(name: str) -> dict[str, Any]:
    required, optional, outputs, ends = CLASSES[name]
    sections = {"required": required, **({"optional": optional} if optional else {})}
    return {
        "input": sections,
        "input_order": {section: list(fields) for section, fields in sections.items()},
        "output": outputs,
        "output_is_list": [False] * len(outputs),
        "output_name": outputs,
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "nodes",
        "category": "double",
        "output_node": ends,
    }


# ---- running one ----------------------------------------------------------------------------------------------------

Save = Callable[[bytes, str, str, str], dict[str, str]]
"""bytes, prefix, extension, type -> the file's place as history tells it."""


def run(kind: str, given: Node, read: Callable[[str], bytes], save: Save) -> tuple[list[Any], Node | None]:  # noqa: C901
    """Outputs, and what the node shows (`ui`). Raises ValueError as a node would."""
    match kind:
        case "EmptyImage" | "EmptyLatentImage":
            return [picture(given["width"], given["height"], given["batch_size"], given.get("color", 0))], None
        case "LoadImage" | "LoadImageMask":
            found = read_png(read(given["image"]), given["image"])
            return [found, found] if kind == "LoadImage" else [found], None
        case "ImageScale":
            return [{**given["image"], "width": given["width"], "height": given["height"]}], None
        case "ImageScaleBy" | "ImageUpscaleWithModel":
            by = given.get("scale_by", 4)
            image = given["image"]
            return [{**image, "width": int(image["width"] * by), "height": int(image["height"] * by)}], None
        case "ImageInvert":
            return [{**given["image"], "color": 0xFFFFFF - given["image"]["color"]}], None
        case "RepeatLatentBatch":
            return [{**given["samples"], "batch": given["samples"]["batch"] * given["amount"]}], None
        case "SaveImage" | "PreviewImage":
            kept = kind == "SaveImage"
            prefix, place = (given["filename_prefix"], "output") if kept else ("ComfyUI_temp_x", "temp")
            image = given["images"]
            data = png(image["width"], image["height"], image["color"])
            return [], {"images": [save(data, prefix, "png", place) for _ in range(image["batch"])]}
        case "LoadAudio":
            return [{"seconds": _heard(read(given["audio"]))}], None
        case "SaveAudio" | "PreviewAudio":
            place = "output" if kind == "SaveAudio" else "temp"
            return [], {
                "audio": [save(wav(given["audio"]["seconds"]), given.get("filename_prefix", "a"), "wav", place)]
            }
        case "SaveVideo":
            data = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(64)
            return [], {"images": [save(data, given["filename_prefix"], "mp4", "output")], "animated": [True]}
        case "PreviewAny":
            return [], {"text": [str(given["source"])]}
        case "PrimitiveString" | "PrimitiveInt":
            return [given["value"]], None
        case "KSampler":
            return [given["latent_image"]], None
        case "VAEDecode" | "SetLatentNoiseMask" | "VAEEncode" | "VAEEncodeForInpaint":
            return [given.get("samples") or given["pixels"]], None
    return [kind] * len(CLASSES[kind][2]), None


def picture(width: int, height: int, batch: int = 1, color: int = 0) -> Node:
    return {"width": width, "height": height, "batch": batch, "color": color}


def png(width: int, height: int, color: int = 0) -> bytes:
    """A whole picture of one colour."""
    row = b"\0" + color.to_bytes(3, "big") * width
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    chunks = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + chunks


def read_png(data: bytes, name: str) -> Node:
    if not data.startswith(b"\x89PNG"):
        raise ValueError(f"cannot identify image file '/srv/ComfyUI/input/{name}'")
    width, height = struct.unpack_from(">II", data, 16)
    return picture(width, height)


def wav(seconds: float, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return out.getvalue()


def _heard(data: bytes) -> float:
    try:
        with wave.open(io.BytesIO(data)) as file:
            return file.getnframes() / file.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"Invalid data found when processing input: {error}") from error
