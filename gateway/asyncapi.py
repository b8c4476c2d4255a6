"""`/asyncapi.json`: AsyncAPI 3.0 of the bus: what direct publishers may use, and the subjects inside the house.

The addresses are made by `bus/subjects.py` itself, so a subject that is renamed there is renamed here. What a newcomer would
get wrong: an operation is told from this server's side: it `receive`s what a publisher sends.
"""

import inspect
from collections.abc import Callable
from typing import Any

from bus import subjects
from gateway.described.examples import ANSWERS, ASKED
from gateway.described.shapes import Schema, Shapes
from gateway.described.values import example_of
from gateway.openapi_media import written
from schemas.events import Event
from schemas.job import Job
from schemas.log import RequestLog
from schemas.operations import OPERATIONS, Operation
from schemas.provider import Heartbeat
from schemas.watch import Told

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_TOKEN = {"description": "1 to 64 letters, digits, - or _."}
JSON, MSGPACK = "application/json", "application/msgpack"
WORDS: dict[str, Schema] = {
    "tenant": {"description": "`default`, unless the operator made others.", "default": "default"},
    "key": {"description": "Id of the API key: the first 16 hex digits of its SHA-256."},
    "operation": {"description": "What is asked for."},
    "ref": {
        "description": "The request's own name (`Ai-Ref`, `Nats-Msg-Id`), or the job's id where it can be no token."
    },
    "job": {"description": "The job's id."},
    "queue": {"description": "Name of a provider, or of a pool of them."},
    "attempt": {"description": "1 for the first try."},
    "node": {"description": "Of a gateway: its leased number."},
    "agent": {"description": "An agent's process and provider."},
    "op": {"description": "Name of the operation."},
    "verb": {"description": "`beat`: tell everything now."},
    "name": {"description": "Name of a provider."},
}
"""Parameter of an address -> what it is."""
_ABOUT = (
    "A service that holds an API key may ask on NATS, without HTTP, with the same rights, routing, records and promises. "
    "Connect with the key as token or password, and with the inbox prefix `_INBOX.<key id>`; the server lets you publish to "
    "`rpc.<tenant>.<key id>.>` and `req.<tenant>.<key id>.>` and hear `out.<tenant>.<key id>.>` and your inbox, and nothing "
    "else. Channels with the tag `internal` are for those who operate the house; they may change."
)


def asyncapi(version: str) -> Schema:
    """The document."""
    shapes = Shapes()
    messages, public = _public(shapes)
    inside = _inside(shapes, messages)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AI Server on NATS", "version": version, "description": _ABOUT,
            "tags": [{"name": "direct", "description": "For holders of a key."}, {"name": "internal"}],
        },
        "defaultContentType": JSON,
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222", "protocol": "nats", "description": "NATS 2.14 or newer, with JetStream.",
                "security": [{"$ref": "#/components/securitySchemes/key"}],
            }
        },
        "channels": public | inside,
        "operations": _operations(),
        "components": {
            "messages": messages,
            "schemas": {name: _older(schema) for name, schema in sorted(shapes.components.items())},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "password", "description": "The API key, as token or as password."}
            },
        },
    }  # fmt: skip


# ---- for direct publishers -------------------------------------------------------------------------------------------


def _public(shapes: Shapes) -> tuple[Schema, Schema]:
    asked = {name: operation for name, operation in OPERATIONS.items() if not operation.internal}
    messages = {f"{name}_request": _asked(shapes, name, operation) for name, operation in asked.items()}
    shapes.components.pop("FileRef", None)
    shapes.components.update({name: written(schema) for name, schema in shapes.components.items()})
    messages |= _answers(shapes)
    requests = {f"{name}_request": _message(f"{name}_request") for name in asked}
    replies = {name: _message(name) for name in ("result", "refusal", "event")}
    operation = {"enum": list(asked), **WORDS["operation"]}
    channels = {
        "rpc": _channel(
            "rpc.{tenant}.{key}.{operation}", "A question that is answered while the asker waits, at most once.", requests,
            operation=operation,
        ),
        "req": _channel(
            "req.{tenant}.{key}.{operation}",
            "A request that is stored: publish it to JetStream (stream REQ), its acknowledgement is the promise.", requests,
            operation=operation,
        ),
        "inbox": {
            "address": None, "title": "inbox", "tags": [{"name": "direct"}],
            "description": "The reply subject of an `rpc` message, below `_INBOX.<key id>`.", "messages": replies,
        },
        "out": _channel(
            _address(subjects.out), "Events of a stored request. Listen before you ask.",
            {name: _message(name) for name in ("accepted", "event")},
        ),
    }  # fmt: skip
    return messages, channels


