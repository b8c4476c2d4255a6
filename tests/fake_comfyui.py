"""A ComfyUI that runs nothing: its protocol as version 0.3.64 speaks it, strictly, and with switches for what goes wrong.

One worker takes prompts from a queue, validates and answers as `server.py` and `execution.py` do, writes real files
(`fake_comfy_nodes`); its switches are in `fake_comfy_work`. Checked
against a running ComfyUI. What differs on purpose: `SaveAudio` writes wav, not flac.

    async with FakeComfyUI() as comfy: Provider(kind="comfyui", base_url=comfy.url, …)
    comfy.hold("3")     # node 3 waits until comfy.let_go(); interrupting it works as usual
"""

import asyncio
import json
import mimetypes
import time
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Self

from aiohttp import web
from fake_comfy_rules import item, validate
from fake_comfy_work import Work

PIECE = 256 * 1024


class FakeComfyUI(Work):
    def __init__(self, *, key: str = "", prefix: str = "", old: bool = False) -> None:
        """`old`: a server of 2024, which chooses ids itself and interrupts whatever runs."""
        self.key, self.prefix = key, prefix
        super().__init__(old=old)

    # ---- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._serve(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.down()

    async def _serve(self, port: int) -> None:
        app = web.Application(client_max_size=4 * 1024 * 1024, middlewares=[self._guard])
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/ws", self._ws), ("GET", "/queue", self._queue), ("POST", "/queue", self._unqueue),
            ("GET", "/history/{id}", self._past), ("POST", "/prompt", self._prompt), ("GET", "/view", self._view),
            ("POST", "/interrupt", self._interrupt), ("POST", "/upload/image", self._upload),
            ("GET", "/object_info", self._info), ("GET", "/system_stats", self._stats),
        ]  # fmt: skip
        for method, path, handler in routes:
            app.router.add_route(method, self.prefix + path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}{self.prefix}"
        self._worker = asyncio.create_task(self._work())

    async def down(self) -> None:
        """Killed: every connection breaks."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self.drop()
        await self._runner.cleanup()

    async def up(self) -> None:
        """Started again, on the same port, with nothing remembered."""
        self._forget()
        await self._serve(self.port)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path.removeprefix(self.prefix)}")
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "unauthorized"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    # ---- routes ---------------------------------------------------------------------------------------------------

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_ws:
            return web.Response(status=403)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[sid] = socket
        await self._tell("status", {**self._status(), "sid": sid}, sid)
        try:
            async for message in socket:
                told = json.loads(message.data)
                if told.get("type") == "feature_flags":
                    self._flags[sid] = told["data"]
                    await self._tell("feature_flags", {"supports_preview_metadata": True}, sid)
        finally:
            if self._sockets.get(sid) is socket:
                del self._sockets[sid]
        return socket

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "0.3.64"}, "devices": [{"name": "cpu", "type": "cpu"}]})

    async def _info(self, request: web.Request) -> web.Response:
        return web.json_response(self.info)

    async def _queue(self, request: web.Request) -> web.Response:
        running = [item(self.running)] if self.running else []
        return web.json_response({"queue_running": running, "queue_pending": [item(one) for one in self.queue]})

    async def _unqueue(self, request: web.Request) -> web.Response:
        for prompt in (await request.json()).get("delete", []):
            self.deleted.append(prompt)
            self.queue = [one for one in self.queue if one["id"] != prompt]
        await self._updated()
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        wanted = (await request.json() if request.can_read_body else {}).get("prompt_id", "")
        self.interrupts.append(wanted)
        if self.running and (self.old or not wanted or self.running["id"] == wanted):
            self._interrupted = True
        return web.Response()

    async def _past(self, request: web.Request) -> web.Response:
        found = self.history.get(request.match_info["id"])
        return web.json_response(
            {request.match_info["id"]: found["entry"]} if found and time.monotonic() >= found["at"] else {}
        )

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form.get("image")
        if not isinstance(file, web.FileField):
            return web.Response(status=400)
        data, name = file.file.read(), PurePosixPath(file.filename).name
        stem, suffix, count = PurePosixPath(name).stem, PurePosixPath(name).suffix, 1
        while form.get("overwrite") not in ("true", "1") and self.inputs.get(name, data) != data:
            name, count = f"{stem} ({count}){suffix}", count + 1
        self.inputs[name] = data
        return web.json_response({"name": name, "subfolder": "", "type": form.get("type", "input")})

    async def _prompt(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.prompts.append(body)
        prompt = str(uuid.uuid4()) if self.old else str(body.get("prompt_id") or uuid.uuid4())
        refused, good, errors = validate(body["prompt"], self.info)
        if refused is not None:
            return web.json_response({"error": refused, "node_errors": errors}, status=400)
        extra = {**body.get("extra_data", {}), "client_id": body.get("client_id", "")}
        self._put(prompt, body["prompt"], extra, good)
        if self.lose_answer:
            self.lose_answer = False
            assert request.transport is not None
            request.transport.abort()
        await self.answer_late.wait()
        return web.json_response({"prompt_id": prompt, "number": self._number, "node_errors": errors})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        place = (request.query.get("type", "output"), request.query.get("subfolder", ""), request.query["filename"])
        data, fault = self._files.get(place), self.view_faults.pop(0) if self.view_faults else ""
        if data is None or fault == "missing":
            return web.Response(status=404)
        if "preview" in request.query:
            kind = request.query["preview"].split(";")[0]
            return web.Response(body=b"RIFF\x24\0\0\0WEBP" + data, content_type=f"image/{kind}")
        if fault == "html":
            return web.Response(text="<html>a proxy's page</html>", content_type="text/html")
        data = {"empty": b"", "truncated": data[: len(data) // 2]}.get(fault, data)
        kind = mimetypes.guess_type(place[2])[0] or "application/octet-stream"
        answer = web.StreamResponse(headers={"Content-Type": kind, "Content-Length": str(len(data))})
        await answer.prepare(request)
        data = data if fault != "cut" else data[: len(data) // 2]
        for at in range(0, len(data), PIECE):
            await answer.write(data[at : at + PIECE])
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
        return answer
