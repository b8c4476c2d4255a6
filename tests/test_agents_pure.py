"""The pure parts of agents: server-sent events, chunks that become a completion and back, texts without secrets."""

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents._chunks import assemble, disassemble
from agents._problems import CLIP, LONGEST_WAIT, Scrub, from_status, message_of, retry_after
from agents._sse import Parser, TooLargeError
from schemas.chat import ChatReply
from schemas.problem import Code

# ---- server-sent events ----


def parse(*pieces: bytes, limit: int = 1000) -> list[tuple[bytes, bytes]]:
    parser = Parser(limit)
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\n", [(b"", b"a")]),
        (b"data:a\r\n\r\n", [(b"", b"a")]),
        (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b": comment\n\ndata: a\n: more\n\n", [(b"", b"a")]),
        (b"data: a\ndata: b\ndata\n\n", [(b"", b"a\nb\n")]),
        (b"data:  two spaces\n\n", [(b"", b" two spaces")]),
        (b"event: error\nid: 7\nretry: 5\ndata: a\n\n", [(b"error", b"a")]),
        (b"event: lost\n\ndata: a\n\n", [(b"", b"a")]),
        (b"data: a\n\ndata: [DONE]", [(b"", b"a"), (b"", b"[DONE]")]),
        (b"dat: a\nDATA: b\n\n", []),
        (b"data: x\x0by\x0cz\xc2\x85\xe2\x80\xa8\n\n", [(b"", b"x\x0by\x0cz\xc2\x85\xe2\x80\xa8")]),
        (b"", []),
        (b"\n\r\n\r\n", []),
    ],
)
def test_events_are_read_as_the_standard_says(raw: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert parse(raw) == expected


LINES = st.sampled_from(
    [b"data: {}", b"data: \xc3\xa9\xe2\x82\xac", b"data", b": c", b"event: e", b"", b"", b"data:x", b"junk"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(LINES, ENDS)), st.booleans(), st.data())
def test_where_the_network_cuts_changes_nothing(
    lines: list[tuple[bytes, bytes]], bom: bool, data: st.DataObject
) -> None:
    raw = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + end for line, end in lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))))
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert parse(*pieces) == parse(raw) == parse(*[raw[i : i + 1] for i in range(len(raw))])


def test_an_event_without_end_is_refused_and_a_giant_one_is_quick() -> None:
    with pytest.raises(TooLargeError):
        parse(*[b"data: " + b"x" * 100] * 11)
    with pytest.raises(TooLargeError):
        parse(*[b"data: " + b"x" * 100 + b"\n"] * 11)
    began = time.monotonic()
    giant = parse(b"data: ", *[b"g" * 65536] * 240, b"\n\n", limit=16 * 1024 * 1024)
    assert len(giant[0][1]) == 65536 * 240
    assert time.monotonic() - began < 1


# ---- chunks and completions ----

TEXT = st.text(max_size=8)
CALL = st.fixed_dictionaries({"id": TEXT.filter(bool), "name": TEXT.filter(bool), "parts": st.lists(TEXT, max_size=4)})
CHOICE = st.fixed_dictionaries(
    {
        "content": st.none() | st.lists(TEXT, min_size=1, max_size=5),
        "reasoning": st.none() | st.lists(TEXT, min_size=1, max_size=3),
        "calls": st.lists(CALL, max_size=3),
        "logprobs": st.lists(st.integers(-9, 0), max_size=3),
        "finish": st.sampled_from(["stop", "length", "tool_calls"]),
    }
)
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def pieces_of(index: int, choice: dict[str, Any]) -> list[dict[str, Any]]:
    """The deltas that tell one choice, in the order providers send them."""
    deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": None}}]
    deltas += [{"delta": {"reasoning_content": part}} for part in choice["reasoning"] or ()]
    deltas += [{"delta": {"content": part}} for part in choice["content"] or ()]
    deltas += [{"delta": {}, "logprobs": {"content": [{"logprob": p}]}} for p in choice["logprobs"]]
    for place, call in enumerate(choice["calls"]):
        named = {
            "index": place,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": ""},
        }
        deltas.append({"delta": {"tool_calls": [named]}})
        parts = [{"index": place, "function": {"arguments": part}} for part in call["parts"]]
        deltas += [{"delta": {"tool_calls": [part]}} for part in parts]
    deltas.append({"delta": {}, "finish_reason": choice["finish"]})
    return [{"index": index, "finish_reason": None, **delta} for delta in deltas]


