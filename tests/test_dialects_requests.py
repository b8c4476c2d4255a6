"""A caller's request as canonical chat, and on to a provider of the caller's own dialect: nothing is lost on the way."""

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from chat_kit import KEY, provider
from conform_kit import PIXEL
from dialect_kit import JSON, TEXT, WORD, job
from hypothesis import given
from hypothesis import strategies as st

from agents import anthropic, gemini, ollama
from agents._http import Http
from agents.agent import Tools
from gateway.dialects._dialect import Door, Place, placed
from gateway.dialects.doors import DOORS, VERBS
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem

SOME = TEXT.filter(lambda text: bool(text.strip()))
PLACE = Place(model="m", stream=True)


def canonical(door: Door, body: Any, place: Place = PLACE) -> dict[str, Any]:
    """The canonical request, checked as the front door checks it."""
    import msgspec

    assert door.read is not None
    read = door.read(json.dumps(body).encode(), place)
    msgspec.json.decode(read.body, type=door.operation.request)
    found: dict[str, Any] = json.loads(read.body)
    return found


def refusal(door: Door, body: Any, place: Place = PLACE) -> str:
    assert door.read is not None
    with pytest.raises(Problem) as caught:
        door.read(json.dumps(body).encode() if not isinstance(body, bytes) else body, place)
    assert caught.value.code == Code.INVALID_REQUEST
    return caught.value.fault.param or ""


def sent(kind: Any, chat: dict[str, Any], model: str) -> dict[str, Any]:
    """What an agent of that kind sends for it."""
    tools = Tools(Http(), provider("http://127.0.0.1:1", kind="x"), key=KEY)
    asked = job(body=json.dumps(chat).encode(), model=model, stream=bool(chat.get("stream")))
    found: dict[str, Any] = json.loads(
        json.dumps(kind.to_call(asked, tools).body, default=lambda raw: json.loads(bytes(raw)))
    )
    return found


# ---- Anthropic ----

ANTHROPIC = DOORS["/v1/messages"]
text_block = st.fixed_dictionaries({"type": st.just("text"), "text": SOME})
image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
user_blocks = st.lists(text_block | st.just(image), min_size=1, max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns of user and assistant, with tools called and answered between."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": draw(SOME | user_blocks)}]
    for turn in range(draw(st.integers(0, 2))):
        blocks: list[dict[str, Any]] = []
        if draw(st.booleans()):
            blocks.append({"type": "thinking", "thinking": draw(SOME), "signature": draw(WORD)})
        if draw(st.booleans()):
            blocks.append({"type": "text", "text": draw(SOME)})
        calls = [
            {
                "type": "tool_use",
                "id": f"c{turn}{i}",
                "name": draw(WORD),
                "input": draw(st.dictionaries(TEXT, JSON, max_size=2)),
            }
            for i in range(draw(st.integers(0, 2)))
        ]
        turns.append({"role": "assistant", "content": blocks + calls or [{"type": "text", "text": "x"}]})
        results = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": draw(SOME), **draw(failing)} for call in calls
        ]
        turns.append({"role": "user", "content": results + draw(user_blocks)})
    return turns


failing = st.sampled_from([{}, {"is_error": True}])


