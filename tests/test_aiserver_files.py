"""Files in the AI Server dialect: results read, shrunk, moved and deleted; uploads under their own names."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiserver_media_kit import Asker
from image_kit import picture
from media_kit import form, png
from variant_house import Site, open_site

from bus.connection import Link
from gateway.aiserver.kept import LARGEST, Spot, clean, spot_of
from gateway.parts import FileRules
from schemas.files import PRIVATE

CDN = "https://cdn.example"


@pytest.fixture
async def site(nats: Link) -> AsyncIterator[Site]:
    async with open_site(nats, "image") as opened:
        yield opened


@pytest.fixture
def ask(site: Site) -> Asker:
    return Asker(site.house)


async def get(ask: Asker, path: str, key: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    told = {**({"X-Api-Key": key} if key else {}), **{name.replace("_", "-"): one for name, one in headers.items()}}
    async with ask.house.http.get(ask.house.url + path, headers=told) as reply:
        return reply.status, {name.lower(): one for name, one in reply.headers.items()}, await reply.read()


async def blobs(site: Site) -> int:
    return len([blob async for blob in site.files.blobs.all()])


async def kept(site: Site) -> list[str]:
    key = site.house.key
    return sorted(record.filename for record in await site.files.records.of(key.tenant, key.id))


async def upload(ask: Asker, place: str, *files: tuple[Any, ...], **more: Any) -> Any:
    return await ask.good(f"/uploads/{place}", form=form(*files), **more)


# ---- results ----------------------------------------------------------------------------------------------------------


async def test_a_result_lies_under_its_day_its_key_and_its_digest(site: Site, ask: Asker) -> None:
    """checklist 83"""
    told = await ask.good("ConvertImage", form=form(("image", png(), "a.png"), outputFormat="png"))
    (one,) = told["results"]
    _, _, data = await get(ask, one["url"].removeprefix(site.house.url))
    day = datetime.now(UTC).strftime("%Y/%m/%d")
    path = f"/artifacts/{day}/{site.house.key.id}/{hashlib.sha256(data).hexdigest()}.png"
    assert one["url"] == site.house.url + path


async def test_a_result_can_be_saved_under_its_name(site: Site, ask: Asker) -> None:
    """checklist 84"""
    _, address = await site.put(png(), "image/png", name="cat.png")
    plain = await get(ask, address)
    assert "content-disposition" not in plain[1]
    path = address.removeprefix("/artifacts/")
    for url in (
        f"{address}?download=1",
        f"/api/GetArtifact?path={path}&download=true",
        f"/api/GetArtifact?path={address}&download=1",
    ):
        status, heads, data = await get(ask, url)
        assert (status, data) == (200, png())
        assert heads["content-disposition"].startswith('attachment; filename="cat.png"')
    assert (await get(ask, "/api/GetArtifact?path=../../etc/passwd"))[0] == 404
    _, hidden = await site.put(png(), "image/png", area=PRIVATE)
    assert (await get(ask, f"/api/GetArtifact?path={hidden}"))[0] == 401
    assert (await get(ask, f"/api/GetArtifact?path={hidden}", site.house.secret))[2] == png()
    assert (await get(ask, f"/api/GetArtifact?path={hidden}", site.house.other))[0] == 404


async def test_a_variant_is_a_webp_of_that_size(site: Site, ask: Asker) -> None:
    """checklist 85"""
    record, address = await site.put(picture("jpg", 40, 20), "image/jpeg")
    path = address.removeprefix("/artifacts/")
    for options in ("width=20", "height=10", "width=20,height=10"):
        status, heads, data = await get(ask, f"/api/GetVariant?variant={options}&path={path}")
        assert (status, heads["content-type"], data[8:12]) == (200, "image/webp", b"WEBP")
        assert (await get(ask, f"/variants/{options}/{path}", accept="image/webp"))[2] == data
    for wrong in ("depth=3", "width=0", "quality=9"):
        status, told = await ask("GetVariant", method="GET", query={"variant": wrong, "path": path})
        assert (status, told["responseStatus"]["errorCode"]) == (400, "ArgumentException"), wrong
    await site.delete(record)
    assert (await get(ask, "/api/GetVariant?variant=width=20&path=2025/01/01/k/none.png"))[0] == 404


async def test_only_ones_own_files_are_deleted(site: Site, ask: Asker) -> None:
    """checklist 87"""
    _, address = await site.put(png(), "image/png")
    assert await ask.bad("DeleteFile", method="DELETE", query={"path": address}, key=site.house.other) == (
        403,
        "Forbidden",
        "path",
    )
    assert (await ask.bad("DeleteFile", method="DELETE", query={"path": address}, key=""))[0] == 401
    assert await ask("DeleteFile", method="DELETE", query={"path": address}) == (200, {})
    assert (await ask.bad("DeleteFile", method="DELETE", query={"path": address}))[0] == 404
    assert (await ask.bad("DeleteFile", method="DELETE", query={"path": "/etc/passwd"}))[0] == 403
    _, again = await site.put(png(3, 3), "image/png")
    assert (await ask(f"/files{again}", method="DELETE"))[0] == 200
    assert (await get(ask, again))[0] == 404
    assert await blobs(site) == 0


async def test_many_files_are_deleted_each_by_itself(site: Site, ask: Asker) -> None:
    """checklist 87: deleted, missing and failed."""
    (_, mine), (_, gone) = await site.put(png(), "image/png"), await site.put(png(5, 5), "image/png")
    (pub,) = (await upload(ask, "pub", ("a", b"hello", "a.txt")))["results"]
    other = mine.replace(site.house.key.id, "somebody")
    await ask.good("DeleteFile", method="DELETE", query={"path": gone})
    asked = {"paths": [site.house.url + mine, gone, other, "../x", pub, mine, "/pub/somebody/a.txt"]}
    told = await ask.good("DeleteFiles", asked)
    assert told == {
        "deleted": [site.house.url + mine, pub], "missing": [gone, mine], "failed": [other, "../x", "/pub/somebody/a.txt"],
    }  # fmt: skip
    assert await ask.bad("DeleteFiles", {"paths": []}) == (400, "ArgumentNullException", "paths")
    assert await kept(site) == []


async def test_a_files_own_routes_of_the_house_are_untouched(site: Site, ask: Asker) -> None:
    record, _ = await site.put(png(), "image/png")
    assert (await ask.good(f"/files/file-{record.id}", method="GET"))["file_name"] == "a.jpg"
    assert (await ask.good(f"/files/file-{record.id}", method="DELETE"))["deleted"] is True
    assert (await ask("/files/usage", method="GET"))[0] == 200


async def test_an_artifact_moves_to_its_day_and_key(site: Site, ask: Asker) -> None:
    """checklist 89"""
    _, address = await site.put(png(), "image/png")
    told = await ask.good("MigrateArtifact", {"path": address, "date": "2024-03-05T10:00:00Z"}, key=site.house.other)
    path = told["filePath"]
    assert path.startswith("/artifacts/2024/03/05/")
    assert site.house.key.id not in path
    assert (await get(ask, path))[2] == png() == (await get(ask, address))[2]
    assert (await ask.good("MigrateArtifact", {"path": address}))["filePath"] == address
    assert len(await kept(site)) == 1
    _, hidden = await site.put(png(9, 9), "image/png", area=PRIVATE)
    assert (await ask.bad("MigrateArtifact", {"path": hidden}, key=site.house.other))[0] == 404
    assert (await ask.bad("MigrateArtifact", {"path": "/uploads/x"}))[0] == 404


# ---- uploads ----------------------------------------------------------------------------------------------------------


async def test_a_public_upload_is_read_by_anybody_under_its_name(site: Site, ask: Asker) -> None:
    """checklist 88: several at a time, with their names kept."""
    told = await upload(
        ask, "pub", ("x", png(), "my logo.png"), ("y", b"<html><script>alert(1)</script>", "page.html", "text/html")
    )
    key = site.house.key.id
    assert told["results"] == [f"/pub/{key}/my%20logo.png", f"/pub/{key}/page.html"]
    status, heads, data = await get(ask, f"/uploads/pub/{key}/my%20logo.png")
    assert (status, data, heads["content-type"]) == (200, png(), "image/png")
    assert (heads["cache-control"], heads["access-control-allow-origin"]) == ("public, no-cache", "*")
    assert (await get(ask, f"/uploads/pub/{key}/my%20logo.png", if_none_match=heads["etag"]))[0] == 304
    assert (await get(ask, f"/uploads/pub/{key}/my%20logo.png", range="bytes=1-3"))[2] == b"PNG"
    page = await get(ask, f"/uploads/pub/{key}/page.html")
    assert page[1]["content-disposition"].startswith("attachment")
    named = await get(ask, f"/uploads/pub/{key}/my%20logo.png?attachment=true")
    assert named[1]["content-disposition"].startswith('attachment; filename="my logo.png"')
    assert (await get(ask, f"/api/GetFileUpload?name=pub&path={key}/my%20logo.png"))[2] == png()
    assert (await get(ask, f"/uploads/pub/{key}/none.png"))[0] == 404
    assert (await get(ask, f"/uploads/pub/{key}/..%2F..%2Fpasswd"))[0] == 404


async def test_a_secure_upload_is_its_owners(site: Site, ask: Asker) -> None:
    """checklist 88: another key's is not there."""
    (path,) = (await upload(ask, "secure", ("x", b"secret", "a.txt")))["results"]
    url = f"/uploads{path}"
    assert (await get(ask, url))[0] == 401
    assert (await get(ask, url, site.house.other))[0] == 404
    status, heads, data = await get(ask, url, site.house.secret)
    assert (status, data, heads["cache-control"]) == (200, b"secret", "private, no-cache")
    assert (await get(ask, url.replace("/secure/", "/pub/")))[0] == 404


