"""A small registry with one of each kind of thing, for the golden files: it stands still while the real one grows."""

import os
from pathlib import Path

from gateway.types.languages import LANGUAGES
from gateway.types.options import options_of
from gateway.types.shapes import Field, Kind, Member, Shape
from gateway.types.view import View

GOLDEN = Path(__file__).parent / "golden" / "types"
URL = "https://ai.example.org"
VERSION, DATE = "1.2.3", "2026-01-02 03:04:05"

STRING, INT, STATUS, T = Kind("string"), Kind("int"), Kind("ResponseStatus"), Kind("T")


def many(kind: Kind) -> Kind:
    return Kind("List", (kind,))


def table(key: Kind, value: Kind) -> Kind:
    return Kind("Dictionary", (key, value))


def field(attr: str, kind: Kind, *, wire: str = "", nullable: bool = False, ref: bool = False, doc: str = "") -> Field:
    pascal = "".join(part.capitalize() for part in attr.strip("_").split("_"))
    name = wire or pascal[0].lower() + pascal[1:]
    file = kind.name == "Stream"
    return Field(attr=attr, pascal=pascal, wire=name, kind=kind, nullable=nullable, ref=ref, file=file, doc=doc)


QUERY = (
    field("skip", INT, nullable=True),
    field("take", INT, nullable=True),
    field("order_by", STRING, ref=True),
    field("order_by_desc", STRING, ref=True),
    field("include", STRING, ref=True),
    field("fields", STRING, ref=True),
    field("meta", table(STRING, STRING), ref=True),
)
ALL_KINDS = (
    field("id", Kind("long"), doc="The number that it is known by."),
    field("parent_id", Kind("long"), nullable=True),
    field("from_", STRING, wire="from"),
    field("max_tokens", INT, wire="max_tokens", nullable=True, doc='At most so many; "about" will do. */'),
    field("log_probs", Kind("bool"), wire="logprobs", nullable=True),
    field("share", Kind("double")),
    field("denoise", Kind("float"), nullable=True),
    field("cost", Kind("decimal")),
    field("enabled", Kind("bool")),
    field("created_date", Kind("DateTime")),
    field("offline_date", Kind("DateTime"), nullable=True),
    field("duration", Kind("TimeSpan"), nullable=True),
    field("bytes", Kind("byte[]"), ref=True),
    field("anything", Kind("object"), ref=True),
    field("tags", many(STRING)),
    field("names", many(STRING), ref=True),
    field("api_models", table(STRING, STRING)),
    field("counts", table(INT, Kind("long")), nullable=True),
    field("paths", table(Kind("Task"), many(STRING)), nullable=True),
    field("mode", Kind("Mode")),
    field("task", Kind("Task"), nullable=True),
    field("pairs", many(Kind("KeyValuePair", (STRING, INT))), ref=True),
    field("other", Kind("Thing"), nullable=True),
    field("error", STATUS, ref=True),
)
_LIST = (
    Shape(
        name="IGeneration",
        what="interface",
        doc="What every generation has.",
        fields=(field("ref_id", STRING, nullable=True), field("tag", STRING, nullable=True)),
    ),
    Shape(name="Plain", what="enum", members=(Member("TopLeft", "TopLeft"), Member("Center", "Center"))),
    Shape(name="Mode", what="enum", doc="How.", members=(Member("MP3", "mp3"), Member("JsonObject", "json_object"))),
    Shape(name="Task", what="enum", numbered=True, members=(Member("TextToImage", 1), Member("SpeechToText", 8))),
    Shape(
        name="ResponseError",
        what="class",
        framework=True,
        fields=(field("error_code", STRING, ref=True), field("field_name", STRING, ref=True)),
    ),
    Shape(
        name="ResponseStatus",
        what="class",
        framework=True,
        fields=(field("message", STRING, ref=True), field("errors", many(Kind("ResponseError")), ref=True)),
    ),
    Shape(
        name="KeyValuePair",
        what="class",
        params=("TKey", "TValue"),
        framework=True,
        fields=(field("key", Kind("TKey"), ref=True), field("value", Kind("TValue"), ref=True)),
    ),
    Shape(name="QueryBase", what="class", framework=True, fields=QUERY),
    Shape(name="QueryDb", what="class", framework=True, params=("T",), base=Kind("QueryBase")),
    Shape(
        name="QueryResponse",
        what="class",
        framework=True,
        params=("T",),
        fields=(
            field("offset", INT),
            field("total", INT),
            field("results", many(T), ref=True),
            field("response_status", STATUS, ref=True),
        ),
    ),
    Shape(name="Thing", what="class", doc="A thing of every kind.\nIn two lines.", fields=ALL_KINDS),
    Shape(name="Special", what="class", base=Kind("Thing"), fields=(field("place", Kind("Plain"), nullable=True),)),
    Shape(
        name="MakeThingResponse",
        what="class",
        fields=(field("results", many(Kind("Thing")), nullable=True), field("response_status", STATUS, nullable=True)),
    ),
    Shape(
        name="MakeThing",
        what="class",
        doc="Makes a thing.",
        verb="POST",
        returns=Kind("MakeThingResponse"),
        markers=(Kind("IGeneration"), Kind("IPost")),
        tag="AI",
        auth="key",
        routes=("POST /v1/things", "/things/{Id}"),
        fields=(
            field("image", Kind("Stream")),
            field("prompt", STRING, doc="What to make."),
            field("mode", Kind("Mode")),
            field("ref_id", STRING, nullable=True),
            field("tag", STRING, nullable=True),
        ),
    ),
    Shape(
        name="MakeSpecial",
        what="class",
        verb="POST",
        base=Kind("Special"),
        returns=Kind("MakeThingResponse"),
        tag="AI",
        fields=(field("provider", STRING, nullable=True),),
    ),
    Shape(
        name="QueryThings",
        what="class",
        verb="GET",
        returns=Kind("QueryResponse", (Kind("Thing"),)),
        base=Kind("QueryDb", (Kind("Thing"),)),
        tag="AI Info",
        fields=(field("id", Kind("long"), nullable=True),),
    ),
    Shape(
        name="CreateThing",
        what="class",
        verb="POST",
        returns=Kind("MakeThingResponse"),
        markers=(Kind("ICreateDb", (Kind("Thing"),)),),
        tag="Admin",
        auth="admin",
        fields=(field("name", STRING),),
    ),
    Shape(
        name="DeleteThing",
        what="class",
        doc="Deletes it.",
        verb="DELETE",
        markers=(Kind("IDeleteDb", (Kind("Thing"),)),),
        tag="Admin",
        fields=(field("id", INT),),
    ),
    Shape(name="GetThingFile", what="class", verb="GET", returns=Kind("byte[]"), markers=(Kind("IGet"),)),
    Shape(name="GetThingText", what="class", verb="GET", returns=STRING, markers=(Kind("IGet"),)),
    Shape(name="GetThingNames", what="class", verb="GET", returns=many(STRING), markers=(Kind("IGet"),)),
)
SAMPLE = {shape.name: shape for shape in _LIST}


def sample(language: str, **query: str) -> str:
    """The sample's file in a language."""
    return view(language, **query).source(VERSION, DATE)


def view(language: str, **query: str) -> View:
    """The sample as one language's emitter sees it."""
    return View(LANGUAGES[language], options_of(LANGUAGES[language], query, URL), SAMPLE)


def golden(language: str, made: str) -> str:
    """What the file said when a person last looked at it. `GOLDEN=write` writes it anew."""
    path = GOLDEN / LANGUAGES[language].file
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made)
    return path.read_text()
