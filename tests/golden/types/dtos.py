""" Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "#" prefix before updating
BaseUrl: https://ai.example.org

#GlobalNamespace: 
#AddServiceStackTypes: True
#AddResponseStatus: False
#AddImplicitVersion: 
#AddDescriptionAsComments: True
#IncludeTypes: 
#ExcludeTypes: 
#DefaultImports: datetime,decimal,marshmallow.fields:*,servicestack:*,typing:*,dataclasses:dataclass/field,dataclasses_json:dataclass_json/LetterCase/Undefined/config,enum:Enum/IntEnum
"""

import datetime
import decimal
from marshmallow.fields import *
from servicestack import *
from typing import *
from dataclasses import dataclass, field
from dataclasses_json import dataclass_json, LetterCase, Undefined, config
from enum import Enum, IntEnum


T = TypeVar('T')
TKey = TypeVar('TKey')
TValue = TypeVar('TValue')


# What may be anything stays as it came; the client would try to make an `Any` of it.
TypeConverters.register(Any, deserializer=lambda value: value)


class IGeneration:
    """What every generation has."""

    ref_id: Optional[str] = None
    tag: Optional[str] = None


class Mode(str, Enum):
    """How."""
    M_P3 = 'mp3'
    MP3 = 'mp3'
    JSON_OBJECT = 'json_object'

    __str__ = str.__str__


class Task(IntEnum):
    TEXT_TO_IMAGE = 1
    SPEECH_TO_TEXT = 8

    __str__ = int.__repr__


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class Thing:
    """A thing of every kind. In two lines."""

    id: int = 0
    """The number that it is known by."""

    parent_id: Optional[int] = None
    from_: Optional[str] = field(metadata=config(field_name='from'), default=None)
    max_tokens: Optional[int] = field(metadata=config(field_name='max_tokens'), default=None)
    """At most so many; "about" will do. * /"""

    log_probs: Optional[bool] = field(metadata=config(field_name='logprobs'), default=None)
    share: float = 0.0
    denoise: Optional[float] = None
    cost: float = 0.0
    enabled: bool = False
    created_date: datetime.datetime = datetime.datetime(1, 1, 1)
    offline_date: Optional[datetime.datetime] = None
    duration: Optional[datetime.timedelta] = None
    bytes_: Optional[bytes] = field(metadata=config(field_name='bytes'), default=None)
    anything: Optional[Any] = None
    tags: List[str] = field(default_factory=list)
    names: Optional[List[str]] = None
    api_models: Dict[str, str] = field(default_factory=dict)
    counts: Optional[Dict[int, int]] = None
    paths: Optional[Dict[Task, List[str]]] = None
    mode: Optional[Mode] = None
    task: Optional[Task] = None
    pairs: Optional[List[KeyValuePair[str, int]]] = None
    other: 'Optional[Thing]' = None
    error: Optional[ResponseStatus] = None


class Plain(str, Enum):
    TOP_LEFT = 'TopLeft'
    CENTER = 'Center'

    __str__ = str.__str__


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class Special(Thing):
    place: Optional[Plain] = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class MakeThingResponse:
    results: Optional[List[Thing]] = None
    response_status: Optional[ResponseStatus] = None


# @Route("/v1/things", "POST")
# @Route("/things/{Id}")
@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class MakeThing(IReturn[MakeThingResponse], IGeneration, IPost):
    """Makes a thing."""

    image: Optional[bytes] = None
    prompt: Optional[str] = None
    """What to make."""

    mode: Optional[Mode] = None
    ref_id: Optional[str] = None
    tag: Optional[str] = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class MakeSpecial(Special, IReturn[MakeThingResponse]):
    provider: Optional[str] = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class QueryThings(QueryDb[Thing], IReturn[QueryResponse[Thing]]):
    id: Optional[int] = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class CreateThing(IReturn[MakeThingResponse], ICreateDb[Thing]):
    name: Optional[str] = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class DeleteThing(IReturnVoid, IDeleteDb[Thing]):
    """Deletes it."""

    id: int = 0


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class GetThingFile(IReturn[bytes], IGet):
    pass


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class GetThingText(IReturn[str], IGet):
    pass


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class GetThingNames(IReturn[List[str]], IGet):
    pass
