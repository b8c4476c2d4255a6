"""The table of faults: every way a provider fails, through the real gateway, in every dialect, as JSON and as a stream.

Each cell is one call, judged for its status, its caller's error shape, its end, the provider's key, and its row in the
archive. What a newcomer would get wrong: each fault has a provider of its own, and all its calls go out together, for
a provider that fails is left alone by the house, and then nobody would see the fault.
"""

import asyncio
import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ops.prove.cases import CASES, KINDS, Case, Cell, cells, config
from ops.prove.child import server
from ops.prove.edges import EDGES, Odd
from ops.prove.faulty import SPOKEN, WORDS
from ops.prove.figures import Figures
from ops.prove.house import House


class Outcome(NamedTuple):
    """What came of a cell. `wrong`: empty if all is as it must be."""

    cell: Cell
    job: int
    wrong: list[str]


async def faults(folder: Path, figures: Figures) -> list[str]:
    """Plays the table and prints it. Returns what is wrong, a sentence a cell."""
    chosen, secret = cells(), "sk-canary-" + secrets.token_hex(16)
    async with (
        server("ops.prove.faulty") as port,
        House(folder, config(chosen, port), {"PROVE_KEY": secret}) as house,
    ):
        await house.until(lambda: _served(house, {cell.model for cell in chosen}), 20, "all providers")
        await _gates(port, chosen)
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {house.key}"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=20),
        ) as web:
            outcomes = await _play(web, house, chosen, secret)
        rows = await _rows(house, {outcome.job for outcome in outcomes if outcome.job})
        shown = sum(secret in json.dumps(row) for found in rows.values() for row in found)
        logged = sum(secret in log.read_text("utf-8", "replace") for log in house.logs())
    for outcome in outcomes:
        outcome.wrong.extend(_recorded(outcome.cell, rows.get(outcome.job, [])))
    _show(outcomes)
    _tell(figures, outcomes)
    figures.at_most("faults: provider key in the archive or in logs", shown + logged, 0, "places")
    return [f"faults: {_named(outcome.cell)}: {'; '.join(outcome.wrong)}" for outcome in outcomes if outcome.wrong]


async def _served(house: House, models: set[str]) -> bool:
    head = {"Authorization": f"Bearer {house.key}"}
    async with aiohttp.ClientSession(headers=head) as web, web.get(house.url + "/v1/models") as answer:
        return models <= {str(model["id"]) for model in (await answer.json())["data"]}


async def _gates(port: int, chosen: list[Cell]) -> None:
    count = Counter("tls" if cell.case.name == "tls" else cell.model for cell in chosen)
    async with aiohttp.ClientSession() as web, web.post(f"http://127.0.0.1:{port}/gates", json=count) as answer:
        answer.raise_for_status()


async def _play(web: aiohttp.ClientSession, house: House, chosen: list[Cell], secret: str) -> list[Outcome]:
    """All calls of a fault at once, some faults at a time: the machine must not be what fails."""
    turns = asyncio.Semaphore(4)

    async def together(group: list[Cell]) -> list[Outcome]:
        async with turns:
            return list(await asyncio.gather(*(_one(web, house, cell, secret) for cell in group)))

    groups: dict[str, list[Cell]] = {}
    for cell in chosen:
        groups.setdefault(cell.case.name, []).append(cell)
    return [outcome for group in await asyncio.gather(*map(together, groups.values())) for outcome in group]


async def _one(web: aiohttp.ClientSession, house: House, cell: Cell, secret: str) -> Outcome:
    path, body = cell.edge.ask(cell.model, cell.stream)
    try:
        async with web.post(house.url + path, json=body) as answer:
            raw, headers = await answer.read(), {name.lower(): value for name, value in answer.headers.items()}
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Outcome(cell, 0, [f"no answer: {type(error).__name__}"])
    text = raw.decode("utf-8", "replace")
    wrong = ["the provider's key is shown"] if secret in text or secret in str(headers) else []
    try:
        judge(cell, answer.status, headers, text)
    except Odd as odd:
        wrong.append(f"{odd}; {answer.status} {text[-160:]!r}")
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        wrong.append(f"unreadable ({type(error).__name__}: {error}); {answer.status} {text[-160:]!r}")
    return Outcome(cell, int(headers.get("x-job-id", 0)), wrong)


