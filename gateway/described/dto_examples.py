"""Examples of DTOs where the fields that must be there do not make a request that works."""

from typing import Any

from gateway.described.examples import MODEL
from gateway.described.samples import PICTURE, VIDEO

_CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Name three fish."}], "max_tokens": 60}
_PROMPT = {"model": MODEL, "prompt": "Name three fish."}
_PAINT = "a red bicycle in the snow"
_FILE = "/artifacts/2026/11/23/4f/9a.png"

DTO_ASKED: dict[str, dict[str, Any]] = {
    "Authenticate": {"provider": "credentials", "userName": "admin", "password": "…"},
    "CancelWorker": {"worker": "local"},
    "ChangeAiProviderStatus": {"provider": "local", "online": True},
    "ChatAiProvider": {"provider": "local", **_PROMPT},
    "CheckAiProviderStatus": {"provider": "local"},
    "CheckMediaProviderStatus": {"provider": "comfy"},
    "ConvertAudio": {"outputFormat": "wav"},
    "ConvertImage": {"outputFormat": "webp"},
    "ConvertVideo": {"outputFormat": "mp4"},
    "CreateAiProvider": {"aiTypeId": "Groq", "name": "groq", "apiKeyVar": "GROQ_API_KEY", "enabled": True},
    "CreateApiKey": {"name": "app", "scopes": []},
    "CreateGeneration": {"request": {"taskType": 1, "positivePrompt": _PAINT}},
    "CreateMediaProvider": {"name": "comfy", "mediaTypeId": "ComfyUI", "apiBaseUrl": "http://10.0.0.9:8188"},
    "CreateMediaTransform": {"request": {"taskType": "ImageScale", "scaleWidth": 32, "imageInput": PICTURE}},
    "CropImage": {"x": 8, "y": 8, "width": 32, "height": 32},
    "CropVideo": {"x": 0, "y": 0, "width": 16, "height": 16},
    "DeleteFile": {"path": _FILE},
    "DeleteFiles": {"paths": [_FILE]},
    "OllamaGeneration": _PROMPT,
    "OpenAiChatCompletion": _CHAT,
    "QueueComfyWorkflow": {"workflow": "text_to_image", "args": {"positivePrompt": _PAINT}},
    "QueueConvertAudio": {"outputFormat": "wav"},
    "QueueConvertImage": {"outputFormat": "webp"},
    "QueueConvertVideo": {"outputFormat": "mp4"},
    "QueueCropImage": {"x": 8, "y": 8, "width": 32, "height": 32},
    "QueueCropVideo": {"x": 0, "y": 0, "width": 16, "height": 16},
    "QueueOllamaGeneration": {"request": _PROMPT},
    "QueueOpenAiChatCompletion": {"request": _CHAT},
    "QueueScaleImage": {"width": 32},
    "QueueScaleVideo": {"width": 16},
    "QueueWatermarkImage": {"watermark": PICTURE},
    "QueueWatermarkVideo": {"video": VIDEO, "watermark": PICTURE},
    "ScaleImage": {"width": 32},
    "ScaleVideo": {"width": 16},
    "UpdateAiProvider": {"id": 1, "concurrency": 4},
    "UpdateMediaProvider": {"id": 1, "concurrency": 2},
    "WatermarkImage": {"watermark": PICTURE},
}
"""DTO -> what its example says besides (or in the place of) what is made from its fields."""
