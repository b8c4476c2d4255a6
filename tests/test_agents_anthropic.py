"""What is particular to Anthropic: generations of models, thoughts and their signatures, cache marks, closed schemas."""

import json
from typing import Any

import pytest
from chat_kit import KEY, done, job, play, provider, text
from conform_kit import TOOL, tools
from fake_anthropic import FakeAnthropic

from agents import anthropic, gemini, local, ollama
from agents._http import Http
from agents._schema import strict
from agents.agent import Tools
from schemas.problem import Code
from schemas.provider import Provider

USER = {"role": "user", "content": "Hello"}


def anthropic_body(model: str, *quirks: str, **asked: Any) -> dict[str, Any]:
    known = tools("anthropic")
    known.quirks |= {f"{quirk} {model}" for quirk in quirks}
    body = anthropic.to_call(job(model, **asked), known).body
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize(
    ("model", "adaptive", "samples", "schemas", "limit"),
    [
        ("claude-3-opus-20240229", False, True, False, 4096),
        ("claude-3-5-sonnet-20241022", False, True, False, 8192),
        ("claude-3-7-sonnet-20250219", False, True, False, 32000),
        ("claude-sonnet-4-20250514", False, True, False, 32000),
        ("claude-haiku-4-5-20251001", False, True, True, 32000),
        ("claude-opus-4-6", True, True, True, 32000),
        ("claude-opus-4-7", True, False, True, 32000),
        ("anthropic/claude-fable-5.1", True, False, True, 32000),
        ("claude-mythos-preview", True, False, True, 8192),
        ("some-local-model", False, True, True, 8192),
    ],
)
def test_a_generation_of_claude_is_known_by_its_name(
    model: str, adaptive: bool, samples: bool, schemas: bool, limit: int
) -> None:
    found = anthropic.traits(model, set())
    assert (found.adaptive, found.samples, found.schemas, found.limit) == (adaptive, samples, schemas, limit)


def test_an_effort_is_a_budget_or_an_effort_as_the_model_wants_it() -> None:
    old = anthropic_body("claude-sonnet-4-5", reasoning_effort="medium", temperature=0.5)
    assert old["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert "temperature" not in old
    new = anthropic_body("claude-opus-5", reasoning_effort="minimal", temperature=0.5)
    assert (new["thinking"], new["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    given = anthropic_body("claude-opus-5", thinking={"type": "enabled", "budget_tokens": 30000})
    assert (given["thinking"], given["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    small = anthropic_body("claude-sonnet-4-5", reasoning_effort="high", max_tokens=1500)
    assert "thinking" not in small
    assert anthropic_body("claude-sonnet-4-5", reasoning_effort="none", temperature=0.5)["temperature"] == 0.5


def test_thinking_stays_off_where_a_turn_without_thoughts_would_be_refused() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]
    messages.append({"role": "tool", "tool_call_id": "c", "content": "sunny"})
    assert "thinking" not in anthropic_body(
        "claude-sonnet-4-5", messages=messages, tools=[TOOL], reasoning_effort="high"
    )
    assert "thinking" in anthropic_body("claude-opus-5", messages=messages, tools=[TOOL], reasoning_effort="high")


def test_cache_marks_reach_anthropic_and_nobody_else() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Rules", **mark}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello", **mark}]},
    ]
    asked = {"messages": messages, "tools": [{**TOOL, **mark}]}
    body = anthropic_body("claude-opus-5", **asked)
    assert [body["system"][0]["cache_control"], body["messages"][0]["content"][0]["cache_control"]] == [
        mark["cache_control"]
    ] * 2
    assert body["tools"][0]["cache_control"] == mark["cache_control"]
    for other in (gemini, ollama):
        call = other.to_call(job("m", **asked), tools("gemini"))
        assert "cache_control" not in json.dumps(call.body)


