"""BMP in and out, by libvips' own arithmetic: the wheel has no loader for it. Pure but for pixels in memory.

What a newcomer would get wrong: a file's numbers are a stranger's. Everything is measured against the bytes that are there
before a pixel is touched; and rows stand from the bottom up unless the height is negative.
Source: Microsoft, "Bitmap Storage", BITMAPINFOHEADER and BITMAPV4HEADER. Read: 1, 4 and 8 bits with a palette, 24 and 32 bits,
uncompressed; written: 24 bits, or 32 with alpha.
"""

import struct
from typing import Any, NamedTuple

import pyvips

_RGB, _FIELDS = 0, 3
_CORE, _INFO, _V4 = 12, 40, 108
_SRGB = 0x73524742
_BGRA = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
"""The one order of 32-bit channels that is read: red, green, blue, alpha in a little-endian word."""


class Header(NamedTuple):
    """What a BMP says of itself, checked. `palette`: offset and number of its entries, `entry` bytes each."""

    width: int
    height: int
    bits: int
    pixels: int
    """Offset of the first row."""
    upward: bool
    alpha: bool
    palette: tuple[int, int, int]


def header_of(data: bytes) -> Header:
    """Raises ValueError, in words, for what is damaged or is a kind of BMP that we can't read."""
    try:
        pixels, size = struct.unpack_from("<II", data, 10)
        if size == _CORE:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
            packed, colours, entry = _RGB, 0, 3
        else:
            width, height, _, bits, packed = struct.unpack_from("<iiHHI", data, 18)
            colours, entry = struct.unpack_from("<I", data, 46)[0], 4
        masks = struct.unpack_from("<4I", data, 54) if packed == _FIELDS else _BGRA
    except struct.error as error:
        raise ValueError("it is cut off") from error
    if data[:2] != b"BM" or size not in (_CORE, _INFO, 52, 56, _V4, 124) or width <= 0 or not height:
        raise ValueError("its header makes no sense")
    if bits not in (1, 4, 8, 24, 32) or packed not in (_RGB, _FIELDS) or (packed == _FIELDS and bits != 32):
        raise ValueError("it is compressed or of 16 bits, which we can't read")
    if masks[:3] != _BGRA[:3]:
        raise ValueError("its colours are packed in a way that we can't read")
    entries = min(colours or 256, 1 << bits) if bits <= 8 else 0
    alpha = packed == _FIELDS and size >= 56 and masks[3] == _BGRA[3]
    header = Header(width, abs(height), bits, pixels, height > 0, alpha, (14 + size, entries, entry))
    if pixels < 14 + size + entries * entry:
        raise ValueError("its header makes no sense")
    return header


def load(data: bytes) -> Any:
    """The picture: grey never, RGB or RGBA, 8 bits. Raises ValueError as `header_of`, and for missing rows."""
    head = header_of(data)
    stride = (head.width * head.bits + 31) // 32 * 4
    if len(data) < head.pixels + stride * head.height:
        raise ValueError("it is cut off")
    rows = data[head.pixels : head.pixels + stride * head.height]
    if head.bits <= 8:
        image = _indexed(data, head, _unpacked(rows, head, stride))
    else:
        bands = head.bits // 8
        flat = _image(rows, stride, head.height, 1).crop(0, 0, head.width * bands, head.height).write_to_memory()
        image = _swapped(_image(flat, head.width, head.height, bands), head.alpha)
    image = image.copy(interpretation="srgb")
    return image.flipver() if head.upward else image


def save(image: Any) -> bytes:
    """A BMP of an sRGB picture of 8 bits with 3 or 4 bands."""
    width, height, bands = image.width, image.height, image.bands
    flat: bytes = _swapped(image.flipver(), bands == 4).write_to_memory()
    stride = (width * bands + 3) // 4 * 4
    rows = flat
    if stride != width * bands:
        rows = _image(flat, width * bands, height, 1).embed(0, 0, stride, height).write_to_memory()
    size, packed = (_V4, _FIELDS) if bands == 4 else (_INFO, _RGB)
    info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bands * 8, packed, len(rows), 2835, 2835, 0, 0)
    if bands == 4:
        info += struct.pack("<5I", *_BGRA, _SRGB) + bytes(_V4 - 60)
    begin = 14 + size
    return struct.pack("<2sIHHI", b"BM", begin + len(rows), 0, 0, begin) + info + rows


def _image(data: bytes, width: int, height: int, bands: int) -> Any:
    return pyvips.Image.new_from_memory(data, width, height, bands, "uchar")


def _swapped(image: Any, alpha: bool) -> Any:
    """Blue, green, red becomes red, green, blue, and the other way round. Without `alpha` the fourth band is padding."""
    bands = [image[2], image[1], image[0]]
    return bands[0].bandjoin([*bands[1:], image[3]] if alpha else bands[1:])


def _unpacked(rows: bytes, head: Header, stride: int) -> Any:
    """One byte a pixel, out of 1, 4 or 8 bits."""
    image, share = _image(rows, stride, head.height, 1), 8 // head.bits
    if share > 1:
        mask = (1 << head.bits) - 1
        parts = [(image >> shift) & mask for shift in range(8 - head.bits, -1, -head.bits)]
        packed = parts[0].bandjoin(parts[1:]).cast("uchar").write_to_memory()
        image = _image(packed, stride * share, head.height, 1)
    return image.crop(0, 0, head.width, head.height)


def _indexed(data: bytes, head: Header, indices: Any) -> Any:
    at, entries, entry = head.palette
    table = bytearray(256 * 3)  # an index behind the palette is black
    for number in range(entries):
        table[number * 3 : number * 3 + 3] = data[at + number * entry : at + number * entry + 3][::-1]
    return indices.maplut(_image(bytes(table), 256, 1, 3))