async def test_an_upload_is_replaced_and_deleted_by_its_owner(site: Site, ask: Asker) -> None:
    """checklist 88: and then its name is free again."""
    (path,) = (await upload(ask, "pub", ("x", b"one", "a.txt")))["results"]
    url, other = f"/uploads{path}", site.house.other
    assert (await ask.bad(url, method="PUT", form=form(("x", b"evil", "a.txt")), key=other))[0] == 403
    assert (await ask.bad(url, method="DELETE", key=other))[0] == 403
    assert (await ask.bad(url, method="PUT", form=form(("x", b"evil", "a.txt")), key=""))[0] == 401
    assert (await ask(url, method="PUT", form=form(("x", b"two", "other.txt")))) == (200, {})
    assert (await get(ask, url))[2] == b"two"
    headers = {"Authorization": f"Bearer {site.house.secret}", "Content-Type": "text/plain"}
    async with site.house.http.put(site.house.url + url, data=b"as it is", headers=headers) as reply:
        assert reply.status == 200
    assert (await get(ask, url))[2] == b"as it is"
    await upload(ask, "pub", ("x", b"three", "a.txt"))
    assert (await get(ask, url))[2] == b"three"
    assert (await kept(site), await blobs(site)) == (["a.txt"], 1)
    assert await ask(url, method="DELETE") == (200, {"result": True})
    assert await ask(url, method="DELETE") == (200, {"result": False})
    assert (await get(ask, url))[0] == 404
    assert (await ask.bad(url, method="PUT", form=form(("x", b"two", "a.txt"))))[0] == 404
    assert (await upload(ask, "pub", ("x", b"four", "a.txt")))["results"] == [path]
    assert ((await get(ask, url))[2], await blobs(site)) == (b"four", 1)


