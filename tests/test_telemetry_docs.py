"""What the documents show of metrics exists: alerts and dashboard ask only for names and labels that a real scrape has."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from gateway_house import CHAT, chat, until
from telemetry_kit import open_watched

from bus.connection import Link

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLES = DOCS / "examples"
NAME = re.compile(r"\b(?:ai_server|gen_ai_server|gen_ai_client|process)_[a-z0-9_]+\b")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


async def _names(nats: Link, folder: Path) -> tuple[set[str], set[str]]:
    """Every metric's names in a real scrape, and all labels."""
    async with open_watched(nats, folder) as made:
        body, said = chat(stream=True), {"X-Api-Key": made.house.secret}
        async with made.house.http.post(made.house.url + CHAT, json=body, headers=said) as reply:
            assert "[DONE]" in await reply.text()
        headers = {"Authorization": f"Bearer {made.scraper}"}

        async def scraped() -> str:
            async with made.house.http.get(made.house.url + "/metrics", headers=headers) as reply:
                text = await reply.text()
            there = ("ai_server_archive_lag_seconds", "gen_ai_server_time_to_first_token_seconds_bucket")
            return text if all(one in text for one in there) else ""

        text: str = await until(scraped)
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    return {name + end for name, kind in kinds for end in SUFFIXES[kind]}, set(re.findall(r"[{,](\w+)=\"", text))


def _asked(expr: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels of an expression."""
    matched = {label for part in re.findall(r"\{([^}]*)\}", expr) for label in re.findall(r"(\w+)\s*(?:=~|!=|=)", part)}
    grouped = {label.strip() for part in re.findall(r"by \(([^)]*)\)", expr) for label in part.split(",")}
    bare = re.sub(r"\{[^}]*\}|by \([^)]*\)", "", expr)
    return set(NAME.findall(bare)), matched | grouped


def _expressions() -> list[str]:
    rules = yaml.safe_load((EXAMPLES / "ai-server-alerts.yml").read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board: dict[str, Any] = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    return found + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


async def test_alerts_dashboard_and_table_use_only_what_is_there(nats: Link, tmp_path: Path) -> None:
    names, labels = await _names(nats, tmp_path / "archive")
    for expr in _expressions():
        metrics, wanted = _asked(expr)
        assert metrics, expr
        assert metrics <= names, (metrics - names, expr)
        assert wanted <= labels | {"le", "code"}, (wanted - labels, expr)
    page = (DOCS / "how-to" / "watch-with-prometheus-and-opentelemetry.md").read_text()
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in names}
    told = {name for name in NAME.findall(page) if not name.endswith("_")}
    assert told - families <= {"gen_ai_client_token_usage"} | names, told - families


def test_the_scrape_configuration_and_the_alerts_are_what_prometheus_reads() -> None:
    config = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())
    assert config["rule_files"] == ["ai-server-alerts.yml"]
    assert config["scrape_configs"][0]["authorization"]["credentials_file"]
    rules = yaml.safe_load((EXAMPLES / "ai-server-alerts.yml").read_text())["groups"][0]["rules"]
    assert len(rules) == 6
    for rule in rules:
        assert {"alert", "expr", "for", "labels", "annotations"} == rule.keys()
        assert rule["expr"].count("(") == rule["expr"].count(")")
