"""The same as transforms.py without waiting. The state is asked for with `GetArtifactGenerationStatus`."""

from typing import Annotated

from schemas.dtos._model import FILE, MAX_INT, POSITIVE, REQUIRED, Dto, Float, Long, api, doc, within
from schemas.dtos.base import RefId, ReplyTo, ResponseStatus, Tag
from schemas.dtos.jobs import BackgroundJobState
from schemas.dtos.transforms import AudioFormat, ConvertVideoOutputFormat, ImageOutputFormat, WatermarkPosition


class QueueMediaTransformResponse(Dto):
    """The job that was queued, and where its state is."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str | None, doc("A word on what it is doing.")] = None
    response_status: ResponseStatus | None = None
    status_url: Annotated[str, doc("Where to ask for the state.")] = ""


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform", "IPost"))
class QueueConvertImage(Dto):
    """Queue a picture in another format."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    output_format: Annotated[ImageOutputFormat | None, REQUIRED, doc("What to convert to.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform", "IPost"))
class QueueCropImage(Dto):
    """Queue a part of a picture."""

    x: Annotated[int, within(0, MAX_INT), doc("Pixels from the left edge.")] = 0
    y: Annotated[int, within(0, MAX_INT), doc("Pixels from the top edge.")] = 0
    width: Annotated[int, POSITIVE, doc("Pixels.")] = 0
    height: Annotated[int, POSITIVE, doc("Pixels.")] = 0
    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform", "IPost"))
class QueueScaleImage(Dto):
    """Queue a picture in another size."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    width: Annotated[int | None, POSITIVE, doc("Pixels.")] = None
    height: Annotated[int | None, POSITIVE, doc("Pixels.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform", "IPost"))
class QueueWatermarkImage(Dto):
    """Queue a picture with a watermark. Two files: `image` and, in the form only, `watermark`."""

    image: Annotated[str | None, REQUIRED, FILE, doc("The picture.")] = None
    position: Annotated[WatermarkPosition, doc("Where the watermark goes.")] = WatermarkPosition.TopLeft
    opacity: Annotated[Float, doc("Up to 1, solid; 0 counts as not said: 0.5.")] = 0.5
    watermark_scale: Annotated[Float, doc("Of the watermark's own size; 1 (and 0) leaves it.")] = 1.0
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueScaleVideo(Dto):
    """Queue a video in another size."""

    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    width: Annotated[int | None, within(1, 7680), doc("Pixels.")] = None
    height: Annotated[int | None, within(1, 4320), doc("Pixels.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueCropVideo(Dto):
    """Queue a part of a video's picture."""

    x: Annotated[int, within(0, MAX_INT), doc("Pixels from the left edge.")] = 0
    y: Annotated[int, within(0, MAX_INT), doc("Pixels from the top edge.")] = 0
    width: Annotated[int, POSITIVE, REQUIRED, doc("Pixels.")] = 0
    height: Annotated[int, POSITIVE, REQUIRED, doc("Pixels.")] = 0
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueWatermarkVideo(Dto):
    """Queue a video with a watermark."""

    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    watermark: Annotated[str | None, REQUIRED, FILE, doc("The picture to lay over it.")] = None
    position: Annotated[WatermarkPosition | None, doc("Where the watermark goes.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueTrimVideo(Dto):
    """Queue a video from one time to another."""

    start_time: Annotated[str, REQUIRED, doc("`m:ss`, or hours before it.")] = ""
    end_time: Annotated[str | None, doc("`m:ss`; the end of the video when left out.")] = None
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueConvertVideo(Dto):
    """Queue a video in another format."""

    output_format: Annotated[ConvertVideoOutputFormat | None, REQUIRED, doc("What to convert to.")] = None
    video: Annotated[str | None, REQUIRED, FILE, doc("The video.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None


@api("POST", QueueMediaTransformResponse, tag="Media", auth="key", markers=("IQueueMediaTransform",), any_verb=True)
class QueueConvertAudio(Dto):
    """Queue sound in another format."""

    output_format: Annotated[AudioFormat | None, REQUIRED, doc("What to convert to.")] = None
    audio: Annotated[str | None, REQUIRED, FILE, doc("The recording.")] = None
    ref_id: RefId = None
    reply_to: ReplyTo = None
    tag: Tag = None
