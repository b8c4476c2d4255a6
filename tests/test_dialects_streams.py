"""A streamed answer and a whole one are the same answer, in each dialect, however the stream is cut."""

import json
from typing import Any

import pytest
from dialect_kit import (
    END,
    anthropic_message,
    completions,
    done,
    events,
    gemini_response,
    job,
    lines,
    ollama_object,
    tellings,
)
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.doors import DIALECTS
from schemas.job import Job
from schemas.problem import Code, Fault

CHATTY = [name for name, dialect in DIALECTS.items() if dialect.teller is not None]
FAULT = Fault(Code.STREAM_BROKEN, "The answer broke off: acme hung up")


def whole(asked: Job, completion: dict[str, Any]) -> dict[str, Any]:
    tell = DIALECTS[asked.dialect].whole
    assert tell is not None
    found: dict[str, Any] = json.loads(tell(asked, done(completion), 8.0))
    return found


def streamed(asked: Job, portions: list[list[bytes]]) -> bytes:
    make = DIALECTS[asked.dialect].teller
    assert make is not None
    teller = make(asked)
    return b"".join(teller.tell(chunks) for chunks in portions) + teller.done(END)


@given(st.data(), completions())
def test_anthropic_streams_what_it_answers_whole(data: st.DataObject, completion: dict[str, Any]) -> None:
    asked = job("anthropic")
    told = events(streamed(asked, data.draw(tellings(completion))))
    assert whole(asked, completion) == anthropic_message(told)
    assert (told[0]["type"], told[-1]["type"]) == ("message_start", "message_stop")


@given(st.data(), completions())
def test_anthropic_tells_arguments_byte_for_byte(data: st.DataObject, completion: dict[str, Any]) -> None:
    told = events(streamed(job("anthropic"), data.draw(tellings(completion))))
    found: dict[int, str] = {}
    for event in told:
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            found[event["index"]] = found.get(event["index"], "") + event["delta"]["partial_json"]
    calls = completion["choices"][0]["message"].get("tool_calls") or []
    assert [call["function"]["arguments"] for call in calls] == [found[index] for index in sorted(found)]


@given(st.data(), completions())
def test_responses_stream_what_they_answer_whole(data: st.DataObject, completion: dict[str, Any]) -> None:
    asked = job("responses", echo=b'{"include":["reasoning.encrypted_content"]}')
    told = events(streamed(asked, data.draw(tellings(completion))))
    expected = whole(asked, completion)
    assert expected == told[-1]["response"]
    assert list(range(len(told))) == [event["sequence_number"] for event in told]
    finished = {event["output_index"]: event["item"] for event in told if event["type"] == "response.output_item.done"}
    assert expected["output"] == [finished[index] for index in sorted(finished)]
    text = "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")
    assert (completion["choices"][0]["message"]["content"] or "") == text


@given(st.data(), completions(), st.booleans())
def test_gemini_streams_what_it_answers_whole(data: st.DataObject, completion: dict[str, Any], array: bool) -> None:
    asked = job("gemini", echo=b"array" if array else b"")
    raw = streamed(asked, data.draw(tellings(completion)))
    told = json.loads(raw) if array else events(raw)
    assert whole(asked, completion) == gemini_response(told)


@pytest.mark.parametrize(("name", "field"), [("ollama.chat", "message"), ("ollama.generate", "response")])
@given(data=st.data(), completion=completions())
def test_ollama_streams_what_it_answers_whole(
    name: str, field: str, data: st.DataObject, completion: dict[str, Any]
) -> None:
    asked = job(name)
    told = lines(streamed(asked, data.draw(tellings(completion))))
    expected, found = whole(asked, completion), ollama_object(told, field)
    for timed in ("created_at", "total_duration", "eval_duration", "prompt_eval_duration"):
        del expected[timed], found[timed]
    assert expected == found
    assert [event["done"] for event in told] == [False] * (len(told) - 1) + [True]


@given(st.data(), completions())
def test_completions_stream_what_they_answer_whole(data: st.DataObject, completion: dict[str, Any]) -> None:
    asked = job("completions", echo=b'{"usage":true}')
    told = events(streamed(asked, data.draw(tellings(completion))))
    expected = whole(asked, completion)
    assert expected["choices"][0]["text"] == "".join(c["text"] for event in told for c in event["choices"])
    assert expected["usage"] == told[-1]["usage"]
    assert expected["choices"][0]["finish_reason"] == told[-2]["choices"][0]["finish_reason"]


@pytest.mark.parametrize("name", CHATTY)
@given(data=st.data(), completion=completions())
def test_a_stream_that_breaks_says_so_and_never_looks_whole(
    name: str, data: st.DataObject, completion: dict[str, Any]
) -> None:
    asked = job(name)
    teller = DIALECTS[name].teller
    assert teller is not None
    told = teller(asked)
    portions = data.draw(tellings(completion))
    cut = data.draw(st.integers(0, len(portions)))
    raw = b"".join(told.tell(chunks) for chunks in portions[:cut]) + told.broken(FAULT)
    last = lines(raw)[-1] if name.startswith("ollama") else events(raw)[-1]
    assert FAULT.message in json.dumps(last)
    for good in (b"[DONE]", b"message_stop", b"response.completed", b'"done":true', b'"usageMetadata"'):
        assert good not in raw


@pytest.mark.parametrize("name", CHATTY)
def test_an_answer_of_nothing_is_still_a_whole_answer(name: str) -> None:
    asked = job(name)
    teller = DIALECTS[name].teller
    assert teller is not None
    assert teller(asked).done(END)
