"""Words and tables for stdout. What a newcomer would get wrong: a pipe must not lose columns, so nothing is cut there; and
what a cell holds was often written by a stranger (a model's name, a tag), so it is no markup, and drives no terminal.
"""

import sys

from rich.console import Console, RenderableType
from rich.table import Table

PIPE_WIDTH = 1000
_SEEN = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | dict.fromkeys(
    range(0x7F, 0xA0), 0xFFFD
)
"""Control characters, as pictures of themselves."""


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(*columns: str) -> Table:
    """An empty table in our looks."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column)
    return made


def tame(table: Table) -> Table:
    """The same table, its texts without power over the terminal. For a console without markup."""
    for column in table.columns:
        column.header = _tame(column.header)
        column._cells[:] = map(_tame, column._cells)
    return table


def _tame(cell: RenderableType) -> RenderableType:
    return cell.translate(_SEEN) if isinstance(cell, str) else cell


def show(table: Table) -> None:
    """As wide as the terminal, or as wide as it needs to be where nobody looks."""
    console = Console(markup=False)
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH, color_system=None, markup=False)
    with console.capture() as text:
        console.print(tame(table))
    say("\n".join(line.rstrip() for line in text.get().splitlines()))
