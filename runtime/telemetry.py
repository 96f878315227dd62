"""Traces to an OTLP collector and metrics for Prometheus, as far as the settings ask for them.

Two metrics addresses, because two engines keep them: this process's own (prometheus_client) on
C2C_METRICS_PORT, and the Temporal SDK's on C2C_TEMPORAL_METRICS_PORT (`temporal.metrics_runtime`).
"""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from wsgiref.simple_server import WSGIServer

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.registry import REGISTRY

from runtime.settings import Settings


@dataclass
class Telemetry:
    """What was switched on; `close` sends what is waiting and stops listening."""

    tracer_provider: TracerProvider | None
    metrics_port: int | None
    _metrics_server: WSGIServer | None
    _metrics_thread: threading.Thread | None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self.tracer_provider is not None:
            self.tracer_provider.shutdown()
        if self._metrics_server is not None and self._metrics_thread is not None:
            self._metrics_server.shutdown()
            self._metrics_server.server_close()
            self._metrics_thread.join()


def start_telemetry(
    settings: Settings, service: str, *, registry: CollectorRegistry = REGISTRY
) -> Telemetry:
    """Switch on what the settings ask for; `service` names this kind of process.

    Raises OSError when the metrics port is taken.
    """
    provider = tracer_provider(settings, service)
    if provider is not None:
        trace.set_tracer_provider(provider)
    if settings.metrics_port is None:
        return Telemetry(provider, None, None, None)
    server, thread = start_http_server(
        settings.metrics_port, addr=settings.metrics_host, registry=registry
    )
    return Telemetry(provider, server.server_port, server, thread)


def tracer_provider(settings: Settings, service: str) -> TracerProvider | None:
    """A provider that sends spans to the collector in batches; None without an OTLP endpoint."""
    if settings.otlp_endpoint is None:
        return None
    endpoint = f"{str(settings.otlp_endpoint).rstrip('/')}/v1/traces"
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "client-to-cash",
            "deployment.environment.name": settings.environment_id,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider
