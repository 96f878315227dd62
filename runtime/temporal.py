"""The one way to reach Temporal: address, identity, encryption, tracing and metrics."""

import dataclasses
from datetime import timedelta

from temporalio.client import Client, Interceptor
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import TLSConfig

from runtime.codec import EncryptionCodec
from runtime.settings import Settings

CONNECT_TIMEOUT = timedelta(seconds=10)


async def connect(
    settings: Settings,
    *,
    identity: str | None = None,
    tracing: bool | None = None,
    sdk_runtime: Runtime | None = None,
    lazy: bool = False,
) -> Client:
    """Connect as the settings say.

    `tracing` defaults to whether an OTLP endpoint is set; `sdk_runtime` is `metrics_runtime()`'s
    in a process that serves the SDK's metrics. Raises RuntimeError when the server is not there.
    """
    api_key = settings.temporal_api_key
    traced = settings.otlp_endpoint is not None if tracing is None else tracing
    interceptors: list[Interceptor] = [TracingInterceptor()] if traced else []
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=api_key.get_secret_value() if api_key else None,
        tls=tls_config(settings),
        data_converter=data_converter(settings),
        interceptors=interceptors,
        identity=identity,
        connect_timeout=CONNECT_TIMEOUT,
        runtime=sdk_runtime,
        lazy=lazy,
    )


def data_converter(settings: Settings | None = None) -> DataConverter:
    """Pydantic models as JSON, encrypted when payload keys are set; also for the Replayer.

    With encryption on, the messages and stack traces of failures are encrypted as well.
    """
    if settings is None or not settings.payload_keys:
        return pydantic_data_converter
    codec = EncryptionCodec(settings.payload_keys)
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def metrics_runtime(settings: Settings) -> Runtime | None:
    """The SDK runtime that serves the SDK's own metrics, or None when no port is set.

    One per process: the port can be bound only once.
    """
    if settings.temporal_metrics_port is None:
        return None
    address = f"{settings.metrics_host}:{settings.temporal_metrics_port}"
    prometheus = PrometheusConfig(
        bind_address=address, counters_total_suffix=True, durations_as_seconds=True
    )
    return Runtime(telemetry=TelemetryConfig(metrics=prometheus))


def tls_config(settings: Settings) -> TLSConfig | bool:
    """Whether and how to encrypt: on with a certificate, a CA, an API key or C2C_TEMPORAL_TLS."""
    files = (
        settings.temporal_tls_server_ca_path,
        settings.temporal_tls_cert_path,
        settings.temporal_tls_key_path,
    )
    if not any(files) and settings.temporal_tls_server_name is None:
        return settings.temporal_tls or settings.temporal_api_key is not None
    ca, certificate, key = (path.read_bytes() if path else None for path in files)
    return TLSConfig(
        server_root_ca_cert=ca,
        domain=settings.temporal_tls_server_name,
        client_cert=certificate,
        client_private_key=key,
    )
