"""Logs, traces and figures."""

from __future__ import annotations

import io
import json
import logging

import httpx2
import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mainstay import telemetry
from tests.web.standin import Door


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        ("s3cret", "token", "[redacted]"),
        ("s3cret", "smtp_password", "[redacted]"),
        ({"api_key": "s3cret", "n": 1}, "", {"api_key": "[redacted]", "n": 1}),
        ("Authorization: Bearer s3cret-x.y", "", "Authorization: Bearer [redacted]"),
        ("GET /a/eyJhb.s3cret HTTP/1.1", "", "GET /a/[redacted] HTTP/1.1"),
        ("/login?token=s3cret&x=1", "path", "/login?token=[redacted]&x=1"),
        ("postgresql://mainstay:s3cret@db/mainstay", "url", "postgresql://mainstay:[redacted]@db/mainstay"),
        (["Bearer s3cret"], "", ["Bearer [redacted]"]),
        ("a\x1b[31mred\nforged line", "event", "ared forged line"),
        (None, "token", None),
        (7, "count", 7),
    ],
)
def test_no_secret_reaches_a_log(value: object, name: str, shown: object) -> None:
    assert telemetry.redact(value, name) == shown


def test_lines_are_json_with_the_incident_key_for_our_loggers_and_others() -> None:
    out = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        telemetry.setup_logging(json=True, stream=out)
        telemetry.setup_logging(json=True, stream=out)
        with telemetry.about_incident("key-1"):
            structlog.get_logger("mainstay.web").info("acknowledged", person="alice", token="s3cret")
            logging.getLogger("temporalio.worker").warning("url %s", "https://u:s3cret@example.com")
        logging.getLogger("uvicorn.access").info("GET /a/s3cret")
        try:
            raise ValueError("Bearer s3cret")
        except ValueError:
            logging.getLogger("x").exception("failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "s3cret" not in out.getvalue()
    assert [line["event"] for line in lines] == [
        "acknowledged",
        "url https://u:[redacted]@example.com",
        "failed",
    ]
    assert [line.get("incident_key") for line in lines] == ["key-1", "key-1", None]
    assert "ValueError" in lines[2]["exception"]


async def test_a_request_continues_its_callers_trace(
    door: Door, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    provider = telemetry.setup_tracing("mainstay-server", exporter=exporter, globally=False)
    assert provider is not None
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await http.get(door.link("acknowledge", "1"), headers={"traceparent": parent})
    provider.force_flush()
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /a/…", "a span names no link"
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert span.resource.attributes["service.name"] == "mainstay-server"
    provider.shutdown()


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert telemetry.setup_tracing("mainstay-worker") is None


def test_a_metrics_label_is_bounded() -> None:
    assert len(telemetry.label("x" * 500)) == 40
    assert telemetry.label("\x1b[2J") == "unknown"