@given(st.lists(CHOICE, min_size=1, max_size=3), st.randoms())
def test_the_assembled_answer_is_what_was_streamed(choices: list[dict[str, Any]], random: Any) -> None:
    queues = [pieces_of(index, choice) for index, choice in enumerate(choices)]
    chunks = []
    while any(queues):
        piece = random.choice([queue for queue in queues if queue]).pop(0)
        chunks.append({"id": "c1", "object": "chat.completion.chunk", "model": "m", "created": 5, "choices": [piece]})
    chunks.append({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE})
    whole = json.loads(assemble(json.dumps(chunk).encode() for chunk in chunks))
    assert {name: whole[name] for name in ("id", "object", "model", "created", "usage")} == {
        "id": "c1", "object": "chat.completion", "model": "m", "created": 5, "usage": USAGE,
    }  # fmt: skip
    for choice, got in zip(choices, whole["choices"], strict=True):
        message = got["message"]
        assert message["role"] == "assistant"
        assert message["content"] == (None if choice["content"] is None else "".join(choice["content"]))
        assert message.get("reasoning_content") == (choice["reasoning"] and "".join(choice["reasoning"]))
        assert got["finish_reason"] == choice["finish"]
        assert [entry["logprob"] for entry in (got.get("logprobs") or {"content": []})["content"]] == choice["logprobs"]
        calls = [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", ())]
        assert calls == [(call["id"], call["name"], "".join(call["parts"])) for call in choice["calls"]]


@given(st.lists(CHOICE, min_size=1, max_size=3))
def test_taking_apart_and_putting_together_changes_nothing(choices: list[dict[str, Any]]) -> None:
    deltas = [piece for index, choice in enumerate(choices) for piece in pieces_of(index, choice)]
    top = {"id": "c1", "created": 5, "model": "m", "system_fingerprint": "fp"}
    told = [json.dumps({**top, "choices": [piece]}).encode() for piece in deltas]
    told.append(json.dumps({**top, "choices": [], "usage": USAGE}).encode())
    whole = assemble(told)
    assert json.loads(assemble(disassemble(whole))) == json.loads(whole)


def test_an_assembled_stream_is_a_completion() -> None:
    import msgspec

    whole = assemble([b'{"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}'])
    assert msgspec.json.decode(whole, type=ChatReply).choices[0].message.content == "a"


def message_of_deltas(*deltas: dict[str, Any]) -> dict[str, Any]:
    """The message that these deltas of one choice come to."""
    told = [json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta}]}).encode() for delta in deltas]
    whole = assemble(told)
    assert json.loads(assemble(disassemble(whole))) == json.loads(whole)
    found: dict[str, Any] = json.loads(whole)["choices"][0]["message"]
    return found


def signed(signature: str | None) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}}


def test_a_thought_signature_told_twice_is_the_same_signature() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}, **signed("c2ln")}
    more = {"index": 0, "function": {"arguments": "}"}, **signed("c2ln")}
    other = {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    late = {"index": 1, "function": {"arguments": ""}, "extra_content": {"google": {"thought_signature": "", "x": 1}}}
    last = {"index": 1, "extra_content": {"google": {"thought_signature": "bGF0ZQ=="}}}
    calls = message_of_deltas(
        {"tool_calls": [call]}, {"tool_calls": [other]}, {"tool_calls": [more, late]}, {"tool_calls": [last]}
    )["tool_calls"]
    assert [one["function"] for one in calls] == [{"name": "f", "arguments": "{}"}, {"name": "g", "arguments": "{}"}]
    assert [one["extra_content"]["google"] for one in calls] == [
        {"thought_signature": "c2ln"},
        {"thought_signature": "bGF0ZQ==", "x": 1},
    ]


def test_the_last_signature_of_a_text_stands_and_silence_takes_none_back() -> None:
    message = message_of_deltas(
        {"content": "a", **signed("Zmlyc3Q=")}, {"content": "b", **signed("bGFzdA==")}, {"content": "", **signed(None)},
        {"content": "c", "extra_content": None},
    )  # fmt: skip
    assert message == {"role": "assistant", "content": "abc", **signed("bGFzdA==")}


BLOCK = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("thinking"), "parts": st.lists(TEXT, max_size=3), "signature": TEXT.filter(bool)}
    ),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": TEXT.filter(bool)}),
)


