"""Where a callback may go: `replyTo` as callers write it, and every disguise of an address that must not be called."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from agents._targets import RefusedError, Resolver, check_host
from schemas.addresses import check_address
from schemas.callback import Auth, Target, parse_reply_to
from schemas.problem import Code, Problem

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::2",
    "::ffff:0:1.2.3.4",
    "::127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::ffff:100.64.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fd00:ec2::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "1::1",
]
PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fd12::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.1.1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
DISGUISED = [
    "2130706433",
    "0x7f000001",
    "017700000001",
    "127.1",
    "127.0.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0x7f.1",
    "00000127.0.0.1",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[fe80::1%eth0]",
    "[::1%25lo]",
    "[::ffff:7f00:1]x",
]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_some_addresses_are_never_called(address: str, private: bool) -> None:
    assert check_address(address, private)
    with pytest.raises(Problem):
        check_host(address, private)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_called_only_where_it_is_allowed(address: str) -> None:
    assert check_address(address, False)
    assert check_address(address, True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert check_address(address, False) is None
    check_host(address, False)


@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_in_disguise_is_refused(host: str) -> None:
    with pytest.raises(Problem) as caught:
        check_host(host, private_allowed=True)
    assert caught.value.code is Code.FORBIDDEN


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_opens_no_door(address: object) -> None:
    refused = check_address(str(address), False)
    assert check_address(f"::ffff:{address}", False) == refused
    assert bool(check_address(f"64:ff9b::{address}", False)) == bool(refused)
    assert check_address(ip_address(0x2002 << 112 | int(ip_address(str(address))) << 80), True)


class Liar(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0) for one in self.addresses
        ]

    async def close(self) -> None: ...


async def test_a_name_is_judged_by_the_addresses_it_leads_to() -> None:
    with pytest.raises(RefusedError):
        await Resolver(False, Liar("127.0.0.1", "::1")).resolve("inside.example")
    with pytest.raises(RefusedError):
        await Resolver(True, Liar("169.254.169.254", "fe80::1%eth0")).resolve("metadata.example")
    mixed = await Resolver(False, Liar("10.0.0.1", "1.1.1.1")).resolve("both.example")
    assert [one["host"] for one in mixed] == ["1.1.1.1"]
    assert len(await Resolver(True, Liar("127.0.0.1", "::1")).resolve("localhost")) == 2


URL = "https://h.example/p?x=y&r=a@https://b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (URL, Target(url=URL)),
        (f"  {URL} ", Target(url=URL)),
        (f"PUT {URL}", Target(url=URL, method="PUT")),
        (f"patch {URL}", Target(url=URL, method="PATCH")),
        (f"ann:p%40ss%3A@{URL}", Target(url=URL, auth=Auth.BASIC, name="ann", secret="p@ss:")),
        (f"POST ann:@{URL}", Target(url=URL, auth=Auth.BASIC, name="ann")),
        (f"tok%2Fen@{URL}", Target(url=URL, auth=Auth.BEARER, secret="tok/en")),
        (f"$HOOK_TOKEN@{URL}", Target(url=URL, auth=Auth.BEARER, variable="HOOK_TOKEN")),
        (f"%24literal@{URL}", Target(url=URL, auth=Auth.BEARER, secret="$literal")),
        (f"http.X-API-Key:v:1@{URL}", Target(url=URL, auth=Auth.HEADER, name="X-API-Key", secret="v:1")),
        (f"http.X-API-Key:$K@{URL}", Target(url=URL, auth=Auth.HEADER, name="X-API-Key", variable="K")),
        ("HTTP://127.0.0.1:8080", Target(url="HTTP://127.0.0.1:8080")),
    ],
)
def test_reply_to_is_read_in_all_its_forms(text: str, expected: Target) -> None:
    assert parse_reply_to(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "h.example/p", "ftp://h.example", "javascript:alert(1)", "https://", "https:///p", "https://[::1", "https://h:99999/",
        "https://h:x/", "https://user:pass@h.example/", "https://good.example@evil.example/", "GET https://h.example/",
        "TRACE https://h.example/", "https://h.example/a b", "https://h.example\\@evil.example/", "https://h.example/\r\nX: y",
        "http.Host:x@https://h.example/", "http.webhook-id:x@https://h.example/", "http.Content-Length:1@https://h.example/",
        "http.X Y:1@https://h.example/", "http.X@https://h.example/", "tok%0d%0aX:y@https://h.example/", "tok%0den@https://h.example/",
        "$@https://h.example/", "$a-b@https://h.example/", "https://h.example/" + "x" * 4000,
    ],
)  # fmt: skip
def test_a_reply_to_that_makes_no_sense_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_reply_to(text)
    assert (caught.value.code, caught.value.fault.param) == (Code.INVALID_REQUEST, "replyTo")


@given(st.text(max_size=60) | st.from_regex(r"([A-Z]{3,5} )?(\S{0,9}@)?https?://\S{0,20}", fullmatch=True))
def test_no_reply_to_is_a_crash(text: str) -> None:
    try:
        target = parse_reply_to(text)
    except Problem:
        return
    assert target.url.lower().startswith(("http://", "https://"))


def test_credentials_become_headers_and_variables_only_from_the_list() -> None:
    assert parse_reply_to(f"a:b@{URL}").headers({}) == {"Authorization": "Basic YTpi"}
    assert parse_reply_to(f"t@{URL}").headers({}) == {"Authorization": "Bearer t"}
    assert parse_reply_to(f"http.X-K:$K@{URL}").headers({"K": "v"}) == {"X-K": "v"}
    assert parse_reply_to(URL).headers({}) == {}
    with pytest.raises(Problem, match="HOME"):
        parse_reply_to(f"$HOME@{URL}").headers({"K": "v"})
