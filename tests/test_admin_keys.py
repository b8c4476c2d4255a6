"""Keys and the names of models, changed live: shown once, used, revoked, rotated; and what each may ask for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from admin_house import SEAL, Office, became, open_office, section, status_of
from gateway_house import chat, until

from bus.config import Config, new_key
from bus.connection import Link
from bus.registry import Registry
from schemas.problem import Code, Problem


@pytest.fixture
async def office(nats: Link) -> AsyncIterator[Office]:
    async with open_office(nats) as opened:
        yield opened


@pytest.fixture
async def desk(nats: Link) -> AsyncIterator[Office]:
    """Without agents."""
    async with open_office(nats, team=False) as opened:
        yield opened


# ---- names -----------------------------------------------------------------------------------------------------------


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
    await until(lambda: became(status_of(office, native), 200))
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
    await until(lambda: became(status_of(office, "quick"), 200))
    assert office.house.fake.calls[-1].body["model"] == "m"


async def test_what_is_known_of_a_model_is_told_where_it_is_listed(office: Office) -> None:
    """Whether it takes pictures and its context: by its row, else by the catalogue; of what nobody knows nothing is said."""
    models = [{"name": "eye", "vision": True, "context": 4096}, {"name": "phi4:14b"}, {"name": "strange"}]
    await office.want("POST", "/providers", section(office.house.fake, models=models))
    await until(lambda: became(status_of(office, "strange"), 200))
    listed = {one["id"]: one for one in (await office.house.get("/v1/models"))[2]["data"]}
    assert listed["eye"]["architecture"] == {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
    assert listed["phi4:14b"]["architecture"]["input_modalities"] == ["text"]
    assert (listed["eye"]["context_length"], listed["phi4:14b"]["context_length"]) == (4096, 16384)
    assert not {"architecture", "context_length"} & set(listed["strange"])
    seen = [(await office.house.post({"model": name}, path="/api/show"))[2]["capabilities"] for name in listed]
    assert ["vision" in one for one in seen] == [name == "eye" for name in listed]


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


# ---- keys ------------------------------------------------------------------------------------------------------------


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
    await until(lambda: became(status_of(office), 200))
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


async def another_process(desk: Office) -> Registry:
    """One that has not heard yet of what is changed from now on."""
    config = Config(desk.house.bus)
    await config.load()
    return Registry(config, SEAL)


async def test_a_change_made_elsewhere_in_the_same_moment_brings_no_revoked_key_back(desk: Office) -> None:
    made = await desk.want("POST", "/keys", {"name": "app2"})
    late = await another_process(desk)
    await desk.want("POST", f"/keys/{made['id']}/revoke")
    with pytest.raises(Problem) as caught:
        await late.change_key(made["id"], {"notes": "hello"}, "somebody")
    assert caught.value.fault.code is Code.CONFLICT
    assert (await desk.house.get("/v1/models", made["key"]))[0] == 401


async def test_of_two_rotations_in_the_same_moment_one_successor_is_left(desk: Office) -> None:
    made = await desk.want("POST", "/keys", {"name": "app2"})
    late = await another_process(desk)
    new = await desk.want("POST", f"/keys/{made['id']}/rotate")
    with pytest.raises(Problem):
        await late.rotate_key(made["id"], 60, "somebody")
    await until(lambda: [key.id for key in desk.house.config.keys.values() if key.replaces] == [new["id"]])
    for wrong, param in (({"overlp": 5}, "overlp"), ({"signing": "no"}, "signing")):
        status, _, answer = await desk.ask("POST", f"/keys/{new['id']}/rotate", wrong)
        assert (status, answer["error"]["param"]) == (400, param)


async def test_an_administrator_of_another_tenant_has_that_tenants_keys_and_changes_nothing_of_the_house(
    desk: Office,
) -> None:
    """Or a key of the house could be rotated into one's own hands."""
    raw, chief = new_key("chief", ("admin",), tenant="north")
    await desk.house.config.put_key(chief)
    ours = await desk.want("POST", "/keys", {"name": "ours"})
    _, _, made = await desk.ask("POST", "/keys", {"name": "theirs"}, raw)
    assert (made["tenant"], ours["tenant"]) == ("north", "default")
    _, _, listed = await desk.ask("GET", "/keys", None, raw)
    assert {key["name"] for key in listed["data"]} == {"chief", "theirs"}
    for method, path, body in (
        ("GET", f"/keys/{ours['id']}", None),
        ("PATCH", f"/keys/{ours['id']}", {"notes": "x"}),
        ("POST", f"/keys/{desk.key_id}/rotate", None),
        ("POST", f"/keys/{ours['id']}/revoke", None),
        ("GET", f"/route?model=m&key={ours['id']}", None),
    ):
        assert (path, (await desk.ask(method, path, body, raw))[0]) == (path, 404)
    await desk.want("POST", "/providers", section(desk.house.fake))
    for method, path, body in (
        ("POST", "/providers", section(desk.house.fake, name="two")),
        ("PATCH", "/providers/one", {"slots": 1}),
        ("DELETE", "/providers/one", None),
        ("POST", "/providers/one/disable", None),
        ("POST", "/providers/one/rollback", {"revision": 1}),
        ("PUT", "/rules", {"model": "m"}),
        ("DELETE", "/rules?model=m", None),
    ):
        assert (path, (await desk.ask(method, path, body, raw))[0]) == (path, 403)
    _, _, history = await desk.ask("GET", "/config/history", None, raw)
    assert {line["kind"] for line in history["data"]} == {"providers"}
    assert {key["name"] for key in (await desk.want("GET", "/keys"))["data"]} >= {"chief", "theirs", "ours"}


async def test_an_administrator_whose_key_is_removed_while_he_asks_does_not_become_one_of_the_house(
    desk: Office,
) -> None:
    """His request has passed the door, and its body comes slowly."""
    raw, chief = new_key("chief", ("admin",), tenant="north")
    await desk.house.config.put_key(chief)
    removed = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await removed.wait()
        yield json.dumps(section(desk.house.fake)).encode()[1:]

    async def inside() -> bool:
        return chief.id in await desk.house.config.key_use()

    asked = asyncio.create_task(desk.house.get("/admin/providers", raw, "POST", data=slowly()))
    await until(inside)
    await desk.house.config.drop_key(chief.id)
    removed.set()
    assert (await asked)[0] == 401
    assert desk.house.config.providers == {}
