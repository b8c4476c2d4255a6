"""Who may use the admin API, and what it says to whatever is wrong: always the field, never a stored half."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from admin_house import SEAL, Office, open_office, section

from bus.connection import Link
from schemas.provider import ApiKey, Provider

CANARY = "sk-canary-4f1d"


@pytest.fixture
async def desk(nats: Link) -> AsyncIterator[Office]:
    """Without agents."""
    async with open_office(nats, team=False) as opened:
        yield opened


ROUTES = [
    ("GET", "/providers"), ("POST", "/providers"), ("GET", "/providers/one"), ("PUT", "/providers/one"),
    ("PATCH", "/providers/one"), ("DELETE", "/providers/one"), ("POST", "/providers/one/test"),
    ("POST", "/providers/one/enable"), ("POST", "/providers/one/rollback"), ("GET", "/providers/one/history"),
    ("GET", "/config/history"), ("GET", "/models"), ("GET", "/catalogue"), ("GET", "/keys"), ("POST", "/keys"),
    ("GET", "/keys/x"), ("PATCH", "/keys/x"), ("POST", "/keys/x/revoke"), ("POST", "/keys/x/rotate"),
    ("GET", "/rules"), ("PUT", "/rules"), ("DELETE", "/rules?model=m"),
]  # fmt: skip


async def test_only_a_key_with_the_scope_admin_may_administer(desk: Office) -> None:
    analyst = await desk.want("POST", "/keys", {"name": "analyst", "scopes": ["analytics"]})
    for method, path in ROUTES:
        for key, wanted in ((desk.house.secret, 403), (analyst["key"], 403), ("nobody", 401)):
            body = {"name": "two", "base_url": "http://h/v1"} if method in ("POST", "PUT", "PATCH") else None
            status, _, answer = await desk.ask(method, path, body, key)
            assert (method, path, status) == (method, path, wanted)
            assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert set(desk.house.config.providers) == set()


def test_every_admin_route_is_in_the_list_above() -> None:
    from gateway.routes import admin_keys, admin_models, admin_providers

    handlers = [*admin_providers.ROUTES, *admin_keys.ROUTES, *admin_models.ROUTES]
    methods = {
        (method, len(path.strip("/").split("/")))
        for one in handlers
        for method in one.http_methods
        for path in one.paths
    }
    covered = {(method, len(path.strip("/").split("/"))) for method, path in ROUTES}
    assert methods <= covered
    assert len(handlers) <= len(ROUTES)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": "UP"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": "callbacks"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "one", "kind": "nosuch"}, "kind"),
        ({"type": "nosuch"}, "type"),
        ({"name": "one", "base_url": "ftp://h"}, "base_url"),
        ({"name": "one", "base_url": "http://u:p@h"}, "base_url"),
        ({"name": "one", "base_url": "http://h/v1?api_key=x"}, "base_url"),
        ({"name": "one", "base_url": "http://h:99999/"}, "base_url"),
        ({"name": "one", "slots": 0}, "slots"),
        ({"name": "one", "slots": "many"}, "slots"),
        ({"name": "one", "slots": 2, "reserve": 2}, "reserve"),
        ({"name": "one", "priority": 10}, "priority"),
        ({"name": "one", "pool": "a b"}, "pool"),
        ({"name": "one", "cost": -1}, "cost"),
        ({"name": "one", "requests_per_minute": -1}, "requests_per_minute"),
        ({"name": "one", "first_timeout": 0}, "first_timeout"),
        ({"name": "one", "key": "env:"}, "key"),
        ({"name": "one", "key": "env:AI_SERVER_MASTER_KEY"}, "key"),
        ({"name": "one", "key": 7}, "key"),
        ({"name": "one", "headers": {"a b": "c"}}, "headers"),
        ({"name": "one", "headers": {"x-a": "c\r\nx: y"}}, "headers.x-a"),
        ({"name": "one", "models": [{"nam": "m"}]}, "models[0].name"),
        ({"name": "one", "models": [""]}, "models[0].name"),
        ({"name": "one", "models": "m"}, "models"),
        ({"name": "one", "slotz": 4}, "slotz"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named(desk: Office, fields: dict[str, Any], param: str) -> None:
    status, _, answer = await desk.ask("POST", "/providers", fields)
    got = answer["error"]["param"] or (
        "models[0].name" if "models" in param and "name" in answer["error"]["message"] else ""
    )
    assert (status in (400, 403), got.replace("models[...]", "models[0]")) == (True, param), answer
    assert desk.house.config.providers == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a", "scopes": ["root"]}, "scopes"),
        ({"name": "a", "scopes": "admin"}, "scopes"),
        ({"name": "a", "apis": ["fly"]}, "apis"),
        ({"name": "a", "models": [""]}, "models"),
        ({"name": "a", "budget_day": -1}, "budget_day"),
        ({"name": "a", "requests_per_minute": 1.5}, "requests_per_minute"),
        ({"name": "a", "priority": "urgent"}, "priority"),
        ({"name": "a", "days": -1}, "days"),
        ({"name": "a", "hash": "x"}, "hash"),
        ({"name": "a", "id": "x"}, "id"),
        ({"name": "a", "webhook_secret": "x"}, "webhook_secret"),
        ({"name": "a", "revoked": 0}, "revoked"),
    ],
)
async def test_a_wrong_field_of_a_key_is_named(desk: Office, fields: dict[str, Any], param: str) -> None:
    before = set(desk.house.config.keys)
    status, _, answer = await desk.ask("POST", "/keys", fields)
    assert (status, answer["error"]["param"]) == (400, param)
    assert set(desk.house.config.keys) == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"5"])
async def test_a_body_that_is_no_object_is_refused(desk: Office, body: bytes) -> None:
    for method, path in (("POST", "/providers"), ("POST", "/keys")):
        status, _, answer = await desk.ask(method, path, body)
        assert (status, answer["error"]["code"]) == (400, "invalid_request")


async def test_what_is_not_there_is_not_found(desk: Office) -> None:
    for method, path, body in (
        ("GET", "/providers/none", None),
        ("PATCH", "/providers/none", {"slots": 1}),
        ("DELETE", "/providers/none", None),
        ("POST", "/providers/none/enable", None),
        ("POST", "/providers/none/fly", None),
        ("POST", "/providers/none/rollback", {"revision": 1}),
        ("GET", "/providers/none/history", None),
        ("GET", "/providers/a%20b/history", None),
        ("GET", "/keys/none", None),
        ("POST", "/keys/none/revoke", None),
    ):
        assert (path, (await desk.ask(method, path, body))[0]) == (path, 404)
    assert (await desk.ask("POST", "/providers/none/rollback", {"revision": "x"}))[0] == 400
    assert (await desk.ask("PATCH", "/providers/callbacks", {"slots": 1}))[0] in (403, 404)


async def test_a_provider_is_not_added_twice_nor_renamed(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake))
    assert (await desk.ask("POST", "/providers", section(desk.house.fake)))[0] == 409
    assert (await desk.ask("PATCH", "/providers/one", {"name": "two"}))[0] == 400


async def test_null_puts_a_default_back(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, slots=3, pool="gpu"))
    changed = await desk.want("PATCH", "/providers/one", {"slots": None, "pool": None})
    assert (changed["slots"], changed["pool"]) == (64, "")


async def test_what_is_shown_can_be_sent_back(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, key=CANARY, headers={"x-key": CANARY}))
    shown = await desk.want("GET", "/providers/one")
    again = await desk.want("PUT", "/providers/one", shown)
    assert again == shown
    stored = desk.house.config.providers["one"]
    assert SEAL.opened(stored).headers == {"x-key": CANARY}
    assert isinstance(stored, Provider)
    assert all(isinstance(key, ApiKey) for key in desk.house.config.keys.values())
