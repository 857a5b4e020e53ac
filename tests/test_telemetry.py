"""OpenTelemetry: spans and metrics of calls, as the SDK's own in-memory exporters see them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel`, and its SDK")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from changeclothes_async import errors, telemetry
from tests import peers
from tests.samples import DATA_URI, LOOK

swift = pytest.mark.swift


class Watch:
    """A program's providers, and what came out of them."""

    def __init__(self):
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader])
        self.telemetry = telemetry.Telemetry(self.tracers, self.meters)

    @property
    def spans(self):
        return self._spans.get_finished_spans()

    def metrics(self):
        """Give the points of each metric by its short name."""
        (resource,) = self._reader.get_metrics_data().resource_metrics
        (scope,) = resource.scope_metrics
        named = {metric.name: metric.data.data_points for metric in scope.metrics}
        return {name.removeprefix("changeclothes."): points for name, points in named.items()}


@pytest.fixture
def watch():
    made = Watch()
    yield made
    made.meters.shutdown()
    made.tracers.shutdown()


@swift
async def test_each_attempt_is_a_span_under_the_caller_s(client, watch):
    """Also attempts that run at once find the span of their own caller."""
    async with peers.serve(peers.answering(peers.envelope(20001), peers.MADE)) as peer:
        one = client(peer, on_event=watch.telemetry)
        with watch.tracers.get_tracer("app").start_as_current_span("request"):
            await one.try_on(**LOOK)
    failed, paid, caller = watch.spans
    assert {failed.parent.span_id, paid.parent.span_id} == {caller.context.span_id}
    assert dict(paid.attributes) == {"changeclothes.cell": "try_on-1", "changeclothes.attempt": 2}
    assert (failed.status.status_code, failed.status.description) == (
        StatusCode.ERROR,
        "TryOnException",
    )
    assert failed.attributes["changeclothes.code"] == 20001
    assert failed.attributes["changeclothes.money"] == "maybe spent"


@swift
async def test_calls_are_counted(client, watch):
    """Bytes as the service received them, retries, payments, failures by what they cost."""
    answers = peers.answering(peers.envelope(20001), peers.MADE, peers.envelope(10005))
    async with peers.serve(answers) as peer:
        one = client(peer, on_event=watch.telemetry)
        await one.try_on(**LOOK)
        with pytest.raises(errors.HarmfulContent):
            await one.try_on(**LOOK)
    points = watch.metrics()
    assert points["attempt.uploaded"][0].value == sum(each.size for each in peer.charges)
    assert [points[name][0].value for name in ("retries", "payments", "failures")] == [1, 1, 1]
    assert points["failures"][0].attributes == {
        "error.type": "HarmfulContent",
        "changeclothes.code": 10005,
        "http.response.status_code": 200,
        "changeclothes.money": "not spent",
    }
    assert sum(point.count for point in points["attempt.duration"]) == 3


@swift
async def test_nothing_secret_is_exported(client, watch):
    """No key, picture, address, or word of the service is in a span or a metric."""
    answers = peers.answering(peers.envelope(10005, msg="said-secret"))
    async with peers.serve(answers) as peer:
        with pytest.raises(errors.HarmfulContent):
            await client(peer, on_event=watch.telemetry).try_on(
                DATA_URI, "https://shop.example/dress.jpg", "dresses"
            )
    exported = "".join(span.to_json() for span in watch.spans) + str(watch.metrics())
    assert "HarmfulContent" in exported
    for secret in (peers.KEY, DATA_URI[30:60], "shop.example", "said-secret"):
        assert secret not in exported


def test_without_opentelemetry_the_command_is_named():
    """The module can be imported; making a Telemetry says what to install."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from changeclothes_async import MissingExtra\n"
        "from changeclothes_async.telemetry import Telemetry\n"
        "try: Telemetry()\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'changeclothes-async[otel]'" in done.stdout
