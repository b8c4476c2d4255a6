"""A house whose archive holds requests of the last 40 days, with browsers and bodies; and one whose texts are HTML."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from archive_kit import NOVEMBER, row
from report_kit import drawn, fill
from ui_kit import Ui, opened

from bus.config import hash_key
from schemas.log import RequestLog, encode_logs

COUNT = 900
CANARY = "<img src=x onerror=window.struck=1><script>window.struck=1</script>"
"""What must stay text wherever it is shown."""
HOSTILE = 5_000_001
"""The job whose every text is the canary."""
KEPT = 5_000_002
"""The job whose bodies were kept; both are of the key `analytics`."""
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Gecko/20100101 Firefox/121.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "OpenAI/Python 1.2", "OpenAI/Python 1.2",
    "curl/8.5.0",
)  # fmt: skip


def requests(count: int = COUNT) -> list[RequestLog]:
    """Of the tenant `default`, the newest a minute ago."""
    dice, later = random.Random(7), time.time() - 60 - NOVEMBER
    return [
        msgspec.structs.replace(
            one, tenant="default", created=one.created + later, user_agent=dice.choice(AGENTS),
            status=429 if one.error == "rate_limited" else one.status,
        )
        for one in drawn(count)
    ]  # fmt: skip


@contextmanager
def opened_with_log(folder: Path) -> Iterator[tuple[Ui, list[RequestLog]]]:
    """The house, the browser, and all its requests; those of the key `analytics` wait on the bus."""
    rows = requests()
    fill(folder / "archive", rows)
    with opened(folder) as ui:
        own = _own(hash_key(ui.keys["analytics"])[:16])
        ui.do(ui.house.office.house.bus.keep("log.default.chat", encode_logs(own), msg_id="own"))
        yield ui, rows + own


def _own(key: str) -> list[RequestLog]:
    texts: dict[str, Any] = dict.fromkeys(
        (
            "op",
            "model",
            "served",
            "queue",
            "provider",
            "agent",
            "error",
            "message",
            "ref",
            "tag",
            "client",
            "user_agent",
        ),
        CANARY,
    )
    trail = msgspec.json.encode([
        {"number": 1, "queue": CANARY, "provider": CANARY, "agent": CANARY, "started": time.time() - 30, "seconds": 0.5,
         "code": CANARY, "message": CANARY},
    ]).decode()  # fmt: skip
    asked = {"model": "kept-model", "messages": [{"role": "user", "content": f"What is {CANARY}?"}], "temperature": 0.5}
    told = {"choices": [{"message": {"role": "assistant", "content": f"It is {CANARY}."}}]}
    now = time.time()
    return [
        row(HOSTILE, now - 20, key=key, outcome="failed", status=500, trail=trail, **texts),
        row(
            KEPT, now - 10, key=key, model="kept-model", provider="p1", tokens_in=11, tokens_out=7, cost=0.25, first_ms=5.0,
            user_agent="curl/8.5.0", client="10.9.9.9", tag="kept", request=msgspec.json.encode(asked).decode(),
            response=msgspec.json.encode(told).decode(),
        ),
    ]  # fmt: skip