@given(st.lists(BLOCK, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_thoughts_in_pieces_are_the_blocks_they_were(blocks: list[dict[str, Any]], placed: bool, twice: bool) -> None:
    deltas, expected = [], []
    for place, block in enumerate(blocks):
        index = {"index": place} if placed else {}
        if block["type"] == "redacted_thinking":
            deltas.append({**index, **block})
            expected.append(block)
            continue
        deltas += [{**index, "type": "thinking", "thinking": part} for part in block["parts"]]
        end = {**index, "type": "thinking", "thinking": "", "signature": block["signature"]}
        deltas += [end, end] if placed and twice else [end]
        thought = {"type": "thinking", "thinking": "".join(block["parts"]), "signature": block["signature"]}
        expected.append(thought)
    assert message_of_deltas(*({"thinking_blocks": [delta]} for delta in deltas))["thinking_blocks"] == expected


def test_a_piece_without_a_place_never_falls_into_a_block_that_is_whole() -> None:
    first = {"index": 0, "type": "thinking", "thinking": "a", "signature": "s"}
    third = {"index": 2, "type": "redacted_thinking", "data": "d"}
    loose = {"type": "thinking", "thinking": "b", "signature": "t"}
    blocks = message_of_deltas(*({"thinking_blocks": [block]} for block in (first, third, loose)))["thinking_blocks"]
    assert [block.get("thinking") or block.get("data") for block in blocks] == ["a", "d", "b"]


# ---- problems ----


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        (" 1.5 ", 1.5),
        ("1e9", LONGEST_WAIT),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("nan", None),
    ],
)
def test_retry_after_in_seconds(raw: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": raw}) == seconds


def test_retry_after_as_a_date_and_in_milliseconds() -> None:
    assert retry_after({"Retry-After": formatdate(1000, usegmt=True)}, now=940) == 60
    assert retry_after({"Retry-After": formatdate(1000, usegmt=True)}, now=2000) == 0
    assert retry_after({"retry-after-ms": "250", "Retry-After": "1"}) == 0.25
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"m","param":"p"}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"message":"m"}', "m"),
        (b'{"detail":[{"loc":["body"],"msg":"m"}]}', "m"),
        (b'[{"error":{"message":"m"}}]', "m"),
        (b"m\n", "m"),
        (b"<html>m</html>", ""),
        (b"", ""),
        (b"\xff\xfe", "��"),
        (b'{"error":{"message":null}}', ""),
        (b"17", ""),
    ],
)
def test_a_providers_message_is_found(body: bytes, message: str) -> None:
    assert message_of(body)[0] == message


SECRET = "sk-proj-AbCd1234EfGh5678/+="


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {SECRET}.",
        "bad url ?key=sk-proj-AbCd1234EfGh5678%2F%2B%3D",
        "Incorrect API key provided: sk-proj-****8/+=",
        "key sk-pr...8/+= is not valid",
        f"{'x' * (CLIP - 20)}{SECRET}",
    ],
)
def test_no_part_of_a_key_comes_through(text: str) -> None:
    body = json.dumps({"error": {"message": text, "param": SECRET}}).encode()
    fault = from_status("acme", 400, {}, body, Scrub([SECRET])).fault
    assert fault.code is Code.PROVIDER_REFUSED
    for part in (SECRET[:7], SECRET[8:20], "8/+="):
        assert part not in fault.message + (fault.param or "")
    assert len(fault.message) < CLIP + 100
