"""Providers changed live: seen by everybody within a second, with a history, tested, and never a secret in an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from admin_house import SEAL, Office, became, open_office, provider_state, section, status_of, team_of, within_a_second
from fake_provider import FakeProvider
from fake_scripts import Script
from gateway_house import chat, until
from structlog.testing import capture_logs

from bus.connection import Link
from bus.history import versions
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


# ---- live ------------------------------------------------------------------------------------------------------------


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
        await until(lambda: became(status_of(office), 200))
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
    await until(lambda: became(status_of(office, "n"), 200))
    assert await status_of(office) in (404, 503)
    async with team_of(nats, "one", rest=False):
        await until(lambda: became(status_of(office), 200))


# ---- history ---------------------------------------------------------------------------------------------------------


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
    await until(lambda: became(status_of(office), 200))


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


# ---- secrets ---------------------------------------------------------------------------------------------------------


async def test_a_sealed_key_is_used_by_the_agent_and_shown_to_nobody(office: Office) -> None:
    seen: list[str] = []
    office.house.fake.key = CANARY
    with capture_logs() as logs:
        body = section(office.house.fake, key=CANARY, headers={"x-api-key": f"{CANARY}-2", "x-team": "a"})
        answers = [await office.ask("POST", "/providers", body)]
        await until(lambda: became(status_of(office), 200))
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
    await until(lambda: became(provider_state(office, "one"), "ready"))
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


# ---- testing a provider ----------------------------------------------------------------------------------------------


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
