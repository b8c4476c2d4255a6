"""An answer in the format its caller wants: JSON, CSV or lines of JSON. Pure.

What a newcomer would get wrong: CSV and JSONL are the rows alone (`results`), without what stands around them. XML is
refused in words: no client of this dialect reads it.
"""

import csv
import io
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from gateway.aiserver import jsv
from schemas.dtos.checks import prune

Format: TypeAlias = Literal["json", "csv", "jsonl"]
TYPES: dict[Format, bytes] = {
    "json": b"application/json; charset=utf-8",
    "csv": b"text/csv; charset=utf-8",
    "jsonl": b"text/jsonl; charset=utf-8",
}
_ACCEPTED: dict[str, Format] = {
    "application/json": "json", "text/json": "json", "*/*": "json", "application/*": "json", "text/*": "json",
    "text/html": "json", "text/csv": "csv", "text/jsonl": "jsonl", "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl", "application/x-jsonlines": "jsonl",
}  # fmt: skip
FOREIGN = ("xml", "soap11", "soap12", "protobuf", "msgpack", "jsv", "html")


class UnspokenError(Exception):
    """A format that nobody speaks here; the message tells those that we do."""


def format_of(said: str | None, accept: bytes) -> Format:
    """What `.csv`, `?format=csv`, or else the Accept header asks for. Raises `UnspokenError`."""
    if said is not None:
        word = said.strip().lower()
        if word in TYPES:
            return word
        raise UnspokenError(_refusal(word))
    if not accept or accept in (b"*/*", b"application/json"):
        return "json"
    kinds = [part.partition(";")[0].strip().lower() for part in accept.decode("latin-1").split(",")]
    for kind in kinds:
        if kind in _ACCEPTED:
            return _ACCEPTED[kind]
    if all(kind.endswith(("xml", "protobuf", "msgpack")) for kind in kinds):
        raise UnspokenError(_refusal(kinds[0]))
    return "json"


def _refusal(word: str) -> str:
    return f"There is no answer in the format '{word[:40]}' here; ask for json, csv or jsonl."


def encoded(value: Any, wanted: Format) -> bytes:
    """The answer's body. A struct becomes an object without its nulls."""
    if wanted == "json":
        return msgspec.json.encode(prune(value))
    rows = rows_of(value)
    if wanted == "jsonl":
        return b"".join(msgspec.json.encode(prune(row)) + b"\n" for row in rows)
    return as_csv(rows)


def rows_of(value: Any) -> list[Any]:
    """What of an answer is a table."""
    results = value.get("results") if isinstance(value, Mapping) else getattr(value, "results", None)
    if isinstance(results, list):
        return results
    return value if isinstance(value, list) else [] if value is None else [value]


def as_csv(rows: list[Any]) -> bytes:
    """A header of property names, as .NET spells them, and a line a row; what is no single value stands there as JSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    plain = [prune(row) for row in rows]
    if plain and not isinstance(plain[0], dict):
        writer.writerows([_cell(row)] for row in plain)
        return out.getvalue().encode()
    names = _columns(rows, plain)
    if names:
        writer.writerow(name[:1].upper() + name[1:] for name in names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in plain)
    return out.getvalue().encode()


def _columns(rows: list[Any], plain: list[dict[str, Any]]) -> list[str]:
    """All fields of the type; of dictionaries those that any row has."""
    if rows and isinstance(rows[0], msgspec.Struct):
        return list(rows[0].__struct_encode_fields__)
    return list(dict.fromkeys(name for row in plain for name in row))


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return jsv.write(value)
    return jsv.write(value) if isinstance(value, bool) else value
