"""What an HTTP client calls itself, in a word or two: its browser, its device, the bot it is. Pure, and only ever a guess.

What a newcomer would get wrong: every browser claims to be others (Edge says Chrome, Chrome says Safari), so the order counts.
"""

import re
from typing import NamedTuple

from storage.callers import BOT, BROWSERS, DEVICES, FIRST

_BOT = re.compile(BOT, re.IGNORECASE)
_FIRST = re.compile(FIRST)


class Client(NamedTuple):
    browser: str
    device: str
    bot: str
    """Empty: none."""


def client_of(agent: str) -> Client:
    """Programs that are no browsers go by their own name: `OpenAI/Python 1.2` is `OpenAI`."""
    bot = found[1] if (found := _BOT.search(agent)) else ""
    device = next((name for mark, name in DEVICES if mark in agent), "None" if agent else "")
    if "Mozilla/" in agent and not bot:
        return Client(next((name for mark, name in BROWSERS if mark in agent), "None"), device, "")
    name = found[0].partition("/")[0].strip() if (found := _FIRST.match(agent)) else ""
    return Client("" if bot else name or "None", device, bot)
