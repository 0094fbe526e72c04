"""Spans of our own work, sent by OTLP where the operator wants them; needs the extra `otel`.

Attributes are ids, figures and words of ours: never what was said, asked or answered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from callgauge.telemetry.context import current

FLUSH_SECS = 3.0

Fact = str | int | float | bool


class TracesUnavailable(Exception):
    """The extra `otel` is not installed."""


class Span:
    """A span under way; facts that are known only later are put on it."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def note(self, **facts: Fact | None) -> None:
        if self._span is not None:
            for name, value in facts.items():
                if value is not None:
                    self._span.set_attribute(f"callgauge.{name}", value)

    def failed(self, kind: str) -> None:
        """`kind` is the name of a class: what an exception says may quote a call."""
        self.note(error=kind)
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)


_NO_SPAN = Span()
_provider: Any = None


def start_traces(endpoint: str, part: str) -> None:
    """Send spans to an OTLP/HTTP receiver, such as http://127.0.0.1:4318; the first call decides.
    Raises TracesUnavailable."""
    if _provider is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracesUnavailable from None
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
    trace_to(BatchSpanProcessor(exporter), part)


def trace_to(processor: Any, part: str) -> None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _provider
    # Left to itself it would wait for its receiver once more when the process ends.
    resource = Resource.create({"service.name": f"callgauge-{part}"})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(processor)


def stop_traces() -> None:
    """Send what is left; a receiver that does not answer is waited for no longer than FLUSH_SECS."""
    global _provider
    if _provider is not None:
        # In a thread: the time that the library can be given to send is not kept to.
        sending = threading.Thread(target=_provider.shutdown, name="callgauge-last-spans", daemon=True)
        sending.start()
        sending.join(FLUSH_SECS)
        _provider = None


@contextmanager
def span(name: str, **facts: Fact | None) -> Iterator[Span]:
    """A stretch of work; spans inside belong to it. It carries the ids of the context."""
    if _provider is None:
        yield _NO_SPAN
        return
    tracer = _provider.get_tracer("callgauge")
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as begun:
        made = Span(begun)
        made.note(**current(), **facts)
        try:
            yield made
        except BaseException as error:
            made.failed(type(error).__name__)
            raise
