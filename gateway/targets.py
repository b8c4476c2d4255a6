"""May this web callback be called? The answer at the edge, for what can be told from the text alone.

A name is not looked up here: whoever delivers judges the address it resolves to then (`agents/_targets.py`), and that
judgement is the one that protects. This one exists so that a caller hears of a bad `replyTo` at once and not from a log.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from schemas.callback import parse_reply_to
from schemas.problem import Code, Problem

_METADATA_6 = IPv6Network("fd00:ec2::/32")


def check_reply_to(text: str, private_allowed: bool) -> None:
    """Raises `Problem(INVALID_REQUEST)`, param `replyTo`, for a bad URL or an address that is never called."""
    host = (urlsplit(parse_reply_to(text).url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        if not private_allowed:
            raise _refusal("is a private or loopback address, which this server does not call back")
        return
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        if _legacy(host):
            raise _refusal("writes its address in an unusual way") from None
        return
    _check(address, private_allowed)


def _check(address: IPv4Address | IPv6Address, private_allowed: bool) -> None:
    inside = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = inside or address
    if address.is_loopback or (address.is_private and not _never(address)):
        if not private_allowed:
            raise _refusal("is a private or loopback address, which this server does not call back")
    elif not address.is_global or address.is_multicast or _never(address):
        raise _refusal("is a link-local, metadata or reserved address, which is never called back")


def _never(address: IPv4Address | IPv6Address) -> bool:
    if address.is_link_local or address.is_unspecified or address.is_reserved or address.is_multicast:
        return True
    return isinstance(address, IPv6Address) and address in _METADATA_6


def _legacy(host: str) -> bool:
    """2130706433, 0x7f.1, 127.1: libc takes them for addresses, people do not."""
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _refusal(why: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"replyTo {why}.", param="replyTo")
