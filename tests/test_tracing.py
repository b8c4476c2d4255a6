"""Traces: one request is one trace from the front door over the bus to the provider, and nobody's words stand in it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import web
from gateway_house import CHAT, chat, until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from telemetry_kit import Watched, open_watched, serving

from bus.connection import Link
from bus.tracing import sampled
from ops import telemetry
from ops.settings import BadSettingsError, load
from ops.telemetry import OtelTracer, TelemetrySettings, endpoint, endpoint_in, provider_of, tracer_of
from schemas.discretion import DISCREET, Discretion
from schemas.problem import Problem
from schemas.tracing import Kind, context_of, headers_of

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = CALLER[:-1] + "0"
STATE = "rojo=00f067aa0ba902b7,tenant@congo=t61 rc"
PROMPT, ANSWER = "canary-prompt-7261", "w0 w1"


class Seen:
    """The spans of a house."""

    def __init__(self, made: Watched, memory: InMemorySpanExporter) -> None:
        self.made, self.memory = made, memory

    def named(self, start: str) -> list[ReadableSpan]:
        found = [span for span in self.memory.get_finished_spans() if span.name.startswith(start)]
        return sorted(found, key=lambda span: span.start_time or 0)

    async def one(self, start: str) -> ReadableSpan:
        await until(lambda: self.named(start))
        assert len(self.named(start)) == 1, [span.name for span in self.memory.get_finished_spans()]
        return self.named(start)[0]


@asynccontextmanager
async def traced(link: Link, sample: float = 1.0, discretion: Discretion | None = None) -> AsyncIterator[Seen]:
    memory, provider = InMemorySpanExporter(), provider_of("test", sample)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    async with open_watched(link) as made:
        made.trace(OtelTracer(provider, discretion))
        yield Seen(made, memory)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int:
    return span.parent.span_id if span.parent else 0


def chain(*spans: ReadableSpan) -> None:
    """Each is the child of the one before it, in one trace."""
    for before, after in pairwise(spans):
        assert (after.context.trace_id, parent(after)) == (spans[0].context.trace_id, before.context.span_id), (
            after.name
        )


def everything(seen: Seen) -> str:
    return "\n".join(span.to_json() for span in seen.memory.get_finished_spans())


async def test_one_chat_is_one_trace_from_the_door_to_the_provider(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        body = chat(messages=[{"role": "user", "content": PROMPT}], temperature=0.5, max_tokens=50)
        status, _, answer = await house.post(body, headers={"traceparent": CALLER, "tracestate": STATE})
        assert status == 200
        server = await seen.one("POST /v1/chat/completions")
        sent, taken = await seen.one("send live.fake"), await seen.one("process live.fake")
        call = await seen.one("chat m")
        chain(server, sent, taken, call)
        assert f"{server.context.trace_id:032x}-{parent(server):016x}" == CALLER[3:52]
        assert [span.kind.name for span in (server, sent, taken, call)] == ["SERVER", "PRODUCER", "CONSUMER", "CLIENT"]
        told = facts(server)
        assert (told["http.request.method"], told["http.route"], told["http.response.status_code"]) == (
            "POST",
            CHAT,
            200,
        )
        told = facts(sent)
        assert (told["messaging.system"], told["messaging.destination.name"]) == ("nats", "live.fake")
        routed = next(event for event in sent.events if event.name == "ai_server.routed")
        assert [text.partition(":")[0] for text in routed.attributes["ai_server.reasons"]] == ["fake", "spare"]
        told = facts(call)
        usage = answer["usage"]
        assert told["gen_ai.operation.name"] == "chat"
        assert told["gen_ai.provider.name"] == told["gen_ai.system"] == "openai"
        assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == "m"
        assert told["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
        assert told["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
        assert told["gen_ai.response.finish_reasons"] == ("stop",)
        assert (told["gen_ai.request.temperature"], told["gen_ai.request.max_tokens"]) == (0.5, 50)
        assert told["server.address"] == "127.0.0.1"
        assert str(told["server.port"]) in house.fake.url
        assert call.status.status_code is StatusCode.UNSET
        # The provider can go on with it.
        assert house.fake.calls[0].headers["tracestate"] == STATE
        assert (
            house.fake.calls[0].headers["traceparent"][3:52]
            == f"{call.context.trace_id:032x}-{call.context.span_id:016x}"
        )
        text = everything(seen)
        for secret in (PROMPT, "canary-secret", house.secret, ANSWER):
            assert secret not in text


async def test_a_stream_has_its_first_chunk_and_its_usage(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        body = chat(stream=True, stream_options={"include_usage": True})
        async with house.http.post(house.url + CHAT, json=body, headers={"X-Api-Key": house.secret}) as reply:
            await reply.text()
        call, server = await seen.one("chat m"), await seen.one("POST")
        told = facts(call)
        assert told["gen_ai.request.stream"] is True
        assert told["gen_ai.response.time_to_first_chunk"] > 0
        assert (told["gen_ai.response.model"], told["gen_ai.usage.output_tokens"]) == ("m", 5)
        assert "error.type" not in facts(server)


async def test_each_attempt_is_a_span_and_the_failed_one_says_why(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        house.fake.queue("500")
        assert (await house.post())[0] == 200
        await until(lambda: len(seen.named("chat m")) == 2 and len(seen.named("process live.")) == 2)
        bad, good = seen.named("chat m")
        assert (facts(bad)["error.type"], bad.status.status_code) == ("provider_error", StatusCode.ERROR)
        assert facts(bad)["http.response.status_code"] == 500
        assert [facts(span)["ai_server.attempt"] for span in (bad, good)] == [1, 2]
        assert [facts(span)["ai_server.provider"] for span in (bad, good)] == ["fake", "spare"]
        first, second = seen.named("process live.")
        sent = await seen.one("send live.fake")
        assert parent(first) == parent(second) == sent.context.span_id
        assert [event.name for event in first.events] == ["ai_server.handed_on"]
        spare = seen.made.spare.calls[0].headers["traceparent"]
        assert spare[36:52] == f"{good.context.span_id:016x}"
        assert "scripted 500" not in everything(seen)  # the provider's own words


async def test_a_queued_job_and_its_callback_stay_in_their_trace(nats: Link) -> None:
    async with traced(nats) as seen:
        made = seen.made
        headers = {"Prefer": "respond-async", "Reply-To": made.receiver, "traceparent": CALLER, "tracestate": STATE}
        status, _, _ = await made.house.post(headers=headers)
        assert status == 202
        await until(lambda: made.delivered)
        server, sent = await seen.one("POST /v1"), await seen.one("send work.fake")
        taken, call = await seen.one("process work.fake"), await seen.one("chat m")
        chain(server, sent, taken, call)
        back, posting = await seen.one("send work.callbacks"), await seen.one("process work.callbacks")
        post = next(span for span in seen.named("POST") if span.kind.name == "CLIENT")
        chain(taken, back, posting, post)
        told = facts(post)
        assert (told["http.request.method"], told["server.address"]) == ("POST", "127.0.0.1")
        assert made.delivered[0]["tracestate"] == STATE
        assert made.delivered[0]["traceparent"][3:52] == f"{post.context.trace_id:032x}-{post.context.span_id:016x}"
        assert "canary-token" not in everything(seen)  # it stands in the callback's address


async def test_a_caller_who_hangs_up_shows_as_cancelled(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        asking = asyncio.create_task(house.post(chat("slow")))
        await until(lambda: house.fake.calls)
        asking.cancel()
        call = await seen.one("chat slow")
        assert (facts(call)["error.type"], call.status.status_code) == ("cancelled", StatusCode.ERROR)
        assert facts(await seen.one("POST"))["error.type"] == "cancelled"


async def test_a_refusal_is_no_error_of_the_server(nats: Link) -> None:
    async with traced(nats) as seen:
        assert (await seen.made.house.post(chat("nobody-has-it")))[0] == 404
        server, sent = await seen.one("POST"), await seen.one("send live")
        assert (facts(server)["http.response.status_code"], server.status.status_code) == (404, StatusCode.UNSET)
        assert facts(sent)["error.type"] == "model_not_found"
        assert (await seen.made.house.get("/up"))[0] == 200
        assert len(seen.memory.get_finished_spans()) == 2  # what machines ask all the time is not traced


async def test_direct_publishers_bring_their_trace_as_a_header(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        subject, body = f"rpc.default.{house.key.id}.chat", json.dumps(chat()).encode()
        await house.bus.ask(subject, body, headers={"traceparent": CALLER, "Tracestate": STATE})
        server, sent = await seen.one("process rpc.chat"), await seen.one("send live.fake")
        chain(server, sent, await seen.one("process live.fake"), await seen.one("chat m"))
        assert f"{server.context.trace_id:032x}" == CALLER[3:35]
        assert house.fake.calls[0].headers["tracestate"] == STATE


@pytest.mark.parametrize(
    ("said", "sample", "spans"), [(UNSAMPLED, 1.0, 0), ("", 0.0, 0), (CALLER, 0.0, 4), ("junk", 1.0, 4)]
)
async def test_the_caller_decides_and_else_the_share(nats: Link, said: str, sample: float, spans: int) -> None:
    async with traced(nats, sample) as seen:
        house = seen.made.house
        assert (await house.post(headers={"traceparent": said, "tracestate": STATE}))[0] == 200
        await until(lambda: len(seen.memory.get_finished_spans()) == spans)
        carried = house.fake.calls[0].headers["traceparent"]
        assert sampled(carried) == bool(spans)
        kept = said in (CALLER, UNSAMPLED)
        assert (carried[3:35] == CALLER[3:35]) == kept
        assert house.fake.calls[0].headers.get("tracestate") == (STATE if kept else None)


async def test_text_is_recorded_where_the_setting_wants_it_and_the_key_does_not_object(nats: Link) -> None:
    objecting: set[str] = set()
    wish = Discretion(wish=lambda key: "off" if key in objecting else "")
    async with traced(nats, discretion=wish) as seen:
        body = chat(messages=[{"role": "user", "content": PROMPT}])
        await seen.made.house.post(body)
        call = await seen.one("chat m")
        event = next(one for one in call.events if one.name == "gen_ai.client.inference.operation.details")
        said = json.loads(str(event.attributes["gen_ai.input.messages"]))
        assert said == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
        assert ANSWER in str(event.attributes["gen_ai.output.messages"])
        objecting.add(seen.made.house.key.id)
        seen.memory.clear()
        await seen.made.house.post(body)
        assert not [one for one in (await seen.one("chat m")).events if "details" in one.name]


async def test_logs_of_a_request_bear_its_trace(nats: Link) -> None:
    async with traced(nats) as seen:
        house = seen.made.house
        house.fake.queue("500")
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            await house.post(headers={"traceparent": CALLER})
        handed = next(line for line in lines if line["event"] == "job.handed_on")
        assert handed["trace_id"] == CALLER[3:35]


async def test_without_a_tracer_nothing_is_sent_on(nats: Link) -> None:
    async with open_watched(nats) as made:
        assert (await made.house.post(headers={"traceparent": CALLER}))[0] == 200
        assert "traceparent" not in made.calls[0].headers


# ---- the collector --------------------------------------------------------------------------------------------------


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The providers that would be shut at the end of the process."""
    found: list[Any] = []
    end = SimpleNamespace(register=lambda _, provider: found.append(provider))
    monkeypatch.setattr(telemetry, "atexit", end)
    yield found
    for provider in found:
        provider.shutdown()


async def test_a_collector_gets_the_spans_and_who_they_are_of(registered: list[Any]) -> None:
    got: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        got.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with serving(app) as url:
        tracer = tracer_of(TelemetrySettings(traces=url, sample=1.0), "agent", DISCREET)
        assert tracer is not None
        span = tracer.begin("chat m", Kind.CLIENT, CALLER, {"gen_ai.request.model": "m"})
        span.end("provider_error")
        assert await asyncio.to_thread(registered[0].force_flush, 5000)
    spans = got[0].resource_spans[0]
    of = {one.key: one.value.string_value for one in spans.resource.attributes}
    assert (of["service.name"], of["ai_server.role"]) == ("ai-server", "agent")
    assert of["service.instance.id"]
    told = spans.scope_spans[0].spans[0]
    assert (told.name, told.trace_id.hex(), told.parent_span_id.hex()) == ("chat m", CALLER[3:35], CALLER[36:52])
    assert told.status.code == 2


def test_a_collector_that_is_away_holds_nobody_up(registered: list[Any]) -> None:
    import time

    tracer = tracer_of(TelemetrySettings(traces="http://127.0.0.1:9", sample=1.0), "agent", DISCREET)
    assert tracer is not None
    begun = time.monotonic()
    for _ in range(2 * telemetry.QUEUE):
        tracer.begin("x", Kind.INTERNAL).end()
    telemetry._shut(registered.pop())
    assert time.monotonic() - begun < telemetry.LAST_SECONDS + 5


