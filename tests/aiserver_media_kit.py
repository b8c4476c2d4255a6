"""What the tests of media in the AI Server dialect share: a way to ask for a DTO, and to wait for a queued job's end."""

import json
from typing import Any

import aiohttp
from gateway_house import House, until


class Asker:
    """Asks one house."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __call__(
        self,
        path: str,
        body: Any = None,
        *,
        form: aiohttp.FormData | None = None,
        method: str = "POST",
        key: str | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON (or bytes) of a DTO's name, or of a path. `key` empty: asked without one."""
        url = self.house.url + (path if path.startswith("/") else f"/api/{path}")
        secret = self.house.secret if key is None else key
        told = {**({"Authorization": f"Bearer {secret}"} if secret else {}), **(headers or {})}
        content: dict[str, Any] = {"data": form} if form is not None else {"json": body} if body is not None else {}
        async with self.house.http.request(method, url, headers=told, params=query, **content) as reply:
            data = await reply.read()
            if reply.headers.get("content-type", "").startswith("application/json"):
                return reply.status, json.loads(data)
            return reply.status, data

    async def good(self, path: str, body: Any = None, **more: Any) -> Any:
        status, told = await self(path, body, **more)
        assert status == 200, (path, status, told)
        return told

    async def bad(self, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
        """Status, error code and name of the first field that is wrong."""
        status, told = await self(path, body, **more)
        assert status >= 400, (path, status, told)
        found = told["responseStatus"]
        assert found["message"]
        return status, found["errorCode"], (found["errors"] or [{"fieldName": ""}])[0]["fieldName"]

    async def ended(self, receipt: dict[str, Any], dto: str = "GetArtifactGenerationStatus") -> dict[str, Any]:
        """The status of a queued job once it is completed."""

        async def look() -> Any:
            told = await self.good(dto, method="GET", query={"jobId": receipt.get("jobId") or receipt["id"]})
            return told if told["jobState"] == "Completed" else None

        return await until(look)  # type: ignore[no-any-return]
