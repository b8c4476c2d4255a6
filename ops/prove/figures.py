"""Figures of a run: printed as a table for a person, written as JSON so that releases can be compared.

`ok` is None where a figure has no goal: it is told, not judged. A judged figure that is not ok is a failure of the proof;
the bench only says so (machines differ), unless it is asked to be strict.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True):
    name: str
    value: float
    unit: str = ""
    goal: str = ""
    """What was asked for, in words; empty: nothing was."""
    ok: bool | None = None


class Figures:
    """Collects, prints and writes. Every figure keeps the order in which it was found."""

    def __init__(self) -> None:
        self.all: list[Figure] = []

    def tell(self, name: str, value: float, unit: str = "") -> None:
        """A figure without a goal."""
        self.all.append(Figure(name, _short(value), unit))

    def at_most(self, name: str, value: float, limit: float, unit: str = "") -> None:
        self.all.append(Figure(name, _short(value), unit, f"<= {limit:g}", value <= limit))

    def at_least(self, name: str, value: float, limit: float, unit: str = "") -> None:
        self.all.append(Figure(name, _short(value), unit, f">= {limit:g}", value >= limit))

    def equals(self, name: str, value: float, wanted: float, unit: str = "") -> None:
        self.all.append(Figure(name, _short(value), unit, f"= {wanted:g}", value == wanted))

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.all if figure.ok is False]

    def write(self, path: Path) -> None:
        """Writes the list as JSON, one entry a figure."""
        path.parent.mkdir(parents=True, exist_ok=True)
        entries: list[dict[str, Any]] = [
            {"name": f.name, "value": f.value, "unit": f.unit, "goal": f.goal or None, "ok": f.ok} for f in self.all
        ]
        path.write_text(json.dumps(entries, indent=1) + "\n")

    def show(self, title: str) -> None:
        table = Table(title=title, title_justify="left")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("unit")
        table.add_column("goal")
        table.add_column("")
        for figure in self.all:
            mark = {None: "", True: "[green]ok[/]", False: "[red]MISSED[/]"}[figure.ok]
            table.add_row(figure.name, f"{figure.value:,g}", figure.unit, figure.goal, mark)
        Console(width=120, soft_wrap=True).print(table)


def _short(value: float) -> float:
    """Four digits tell enough, and a table of them can be read; counts stay whole."""
    return value if float(value).is_integer() else float(f"{value:.4g}")


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
