"""API keys in the AI Server dialect: made, shown once, masked, found, restricted, switched off and on, removed."""

from datetime import UTC, datetime, timedelta

import pytest
from aiserver_admin_kit import Desk, open_desk
from gateway_house import CHAT, chat, until

from bus.connection import Link


async def made(desk: Desk, **fields: object) -> tuple[str, dict]:
    """A key and how it is listed."""
    raw = (await desk.want("AdminCreateApiKey", **fields))["result"]
    (listed,) = (await desk.get("AdminQueryApiKeys", apiKey=raw))["results"]
    return raw, listed


async def test_a_key_is_shown_once_and_masked_ever_after(nats: Link) -> None:
    """checklist 90"""
    async with open_desk(nats, team=False) as desk:
        raw, listed = await made(desk, name="shop", notes="for the shop")
        assert raw.startswith("ais-")
        assert listed["visibleKey"] == raw[:9] + "***"
        assert listed["active"] is True
        everything = await desk.house.get("/api/AdminQueryApiKeys", desk.boss)
        assert raw not in str(everything)
        assert "hash" not in str(everything)
        assert (await desk.house.get("/v1/models", raw))[0] == 200


async def test_keys_are_found_by_words_users_and_ids_and_come_in_pages(nats: Link) -> None:
    """checklist 90"""
    async with open_desk(nats, team=False) as desk:
        for name, user in (("alpha", "ann"), ("beta", "bob"), ("gamma", "ann")):
            await made(desk, name=name, userName=user, userId=f"u-{user}")
        names = lambda found: [one["name"] for one in found["results"]]  # noqa: E731
        assert names(await desk.get("AdminQueryApiKeys", search="ALPH")) == ["alpha"]
        assert sorted(names(await desk.get("AdminQueryApiKeys", userName="ann"))) == ["alpha", "gamma"]
        assert names(await desk.get("AdminQueryApiKeys", userId="u-bob")) == ["beta"]
        ordered = await desk.get("AdminQueryApiKeys", search="a", orderBy="-name", take=2, userName="ann")
        assert names(ordered) == ["gamma", "alpha"]
        one = (await desk.get("AdminQueryApiKeys", search="beta"))["results"][0]
        assert names(await desk.get("AdminQueryApiKeys", id=one["id"])) == ["beta"]
        assert 0 < one["id"] < 2**31
        status, answer = await desk.ask("AdminQueryApiKeys", method="GET", orderBy="hash")
        assert (status, answer["responseStatus"]["errors"][0]["fieldName"]) == (400, "orderBy")


async def test_a_key_that_has_expired_is_refused(nats: Link) -> None:
    """checklist 91"""
    async with open_desk(nats, team=False) as desk:
        soon = datetime.now(UTC) + timedelta(days=30)
        raw, listed = await made(desk, name="month", expiryDate=soon.isoformat())
        assert listed["expiryDate"][:10] == soon.isoformat()[:10]
        assert (await desk.house.get("/v1/models", raw))[0] == 200
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], expiryDate="2020-01-01T00:00:00Z")
        assert (await desk.house.get("/v1/models", raw))[0] == 401
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], reset=["expiryDate"])
        assert (await desk.house.get("/v1/models", raw))[0] == 200


async def test_a_key_is_disabled_enabled_and_removed(nats: Link) -> None:
    """checklist 92"""
    async with open_desk(nats, team=False) as desk:
        raw, listed = await made(desk, name="switch")
        await desk.want(
            "AdminUpdateApiKey", method="PATCH", id=listed["id"], cancelledDate=datetime.now(UTC).isoformat()
        )
        assert (await desk.house.get("/v1/models", raw))[0] == 401
        assert (await desk.get("AdminQueryApiKeys", id=listed["id"]))["results"][0]["active"] is False
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], reset=["cancelledDate"])
        assert (await desk.house.get("/v1/models", raw))[0] == 200
        await desk.want("AdminDeleteApiKey", method="DELETE", id=listed["id"])
        assert (await desk.house.get("/v1/models", raw))[0] == 401
        assert (await desk.get("AdminQueryApiKeys", id=listed["id"]))["results"] == []
        assert (await desk.ask("AdminDeleteApiKey", method="DELETE", id=listed["id"]))[0] == 404


async def test_a_revoked_key_can_not_be_enabled(nats: Link) -> None:
    async with open_desk(nats, team=False) as desk:
        raw, listed = await made(desk, name="leaked")
        key = desk.house.config.find_key(raw)
        assert key is not None
        await desk.house.config.revoke_key(key.id)
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], reset=["cancelledDate"])
        assert (await desk.house.get("/v1/models", raw))[0] == 401


