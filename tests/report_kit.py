"""Rows of all kinds, drawn by a fixed seed, in an archive as it comes about: batches, merged and not, and rows on the bus."""

import random
from pathlib import Path

from archive_kit import NOVEMBER, row

from schemas.log import RequestLog
from storage import frames, running
from storage.archive import Archive
from storage.running import Result
from storage.views import Hot
from storage.warm import Warm

CODES = ("rate_limited", "provider_error", "timeout")
SPAN = 40 * 86400.0


def drawn(count: int, seed: int = 1) -> list[RequestLog]:
    """Requests of 40 days, the oldest first: the months 2026-10 and 2026-11."""
    dice = random.Random(seed)
    return [_request(dice, n, NOVEMBER - SPAN * (1 - n / count)) for n in range(1, count + 1)]


def _request(dice: random.Random, n: int, created: float) -> RequestLog:
    error = dice.choice(CODES) if dice.random() < 0.1 else None
    cached = error is None and dice.random() < 0.1
    total = round(dice.lognormvariate(6, 1.2), 3)
    first = None if error or dice.random() < 0.3 else round(total * dice.random(), 3)
    op = "callback" if dice.random() < 0.05 else dice.choice(("chat", "chat", "chat", "embeddings"))
    return row(
        n,
        created,
        key=dice.choice(("k1", "k2", "k3")),
        tenant="default" if n % 5 else "other",
        op=op,
        style=dice.choice(("sync", "queued", "direct")),
        stream=dice.random() < 0.5,
        model=dice.choice(("gpt-5", "llama", "o'x")),
        served=dice.choice(("", "", "gpt-5-mini")),
        outcome="failed" if error else dice.choice(("done", "done", "done", "cancelled")),
        status=500 if error else 200,
        queue="" if cached else dice.choice(("q1", "q2")),
        provider="" if cached else dice.choice(("p1", "p2")),
        attempts=0 if cached else dice.choice((1, 1, 1, 2, 3)),
        error=error,
        message=f"{error} said it {n} times" if error else None,
        tokens_in=dice.randrange(2000),
        tokens_out=0 if error else dice.randrange(500),
        tokens_cached=dice.randrange(100),
        tokens_written=dice.randrange(10),
        tokens_reasoning=dice.randrange(50),
        estimated=dice.random() < 0.1,
        first_ms=first,
        wait_ms=None if cached else round(dice.expovariate(0.1), 3),
        total_ms=total,
        cost=None if dice.random() < 0.2 else round(dice.random() / 100, 6),
        cost_estimated=dice.random() < 0.3,
        cached=cached,
        ref=f"ref-{n}" if n % 3 else "",
        tag=dice.choice(("", "nightly")),
        client=f"10.0.0.{dice.randrange(4)}",
        user_agent=dice.choice(("curl", "python")),
        trail='[{"number":1,"queue":"q1","provider":"p1","agent":"a","started":1794000000.0,"seconds":0.5,"code":null}]',
        run=0,
    )


def fill(root: Path, rows: list[RequestLog], hot: int = 0, merged: bool = True) -> Hot:
    """Archive them in many batches, merge what can be, and give the last `hot` back as rows on the bus."""
    writer = Archive(root)
    writer.open()
    writer.renew(0)
    cold = rows[: len(rows) - hot]
    size = max(1, len(cold) // 12)
    for start in range(0, len(cold), size):
        batch = [(start + n + 1, one) for n, one in enumerate(cold[start : start + size])]
        writer.append(batch, batch[-1][0], f"t{batch[-1][0]}")
    while merged and writer.merge(NOVEMBER):
        pass
    epoch = writer.mark.epoch
    writer.close()
    return Hot(epoch, [(len(cold) + n + 1, one) for n, one in enumerate(rows[len(cold) :])])


class Asker:
    """As the gateway's reader does, with a person's rights: what a report's SQL gives, anybody gets who copies it."""

    def __init__(self, root: Path, hot: Hot) -> None:
        self.root, self.hot = root, frames.waiting(hot)
        self.warm = Warm(root, root.parent / "own")

    def query(self, sql: str) -> Result:
        question = frames.Question(id="1", sqls=[sql], hot=self.hot)
        return self.warm.run(question, lambda con, asked, warnings: running.fetch(con, asked[0], 10_000, warnings))

    def close(self) -> None:
        self.warm.close()
