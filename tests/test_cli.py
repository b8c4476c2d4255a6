"""The command `ai-server`: one sentence for each mistake, and a house that starts, mends itself and stops."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from up_house import ROOT, Up, alive, clean_env, cli, fake_provider, house, until

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with fake_provider() as url:
        yield url


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Up]:
    with house(tmp_path_factory.mktemp("house"), provider=provider) as running:
        yield running


def ask(url: str, key: str, body: object = QUESTION, seconds: float = 10) -> tuple[int, str]:
    """Status and body of a chat."""
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# ---- without a server -----------------------------------------------------------------------------------------------


def test_help_loads_none_of_the_heavy_rooms() -> None:
    code = "import sys, ops.cli; print([n for n in ('nats', 'duckdb', 'litestar', 'aiohttp', 'uvicorn') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    said = cli("--help").stdout
    wanted = ["up", "gateway", "agent", "archiver", "keys", "chat", "sql", "status", "models", "version"]
    assert [word for word in wanted if f"│ {word} " not in said] == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nonsense"], 2, "nonsense"),
        (["keys", "list"], 1, "no AI Server runs on"),
        (["status"], 1, "ai-server up"),
        (["models"], 1, "no AI Server runs on"),
        (["chat", "hi"], 1, "no AI Server runs on"),
        (["agent"], 2, "which provider?"),
        (["sql"], 2, "what shall be asked?"),
        (["up", "--port", "http"], 2, "port"),
        (["up", "--config", "/absent.toml"], 1, "there is no settings file /absent.toml"),
    ],
)
def test_a_mistake_is_one_sentence_without_a_trace(tmp_path: Path, words: list[str], code: int, sentence: str) -> None:
    done = cli(*words, data=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert sentence in done.stderr


def test_a_misspelt_setting_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[archive]\nbodys = true\n")
    done = cli("up", "--config", str(tmp_path / "bad.toml"), data=tmp_path)
    assert done.returncode == 1
    assert "unknown key `archive.bodys` (did you mean `archive.bodies`?)" in done.stderr


def test_the_columns_of_the_archive_are_described_without_a_server(tmp_path: Path) -> None:
    said = cli("sql", "--schema", data=tmp_path).stdout
    assert [word for word in ("requests", "tokens_in", "first_ms", "month") if word not in said] == []


# ---- a running house ------------------------------------------------------------------------------------------------


def test_the_first_start_shows_two_keys_and_a_command_that_works(up: Up) -> None:
    assert set(up.keys) == {"admin", "app"}
    command = up.text[up.text.index("  curl -N") :]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.startswith("data: {")
    assert "data: [DONE]" in done.stdout


def test_neither_key_is_in_the_logs_or_in_the_data(up: Up) -> None:
    assert ask(up.url, up.keys["app"])[0] == 200
    for raw in up.keys.values():
        assert raw not in up.log.read_text()
        holders = [p for p in up.data.rglob("*") if p.is_file() and raw.encode() in p.read_bytes()]
        assert holders == []


def test_chat_prints_the_answer_with_a_key_of_its_own(up: Up) -> None:
    done = cli("chat", "Hello", data=up.data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_chat_tells_in_a_sentence_why_it_has_no_answer(up: Up) -> None:
    done = cli("chat", "Hello", "--model", "absent", data=up.data)
    assert done.returncode == 1
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr


def test_models_and_status_tell_what_is_served(up: Up) -> None:
    assert "m      fake" in cli("models", data=up.data).stdout
    status = cli("status", data=up.data).stdout
    assert up.url in status
    assert [line.split()[:2] for line in status.splitlines() if line.startswith(("fake", "callbacks"))] == [
        ["callbacks", "ready"],
        ["fake", "ready"],
    ]


def test_a_key_works_when_it_is_made_and_stops_within_a_second_when_it_is_revoked(up: Up) -> None:
    made = cli("keys", "create", "short", data=up.data)
    raw = made.stdout.strip()
    assert ask(up.url, raw)[0] == 200
    assert "short" in cli("keys", "list", data=up.data).stdout
    assert raw not in cli("keys", "list", data=up.data).stdout
    assert cli("keys", "revoke", "short", data=up.data).returncode == 0
    until(lambda: ask(up.url, raw)[0] == 401, 1.0, "the key to be refused")
    assert "revoked" in cli("keys", "list", data=up.data).stdout


def test_a_key_that_does_not_exist_can_not_be_revoked(up: Up) -> None:
    done = cli("keys", "revoke", "nobody", data=up.data)
    assert (done.returncode, "there is no key `nobody`" in done.stderr) == (1, True)


def test_every_request_can_be_asked_for_in_sql_in_each_format(up: Up, tmp_path: Path) -> None:
    query = "select model, outcome, status from requests where model = 'm' limit 1"
    assert ask(up.url, up.keys["app"])[0] == 200
    rows = until(lambda: json.loads(cli("sql", "--format", "json", query, data=up.data).stdout), 10, "a row")
    assert rows == [{"model": "m", "outcome": "done", "status": 200}]
    assert cli("sql", "--format", "csv", query, data=up.data).stdout.splitlines() == [
        "model,outcome,status",
        "m,done,200",
    ]
    assert "outcome" in cli("sql", query, data=up.data).stdout
    file = tmp_path / "out.parquet"
    assert cli("sql", query, "--format", "parquet", "--output", str(file), data=up.data).returncode == 0
    assert file.read_bytes()[:4] == b"PAR1"


def test_a_wrong_query_is_explained(up: Up) -> None:
    done = cli("sql", "select nonsense from requests", data=up.data)
    assert (done.returncode, "nonsense" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_a_second_up_on_the_same_data_is_refused_with_pid_and_address(up: Up) -> None:
    done = cli("up", "--port", "0", data=up.data)
    assert done.returncode == 1
    assert f"process {up.process.pid}" in done.stderr
    assert up.url in done.stderr


def test_a_taken_port_is_named_with_the_way_out(up: Up, tmp_path: Path) -> None:
    port = up.url.rpartition(":")[2]
    done = cli("up", "--port", port, data=tmp_path)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_a_killed_gateway_refuses_nobody_and_is_back_within_seconds(up: Up) -> None:
    os.kill(up.children()["gateway"], signal.SIGKILL)
    assert ask(up.url, up.keys["app"], seconds=15)[0] == 200


def test_a_killed_agent_is_back_within_seconds(up: Up) -> None:
    os.kill(up.children()["agent fake"], signal.SIGKILL)
    until(lambda: ask(up.url, up.keys["app"])[0] == 200, 15, "an answer")


def test_a_role_can_run_alone_against_the_bus(up: Up, provider: str) -> None:
    link = json.loads((up.data / "nats" / "run" / "link.json").read_text())
    url = link["url"].replace("://", f"://{link['user']}:{link['password']}@")
    folder = up.folder / "box"
    folder.mkdir()
    (folder / "ai-server.toml").write_text(f'[providers.box]\nbase_url = "{provider}"\nmodels = ["boxed"]\n')
    agent = subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "agent", "box"],
        cwd=folder,
        env=clean_env(NATS_URL=url),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: ask(up.url, up.keys["app"], {**QUESTION, "model": "boxed"})[0] == 200, 15, "the new model")
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(10) == 0
    finally:
        agent.kill()


def test_an_agent_of_an_unknown_provider_says_which_there_are(up: Up) -> None:
    done = cli("agent", "nobody", data=up.data)
    assert done.returncode == 1
    assert "there is no provider `nobody`" in done.stderr
    assert "fake" in done.stderr


# ---- beginning and end ----------------------------------------------------------------------------------------------


def test_ctrl_c_stops_everything_within_seconds_and_the_next_start_shows_no_keys(tmp_path: Path, provider: str) -> None:
    with house(tmp_path, provider=provider) as first:
        key, family = first.keys["app"], first.children()
        assert {"gateway", "agent fake", "archiver", "nats"} <= set(family)
        began = time.monotonic()
        assert first.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 8
        assert [name for name, pid in family.items() if alive(pid)] == []
    with house(tmp_path, provider=provider) as second:
        assert second.keys == {}
        assert ask(second.url, key)[0] == 200


def test_ctrl_c_lets_a_running_answer_finish(tmp_path: Path) -> None:
    with fake_provider("--delay", "0.3", "--tokens", "6") as slow, house(tmp_path, provider=slow) as up:
        command = ["curl", "-sN", f"{up.url}/v1/chat/completions", "-H", f"Authorization: Bearer {up.keys['app']}"]
        command += ["-H", "Content-Type: application/json", "-d", json.dumps({**QUESTION, "stream": True})]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
            assert curl.stdout is not None
            first = curl.stdout.readline()
            up.process.send_signal(signal.SIGINT)
            text = first + curl.stdout.read()
        assert "data: [DONE]" in text
        assert up.process.wait(10) == 0


def test_ctrl_c_tells_a_call_that_takes_too_long_to_come_again(tmp_path: Path) -> None:
    with fake_provider("--delay", "30") as slow, house(tmp_path, provider=slow) as up:
        heads = ["-H", f"Authorization: Bearer {up.keys['app']}", "-H", "Content-Type: application/json"]
        command = ["curl", "-s", f"{up.url}/v1/chat/completions", *heads, "-d", json.dumps(QUESTION)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
            until(lambda: " 1        0" in cli("status", data=up.data).stdout, 10, "the call to be in flight")
            up.process.send_signal(signal.SIGINT)
            assert curl.stdout is not None
            answer = json.loads(curl.stdout.read())
        assert "stopping" in answer["error"]["message"]
        assert up.process.wait(10) == 0


def test_children_end_with_a_killed_supervisor_and_the_next_one_adopts_the_bus(tmp_path: Path, provider: str) -> None:
    with house(tmp_path, provider=provider) as first:
        key, family = first.keys["app"], first.children()
        nats = family.pop("nats")
        first.process.kill()
        until(lambda: not any(alive(pid) for pid in family.values()), 5, "the children to end")
        assert alive(nats)
    with house(tmp_path, provider=provider) as second:
        assert alive(nats)
        assert ask(second.url, key)[0] == 200
    assert not alive(nats)


def test_without_any_provider_it_runs_and_says_how_to_add_one(tmp_path: Path) -> None:
    with house(tmp_path) as up:
        assert "none yet" in up.text
        assert f"{up.url}/ui/" in up.text
        assert "OPENAI_API_KEY" in up.text
        status, body = ask(up.url, up.keys["app"])
        assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")


def test_a_provider_whose_key_is_missing_is_named_and_the_rest_serves(tmp_path: Path, provider: str) -> None:
    poor = '[providers.poor]\nbase_url = "http://127.0.0.1:9/v1"\nkey = "env:NOT_SET_HERE"\nmodels = ["p"]\n'
    with house(tmp_path, provider=provider, settings=poor) as up:
        assert "NOT_SET_HERE" in up.text
        assert ask(up.url, up.keys["app"])[0] == 200


def test_a_provider_taken_out_of_the_settings_is_gone_at_the_next_start(tmp_path: Path, provider: str) -> None:
    with house(tmp_path, provider=provider) as up:
        assert "fake" in cli("status", data=up.data).stdout
    with house(tmp_path) as up:
        assert "fake" not in cli("status", data=up.data).stdout


def test_a_first_question_is_asked_and_answered_at_the_start(tmp_path: Path, provider: str) -> None:
    with house(tmp_path, "--demo", "Hello?", "--once", provider=provider) as up:
        assert up.process.wait(20) == 0
        assert "Asking m: Hello?" in up.text
        assert "The same with curl:" in up.text


@pytest.mark.model
def test_the_small_model_answers_without_a_key_or_a_network(tmp_path: Path) -> None:
    with house(tmp_path, settings='[providers.local]\nkind = "local"\nslots = 2\n') as up:
        assert "smollm2" in up.text
        body = {
            **QUESTION,
            "model": "smollm2",
            "max_tokens": 30,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        status, text = ask(up.url, up.keys["app"], body, seconds=60)
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        said = "".join(c["delta"].get("content") or "" for event in events for c in event["choices"])
        assert (status, text.rstrip().endswith("data: [DONE]")) == (200, True)
        assert len(said) > 5
        assert 0 < events[-1]["usage"]["completion_tokens"] <= 30
