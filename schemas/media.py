"""Media: pictures, sound and video, made or transformed. What is asked, how a file is named in it, and what comes back.

Fields, ranges and defaults are those of the AI Server API; canonical names are snake_case, and the edge also takes
camelCase. What a newcomer would get wrong: a file field is text when a caller writes it (`file-123`, `/artifacts/…`,
`https://…`, `data:…`) and a `FileRef` when an agent reads it. Only the edge makes a `FileRef`, for it names a blob, and a
caller who could write one would read other people's files.
"""

from typing import Annotated, Any, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
Name = Annotated[str, msgspec.Meta(max_length=300)]
Side = Annotated[int, msgspec.Meta(ge=64, le=2048)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Batch = Annotated[int, msgspec.Meta(ge=1, le=10)]
Steps = Annotated[int, msgspec.Meta(ge=1, le=200)]
Scale = Annotated[float, msgspec.Meta(gt=0, le=100)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Pixel = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Length = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Time = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
"""`90`, `1.5`, `m:ss`, `h:mm:ss.ms`."""


class FileRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as an agent reads it (`Tools.files`): bytes of ours (`blob`), or a place on the web (`url`)."""

    blob: str = ""
    """Name in the object store."""
    url: str = ""
    """http or https; fetched by the guarded client, never inside our own network."""
    content_type: str = "application/octet-stream"
    """As the bytes say, where they are known."""
    size: int = 0
    name: str = ""
    """As its owner called it."""


File = str | FileRef


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What every media request may say of itself."""

    model: Name = ""
    """Empty: the operation's default (`schemas.operations`)."""
    provider: str | list[str] | None = None
    reply_to: Annotated[str, msgspec.Meta(max_length=4000)] | None = msgspec.field(name="replyTo", default=None)
    ref_id: Annotated[str, msgspec.Meta(max_length=200)] | None = msgspec.field(name="refId", default=None)
    tag: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    state: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    """The caller's own words, told again with the result."""

    @property
    def stream(self) -> None:
        """Media come whole; progress is told by a queued job's events."""


class Painting(Media, frozen=True, kw_only=True):
    """What all that is drawn from words has in common."""

    positive_prompt: Text
    negative_prompt: Annotated[str, msgspec.Meta(max_length=100_000)] | None = None
    seed: Seed | None = None
    """None or 0: by chance."""
    steps: Steps | None = None
    cfg_scale: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    sampler: Name | None = None
    scheduler: Name | None = None
    arguments: dict[str, Any] = {}
    """More named arguments of a ComfyUI workflow or of a provider's own input (`extra_body`)."""


class TextToImage(Painting, frozen=True, kw_only=True):
    width: Side | None = None
    height: Side | None = None
    batch_size: Batch = 1
    quality: Name | None = None
    style: Name | None = None
    background: Name | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None


class ImageToImage(Painting, frozen=True, kw_only=True):
    image: File
    images: Annotated[list[File], msgspec.Meta(max_length=15)] = []
    """More pictures to go by, where the model takes several."""
    denoise: Share | None = None
    batch_size: Batch = 1
    width: Side | None = None
    height: Side | None = None
    quality: Name | None = None
    background: Name | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None


class ImageWithMask(ImageToImage, frozen=True, kw_only=True):
    """Paints anew what the mask shows: `mask_channel` says where in the mask's colours that stands."""

    mask: File
    mask_channel: Literal["red", "green", "blue", "alpha"] = "red"


class ImageUpscale(Media, frozen=True, kw_only=True):
    image: File
    seed: Seed | None = None
    scale: Annotated[float, msgspec.Meta(gt=1, le=8)] | None = None
    """None: the model's own factor (2 as a rule)."""


class ImageToText(Media, frozen=True, kw_only=True):
    image: File
    prompt: Annotated[str, msgspec.Meta(max_length=100_000)] | None = None
    """What to say of it; None: describe it."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None


class SpeechToText(Media, frozen=True, kw_only=True):
    audio: File
    language: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    """ISO 639-1; None: heard."""
    prompt: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    temperature: Share | None = None
    translate: bool = False
    """Into English."""
    words: bool = False
    """Times of each word too, not only of each segment."""


class TextToSpeech(Media, frozen=True, kw_only=True):
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=50_000)]
    voice: Name | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] | None = None
    output_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "ogg"] | None = None
    """None: what the model gives."""
    instructions: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    seed: Seed | None = None


class TextToAudio(Painting, frozen=True, kw_only=True):
    """Music and noises."""

    seconds: Seconds | None = None
    output_format: Literal["mp3", "opus", "flac", "wav", "ogg"] | None = None


class TextToVideo(Painting, frozen=True, kw_only=True):
    width: Side | None = None
    height: Side | None = None
    seconds: Seconds | None = None
    fps: Annotated[int, msgspec.Meta(ge=1, le=120)] | None = None


class ImageToVideo(TextToVideo, frozen=True, kw_only=True):
    image: File


class Workflow(Media, frozen=True, kw_only=True):
    """A ComfyUI workflow. The edge puts the workflow itself in the place of its name."""

    workflow: str | dict[str, Any]
    """Name of a stored one, or the workflow: in the form of the UI or of the API."""
    arguments: dict[str, Any] = {}
    """By input name (`GET /workflows/{name}`). A value for a file input is a file, as in any file field."""
    files: dict[str, File] = {}
    """Those of the arguments that are files."""
    seed: Seed | None = None


class InspectWorkflow(Media, frozen=True, kw_only=True):
    """What inputs a workflow has. Asked by the edge."""

    workflow: dict[str, Any]
    prompt: bool = False
    """The API's form of it too: what ComfyUI runs."""


# ---- transforms ------------------------------------------------------------------------------------------------------

Position = Literal["TopLeft", "TopRight", "BottomLeft", "BottomRight", "Center"]
ImageFormat = Literal["jpg", "png", "gif", "bmp", "tiff", "webp", "avif"]
VideoFormat = Literal["mp4", "webm", "mkv", "mov", "avi", "gif", "wmv", "mpeg", "ogg"]
AudioFormat = Literal["mp3", "wav", "flac", "ogg", "m4a", "opus", "aac", "wma"]


class ConvertImage(Media, frozen=True, kw_only=True):
    image: File
    output_format: ImageFormat
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None


class CropImage(Media, frozen=True, kw_only=True):
    image: File
    x: Pixel = 0
    y: Pixel = 0
    width: Length
    height: Length


class ScaleImage(Media, frozen=True, kw_only=True):
    """One side alone keeps the aspect."""

    image: File
    width: Length | None = None
    height: Length | None = None


class WatermarkImage(Media, frozen=True, kw_only=True):
    image: File
    watermark: File
    position: Position = "BottomRight"
    watermark_scale: Scale = 1.0
    """Of the watermark's own size."""
    opacity: Share = 0.5


class ConvertVideo(Media, frozen=True, kw_only=True):
    video: File
    output_format: VideoFormat


class CropVideo(Media, frozen=True, kw_only=True):
    video: File
    x: Pixel = 0
    y: Pixel = 0
    width: Length
    height: Length


class ScaleVideo(Media, frozen=True, kw_only=True):
    """One side alone keeps the aspect."""

    video: File
    width: Annotated[int, msgspec.Meta(ge=1, le=7680)] | None = None
    height: Annotated[int, msgspec.Meta(ge=1, le=4320)] | None = None


class WatermarkVideo(Media, frozen=True, kw_only=True):
    video: File
    watermark: File
    position: Position = "BottomRight"
    watermark_scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    """Of the video's width."""
    opacity: Share = 1.0


class TrimVideo(Media, frozen=True, kw_only=True):
    video: File
    start_time: Time
    end_time: Time | None = None
    """None: to the end."""


class ConvertAudio(Media, frozen=True, kw_only=True):
    audio: File
    output_format: AudioFormat


class TrimAudio(Media, frozen=True, kw_only=True):
    audio: File
    start_time: Time
    end_time: Time | None = None


class Variant(Media, frozen=True, kw_only=True):
    """A picture made smaller for the web. Asked by the edge (`/variants/…`)."""

    image: File
    width: Length | None = None
    height: Length | None = None
    fit: Literal["cover", "contain", "fill", "inside"] = "inside"
    output_format: Literal["webp", "avif", "jpeg", "png"] = "webp"
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] = 80
    pixels: Annotated[int, msgspec.Meta(ge=1)] = 100_000_000
    """Of the largest picture that is opened, over all its frames."""


class Poster(Media, frozen=True, kw_only=True):
    """A picture that stands for a video (a frame) or for a sound (its waveform). Asked by the edge."""

    file: File
    width: Length = 1280
    """At most; a waveform is exactly so wide."""
    height: Length = 1280


# ---- results ---------------------------------------------------------------------------------------------------------


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a job made."""

    id: str = ""
    """`file-…`: for `/v1/files`."""
    url: str = ""
    """`/artifacts/…`"""
    file_name: str = ""
    content_type: str = "application/octet-stream"
    size: int = 0
    """Bytes."""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    """Of sound and video."""
    node: str = ""
    """Of the ComfyUI workflow."""
    title: str = ""
    """What the provider says of it: a revised prompt, a node's title."""


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`start`, `end`: seconds."""

    start: float
    end: float
    text: str
    extra: dict[str, Any] = {}
    """Fields of OpenAI's verbose_json (`tokens`, `avg_logprob` …)."""


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    start: float
    end: float
    word: str


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text that a job made."""

    text: str
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    language: str = ""
    seconds: float | None = None
    """Of the sound that was heard."""
    node: str = ""


class MediaResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`Done.body` of every media operation, as JSON."""

    artifacts: tuple[Artifact, ...] = ()
    texts: tuple[Told, ...] = ()
    duration: float = 0.0
    """Seconds the provider worked at it."""
    model: str = ""
    state: str | None = None
    usage: dict[str, Any] | None = None
    """As the provider says it, in OpenAI's shape."""
    inputs: list[dict[str, Any]] | None = None
    """Of an inspected workflow."""
    workflow: dict[str, Any] | None = None
    """The same workflow's `type` (the operation it is nearest to) and `outputs` (`image`, `video`, `audio`, `text`, `3d`); and
    `prompt`, its API form, where that was asked for."""


encode_media = msgspec.json.Encoder().encode
decode_media = msgspec.json.Decoder(MediaResult).decode
