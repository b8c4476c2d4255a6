"""The parts that many operations share: headers in and out, errors by dialect, ways to show a key, how to be answered."""

from typing import Any

from gateway.described.shapes import Schema, Shapes

KEYS: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of this server (`ai-server keys create`)."},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same key."},
    "google": {
        "type": "apiKey",
        "in": "header",
        "name": "x-goog-api-key",
        "description": "Where Google's SDKs put it.",
    },
    "url": {"type": "apiKey", "in": "query", "name": "key", "description": "Where Gemini's plain HTTP puts it."},
}
ANYBODY: list[Schema] = []
PERHAPS: list[Schema] = [{}, {"bearer": []}, {"header": []}]
"""With a key more is seen than without."""
GOOGLE: list[Schema] = [{"google": []}, {"url": []}, {"bearer": []}, {"header": []}]
STYLES = (
    "Sync unless said otherwise. `Prefer: respond-async` (or `?queue=1`) answers 202 with a job; `Prefer: wait=N` waits up to "
    "N seconds for it; `replyTo` (or `Reply-To`) names a web callback; `Idempotency-Key` (or `refId`) names the job."
)
_TEXT = {"type": "string"}


def header(name: str, text: str, example: Any = None, schema: Schema | None = None) -> Schema:
    """A request header."""
    told = {"name": name, "in": "header", "description": text, "schema": schema or _TEXT}
    return told if example is None else {**told, "example": example}


PARAMETERS: Schema = {
    "Prefer": header("Prefer", "`respond-async`: queued, 202. `wait=N`: queued, and waits up to N seconds (RFC 7240)."),
    "Queue": {
        "name": "queue", "in": "query", "description": "1: as `Prefer: respond-async`.", "schema": {"enum": ["1", "true"]},
    },
    "ReplyTo": header(
        "Reply-To", "URL of a web callback: `[METHOD ][credentials@]https://host/path`. As `replyTo` in the body."
    ),
    "IdempotencyKey": header(
        "Idempotency-Key", "Names the request: a second one of that name gets the first one's job. As `refId` in the body.",
        schema={"type": "string", "maxLength": 200},
    ),
    "Provider": header("x-ai-provider", "Names of providers, with commas between: only these may serve it."),
    "Explain": header("x-ai-explain", "1: tell why it went where it did, in the header `x-ai-trail`."),
    "Cache": header("x-ai-cache", "Seconds that an answer to the same request may be old. `0`: no cache."),
    "Raw": {
        "name": "raw", "in": "query", "description": "1: the one file of the result itself, as `Accept: image/*` asks.",
        "schema": {"enum": ["1", "true"]},
    },
}  # fmt: skip
STYLE_PARAMETERS = ("Prefer", "Queue", "ReplyTo", "IdempotencyKey", "Provider", "Explain")


def _told(text: str, schema: Schema | None = None) -> Schema:
    return {"description": text, "schema": schema or _TEXT}


HEADERS: Schema = {
    "RequestId": _told("Number of this request: its row in the archive."),
    "JobId": _told("Id of the job, for `/jobs/{id}`."),
    "Provider": _told("Who answered."),
    "Attempts": _told("How many tries it took.", {"type": "string", "pattern": "^[0-9]+$"}),
    "Trail": _told("JSON: each candidate of each attempt, and why it was chosen or passed over."),
    "Cache": _told("`hit` or `miss`.", {"enum": ["hit", "miss"]}),
    "RetryAfter": _told("Seconds after which another try makes sense.", {"type": "string", "pattern": "^[0-9]+$"}),
    "Location": _told("Where to ask for it."),
    "Applied": _told("What of `Prefer` was followed."),
    "ETag": _told("SHA-256 of the content."),
    "Challenge": _told("How to show a key."),
}
_NAMES = {
    "RequestId": "X-Request-Id", "JobId": "X-Job-Id", "Provider": "x-ai-provider", "Attempts": "x-ai-attempts",
    "Trail": "x-ai-trail", "Cache": "x-ai-cache", "RetryAfter": "Retry-After", "Location": "Location",
    "Applied": "Preference-Applied", "ETag": "ETag", "Challenge": "WWW-Authenticate",
}  # fmt: skip
JOB_HEADERS = ("RequestId", "JobId", "Provider", "Attempts", "Trail")


