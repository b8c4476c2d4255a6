"""Live configuration in a whole running house: what is typed is in force in every process within a second."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from up_house import CLI, Up, clean_env, cli, fake_provider, house, until

CANARY = "sk-canary-house-91"
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with fake_provider() as url:
        yield url


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("live")
    text = f'[providers.filed]\nbase_url = "{provider}"\nmodels = ["filed"]\ndiscover = false\nkey = "{CANARY}-file"\n'
    with house(folder, settings=text) as running:
        yield running


def ask(up: Up, key: str, body: dict[str, Any] | None = None, path: str = "/v1/chat/completions") -> tuple[int, Any]:
    request = urllib.request.Request(
        up.url + path,
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def status_of(up: Up, model: str) -> int:
    return ask(up, up.keys["app"], {**QUESTION, "model": model})[0]


def run(up: Up, *words: str) -> str:
    done = cli(*words, data=up.data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def add(up: Up, url: str, name: str, *more: str) -> None:
    run(up, "provider", "add", name, "--base-url", url, "--model", name, "--no-discover", *more)


def test_a_provider_added_by_command_serves_within_a_second_in_the_running_agent_process(up: Up, provider: str) -> None:
    family = up.children()
    assert status_of(up, "live") == 404
    add(up, provider, "live")
    until(lambda: status_of(up, "live") == 200, 1.0, "the new provider")
    run(up, "provider", "disable", "live")
    until(lambda: status_of(up, "live") in (404, 503), 1.0, "the provider to be off")
    run(up, "provider", "enable", "live")
    until(lambda: status_of(up, "live") == 200, 1.0, "the provider to be on again")
    run(up, "provider", "remove", "live")
    until(lambda: status_of(up, "live") in (404, 503), 1.0, "the provider to be gone")
    revision = next(line.split()[0] for line in run(up, "provider", "history", "live").splitlines()[2:])
    run(up, "provider", "rollback", "live", revision)
    until(lambda: status_of(up, "live") == 200 or run(up, "provider", "enable", "live") == "", 2.0, "the rollback")
    assert up.children() == family


def test_the_history_tells_who_changed_what(up: Up, provider: str) -> None:
    add(up, provider, "told")
    run(up, "provider", "change", "told", "--slots", "3", "--notes", "less")
    lines = run(up, "provider", "history", "told").splitlines()
    assert "cli" in lines[1]
    assert "slots: 64 -> 3" in lines[1]
    status, answer = ask(up, up.keys["admin"], path="/admin/providers/told/history")
    assert (status, answer["data"][0]["changes"]["slots"]) == (200, [64, 3])


def test_a_typed_secret_is_nowhere_in_the_clear(up: Up, provider: str) -> None:
    words = ["provider", "add", "typed", "--base-url", provider, "--model", "typed", "--no-discover", "--key", "-"]
    done = subprocess.run(
        [*CLI, *words, "--data", str(up.data)], input=f"{CANARY}\n", env=clean_env(), capture_output=True, text=True,
        timeout=30, check=True,
    )  # fmt: skip
    until(lambda: status_of(up, "typed") == 200, 1.0, "the sealed provider")
    said = [done.stdout, done.stderr, up.text, up.log.read_text()]
    said += [run(up, "provider", *words) for words in (("list",), ("show", "typed"), ("history", "typed"))]
    said += [run(up, "provider", "test", "typed", "--chat"), run(up, "status"), run(up, "models")]
    paths = ("/admin/providers", "/admin/providers/typed", "/admin/config/history", "/admin/models")
    said += [json.dumps(ask(up, up.keys["admin"], path=path)) for path in paths]
    assert [text for text in said if CANARY in text] == []
    holders = [p for p in up.data.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    assert holders == []
    shown = json.loads(run(up, "provider", "show", "typed"))
    assert (shown["key"], shown["state"]) == ("sealed", "ready")
    assert status_of(up, "filed") == 200
    assert json.loads(run(up, "provider", "show", "filed"))["key"] == "sealed"


def test_a_test_says_what_it_saw_and_fails_when_it_must(up: Up, provider: str) -> None:
    add(up, provider, "tried")
    until(lambda: status_of(up, "tried") == 200, 1.0, "the provider")
    said = run(up, "provider", "test", "tried", "--chat")
    assert "models   " in said
    assert "tried answered in" in said
    assert said.splitlines()[-1] == "tried works"
    add(up, "http://127.0.0.1:9/v1", "dead")
    done = cli("provider", "test", "dead", data=up.data)
    assert (done.returncode, "failed   " in done.stdout, "provider_unreachable" in done.stdout) == (1, True, True)


def test_a_type_of_the_catalogue_is_added_by_its_name_and_reached_by_the_common_model_name(
    up: Up, provider: str
) -> None:
    done = cli("provider", "add", "groq", data=up.data)
    assert (done.returncode, "--key env:GROQ_API_KEY" in done.stderr) == (1, True)
    run(up, "provider", "add", "groq", "--key", "env:GROQ_API_KEY", "--disabled")
    shown = json.loads(run(up, "provider", "show", "groq"))
    wanted = ("https://api.groq.com/openai/v1", "env:GROQ_API_KEY", "groq", "off")
    assert (shown["base_url"], shown["key"], shown["type"], shown["state"]) == wanted
    words = ["--base-url", provider, "--key", "", "--model", "llama-3.3-70b-versatile", "--no-discover"]
    run(up, "provider", "add", "groq", "--name", "groq2", *words)
    until(lambda: status_of(up, "llama3.3:70b") == 200, 1.0, "the common name")
    line = next(line for line in run(up, "models").splitlines() if line.startswith("llama3.3:70b"))
    assert "groq2 (llama-3.3-70b-versatile)" in line
    assert "131,072" in line
    assert "https://api.x.ai/v1" in run(up, "provider", "list", "--types")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["provider", "add", "nosuch"], "no type of the catalogue"),
        (["provider", "add", "x", "--base-url", "ftp://h"], "http://"),
        (["provider", "add", "x", "--base-url", "http://h", "--key", "env:A-B"], "environment variable"),
        (["provider", "show", "nosuch"], "There is no provider 'nosuch'"),
        (["provider", "enable", "nosuch"], "There is no provider 'nosuch'"),
        (["provider", "history", "nosuch"], "there was none"),
        (["provider", "rollback", "filed", "99999"], "no revision 99999"),
        (["provider", "change", "filed", "--slots", "0"], "slots"),
        (["keys", "show", "nosuch"], "there is no key `nosuch`"),
        (["keys", "create", "x", "--scope", "root"], "there is no 'root'"),
        (["keys", "create", "x", "--api", "fly"], "there is no 'fly'"),
        (["keys", "rotate", "app", "--overlap", "-5"], "overlap"),
        (["keys", "signing"], "whose?"),
    ],
)
def test_a_mistake_is_one_sentence(up: Up, words: list[str], sentence: str) -> None:
    done = cli(*words, data=up.data)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert sentence in done.stderr


def test_a_key_is_made_changed_and_rotated_by_command(up: Up) -> None:
    flags = ["--model", "filed", "--api", "chat", "--budget-day", "1.5", "--user", "ann", "--priority", "low"]
    raw = run(up, "keys", "create", "narrow", *flags).strip()
    shown = json.loads(run(up, "keys", "show", "narrow"))
    assert (shown["models"], shown["apis"], shown["budget_day"], shown["priority"]) == (["filed"], ["chat"], 1.5, "low")
    until(lambda: ask(up, raw, {**QUESTION, "model": "filed"})[0] == 200, 1.0, "the key")
    status, answer = ask(up, raw, QUESTION)
    assert (status, "ai-server keys change" in answer["error"]["message"]) == (403, True)
    run(up, "keys", "change", "narrow", "--model", "filed", "--model", "m")
    until(lambda: ask(up, raw, QUESTION)[0] == 404, 1.0, "the change")
    new = run(up, "keys", "rotate", "narrow", "--overlap", "600").strip()
    until(lambda: ask(up, new, {**QUESTION, "model": "filed"})[0] == 200, 1.0, "the new key")
    assert ask(up, raw, {**QUESTION, "model": "filed"})[0] == 200
    assert "0.2 h left" in run(up, "keys", "list")
    assert json.loads(run(up, "keys", "show", new))["replaces"] == shown["id"]
    assert raw not in up.log.read_text()


def test_what_was_changed_live_outlives_a_restart_and_a_changed_section_wins(tmp_path: Path, provider: str) -> None:
    with house(tmp_path, provider=provider) as up:
        key = up.keys["app"]
        add(up, provider, "extra")
        run(up, "provider", "disable", "fake")
        until(lambda: status_of(up, "extra") == 200, 1.0, "the provider")
    with house(tmp_path, provider=provider) as up:
        until(lambda: ask(up, key, {**QUESTION, "model": "extra"})[0] == 200, 3.0, "what was added live")
        assert ask(up, key, QUESTION)[0] in (404, 503)
    with house(tmp_path, provider=provider, settings="\n") as up:
        file = tmp_path / "ai-server.toml"
        file.write_text(file.read_text() + "slots = 5\n")
        assert ask(up, key, QUESTION)[0] in (404, 503)
    text = (tmp_path / "ai-server.toml").read_text()
    with house(tmp_path, settings=text.partition("\n")[2]) as up:
        until(lambda: ask(up, key, QUESTION)[0] == 200, 3.0, "the changed section")
        assert json.loads(run(up, "provider", "show", "fake"))["slots"] == 5


def test_callbacks_are_signed_with_the_secret_of_the_key_that_asked(up: Up) -> None:
    secrets, raws = {}, {}
    for name in ("shop", "spy"):
        raws[name] = run(up, "keys", "create", name).strip()
        secrets[name] = run(up, "keys", "signing", name).strip()
    assert len(set(secrets.values())) == 2
    with receiver() as (url, heard):
        until(lambda: ask(up, raws["shop"], path="/v1/models")[0] == 200, 1.0, "the key")
        status, _ = ask(up, raws["shop"], {**QUESTION, "model": "filed", "replyTo": url})
        assert status == 202
        body, headers = until(lambda: heard[0] if heard else None, 10, "the callback")
    assert json.loads(body)["type"] == "job.done"
    Webhook(secrets["shop"]).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets["spy"]).verify(body, headers)
    assert len(headers["webhook-signature"].split()) == 1


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[bytes, dict[str, str]]]]]:
    heard: list[tuple[bytes, dict[str, str]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/done", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