def _asked(shapes: Shapes, name: str, operation: Operation) -> Schema:
    schema = shapes.of(operation.request)
    component = shapes.components[operation.request.__name__]
    example = ASKED.get(operation.routes[0]) or example_of(component, shapes.components)
    headers = {
        "Ai-Ref": {**_TEXT, "description": "Your own name of the request: sent twice it is one job."},
        "Nats-Msg-Id": {**_TEXT, "description": "The same, where `Ai-Ref` says nothing."},
        "x-ai-provider": {**_TEXT, "description": "Only these providers may serve it."},
        "x-ai-explain": {**_TEXT, "description": "1: tell in `Ai-Trail` why it went where it did."},
    }
    return {
        "name": f"{name}_request", "title": f"{name.replace('_', ' ').capitalize()}", "contentType": JSON,
        "summary": f"As `POST {operation.routes[0]}` takes it.", "payload": schema,
        "headers": {"type": "object", "properties": headers}, "examples": [{"payload": example}],
    }  # fmt: skip


def _answers(shapes: Shapes) -> Schema:
    usage = {"type": "object", "properties": {"tokens_in": _NUMBER, "tokens_out": _NUMBER}}
    fault = {
        "type": "object",
        "properties": {"code": _TEXT, "message": _TEXT, "param": _TEXT},
        "required": ["code", "message"],
    }
    error = {"type": "object", "properties": {"message": _TEXT, "type": _TEXT, "param": {}, "code": _TEXT}}
    kinds = {
        "Progress": _event(
            "progress", share={"type": ["number", "null"]}, stage=_TEXT, eta={"type": "number"}, preview=_TEXT
        ),
        "Delta": _event("delta", n=_NUMBER, chunk={"type": "object"}),
        "Done": _event("done", result={}, provider=_TEXT, usage=usage),
        "Failed": _event("failed", error=fault, provider=_TEXT, usage=usage),
    }
    for name, schema in kinds.items():
        shapes.put(f"Told{name}", schema)
    accepted = _event("accepted", job=_NUMBER, ref=_TEXT, duplicate={"type": "boolean"})
    refs = [{"$ref": f"{shapes.place}Told{name}"} for name in kinds]
    shown = {"type": "delta", "n": 0, "chunk": {"choices": [{"index": 0, "delta": {"content": "Trout"}}]}}
    return {
        "result": _told("result", "The whole answer, as HTTP would give it.", {}, ANSWERS["/v1/chat/completions"]),
        "refusal": _told(
            "refusal", "Why there is no answer; `Ai-Status` is the HTTP status.",
            {"type": "object", "properties": {"error": error}, "required": ["error"]},
            {"error": {"message": "The model 'm' is not served here.", "type": "invalid_request_error", "param": "model",
                       "code": "model_not_found"}},
        ),
        "event": _told(
            "event", "`progress* delta* (done | failed)`. The last one has the header `Ai-End`.", {"oneOf": refs}, shown
        ),
        "accepted": _told(
            "accepted", "The request is a job now.", accepted,
            {"type": "accepted", "job": 123, "ref": "my-1", "duplicate": False},
        ),
    }  # fmt: skip


