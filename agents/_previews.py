"""A small picture of work that is not done yet, as a `data:` URL that fits into an event.

What a newcomer would get wrong: ComfyUI's previews are JPEGs of the best quality, often larger than an event may be; they
are made smaller here and not dropped, for the large picture is the one that takes long.
"""

import asyncio
import base64

LARGEST = 64 * 1024
"""Bytes of the whole URL."""
_SIDE = 384


async def data_url(data: bytes, content_type: str) -> str:
    """Empty for what is no picture, or can't be made small enough."""
    if _fits(data):
        return _url(data, content_type)
    for side in (_SIDE, _SIDE // 2):
        smaller = await asyncio.to_thread(_shrunk, data, side)
        if smaller and _fits(smaller):
            return _url(smaller, "image/jpeg")
    return ""


def _fits(data: bytes) -> bool:
    return len(data) * 4 // 3 + 64 <= LARGEST


def _url(data: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


def _shrunk(data: bytes, side: int) -> bytes:
    import pyvips  # not needed by those who never see a large one

    try:
        picture = pyvips.Image.thumbnail_buffer(data, side, height=side)
        made: bytes = picture.jpegsave_buffer(Q=75, strip=True)
    except pyvips.Error:
        return b""
    return made
