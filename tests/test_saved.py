"""What people keep in the web UI: on the server, per key, unseen by others, and never half changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gateway_house import House, open_house

from bus.config import new_key
from bus.connection import Link


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, agent=False) as opened:
        yield opened


async def ask(house: House, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
    more = {"json": body} if body is not None else {}
    status, _, told = await house.get(path, key, method, **more)
    return status, told


async def test_a_thread_is_kept_read_renamed_and_deleted(house: House) -> None:
    body = {"messages": [{"role": "user", "content": "héllo"}]}
    status, made = await ask(house, "POST", "/saved/threads", {"title": "First", "group": "chat", "body": body})
    assert (status, made["title"], made["body"], made["own"]) == (201, "First", body, True)
    path = f"/saved/threads/{made['id']}"
    status, renamed = await ask(house, "PATCH", path, {"title": "Second"})
    assert (status, renamed["title"], renamed["body"]) == (200, "Second", body)
    status, listed = await ask(house, "GET", "/saved/threads?group=chat")
    assert [one["title"] for one in listed["data"]] == ["Second"]
    assert "body" not in listed["data"][0]
    assert (await ask(house, "DELETE", path))[0] == 200
    assert (await ask(house, "GET", path))[0] == 404
    assert (await ask(house, "GET", "/saved/threads"))[1] == {"data": [], "total": 0, "next": None}


async def test_a_list_is_searched_and_paged_the_newest_first(house: House) -> None:
    for n in range(5):
        await ask(
            house, "POST", "/saved/threads", {"title": f"talk {n}", "group": "chat" if n % 2 else "speech_to_text"}
        )
    _, page = await ask(house, "GET", "/saved/threads?limit=2")
    assert [one["title"] for one in page["data"]] == ["talk 4", "talk 3"]
    _, page = await ask(house, "GET", f"/saved/threads?limit=2&after={page['next']}")
    assert [one["title"] for one in page["data"]] == ["talk 2", "talk 1"]
    _, found = await ask(house, "GET", "/saved/threads?q=TALK%203")
    assert [one["title"] for one in found["data"]] == ["talk 3"]
    assert (await ask(house, "DELETE", "/saved/threads?group=chat"))[1] == {"deleted": 2}
    assert (await ask(house, "GET", "/saved/threads"))[1]["total"] == 3


async def test_another_key_sees_nothing_and_changes_nothing(house: House) -> None:
    _, made = await ask(house, "POST", "/saved/threads", {"title": "mine", "body": {"secret": "canary"}})
    path = f"/saved/threads/{made['id']}"
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        status, told = await ask(house, method, path, body, house.other)
        assert (status, "canary" in str(told)) == (404, False)
    assert (await ask(house, "GET", "/saved/threads", key=house.other))[1]["data"] == []
    assert (await ask(house, "DELETE", "/saved/threads", key=house.other))[1] == {"deleted": 0}
    assert (await ask(house, "GET", path))[1]["body"] == {"secret": "canary"}


async def test_only_an_administrator_shares_a_prompt_and_others_read_it(house: House) -> None:
    status, told = await ask(
        house, "POST", "/saved/prompts", {"title": "p", "shared": True, "body": {"text": "Be brief."}}
    )
    assert (status, told["error"]["param"]) == (403, "shared")
    admin, stored = new_key("chief", ("admin",))
    await house.config.put_key(stored)
    _, made = await ask(
        house, "POST", "/saved/prompts", {"title": "p", "shared": True, "body": {"text": "Be brief."}}, admin
    )
    path = f"/saved/prompts/{made['id']}"
    status, read = await ask(house, "GET", path)
    assert (status, read["body"], read["own"]) == (200, {"text": "Be brief."}, False)
    assert made["id"] in [one["id"] for one in (await ask(house, "GET", "/saved/prompts"))[1]["data"]]
    assert (await ask(house, "PATCH", path, {"title": "q"}))[0] == 403
    assert (await ask(house, "DELETE", path))[0] == 403


async def test_of_many_changes_at_once_none_is_half_made(house: House) -> None:
    _, made = await ask(house, "POST", "/saved/threads", {"title": "0", "body": 0})
    path = f"/saved/threads/{made['id']}"
    answers = await asyncio.gather(*(ask(house, "PATCH", path, {"title": str(n), "body": n}) for n in range(1, 21)))
    assert {status for status, _ in answers} <= {200, 409}
    assert any(status == 200 for status, _ in answers)
    _, last = await ask(house, "GET", path)
    assert last["body"] in range(1, 21)
    status, _ = await ask(house, "PATCH", path, {"body": "late", "seen": made["changed"]})
    assert status == 409
    assert (await ask(house, "PATCH", path, {"body": "on time", "seen": last["changed"]}))[1]["body"] == "on time"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/saved/secrets", None, 404),
        ("GET", "/saved/threads/abc", None, 404),
        ("GET", "/saved/threads/99999999999999999999", None, 404),
        ("POST", "/saved/threads", {"title": ""}, 400),
        ("POST", "/saved/threads", {"title": "x" * 201}, 400),
        ("POST", "/saved/threads", {"colour": "red"}, 400),
        ("POST", "/saved/threads", [1], 400),
        ("POST", "/saved/threads", {"title": 7}, 400),
        ("POST", "/saved/threads", {"body": "x" * 2_000_001}, 413),
        ("PUT", "/me/preferences", [1], 400),
    ],
)
async def test_bad_input_is_told_and_leaves_nothing(
    house: House, method: str, path: str, body: Any, status: int
) -> None:
    got, told = await ask(house, method, path, body)
    assert (got, "message" in told["error"]) == (status, True)
    assert (await ask(house, "GET", "/saved/threads"))[1]["total"] == 0


async def test_a_key_cannot_fill_the_store(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.saved.ROOM", 1000)
    _, made = await ask(house, "POST", "/saved/threads", {"title": "a", "body": "x" * 600})
    path = f"/saved/threads/{made['id']}"
    for method, where, body in (("POST", "/saved/pins", "x" * 600), ("PATCH", path, "x" * 1200)):
        status, told = await ask(house, method, where, {"title": "b", "body": body})
        assert (status, "delete some" in told["error"]["message"]) == (409, True)
    assert (await ask(house, "PATCH", path, {"body": "x" * 900}))[0] == 200
    assert (await ask(house, "POST", "/saved/threads", {"body": "x" * 600}, house.other))[0] == 201


async def test_nothing_is_kept_in_the_room_that_jobs_need(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made = await ask(house, "POST", "/saved/threads", {"title": "a", "body": "x" * 600})
    monkeypatch.setattr("storage.wall.FRESH", -1.0)
    wall = house.app.dependencies["savings"].dependency()._wall
    monkeypatch.setattr(wall, "kept_free", lambda limit: limit)
    assert (await ask(house, "POST", "/saved/pins", {"title": "b", "body": "x"}))[0] == 503
    assert (await ask(house, "PATCH", f"/saved/threads/{made['id']}", {"body": "x" * 700}))[0] == 503
    assert (await ask(house, "PATCH", f"/saved/threads/{made['id']}", {"title": "c", "body": "x"}))[0] == 200


async def test_preferences_are_one_object_a_key(house: House) -> None:
    assert (await ask(house, "GET", "/me/preferences"))[1] == {}
    assert (await ask(house, "PUT", "/me/preferences", {"theme": "dark"}))[0] == 200
    assert (await ask(house, "PUT", "/me/preferences", {"theme": "light"}))[0] == 200
    assert (await ask(house, "GET", "/me/preferences"))[1] == {"theme": "light"}
    assert (await ask(house, "GET", "/me/preferences", key=house.other))[1] == {}


async def test_me_tells_whose_key_it_is_and_no_secret(house: House) -> None:
    status, told = await ask(house, "GET", "/me")
    assert (status, told["id"], told["scopes"], told["storage"]["used_bytes"]) == (200, house.key.id, [], 0)
    assert house.key.webhook_secret not in str(told)
    assert house.key.hash not in str(told)
    async with house.http.get(house.url + "/me") as reply:
        assert reply.status == 401
