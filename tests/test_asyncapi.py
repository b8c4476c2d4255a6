"""`/asyncapi.json`: every subject of the bus, what direct publishers may use, and examples that fit."""

import inspect
import re
from typing import Any

import jsonschema
import pytest
from described_kit import Document, follow, papers, references

from bus import subjects
from bus.callout import rights
from bus.connection import Link
from schemas.operations import OPERATIONS
from schemas.provider import ApiKey

_BUCKETS = {
    "saved_body",
    "job_key",
    "idem_key",
    "claim_key",
    "config_key",
    "use_key",
    "cache_key",
    "variant_key",
    "lease_key",
    "count",
}
"""Subjects of key-value buckets and counters: storage, not messages."""


@pytest.fixture
async def document(nats: Link) -> Document:
    found: Document = (await papers(nats))["asyncapi"]
    return found


def pattern(address: str) -> str:
    return re.sub(r"\{\w+\}", "*", address)


def test_its_structure_is_that_of_asyncapi_3(document: Document) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert document["info"].keys() >= {"title", "version"}
    for name, channel in document["channels"].items():
        address = channel["address"]
        assert set(re.findall(r"\{(\w+)\}", address or "")) == set(channel.get("parameters", {})), name
        assert channel["messages"], name
        assert channel["tags"][0]["name"] in ("direct", "internal")
    for name, operation in document["operations"].items():
        assert operation["action"] in ("send", "receive"), name
        assert follow(document, operation["channel"])["address"]
    for one in set(references(document)):
        assert follow(document, {"$ref": one}) is not None, one
    assert document["servers"]["nats"]["security"]


def test_every_subject_of_the_bus_is_described(document: Document) -> None:
    addresses = {pattern(channel["address"]) for channel in document["channels"].values() if channel["address"]}
    made = {
        pattern(function(**dict.fromkeys(inspect.signature(function).parameters, "{x}")))
        for name, function in inspect.getmembers(subjects, inspect.isfunction)
        if name not in (*_BUCKETS, "token", "provider_test")
    }
    assert made - addresses == set()
    assert {pattern("agent.test.{x}"), subjects.HB_ASK} <= addresses


def test_what_a_key_may_use_is_what_is_said_to_be_for_it(document: Document) -> None:
    key = ApiKey(id="k", hash="", prefix="", name="", created=0.0, tenant="t")
    allowed = rights(key)
    direct = {
        name: channel["address"].replace("{tenant}", "t").replace("{key}", "k")
        for name, channel in document["channels"].items()
        if channel["tags"] == [{"name": "direct"}] and channel["address"]
    }
    for name, address in direct.items():
        way = allowed["sub" if name == "out" else "pub"]["allow"]
        assert any(address.startswith(one.removesuffix(">")) for one in way), name
    internal = [one["address"] for one in document["channels"].values() if one["tags"] == [{"name": "internal"}]]
    assert not [one for one in internal if one.split(".")[0] in ("rpc", "req", "out")]


def test_each_operation_can_be_asked_and_each_example_fits(document: Document) -> None:
    public = {name for name, operation in OPERATIONS.items() if not operation.internal}
    for channel in ("rpc", "req"):
        assert set(document["channels"][channel]["parameters"]["operation"]["enum"]) == public
        assert set(document["channels"][channel]["messages"]) == {f"{name}_request" for name in public}
    shown = 0
    for name, message in document["components"]["messages"].items():
        judge = jsonschema.Draft7Validator(
            {**inlined(document, message["payload"]), "components": document["components"]}
        )
        for example in message.get("examples", ()):
            assert [one.message for one in judge.iter_errors(example["payload"])] == [], name
            shown += 1
    assert shown >= len(public)
    assert "FileRef" not in document["components"]["schemas"]


def inlined(document: Document, payload: Any) -> Any:
    """Draft 7 reads nothing beside a `$ref`."""
    found = follow(document, payload)
    return found if isinstance(found, dict) else {}
