"""The checklist of the AI Server dialect: each line of what it must do is named by a test that holds it."""

import re
from pathlib import Path

LINES = set(range(1, 141))
_NAMED = re.compile(r"checklist[ s]+([0-9 ,\-–and]+)")
_SPAN = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")


def test_every_line_of_the_checklist_has_a_test() -> None:
    named: set[int] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for lines in _NAMED.findall(file.read_text()):
            for first, last in _SPAN.findall(lines):
                named |= set(range(int(first), int(last or first) + 1))
    assert sorted(LINES - named) == []
