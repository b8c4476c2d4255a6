"""A table that is always green proves nothing: each lie a gateway could tell must be seen by the judge of faults."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from ops.prove.cases import CASES, Cell, cells, config
from ops.prove.child import server
from ops.prove.edges import EDGES, Edge, Odd
from ops.prove.faults import _recorded, judge

BY_NAME = {edge.name: edge for edge in EDGES}
CASE = {case.name: case for case in CASES}
SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
SAID = ("t0 ", "t1 ", "t2 ")
MESSAGE = "The answer broke off: it fell silent"


def sse(*datas: Any, named: bool = False) -> str:
    text = [data if isinstance(data, str) else json.dumps(data) for data in datas]
    heads = [f"event: {data['type']}\n" if named else "" for data in datas]
    return "".join(f"{head}data: {one}\n\n" for head, one in zip(heads, text, strict=True))


def chunk(content: str, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def openai(message: str = MESSAGE, kind: str = "server_error", code: str = "stream_broken") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


BLOCK = [{"type": "message_start", "message": {}}, {"type": "content_block_start", "index": 0}]
TEXTS = [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}} for text in SAID]
STOP = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]
ANTHROPIC_ERROR = {"type": "error", "error": {"type": "api_error", "message": MESSAGE}}
CANDIDATES = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in SAID]
GEMINI_ERROR = {"error": {"code": 502, "message": MESSAGE, "status": "INTERNAL"}}
LINES = [{"message": {"role": "assistant", "content": text}, "done": False} for text in SAID]


def lines(*found: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in found)


BROKEN = {
    "chat": sse(*map(chunk, SAID), openai()),
    "anthropic": sse(*BLOCK, *TEXTS, ANTHROPIC_ERROR, named=True),
    "ollama": lines(*LINES, {"error": MESSAGE}),
    "gemini": sse(*CANDIDATES, GEMINI_ERROR),
}


def cut(name: str) -> Cell:
    return Cell(CASE["cut"], BY_NAME[name], True)


def heads(edge: Edge, stream: bool) -> dict[str, str]:
    return {"content-type": edge.types[stream]}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_told_well_is_right(name: str) -> None:
    judge(cut(name), 200, heads(BY_NAME[name], True), BROKEN[name])


LIES = {
    "chat: as if it were whole": ("chat", sse(*map(chunk, SAID), chunk("", "stop"), "[DONE]")),
    "chat: no word of the end": ("chat", sse(*map(chunk, SAID))),
    "chat: an error, and then an end": ("chat", sse(*map(chunk, SAID), openai(), "[DONE]")),
    "chat: finished before it broke": ("chat", sse(*map(chunk, SAID), chunk("", "stop"), openai())),
    "chat: what was said is lost": ("chat", sse(chunk("t0 "), openai())),
    "chat: the error of another dialect": ("chat", sse(*map(chunk, SAID), {"error": MESSAGE})),
    "anthropic: as if it were whole": ("anthropic", sse(*BLOCK, *TEXTS, *STOP, named=True)),
    "anthropic: an error after the end": ("anthropic", sse(*BLOCK, *TEXTS, *STOP, ANTHROPIC_ERROR, named=True)),
    "anthropic: the error of another dialect": ("anthropic", sse(*BLOCK, *TEXTS, named=True) + sse(openai())),
    "ollama: as if it were whole": ("ollama", lines(*LINES, {"message": {"content": ""}, "done": True})),
    "ollama: the error of another dialect": ("ollama", lines(*LINES, openai())),
    "ollama: no word of the end": ("ollama", lines(*LINES)),
    "gemini: the error of another dialect": ("gemini", sse(*CANDIDATES, openai())),
    "gemini: no word of the end": ("gemini", sse(*CANDIDATES)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_broken_stream_that_looks_whole_or_foreign_is_seen(lie: str) -> None:
    name, text = LIES[lie]
    with pytest.raises((Odd, LookupError, TypeError)):
        judge(cut(name), 200, heads(BY_NAME[name], True), text)


def limited(status: int = 429, wait: str = "60", body: Any = None) -> tuple[Cell, int, dict[str, str], str]:
    told = body or openai("it asks us to slow down (429): scripted 429", "rate_limit_error", "rate_limit_exceeded")
    return Cell(CASE["429"], BY_NAME["chat"], False), status, {**JSON, "retry-after": wait}, json.dumps(told)


def test_a_refusal_told_well_is_right() -> None:
    judge(*limited())


@pytest.mark.parametrize(
    "wrong",
    [
        limited(status=502),
        limited(wait="1"),
        limited(body=openai("it is too much", "rate_limit_error", "rate_limit_exceeded")),
        limited(body=openai("scripted 429")),
        limited(body={"error": "scripted 429"}),
    ],
    ids=["status", "retry-after", "the provider's words", "type", "shape"],
)
def test_a_refusal_told_badly_is_seen(wrong: tuple[Cell, int, dict[str, str], str]) -> None:
    with pytest.raises(Odd):
        judge(*wrong)


RIGHT = {"outcome": "failed", "error": "stream_broken", "status": 502, "provider": "cut", "stream": True, "attempts": 1}


def test_the_record_of_a_broken_stream_must_tell_its_end_and_its_usage() -> None:
    row = {**RIGHT, "tokens_out": 3, "estimated": True}
    assert _recorded(cut("chat"), [row]) == []
    assert len(_recorded(cut("chat"), [])) == 1
    assert len(_recorded(cut("chat"), [row, row])) == 1
    assert len(_recorded(cut("chat"), [{**row, "outcome": "done", "error": None}])) == 2
    assert len(_recorded(cut("chat"), [{**row, "tokens_out": 0}])) == 1


def test_every_fault_meets_every_dialect_in_both_ways() -> None:
    table = cells()
    for case in CASES:
        met = {(cell.edge.name, cell.stream) for cell in table if cell.case is case and cell.kind == "openai"}
        assert len(met) == (6 if case.name == "double-done" else 12)
    assert config(table, 1).count("[providers.") == len({cell.model for cell in table})


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
async def test_calls_of_one_fault_wait_until_all_have_come(path: str) -> None:
    body = {"model": "500", "messages": []}
    async with server("ops.prove.faulty") as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web:

        async def call() -> int:
            async with web.post(path, json=body) as answer:
                return answer.status

        async with web.post("/gates", json={"500": 2}) as answer:
            assert answer.status == 200
        first = asyncio.create_task(call())
        done, _ = await asyncio.wait({first}, timeout=0.2)
        assert not done
        assert await call() == await first == 500
