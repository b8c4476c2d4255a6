"""What only one kind of provider understands reaches that kind from a caller of its own dialect, and nobody else.

The requests go through the edge's translators (`gateway/dialects`) into the calls that agents make.
"""

import json
from types import ModuleType
from typing import Any

import msgspec
import pytest
from chat_kit import KEY, job, play, provider
from conform_kit import TOOL, tools
from dialect_kit import JSON, WORD
from dialect_kit import job as job_of
from fake_anthropic import FakeAnthropic
from hypothesis import given
from hypothesis import strategies as st

from agents import anthropic, gemini, ollama, openai
from agents._http import Http
from agents.agent import Call, Tools
from gateway.dialects._dialect import Place
from gateway.dialects.doors import DOORS, VERBS

KINDS: dict[str, ModuleType] = {"anthropic": anthropic, "gemini": gemini, "ollama": ollama, "openai": openai}
DOOR = {"anthropic": DOORS["/v1/messages"], "ollama": DOORS["/api/chat"], "gemini": VERBS["generateContent"]}
USER = [{"role": "user", "content": "Hello"}]
CONTENTS = [{"role": "user", "parts": [{"text": "Hello"}]}]
PLACE = Place(model="m")


def call(kind: str, door: Any, asked: dict[str, Any], verb: str = "to_call", **headers: str) -> Call:
    """The call that this kind makes of a request at this door."""
    read = door.read(json.dumps(asked).encode(), PLACE)
    known = Tools(Http(), provider("https://x.example", kind=kind), key=KEY, headers=headers)
    made = getattr(KINDS[kind], verb)(job_of(body=read.body), known)
    assert isinstance(made, Call)
    return made


def sent(made: Call) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        made.body if isinstance(made.body, bytes) else msgspec.json.encode(made.body)  # raw arguments and all
    )
    return found


ONLY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anthropic": (
        {"model": "m", "max_tokens": 9, "messages": USER},
        {
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
            "service_tier": "standard_only",
            "container": {"id": "marked", "skills": []},
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "mcp_servers": [{"type": "url", "url": "https://mcp.example", "name": "marked"}],
            "not_invented_yet": 0,
        },
    ),
    "ollama": (
        {"model": "m", "messages": USER, "stream": False},
        {"keep_alive": "7m", "truncate": False, "shift": False, "not_invented_yet": "marked"},
    ),
    "gemini": (
        {"contents": CONTENTS},
        {
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "cachedContent": "cachedContents/marked",
            "labels": {"team": "marked"},
            "notInventedYet": False,
        },
    ),
}


@pytest.mark.parametrize("kind", ONLY)
def test_what_only_a_provider_knows_reaches_it_from_its_own_dialect_and_nobody_else(kind: str) -> None:
    asked, only = ONLY[kind]
    found = sent(call(kind, DOOR[kind], asked | only))
    assert {name: found.get(name) for name in only} == only
    for other in KINDS.keys() - {kind}:
        assert sent(call(other, DOOR[kind], asked | only)) == sent(call(other, DOOR[kind], asked))


def test_ollamas_options_reach_ollama_whole_and_in_its_own_words() -> None:
    options = {"num_ctx": 16384, "mirostat": 2, "seed": 4, "num_predict": 9, "stop": ["x"], "top_k": 3}
    asked = {"model": "m", "messages": USER, "stream": False, "options": options, "think": False}
    found = sent(call("ollama", DOOR["ollama"], asked))
    assert (found["options"], found["think"]) == (options, False)
    assert sent(call("ollama", DOOR["ollama"], asked | {"think": "high"}))["think"] == "high"


