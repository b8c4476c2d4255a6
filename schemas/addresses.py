"""Which addresses a URL chosen by a caller may lead to: one table, for the edge that refuses at once and the agent that calls.

The table is ours and not `ipaddress.is_private`: that property changed its meaning between Python 3.11 and 3.13. What
carries an IPv4 address inside IPv6 is judged by the address inside.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

PRIVATE = "a private or loopback address"
"""The one reason that a setting can lift."""

_NEVER_4 = {
    "0.0.0.0/8": "this host",
    "100.64.0.0/10": "carrier-grade NAT, and metadata of some clouds",
    "168.63.129.16/32": "Azure's metadata",
    "169.254.0.0/16": "link-local, and metadata of most clouds",
    "192.0.0.0/24": "protocol assignments, and Oracle's metadata",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relays",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved, and broadcast",
}
_NEVER_6 = {
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discard-only",
    "2001::/23": "Teredo and protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fd00:ec2::/32": "metadata of a cloud",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_PRIVATE_4 = ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_PRIVATE_6 = ("::1/128", "fc00::/7")

_never_4 = [(IPv4Network(net), why) for net, why in _NEVER_4.items()]
_never_6 = [(IPv6Network(net), why) for net, why in _NEVER_6.items()]
_private_4 = [IPv4Network(net) for net in _PRIVATE_4]
_private_6 = [IPv6Network(net) for net in _PRIVATE_6]
_global_6 = IPv6Network("2000::/3")
_nat64 = IPv6Network("64:ff9b::/96")


def check_address(address: str | IPv4Address | IPv6Address, private_allowed: bool) -> str | None:
    """Why this address may not be called, or None if it may. Text that is not an address is refused."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return "not an address"
    if isinstance(address, IPv4Address):
        return _check_4(address, private_allowed)
    return _check_6(address, private_allowed)


def legacy(host: str) -> bool:
    """Forms that libc takes for an IPv4 address and people do not: 2130706433, 0x7f.1, 0177.0.0.1, 127.1."""
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _check_4(address: IPv4Address, private_allowed: bool) -> str | None:
    for net, why in _never_4:
        if address in net:
            return why
    if not private_allowed and any(address in net for net in _private_4):
        return PRIVATE
    return None


def _check_6(address: IPv6Address, private_allowed: bool) -> str | None:
    if address.scope_id:
        return "a scoped address"
    if address.ipv4_mapped is not None:
        return _check_4(address.ipv4_mapped, private_allowed)
    inside = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _nat64:
        return _check_4(inside, False)  # a NAT64 gateway that leads inside is a way around a firewall
    for net, why in _never_6:
        if address in net:
            return why
    if any(address in net for net in _private_6):
        return None if private_allowed else PRIVATE
    return None if address in _global_6 else "reserved"
