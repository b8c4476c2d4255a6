"""The admin API: providers and keys changed live, seen by everybody within a second, and never a secret in an answer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from admin_house import SEAL, Office, open_office, section, team_of
from fake_provider import FakeProvider
from fake_scripts import Script
from gateway_house import chat, until
from structlog.testing import capture_logs

from bus.connection import Link
from bus.history import versions
from schemas.provider import ApiKey, Provider
from schemas.secrets import SEALED

CANARY = "sk-canary-4f1d"


@pytest.fixture
async def office(nats: Link) -> AsyncIterator[Office]:
    async with open_office(nats) as opened:
        yield opened


@pytest.fixture
async def desk(nats: Link) -> AsyncIterator[Office]:
    """Without agents."""
    async with open_office(nats, team=False) as opened:
        yield opened


async def status_of(office: Office, model: str = "m") -> int:
    return (await office.house.post(chat(model)))[0]


async def within_a_second(check: Any) -> float:
    """Seconds until `check` held."""
    began = time.monotonic()
    await until(check, 1.0)
    return time.monotonic() - began


# ---- live -------------------------------------------------------------------------------------------------------------


async def test_a_provider_that_is_added_serves_within_a_second(office: Office) -> None:
    assert await status_of(office) == 404
    added = await office.want("POST", "/providers", section(office.house.fake))
    assert (added["name"], added["kind"], added["state"]) == ("one", "openai", "away")

    async def served() -> bool:
        return await status_of(office) == 200

    await within_a_second(served)
    shown = await office.want("GET", "/providers/one")
    assert (shown["state"], [agent["models"] for agent in shown["agents"]]) == ("ready", [1])


async def test_disabling_enabling_and_removing_are_in_force_within_a_second(office: Office) -> None:
    async def refused() -> bool:
        return await status_of(office) in (404, 503)

    async def served() -> bool:
        return await status_of(office) == 200

    await office.want("POST", "/providers", section(office.house.fake))
    await within_a_second(served)
    await office.want("POST", "/providers/one/disable")
    await within_a_second(refused)
    assert (await office.want("GET", "/providers/one"))["state"] == "off"
    await office.want("POST", "/providers/one/enable")
    await within_a_second(served)
    assert await office.want("DELETE", "/providers/one") == {"name": "one", "deleted": True}
    await within_a_second(refused)
    assert (await office.ask("GET", "/providers/one"))[0] == 404


async def test_changed_settings_are_in_force_within_a_second_and_a_running_answer_ends_undisturbed(
    office: Office,
) -> None:
    async with FakeProvider() as other:
        await office.want("POST", "/providers", section(office.house.fake, slots=2))
        await until(lambda: _is(status_of(office), 200))
        office.house.fake.queue(Script("slow", seconds=1.5))
        slow = asyncio.create_task(office.house.post(chat()))
        await until(lambda: office.house.fake.in_flight)
        await office.want("PATCH", "/providers/one", {"base_url": other.url})

        async def moved() -> bool:
            await office.house.post(chat())
            return len(other.calls) > 0

        await within_a_second(moved)
        assert not slow.done()
        assert (await slow)[0] == 200


async def test_an_address_that_does_not_answer_is_told_with_the_provider(office: Office) -> None:
    await office.want(
        "POST", "/providers", {"name": "gone", "base_url": "http://127.0.0.1:9/v1", "connect_timeout": 0.5}
    )

    async def told() -> bool:
        shown = await office.want("GET", "/providers/gone")
        return shown["state"] == "offline" and bool(shown["agents"][0]["reason"])

    await until(told, 5)


async def test_a_provider_of_another_host_is_left_to_the_agent_that_was_told_its_name(
    office: Office, nats: Link
) -> None:
    await office.want("POST", "/providers", section(office.house.fake, host="gpu-box"))
    await office.want("POST", "/providers", section(office.house.fake, name="two", models=["n"]))
    await until(lambda: _is(status_of(office, "n"), 200))
    assert await status_of(office) in (404, 503)
    async with team_of(nats, "one", rest=False):
        await until(lambda: _is(status_of(office), 200))


# ---- history ------------------------------------------------------------------------------------------------------------


async def test_every_change_tells_who_when_and_what_and_can_be_rolled_back(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, slots=4))
    await desk.want("PATCH", "/providers/one", {"slots": 8, "notes": "more"})
    await desk.want("PUT", "/providers/one", section(desk.house.fake, slots=2))
    lines = (await desk.want("GET", "/providers/one/history"))["data"]
    assert [line["by"] for line in lines] == [desk.key_id] * 3
    assert lines[1]["changes"] == {"slots": [4, 8], "notes": ["", "more"]}
    assert all(line["at"].startswith("20") for line in lines)
    back = await desk.want("POST", "/providers/one/rollback", {"revision": lines[1]["revision"]})
    assert (back["slots"], back["notes"]) == (8, "more")
    newest = (await desk.want("GET", "/providers/one/history"))["data"][0]
    assert newest["note"] == f"rollback to {lines[1]['revision']}"


async def test_a_removed_provider_has_its_history_and_comes_back_by_rollback(office: Office) -> None:
    """checklist 130: what was changed is taken back."""
    await office.want("POST", "/providers", section(office.house.fake))
    await office.want("DELETE", "/providers/one")
    lines = (await office.want("GET", "/providers/one/history"))["data"]
    assert [line["note"] for line in lines] == ["removed", ""]
    await office.want("POST", "/providers/one/rollback", {"revision": lines[1]["revision"]})
    await until(lambda: _is(status_of(office), 200))


async def test_the_last_ten_versions_are_kept(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake))
    for slots in range(1, 13):
        await desk.want("PATCH", "/providers/one", {"slots": slots})
    lines = (await desk.want("GET", "/providers/one/history"))["data"]
    assert [line["changes"].get("slots") for line in lines[:2]] == [[11, 12], [10, 11]]
    assert len(lines) == 10


async def test_all_changes_are_in_one_list_keys_too(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake))
    made = await desk.want("POST", "/keys", {"name": "app2"})
    lines = (await desk.want("GET", "/config/history"))["data"]
    assert (lines[0]["kind"], lines[0]["name"], lines[0]["by"]) == ("keys", made["id"], desk.key_id)
    assert {"providers", "keys"} == {line["kind"] for line in lines}


async def test_a_change_that_nobody_would_notice_is_no_version(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, key=CANARY))
    await desk.want("PATCH", "/providers/one", {"slots": 64, "key": CANARY})
    await desk.want("PUT", "/providers/one", section(desk.house.fake, key="sealed"))
    assert len((await desk.want("GET", "/providers/one/history"))["data"]) == 1


async def test_of_two_changes_at_once_none_is_lost_in_silence(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, slots=1))
    changes = [desk.ask("PATCH", "/providers/one", {"slots": number}) for number in range(2, 12)]
    answers = [status for status, _, _ in await asyncio.gather(*changes)]
    assert set(answers) <= {200, 409}
    stored = [one for one in await versions(desk.house.bus, "providers", "one") if one.by == desk.key_id]
    assert len(stored) == 1 + answers.count(200)


# ---- secrets --------------------------------------------------------------------------------------------------------------


async def test_a_sealed_key_is_used_by_the_agent_and_shown_to_nobody(office: Office) -> None:
    seen: list[str] = []
    office.house.fake.key = CANARY
    with capture_logs() as logs:
        body = section(office.house.fake, key=CANARY, headers={"x-api-key": f"{CANARY}-2", "x-team": "a"})
        answers = [await office.ask("POST", "/providers", body)]
        await until(lambda: _is(status_of(office), 200))
        for method, path, sent in (
            ("GET", "/providers", None),
            ("GET", "/providers/one", None),
            ("PATCH", "/providers/one", {"slots": 3}),
            ("PUT", "/providers/one", {**body, "key": "sealed", "headers": {"x-api-key": "sealed"}}),
            ("PATCH", "/providers/one", {"key": f"{CANARY}-new"}),
            ("PATCH", "/providers/one", {"key": f"{CANARY}\nx"}),
            ("PATCH", "/providers/one", {"key": [CANARY]}),
            ("PATCH", "/providers/one", {"base_url": f"https://user:{CANARY}@host/v1"}),
            ("PATCH", "/providers/one", {"base_url": f"https://host/v1?key={CANARY}"}),
            ("POST", "/providers", body),
            ("POST", "/providers/one/test", {"chat": True}),
            ("POST", "/providers/one/disable", None),
            ("GET", "/providers/one/history", None),
            ("GET", "/config/history", None),
            ("GET", "/models", None),
            ("GET", "/catalogue", None),
            ("DELETE", "/providers/one", None),
        ):
            answers.append(await office.ask(method, path, sent))
        seen = [json.dumps(answer) for _, _, answer in answers]
    assert office.house.fake.calls[0].headers["x-api-key"] == f"{CANARY}-2"
    assert [text for text in [*seen, *map(repr, logs)] if CANARY in text] == []
    raw = await office.house.bus.read("KV_CONFIG", {"seq": 1, "batch": 500, "next_by_subj": "$KV.CONFIG.>"})
    assert [one.data for one in raw if CANARY.encode() in one.data] == []
    assert answers[1][2]["data"][0]["key"] == "sealed"
    assert answers[1][2]["data"][0]["headers"] == {"x-api-key": "sealed", "x-team": "a"}
    assert SEALED not in "".join(seen)


async def test_an_error_of_the_provider_that_quotes_the_key_does_not_show_it(office: Office) -> None:
    office.house.fake.key = "another"
    await office.want("POST", "/providers", section(office.house.fake, key=CANARY))
    await until(lambda: _is(_state(office, "one"), "ready"))
    tested = await office.want("POST", "/providers/one/test", {"chat": True})
    assert (tested["ok"], tested["step"], tested["code"]) == (False, "chat", "provider_auth")
    assert CANARY not in json.dumps(tested)
    assert CANARY not in json.dumps((await office.house.post(chat()))[2])


async def test_a_secret_does_not_follow_a_provider_to_another_address(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake, key=CANARY))
    status, _, answer = await desk.ask("PATCH", "/providers/one", {"base_url": "https://evil.example/v1"})
    assert (status, answer["error"]["param"]) == (400, "key")
    await desk.want("PATCH", "/providers/one", {"base_url": "https://new.example/v1", "key": "env:NEW_KEY"})


async def test_a_seal_of_the_callers_own_is_refused(desk: Office) -> None:
    for key in ("sealed", SEAL.seal("x")):
        status, _, answer = await desk.ask("POST", "/providers", section(desk.house.fake, key=key))
        assert (status, answer["error"]["param"]) == (400, "key")


# ---- testing a provider -----------------------------------------------------------------------------------------------------


async def test_a_test_says_what_the_agent_saw(office: Office) -> None:
    await office.want("POST", "/providers", section(office.house.fake, enabled=False))

    async def tested() -> Any:
        status, _, answer = await office.ask("POST", "/providers/one/test", {"chat": True})
        return answer if status == 200 else None

    seen = await until(tested)
    assert (seen["ok"], seen["models"], seen["chat_model"]) == (True, 2, "m")
    assert 0 < seen["list_ms"] < 5000
    assert seen["chat_ms"] > 0
    assert office.house.fake.calls[-1].body["max_tokens"] == 1


async def test_a_test_without_an_agent_says_how_to_start_one(desk: Office) -> None:
    await desk.want("POST", "/providers", section(desk.house.fake))
    status, _, answer = await desk.ask("POST", "/providers/one/test")
    assert (status, "ai-server agent one" in answer["error"]["message"]) == (503, True)


async def test_a_variable_that_is_not_set_is_named(office: Office) -> None:
    await office.want("POST", "/providers", section(office.house.fake, key="env:NOT_SET_HERE_EITHER"))
    seen = await office.want("POST", "/providers/one/test")
    assert (seen["ok"], seen["step"], "NOT_SET_HERE_EITHER" in seen["error"]) == (False, "settings", True)


# ---- names ------------------------------------------------------------------------------------------------------------------


async def test_a_model_is_reached_by_its_common_name_and_its_short_one(office: Office) -> None:
    """checklist 30: one name, a native one at each provider."""
    native = "llama-3.3-70b-versatile"
    body = {
        "type": "groq",
        "name": "g",
        "base_url": office.house.fake.url,
        "key": "",
        "models": [native],
        "discover": False,
    }
    await office.want("POST", "/providers", body)
    await until(lambda: _is(status_of(office, native), 200))
    for name in ("llama3.3:70b", "llama3.3", "llama3.3:latest"):
        assert await status_of(office, name) == 200
        assert office.house.fake.calls[-1].body["model"] == native
    _, _, listed = await office.house.get("/v1/models")
    assert [model["id"] for model in listed["data"]] == [native, "llama3.3:70b"]
    assert (await office.house.get("/v1/models/llama3.3"))[0] == 200
    models = {model["id"]: model for model in (await office.want("GET", "/models"))["data"]}
    assert models["llama3.3:70b"]["aliases"] == ["llama3.3", "llama3.3:latest"]
    assert models["llama3.3:70b"]["providers"] == [{"provider": "g", "native": native, "online": True, "price": None}]
    assert (models["llama3.3:70b"]["vision"], models["llama3.3:70b"]["context"]) == (False, 131072)


async def test_a_models_own_aliases_work_too(office: Office) -> None:
    models = [{"name": "fast", "native": "m", "aliases": ["quick"]}]
    await office.want("POST", "/providers", section(office.house.fake, models=models))
    await until(lambda: _is(status_of(office, "quick"), 200))
    assert office.house.fake.calls[-1].body["model"] == "m"


async def test_a_models_rule_is_set_live_and_its_change_is_in_the_history(desk: Office) -> None:
    rule = {"model": "a/b:c", "strategy": "priority", "fallbacks": ["m"]}
    assert await desk.want("PUT", "/rules", rule) == rule
    assert (await desk.want("GET", "/rules"))["data"] == [rule]
    assert (await desk.want("GET", "/config/history"))["data"][0]["name"] == "a/b:c"
    for wrong, param in (({**rule, "strategy": "best"}, "strategy"), ({"model": ""}, "model"), ({"modl": "x"}, "modl")):
        status, _, answer = await desk.ask("PUT", "/rules", wrong)
        assert (status, answer["error"]["param"]) == (400, param)
    await desk.want("DELETE", "/rules?model=a%2Fb%3Ac")
    assert (await desk.want("GET", "/rules"))["data"] == []
    assert (await desk.ask("DELETE", "/rules?model=a"))[0] == 404


# ---- keys -------------------------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_works_at_once(desk: Office) -> None:
    made = await desk.want(
        "POST", "/keys", {"name": "app2", "user": "ann", "budget_day": 2.5, "priority": "low", "days": 2}
    )
    raw = made["key"]
    assert (await desk.house.get("/v1/models", raw))[0] == 200
    assert made["webhook_secret"].startswith("whsec_")
    shown = await desk.want("GET", f"/keys/{made['id']}")
    assert {"key", "hash", "webhook_secret"} & set(shown) == set()
    assert (shown["user"], shown["budget_day"], shown["priority"], shown["state"]) == ("ann", 2.5, "low", "active")
    assert abs(shown["expires"] - time.time() - 2 * 86400) < 60
    everything = json.dumps([await desk.want("GET", "/keys"), await desk.want("GET", "/config/history"), shown])
    assert raw not in everything
    assert made["webhook_secret"] not in everything


async def test_when_a_key_was_last_used_is_told(desk: Office) -> None:
    made = await desk.want("POST", "/keys", {"name": "app2"})
    assert (await desk.want("GET", f"/keys/{made['id']}"))["last_used"] is None
    await desk.house.get("/v1/models", made["key"])

    async def told() -> Any:
        return (await desk.want("GET", f"/keys/{made['id']}"))["last_used"]

    assert abs(await until(told) - time.time()) < 5


async def test_a_revoked_key_is_refused_at_once(desk: Office) -> None:
    made = await desk.want("POST", "/keys", {"name": "app2"})
    assert (await desk.want("POST", f"/keys/{made['id']}/revoke"))["state"] == "revoked"
    assert (await desk.house.get("/v1/models", made["key"]))[0] == 401


async def test_a_rotated_key_works_beside_its_successor_until_the_overlap_ends(desk: Office) -> None:
    old = await desk.want("POST", "/keys", {"name": "app2", "models": ["m*"], "requests_per_minute": 7})
    new = await desk.want("POST", f"/keys/{old['id']}/rotate", {"overlap": 1.0})
    assert (new["models"], new["requests_per_minute"], new["replaces"]) == (["m*"], 7, old["id"])
    assert new["webhook_secret"] == old["webhook_secret"]
    assert (await desk.want("GET", f"/keys/{old['id']}"))["state"] == "ending"
    assert [(await desk.house.get("/v1/models", key["key"]))[0] for key in (old, new)] == [200, 200]

    async def ended() -> bool:
        return (await desk.house.get("/v1/models", old["key"]))[0] == 401

    await until(ended, 3)
    assert (await desk.house.get("/v1/models", new["key"]))[0] == 200
    assert (await desk.ask("POST", f"/keys/{old['id']}/rotate"))[0] == 409


async def test_a_rotation_can_bring_a_new_signing_secret(desk: Office) -> None:
    old = await desk.want("POST", "/keys", {"name": "app2"})
    new = await desk.want("POST", f"/keys/{old['id']}/rotate", {"overlap": 0, "signing": True})
    assert new["webhook_secret"] != old["webhook_secret"]
    assert (await desk.house.get("/v1/models", old["key"]))[0] == 401


async def test_a_key_may_use_only_what_it_was_given(office: Office) -> None:
    await office.want("POST", "/providers", section(office.house.fake, models=["m", "other", "llama3.3:70b"]))
    await until(lambda: _is(status_of(office), 200))
    made = await office.want("POST", "/keys", {"name": "narrow", "apis": ["chat"], "models": ["m", "llama3.3:*"]})
    heads = {"Authorization": f"Bearer {made['key']}"}

    async def ask(model: str, path: str = "/v1/chat/completions") -> tuple[int, Any]:
        body = chat(model) if "chat" in path else {"model": model, "input": "x"}
        status, _, answer = await office.house.post(body, path=path, headers=heads)
        return status, answer.get("error")

    assert [(await ask(name))[0] for name in ("m", "llama3.3:70b", "llama3.3")] == [200, 200, 200]
    status, error = await ask("other")
    assert (status, error["type"], error["param"]) == (403, "permission_error", "model")
    assert f"ai-server keys change {made['id']} --model other" in error["message"]
    assert (await ask("m,other"))[0] == 403
    status, error = await ask("m", "/v1/embeddings")
    assert (status, f"keys change {made['id']} --api embeddings" in error["message"]) == (403, True)
    _, _, listed = await office.house.get("/v1/models", made["key"])
    assert [model["id"] for model in listed["data"]] == ["llama3.3:70b", "m"]
    assert (await office.house.get("/v1/models/other", made["key"]))[0] == 404
    await office.want("PATCH", f"/keys/{made['id']}", {"models": None})
    assert (await ask("other"))[0] == 200


async def test_a_refusal_speaks_the_callers_dialect(office: Office) -> None:
    made = await office.want("POST", "/keys", {"name": "narrow", "models": ["m"]})
    body = {"model": "other", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    heads = {"x-api-key": made["key"], "anthropic-version": "2023-06-01", "Authorization": None}
    status, _, answer = await office.house.post(body, path="/v1/messages", headers=heads)
    assert (status, answer["type"], answer["error"]["type"]) == (403, "error", "permission_error")


# ---- who may, and bad input --------------------------------------------------------------------------------------------------

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


async def _is(work: Any, wanted: object) -> bool:
    return bool(await work == wanted)


async def _state(office: Office, name: str) -> str:
    return str((await office.want("GET", f"/providers/{name}"))["state"])
