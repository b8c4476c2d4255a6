"""A transform spelled out in one request, with everything that ffmpeg can be told."""

from enum import StrEnum
from typing import Annotated

from schemas.dtos._model import REQUIRED, Dto, Float, Long, Ref, api, doc, listed
from schemas.dtos.base import RefId, ReplyTo, State
from schemas.dtos.transforms import ImageOutputFormat


@listed
class MediaTransformTaskType(StrEnum):
    """What a transform does."""

    ImageScale = "ImageScale"
    VideoScale = "VideoScale"
    ImageConvert = "ImageConvert"
    AudioConvert = "AudioConvert"
    VideoConvert = "VideoConvert"
    ImageCrop = "ImageCrop"
    VideoCrop = "VideoCrop"
    VideoCut = "VideoCut"
    AudioCut = "AudioCut"
    WatermarkImage = "WatermarkImage"
    WatermarkVideo = "WatermarkVideo"


@listed
class MediaOutputFormat(StrEnum):
    """Formats that ffmpeg is asked for."""

    MP4 = "mp4"
    AVI = "avi"
    MKV = "mkv"
    MOV = "mov"
    WebM = "webm"
    GIF = "gif"
    MP3 = "mp3"
    WAV = "wav"
    FLAC = "flac"


@listed
class AudioCodec(StrEnum):
    """Codecs for sound."""

    AAC = "aac"
    MP3 = "mp3"
    FLAC = "flac"
    PCM = "pcm"
    Opus = "opus"
    Vorbis = "vorbis"
    AC3 = "ac3"
    ALAC = "alac"
    AMR = "amr"
    WMAv2 = "wmav2"


@listed
class VideoCodec(StrEnum):
    """Codecs for video."""

    H264 = "h264"
    H265 = "h265"
    VP9 = "vp9"
    AV1 = "av1"
    MPEG2 = "mpeg2"
    MPEG4 = "mpeg4"
    VP8 = "vp8"
    Theora = "theora"
    ProRes = "prores"
    DNxHD = "dnxhd"


class MediaTransformArgs(Dto):
    """A transform and all it can be told; each task reads its own part."""

    task_type: MediaTransformTaskType | None = None
    video_input: Annotated[str | None, doc("Filled in from the form.")] = None
    audio_input: Annotated[str | None, doc("Filled in from the form.")] = None
    image_input: Annotated[str | None, doc("Filled in from the form.")] = None
    watermark_input: Annotated[str | None, doc("Filled in from the form.")] = None
    video_file_name: str | None = None
    audio_file_name: str | None = None
    image_file_name: str | None = None
    watermark_file_name: str | None = None
    output_format: Annotated[MediaOutputFormat | None, doc("What to convert to.")] = None
    image_output_format: ImageOutputFormat | None = None
    scale_width: int | None = None
    scale_height: int | None = None
    crop_x: int | None = None
    crop_y: int | None = None
    crop_width: int | None = None
    crop_height: int | None = None
    cut_start: Annotated[Float | None, doc("Seconds.")] = None
    cut_end: Annotated[Float | None, doc("Seconds.")] = None
    watermark_file: str | None = None
    watermark_position: Annotated[str | None, doc("As ffmpeg's `overlay` wants it.")] = None
    watermark_scale: Annotated[str | None, doc("As ffmpeg's `scale` wants it.")] = None
    audio_codec: str | None = None
    video_codec: str | None = None
    audio_bitrate: Annotated[str | None, doc("Such as `128k`.")] = None
    audio_sample_rate: Annotated[int | None, doc("Hertz.")] = None


class CreateTransformResponse(Dto):
    """The job that was queued."""

    id: Long = 0
    ref_id: str = ""


@api("POST", CreateTransformResponse, tag="Media", auth="key", any_verb=True)
class CreateMediaTransform(Dto):
    """Queue any transform. The files are parts of the form: `image`, `video`, `audio`, `watermark`."""

    request: Annotated[Ref[MediaTransformArgs], REQUIRED, doc("What to do.")] = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    state: State = None
    reply_to: ReplyTo = None
    ref_id: RefId = None


@listed
class MediaFormat(StrEnum):
    """What sort of file it is."""

    Image = "Image"
    Video = "Video"
    Audio = "Audio"


class TransformFileOutput(Dto):
    """A file that a transform made."""

    file_name: str = ""
    url: str = ""
    output_format: MediaFormat = MediaFormat.Image


class TransformResult(Dto):
    """How a transform ended."""

    outputs: list[TransformFileOutput] | None = None
    error: str | None = None


class FfmpegTransformResponse(Dto):
    """How an agent's ffmpeg ended."""

    success: bool = False
    output_path: str = ""
    error: str | None = None
