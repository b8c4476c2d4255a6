"""`ai-server report`: the same numbers on the command line, without a server."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from report_kit import drawn, fill

from ops.cli import app
from schemas.problem import Problem
from storage.reports import REPORTS
from storage.sql import Sql


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command") / "archive"
    fill(folder, drawn(400))
    return folder


@pytest.fixture
def data(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data directory on which no server runs."""
    monkeypatch.delenv("NATS_URL", raising=False)
    return str(root.parent)


def test_the_command_lists_and_prints_reports(root: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    def typed(*words: str) -> str:
        assert app(["report", *words, *(["--data", data] if words else [])]) == 0
        return capsys.readouterr().out

    assert [name for name in REPORTS if not re.search(rf"^{name}\b", typed(), re.MULTILINE)] == []
    words = ["usage", "--by", "model,op", "--from", "2026-11-01", "--to", "2026-11-12"]
    rows = Sql(root).query(typed(*words, "--show-sql")).rows
    lines = list(csv.reader(io.StringIO(typed(*words, "--format", "csv"))))
    assert lines[0][:4] == ["model", "op", "requests", "failed"]
    assert [line[2] for line in lines[1:]] == [str(line[2]) for line in rows]
    told = json.loads(typed(*words, "--format", "json"))
    assert [one["requests"] for one in told] == [line[2] for line in rows]
    assert "embeddings" in typed(*words)


def test_a_wrong_word_on_the_command_line_is_a_sentence(data: str) -> None:
    for words in (["usage", "--by", "wombat"], ["wombat"], ["latency", "--metric", "worst"], ["usage", "--days", "3"]):
        with pytest.raises(Problem):
            app(["report", *words, "--data", data])
