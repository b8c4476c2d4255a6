"""Traces for an OpenTelemetry collector: the house's `Tracer` (`schemas/tracing.py`), made of the OpenTelemetry SDK.

What a newcomer would get wrong: nothing of OpenTelemetry is imported unless traces are on, and nothing waits for the
collector. Spans go out in batches from a thread; what its queue can't hold is dropped. A collector that is away is
told of once in the log, and once more when it is back.
"""

import atexit
import importlib.util
import os
import socket
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog

from schemas.discretion import Discretion
from schemas.problem import Code, Problem
from schemas.tracing import NOTHING, Fact, Facts, Kind, Span, Tracer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span as Otel

log = structlog.get_logger()

QUEUE, BATCH, EVERY_MS = 4096, 512, 2000
"""Spans that wait, spans a message, and milliseconds between two."""
SEND_SECONDS = 5.0
"""How long one message to the collector may take, tries and all."""
LAST_SECONDS = 2.0
"""How long the end of the process waits for the last spans."""
PATH = "/v1/traces"
MISSING = (
    "traces need OpenTelemetry: install the extra with `pip install 'ai-server[telemetry]'`, "
    "or take `traces` out of [telemetry] (and OTEL_EXPORTER_OTLP_ENDPOINT out of the environment)"
)


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[telemetry]` of the settings (`ops/settings.py`)."""

    public_metrics: bool = False
    """`/metrics` wants no key. It tells which models and providers there are, and how busy they are."""
    label_keys: bool = False
    """Count by key and tenant too: as many series more as there are keys."""
    traces: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^/?#\s]+[^?#\s]*)?$")] = ""
    """The OpenTelemetry collector (OTLP over HTTP), `http://collector:4318`; empty: nothing is traced."""
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of the requests that are traced, where their callers don't trace them."""
    content: bool = False
    """Record requests and answers too. Off, because prompts are personal data."""


def tracer_of(settings: TelemetrySettings, role: str, discretion: Discretion) -> Tracer | None:
    """The tracer of this process; None: traces are off. Raises `Problem` where the extra is missing.

    `discretion`: whose text may be recorded, where the setting wants text at all.
    """
    if not settings.traces:
        return None
    check(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter: Any = _Told(OTLPSpanExporter(endpoint=endpoint(settings.traces), timeout=SEND_SECONDS))
    provider = provider_of(role, settings.sample)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH, schedule_delay_millis=EVERY_MS)
    )
    atexit.register(_shut, provider)
    log.info("telemetry.started", traces=endpoint(settings.traces).rpartition("@")[2], sample=settings.sample)
    return OtelTracer(provider, discretion if settings.content else None)


def check(settings: TelemetrySettings) -> None:
    """Raises `Problem(UNAVAILABLE)` where traces are on and the extra is missing."""
    if settings.traces and not all(map(_found, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))):
        raise Problem(Code.UNAVAILABLE, MISSING)


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def endpoint(said: str) -> str:
    """Where traces go: `http://collector:4318` names the collector, an address with a path of its own is taken as it is."""
    base, mark, rest = said.partition("://")
    host, slash, path = rest.partition("/")
    return f"{base}{mark}{host}{PATH}" if not path else f"{base}{mark}{host}{slash}{path}"


def endpoint_in(env: Mapping[str, str]) -> str:
    """What the standard's variables say; empty: nothing, or that it is off."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "").lower() == "none":
        return ""
    if own := env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""):
        return own
    base = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return base + PATH if base else ""


def provider_of(role: str, sample: float) -> "TracerProvider":
    """Says who speaks. A trace that a caller began is sampled as the caller decided, one that begins here by `sample`."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or "ai-server",
            "service.version": version("ai-server"),
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
            "ai_server.role": role,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
    )
    return TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(sample), shutdown_on_exit=False)


class OtelSpan:
    """A `schemas.tracing.Span`."""

    __slots__ = ("_span", "context", "recording", "trace_id")

    def __init__(self, span: "Otel") -> None:
        self._span = span
        found = span.get_span_context()
        self.trace_id = f"{found.trace_id:032x}"
        self.context = f"00-{self.trace_id}-{found.span_id:016x}-{int(found.trace_flags):02x}"
        if found.trace_state:
            self.context += " " + found.trace_state.to_header()
        self.recording = span.is_recording()

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def tell(self, facts: Facts) -> None:
        self._span.set_attributes(dict(facts))

    def event(self, name: str, facts: Facts) -> None:
        self._span.add_event(name, dict(facts))

    def end(self, error: str = "") -> None:
        if error and self.recording:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Unsampled:
    """A span below one that is not recorded: not made at all, for that decision holds for its whole trace."""

    __slots__ = ("context", "recording", "trace_id")

    def __init__(self, parent: str) -> None:
        self.context, self.trace_id, self.recording = parent, parent[3:35], False

    def rename(self, name: str) -> None:
        pass

    def tell(self, facts: Facts) -> None:
        pass

    def event(self, name: str, facts: Facts) -> None:
        pass

    def end(self, error: str = "") -> None:
        pass


class OtelTracer:
    """A `schemas.tracing.Tracer`. `discretion` None: no text is recorded."""

    def __init__(self, provider: "TracerProvider", discretion: Discretion | None = None) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context

        self._trace, self._discretion = trace, discretion
        self._tracer = provider.get_tracer("ai-server", version("ai-server"))
        self._kinds = {kind: trace.SpanKind[kind.name] for kind in Kind}
        self._nobody = Context()

    def begin(self, name: str, kind: Kind, parent: str = "", facts: Facts = NOTHING) -> Span:
        context = self._nobody
        if parent:
            trace = self._trace
            flags = trace.TraceFlags(int(parent[53:55], 16))
            if not flags.sampled:
                return Unsampled(parent)
            ids, state = (int(parent[3:35], 16), int(parent[36:52], 16)), trace.TraceState.from_header([parent[56:]])
            found = trace.SpanContext(*ids, is_remote=True, trace_flags=flags, trace_state=state)
            context = trace.set_span_in_context(trace.NonRecordingSpan(found), context)
        told: Mapping[str, Fact] = facts
        return OtelSpan(self._tracer.start_span(name, context, self._kinds[kind], dict(told)))

    def content(self, key: str) -> bool:
        """The setting says yes, and the key does not say no to its text being kept."""
        return self._discretion is not None and self._discretion.wish(key) != "off"


class _Told:
    """An exporter that tells of a collector that is away, once."""

    def __init__(self, exporter: "SpanExporter") -> None:
        import logging

        self._exporter, self._away, self._lost = exporter, False, 0
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would say so at each try

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        from opentelemetry.sdk.trace.export import SpanExportResult

        result = self._exporter.export(spans)
        away = result is not SpanExportResult.SUCCESS
        self._lost += len(spans) if away else 0
        if away and not self._away:
            log.warning("telemetry.away", spans_lost=len(spans))
        elif self._away and not away:
            log.info("telemetry.back", spans_lost=self._lost)
            self._lost = 0
        self._away = away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def _shut(provider: Any) -> None:
    """Send what is left, but don't hold the process for it."""
    begun = time.monotonic()
    last = threading.Thread(target=provider.shutdown, daemon=True)
    last.start()
    last.join(LAST_SECONDS)
    log.debug("telemetry.stopped", seconds=round(time.monotonic() - begun, 3))
