"""The edge and the agent judge a callback's address by one table."""

import pytest

from gateway.targets import check_reply_to
from schemas.problem import Code, Problem

NEVER = [
    "169.254.169.254", "168.63.129.16", "100.64.0.1", "192.0.2.1", "198.18.0.1", "0.0.0.0", "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]", "[::ffff:169.254.169.254]", "[2001:db8::1]", "[fd00:ec2::254]",
]  # fmt: skip


@pytest.mark.parametrize("private_allowed", [False, True])
@pytest.mark.parametrize("host", NEVER)
def test_what_is_never_called_is_refused_at_once(host: str, private_allowed: bool) -> None:
    with pytest.raises(Problem) as refused:
        check_reply_to(f"http://{host}/done", private_allowed)
    assert (refused.value.code, refused.value.fault.param) == (Code.INVALID_REQUEST, "replyTo")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "[fc00::1]", "localhost"])
def test_private_addresses_are_called_only_where_the_setting_allows(host: str) -> None:
    check_reply_to(f"http://{host}/done", True)
    with pytest.raises(Problem, match="private or loopback"):
        check_reply_to(f"http://{host}/done", False)
