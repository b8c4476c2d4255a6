"""Pictures for tests, made by libvips, and what is asked of those that come back."""

import struct
import zlib
from typing import Any

import pyvips

SAVE: dict[str, dict[str, Any]] = {"avif": {"effort": 0, "compression": "av1"}, "jpg": {"Q": 95}}


def drawn(width: int, height: int, alpha: bool = False) -> Any:
    """A smooth picture whose four quarters differ: red, green, blue, grey."""
    xy = pyvips.Image.xyz(width, height)
    red, green = xy[0] * (255 / max(1, width - 1)), xy[1] * (255 / max(1, height - 1))
    image = red.bandjoin([green, 255 - red]).cast("uchar").copy(interpretation="srgb")
    return image.bandjoin(128).copy(interpretation="srgb") if alpha else image


def flat(width: int, height: int, colour: tuple[int, ...]) -> Any:
    image = pyvips.Image.black(width, height, bands=len(colour)) + list(colour)
    return image.cast("uchar").copy(interpretation="srgb")


def picture(kind: str = "jpg", width: int = 64, height: int = 48, alpha: bool = False) -> bytes:
    return written(drawn(width, height, alpha), kind)


def written(image: Any, kind: str) -> bytes:
    if kind == "bmp":
        return bmp24(image)
    data: bytes = image.write_to_buffer(f".{kind}", **SAVE.get(kind, {}))
    return data


def moving(kind: str = "gif", width: int = 40, height: int = 30, frames: int = 5) -> bytes:
    """Frames of which each has more red than the one before."""
    image = pyvips.Image.arrayjoin(
        [flat(width, height, (at * 40 % 256, 20, 20)) for at in range(frames)], across=1
    ).copy()
    image.set_type(pyvips.GValue.gint_type, "page-height", height)
    image.set_type(pyvips.GValue.array_int_type, "delay", [70] * frames)
    image.set_type(pyvips.GValue.gint_type, "loop", 3)
    data: bytes = image.write_to_buffer(f".{kind}")
    return data


def bmp24(image: Any) -> bytes:
    """Written by hand, so that our reader is not judged by our writer."""
    width, height = image.width, image.height
    pixels, rows = image[:3].write_to_memory(), []
    for y in range(height - 1, -1, -1):
        row = pixels[y * width * 3 : (y + 1) * width * 3]
        swapped = b"".join(row[x : x + 3][::-1] for x in range(0, len(row), 3))
        rows.append(swapped + bytes(-len(swapped) % 4))
    body = b"".join(rows)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(body), 0, 0, 54) + info + body


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is so large, in a hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def gif_of(frames: int, width: int = 1, height: int = 1) -> bytes:
    """A GIF of as many frames, some 20 bytes each."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x21\xf9\x04\x00\x05\x00\x00\x00" + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def svg(width: int = 200, height: int = 100, inside: str = '<rect width="100" height="100" fill="red"/>') -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{inside}</svg>'.encode()


def svg_bomb() -> bytes:
    """10 to the power of 9 squares in a kilobyte: nested `<use>`."""
    groups = "".join(f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + "</g>" for n in range(1, 10))
    inside = f'<defs><g id="a0"><rect width="900" height="900" opacity="0.5"/></g>{groups}</defs><use href="#a9"/>'
    return svg(1000, 1000, inside)


def read(data: bytes) -> Any:
    """The picture in a file that is no BMP, its first frame."""
    return pyvips.Image.new_from_buffer(data, "", fail_on="truncated")


def far(one: Any, two: Any) -> float:
    """How far two pictures are from each other: the mean over all pixels, of 255."""
    return float((one[:3].cast("float") - two[:3].cast("float")).abs().avg())