async def test_an_upload_of_too_many_bytes_leaves_nothing(site: Site, ask: Asker) -> None:
    """checklist 88: at most 10 MB each, and all of a form or none; what was there before stays."""
    await upload(ask, "pub", ("x", b"same", "a.txt"))
    large = bytes(LARGEST + 1)
    status, _, _ = await ask.bad(
        "/uploads/pub", form=form(("x", b"same", "a.txt"), ("y", b"new", "n.txt"), ("z", large, "z.bin"))
    )
    assert status == 413
    assert (await kept(site), await blobs(site)) == (["a.txt"], 1)
    assert (await get(ask, f"/uploads/pub/{site.house.key.id}/a.txt"))[2] == b"same"
    for files in ((), (("x", b"", "e.txt"),), (("x", b"1", "a.txt"), ("y", b"2", "a.txt"))):
        data = form(*files) if files else aiohttp.FormData({"a": "b"}, default_to_multipart=True)
        assert (await ask.bad("/uploads/secure", form=data))[0] == 400
    assert (await ask.bad("/uploads/elsewhere", form=form(("x", b"1", "a.txt"))))[0] == 404
    assert (await ask.bad("/uploads/pub", form=form(("x", b"1", "a.txt")), key=""))[0] == 401
    assert await blobs(site) == 1


async def test_variants_are_made_of_uploads_too(site: Site, ask: Asker) -> None:
    """checklist 86: of a public one for anybody, and of the file that now has the name."""
    (path,) = (await upload(ask, "pub", ("x", picture("jpg", 40, 20), "logo.jpg")))["results"]
    first = await get(ask, f"/variants/width=20{path}", accept="image/webp")
    assert (first[0], first[1]["content-type"], first[1]["cache-control"]) == (200, "image/webp", "public, no-cache")
    assert (await get(ask, f"/api/GetVariant?variant=width=20&path={path}"))[2] == first[2]
    await upload(ask, "pub", ("x", picture("jpg", 20, 40), "logo.jpg"))
    second = await get(ask, f"/variants/width=20{path}", accept="image/webp")
    assert second[1]["etag"] != first[1]["etag"]
    (hidden,) = (await upload(ask, "secure", ("x", picture("jpg", 40, 20), "logo.jpg")))["results"]
    assert (await get(ask, f"/variants/width=20{hidden}"))[0] == 401
    assert (await get(ask, f"/variants/width=20{hidden}", site.house.secret))[0] == 200
    assert (await get(ask, f"/variants/depth=20{path}"))[0] == 400
    assert (await get(ask, "/variants/width=20/pub/somebody/logo.jpg"))[0] == 404


async def test_addresses_begin_with_the_cdn_where_there_is_one(nats: Link) -> None:
    """checklist 83"""
    async with open_site(nats, files=FileRules(base_url=CDN)) as site:
        _, address = await site.put(png(), "image/png")
        told = await Asker(site.house).good("DeleteFiles", {"paths": [CDN + address]})
        assert told["deleted"] == [CDN + address]


def test_a_path_names_one_file() -> None:
    assert spot_of("/uploads/pub/k1/a%20b.png") == spot_of("pub/k1/a b.png") == Spot("pub", "k1", "a b.png")
    for wrong in ("/pub/k1/", "/pub/k1/a/b", "/pub/../a", "/etc/k1/a", "/pub/k1/..", "/pub/k1/a%2Fb", "/pub/k1/%2e%2e"):
        assert spot_of(wrong) is None, wrong
    assert clean("..\\..\\50%#x.txt") == "50__x.txt"
    assert Spot("pub", "k1", "a").number != Spot("secure", "k1", "a").number
