"""What a media file is, by its first bytes: its kind, and the one demuxer that may open it.

ffmpeg would guess by itself, and that is the danger: a playlist named `.mp4` makes it open other files and addresses. So a
file is opened by the demuxer named here or not at all. What a newcomer would get wrong: demuxers that follow references
(hls, concat, dash, sdp, image2 with its patterns) and those that run programs (lavfi, vapoursynth) must never come in here.
"""

import os
from pathlib import Path

import msgspec

from schemas.problem import Code, Problem

HEAD = 1024 * 1024
"""Bytes that are read: an ID3 tag with a picture stands before the sound."""


class Kind(msgspec.Struct, frozen=True):
    """`name`: as people call it. `role`: picture, sound or film; a film may hold sound alone."""

    name: str
    demuxer: str
    role: str


_MP4, _MOV = Kind("mp4", "mov", "film"), Kind("mov", "mov", "film")
_M4A, _AVIF = Kind("m4a", "mov", "sound"), Kind("avif", "mov", "picture")
_WEBM, _MKV = Kind("webm", "matroska", "film"), Kind("mkv", "matroska", "film")
_OGG, _OPUS = Kind("ogg", "ogg", "film"), Kind("opus", "ogg", "sound")
_TS, _MP3, _AAC = Kind("ts", "mpegts", "film"), Kind("mp3", "mp3", "sound"), Kind("aac", "aac", "sound")

_SIGNS: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"GIF8", Kind("gif", "gif", "film")),
    (0, b"FLV\x01", Kind("flv", "flv", "film")),
    (0, b"\x00\x00\x01\xba", Kind("mpeg", "mpeg", "film")),
    (0, b"\x00\x00\x01\xb3", Kind("mpeg", "mpegvideo", "film")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind("asf", "asf", "film")),
    (0, b"fLaC", Kind("flac", "flac", "sound")),
    (0, b"caff\x00\x01", Kind("caf", "caf", "sound")),
    (0, b"#!AMR", Kind("amr", "amr", "sound")),
    (0, b".snd", Kind("au", "au", "sound")),
    (0, b"riff\x2e\x91\xcf\x11", Kind("w64", "w64", "sound")),
    (8, b"AVI ", Kind("avi", "avi", "film")),
    (8, b"WAVE", Kind("wav", "wav", "sound")),
    (8, b"AIFF", Kind("aiff", "aiff", "sound")),
    (8, b"AIFC", Kind("aiff", "aiff", "sound")),
    (0, b"\x89PNG\r\n\x1a\n", Kind("png", "png_pipe", "picture")),
    (0, b"\xff\xd8\xff", Kind("jpg", "jpeg_pipe", "picture")),
    (8, b"WEBP", Kind("webp", "webp_pipe", "picture")),
    (0, b"BM", Kind("bmp", "bmp_pipe", "picture")),
    (0, b"II*\x00", Kind("tiff", "tiff_pipe", "picture")),
    (0, b"MM\x00*", Kind("tiff", "tiff_pipe", "picture")),
)
_ATOMS = (b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")
_UNTOLD = 0x7FFF0000
"""A size in a header from which on it stands for "not known yet"."""
_WANTED = {"video": "a video", "audio": "sound", "watermark": "a picture", "file": "a video or sound"}
_ROLES = {"video": ("film",), "audio": ("sound", "film"), "watermark": ("picture",), "file": ("film", "sound")}


def kind_of(head: bytes) -> Kind | None:
    """None: nothing we know, so nothing we open."""
    if head[:3] == b"ID3" and len(head) > 10:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return kind_of(head[10 + size :]) if head[10 + size : 14 + size] == b"fLaC" else _MP3
    if head[4:8] == b"ftyp" or head[4:8] in _ATOMS:
        return _boxed(head)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _WEBM if b"webm" in head[:64] else _MKV
    if head[:4] == b"OggS":
        return _OPUS if b"OpusHead" in head[:64] else _OGG
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return _TS
    for at, sign, kind in _SIGNS:
        if head[at : at + len(sign)] == sign and (at == 0 or head[:4] in (b"RIFF", b"RF64", b"FORM")):
            return kind
    return _framed(head)


def sniff(path: Path, field: str) -> Kind:
    """The kind of a file that `field` may hold. Raises `Problem(INVALID_REQUEST)`. Blocks for one short read."""
    with path.open("rb") as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
    if not head:
        raise Problem(Code.INVALID_REQUEST, f"The file in '{field}' is empty", param=field)
    kind, wanted = kind_of(head), _WANTED[field]
    if kind is None:
        sentence = f"The file in '{field}' is not {wanted} of a kind we know: its bytes say so, whatever its name is"
        raise Problem(Code.INVALID_REQUEST, sentence, param=field)
    if kind.role not in _ROLES[field] and not (field == "watermark" and kind.name == "gif"):
        raise Problem(
            Code.INVALID_REQUEST, f"The file in '{field}' is {kind.name}, but {wanted} is wanted", param=field
        )
    if head[:4] == b"RIFF" and size + 8 < int.from_bytes(head[4:8], "little") < _UNTOLD:  # ffmpeg would not complain
        sentence = f"The file in '{field}' is cut short: its header tells of more bytes than there are"
        raise Problem(Code.INVALID_REQUEST, sentence, param=field)
    return kind


def _boxed(head: bytes) -> Kind:
    brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
    if brand in (b"avif", b"avis"):
        return _AVIF
    if brand in (b"M4A ", b"M4B "):
        return _M4A
    return _MOV if brand == b"qt  " else _MP4


def _framed(head: bytes) -> Kind | None:
    """MPEG sound without a container: 11 bits of sync, then fields of which some values are forbidden."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:  # layer 0 is ADTS
        return _AAC
    version, layer, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4
    # Layer I (3) is left out: nobody has it, and it would take UTF-16 text for sound
    return _MP3 if version != 1 and layer in (1, 2) and rate != 15 and head[2] >> 2 & 3 != 3 else None