def _event(kind: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": {"type": {"const": kind}, **fields}, "required": ["type"]}


def _told(name: str, summary: str, payload: Schema, example: Any) -> Schema:
    headers = {
        "Ai-Status": {**_TEXT, "description": "As in HTTP."},
        "Ai-Job": {**_TEXT, "description": "The job's id."},
        "Ai-Provider": {**_TEXT, "description": "Who answered."},
        "Ai-End": {**_TEXT, "description": "1: nothing comes after this."},
        "Ai-Trail": {**_TEXT, "description": "JSON: why it went where it did."},
    }
    return {
        "name": name, "summary": summary, "contentType": JSON, "payload": payload,
        "headers": {"type": "object", "properties": headers}, "examples": [{"payload": example}],
    }  # fmt: skip


def _operations() -> Schema:
    def operation(action: str, channel: str, summary: str, **more: Any) -> Schema:
        return {"action": action, "channel": _channel_ref(channel), "summary": summary, **more}

    reply = {"address": {"location": "$message.header#/reply-to"}, "channel": _channel_ref("inbox")}
    return {
        "answer": operation(
            "receive", "rpc", "Answer a question: one reply, or with `stream` one for each chunk.", reply=reply
        ),
        "accept": operation("receive", "req", "Take a stored request, and tell its events on `out`."),
        "tell": operation("send", "out", "Tell what becomes of a stored request."),
    }


# ---- inside the house ------------------------------------------------------------------------------------------------


def _inside(shapes: Shapes, messages: Schema) -> Schema:
    for name, kind, text in (
        ("job", Job, "A job on its way."),
        ("told", Event, "What a job tells."),
        ("beat", Heartbeat, "How an agent is."),
        ("watch", Told, "How a process is and what it has in hand."),
        ("rows", list[RequestLog], "Rows of the archive."),
    ):
        schema = shapes.of(kind)
        messages[name] = {"name": name, "summary": text, "contentType": MSGPACK, "payload": _older(schema)}
    messages["nothing"] = {"name": "nothing", "summary": "The subject says it all.", "payload": {}}
    messages["test"] = {
        "name": "test", "summary": "Make one cheap call and tell what you saw.", "contentType": JSON,
        "payload": {"type": "object", "properties": {"chat": {"type": "boolean"}, "model": _TEXT}},
    }  # fmt: skip

    def inside(make: Callable[..., str], text: str, message: str) -> Schema:
        return _channel(_address(make), text, {message: _message(message)}, tag="internal")

    return {
        "live": inside(subjects.live, "A sync call, in memory (stream LIVE), at most once.", "job"),
        "work": inside(subjects.work, "A stored job's attempt (stream WORK).", "job"),
        "first": inside(subjects.first, "The same of a job that goes before the others of its queue.", "job"),
        "sched": inside(subjects.sched, "An attempt that waits for its time (stream SCHED).", "job"),
        "due": inside(subjects.due, "Its time has come.", "job"),
        "rep": inside(subjects.rep, "Events of a sync call, to the gateway that holds its request.", "told"),
        "evt": inside(subjects.evt, "Events of a stored job, kept 15 minutes (stream EVENTS).", "told"),
        "evtr": inside(subjects.evtr, "The same as they are stored, with `Nats-Sequence` among the headers.", "told"),
        "cancel": inside(subjects.cancel, "Stop this job, wherever it is.", "nothing"),
        "hb": inside(subjects.hb, "An agent's heartbeat, once a second.", "beat"),
        "hbask": _channel(
            subjects.HB_ASK,
            "All agents answer with a full heartbeat.",
            {"nothing": _message("nothing")},
            tag="internal",
        ),
        "gw": inside(subjects.gateway_hb, "A gateway's sign of life.", "nothing"),
        "watchtold": inside(
            subjects.watch_told,
            "How a process is, what has ended in it and, while somebody looks, what it has in hand.",
            "watch",
        ),
        "watchask": _channel(
            subjects.WATCH_ASK,
            "Somebody looks at the house: tell what you have in hand.",
            {"nothing": _message("nothing")},
            tag="internal",
        ),
        "watchpreview": _channel(
            subjects.WATCH_PREVIEW,
            "A request for the picture of a running job; its id is the body.",
            {"nothing": _message("nothing")},
            tag="internal",
        ),
        "agentcmd": inside(subjects.agent_cmd, "A word to one agent.", "nothing"),
        "agenttest": inside(subjects.provider_test, "A request to whoever serves the provider.", "test"),
        "log": inside(subjects.log, "Records on their way to the archive, kept 60 days (stream LOG).", "rows"),
    }


def _address(make: Callable[..., str]) -> str:
    """The subject with its parameters' names in braces, from the function that makes it."""
    names = [*inspect.signature(make).parameters]
    known = {name: f"x{place}x" for place, name in enumerate(names)}
    found = make(**known)
    for name, sign in known.items():
        found = found.replace(sign, f"{{{name}}}")
    return found


def _channel(address: str, text: str, messages: Schema, tag: str = "direct", **more: Schema) -> Schema:
    names = [piece[1:-1] for piece in address.split(".") if piece.startswith("{")]
    told: Schema = {"address": address, "description": text, "messages": messages, "tags": [{"name": tag}]}
    if names:
        told["parameters"] = {name: more.get(name, WORDS.get(name, _TOKEN)) for name in names}
    return told


def _message(name: str) -> Schema:
    return {"$ref": f"#/components/messages/{name}"}


def _channel_ref(name: str) -> Schema:
    return {"$ref": f"#/channels/{name}"}


def _older(schema: Any) -> Any:
    """The schema in draft 7, which is AsyncAPI's: a list whose places differ has them under `items`."""
    if isinstance(schema, list):
        return [_older(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {("items" if name == "prefixItems" else name): _older(value) for name, value in schema.items()}
