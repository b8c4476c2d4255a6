"""Pictures, video and sound changed while the caller waits: convert, crop, scale, trim, watermark."""

from enum import StrEnum
from typing import Annotated

from schemas.dtos._model import FILE, MAX_INT, POSITIVE, REQUIRED, Dto, Float, api, doc, listed, within
from schemas.dtos.base import RefId, Tag
from schemas.dtos.media import ArtifactGenerationResponse


@listed
class WatermarkPosition(StrEnum):
    """Where a watermark goes."""

    TopLeft = "TopLeft"
    TopRight = "TopRight"
    BottomLeft = "BottomLeft"
    BottomRight = "BottomRight"
    Center = "Center"


@listed
class ImageOutputFormat(StrEnum):
    """Formats that a picture can be converted to."""

    Jpg = "jpg"
    Png = "png"
    Gif = "gif"
    Bmp = "bmp"
    Tiff = "tiff"
    Webp = "webp"


@listed
class ConvertVideoOutputFormat(StrEnum):
    """Formats that a video can be converted to. `MVK` is how clients know mkv."""

    MP4 = "mp4"
    MOV = "mov"
    WebM = "webm"
    MVK = "mkv"
    AVI = "avi"
    WMV = "wmv"
    MPEG = "mpeg"
    Ogg = "ogg"


@listed
class AudioFormat(StrEnum):
    """Formats that sound can be converted to."""

    MP3 = "mp3"
    WAV = "wav"
    AAC = "aac"
    FLAC = "flac"
    OGG = "ogg"
    M4A = "m4a"
    WMA = "wma"


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform", "IPost"))
class ConvertImage(Dto):
    """A picture in another format."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    output_format: Annotated[ImageOutputFormat | None, REQUIRED, doc("What to convert to.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform", "IPost"))
class CropImage(Dto):
    """A part of a picture."""

    x: Annotated[int, within(0, MAX_INT), doc("Pixels from the left edge.")] = 0
    y: Annotated[int, within(0, MAX_INT), doc("Pixels from the top edge.")] = 0
    width: Annotated[int, POSITIVE, doc("Pixels.")] = 0
    height: Annotated[int, POSITIVE, doc("Pixels.")] = 0
    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform", "IPost"))
class ScaleImage(Dto):
    """A picture in another size. One side alone keeps the proportions."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    width: Annotated[int | None, POSITIVE, doc("Pixels.")] = None
    height: Annotated[int | None, POSITIVE, doc("Pixels.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform", "IPost"))
class WatermarkImage(Dto):
    """A picture with a watermark. Two files: `image` and, in the form only, `watermark`."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    position: Annotated[WatermarkPosition, doc("Where the watermark goes.")] = WatermarkPosition.TopLeft
    watermark_scale: Annotated[Float, doc("Of the watermark's own size; 1 (and 0) leaves it.")] = 1.0
    opacity: Annotated[Float, doc("Up to 1, solid; 0 counts as not said: 0.5.")] = 0.5
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class ScaleVideo(Dto):
    """A video in another size. One side alone keeps the proportions."""

    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    width: Annotated[int | None, within(1, 7680), doc("Pixels.")] = None
    height: Annotated[int | None, within(1, 4320), doc("Pixels.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class CropVideo(Dto):
    """A part of a video's picture."""

    x: Annotated[int, within(0, MAX_INT), doc("Pixels from the left edge.")] = 0
    y: Annotated[int, within(0, MAX_INT), doc("Pixels from the top edge.")] = 0
    width: Annotated[int, POSITIVE, REQUIRED, doc("Pixels.")] = 0
    height: Annotated[int, POSITIVE, REQUIRED, doc("Pixels.")] = 0
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class WatermarkVideo(Dto):
    """A video with a watermark."""

    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    watermark: Annotated[str | None, REQUIRED, FILE, doc("The picture to lay over it.")] = None
    position: Annotated[WatermarkPosition | None, doc("Where the watermark goes.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class TrimVideo(Dto):
    """A video from one time to another."""

    start_time: Annotated[str, REQUIRED, doc("`m:ss`, or hours before it.")] = ""
    end_time: Annotated[str | None, doc("`m:ss`; the end of the video when left out.")] = None
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class ConvertVideo(Dto):
    """A video in another format."""

    output_format: Annotated[ConvertVideoOutputFormat | None, REQUIRED, doc("What to convert to.")] = None
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    tag: Tag = None


@api("POST", ArtifactGenerationResponse, tag="Media", auth="key", markers=("IMediaTransform",), any_verb=True)
class ConvertAudio(Dto):
    """Sound in another format."""

    output_format: Annotated[AudioFormat | None, REQUIRED, doc("What to convert to.")] = None
    audio: Annotated[str | None, REQUIRED, FILE, doc("The recording.")] = None
    ref_id: RefId = None
    tag: Tag = None
