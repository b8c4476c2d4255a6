"""What is played: the faults, and what must come of each; the cells of the table; a provider for each fault.

What a newcomer would get wrong: a provider that has just failed is left alone by the house for a while, so no two faults
share one, or the second would never be seen.
"""

from typing import NamedTuple

from ops.prove.edges import EDGES, Edge
from ops.prove.faulty import GIANT, WORDS
from ops.prove.house import free_port


class Case(NamedTuple):
    """A fault, and what must come of it. `status` 200: the answer is whole."""

    name: str
    status: int = 200
    code: str | None = None
    """The record's error, unless a stream breaks."""
    breaks: bool = False
    """A stream of it breaks after some words."""
    wait: tuple[int, int] = (0, 0)
    """Least and most seconds of Retry-After."""
    text: str = "".join(WORDS)
    timeouts: str = ""
    """More settings of its provider."""


CASES = (
    Case("well"),
    Case("refuse", 502, "provider_unreachable"),
    Case("reset", 502, "provider_unreachable"),
    Case("tls", 502, "provider_unreachable"),
    Case("401", 502, "provider_auth"),
    Case("403", 502, "provider_auth"),
    Case("404", 404, "provider_refused"),
    Case("429", 429, "provider_rate_limited", wait=(55, 60)),
    Case("429-date", 429, "provider_rate_limited", wait=(3500, 3600)),
    Case("500", 502, "provider_error"),
    Case("503", 502, "provider_error", wait=(1, 3)),
    Case("slow", 504, "provider_timeout", timeouts="first_timeout = 2"),
    Case("stall", 504, "provider_timeout", True, timeouts="stall_timeout = 2"),
    Case("cut", 502, "provider_unreachable", True),
    Case("malformed", 502, "provider_garbled", True),
    Case("html", 502, "provider_garbled"),
    Case("empty", text=""),
    Case("no-usage"),
    Case("double-done"),
    Case("giant", text="g" * GIANT),
)
KINDS = ("openai", "anthropic", "gemini", "ollama")
OPENAI_ALONE = ("refuse", "reset", "tls", "403", "429-date", "no-usage", "double-done", "giant")
"""Faults that are the same for all kinds, or that only a server of OpenAI's dialect has."""


class Cell(NamedTuple):
    case: Case
    edge: Edge
    stream: bool
    kind: str = "openai"

    @property
    def model(self) -> str:
        """A model for each provider; refused connections can't wait at a gate, so each has a provider of its own."""
        if self.case.name == "refuse":
            return f"refuse-on-{self.edge.name}-{'stream' if self.stream else 'json'}"
        return self.case.name if self.kind == "openai" else f"{self.case.name}-on-{self.kind}"

    @property
    def breaks(self) -> bool:
        return self.stream and self.case.breaks


def cells() -> list[Cell]:
    """The whole table."""
    found = [
        Cell(case, edge, stream, kind) for kind in KINDS for case in CASES for edge in EDGES for stream in (False, True)
    ]
    return [cell for cell in found if _exists(cell)]


def _exists(cell: Cell) -> bool:
    if cell.kind != "openai" and cell.case.name in OPENAI_ALONE:
        return False
    return cell.stream or cell.case.name != "double-done"


def config(chosen: list[Cell], port: int) -> str:
    """A provider for every model."""
    closed = free_port()
    made = {}
    for cell in chosen:
        case = cell.case
        address = f"http://127.0.0.1:{closed if case.name == 'refuse' else port}"
        address = address.replace("http:", "https:") if case.name == "tls" else address
        made[cell.model] = f"""
[providers.{cell.model}]
kind = "{cell.kind}"
base_url = "{address}{"/v1" if cell.kind == "openai" else ""}"
key = "env:PROVE_KEY"
models = ["{cell.model}"]
discover = false
check_seconds = 0
{case.timeouts}
"""
    return "detect = false\n[archive]\nflush_seconds = 0.3\n" + "".join(made.values())
