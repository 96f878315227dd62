"""What the gateway counts, in a registry of its own that is passed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class GatewayMetrics:
    """Counters and durations. Labels come from the landscape and from finite sets only."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.deliveries = Counter(
            "c2c_gateway_deliveries",
            "Deliveries by route and status of the answer",
            ["route", "status"],
            registry=registry,
        )
        self.notifications = Counter(
            "c2c_gateway_notifications",
            "Notifications stored, and those that were known already",
            ["source", "outcome"],
            registry=registry,
        )
        self.proofs = Counter(
            "c2c_gateway_proofs",
            "Deliveries proven, by the signing secret that proved them",
            ["source", "secret"],
            registry=registry,
        )
        self.store_seconds = Histogram(
            "c2c_gateway_store_seconds",
            "Time to commit the notifications of a delivery",
            registry=registry,
        )
        self.relayed = Counter(
            "c2c_relay_rows", "Inbox rows handled", ["source", "outcome"], registry=registry
        )
        self.nudges = Counter(
            "c2c_relay_nudges", "Nudges to workflows", ["outcome"], registry=registry
        )
        self.codec = Counter(
            "c2c_gateway_codec",
            "Requests to the codec endpoint by verb and status of the answer",
            ["verb", "status"],
            registry=registry,
        )
