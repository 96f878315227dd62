"""A simulated organisation for tests: its keys, its clock, its deals, and the landscape around
it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from pydantic import JsonValue, SecretStr

from adapters.platforms.salesforce.simulator.faults import AnswerLost
from adapters.platforms.salesforce.simulator.sessions import ClientApp
from adapters.registry import AdapterContext
from adapters.salesforce.simulator import Simulator, SimulatorConfig, create_app
from adapters.salesforce.simulator.seed import SeedAccount, SeedDeal, SeedLine, SeedPerson
from canonical.landscape import Landscape, SystemInstance, SystemLimits
from tests.adapters.conformance.transport import InProcess

INSTANCE_URL = "https://northfield.my.salesforce.com"
ORGANISATION = "00DAb00000012XyMAI"
USERNAME = "billing@northfield.example"
CONSUMER_KEY, CONSUMER_SECRET = "3MVG9northfield", "app-secret-of-the-tests"


class KeyPair(NamedTuple):
    private_pem: str
    public_pem: str


@cache
def key_pair() -> KeyPair:
    """Generated once per process: no key is kept in the repository."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(private.decode(), public.decode())


class TickingClock:
    """Every look at it is one second later, so that stamps of different writes differ."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def make_config(page_size: int = 2_000) -> SimulatorConfig:
    app = ClientApp(
        consumer_key=CONSUMER_KEY,
        username=USERNAME,
        certificate_pem=key_pair().public_pem,
        consumer_secret=CONSUMER_SECRET,
    )
    return SimulatorConfig(
        app=app,
        instance_url=INSTANCE_URL,
        organisation_id=ORGANISATION,
        page_size=page_size,
        clock=TickingClock(),
    )


def make_app(page_size: int = 2_000) -> tuple[FastAPI, Simulator]:
    app = create_app(make_config(page_size))
    simulator: Simulator = app.state.simulator
    return app, simulator


def make_context(app: FastAPI, **settings: JsonValue) -> AdapterContext:
    """The adapter's context; the limits are wide, so that no test waits for a token of ours."""
    system = SystemInstance(
        name="crm",
        adapter="salesforce",
        organisation=ORGANISATION,
        settings={
            "instance_url": INSTANCE_URL,
            "username": USERNAME,
            "overlap_s": 1,
            "opportunity": {},
            **settings,
        },
        limits=SystemLimits(requests_per_second=10_000, calls_at_once=16),
    )
    return AdapterContext(
        system=system,
        landscape=Landscape(environment="test", systems=(system,), entities=()),
        secrets={
            "consumer_key": SecretStr(CONSUMER_KEY),
            "consumer_secret": SecretStr(CONSUMER_SECRET),
            "private_key": SecretStr(key_pair().private_pem),
        },
        transport=InProcess(app, AnswerLost),
    )


FALKENSTEIN = SeedAccount(
    name="Falkenstein Maschinenbau",
    legal_name="Falkenstein Maschinenbau GmbH",
    client_key="C-1042",
    vat_id="DE136695976",
    invoice_email="rechnung@falkenstein.example",
    street="Werkstr. 4",
    city="Plauen",
    postal_code="08523",
    country="DE",
    parent_name="Falkenstein Holding AG",
)


def make_deal(name: str = "ERP advisory", account: SeedAccount | None = FALKENSTEIN) -> SeedDeal:
    """A deal of time and materials whose senior rate changes in the middle of November."""
    return SeedDeal(
        name=name,
        account=account,
        close_date=date(2026, 10, 30),
        legal_entity="NF-DE",
        purchase_order="4500017",
        purchase_order_required=True,
        expense_markup_percent=Decimal("5"),
        service_start=date(2026, 11, 1),
        lines=(
            SeedLine(product="Senior Consultant", hours=Decimal(80), rate=Decimal("150.00")),
            SeedLine(
                product="Senior Consultant",
                hours=Decimal(80),
                rate=Decimal("157.50"),
                effective_from=date(2026, 11, 16),
            ),
            SeedLine(product="Travel", family="Expenses", code="TRAVEL"),
        ),
        team=(SeedPerson(name="Ada Berg", email="ada@northfield.example", role="Senior"),),
    )