def test_an_image_url_goes_to_anthropic_as_it_is_and_a_pdf_as_a_document() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    image, document = anthropic_body("claude-opus-5", messages=[{"role": "user", "content": content}])["messages"][0][
        "content"
    ]
    assert image == {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    assert document["source"] == {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    assert document["title"] == "a.pdf"


def test_arguments_of_old_calls_go_back_byte_for_byte() -> None:
    odd = '{"b": 1.0000000000000000001, "a": "\\u00e9"}'
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": odd}}
    broken = {**call, "id": "d", "function": {"name": "weather", "arguments": '{"cut'}}
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [call, broken]}]
    blocks = anthropic_body("claude-opus-5", messages=messages)["messages"][1]["content"]
    assert bytes(blocks[0]["input"]) == odd.encode()
    assert json.loads(bytes(blocks[1]["input"])) == {"arguments": '{"cut'}


def test_a_schema_is_closed_and_its_bounds_become_words() -> None:
    assert strict(
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "description": "A number"}}}
    ) == {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "A number\n\n{minimum: 1}"}},
        "additionalProperties": False,
    }
    union = {
        "oneOf": [{"type": "array", "items": {"type": "object"}}, {"$ref": "#/$defs/x"}],
        "$defs": {"x": {"type": "string"}},
    }
    closed = {"type": "object", "additionalProperties": False}
    expected = {
        "anyOf": [{"type": "array", "items": closed}, {"$ref": "#/$defs/x"}],
        "$defs": {"x": {"type": "string"}},
    }
    assert strict(union) == expected


@pytest.mark.parametrize(
    ("model", "asked", "calls", "gone"),
    [
        ("odd-late", {"temperature": 0.5}, 2, "temperature"),
        ("claude-late", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, 1, "budget_tokens"),
        ("odd-late", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, 2, "budget_tokens"),
        ("claude-thoughtless-4-0", {"reasoning_effort": "low"}, 2, "thinking"),
        ("claude-3-small", {}, 1, "x"),
    ],
)
async def test_what_a_claude_refuses_is_left_out_and_remembered(
    model: str, asked: dict[str, Any], calls: int, gone: str
) -> None:
    async with Http() as http, FakeAnthropic(key=KEY) as fake:
        known = Tools(http, provider(fake.url, kind="anthropic"), key=KEY)
        for _ in range(2):
            _, problem = await play(job(model, **asked), known.fresh())
            assert problem is None
        assert len(fake.calls) == calls + 1
        assert gone not in fake.calls[-1].body
        assert gone not in fake.calls[-1].body.get("thinking", {})


async def test_an_error_event_of_anthropic_before_any_word_keeps_its_kind() -> None:
    async with Http() as http, FakeAnthropic(key=KEY) as fake:
        _, problem = await play(job("error-first", True), Tools(http, provider(fake.url, kind="anthropic"), key=KEY))
        assert problem is not None
        assert (problem.code, problem.fault.provider_status) == (Code.PROVIDER_ERROR, 529)


@pytest.mark.model
@pytest.mark.skipif(not local.available(), reason="needs the extra `local`")
async def test_llama_cpps_messages_api_is_understood() -> None:
    """A real server of the Messages API, from other hands than ours."""
    async with Http() as http, local.start(Tools(http, Provider(name="local", kind="local")), lambda *_: None) as there:
        base = there.provider.base_url
        known = Tools(http, provider(base, kind="anthropic", first_timeout=60.0, stall_timeout=60.0), key=there.key)
        asked: dict[str, Any] = {
            "max_tokens": 12,
            "temperature": 0.0,
            "messages": [{"role": "system", "content": "Be kind."}, USER],
        }
        events, problem = await play(job(local.NAME, **asked), known)
        assert problem is None, problem.fault
        whole = json.loads(done(events).body)
        streamed, problem = await play(job(local.NAME, True, keep=True, **asked), known)
        assert problem is None, problem.fault
        assert text(streamed) == whole["choices"][0]["message"]["content"] != ""
        assert json.loads(done(streamed).body)["choices"] == whole["choices"]
        assert 0 < done(events).usage.tokens_out <= 12
        assert not done(streamed).usage.estimated
        assert [model.name for model in await anthropic.models(known)]
