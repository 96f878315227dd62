"""The simulated CRM and PSA as processes of their own, for developers of adapters."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.kantata import simulator as kantata
from adapters.platforms.salesforce.simulator.sessions import ClientApp
from adapters.salesforce import simulator as salesforce
from adapters.salesforce.simulator.outbound import Target
from workers.commands.common import out, run, until_stopped
from workers.local.asgi import AsgiServer


def register(app: typer.Typer) -> None:
    app.command()(simulators)


def simulators(
    certificate: Annotated[
        Path, typer.Option(help="PEM file of the key that may log in to Salesforce.")
    ],
    consumer_key: Annotated[str, typer.Option(help="The client app's key.")] = "consumer-key",
    hook: Annotated[
        str, typer.Option(help="Where Salesforce sends outbound messages; empty: nowhere.")
    ] = "",
    salesforce_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    kantata_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
) -> None:
    """Run the Salesforce and Kantata simulators until interrupted; state is in memory.

    People and faults are driven over HTTP: /admin of Salesforce, /_admin of Kantata.
    """
    run(_serve(certificate.read_text(), consumer_key, hook, salesforce_port, kantata_port))


async def _serve(
    certificate_pem: str, consumer_key: str, hook: str, salesforce_port: int, kantata_port: int
) -> None:
    crm, psa = AsgiServer(salesforce_port), AsgiServer(kantata_port)
    token = secrets.token_hex(24)
    crm.app = salesforce.create_app(
        salesforce.SimulatorConfig(
            app=ClientApp(
                consumer_key=consumer_key,
                username="integration@northfield.example",
                certificate_pem=certificate_pem,
            ),
            instance_url=crm.url,
            outbound=Target(url=hook, first_retry=timedelta(seconds=1)) if hook else None,
        )
    )
    psa.app = kantata.create_app(token)
    async with AsyncExitStack() as stack:
        for server in (crm, psa):
            await stack.enter_async_context(server)
        out.print(f"Salesforce  {crm.url}  (people and faults: {crm.url}/admin)")
        out.print(f"Kantata     {psa.url}/api/v1/  token {token}  (people: {psa.url}/_admin)")
        await until_stopped()
