"""The words of the AI Server dialect, as data: what a DTO is, and what is known of one beside its fields.

From these structs come the binding of requests, the answers, `/types` in every language, and OpenAPI. What a newcomer would
get wrong: names, casing and optionality are a contract with clients that exist. A field that may be null says so in its
type (`X | None`); one that may not has a default all the same, for callers leave it out, and what must be there is a rule.
`Ref[X]` is in between: promised as `X` to every client, and nothing until somebody sets it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

Long = Annotated[int, Meta(extra={"wire": "long"})]
Float = Annotated[float, Meta(extra={"wire": "float"})]
Decimal = Annotated[float, Meta(extra={"wire": "decimal"})]
Double = float
TimeSpan = timedelta
"""`PT4.5S` on the wire."""
DateTime = datetime
"""`2025-05-09T20:26:10.0000000Z` on the wire: seven digits, always UTC."""
Bytes = Annotated[str, Meta(extra={"wire": "bytes"})]
"""Base64 on the wire."""

V = TypeVar("V")
Ref: TypeAlias = Annotated[V | None, Meta(extra={"ref": True})]
"""What the clients' types call `X`, never null, and what still is nothing until it is set (a .NET reference)."""

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""A date that may not be null and was not given."""
NO_TIME = timedelta()
MAX_INT = 2**31 - 1

REQUIRED = Meta(extra={"required": True})
"""Must be there, though the attribute may be None until checked; clients' types show it as never null."""
NOT_EMPTY = Meta(extra={"rule": "NotEmpty"})
POSITIVE = Meta(extra={"rule": "GreaterThan"})
"""More than 0."""
FILE = Meta(extra={"file": True})
"""A part of a multipart form."""


def within(low: float, high: float) -> Meta:
    """A number from `low` to `high`, both included."""
    return Meta(extra={"range": (low, high)})


def doc(text: str) -> Meta:
    """What a field is for."""
    return Meta(description=text)


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """A request DTO and how it is asked."""

    request: type
    verb: str
    """GET, POST, PUT, PATCH, DELETE."""
    returns: Any
    """The answer's type; None: an empty one (`IReturnVoid`, one-way). A query's is `QueryResponse[Row]`; `bytes`: a file."""
    tag: str
    """AI, AI Info, Media, Media Info, Admin, Files, Comfy, Auth; empty: none."""
    auth: str
    """`none`, `key` or `admin`."""
    routes: tuple[str, ...] = ()
    """Paths beside `/api/{Name}`; `{Name}` stands for a field, `{**Path}` for the rest of the path."""
    markers: tuple[str, ...] = ()
    """Interfaces that clients know: `ICreateDb<AiProvider>`, `IGet`, `IMediaTransform`."""
    any_verb: bool = False
    """No verb of its own: clients send `verb`, the door takes each."""
    hidden: bool = False
    """Answers, but is not shown in the explorer and in OpenAPI."""


APIS: dict[str, Api] = {}
"""By name of the request DTO."""
TYPES: dict[str, type] = {}
"""Every DTO and enum by name, requests too, in order of definition."""
INT_ENUMS: set[type] = set()
"""Serialised by number."""

INTERFACES: dict[str, tuple[str, ...]] = {
    "IGeneration": (),
    "IMediaTransform": ("refId", "tag"),
    "IQueueGeneration": ("refId", "replyTo", "tag", "state"),
    "IQueueMediaTransform": ("refId", "tag", "replyTo"),
}
"""The dialect's own interfaces among the markers: wire names of their members, all of them `string?`."""

SYNONYMS: dict[str, dict[str, str]] = {
    "QueueTextToSpeech": {"input": "text"},
    "TextToSpeech": {"text": "input"},
    "OpenAiResponseFormat": {"type": "response_format"},
    "GetOpenAiChat": {"jobId": "id"},
    "WaitForOpenAiChat": {"jobId": "id"},
    "GetOpenAiChatStatus": {"id": "jobId"},
    "GetOllamaGenerationStatus": {"id": "jobId"},
    "GetArtifactGenerationStatus": {"id": "jobId"},
    "GetTextGenerationStatus": {"id": "jobId"},
    "GetGeneration": {"jobId": "id"},
}
"""Other wire names that a request takes for its own, by DTO: theirs -> ours. Sister DTOs disagree (a text to speak is `input`
when one waits and `text` when one does not), OpenAI's own clients say `type`; a caller who takes the one for the other is
understood. The DTO's own name wins when both are there."""

FILE_PARTS: dict[str, tuple[str, ...]] = {
    "WatermarkImage": ("watermark",),
    "QueueWatermarkImage": ("watermark",),
    "CreateGeneration": ("image", "mask", "audio"),
    "CreateMediaTransform": ("image", "video", "audio", "watermark"),
    "QueueComfyWorkflow": ("image", "mask", "audio", "video"),
}
"""Parts of the form that are files and have no field of their own, by DTO. Those marked FILE come on top."""


class Dto(msgspec.Struct, kw_only=True, rename="camel"):
    """Anything that travels in this dialect."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        TYPES[cls.__name__] = cls


T = TypeVar("T", bound=type)
E = TypeVar("E", bound=type[Enum])


def api(
    verb: str,
    returns: Any = None,
    *,
    tag: str = "",
    auth: str = "none",
    routes: tuple[str, ...] = (),
    markers: tuple[str, ...] = (),
    any_verb: bool = False,
    hidden: bool = False,
) -> Callable[[T], T]:
    """Make a DTO a request."""

    def named(request: T) -> T:
        APIS[request.__name__] = Api(
            request=request,
            verb=verb,
            returns=returns,
            tag=tag,
            auth=auth,
            routes=routes,
            markers=markers,
            any_verb=any_verb,
            hidden=hidden,
        )
        return request

    return named


def listed(kind: E) -> E:
    """Make an enum a type of the dialect."""
    TYPES[kind.__name__] = kind
    return kind


def numbered(kind: E) -> E:
    """The same for an enum that travels as its number."""
    INT_ENUMS.add(kind)
    return listed(kind)
