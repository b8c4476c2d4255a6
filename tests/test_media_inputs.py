"""What a media request brings along: fields as callers spell them, files from everywhere, and all that is wrong with them."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from gateway_house import until
from media_kit import MediaHouse, form, open_media, png, wav

from bus.connection import Link
from gateway import uploads
from gateway.parts import FileRules, Limits
from gateway.sniff import kind_of
from schemas.provider import ApiKey

SIZE = 4_000_000


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[MediaHouse]:
    async with open_media(nats, limits=Limits(body_bytes=1_000_000, file_bytes=SIZE)) as opened:
        yield opened


async def refused(house: MediaHouse, op: str, body: Any = None, status: int = 400, **more: Any) -> tuple[str, str]:
    """(param, message) of a refusal that leaves nothing behind."""
    got, _, told = await house.media(op, body, **more)
    assert got == status, told
    assert not house.studio.seen
    return told["error"]["param"], told["error"]["message"]


# ---- spelling --------------------------------------------------------------------------------------------------------


async def test_fields_come_in_snake_case_camel_case_and_by_synonyms(house: MediaHouse) -> None:
    for asked in (
        {"positive_prompt": "x", "batch_size": 2, "cfg_scale": 3.5, "negative_prompt": "y"},
        {"positivePrompt": "x", "batchSize": 2, "cfgScale": 3.5, "negativePrompt": "y"},
        {"prompt": "x", "n": 2, "cfg": 3.5, "NegativePrompt": "y"},
    ):
        for content in ({"body": asked}, {"form": form(**asked)}):
            status, _, told = await house.media("text_to_image", **content)
            assert status == 200, told
            body = house.studio.last.body
            assert [body[name] for name in ("positive_prompt", "batch_size", "cfg_scale", "negative_prompt")] == [
                "x", 2, 3.5, "y",
            ]  # fmt: skip
    assert (await house.media("text_to_speech", {"text": "hi"}))[0] == 200
    assert house.studio.last.body["input"] == "hi"
    assert (await house.media("image_to_text", form=form(("file", png()), prompt="what?")))[0] == 200
    assert house.studio.last.body["prompt"] == "what?"


async def test_a_form_may_hold_json_in_the_part_request(house: MediaHouse) -> None:
    data = form(("image", png()), request=json.dumps({"positivePrompt": "x", "denoise": 0.25}), batchSize="2")
    status, _, told = await house.media("image_to_image", form=data)
    assert (status, house.studio.last.body["denoise"], len(told["artifacts"])) == (200, 0.25, 2)
    status, _, told = await house.media("image_to_image", form=form(("image", png()), request="[1]"))
    assert (status, told["error"]["param"]) == (400, "request")


async def test_urlencoded_fields_are_a_form_too(house: MediaHouse) -> None:
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    status, told = await house.raw("/media/text_to_image", b"prompt=a+cat&n=2&seed=7", **head)
    assert (status, house.studio.last.body["seed"], len(told["artifacts"])) == (200, 7, 2)
    assert (await house.raw("/media/text_to_image", b'{"prompt": "x"}', **head))[0] == 200  # curl -d


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"positivePrompt": "x", "batchSize": "many"}, "batchSize", "'batchSize'"),
    ({"positivePrompt": "x", "batchSize": "11"}, "batchSize", "<= 10"),
    ({"positivePrompt": "x", "n": "0"}, "n", "'n'"),
    ({"prompt": "x", "width": "12.5"}, "width", "'width'"),
    ({"prompt": "x", "cfgScale": "NaN"}, "cfgScale", "'cfgScale'"),
    ({"prompt": "x", "arguments": "{no"}, "arguments", "JSON"),
    ({"prompt": "x", "arguments": "[1]"}, "arguments", "'arguments'"),
    ({"prompt": "x", "size[0]": "1"}, "size", "no entries"),
    ({"width": "512"}, "positive_prompt", "Missing required parameter"),
    ({"prompt": ""}, "positive_prompt", "Missing required parameter"),
    ({"prompt": "x", "positivePrompt": "y"}, "positivePrompt", "only once"),
    ({"prompt": "x", "outputFormat": "bmp"}, "outputFormat", "'bmp'"),
    ({"prompt": "x" * 100_001}, "prompt", "<= 100000"),
    ({"prompt": "x", "refId": "r" * 201}, "refId", "<= 200"),
]


async def test_a_wrong_field_of_a_form_is_named_as_its_caller_spelt_it(house: MediaHouse) -> None:
    for fields, param, words in WRONG:
        told = await refused(house, "text_to_image", form=form(**fields))
        assert told[0] == param, fields
        assert words in told[1]


async def test_a_word_that_a_field_does_not_know_is_told_with_those_it_knows(house: MediaHouse) -> None:
    for content in (
        {"body": {"image": "file-1", "output_format": "heic"}},
        {"form": form(("image", png()), output_format="heic")},
    ):
        param, message = await refused(house, "convert_image", **content)
        assert param == "output_format"
        assert message.endswith("'heic' is none of jpg, png, gif, bmp, tiff, webp, avif.")


async def test_wrong_json_is_named_too(house: MediaHouse) -> None:
    for body, param in (
        ({"prompt": 5}, "prompt"),
        ({"prompt": "x", "width": "512"}, "width"),  # a number in JSON is a number
        ({"prompt": "x", "arguments": {"a": 1}, "Width": [1]}, "Width"),
        ({"prompt": "x", "width": 10**30}, "width"),
        ([], None),
        ("x", None),
    ):
        assert (await refused(house, "text_to_image", body))[0] == param
    for data in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        assert (await house.raw("/media/text_to_image", data))[0] == 400


# ---- files -----------------------------------------------------------------------------------------------------------


async def test_a_part_becomes_a_private_input_that_lapses(house: MediaHouse) -> None:
    data = form(("image", png(), "../../etc/c:a*t.png", "text/html"), prompt="x")
    status, heads, _ = await house.media("image_to_image", form=data)
    assert status == 200
    ref = house.studio.last.body["image"]
    assert (ref["content_type"], ref["size"], ref["name"]) == ("image/png", len(png()), "cat.png")
    assert ref["blob"].startswith("default/private/")
    assert "etc" not in ref["blob"]
    (record,) = await house.inputs()
    assert (record.area, record.job, record.blob) == ("private", int(heads["x-job-id"]), ref["blob"])
    assert abs(record.expires - record.created - 72 * 3600) < 1
    assert house.studio.last.files["image"] == png()


async def test_a_file_comes_by_id_by_address_by_url_and_inline(house: MediaHouse) -> None:
    house_, key = house.house, house.house.key
    _, _, made = await house.media("text_to_image", {"prompt": "x"})
    url = made["artifacts"][0]["url"]
    picture = house.studio.made[0]
    _, uploaded = await house.raw("/v1/files", form(("file", png(3, 3), "mine.png"), purpose="vision"))
    packed = base64.b64encode(png(4, 4)).decode()
    for said, data in (
        (url, picture),
        (f"{url}?download=1", picture),
        (house_.url + url, picture),
        (made["artifacts"][0]["id"], picture),
        (uploaded["id"], png(3, 3)),
        (f"data:image/png;base64,{packed}", png(4, 4)),
        (f"DATA:;base64,{packed.rstrip('=')}", png(4, 4)),
        (f"  {uploaded['id']} ", png(3, 3)),
    ):
        for content in ({"body": {"imageUrl": said}}, {"form": form(image=said)}):
            status, _, told = await house.media("image_upscale", **content)
            assert status == 200, (said[:60], told)
            assert house.studio.last.files["image"] == data, said[:60]
            assert house.studio.last.body["image"]["content_type"] == "image/png"
    assert (await house.media("image_upscale", {"image": "https://example.com/a%20b.png?x=1"}))[0] == 200
    ref = house.studio.last.body["image"]
    assert (ref["url"], ref["name"]) == ("https://example.com/a%20b.png?x=1", "a b.png")
    assert key


async def test_a_public_file_may_be_anybodys_and_a_private_one_is_its_owners(house: MediaHouse) -> None:
    _, _, made = await house.media("text_to_image", {"prompt": "x"})
    _, uploaded = await house.raw("/v1/files", form(("file", png(3, 3), "mine.png"), purpose="vision"))
    await house.media("image_upscale", form=form(("image", png(5, 5))))
    private = "/artifacts/" + house.studio.last.body["image"]["blob"].removeprefix("default/")
    seen = len(house.studio.seen)
    assert (await house.media("image_upscale", {"image": private}))[0] == 200
    other = {"key": house.house.other}
    assert (await house.media("image_upscale", {"image": made["artifacts"][0]["url"]}, **other))[0] == 200
    for said in (uploaded["id"], made["artifacts"][0]["id"], private, house.house.url + private, "file-1"):
        status, _, told = await house.media("image_upscale", {"image": said}, **other)
        assert (status, told["error"]["param"]) == (404, "image"), said
    assert len(house.studio.seen) == seen + 2
    blob = house.studio.seen[-3].body["image"]["blob"]
    for forged in ({"blob": blob}, [{"blob": blob}], {"url": "http://x/"}, 5, True, [], {}):
        status, _, told = await house.media("image_upscale", {"image": forged}, **other)
        assert (status, told["error"]["param"]) == (400, "image"), forged
    for forged in ([{"blob": blob}], {"blob": blob}):
        body = {"image": made["artifacts"][0]["url"], "prompt": "x", "images": forged}
        assert (await house.media("image_to_image", body, **other))[0] == 400
    body = {"workflow": {"1": {"class_type": "X"}}, "files": {"a": {"blob": blob}}}
    assert (await house.media("workflow", body, **other))[2]["error"]["param"] == "files"
    assert (await house.media("image_upscale", form=form(request=json.dumps({"image": {"blob": blob}})), **other))[
        0
    ] == 400


NO_FILE = [
    "", "  ", "cat.png", "/etc/passwd", "file:///etc/passwd", "ftp://x/y", "http://", "http://a b/", "https://[::1",
    "http://h:99999/x", "data:image/png;base64", "data:image/png;base64,!!!", "data:,", "data:image/png;base64,",
    "http://x/" + "a" * 9000, "//host/x", "javascript:alert(1)",
]  # fmt: skip


async def test_text_that_is_no_file_is_refused(house: MediaHouse) -> None:
    for said in NO_FILE:
        assert (await refused(house, "image_upscale", {"image": said}))[0] == "image", said
    await house.empty()


NOWHERE = [
    "/artifacts/", "/artifacts/../v1/files", "/artifacts/2026/11/23/k/../../x.png", "/artifacts/private/%2e%2e/x.png",
    "/artifacts/2026/11/23/abc/" + "0" * 64 + ".png", "file-999999999999", "file-0", "file-x", "file-1/../2",
    "/artifacts/t/default/public/2026/11/23/abc/" + "0" * 64 + ".png",
]  # fmt: skip


async def test_a_file_that_is_not_there_is_a_404_that_names_the_field(house: MediaHouse) -> None:
    for said in NOWHERE:
        assert (await refused(house, "image_upscale", {"image": said}, 404))[0] == "image", said


async def test_several_parts_of_one_name_are_one_too_many_but_for_lists(house: MediaHouse) -> None:
    three = [("image", png(1, 1, n), f"{n}.png") for n in range(3)]
    param, words = await refused(house, "image_upscale", form=form(*three))
    assert (param, words) == ("image", "Send 'image' only once.")
    await house.empty()
    more = [("images", png(1, 1, n), f"{n}.png") for n in (1, 2)]
    assert (await house.media("image_to_image", form=form(three[0], *more, prompt="x")))[0] == 200
    assert (
        house.studio.last.files
        == {
            "image": png(),
        }
        or len(house.studio.last.files) == 3
    )
    assert [len(house.studio.last.files[f"images.{n}"]) for n in (0, 1)] == [len(png(1, 1, 1)), len(png(1, 1, 2))]


async def test_parts_that_do_not_fit_are_refused_by_name(house: MediaHouse) -> None:
    assert (await refused(house, "image_with_mask", form=form(("image", png()), prompt="x")))[0] == "mask"
    param, words = await refused(house, "image_upscale", form=form(("imgae", png()), ("image", png())))
    assert (param, words) == ("imgae", "There is no file field 'imgae' here; there is: image.")
    assert (await refused(house, "image_upscale", form=form(("image", b"", "a.png"))))[0] == "image"
    assert (await refused(house, "image_upscale", form=form(("image", png()), ("scale", png()))))[0] == "scale"
    assert (await refused(house, "image_upscale", form=form()))[0] == "image"
    long = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"x" * 1_000_001 + b"\r\n--b--\r\n"
    status, told = await house.raw("/media/text_to_image", long, **KIND)
    assert (status, told["error"]["param"]) == (400, "prompt")
    await house.empty()


async def test_what_a_refused_request_brought_is_thrown_away(house: MediaHouse) -> None:
    picture = ("image", png(9, 9))
    await refused(house, "scale_image", form=form(picture, width="wide"))
    await refused(house, "scale_image", form=form(picture, width="9", model="no-such"), status=404)
    await refused(house, "scale_image", form=form(picture, width="9", replyTo="ftp://x"))
    await refused(house, "scale_image", form=form(picture, width="9", replyTo="http://127.0.0.1/x"))
    await refused(house, "scale_image", form=form(picture, width="9"), status=400, headers={"Prefer": "wait=soon"})
    await house.empty()
    head = {"Idempotency-Key": "one"}
    assert (await house.media("scale_image", form=form(picture, width="9"), headers=head))[0] == 200
    assert (await house.media("scale_image", form=form(picture, width="9"), headers=head))[1]["idempotent-replayed"]
    status, _, told = await house.media("scale_image", form=form(picture, width="8"), headers=head)
    assert (status, told["error"]["param"]) == (409, "refId")
    assert len(house.studio.seen) == 1

    async def one() -> bool:
        return len(await house.inputs()) == 1

    await until(one)


async def test_files_of_a_request_have_a_limit_together(house: MediaHouse) -> None:
    large = png() + b"\0" * (SIZE // 2)
    param, words = await refused(
        house, "image_with_mask", form=form(("image", large), ("mask", large), prompt="x"), status=413
    )
    assert (param, "4 MB together" in words) == ("mask", True)
    await refused(house, "image_upscale", form=form(("image", b"\0" * (SIZE + 2_000_000))), status=413)
    await house.empty()


async def test_a_keys_quota_holds_for_what_requests_bring(nats: Link) -> None:
    def poor(key: ApiKey) -> ApiKey:
        return msgspec.structs.replace(key, storage_bytes=1000)

    async with open_media(nats, poor, files=FileRules()) as house:
        for content in (
            {"form": form(("image", png() + b"\0" * 2000))},
            {"body": {"image": "data:image/png;base64," + base64.b64encode(png() + b"\0" * 2000).decode()}},
        ):
            status, _, told = await house.media("image_upscale", **content)
            assert (status, told["error"]["param"]) == (413, "image"), told
            assert "1,000 bytes" in told["error"]["message"]
        await house.empty()
        assert (await house.media("image_upscale", form=form(("image", png()))))[0] == 200


# ---- on the wire -----------------------------------------------------------------------------------------------------

HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
KIND = {"Content-Type": "multipart/form-data; boundary=b"}


async def test_a_form_that_is_cut_off_or_broken_leaves_nothing(house: MediaHouse) -> None:
    for data in (
        HEAD + png(),
        HEAD + png() + b"\r\n--b",
        b"",
        b"--c\r\n",
        b"no form at all",
        b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 20 + b"\r\nx\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data; name=" + b"n" * 9000 + b"\r\n\r\nx\r\n--b--\r\n",
        b"".join(b'--b\r\nContent-Disposition: form-data; name="x%d"\r\n\r\ny\r\n' % n for n in range(40))
        + b"--b--\r\n",
    ):
        status, told = await house.raw("/media/image_upscale", data, **KIND)
        assert status == 400, told
        assert "form" in told["error"]["message"] or told["error"]["param"] == "image"
    assert (await house.raw("/media/image_upscale", b"x", **{"Content-Type": "multipart/form-data"}))[0] == 400
    await house.empty()


async def test_a_part_that_stalls_is_ended(house: MediaHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BODY_SECONDS", 0.2)

    async def slow() -> AsyncIterator[bytes]:
        yield HEAD + png()
        await asyncio.sleep(20)

    status, told = await house.raw("/media/image_upscale", slow(), **KIND)
    assert (status, "Nothing more" in told["error"]["message"]) == (400, True)
    await house.empty()


async def test_a_caller_who_leaves_in_the_middle_leaves_nothing(house: MediaHouse) -> None:
    host, port = house.house.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /media/image_upscale HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.house.secret}\r\n"
    writer.write(head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 4000000\r\n\r\n")
    for _ in range(20):
        writer.write((HEAD if _ == 0 else b"") + b"\0" * 100_000)
    await writer.drain()

    async def begun() -> bool:
        info = await house.house.bus.api("STREAM.INFO.OBJ_BLOBS", {})
        return bool(info["state"]["messages"])

    await until(begun)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    await house.empty()

    async def gone() -> bool:
        return not await begun()  # the mark that stands in the chunks' place lapses too

    await until(gone)


def test_the_first_bytes_tell_the_type() -> None:
    for head, kind in (
        (png(), "image/png"),
        (wav(), "audio/wav"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x01B\x82\x84webm", "video/webm"),
        (b"OggS\0\2", "audio/ogg"),
        (b"\xff\xfb\x90\0", "audio/mpeg"),
        (b"\xff\xf1P\x80", "audio/aac"),
        (b"ID3\x04", "audio/mpeg"),
        (b"hello", "text/plain"),
        ("é".encode() * 300, "text/plain"),
        (b"<svg xmlns=", "image/svg+xml"),
        (b"\0\1\2\3", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ):
        assert kind_of(head, "image/png") == kind, head
    assert kind_of(b'{"a": 1}', "application/json") == "application/json"
