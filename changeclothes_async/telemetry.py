"""OpenTelemetry spans and metrics of a client, made of its events alone (the extra `otel`)."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

from changeclothes_async import errors
from changeclothes_async.bulk.progress import events

_NAME = "changeclothes_async"
_ENDS = {"failed", "unsure"}

# An attempt is claimed, sent and settled in its call's own task, which is what this is set in.
_attempt: ContextVar[tuple[Any, float] | None] = ContextVar("changeclothes_attempt", default=None)


class Telemetry:
    """Tells OpenTelemetry of a client: `AsyncChangeClothes(on_event=Telemetry())`.

    Each attempt is a client span `changeclothes attempt`, under the caller's own span, with an
    error's class as its status. Metrics: `changeclothes.attempt.duration` (seconds, by outcome),
    `changeclothes.attempt.uploaded` (bytes), `changeclothes.retries`, `changeclothes.payments`, and
    `changeclothes.failures` (by error and money). No address, key or picture is part of them.
    `tracer_provider` and `meter_provider` default to the program's own. Raises MissingExtra.
    """

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise errors.missing_extra("Telemetry needs OpenTelemetry", "otel") from None
        self._trace = trace
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "changeclothes.attempt.duration", "s", "How long attempts took"
        )
        self._uploaded = meter.create_counter(
            "changeclothes.attempt.uploaded", "By", "What was handed to the network"
        )
        self._retries = meter.create_counter(
            "changeclothes.retries", "{attempt}", "Attempts after a first one of the same call"
        )
        self._payments = meter.create_counter(
            "changeclothes.payments", "{call}", "Calls answered with a result"
        )
        self._failures = meter.create_counter(
            "changeclothes.failures", "{call}", "Calls that ended without a result"
        )

    def __call__(self, event: events.Event) -> None:
        """Record one event; for `on_event`."""
        if event.kind == "claimed":
            self._begin(event)
        elif event.kind in {"sending", "sent"}:
            self._uploaded.add(event.bytes)
        elif event.kind == "answered":
            self._end(event)
        elif event.kind == "paid":
            self._payments.add(1)
        elif event.kind in _ENDS and event.error:
            self._failures.add(1, {**_of(event.error), "changeclothes.money": event.error.money})

    def _begin(self, event: events.Event) -> None:
        if event.attempt > 1:
            self._retries.add(1)
        span = self._tracer.start_span(
            "changeclothes attempt",
            kind=self._trace.SpanKind.CLIENT,
            attributes={
                "changeclothes.cell": event.cell,
                "changeclothes.attempt": event.attempt,
            },
        )
        _attempt.set((span, time.monotonic()))

    def _end(self, event: events.Event) -> None:
        if (begun := _attempt.get()) is None:
            return
        span, began = begun
        facts = _of(event.error) if event.error else {}
        self._duration.record(time.monotonic() - began, facts)
        if event.error:
            span.set_attributes({**facts, "changeclothes.money": event.error.money})
            span.set_status(self._trace.StatusCode.ERROR, type(event.error).__name__)
        span.end()
        _attempt.set(None)


def _of(error: errors.ChangeClothesError) -> dict[str, str | int]:
    """Return an error's class and numbers; its words may hold what was handed over."""
    numbers = {
        "changeclothes.code": error.code,
        "http.response.status_code": error.http_status,
    }
    known = {name: value for name, value in numbers.items() if value is not None}
    return {"error.type": type(error).__name__, **known}
