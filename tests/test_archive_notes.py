"""What happens to files and who changed what: told once, by whoever did it, and never with a secret in it."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from archive_kit import until

from bus.changes import KINDS, Change, audit_row
from bus.config import Config, new_key
from bus.connection import Bus, Link, open_bus
from bus.filing import files_of
from bus.history import versions
from bus.hold import Hold, Mode
from bus.jobs import Jobs
from gateway.files import About, Files
from gateway.janitor import Janitor
from gateway.partials import Partials
from gateway.parts import FileRules
from gateway.quota import Quota
from ops import untold
from ops.archiver import run_archiver
from ops.log_reader import LogReader
from ops.seal import Seal
from schemas.events import Attempt, Done, Failed
from schemas.files import FileRecord
from schemas.job import Job
from schemas.log import AuditLog, FileLog, decode_audit_logs, decode_file_logs
from schemas.problem import Code, Fault
from schemas.provider import ApiKey, Model, Provider
from schemas.rows import row
from schemas.rules import ModelRule
from schemas.secrets import SEALED, SHOWN
from storage.archive import Archive
from storage.parts import read_mark

CANARY = "sk-canary-88"
KEY = ("default", "k")


async def told_files(bus: Bus) -> list[FileLog]:
    found = await bus.read("LOG", {"seq": 1, "batch": 500, "next_by_subj": "log.*.file"})
    return [one for message in found for one in decode_file_logs(message.data)]


async def told_acts(bus: Bus) -> list[AuditLog]:
    found = await bus.read("LOG", {"seq": 1, "batch": 500, "next_by_subj": "log.*.audit"})
    return [one for message in found for one in decode_audit_logs(message.data)]


@pytest.fixture
async def files(bus: Bus) -> AsyncIterator[Files]:
    made = Files(bus, itertools.count(1).__next__)
    yield made
    await made.stop()


async def store(files: Files, data: bytes = b"hello", **more: Any) -> FileRecord:
    async def source() -> AsyncIterator[bytes]:
        yield data

    told: dict[str, Any] = {"id": files.new_id(), "filename": "a.txt", "purpose": "artifact"}
    about = About(**(told | more))
    return await files.enter(KEY, about, await files.store(KEY, source(), about))


# ---- files ----------------------------------------------------------------------------------------------------------


async def test_a_file_is_told_when_it_comes_and_when_it_goes_and_why(bus: Bus, files: Files) -> None:
    mine, old, last = await store(files, job=5), await store(files, b"old"), await store(files, b"surplus")
    lapsed = await store(files, b"lapsed", life=60.0)
    records = files_of(bus)
    found = await records.get(*KEY, old.id)
    assert found is not None
    await records.put(msgspec.structs.replace(old, created=time.time() - 40 * 86400), found[0])
    await files.withdraw(KEY, mine.id, actor="admin")
    janitor = Janitor(files, Partials(files, Quota(bus)), Jobs(bus), FileRules(artifact_days=30, total_bytes=1))
    await janitor.round(time.time() + 61)
    await files.stop()
    told = await told_files(bus)
    assert [(one.file, one.event, one.actor) for one in told[:5]] == [
        *((one.id, "stored", "") for one in (mine, old, last, lapsed)), (mine.id, "deleted", "admin"),
    ]  # fmt: skip
    assert {(one.file, one.event, one.actor) for one in told[5:]} == {
        (old.id, "lapsed", "janitor"), (lapsed.id, "lapsed", "janitor"), (last.id, "evicted", "janitor"),
    }  # fmt: skip
    first = told[0]
    assert (first.tenant, first.key, first.name, first.size, first.sha256, first.job, first.time) == (
        *KEY, "a.txt", 5, mine.digest, 5, mine.created,
    )  # fmt: skip


async def test_what_is_done_twice_is_told_as_one_row(bus: Bus, files: Files) -> None:
    about = About(id=7, filename="a.txt", purpose="vision")

    async def source() -> AsyncIterator[bytes]:
        yield b"x"

    blob = await files.store(KEY, source(), about)
    await asyncio.gather(*(files.enter(KEY, about, blob) for _ in range(3)))
    again = await files.replace(KEY, about, blob)
    await asyncio.gather(*(files.withdraw(KEY, 7) for _ in range(3)))
    await files.stop()
    told = await told_files(bus)
    assert len({(one.id, one.event, one.time) for one in told if one.event == "stored"}) == 2
    assert len([one for one in told if one.event == "deleted"]) == 2  # the one it took the place of, and itself
    assert again.id == 7


async def test_many_files_are_few_messages(bus: Bus, files: Files) -> None:
    record = await store(files)
    for number in range(1000):
        files.notes.add("stored", record, number, 1.0)
    await files.stop()
    found = await bus.read("LOG", {"seq": 1, "batch": 500, "next_by_subj": "log.*.file"})
    assert len(found) <= 4
    assert len(await told_files(bus)) == 1001


# ---- acts -----------------------------------------------------------------------------------------------------------


async def test_each_change_of_the_configuration_is_told_with_its_author(bus: Bus) -> None:
    config = Config(bus)
    await config.start()
    provider = Provider(name="one", kind="openai", base_url="http://h/v1")
    await config.put_provider(provider, "ann")
    await config.put_provider(msgspec.structs.replace(provider, slots=3), "bob")
    revision = await config.put_provider(provider, "bob", "rollback to 1")
    await config.drop_provider("one", "ann")
    _, key = new_key("app", tenant="acme")
    await config.put_key(key, "cli", "created")
    await config.revoke_key(key.id, "cli")
    await config.put_rule(ModelRule(model="m/1", fallbacks=("n",)), "settings")
    await config.drop_rule("m/1", "settings")
    await config.put_hold(Hold(queue="q", mode=Mode.DRAIN, by="ann", note="moving"))
    await config.drop_hold("q", "ann")
    await config.put_models("one", (Model(name="found"),))
    told = await told_acts(bus)
    assert [(one.action, one.kind, one.name, one.actor, one.tenant) for one in told] == [
        ("created", "provider", "one", "ann", "default"),
        ("changed", "provider", "one", "bob", "default"),
        ("rolled_back", "provider", "one", "bob", "default"),
        ("removed", "provider", "one", "ann", "default"),
        ("created", "key", key.id, "cli", "acme"),
        ("revoked", "key", key.id, "cli", "acme"),
        ("created", "rule", "m/1", "settings", "default"),
        ("removed", "rule", "m/1", "settings", "default"),
        ("drained", "queue", "q", "ann", "default"),
        ("resumed", "queue", "q", "ann", "default"),
    ]
    assert json.loads(told[1].detail) == {"slots": 3}
    assert json.loads(told[2].detail) == {"slots": None, "note": "rollback to 1"}
    assert told[2].revision == revision
    assert len({one.id for one in told}) == len(told)
    assert json.loads(told[5].detail)["name"] == "app"


async def test_a_change_whose_note_was_lost_is_told_from_the_history_once(bus: Bus, tmp_path: Path) -> None:
    """A process that died between its change and the note of it; and all those whose note came, which are told no more."""
    config, now = Config(bus), time.time()
    await config.start()
    provider = Provider(name="one", kind="openai", base_url="http://h/v1")
    await config.put_provider(provider, "ann")
    await config.put_settings({"archive.bodies": True}, "ann")
    lost = msgspec.json.encode(msgspec.structs.replace(provider, slots=3, key=CANARY))
    await bus.keep("$KV.CONFIG.providers.one", lost, headers={"Ai-By": "bob"})
    before = await told_acts(bus)
    archive = Archive(tmp_path / "archive")
    await all_archived(bus, archive.root)
    archive.open()
    assert await untold.tell(bus, archive, now) == 0, "it may be under way"
    assert await untold.tell(bus, archive, now + 300) == 1
    archive.close()
    (found,) = (await told_acts(bus))[len(before) :]
    assert (found.actor, found.action, found.name) == ("bob", "changed", "one")
    assert json.loads(found.detail) == {"slots": 3, "key": SHOWN}
    assert [one.id for kind in KINDS for one in untold.changes(kind, await versions(bus, kind))] == [
        before[0].id, found.id, before[1].id,
    ]  # fmt: skip
    await all_archived(bus, archive.root)
    archive.open()
    assert await untold.tell(bus, archive, now + 300) == 0
    archive.close()


async def test_a_change_whose_note_waits_in_log_is_not_told_again(bus: Bus, tmp_path: Path) -> None:
    """An archiver that comes back after hours looks for lost notes before it has read on. A command that had not read CONFIG
    tells a removal in other words than the history."""
    _, key = new_key("lent")
    await Config(bus).put_key(key, "cli", "lent")
    archive = Archive(tmp_path / "archive")
    await all_archived(bus, archive.root)
    await Config(bus).drop_key(key.id, "cli")
    archive.open()
    assert await untold.tell(bus, archive, time.time() + 300) == 0
    archive.close()


async def all_archived(bus: Bus, folder: Path) -> None:
    end, stop = await LogReader(bus).end(), asyncio.Event()
    task = asyncio.create_task(run_archiver(bus, folder, 0.02, stop))
    await until(lambda: read_mark(folder).seq >= end)
    stop.set()
    await task


async def test_a_command_that_hangs_up_at_once_has_told_its_change(nats: Link, bus: Bus) -> None:
    async with open_bus(nats, "command") as short:
        config = Config(short)
        await config.put_key(new_key("app")[1], "cli", "created")
    assert [one.action for one in await told_acts(bus)] == ["created"]


async def test_no_act_s_row_holds_a_secret(bus: Bus) -> None:
    config, box = Config(bus), Seal(b"k" * 32)
    await config.start()
    secrets = {"x-api-key": CANARY, "authorization": f"Bearer {CANARY}", "x-team": box.seal(CANARY)}
    provider = Provider(name="one", kind="openai", base_url="http://h/v1", key=CANARY, headers=secrets)
    raw, key = new_key("app", chosen="short-canary")
    for stored in (provider, box.sealed(provider), msgspec.structs.replace(provider, key="env:HIDDEN")):
        await config.put_provider(stored, "ann")
    for issued in (key, msgspec.structs.replace(key, webhook_secret="whsec_canary")):
        await config.put_key(issued, "ann")
    await config.put_settings({"archive.bodies": True, "some.token": CANARY}, "ann")
    told = await told_acts(bus)
    text = repr(told)
    assert len(told) == 6
    for secret in (CANARY, "canary", raw, key.hash, key.prefix, key.webhook_secret, SEALED):
        assert secret not in text
    assert json.loads(told[2].detail)["key"] == "env:HIDDEN"
    assert json.loads(told[4].detail) == {"name": "app", "webhook_secret": "sealed"}
    assert json.loads(told[5].detail) == {"archive.bodies": True, "some.token": "sealed"}


def test_who_tells_the_same_change_again_tells_the_same_row() -> None:
    key = ApiKey(id="a", hash="h", prefix="p", name="n", created=1.0)
    change = Change(kind="keys", name="a", revision=4, old=None, new=key, by="cli")
    assert audit_row(change, 1.0).id == audit_row(change, 2.0).id
    assert audit_row(change, 1.0).id != audit_row(msgspec.structs.replace(change, revision=5), 1.0).id


def test_a_change_of_thousands_of_fields_names_them_only() -> None:
    provider = Provider(name="one", kind="openai", models=tuple(Model(name=f"model-{n}") for n in range(2000)))
    detail = json.loads(audit_row(Change(kind="providers", name="one", revision=1, old=None, new=provider), 1.0).detail)
    assert "models" in detail["fields"]


# ---- deliveries -----------------------------------------------------------------------------------------------------


def test_a_delivery_tells_its_host_and_what_the_receiver_said() -> None:
    body = b'{"target":{"url":"https://example.com:8443/hook/TOKEN?a=TOKEN"},"id":"msg_1","payload":{}}'
    job = Job(
        id=2, tenant="t", key="k", op="callback", model="callbacks", body=body, created=1.0, deadline=9.0, parent=1
    )
    tries = tuple(Attempt(n, "q", "p", "a", 1.0, 0.1, status=(n == 1 and 503) or None) for n in (1, 2))
    made = row(job, Done(b'{"status":204,"webhook_id":"msg_1"}', attempts=tries), finished=2.0)
    assert made.target == "example.com"
    assert [one["status"] for one in json.loads(made.trail)] == [503, 204]
    assert "TOKEN" not in repr(made)
    for broken in (b"", b"{}", b'{"target":{"url":"https://[x"},"id":"m","payload":{}}', b"\xff"):
        spoilt = row(msgspec.structs.replace(job, body=broken), Failed(Fault(Code.INTERNAL, "x")), finished=2.0)
        assert spoilt.target == ""
    assert row(msgspec.structs.replace(job, op="chat"), Done(b"", attempts=tries), finished=2.0).target == ""
