"""What the tests of `/files` share: raw requests in its own words and in those of tus."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from gateway_house import House

from bus.acks import ApiError, Conflict
from storage.blobs import BlobStore

Reply = tuple[int, dict[str, str], Any]


async def call(house: House, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Reply:
    """Status, headers (lower case), and the JSON of the answer or its bytes. `key` "": none."""
    heads = {name.replace("_", "-"): value for name, value in headers.items()}
    if key != "":
        heads["X-Api-Key"] = key or house.secret
    kind = {} if isinstance(body, dict | list) else {"data": body}
    more = kind or {"json": body}
    raw = "Content-Type" not in heads and "data" in more and not isinstance(body, aiohttp.FormData)
    skip = {"skip_auto_headers": ("Content-Type",)} if raw else {}
    async with house.http.request(
        method, house.url + path, headers=heads, allow_redirects=False, **more, **skip
    ) as reply:
        data = await reply.read()
        told = {name.lower(): value for name, value in reply.headers.items()}
        is_json = told.get("content-type", "").startswith("application/json") and method != "HEAD"
        return reply.status, told, await reply.json() if is_json and data else data


async def put(house: House, data: Any, name: str = "a.bin", key: str | None = None, query: str = "") -> dict[str, Any]:
    """A stored file, as it is shown."""
    status, _, view = await call(house, "PUT", f"/files/{name}{query}", data, key)
    assert status == 201, view
    return dict(view)


async def tus(
    house: House, method: str, path: str = "/files/tus", body: Any = None, key: str | None = None, **headers: str
) -> Reply:
    """A request of tus; every answer has its version."""
    heads = {"Tus_Resumable": "1.0.0", **headers}
    if method == "PATCH":
        heads = {"Content_Type": "application/offset+octet-stream", **heads}
    reply = await call(house, method, path, body, key, **{name.replace("_", "-"): v for name, v in heads.items() if v})
    assert reply[1].get("tus-resumable") == "1.0.0", reply
    return reply


async def begin(house: House, length: int, key: str | None = None, **metadata: str) -> str:
    """The path of a new upload."""
    told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    status, headers, body = await tus(house, "POST", key=key, Upload_Length=str(length), Upload_Metadata=told)
    assert status == 201, body
    return headers["location"]


async def offset(house: House, path: str, key: str | None = None) -> int:
    status, headers, _ = await tus(house, "HEAD", path, key=key)
    assert (status, headers.get("cache-control")) == (200, "no-store"), headers
    return int(headers["upload-offset"])


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


async def content(house: House, view: dict[str, Any], key: str | None = None) -> bytes:
    status, _, data = await call(house, "GET", f"/files/{view['id']}/content", key=key)
    assert status == 200, data
    return bytes(data) if isinstance(data, bytes) else data


async def chunks_left(house: House) -> int:
    """Chunks in the object store, whether a file has them or not."""
    info = await house.bus.api("STREAM.INFO.OBJ_BLOBS", {"subjects_filter": "$O.BLOBS.C.>"})
    return sum((info["state"].get("subjects") or {}).values())


async def blobs_left(house: House) -> int:
    return len([blob async for blob in BlobStore(house.bus, (Conflict, ApiError)).all()])


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """A body of unknown length."""
    for piece in data:
        yield piece


def form(*files: tuple[str, bytes], **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        made.add_field(name, value)
    for name, data in files:
        made.add_field("file", data, filename=name, content_type="application/octet-stream")
    return made