def plain(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A text alone and a list of one text mean the same."""
    return [
        {
            **turn,
            "content": [{"type": "text", "text": turn["content"]}]
            if isinstance(turn["content"], str)
            else turn["content"],
        }
        for turn in turns
    ]


@given(conversations(), st.sampled_from(["auto", "any", "none"]), st.booleans())
def test_anthropic_to_anthropic_comes_out_as_it_went_in(turns: list[dict[str, Any]], choice: str, stream: bool) -> None:
    tool = {
        "name": "f",
        "description": "d",
        "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    body = {
        "model": "claude-3-haiku-20240307", "max_tokens": 9, "system": "be kind", "messages": turns, "stream": stream,
        "stop_sequences": ["x"], "temperature": 0.5, "tools": [tool], "tool_choice": {"type": choice},
    }  # fmt: skip
    found = sent(anthropic, canonical(ANTHROPIC, body), "claude-3-haiku-20240307")
    assert plain(turns) == plain(found["messages"])
    for name in ("max_tokens", "stop_sequences", "temperature", "tools"):
        assert body[name] == found[name]
    assert found["system"] == [{"type": "text", "text": "be kind"}]
    assert stream == found.get("stream", False)
    if choice != "auto":
        assert choice == found["tool_choice"]["type"]


def test_anthropic_fields_find_their_canonical_names() -> None:
    chat = canonical(
        ANTHROPIC,
        {
            "model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "stream": True, "top_k": 3,
            "thinking": {"type": "enabled", "budget_tokens": 2000}, "metadata": {"user_id": "u"},
            "context_management": {"a": 1},
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}, "replyTo": "https://x.org",
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        },
    )  # fmt: skip
    assert chat == {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "top_k": 3, "user": "u",
        "thinking": {"type": "enabled", "budget_tokens": 2000}, "reasoning_effort": "low", "stream": True,
        "response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": {"type": "object"}}},
        "stream_options": {"include_usage": True}, "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False, "replyTo": "https://x.org",
        "native": {"anthropic": {
            "context_management": {"a": 1},
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        }},
    }  # fmt: skip


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-opus-4-5"])
def test_an_effort_for_anthropic_reaches_it_as_said_and_switches_no_thinking_on(model: str) -> None:
    config = {"effort": "max", "task_budget": {"type": "tokens", "total": 20000}}
    chat = canonical(ANTHROPIC, {"model": model, "max_tokens": 5, "messages": HI, "output_config": config})
    assert chat["reasoning_effort"] == "max"  # for everybody else
    found = sent(anthropic, chat, model)
    assert (found["output_config"], "thinking" in found) == (config, False)


def test_an_output_configs_schema_reaches_anthropic_once_and_others_as_a_response_format() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    config = {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    chat = canonical(ANTHROPIC, {"model": "m", "max_tokens": 5, "messages": HI, "output_config": config})
    assert sent(anthropic, chat, "claude-opus-5")["output_config"] == config
    assert sent(ollama, chat, "m")["format"] == schema


@pytest.mark.parametrize(
    ("more", "betas"),
    [
        ({}, ["a-1", "b-2", "c-3"]),
        ({"betas": ["d-4", "a-1", 7]}, ["d-4", "a-1", "b-2", "c-3"]),
        ({"betas": "d-4, b-2"}, ["d-4", "b-2", "a-1", "c-3"]),
        ({"betas": None}, ["a-1", "b-2", "c-3"]),
    ],
)
def test_betas_of_the_header_join_those_of_the_body(more: dict[str, Any], betas: list[str]) -> None:
    place = placed(PLACE, [(b"anthropic-beta", b"a-1, b-2,"), (b"accept", b"x"), (b"anthropic-beta", b"c-3,a-1")])
    chat = canonical(ANTHROPIC, {"model": "m", "max_tokens": 5, "messages": HI, **more}, place)
    assert chat["native"]["anthropic"]["betas"] == betas


def test_no_header_of_betas_leaves_the_place_as_it_is() -> None:
    assert placed(PLACE, [(b"anthropic-beta", b" ,"), (b"accept", b"x")]) is PLACE


HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"messages": [{"role": "user", "content": [{"type": "server_tool_use"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "bard", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools[0].type"),
        ({"stop_sequences": "x"}, "stop_sequences"),
    ],
)
def test_anthropic_refusals_name_the_field_as_it_was_spelt(more: dict[str, Any], param: str) -> None:
    assert param == refusal(ANTHROPIC, {"model": "m", "max_tokens": 5, "messages": HI, **more})


# ---- Ollama ----

CHAT, GENERATE = DOORS["/api/chat"], DOORS["/api/generate"]


@given(
    SOME,
    st.lists(st.tuples(WORD, st.dictionaries(TEXT, JSON, max_size=2)), max_size=2),
    st.sampled_from([True, False, "low"]),
)
def test_ollama_to_ollama_comes_out_as_it_went_in(text: str, calls: list[tuple[str, Any]], think: Any) -> None:
    called = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    turns: list[dict[str, Any]] = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": text, "images": [PIXEL]},
        {"role": "assistant", "content": "so", "tool_calls": called}
        if called
        else {"role": "assistant", "content": "so"},
        *({"role": "tool", "content": f"r{i}", "tool_name": name} for i, (name, _) in enumerate(calls)),
        {"role": "user", "content": "go on"},
    ]
    body = {
        "model": "m",
        "messages": turns,
        "options": {"temperature": 0.1, "top_k": 5, "stop": ["x"], "num_predict": 7},
    }
    found = sent(ollama, canonical(CHAT, {**body, "think": think, "format": "json"}), "m")
    for asked, got in zip(turns, found["messages"], strict=True):
        for call in got.get("tool_calls", ()):
            call.pop("id")
            call["function"].pop("index")
        got.pop("tool_call_id", None)
        assert asked == got
    assert (body["options"], "json", True) == (found["options"], found["format"], found["stream"])


def test_ollama_results_find_their_calls() -> None:
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("a", "b", "a")]
    results = [{"role": "tool", "tool_name": name, "content": name} for name in ("b", "a", "a")]
    chat = canonical(CHAT, {"model": "m", "messages": [*HI, {"role": "assistant", "tool_calls": calls}, *results]})
    assert [message["tool_call_id"] for message in chat["messages"][2:]] == ["call_1", "call_0", "call_2"]


def test_ollama_generate_becomes_a_chat() -> None:
    chat = canonical(
        GENERATE,
        {
            "model": "m",
            "prompt": "p",
            "system": "s",
            "stream": False,
            "keep_alive": "5m",
            "options": {"num_ctx": 9, "num_predict": -1},
        },
    )
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}]
    assert {
        "model": "m",
        "messages": messages,
        "native": {"ollama": {"keep_alive": "5m", "options": {"num_ctx": 9}}},
    } == chat


@pytest.mark.parametrize("field", ["suffix", "template", "raw", "context"])
def test_what_only_a_bare_model_can_do_is_refused_by_name(field: str) -> None:
    value: Any = {"raw": True, "context": [1]}.get(field, "x")
    assert field == refusal(GENERATE, {"model": "m", "prompt": "p", field: value})


def test_ollama_asks_for_no_words_to_load_a_model() -> None:
    for door, told in ((CHAT, "message"), (GENERATE, "response")):
        assert door.read is not None
        answer = json.loads(door.read(b'{"model":"m"}', PLACE).answer or b"")
        assert (answer["done"], answer["done_reason"], told in answer) == (True, "load", True)


# ---- Gemini ----

GEMINI = VERBS["generateContent"]


@given(SOME, st.lists(st.tuples(WORD, st.dictionaries(TEXT, JSON, max_size=2)), max_size=2), st.booleans())
def test_gemini_to_gemini_comes_out_as_it_went_in(text: str, calls: list[tuple[str, Any]], snake: bool) -> None:
    data, call, response = (
        ("inline_data", "function_call", "function_response")
        if snake
        else ("inlineData", "functionCall", "functionResponse")
    )
    mime = "mime_type" if snake else "mimeType"
    called = [{call: {"id": f"c{i}", "name": name, "args": args}} for i, (name, args) in enumerate(calls)]
    answers = [{response: {"id": f"c{i}", "name": name, "response": {"r_r": 1}}} for i, (name, _) in enumerate(calls)]
    contents: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"text": text}, {data: {mime: "image/png", "data": PIXEL}}]},
        {"role": "model", "parts": [{"text": "so"}, *called]},
        *([{"role": "user", "parts": answers}] if answers else []),
        {"role": "user", "parts": [{"text": "go on"}]},
    ]
    config = {"temperature": 0.5, "maxOutputTokens": 5, "stopSequences": ["x"], "responseMimeType": "application/json"}
    body = {"contents": contents, "systemInstruction": {"parts": [{"text": "be kind"}]}, "generationConfig": config}
    found = sent(gemini, canonical(GEMINI, body), "gemini-2.0-flash")
    spelt = json.loads(
        json.dumps(contents).replace("inline_data", "inlineData").replace("mime_type", "mimeType")
        .replace("function_call", "functionCall").replace("function_response", "functionResponse")
    )  # fmt: skip
    assert spelt == found["contents"]
    assert config == {name: found["generationConfig"][name] for name in config}
    assert found["systemInstruction"] == {"parts": [{"text": "be kind"}]}


def test_gemini_schemas_become_json_schemas_and_keys_of_data_stay() -> None:
    parameters = {
        "type": "OBJECT", "required": ["a_b"], "propertyOrdering": ["a_b"],
        "properties": {
            "a_b": {"type": "STRING", "nullable": True, "maxLength": "9"},
            "items": {"type": "ARRAY", "items": {"type": "INTEGER"}},
        },
    }  # fmt: skip
    tool = {"function_declarations": [{"name": "f", "parameters": parameters}], "google_search": {}}
    chat = canonical(
        GEMINI, {"contents": [{"parts": [{"text": "x"}]}], "tools": [tool], "safety_settings": [{"category": "C"}]}
    )
    assert chat["tools"][0]["function"]["parameters"] == {
        "type": "object", "required": ["a_b"],
        "properties": {
            "a_b": {"type": ["string", "null"], "maxLength": 9},
            "items": {"type": "array", "items": {"type": "integer"}},
        },
    }  # fmt: skip
    assert chat["native"]["gemini"] == {"safetySettings": [{"category": "C"}], "tools": [{"googleSearch": {}}]}


@pytest.mark.parametrize("names", [("tool_config", "function_calling_config", "allowed_function_names"),
                                   ("toolConfig", "functionCallingConfig", "allowedFunctionNames")])  # fmt: skip
def test_a_tool_config_reaches_google_as_said_and_others_as_a_tool_choice(names: tuple[str, str, str]) -> None:
    tools = [{"functionDeclarations": [{"name": name} for name in ("f", "g", "h")]}]
    own = {names[0]: {names[1]: {"mode": "ANY", names[2]: ["f", "g"]}, "retrievalConfig": {"languageCode": "de"}}}
    chat = canonical(GEMINI, {"contents": [{"parts": [{"text": "x"}]}], "tools": tools, **own})
    assert chat["tool_choice"] == "required"
    assert sent(gemini, chat, "m")["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        "retrievalConfig": {"languageCode": "de"},
    }


def test_gemini_data_in_base64_for_urls_becomes_everybodys() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "_-8"}}
    chat = canonical(GEMINI, {"contents": [{"parts": [part]}]})
    assert chat["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,/+8="


def test_gemini_signatures_ride_where_google_has_them() -> None:
    part = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    chat = canonical(GEMINI, {"contents": [{"parts": [{"text": "x"}]}, {"role": "model", "parts": [part]}]})
    assert chat["messages"][1]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"maxOutputTokens": "x"}}, "maxOutputTokens"),
    ],
)
def test_gemini_refusals_name_the_field_as_it_was_spelt(body: dict[str, Any], param: str) -> None:
    assert refusal(GEMINI, body).endswith(param)


# ---- OpenAI's other wires ----

RESPONSES, COMPLETIONS = DOORS["/v1/responses"], DOORS["/v1/completions"]


def test_items_of_one_turn_become_one_message() -> None:
    sealed = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    opaque = "ai1:" + base64.b64encode(json.dumps(sealed).encode()).decode()
    picture, seen = (
        {"image_url": "https://x.org/a.png", "detail": "low"},
        {"url": "https://x.org/a.png", "detail": "low"},
    )
    chat = canonical(
        RESPONSES,
        {
            "model": "m", "instructions": "be kind", "max_output_tokens": 5, "reasoning": {"effort": "low"}, "store": False,
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
            "tool_choice": {"type": "function", "name": "f"},
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "see"}, {**picture, "type": "input_image"}]},
                {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": opaque},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"},
                {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "r"},
            ],
        },
    )  # fmt: skip
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}, "id": "c2"}
    first = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}, "id": "c1"}
    assert [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": seen}]},
        {
            "role": "assistant", "content": "so", "reasoning_content": "hm", "thinking_blocks": sealed,
            "tool_calls": [first, call],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ] == chat["messages"]  # fmt: skip
    assert (chat["reasoning_effort"], chat["max_completion_tokens"]) == ("low", 5)
    assert chat["response_format"]["json_schema"] == {"name": "n", "schema": {"type": "object"}, "strict": True}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].type",
        ),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True, "store": False}, "store"),
        ({"input": ""}, "input"),
        ({"input": 5}, "input"),
    ],
)
def test_responses_refusals_name_the_field(more: dict[str, Any], param: str) -> None:
    assert param == refusal(RESPONSES, {"model": "m", "input": "hi", **more})


@pytest.mark.parametrize(
    "more", [{"suffix": "x"}, {"echo": True}, {"best_of": 2}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]}]
)
def test_completions_refuse_what_a_chat_cannot_say(more: dict[str, Any]) -> None:
    assert next(iter(more)) == refusal(COMPLETIONS, {"model": "m", "prompt": "p", **more})


def test_completions_keep_their_other_fields() -> None:
    chat = canonical(COMPLETIONS, {"model": "m", "prompt": ["p"], "logprobs": 2, "n": 2, "x_unknown": 1, "refId": "r"})
    assert chat == {
        "model": "m", "messages": [{"role": "user", "content": "p"}], "logprobs": True, "top_logprobs": 2, "n": 2,
        "x_unknown": 1, "refId": "r",
    }  # fmt: skip


@pytest.mark.parametrize("wish", ["here", ["here", "there"], {"order": ["x"]}])
@pytest.mark.parametrize("door", [*DOORS.values(), *VERBS.values()], ids=lambda door: door.dialect.name)
def test_a_wish_for_a_provider_is_canonical_at_every_door(door: Door, wish: Any) -> None:
    said: dict[str, Any] = {
        "model": "m",
        "messages": HI,
        "max_tokens": 5,
        "prompt": "hi",
        "input": "hi",
        "provider": wish,
    }
    said |= {"contents": [{"parts": [{"text": "hi"}]}], "content": {"parts": [{"text": "hi"}]}}
    said["requests"] = [{"content": said["content"]}]
    if door.dialect.name == "responses":
        del said["prompt"]
    if door.read is None or door.read(json.dumps(said).encode(), PLACE).answer is not None:
        return
    chat = canonical(door, said)
    assert (chat["provider"], "provider" in str(chat.get("native"))) == (wish, False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model":1}', b"\xff", b'{"model":"m"}', b"[" * 5000])
@pytest.mark.parametrize("door", [*DOORS.values(), *VERBS.values()], ids=lambda door: door.dialect.name)
def test_garbage_is_refused_and_never_crashes(door: Door, body: bytes) -> None:
    if door.read is None:
        return
    with contextlib.suppress(_Refused), _refusing():
        read = door.read(body, PLACE)
        assert read.answer or door.operation in OPERATIONS.values()


class _Refused(Exception): ...


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        if problem.code is not Code.INVALID_REQUEST:
            raise
        raise _Refused from problem
