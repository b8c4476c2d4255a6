"""The door of the AI Server dialect: paths, verbs, formats, batches, errors, sign-in. All over real sockets."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from gateway_house import House, chat, open_house

from bus.config import new_key
from bus.connection import Link
from gateway.aiserver.paths import Paths
from gateway.aiserver.table import HANDLERS
from gateway.parts import Limits
from schemas.dtos import APIS

SECRET = "a secret of the administrator"
TALK = "/api/OpenAiChatCompletion"


@pytest.fixture
async def house(nats: Link) -> AsyncIterator[House]:
    async with open_house(nats, admin_secret=SECRET, limits=Limits(body_bytes=20_000)) as opened:
        yield opened


async def raw(house: House, method: str, path: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    async with house.http.request(method, house.url + path, allow_redirects=False, **more) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


def code_of(told: Any) -> tuple[str, str]:
    """The error's code and the field it names first."""
    status = told["responseStatus"]
    assert status["message"]
    assert "stackTrace" not in status
    return status["errorCode"], (status["errors"] or [{"fieldName": ""}])[0]["fieldName"]


# ---- paths ------------------------------------------------------------------------------------------------------------


PATHS = (
    "/api/Hello?name=Ann", "/api/hello?NAME=Ann", "/json/reply/Hello?name=Ann", "/json/reply/HELLO.json?Name=Ann",
    "/hello/Ann", "/Hello/Ann", "/api/Hello.json?name=Ann&format=json", "/api/Hello?name=Bob&name=Ann",
)  # fmt: skip


async def test_a_request_is_found_by_its_name_in_any_case_at_every_path(house: House) -> None:
    """checklist 132, checklist 139"""
    for path in PATHS:
        for method in ("GET", "POST"):
            status, _, body = await raw(house, method, path)
            assert (status, msgspec.json.decode(body)) == (200, {"result": "Hello, Ann!"}), (method, path)


