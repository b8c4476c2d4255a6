"""File name extensions of content types: what a stored file is called, and what a tool that goes by the name must see.

What a newcomer would get wrong: Python's own table comes after ours, for it says `.jpe` or nothing where people say `.jpg`
and `.avif`, and it differs from machine to machine.
"""

import mimetypes

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/tiff": "tiff",
    "image/avif": "avif",
    "image/webp": "webp",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/x-msvideo": "avi",
    "video/webm": "webm",
    "model/gltf-binary": "glb",
    "text/plain": "txt",
    "application/octet-stream": "bin",
}


def extension_of(content_type: str) -> str:
    """`jpg` for `image/jpeg`; `bin` for what has none."""
    return EXTENSIONS.get(content_type) or (mimetypes.guess_extension(content_type) or ".bin").lstrip(".")