def test_googles_own_tools_and_settings_reach_google() -> None:
    function = {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
    asked = {
        "contents": CONTENTS,
        "tools": [{"function_declarations": [function]}, {"google_search": {}}],
        "safety_settings": [{"category": "C", "threshold": "T"}],
        "generation_config": {
            "max_output_tokens": 5,
            "media_resolution": "MEDIA_RESOLUTION_LOW",
            "response_modalities": ["TEXT"],
            "thinking_config": {"thinking_budget": -1, "include_thoughts": False},
        },
    }
    found = sent(call("gemini", DOOR["gemini"], asked))
    assert found["safetySettings"] == [{"category": "C", "threshold": "T"}]
    assert [next(iter(tool)) for tool in found["tools"]] == ["functionDeclarations", "googleSearch"]
    assert found["generationConfig"] == {
        "maxOutputTokens": 5,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": False},
    }
    alone = sent(call("gemini", DOOR["gemini"], {"contents": CONTENTS, "tools": [{"urlContext": {}}]}))
    assert alone["tools"] == [{"urlContext": {}}]


@pytest.mark.parametrize("name", ["safety_settings", "safetySettings"])
def test_an_openai_caller_may_set_geminis_safety_by_either_name(name: str) -> None:
    assert sent(gemini.to_call(job("m", False, False, **{name: [{"category": "C"}]}), tools("gemini")))[
        "safetySettings"
    ]


def test_a_calling_config_in_googles_words_says_more_than_a_tool_choice() -> None:
    own = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather", "clock"]}}
    asked = job("m", tools=[TOOL], tool_choice="required", native={"gemini": {"toolConfig": own}})
    assert sent(gemini.to_call(asked, tools("gemini")))["toolConfig"] == own


def test_embeddings_keep_what_only_their_provider_knows() -> None:
    body = {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "T"}
    one = sent(call("gemini", VERBS["embedContent"], body, "to_embed"))["requests"][0]
    assert one == {"model": "models/m", "content": body["content"], "taskType": "RETRIEVAL_DOCUMENT", "title": "T"}
    asked = {"model": "m", "input": ["a"], "truncate": False, "keep_alive": 0, "options": {"num_ctx": 9}}
    assert sent(call("ollama", DOORS["/api/embed"], asked, "to_embed")) == asked
    assert sent(call("openai", DOORS["/api/embed"], asked, "to_embed")).keys() == {"model", "input", "encoding_format"}


# ---- Anthropic's betas and effort ----


def test_betas_become_a_header_beside_the_ones_in_the_settings() -> None:
    asked = {"model": "m", "max_tokens": 9, "messages": USER, "betas": ["b-2", "a-1"]}
    assert call("anthropic", DOOR["anthropic"], asked).final == {"anthropic-beta": "b-2,a-1"}
    beside = call("anthropic", DOOR["anthropic"], asked, **{"Anthropic-Beta": "a-1, c-3"})
    assert beside.final == {"Anthropic-Beta": "a-1,c-3,b-2"}
    assert "betas" not in sent(beside)
    assert call("anthropic", DOOR["anthropic"], {**asked, "betas": []}).final == {}
    text = {"anthropic_beta": "x-1, y-2"}
    assert anthropic.to_call(job("m", native={"anthropic": text}), tools("x")).final == {"anthropic-beta": "x-1,y-2"}


@pytest.mark.parametrize(
    "bad", ["x\r\nx-api-key: stolen", "a b", "", "é", 7, None, {"x-api-key": "k"}, ["x-1"], "-", "x" * 101]
)
def test_a_beta_is_a_name_and_nothing_else(bad: Any) -> None:
    made = anthropic.to_call(job("m", native={"anthropic": {"betas": [bad, "good-1"]}}), tools("x"))
    assert made.final == {"anthropic-beta": "good-1"}
    assert len(anthropic.to_call(job("m", native={"anthropic": {"betas": ["b" * 99] * 9}}), tools("x")).final) == 1


async def test_betas_stay_when_a_call_is_made_in_another_form() -> None:
    async with Http() as http, FakeAnthropic(key=KEY) as fake:
        settings = {"anthropic-beta": "c-3"}
        known = Tools(http, provider(fake.url, kind="anthropic"), key=KEY, headers=settings)
        asked = job("odd-late", temperature=0.5, native={"anthropic": {"betas": ["b-2"]}})
        _, problem = await play(asked, known)
        assert problem is None
        assert [one.headers["anthropic-beta"] for one in fake.calls] == ["c-3,b-2"] * 2
        assert fake.calls[1].headers["x-api-key"] == KEY


def test_an_effort_in_anthropics_words_is_no_wish_to_think() -> None:
    own = {"output_config": {"effort": "low", "task_budget": {"type": "tokens", "total": 9}, "format": {"type": "x"}}}
    body = sent(anthropic.to_call(job("claude-opus-5", reasoning_effort="low", native={"anthropic": own}), tools("x")))
    assert body["output_config"] == {"effort": "low", "task_budget": {"type": "tokens", "total": 9}}
    assert "thinking" not in body
    given = {"type": "enabled", "budget_tokens": 30000, "display": "summarized"}
    body = sent(anthropic.to_call(job("claude-opus-5", thinking=given, native={"anthropic": own}), tools("x")))
    assert (body["thinking"], body["output_config"]["effort"]) == ({"type": "adaptive", "display": "summarized"}, "low")


# ---- what comes from anybody ----

GUARDED = (
    "model", "messages", "stream", "provider", "replyTo", "native", "max_tokens", "system", "tools", "tool_choice",
    "contents", "systemInstruction", "requests", "format", "stop", "thinking", "betas", "anthropic_version",
)  # fmt: skip


def spellings(name: str) -> st.SearchStrategy[str]:
    """As lenient readers of JSON would still take it."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return st.sampled_from(
        [name, name.upper(), name.title(), snake, name.replace("s", "\u017f").replace("k", "\u212a")]
    )


HOSTILE = st.dictionaries(st.sampled_from(GUARDED).flatmap(spellings) | WORD, JSON, max_size=8)
"""What somebody may put where a kind's own fields belong."""


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "ollama"])
@given(own=HOSTILE, inner=HOSTILE, streams=st.booleans())
def test_what_a_caller_calls_native_overrides_nothing(
    kind: str, own: dict[str, Any], inner: dict[str, Any], streams: bool
) -> None:
    own = own | {"options": inner, "generationConfig": inner, "toolConfig": inner, "output_config": inner}
    asked: dict[str, Any] = {"max_tokens": 5, "tools": [TOOL], "temperature": 0.5, "stop": ["x"]}
    plain = KINDS[kind].to_call(job("m", streams, **asked), tools(kind))
    made = KINDS[kind].to_call(job("m", streams, **asked, native={kind: own, "openai": own}), tools(kind))
    assert (made.path, made.method, made.headers) == (plain.path, plain.method, plain.headers)
    assert made.final.keys() <= {"anthropic-beta"}
    before, after = sent(plain), sent(made)
    for name in ("options", "generationConfig"):
        assert before.pop(name, {}).items() <= after.pop(name, {}).items()
    functions, offered = before.pop("tools"), after.pop("tools")
    assert offered[: len(functions)] == functions
    assert "functionDeclarations" not in json.dumps(offered[len(functions) :])
    assert before.items() <= after.items()
    guarded = {_loose(name) for name in before} | {"model", "stream", "messages", "tools"}
    assert not [name for name in after.keys() - before.keys() if _loose(name) in guarded]


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "ollama"])
@given(native=JSON | st.dictionaries(st.sampled_from(["anthropic", "gemini", "ollama"]), JSON))
def test_native_that_is_nonsense_is_left_out(kind: str, native: Any) -> None:
    made = KINDS[kind].to_call(job("m", native=native), tools(kind))
    assert sent(KINDS[kind].to_call(job("m"), tools(kind))).items() <= sent(made).items()


def test_an_answer_grows_no_longer_nor_more_numerous_than_the_request_says() -> None:
    config = {"maxOutputTokens": 99999, "candidate_count": 8, "speechConfig": {}}
    made = gemini.to_call(job("m", native={"gemini": {"generationConfig": config}}), tools("gemini"))
    assert sent(made)["generationConfig"] == {"speechConfig": {}}
    made = ollama.to_call(job("m", native={"ollama": {"options": {"num_predict": -1, "num_ctx": 5}}}), tools("ollama"))
    assert sent(made)["options"] == {"num_ctx": 5}


def _loose(name: str) -> str:
    return name.replace("_", "").casefold().replace("\u212a", "k").replace("\u017f", "s")