async def test_bodies_come_as_json_form_or_jsv(house: House) -> None:
    """checklist 134"""
    form = aiohttp.FormData({"Name": "Ann"})
    multi = aiohttp.FormData({"name": "Ann"}, default_to_multipart=True)
    for content in (
        {"json": {"Name": "Ann", "nothing": 1}},
        {"data": form},
        {"data": multi},
        {"data": b"{name:Ann}", "headers": {"content-type": "text/jsv"}},
        {"data": b'{"name":"Ann"}', "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ):
        status, _, body = await raw(house, "POST", "/api/Hello", **content)
        assert (status, msgspec.json.decode(body)) == (200, {"result": "Hello, Ann!"}), content


async def test_ollamas_own_words_go_on_to_its_doors(house: House) -> None:
    """checklist 25"""
    status, _, told = await house.post({"model": "m", "prompt": "hi", "stream": False}, path="/api/generate")
    assert (status, told["response"]) == (200, "w0 w1 w2 w3 w4")
    assert (await house.get("/api/version"))[0] == 200
    status, _, told = await house.get("/api/nothing")
    assert (status, isinstance(told["error"], str)) == (404, True)


async def test_what_looks_like_a_request_and_is_none_is_404_in_this_dialects_words(house: House) -> None:
    """checklist 135"""
    for path in ("/api/Nothing", "/json/reply/nothing", "/json/oneway/Nothing", "/api/Nothing[]"):
        status, _, told = await house.get(path)
        assert (status, code_of(told)) == (404, ("NotFound", "")), path


def test_every_own_route_of_a_request_leads_to_it() -> None:
    paths = Paths(APIS.values())
    for path, method, name, fields in (
        ("/generate", "POST", "CreateGeneration", {}),
        ("/generation/5", "GET", "GetGeneration", {"Id": "5"}),
        ("/generation/ref/a", "GET", "GetGeneration", {"RefId": "a"}),
        ("/icons/models/llama3.3:70b", "GET", "GetModelImage", {"Model": "llama3.3:70b"}),
        ("/comfy/workflows", "GET", "GetComfyWorkflows", {}),
        ("/comfy/workflows/info", "GET", "GetComfyWorkflowInfo", {}),
        ("/uploads/pub", "POST", "StoreFileUpload", {"Name": "pub"}),
        ("/uploads/pub/3/a.png", "GET", "GetFileUpload", {"Name": "pub", "Path": "3/a.png"}),
        ("/uploads/pub/3/a.png", "PUT", "ReplaceFileUpload", {"Name": "pub", "Path": "3/a.png"}),
        ("/files/2025/05/09/k/a.png", "DELETE", "DeleteFile", {"Path": "2025/05/09/k/a.png"}),
        ("/auth", "GET", "Authenticate", {}),
        ("/auth/logout", "POST", "Authenticate", {"provider": "logout"}),
    ):
        found = paths.find(path, method)
        assert found is not None, path
        assert (name, fields) == (found.name, found.fields)
    for path, method in (
        ("/generate", "GET"), ("/generation", "GET"), ("/", "GET"), ("/api", "GET"), ("/api/", "GET"), ("/api/chat", "POST"),
        ("/v1/chat/completions", "POST"), ("/artifacts/2025/01/01/k/x.png", "GET"), ("/api/a/b", "GET"),
        ("/uploads/pub/", "GET"), ("/files/file-5", "DELETE"), ("/files/tus/5", "DELETE"),
        ("/files/2025/05/09/k/a.png", "GET"), ("/files", "POST"),
    ):  # fmt: skip
        assert paths.find(path, method) is None, path


# ---- verbs ------------------------------------------------------------------------------------------------------------


async def test_a_request_takes_its_own_verb_and_an_unmarked_one_any(house: House) -> None:
    """checklist 135"""
    status, _, told = await house.get(TALK)
    assert (status, code_of(told)) == (405, ("NotImplementedException", ""))
    status, _, told = await house.get("/api/Hello", method="DELETE")
    assert status == 405
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert (await house.get("/dummyreplyto?refId=x", method=method))[0] == 200, method


async def test_the_verb_may_stand_in_a_header(house: House) -> None:
    status, _, told = await house.get(TALK + "?model=m", method="GET", headers={"X-Http-Method-Override": "post"})
    assert (status, code_of(told)) == (400, ("ArgumentNullException", "messages"))
    assert (await house.post({}, path="/api/Hello", headers={"X-Http-Method-Override": "DELETE"}))[0] == 405


async def test_head_has_no_body_and_options_tells_the_verbs(house: House) -> None:
    status, headers, body = await raw(house, "HEAD", "/api/Hello?name=Ann")
    assert (status, headers["content-length"], body) == (200, "24", b"")
    status, headers, _ = await raw(house, "OPTIONS", TALK)
    assert (status, headers["allow"]) == (204, "POST")


# ---- formats ----------------------------------------------------------------------------------------------------------


CSV: tuple[tuple[str, dict[str, str]], ...] = (
    ("/api/Hello.csv?name=A", {}),
    ("/api/Hello?name=A&format=csv", {}),
    ("/api/Hello?name=A", {"Accept": "text/csv"}),
    ("/csv/reply/Hello?name=A", {}),
)


async def test_an_answer_comes_as_csv_too(house: House) -> None:
    """checklist 136"""
    for path, headers in CSV:
        status, told, body = await raw(house, "GET", path, headers=headers)
        expected = (200, "text/csv; charset=utf-8", b'Result\r\n"Hello, A!"\r\n')
        assert expected == (status, told["content-type"], body), path


async def test_xml_is_refused_in_words(house: House) -> None:
    """checklist 136"""
    for path in ("/api/Hello.xml", "/api/Hello?format=xml"):
        status, _, told = await house.get(path)
        assert (status, code_of(told)[0]) == (406, "NotAcceptable")


# ---- batches and one-way ----------------------------------------------------------------------------------------------


async def test_a_batch_is_answered_as_an_array_in_its_order(house: House) -> None:
    """checklist 133"""
    for path in ("/api/Hello[]", "/json/reply/Hello[]"):
        status, headers, told = await house.post([{"name": "a"}, {"Name": "b"}, {}], path=path)
        assert (status, [one["result"] for one in told]) == (200, ["Hello, a!", "Hello, b!", "Hello, !"])
        assert headers["x-autobatch-completed"] == "3"
    many = [chat(messages=[{"role": "user", "content": str(place)}]) for place in range(20)]
    status, _, told = await house.post(many, path=TALK + "[]")
    assert (status, len(told)) == (200, 20)
    assert all(one["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4" for one in told)
    assert (await house.post([], path=TALK + "[]"))[2] == []


async def test_the_first_failure_of_a_batch_is_its_answer(house: House) -> None:
    """checklist 133"""
    status, headers, told = await house.post([chat(), chat("nobody"), {"model": "m"}], path=TALK + "[]")
    assert (status, code_of(told)) == (404, ("NotFound", "model"))
    assert (headers["x-autobatch-completed"], told["responseStatus"]["meta"]) == ("1", {"AutoBatchIndex": "1"})


async def test_what_is_no_batch_is_refused(house: House) -> None:
    """checklist 133"""
    many = b"[" + b"{}," * 501 + b"{}]"
    for body, expected in ((b"{}", 400), (b'"x"', 400), (b"[1]", 400), (b"[", 400), (many, 413)):
        status, _, told = await house.post(body, path="/api/Hello[]", headers={"content-type": "application/json"})
        assert expected == status
        assert code_of(told)[0] in ("SerializationException", "RequestEntityTooLarge")


async def test_a_one_way_request_is_accepted_and_done_without_an_answer(house: House) -> None:
    """checklist 132"""
    status, headers, body = await raw(
        house, "POST", "/json/oneway/OpenAiChatCompletion", json=chat(), headers={"X-Api-Key": house.secret}
    )
    assert (status, body) == (202, b"")
    row = await house.row(headers["x-job-id"])
    assert (row.outcome, row.style) == ("done", "queued")
    status, _, body = await raw(
        house, "POST", "/json/oneway/OpenAiChatCompletion[]", json=[chat(), chat()], headers={"X-Api-Key": house.secret}
    )
    assert (status, body) == (202, b"")
    assert (await raw(house, "POST", "/json/oneway/Hello", json={}))[::2] == (202, b"")
    status, _, told = await house.post({"model": "m"}, path="/json/oneway/OpenAiChatCompletion")
    assert (status, code_of(told)) == (400, ("ArgumentNullException", "messages"))


# ---- errors -----------------------------------------------------------------------------------------------------------


async def test_several_faults_are_told_in_one_answer(house: House) -> None:
    """checklist 135"""
    status, _, told = await house.post({"width": 1, "batchSize": "x", "seed": -1}, path="/api/TextToImage")
    found = [(one["fieldName"], one["errorCode"]) for one in told["responseStatus"]["errors"]]
    assert status == 400
    assert sorted(found) == [
        ("batchSize", "SerializationException"),
        ("positivePrompt", "NotEmpty"),
        ("seed", "InclusiveBetween"),
        ("width", "InclusiveBetween"),
    ]


LONG = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 30_000 + b'"}]}'
DEEP = b"{" + b'"a":{' * 2000 + b"}" * 2001
FAILURES = (
    (b"{", 400, "SerializationException", ""),
    (b"[]", 400, "SerializationException", ""),
    (b'"x"', 400, "SerializationException", ""),
    (DEEP, 400, "SerializationException", ""),
    (b'{"model":"m"}', 400, "ArgumentNullException", "messages"),
    (b'{"messages":[{"role":"user","content":"x"}]}', 400, "ArgumentNullException", "model"),
    (b'{"model":"m","messages":[{"role":"nobody","content":"x"}]}', 400, "ArgumentException", "messages[0].role"),
    (b'{"model":"none","messages":[{"role":"user","content":"x"}]}', 404, "NotFound", "model"),
    (b'{"model":"500","messages":[{"role":"user","content":"x"}]}', 500, "ProviderErrorException", ""),
    (LONG, 413, "RequestEntityTooLarge", ""),
)


async def test_a_failure_has_its_status_and_names_its_field(house: House) -> None:
    """checklist 135"""
    for body, status, code, field in FAILURES:
        got, _, told = await house.post(body, path=TALK, headers={"content-type": "application/json"})
        assert (status, (code, field)) == (got, code_of(told)), body[:60]


async def test_a_limit_says_when_to_come_again(house: House) -> None:
    """checklist 135"""
    secret, key = new_key("limited")
    await house.config.put_key(msgspec.structs.replace(key, requests_per_minute=1))
    first = await house.post(path=TALK, headers={"Authorization": f"Bearer {secret}"})
    status, headers, told = await house.post(path=TALK, headers={"Authorization": f"Bearer {secret}"})
    assert (first[0], status, code_of(told)[0]) == (200, 429, "TooManyRequests")
    assert 0 < int(headers["retry-after"]) <= 60


async def test_a_refId_that_names_something_else_is_a_conflict(house: House) -> None:
    """checklist 7"""
    assert (await house.post(chat(refId="one"), path=TALK))[0] == 200
    status, _, told = await house.post(chat("lonely", refId="one"), path=TALK)
    assert (status, code_of(told)) == (409, ("Conflict", "refId"))


# ---- who asks ---------------------------------------------------------------------------------------------------------


async def test_a_key_is_needed_where_the_request_says_so(house: House) -> None:
    """checklist 97"""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Api-Key": "wrong"}, {"Cookie": "ai-session=x.y"}):
        status, told, body = await raw(house, "POST", TALK, json=chat(), headers=headers)
        assert (status, code_of(msgspec.json.decode(body))) == (401, ("Unauthorized", "")), headers
        assert told["www-authenticate"].startswith("Bearer")
    for headers in (
        {"Authorization": f"Bearer {house.secret}"},
        {"X-Api-Key": house.secret},
        {"X-Api-Key": house.secret, "Authorization": "Bearer wrong"},
    ):
        assert (await raw(house, "POST", TALK, json=chat(), headers=headers))[0] == 200


async def test_what_is_the_administrators_takes_his_scope_or_his_secret(house: House) -> None:
    """checklist 94, checklist 98"""
    admin, key = new_key("boss")
    await house.config.put_key(msgspec.structs.replace(key, scopes=("admin",)))
    asked = {name: api for name, api in APIS.items() if api.auth == "admin" and api.verb == "GET"}
    name = next(name for name in asked if name in HANDLERS)
    for headers, expected in (
        ({}, 401),
        ({"X-Api-Key": house.secret}, 403),
        ({"X-Api-Key": admin}, 200),
        ({"Authorization": f"Bearer {SECRET}"}, 200),
        ({"authsecret": SECRET}, 200),
        ({"authsecret": SECRET + "x"}, 401),
    ):
        assert expected == (await raw(house, "GET", f"/api/{name}", headers=headers))[0], headers


async def test_a_secret_that_is_not_set_opens_nothing(nats: Link) -> None:
    """checklist 98"""
    async with open_house(nats, agent=False) as house:
        for said in ("", " ", "p@55wOrd"):
            status, _, _ = await raw(house, "POST", "/auth", json={"userName": "x", "password": said})
            assert status == 401


async def signed_in(house: House, password: str, **more: Any) -> tuple[dict[str, Any], str]:
    """Who one is, and the cookie's header."""
    body = {"provider": "credentials", "userName": "Ann", "password": password, **more}
    status, headers, told = await raw(house, "POST", "/auth/credentials", json=body)
    assert status == 200, told
    return msgspec.json.decode(told), headers["set-cookie"]


async def test_who_signs_in_with_a_name_and_a_key_needs_no_key_until_signing_out(house: House) -> None:
    """checklist 97"""
    told, cookie = await signed_in(house, house.secret)
    assert (told["userName"], told["userId"], told["roles"]) == ("Ann", house.key.id, [])
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert house.secret not in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    assert (await raw(house, "POST", TALK, json=chat(), headers=session))[0] == 200
    assert (await raw(house, "POST", "/v1/chat/completions", json=chat(), headers=session))[0] == 200
    status, _, body = await raw(house, "GET", "/auth", headers=session)
    assert (200, told) == (status, msgspec.json.decode(body))
    in_address = {"userName": "Ann", "password": house.secret}
    assert (await raw(house, "GET", "/auth/credentials", params=in_address))[0] == 401
    status, headers, _ = await raw(house, "GET", "/auth/logout?redirect=/", headers=session)
    assert (status, headers["location"]) == (302, "/")
    assert "Max-Age=0" in headers["set-cookie"]
    assert (await raw(house, "GET", "/auth"))[0] == 401


async def test_a_session_is_no_more_than_its_key(house: House) -> None:
    """checklist 92, checklist 97"""
    secret, key = new_key("short")
    await house.config.put_key(key)
    _, cookie = await signed_in(house, secret, rememberMe=True)
    assert "Max-Age=" in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    assert (await raw(house, "GET", "/auth", headers=session))[0] == 200
    await house.config.put_key(msgspec.structs.replace(key, revoked=1.0))
    assert (await raw(house, "GET", "/auth", headers=session))[0] == 401


async def test_a_session_that_was_changed_or_comes_from_elsewhere_does_not_count(house: House) -> None:
    _, cookie = await signed_in(house, SECRET)
    whole = cookie.partition(";")[0]
    body, _, seal = whole.partition("=")[2].partition(".")
    other = "B" if seal[0] == "A" else "A"
    for value in (f"{body}.{other}{seal[1:]}", f"{body[:-2]}AA.{seal}", f".{seal}", f"{body}.", body, "a.b.c", '"'):
        assert (await raw(house, "GET", "/auth", headers={"Cookie": f"ai-session={value}"}))[0] == 401, value
    for origin in ("cross-site", "same-site"):
        headers = {"Cookie": whole, "Sec-Fetch-Site": origin}
        assert (await raw(house, "GET", "/auth", headers=headers))[0] == 401
    status, _, told = await raw(house, "GET", "/auth", headers={"Cookie": whole, "Sec-Fetch-Site": "same-origin"})
    assert (status, msgspec.json.decode(told)["roles"]) == (200, ["Admin"])


async def test_signing_out_leads_to_no_other_house(house: House) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nx: y", ""):
        status, headers, _ = await raw(house, "GET", "/auth/logout", params={"redirect": target})
        assert (status, "location" in headers) == (200, False), target


# ---- callbacks' own sink ----------------------------------------------------------------------------------------------


async def test_the_sink_remembers_a_callback_once(house: House) -> None:
    """checklist 139"""
    assert (await house.post({"refId": "r1"}, path="/dummyreplyto"))[2] == {"refId": "r1"}
    assert (await raw(house, "POST", "/api/HasDummyReplyTo", json={"refId": "r1"}))[::2] == (204, b"")
    status, _, told = await house.post({"refId": "r1"}, path="/api/HasDummyReplyTo")
    assert (status, code_of(told)) == (404, ("NotFound", "refId"))
