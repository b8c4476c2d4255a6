"""ComfyUI's HTTP, verb by verb: what is sent, and what of the answer counts. No memory, no judgement.

What a newcomer would get wrong: `POST /queue {"delete": …}` and `POST /interrupt` answer 200 whether they did something or
not, and old servers interrupt whatever runs, so `stop` looks before it stops.
Source: ComfyUI `server.py`, `execution.py` (`PromptQueue`), version 0.3.64; checked against a running one.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiofiles
import msgspec
from aiohttp import ClientWebSocketResponse

from agents._http import Reply, Timeouts
from agents._multipart import Form, Upload
from agents._problems import from_status
from agents.agent import Tools
from schemas.problem import Code, Problem

PIECE = 256 * 1024
ANSWER = 30.0
"""Seconds a small question may take: while it loads a model, ComfyUI answers nobody."""
MARK = "ai_server"
"""In a prompt's `extra_data`: the id we wanted it to have, for servers that choose ids themselves."""
_json = msgspec.json.Encoder()


class Listed(msgspec.Struct, frozen=True):
    """A prompt in ComfyUI's queue."""

    id: str
    mark: str = ""


class Queue(msgspec.Struct, frozen=True):
    """Its queue as it stands; `pending` in the order they will run."""

    running: tuple[Listed, ...] = ()
    pending: tuple[Listed, ...] = ()

    def find(self, key: str) -> str:
        """The id of the prompt that is `key`, or was sent as that; empty: it isn't there."""
        return next((one.id for one in (*self.running, *self.pending) if key in (one.id, one.mark)), "")

    def runs(self, prompt: str) -> bool:
        return any(one.id == prompt for one in self.running)

    def before(self, prompt: str) -> int | None:
        """How many go first; None: it does not wait."""
        for place, one in enumerate(self.pending):
            if one.id == prompt:
                return place + len(self.running)
        return None


class Accepted(msgspec.Struct):
    """The answer to `POST /prompt`. `node_errors` may be filled though the rest of the prompt runs."""

    prompt_id: str
    node_errors: Any = None


