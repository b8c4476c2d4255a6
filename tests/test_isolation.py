"""Isolation as a property over HTTP: whatever two keys of one tenant and a third of another do, in any order, none of them
ever sees, reads, deletes, goes on with or finds out about a private file of another."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_house import House, open_house
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uploads_kit import begin, call, form, put, tus

from bus.config import new_key
from ops.embedded import EmbeddedNats

OWNERS = ("ann", "bob", "eve")
"""Ann and Bob are of one tenant, Eve of another."""
SAME = b"the same bytes, whoever stores them"
NEVER = "file-4503599627370495"
HIDDEN = "/artifacts/private/2020/01/01/0123456789abcdef/" + "0" * 64 + ".bin"

Step = tuple[str, int, int]
"""What is done, who does it, and to which of all files."""
DOES = (
    "put",
    "form",
    "v1",
    "tus",
    "part",
    "listing",
    "facts",
    "read",
    "address",
    "link",
    "delete",
    "delete_path",
    "many",
    "resume",
)


class World:
    """What is there, as somebody who sees everything knows it."""

    def __init__(self, house: House, keys: dict[str, str]) -> None:
        self.house, self.keys = house, keys
        self.files: list[tuple[str, dict[str, Any], bytes]] = []
        """(owner, view, bytes) of all that was ever stored."""
        self.gone: set[str] = set()
        self.parts: list[tuple[str, str]] = []
        """(owner, path) of uploads under way."""

    def mine(self, who: str) -> list[str]:
        return [view["id"] for owner, view, _ in self.files if owner == who and view["id"] not in self.gone]

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, _, answer = await call(self.house, method, path, body, self.keys[who])
        return status, answer

    async def same_as_never(self, who: str, method: str, path: str, asked: str, never: str = NEVER) -> None:
        """What `who` is told of `asked` is, to the letter, what is told of a file that never was."""
        status, answer = await self.ask(who, method, path.replace("*", asked))
        wanted, other = await self.ask(who, method, path.replace("*", never))
        assert (status, wanted) == (404, 404), (status, wanted, method, path)
        assert _without(str(answer), asked) == _without(str(other), never)

    # ---- steps ------------------------------------------------------------------------------------------------------

    async def put(self, who: str, number: int) -> None:
        data = SAME if number % 2 else f"{who} {number}".encode()
        view = await put(self.house, data, f"{who}.txt", self.keys[who])
        self.files.append((who, view, data))

    async def form(self, who: str, number: int) -> None:
        status, view = await self.ask(who, "POST", "/files", form((f"{who}.txt", SAME)))
        assert status == 201
        self.files.append((who, view, SAME))

    async def v1(self, who: str, number: int) -> None:
        status, file = await self.ask(who, "POST", "/v1/files", form((f"{who}.txt", SAME), purpose="user_data"))
        assert status == 200, file
        self.files.append((who, (await self.ask(who, "GET", f"/files/{file['id']}"))[1], SAME))

    async def tus(self, who: str, number: int) -> None:
        path = await begin(self.house, len(SAME), self.keys[who], filename=f"{who}.txt")
        assert (await tus(self.house, "PATCH", path, SAME, self.keys[who], Upload_Offset="0"))[0] == 204
        self.files.append((who, (await self.ask(who, "GET", f"/files/{path.rpartition('/')[2]}"))[1], SAME))

    async def part(self, who: str, number: int) -> None:
        self.parts.append((who, await begin(self.house, 99, self.keys[who])))

    async def resume(self, who: str, number: int) -> None:
        for owner, path in self.parts[number % max(1, len(self.parts)) :][:1]:
            if owner != who:
                for method in ("HEAD", "PATCH", "DELETE"):
                    told = await tus(self.house, method, path, b"x", self.keys[who], Upload_Offset="0")
                    other = await tus(
                        self.house, method, f"/files/tus/{NEVER}", b"x", self.keys[who], Upload_Offset="0"
                    )
                    assert (told[0], other[0]) == (404, 404)
                    assert str(told[2]).replace(path.rpartition("/")[2], NEVER) == str(other[2])
            assert (await tus(self.house, "HEAD", path, key=self.keys[owner]))[1]["upload-offset"] == "0"

    async def listing(self, who: str, number: int) -> None:
        for path in ("/files?limit=1000", "/v1/files"):
            _, listed = await self.ask(who, "GET", path)
            assert sorted(one["id"] for one in listed["data"]) == sorted(self.mine(who)), path
        for owner in OWNERS:
            config = self.house.config.find_key(self.keys[owner])
            assert config is not None
            assert owner == who or (await self.ask(who, "GET", f"/files?key={config.id}"))[0] == 403
        _, usage = await self.ask(who, "GET", "/files/usage")
        assert usage["files"] == len(self.mine(who))

    async def facts(self, who: str, number: int) -> None:
        await self._read(who, number, "/files/*", lambda status, answer, view, data: (status, answer) == (200, view))
        await self._read(who, number, "/v1/files/*", lambda status, answer, view, data: answer["bytes"] == len(data))

    async def read(self, who: str, number: int) -> None:
        for path in ("/files/*/content", "/v1/files/*/content"):
            await self._read(who, number, path, lambda status, answer, view, data: (status, answer) == (200, data))

    async def _read(self, who: str, number: int, path: str, right: Any) -> None:
        for owner, view, data in self._chosen(number):
            if owner == who and view["id"] not in self.gone:
                assert right(*(await self.ask(who, "GET", path.replace("*", view["id"]))), view, data)
            else:
                await self.same_as_never(who, "GET", path, view["id"])

    async def address(self, who: str, number: int) -> None:
        for owner, view, data in self._chosen(number):
            if owner != who:
                await self.same_as_never(who, "GET", "*", view["url"], HIDDEN)
                await self.same_as_never(who, "HEAD", "*", view["url"], HIDDEN)
            elif view["id"] not in self.gone:
                assert await self.ask(who, "GET", view["url"]) == (200, data)
            assert (await call(self.house, "GET", view["url"], key=""))[0] == 401

    async def link(self, who: str, number: int) -> None:
        for owner, view, data in self._chosen(number):
            if owner == who and view["id"] not in self.gone:
                status, link = await self.ask(who, "POST", f"/files/{view['id']}/link", {})
                assert (status, (await call(self.house, "GET", link["url"], key=""))[2]) == (200, data)
                query = link["url"].partition("?")[2]
                others = [one["url"] for name, one, _ in self.files if name != who]
                for url in [*others[:2], HIDDEN]:
                    assert (await call(self.house, "GET", f"{url}?{query}", key=""))[0] == 403
            else:
                await self.same_as_never(who, "POST", "/files/*/link", view["id"])

    async def delete(self, who: str, number: int) -> None:
        for owner, view, _ in self._chosen(number):
            if owner == who and view["id"] not in self.gone:
                assert (await self.ask(who, "DELETE", f"/files/{view['id']}"))[0] == 200
                self.gone.add(view["id"])
            for path in ("/files/*", "/v1/files/*"):
                if owner != who or view["id"] in self.gone:
                    await self.same_as_never(who, "DELETE", path, view["id"])

    async def delete_path(self, who: str, number: int) -> None:
        for owner, view, _ in self._chosen(number):
            if owner == who:
                await self.ask(who, "DELETE", f"/files?path={view['url']}")
                self._forget(who, view["url"])
            else:
                await self.same_as_never(who, "DELETE", "/files?path=*", view["url"], HIDDEN)

    async def many(self, who: str, number: int) -> None:
        some = [one for at in range(3) for one in self._chosen(number + at)]
        ids, paths = [one[1]["id"] for one in some], [one[1]["url"] for one in some[:1]]
        own = {one for one in ids if one in self.mine(who)}
        _, told = await self.ask(who, "POST", "/files/delete", {"ids": [*ids, NEVER], "paths": paths})
        assert set(told["deleted"]) & {*ids, NEVER} == own
        assert set(told["missing"]) >= {*ids, NEVER} - own
        assert told["failed"] == []
        self.gone |= own
        if some[:1] and some[0][0] == who:
            self._forget(who, paths[0])

    def _forget(self, who: str, url: str) -> None:
        self.gone |= {view["id"] for owner, view, _ in self.files if owner == who and view["url"] == url}

    def _chosen(self, number: int) -> list[tuple[str, dict[str, Any], bytes]]:
        return [self.files[number % len(self.files)]] if self.files else []

    async def judge(self) -> None:
        """At the end everybody has just what is theirs, byte by byte."""
        for who in OWNERS:
            await self.listing(who, 0)
        for owner, view, data in self.files:
            if view["id"] not in self.gone:
                assert await self.ask(owner, "GET", f"/files/{view['id']}/content") == (200, data)


def _without(text: str, name: str) -> str:
    """A message shows the beginning of what was asked for."""
    return text.replace(name[:80], "*").replace(name[:60], "*")


class Stage:
    """One house for all examples, in a loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder, self.stop, self.ready = folder, asyncio.Event(), asyncio.Event()
        self.task = self.loop.create_task(self._hold())
        self.loop.run_until_complete(self.ready.wait())

    async def _hold(self) -> None:
        async with (
            EmbeddedNats(self.folder, durability="process") as server,
            open_house(server.link, agent=False) as house,
        ):
            self.house = house
            self.ready.set()
            await self.stop.wait()

    async def play(self, steps: list[Step]) -> None:
        keys = {}
        for name in OWNERS:
            keys[name], key = new_key(name, tenant="other" if name == "eve" else "default")
            await self.house.config.put_key(key)
        world = World(self.house, keys)
        for does, who, number in steps:
            await getattr(world, does)(OWNERS[who], number)
        await world.judge()

    def close(self) -> None:
        self.stop.set()
        self.loop.run_until_complete(self.task)
        self.loop.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("isolation"))
    yield made
    made.close()


STEPS = st.lists(st.tuples(st.sampled_from(DOES), st.integers(0, 2), st.integers(0, 9)), min_size=3, max_size=10)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(start=st.permutations(("put", "tus", "v1")), steps=STEPS)
def test_no_key_ever_reaches_another_keys_private_file(stage: Stage, start: list[str], steps: list[Step]) -> None:
    first = [(does, who, 1) for who, does in enumerate(start)]
    stage.loop.run_until_complete(stage.play([*first, *steps]))


def test_every_step_there_is_by_every_key(stage: Stage) -> None:
    """The same once without chance: each step, by each key, on each one's file."""
    first = [(does, who, 1) for does in ("put", "tus", "form", "part") for who in range(3)]
    rest = [(does, who, number) for does in DOES[5:] for who in range(3) for number in (1, 6)]
    stage.loop.run_until_complete(stage.play([*first, *rest]))
