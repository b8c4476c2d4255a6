"""All jobs as one list: the open ones from the bus, live calls from the gateways that hold their lines, the ended ones from the
archive (written or not); the newest first.

A page goes on behind the last id of the one before (`after`), so it costs the same anywhere in the list. What a newcomer
would get wrong: a page may be short and still have a `next`: a filter that few open jobs match is looked for during
`BUDGET` seconds only, and the next page goes on where this one stopped.
"""

import time
from typing import Any

from bus.listing import Listing, Seen
from bus.underway import Open
from gateway.job_filter import COLUMNS, ENDED, OPEN, Filter, Row, id_at, line_of, line_of_call, line_of_row
from gateway.parts import Parts
from gateway.past import dicts
from schemas.job import State

MOST = 500
BUDGET = 1.5
"""Seconds for the open jobs of one page."""
DAY = 86400
WINDOWS = (2 * DAY,)
"""Seconds of ids that are looked through first: mostly the page is full then, and nobody reads years."""
SPARE = 20
"""Rows more than asked for: a job that was put back has several."""


class JobList:
    """Answers for one gateway process."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.listing = parts, Listing(parts.bus)

    def name_of(self, key: str) -> str:
        """A key's name; empty: it is gone."""
        known = self.parts.config.keys.get(key)
        return known.name if known is not None else ""

    def keys(self, said: str) -> list[str]:
        """The ids that a key's id or name may mean."""
        return [said] + [key.id for key in self.parts.config.keys.values() if key.name == said]

    async def page(self, wanted: Filter, limit: int, after: int = 0) -> tuple[list[Row], int]:
        """At most `limit` lines below the id `after` (0: from the top), and where to go on (0: that is all)."""
        index = await self.listing.index()
        lines, floor = await self._open(wanted, limit, after)
        lines += [line for line in await self._calls(wanted) if not after or line["id"] < after]
        if wanted.states & ENDED:
            rows, bottom = await self._ended(wanted, limit, after, floor)
            floor = max(floor, bottom)
            lines += await self._still_ended(wanted, rows, index)
        unique = {line["id"]: line for line in reversed(lines) if line["id"] >= floor}  # what the bus says counts
        ordered = sorted(unique.values(), key=lambda line: -int(line["id"]))
        return (ordered[:limit], int(ordered[limit - 1]["id"])) if len(ordered) > limit else (ordered, floor)

    async def _open(self, wanted: Filter, limit: int, after: int) -> tuple[list[Row], int]:
        """Lines of open jobs, and the id down to which was looked where that is not all of them (0: it is)."""
        if not wanted.states & OPEN or "error" in wanted.words:
            return [], 0
        found: list[Row] = []
        until, size, start = time.monotonic() + BUDGET, max(50, limit), 0
        every = await self._candidates(wanted, after)
        while start < len(every):
            some = every[start : start + size]
            seen = await self.listing.read(some)
            for one in some:
                line = self._line(one, seen)
                if line is not None and wanted.matches(line):
                    found.append(line)
            start, size = start + len(some), 500
            rest = start < len(every)
            if rest and len(found) >= limit:
                return found[:limit], int(found[limit - 1]["id"])
            if rest and time.monotonic() > until:
                return found, some[-1].job
        return found, 0

    async def _calls(self, wanted: Filter) -> list[Row]:
        """Live calls under way; one that waits for a slot counts as running, for its caller does not wait for a job."""
        if State.RUNNING not in wanted.states or "error" in wanted.words:
            return []
        calls = await self.parts.dispatcher.switchboard.calls(wanted.tenant)
        lines = [line_of_call(call, self.name_of) for call in calls]
        return [line for line in lines if wanted.matches(line)]

    async def _candidates(self, wanted: Filter, after: int) -> list[Open]:
        """What can match, by what the index tells."""
        queues = wanted.words.get("queue")
        every = await self.listing.below(after, wanted.tenant, queues=bool(queues))
        if wanted.until:
            every = [one for one in every if one.job < id_at(wanted.until + 1)]
        if queues:
            every = [one for one in every if not one.queue or one.queue in queues]
        if wanted.states & OPEN == {State.RUNNING}:
            running = await self.listing.running()
            every = [one for one in every if one.job in running]
        return every

    def _line(self, one: Open, seen: dict[int, Seen]) -> Row | None:
        found = seen.get(one.job)
        return line_of(found, self.name_of) if found is not None else None

    async def _ended(self, wanted: Filter, limit: int, after: int, floor: int) -> tuple[list[Row], int]:
        """Rows of the archive between `floor` and `after`, the last run of each job; and the id down to which these are all
        (0: there are no more)."""
        if self.parts.past is None:
            return [], 0
        tests = [*wanted.sql(), *([f"job < {after}"] if after else []), *([f"job > {floor}"] if floor else [])]
        top = min([one for one in (after, id_at(time.time() + DAY)) if one])
        lowest = max(floor, id_at(wanted.since - 9 * DAY) if wanted.since else 0)
        raw: list[Row] = []
        for window in (*WINDOWS, 0):
            bottom = max(lowest, top - (window << 22)) if window else lowest
            [found] = await self.parts.past.ask(_page(tests, bottom, limit + SPARE), limit=limit + SPARE)
            raw = dicts(found)
            if len(raw) >= limit + SPARE or bottom <= lowest:
                break
        bottom = int(raw[-1]["id"]) if len(raw) >= limit + SPARE else 0
        return [row for row in raw if row["run"] == row.pop("last")], bottom

    async def _still_ended(self, wanted: Filter, rows: list[Row], index: dict[int, Open]) -> list[Row]:
        """Without those that were put back since. One that ended a moment ago may stand in the index still."""
        doubtful = [index[row["id"]] for row in rows if row["id"] in index]
        seen = await self.listing.read(doubtful) if doubtful else {}
        lines = []
        for row in rows:
            now = seen.get(row["id"])
            line = line_of(now, self.name_of) if now is not None else line_of_row(row, self.name_of)
            if now is None or wanted.matches(line):
                lines.append(line)
        return lines

    async def dead(self, lines: list[Row]) -> list[Row]:
        """Failed jobs with what came before: their earlier runs, and whether they can be put back."""
        kept = await self.listing.read([Open(line["id"], line["tenant"]) for line in lines])
        again = [str(line["id"]) for line in lines if line["run"]]
        earlier: dict[int, list[Row]] = {}
        if again and self.parts.past is not None:
            sql = f"""SELECT job, coalesce(run, 0) AS run, outcome AS state, provider, epoch(created) AS created,
                attempts, error, message FROM requests WHERE job IN ({", ".join(again)}) ORDER BY job, run"""
            for row in dicts((await self.parts.past.ask(sql))[0]):
                earlier.setdefault(row.pop("job"), []).append(row)
        told = []
        for line in lines:
            found = kept.get(line["id"])
            can = found is not None and found.record.state is State.FAILED
            history = [row for row in earlier.get(line["id"], ()) if row["run"] < line["run"]]
            told.append({**line, "can_requeue": can, "history": history})
        return told

    # ---- counting -----------------------------------------------------------------------------------------------------

    async def counts(self, wanted: Filter) -> dict[str, Any]:
        """How many there are in each state. `exact` is false where not all open jobs could be looked at in time."""
        found = dict.fromkeys((str(state) for state in State), 0)
        exact = True
        if wanted.states & OPEN and "error" not in wanted.words:
            exact = await self._count_open(wanted, found)
            found[State.RUNNING] += len(await self._calls(wanted))
        if wanted.states & ENDED and self.parts.past is not None:
            index = await self.listing.index()
            again = [str(number) for number in list(index)[:2000]]
            tests = [
                *wanted.sql(),
                *([f"job NOT IN ({', '.join(again)})"] if again else []),
                "coalesce(run, 0) = coalesce(l.last, 0)",
            ]
            sql = f"""SELECT outcome, count(*) FROM requests LEFT JOIN
                (SELECT job, max(run) AS last FROM requests WHERE run > 0 GROUP BY job) l USING (job)
                WHERE {" AND ".join(tests)} GROUP BY outcome"""
            [counted] = await self.parts.past.ask(sql)
            for outcome, count in counted.rows:
                found[outcome] = found.get(outcome, 0) + count
        return {**found, "exact": exact}

    async def _count_open(self, wanted: Filter, found: dict[str, int]) -> bool:
        every = await self._candidates(wanted, 0)
        if wanted.by_index:
            running = await self.listing.running()
            at_work = sum(1 for one in every if one.job in running)
            counted = {State.RUNNING: at_work, State.QUEUED: len(every) - at_work - self.listing.lingering}
            found.update({str(state): count for state, count in counted.items() if state in wanted.states})
            return True
        until = time.monotonic() + BUDGET
        for start in range(0, len(every), 500):
            some = every[start : start + 500]
            seen = await self.listing.read(some)
            for one in some:
                line = self._line(one, seen)
                if line is not None and wanted.matches(line):
                    found[str(line["state"])] += 1
            if time.monotonic() > until:
                return start + len(some) >= len(every)
        return True


def _page(tests: list[str], bottom: int, limit: int) -> str:
    """The newest rows, each with the number of its job's last run."""
    where = " AND ".join([*tests, f"job > {bottom}"])
    return f"""WITH page AS MATERIALIZED (
      SELECT {COLUMNS} FROM requests WHERE {where} ORDER BY job DESC, coalesce(run, 0) DESC LIMIT {limit}),
    again AS (SELECT job, max(run) AS last FROM requests
      WHERE run > 0 AND job > {bottom} AND job IN (SELECT id FROM page) GROUP BY job)
    SELECT page.*, coalesce(again.last, page.run) AS last FROM page LEFT JOIN again ON again.job = page.id
    ORDER BY id DESC, run DESC"""
