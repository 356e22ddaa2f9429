"""What the product tells about itself: structured logs, traces and metrics, set up in one place.

Secrets never reach a log: fields named like one are blanked, and bearer tokens, signed links, passwords in
addresses and tokens in queries are blanked wherever they stand. Every line about an incident carries
``incident_key`` (architecture section 10).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.types import EventDict, WrappedLogger

from mainstay.domain.text import plain

REDACTED = "[redacted]"
MAX_LOG_TEXT = 4000
"""Longest text of one log field, in characters."""

_SECRET_NAME = re.compile(
    r"token|secret|passw|authorization|cookie|api_?key|routing_?key|signing_?key|private", re.IGNORECASE
)
_SECRET_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 " + REDACTED),
    (re.compile(r"(/a/)[\w.-]+"), r"\1" + REDACTED),
    (re.compile(r"(?i)([?&](?:token|key|secret|password|sig)=)[^&\s\"']+"), r"\1" + REDACTED),
    (re.compile(r"(\w://[^\s:/@]+:)[^\s@/]+(@)"), r"\1" + REDACTED + r"\2"),
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_BUCKETS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)


def redact(value: object, name: str = "") -> object:
    """``value`` as it may be logged: no secret, and no character that could forge a line or a colour."""
    if name and _SECRET_NAME.search(name) and value not in (None, "", True, False):
        return REDACTED
    if isinstance(value, str):
        for pattern, replacement in _SECRET_TEXT:
            value = pattern.sub(replacement, value)
        return plain(value, MAX_LOG_TEXT, newlines=name in ("exception", "stack"))
    if isinstance(value, dict):
        return {str(key): redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: item if key.startswith("_") else redact(item, key) for key, item in event.items()}


def _no_access_lines(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Paths hold signed links; the door counts requests itself."""
    if event.get("logger") == "uvicorn.access":
        raise structlog.DropEvent
    return event


def setup_logging(*, json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """All logs of this process, the libraries' included, as one line each; JSON for machines.

    May be called again: the last call counts.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        _no_access_lines,
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "_mainstay", False)]:
        root.removeHandler(old)
    handler._mainstay = True  # type: ignore[attr-defined]  # found again by the next call
    root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True


@contextmanager
def about_incident(key: str) -> Iterator[None]:
    """Every log line inside carries ``incident_key``."""
    with structlog.contextvars.bound_contextvars(incident_key=key):
        yield


def setup_tracing(
    process: str,
    otlp_endpoint: str = "",
    exporter: SpanExporter | None = None,
    *,
    globally: bool = True,
) -> TracerProvider | None:
    """Send spans to ``otlp_endpoint`` (OTLP over gRPC, ``http://HOST:4317``); None when it is empty.

    ``process`` becomes ``service.name``. The caller shuts the provider down, which flushes it. ``globally``
    makes it the process's own, which OpenTelemetry allows once.
    """
    if exporter is None:
        if not otlp_endpoint:
            return None
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint, insecure=not otlp_endpoint.startswith("https"), timeout=5)
    provider = TracerProvider(resource=Resource.create({"service.name": process}))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    if globally:
        trace.set_tracer_provider(provider)
    return provider


def tracer() -> trace.Tracer:
    """Ask for it when a span begins, not at import: the provider is set later."""
    return trace.get_tracer("mainstay")


class Metrics:
    """The process's own figures, in a registry of their own. ``deploy/`` has rules and a board for them."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.requests = self._counter("mainstay_requests", "Requests answered, by door and outcome.", "door", "outcome")
        self.alerts = self._counter(
            "mainstay_alerts", "Alerts received: accepted, unparseable or rejected.", "source", "outcome"
        )
        self.wrong_tokens = self._counter(
            "mainstay_wrong_tokens", "Requests refused for a missing or wrong token.", "door"
        )
        self.delivery = self._histogram(
            "mainstay_delivery_seconds", "Webhook received to accepted by Temporal.", _BUCKETS, "source"
        )
        self.in_flight = Gauge(
            "mainstay_requests_in_flight", "Requests being answered.", ("door",), registry=self.registry
        )
        self.incidents = Gauge(
            "mainstay_incidents",
            "Incidents of the last 30 days that have reached a stage: declared, acked, mitigated, resolved.",
            ("stage", "severity"),
            registry=self.registry,
        )
        self.open_incidents = Gauge(
            "mainstay_open_incidents", "Incidents not resolved.", ("severity",), registry=self.registry
        )
        self.dropped = Gauge(
            "mainstay_alerts_dropped",
            "Alerts that a route with mode drop wanted ignored, since the start.",
            registry=self.registry,
        )
        self.stage_seconds = self._histogram(
            "mainstay_incident_stage_seconds",
            "Declared to acked, mitigated, resolved, of the incidents of the last 30 days.",
            _STAGE_BUCKETS,
            "stage",
            "severity",
        )
        self.part_up = Gauge(
            "mainstay_part_up",
            "1 while a part that Mainstay needs answers.",
            ("part",),
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)


def label(value: Any, limit: int = 40) -> str:
    """Text for a metric's label: bounded, so that a caller cannot make endless series."""
    return plain(str(value), limit) or "unknown"