class Refusal(Exception):
    """ComfyUI took the prompt not. `body`: what it said of that."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"refused ({status})")
        self.status, self.body = status, body


class Wire:
    """The verbs. All raise `Problem` as `Tools.send` does."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    async def stats(self) -> dict[str, Any]:
        """GET /system_stats: version, devices. Loads nothing."""
        return await self._object("/system_stats")

    async def info(self) -> dict[str, Any]:
        """GET /object_info: some 500 kB, so keep it."""
        return await self._object("/object_info")

    async def queue(self) -> Queue:
        reply = await self._object("/queue")
        try:
            pending = sorted(reply.get("queue_pending") or [], key=lambda item: item[0])  # it comes as a heap
            return Queue(tuple(map(_listed, reply.get("queue_running") or [])), tuple(map(_listed, pending)))
        except (TypeError, IndexError, KeyError, AttributeError) as error:
            raise self._garbled("its queue") from error

    async def history(self, prompt: str) -> dict[str, Any] | None:
        """What it remembers of a prompt that has ended; None: it has not, or is forgotten."""
        found = (await self._object("/history", last=prompt)).get(prompt)
        return found if isinstance(found, dict) else None

    async def send(self, prompt: dict[str, Any], key: str, client: str, extra: dict[str, Any]) -> Accepted:
        """POST /prompt. `key`: the id it shall have. Raises `Refusal` for a prompt that ComfyUI will not run.

        It never goes out twice by itself: whoever calls looks first whether it has arrived.
        """
        body = {"prompt": prompt, "client_id": client, "prompt_id": key, "extra_data": {MARK: key, **extra}}
        data = _json.encode(body)
        length = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        reply = await self._call("POST", "/prompt", body=_once(data), headers=length)
        try:
            if reply.status == 400:
                text = await reply.read_some()
                raise Refusal(reply.status, self._decoded(text, "why it refused a prompt"))
            await self._check(reply)
            return msgspec.convert(self._decoded(await reply.read(), "an accepted prompt"), Accepted)
        except msgspec.ValidationError as error:
            raise self._garbled("an accepted prompt") from error
        finally:
            reply.close()

    async def stop(self, prompt: str) -> None:
        """Take it out of the queue, or interrupt it if it is what runs now: never somebody else's."""
        await self._post("/queue", {"delete": [prompt]})
        if (await self.queue()).runs(prompt):
            await self._post("/interrupt", {"prompt_id": prompt})

    async def upload(self, path: Path, name: str, content_type: str) -> str:
        """POST /upload/image, which takes any sort of file. Returns the name it can be asked for by.

        Not with `overwrite`: equal content keeps its name, and a file that a running prompt reads is left in peace.
        """

        async def pieces() -> AsyncIterator[bytes]:
            async with aiofiles.open(path, "rb") as file:
                while piece := await file.read(PIECE):
                    yield piece

        file = Upload(filename=name, content_type=content_type, open=pieces, size=await asyncio.to_thread(_size, path))
        form = Form([("image", file), ("type", "input")])
        reply = await self._call("POST", "/upload/image", body=form, headers=form.headers)
        try:
            if reply.status == 413:
                sentence = "takes no input of that size: start it with a larger --max-upload-size"
                raise Problem(
                    Code.TOO_LARGE, f"{self.tools.provider.name} {sentence}", provider=self.tools.provider.name
                )
            await self._check(reply)
            said = self._decoded(await reply.read(), "an upload")
        finally:
            reply.close()
        if not isinstance(said.get("name"), str):
            raise self._garbled("an upload")
        folder = said.get("subfolder")
        return f"{folder}/{said['name']}" if folder else said["name"]

    async def view(self, file: dict[str, str], preview: str = "") -> Reply:
        """GET /view: a file it made. `preview`: `webp;90` has a picture converted. Close the reply."""
        query = {name: file.get(name, "") for name in ("filename", "subfolder", "type")}
        reply = await self._call("GET", "/view", query={**query, "preview": preview} if preview else query)
        if reply.status != 200:
            try:
                await self._check(reply)
            finally:
                reply.close()
        return reply

    async def listen(self, client: str) -> ClientWebSocketResponse:
        """GET /ws: events of the prompts that were sent with this client id, and news of the queue."""
        tools = self.tools
        url = tools.url("/ws").update_query(clientId=client)
        limits = Timeouts(tools.provider.connect_timeout, ANSWER, ANSWER)
        head = {**_headers(tools), **tools.headers}
        socket = await tools.http.socket(url, head, limits, (tools.provider.name, tools.scrub))
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        return socket

    # ---- below ----------------------------------------------------------------------------------------------------

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        reply = await self._call("POST", path, body=_json.encode(body), first=ANSWER)
        try:
            await self._check(reply)
            await reply.read()
        finally:
            reply.close()

    async def _object(self, path: str, last: str = "") -> dict[str, Any]:
        reply = await self._call("GET", path, last=last, first=ANSWER)
        try:
            await self._check(reply)
            return self._decoded(await reply.read(), path.strip("/"))
        finally:
            reply.close()

    async def _call(
        self,
        method: str,
        path: str,
        *,
        last: str = "",
        query: dict[str, str] | None = None,
        body: bytes | Form | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        first: float = 0.0,
    ) -> Reply:
        """Not `Tools.send`, which keeps every URL it has made: here each prompt has one of its own."""
        tools, provider = self.tools, self.tools.provider
        url = tools.url(path)
        url = (url / last).with_query(url.query) if last else url
        url = url.update_query(query) if query else url
        said = {"Accept-Encoding": "identity", **_headers(tools), **tools.headers, **(headers or {})}
        if isinstance(body, bytes):
            said["Content-Type"] = "application/json"
        limits = Timeouts(provider.connect_timeout, first or provider.first_timeout, provider.stall_timeout)
        try:
            return await tools.http.send(method, url, said, body, limits, (provider.name, tools.scrub))
        except Problem:
            if isinstance(body, Form) and body.failed is not None:
                raise body.failed from None
            raise

    async def _check(self, reply: Reply) -> None:
        if 200 <= reply.status < 300:
            return
        name = self.tools.provider.name
        raise from_status(name, reply.status, reply.headers, await reply.read_some(), self.tools.scrub)

    def _decoded(self, body: bytes, what: str) -> dict[str, Any]:
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._garbled(what) from error

    def _garbled(self, what: str) -> Problem:
        return self.tools.problem(Code.PROVIDER_GARBLED, f"answered something else than {what}: is it a ComfyUI?")


def _headers(tools: Tools) -> dict[str, str]:
    """ComfyUI itself wants no key; what stands before it may."""
    return {"Authorization": f"Bearer {tools.key}"} if tools.key else {}


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _size(path: Path) -> int:
    return path.stat().st_size


def _listed(item: list[Any]) -> Listed:
    extra = item[3] if len(item) > 3 and isinstance(item[3], dict) else {}
    return Listed(str(item[1]), str(extra.get(MARK, "")))