def told(*names: str) -> Schema:
    """Headers of an answer."""
    return {_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def parameters(*names: str) -> list[Schema]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


# ---- errors ----------------------------------------------------------------------------------------------------------

_MESSAGE = "The model 'm' is not served here."
_REFUSED = (
    "The request can't be served as it is: 400 `invalid_request` (`param` says where), 401 `invalid_api_key`, 403 `forbidden`, "
    "404 `model_not_found` or `not_found`, 405, 409 `conflict`, 413 `request_too_large`, 429 `rate_limit_exceeded` or "
    "`insufficient_quota`."
)
_FAILED = (
    "Nobody could serve it: 500 `internal`, 502 `provider_error` and its like, 503 `no_provider_online`, `overloaded` or "
    "`unavailable`, 504 `deadline_exceeded` or `provider_timeout`."
)


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


_NULLABLE = {"type": ["string", "null"]}
_OPENAI = _object({"message": _TEXT, "type": _TEXT, "param": _NULLABLE, "code": _NULLABLE}, "message", "type", "code")
_ANTHROPIC = _object({"type": _TEXT, "message": _TEXT}, "type", "message")
_GEMINI = _object(
    {"code": {"type": "integer"}, "message": _TEXT, "status": _TEXT, "details": {"type": "array", "items": {}}},
    "code", "message", "status",
)  # fmt: skip
_STATUS = _object(
    {
        "errorCode": _TEXT,
        "message": _TEXT,
        "errors": {
            "type": "array",
            "items": _object({"errorCode": _TEXT, "fieldName": _TEXT, "message": _TEXT}),
        },
    }
)
_TOLD = {"message": _MESSAGE, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}

ERRORS: dict[str, tuple[Schema, Any]] = {
    "OpenAi": (_object({"error": _OPENAI}, "error"), {"error": _TOLD}),
    "Anthropic": (
        _object({"type": {"const": "error"}, "error": _ANTHROPIC, "request_id": _TEXT}, "type", "error"),
        {"type": "error", "error": {"type": "not_found_error", "message": _MESSAGE}, "request_id": "req_123"},
    ),
    "Ollama": (_object({"error": _TEXT}, "error"), {"error": _MESSAGE}),
    "Gemini": (
        _object({"error": _GEMINI}, "error"),
        {"error": {"code": 404, "message": _MESSAGE, "status": "NOT_FOUND"}},
    ),
    "AiServer": (
        _object({"responseStatus": _STATUS}, "responseStatus"),
        {"responseStatus": {"errorCode": "NotFound", "message": _MESSAGE}},
    ),
}
"""Dialect -> the schema of its error, and one."""
ANY = "Any"
"""Where the caller's headers say in whose words."""


def errors(dialect: str = "OpenAi") -> Schema:
    """The error answers of an operation."""
    return {f"{n}XX": {"$ref": f"#/components/responses/{dialect}{n}XX"} for n in (4, 5)}


def responses(shapes: Shapes) -> Schema:
    """The shared answers, as components."""
    found: Schema = {"Accepted": _accepted(shapes)}
    schemas = {name: shapes.put(f"{name}Error", schema) for name, (schema, _) in ERRORS.items()}
    schemas[ANY] = {"anyOf": [schemas[name] for name in ("OpenAi", "Anthropic", "Gemini")]}
    for name, schema in schemas.items():
        content = {"application/json": {"schema": schema, "example": ERRORS.get(name, ERRORS["OpenAi"])[1]}}
        refused = {**told("RequestId", "RetryAfter", "Challenge")}
        found[f"{name}4XX"] = {"description": _REFUSED, "headers": refused, "content": content}
        found[f"{name}5XX"] = {"description": _FAILED, "headers": told("RequestId", "RetryAfter"), "content": content}
    return found


def _accepted(shapes: Shapes) -> Schema:
    schema = _object({"id": {"type": "integer"}, "refId": _TEXT, "status": _TEXT, "status_url": _TEXT}, "id", "status")
    shown = {"id": 123, "refId": "my-1", "status": "queued", "status_url": "/jobs/123"}
    return {
        "description": "Accepted and stored: ask for the job at `Location`.",
        "headers": told("RequestId", "JobId", "Location", "RetryAfter", "Applied"),
        "content": {"application/json": {"schema": shapes.put("Accepted", schema), "example": shown}},
    }


ACCEPTED: Schema = {"202": {"$ref": "#/components/responses/Accepted"}}


def json(schema: Schema, example: Any = None) -> Schema:
    """Content: JSON of this schema."""
    body = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"application/json": body}


def binary(*kinds: str) -> Schema:
    """Content: bytes."""
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds or ("*/*",)}


def stream(kind: str, example: str, text: str = "Server-sent events.") -> Schema:
    """Content: a stream of text."""
    return {kind: {"schema": {"type": "string", "description": text}, "example": example}}


def answer(text: str, content: Schema | None = None, *heads: str) -> Schema:
    """One answer of an operation."""
    shown: Schema = {"description": text}
    if heads:
        shown["headers"] = told(*heads)
    return {**shown, "content": content} if content else shown