def test_where_traces_go_is_said_in_the_file_or_by_the_standards_variables(tmp_path: Path) -> None:
    assert endpoint("http://c:4318") == endpoint("http://c:4318/") == "http://c:4318/v1/traces"
    assert endpoint("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"
    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}
    assert endpoint_in(base) == "http://c:4318/v1/traces"
    assert endpoint_in(base | {"OTEL_SDK_DISABLED": "true"}) == endpoint_in({}) == ""
    assert endpoint_in(base | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x"}) == "http://t/x"
    file = tmp_path / "s.toml"
    file.write_text("[telemetry]\nsample = 0.5\nlabel_keys = true\n")
    told = load(file, env={"HOME": str(tmp_path), **base}).telemetry
    assert (told.traces, told.sample, told.label_keys, told.public_metrics) == (
        "http://c:4318/v1/traces",
        0.5,
        True,
        False,
    )
    file.write_text('[telemetry]\ntraces = "http://own:1"\n')
    assert load(file, env={"HOME": str(tmp_path), **base}).telemetry.traces == "http://own:1"
    for wrong in ("sample = 2", 'traces = "collector:4318"', "trace = 1"):
        file.write_text(f"[telemetry]\n{wrong}\n")
        with pytest.raises(BadSettingsError):
            load(file, env={"HOME": str(tmp_path)})


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_found", lambda _: False)
    assert tracer_of(TelemetrySettings(), "agent", DISCREET) is None
    with pytest.raises(Problem, match=r"pip install 'ai-server\[telemetry\]'"):
        tracer_of(TelemetrySettings(traces="http://c"), "agent", DISCREET)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "00",
        CALLER[:-4],
        CALLER.upper(),
        CALLER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        "ff" + CALLER[2:],
    ],
)
def test_what_is_no_traceparent_begins_a_trace(said: str) -> None:
    assert context_of(said, STATE) == ""
    assert context_of(f" {CALLER} ") == CALLER


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (STATE, STATE),
        (" a=1 ,, b=2\t", "a=1,b=2"),
        ("a=1,B=2", ""),
        ("a=1\r\nx-evil: 1", ""),
        ("a=ü", ""),
        ("junk", ""),
        (",".join(f"k{n}=1" for n in range(40)), ",".join(f"k{n}=1" for n in range(32))),
        (f"a={'x' * 250},b={'y' * 250},c=1,d={'z' * 90}", f"a={'x' * 250},b={'y' * 250},c=1"),
        (f"a={'x' * 600}", ""),
    ],
)
def test_a_tracestate_goes_on_whole_members_of_it_and_never_too_long(said: str, kept: str) -> None:
    context = context_of(CALLER, said)
    assert headers_of(context) == {"traceparent": CALLER, **({"tracestate": kept} if kept else {})}
    assert len(context) <= 55 + 1 + 512


def test_nothing_of_it_is_imported_where_it_is_off() -> None:
    import subprocess
    import sys

    code = (
        "import sys, gateway.app, ops.run, ops.provide, ops.archiver\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'opentelemetry', 'prometheus_client'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_settings_survive_the_way_through_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(TelemetrySettings()), type=TelemetrySettings) == TelemetrySettings()