def judge(cell: Cell, status: int, headers: dict[str, str], text: str) -> None:
    """Raises `Odd` (or what reading raises) when an answer is not what the cell must give."""
    case, edge = cell.case, cell.edge
    wanted = 200 if cell.breaks else case.status
    if status != wanted:
        raise Odd(f"status {status}, not {wanted}")
    kind = edge.types[1] if cell.stream and wanted == 200 else edge.types[0]
    if headers.get("content-type", "").partition(";")[0] != kind:
        raise Odd(f"content type {headers.get('content-type')}")
    if wanted != 200:
        _refused(cell, headers, edge.fault(status, json.loads(text)))
        return
    seen = edge.stream(text) if cell.stream else edge.whole(json.loads(text))
    if (seen.error is not None) != cell.breaks:
        raise Odd("a broken answer ends as if all were well" if cell.breaks else f"it broke: {seen.error}")
    said = "".join(WORDS[:SPOKEN]) if cell.breaks else case.text
    if seen.text != said:
        raise Odd(f"it says {seen.text[:60]!r}, not {said[:60]!r}")
    if seen.tokens is not None and not cell.breaks:
        _counted(case, seen.tokens)


def _refused(cell: Cell, headers: dict[str, str], message: str) -> None:
    least, most = cell.case.wait
    wait = int(headers.get("retry-after", 0))
    if not least <= wait <= most:
        raise Odd(f"Retry-After {wait}, not {least} to {most}")
    if cell.case.name[:3].isdigit() and f"scripted {cell.case.name[:3]}" not in message:
        raise Odd(f"the provider's own words are lost: {message[:80]!r}")


def _counted(case: Case, tokens: int) -> None:
    told = {"empty": 0, "giant": 1}.get(case.name, len(WORDS))
    if (tokens < 1) if case.name == "no-usage" else tokens != told:
        raise Odd(f"{tokens} tokens of answer told")


async def _rows(house: House, jobs: set[int]) -> dict[int, list[dict[str, Any]]]:
    """The archive's rows of these jobs, once all are there or 10 s have passed."""
    found: dict[int, list[dict[str, Any]]] = {}
    for _ in range(20):
        found = {}
        for row in await house.sql("select * exclude (created) from requests"):
            found.setdefault(int(row["job"]), []).append(row)
        if jobs <= found.keys():
            break
        await asyncio.sleep(0.5)
    return found


def _recorded(cell: Cell, rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the row of a cell."""
    if len(rows) != 1:
        return [f"{len(rows)} records"]
    case, row = cell.case, rows[0]
    failed = cell.breaks or case.status != 200
    code, status = ("stream_broken", 502) if cell.breaks else (case.code, case.status)
    wanted = {
        "outcome": "failed" if failed else "done",
        "error": code,
        "status": status,
        "provider": cell.model,
        "stream": cell.stream,
        "attempts": 1,
    }
    wrong = [
        f"the record says {name} = {row[name]}, not {value}" for name, value in wanted.items() if row[name] != value
    ]
    if cell.breaks and not row["tokens_out"]:
        wrong.append("the record tells no usage of a broken stream")
    if not failed and row["estimated"] is not (case.name == "no-usage"):
        wrong.append(f"the record says estimated = {row['estimated']}")
    return wrong


# ---- telling


def _named(cell: Cell) -> str:
    return f"{cell.case.name}, {cell.edge.name} {_mode(cell.stream)} from {cell.kind}"


def _mode(stream: bool) -> str:
    return "stream" if stream else "json"


def _tell(figures: Figures, outcomes: list[Outcome]) -> None:
    for case in CASES:
        of_case = [outcome for outcome in outcomes if outcome.cell.case is case]
        right = sum(not outcome.wrong for outcome in of_case)
        figures.equals(f"faults: {case.name}, cells as they must be", right, len(of_case), "cells")


def _show(outcomes: list[Outcome]) -> None:
    """Rows are faults, columns dialects; `—`: there is no such call."""
    columns = [(edge.name, stream) for edge in EDGES for stream in (False, True)]
    marks = {
        (found.cell.kind, found.cell.case.name, found.cell.edge.name, found.cell.stream): found.wrong
        for found in outcomes
    }
    for kind in KINDS:
        title = f"faults of a provider of kind {kind}, as callers of each dialect see them"
        table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
        table.add_column("fault")
        for name, stream in columns:
            table.add_column(f"{name}\n{_mode(stream)}")
        for case in CASES:
            row = [_mark(marks.get((kind, case.name, *column))) for column in columns]
            if set(row) != {"—"}:
                table.add_row(case.name, *row)
        Console(width=150, soft_wrap=True).print(table)


def _mark(wrong: list[str] | None) -> str:
    if wrong is None:
        return "—"
    return "[red]WRONG[/]" if wrong else "[green]ok[/]"
