"""What we write: containers, and the codecs in them that play nearly everywhere.

What a newcomer would get wrong: a stream is copied instead of encoded only if nothing is done to it and the container takes
it as it is (`copies`). That is instant and lossless; mkv to mp4 with H.264 and AAC is the case that matters.
"""

import msgspec

from agents._ffmpeg_sniff import Kind


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the extension too. `video` and `audio` are encoder options; empty: it holds none."""

    name: str
    content_type: str
    muxer: tuple[str, ...]
    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    stereo: bool = False
    """Its sound encoder takes two channels at most, or stumbles over more."""
    copies: tuple[str, ...] = ()
    """Codecs that it takes as they are."""

    @property
    def h264(self) -> bool:
        """A card may encode it."""
        return self.video == X264


X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-pix_fmt", "yuv420p")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", "5", "-row-mt", "1", "-crf", "33", "-b:v", "0")
_MPEG4 = ("-c:v", "mpeg4", "-tag:v", "xvid", "-q:v", "4", "-pix_fmt", "yuv420p")
_AAC, _MP3 = ("-c:a", "aac", "-b:a", "160k"), ("-c:a", "libmp3lame", "-q:a", "2")
_OPUS, _VORBIS = ("-c:a", "libopus", "-b:a", "128k"), ("-c:a", "libvorbis", "-q:a", "5")
_WMV, _WMA = ("-c:v", "wmv2", "-q:v", "4", "-pix_fmt", "yuv420p"), ("-c:a", "wmav2", "-b:a", "160k")
_MPEG2, _MP2 = ("-c:v", "mpeg2video", "-q:v", "4", "-pix_fmt", "yuv420p"), ("-c:a", "mp2", "-b:a", "192k")
_THEORA = ("-c:v", "libtheora", "-q:v", "7", "-pix_fmt", "yuv420p")
_FIRST = ("-movflags", "+faststart")  # the index before the data: a browser plays before it has all

VIDEO: dict[str, Format] = {
    one.name: one
    for one in (
        Format(name="mp4", content_type="video/mp4", muxer=("mp4", *_FIRST), video=X264, audio=_AAC,
               copies=("h264", "aac")),
        Format(name="mov", content_type="video/quicktime", muxer=("mov", *_FIRST), video=X264, audio=_AAC,
               copies=("h264", "aac")),
        Format(name="mkv", content_type="video/x-matroska", muxer=("matroska",), video=X264, audio=_AAC,
               copies=("h264", "vp8", "vp9", "av1", "aac", "mp3", "opus", "vorbis", "flac")),
        Format(name="webm", content_type="video/webm", muxer=("webm",), video=(*_VP9, "-pix_fmt", "yuv420p"), audio=_OPUS,
               stereo=True, copies=("vp8", "vp9", "av1", "opus", "vorbis")),
        Format(name="avi", content_type="video/x-msvideo", muxer=("avi",), video=_MPEG4, audio=_MP3, stereo=True,
               copies=("mpeg4", "mp3")),
        Format(name="wmv", content_type="video/x-ms-wmv", muxer=("asf",), video=_WMV, audio=_WMA, stereo=True,
               copies=("wmv2", "wmav2")),
        Format(name="mpeg", content_type="video/mpeg", muxer=("vob",), video=_MPEG2, audio=_MP2, stereo=True,
               copies=("mpeg2video", "mp2")),
        Format(name="ogg", content_type="video/ogg", muxer=("ogg",), video=_THEORA, audio=_VORBIS, stereo=True,
               copies=("theora", "vorbis")),
        Format(name="gif", content_type="image/gif", muxer=("gif",), video=("-c:v", "gif")),
    )
}  # fmt: skip

AUDIO: dict[str, Format] = {
    one.name: one
    for one in (
        Format(name="mp3", content_type="audio/mpeg", muxer=("mp3",), audio=_MP3, stereo=True),
        Format(name="wav", content_type="audio/wav", muxer=("wav", "-rf64", "auto"), audio=("-c:a", "pcm_s16le")),
        Format(name="flac", content_type="audio/flac", muxer=("flac",), audio=("-c:a", "flac")),
        Format(name="ogg", content_type="audio/ogg", muxer=("ogg",), audio=_VORBIS, stereo=True),
        Format(name="m4a", content_type="audio/mp4", muxer=("ipod", *_FIRST), audio=_AAC),
        Format(name="opus", content_type="audio/ogg", muxer=("opus",), audio=_OPUS, stereo=True),
        Format(name="aac", content_type="audio/aac", muxer=("adts",), audio=_AAC),
        Format(name="wma", content_type="audio/x-ms-wma", muxer=("asf",), audio=_WMA, stereo=True),
    )
}  # fmt: skip

JPEG = Format(
    name="jpg", content_type="image/jpeg", muxer=("image2pipe",), video=("-c:v", "mjpeg", "-q:v", "3", "-frames:v", "1")
)
PNG = Format(name="png", content_type="image/png", muxer=("image2pipe",), video=("-c:v", "png", "-frames:v", "1"))

_KIN = {"aiff": "wav", "au": "wav", "caf": "wav", "w64": "wav", "asf": "wma"}


def same_video(kind: Kind) -> Format:
    """The format a changed video is given back in: its own, or mp4 where we do not write it."""
    return VIDEO.get("wmv" if kind.name == "asf" else kind.name, VIDEO["mp4"])


def same_audio(kind: Kind) -> Format:
    """The same for sound; m4a for what we do not write."""
    return AUDIO.get(_KIN.get(kind.name, kind.name), AUDIO["m4a"])
