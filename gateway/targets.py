"""May this web callback be called? The answer at the edge, for what can be told from the text alone.

A name is not looked up here: whoever delivers judges the address it resolves to then (`agents/_targets.py`), and that
judgement is the one that protects. This one exists so that a caller hears of a bad `replyTo` at once and not from a log.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from schemas.addresses import PRIVATE, check_address, legacy
from schemas.callback import parse_reply_to
from schemas.problem import Code, Problem


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
        if legacy(host):
            raise _refusal("writes its address in an unusual way") from None
        return
    why = check_address(address, private_allowed)
    if why == PRIVATE:
        raise _refusal("is a private or loopback address, which this server does not call back")
    if why is not None:
        raise _refusal("is a link-local, metadata or reserved address, which is never called back")


def _refusal(why: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"replyTo {why}.", param="replyTo")
