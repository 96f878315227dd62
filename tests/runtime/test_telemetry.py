"""Telemetry: spans reach a collector, metrics can be scraped, and both end when closed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, Counter
from pydantic import AnyHttpUrl

from runtime.settings import Settings
from runtime.telemetry import start_telemetry, tracer_provider


class Collector(HTTPServer):
    """An OTLP collector that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def url(self) -> AnyHttpUrl:
        return AnyHttpUrl(f"http://127.0.0.1:{self.server_port}")


class CollectorHandler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on standard error."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def test_spans_reach_the_collector_with_service_and_environment(collector: Collector) -> None:
    settings = Settings(otlp_endpoint=collector.url, environment_id="staging")
    provider = tracer_provider(settings, "worker")
    assert provider is not None
    with provider.get_tracer("test").start_as_current_span("post invoice"):
        pass
    provider.shutdown()
    [(path, request)] = collector.received
    [resource_spans] = request.resource_spans
    attributes = {a.key: a.value.string_value for a in resource_spans.resource.attributes}
    assert path == "/v1/traces"
    assert attributes["service.name"] == "worker"
    assert attributes["deployment.environment.name"] == "staging"
    assert resource_spans.scope_spans[0].spans[0].name == "post invoice"


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert tracer_provider(Settings(), "worker") is None


def test_metrics_can_be_scraped_until_closed() -> None:
    registry = CollectorRegistry()
    Counter("invoices_posted", "Invoices posted.", registry=registry).inc(3)
    with start_telemetry(Settings(metrics_port=0), "worker", registry=registry) as telemetry:
        url = f"http://127.0.0.1:{telemetry.metrics_port}/metrics"
        assert "invoices_posted_total 3.0" in httpx.get(url, trust_env=False).text
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_without_a_port_nothing_listens() -> None:
    with start_telemetry(Settings(), "worker") as telemetry:
        assert telemetry.metrics_port is None