async def test_a_restricted_key_may_do_by_no_door_what_its_apis_do_not_allow(nats: Link) -> None:
    """checklist 93"""
    async with open_desk(nats, team=False) as desk:
        raw, listed = await made(desk, name="painter", restrictTo=["TextToImage", "ActiveMediaModels"])
        assert listed["restrictTo"] == ["TextToImage", "ActiveMediaModels"]
        for path, body in (("/api/OpenAiChatCompletion", chat()), (CHAT, chat()), ("/api/QueueTextToImage", {})):
            assert (await desk.house.post(body, path=path, headers={"Authorization": f"Bearer {raw}"}))[0] == 403
        assert (await desk.ask("ActiveMediaModels", by=raw, method="GET"))[0] == 200
        status, answer = await desk.ask("TextToImage", by=raw, positivePrompt="a cat")
        assert status != 403, answer  # allowed, though nobody paints here
        looker, _ = await made(desk, name="looker", restrictTo=["QueryAiProviders"])
        assert (await desk.ask("QueryAiProviders", by=looker, method="GET"))[0] == 200
        assert (await desk.house.post(chat(), headers={"Authorization": f"Bearer {looker}"}))[0] == 403
        status, answer = await desk.ask("AdminCreateApiKey", name="x", restrictTo=["Nonsense"])
        assert (status, answer["responseStatus"]["errors"][0]["fieldName"]) == (400, "restrictTo")


async def test_the_scope_admin_opens_the_admin_apis_and_nothing_else_does(nats: Link) -> None:
    """checklist 94"""
    async with open_desk(nats, team=False) as desk:
        plain, _ = await made(desk, name="plain")
        assert (await desk.ask("AdminQueryApiKeys", by=plain, method="GET"))[0] == 403
        admin, listed = await made(desk, name="second boss", scopes=["Admin"])
        assert listed["scopes"] == ["Admin"]
        assert (await desk.ask("AdminQueryApiKeys", by=admin, method="GET"))[0] == 200
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], reset=["scopes"])
        assert (await desk.ask("AdminQueryApiKeys", by=admin, method="GET"))[0] == 403
        assert (await desk.ask("AdminCreateApiKey", name="x", scopes=["Root"]))[0] == 400


async def test_what_is_noted_beside_a_key_is_kept_and_can_be_changed(nats: Link) -> None:
    """checklist 95"""
    async with open_desk(nats, team=False) as desk:
        told = {
            "name": "n", "notes": "some", "userId": "7", "userName": "Ann", "refId": 42, "refIdStr": "r-42",
            "meta": {"plan": "gold"}, "features": ["beta"],
        }  # fmt: skip
        _, listed = await made(desk, **told)
        assert {name: listed[name] for name in told} == told
        await desk.want("AdminUpdateApiKey", method="PATCH", id=listed["id"], notes="other", reset=["meta", "refId"])
        (now,) = (await desk.get("AdminQueryApiKeys", id=listed["id"]))["results"]
        assert (now["notes"], now["userName"]) == ("other", "Ann")
        assert not {"meta", "refId"} & set(now)


async def test_when_a_key_was_used_is_told(nats: Link) -> None:
    """checklist 96"""
    async with open_desk(nats, team=False) as desk:
        raw, listed = await made(desk, name="used")
        assert "lastUsedDate" not in listed
        await desk.house.get("/v1/models", raw)

        async def used() -> object:
            return (await desk.get("AdminQueryApiKeys", id=listed["id"]))["results"][0].get("lastUsedDate")

        assert str(await until(used))[:4] == str(datetime.now(UTC).year)


async def test_an_app_may_bring_its_own_key_but_no_weak_one(nats: Link) -> None:
    """checklist 90"""
    async with open_desk(nats, team=False) as desk:
        own = "ak-0123456789abcdef0123456789abcdef"
        told = await desk.want("CreateApiKey", key=own, name="legacy", scopes=[], userName="Ann")
        assert (told["key"], told["name"], told["userName"]) == (own, "legacy", "Ann")
        assert (await desk.house.get("/v1/models", own))[0] == 200
        assert (await desk.ask("CreateApiKey", key=own, name="again"))[0] == 409
        assert (await desk.ask("CreateApiKey", key="short", name="weak"))[0] == 400
        fresh = await desk.want("CreateApiKey", key="", name="fresh")
        assert fresh["key"].startswith("ais-")


@pytest.mark.parametrize("dto", ["AdminQueryApiKeys", "AdminCreateApiKey", "AdminUpdateApiKey", "AdminDeleteApiKey"])
async def test_without_a_key_nothing_is_told_of_keys(nats: Link, dto: str) -> None:
    async with open_desk(nats, team=False) as desk:
        method = {"AdminQueryApiKeys": "GET", "AdminUpdateApiKey": "PATCH", "AdminDeleteApiKey": "DELETE"}.get(
            dto, "POST"
        )
        assert (await desk.ask(dto, by="ais-wrong", method=method))[0] == 401
        assert (await desk.ask(dto, by=desk.house.secret, method=method))[0] == 403
