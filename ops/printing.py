"""Words and tables for stdout. What a newcomer would get wrong: a pipe must not lose columns, so nothing is cut there."""

import sys

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 1000


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(*columns: str) -> Table:
    """An empty table in our looks."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column)
    return made


def show(table: Table) -> None:
    """As wide as the terminal, or as wide as it needs to be where nobody looks."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH, color_system=None)
    with console.capture() as text:
        console.print(table)
    say("\n".join(line.rstrip() for line in text.get().splitlines()))
