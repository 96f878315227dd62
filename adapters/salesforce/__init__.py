"""Salesforce, the CRM: source of deals, target of billing status."""

from __future__ import annotations

from adapters.http import VendorHttp
from adapters.platforms.salesforce.oauth import (
    ClientCredentials,
    Grant,
    JwtBearer,
    TokenAuthenticator,
    classify_token_answer,
)
from adapters.platforms.salesforce.outcomes import classify
from adapters.platforms.salesforce.rest import SalesforceRest
from adapters.registry import Adapter, AdapterContext, Ports
from adapters.salesforce.crm import SalesforceCrm
from adapters.salesforce.settings import SalesforceSettings, settings_of
from adapters.salesforce.webhooks import OutboundMessages
from adapters.webhooks import Webhook
from canonical.landscape import SystemRole


def build(context: AdapterContext) -> Ports:
    """The CRM of one organisation. Secrets: `consumer_key`, and `private_key` (PEM) for the flow
    jwt_bearer or `consumer_secret` for client_credentials."""
    settings = settings_of(context.system)
    login = VendorHttp(
        context.system.name,
        settings.login_url,
        context.system.limits,
        classify=classify_token_answer,
        transport=context.transport,
    )
    http = _authenticated(context, settings, login)

    async def close() -> None:
        await http.close()
        await login.close()

    return Ports(
        close=close, crm=SalesforceCrm(SalesforceRest(http, settings.api_version), settings)
    )


def webhook(context: AdapterContext) -> Webhook:
    return OutboundMessages(context.system.name, context.system.organisation)


def _authenticated(
    context: AdapterContext, settings: SalesforceSettings, login: VendorHttp
) -> VendorHttp:
    authenticator = TokenAuthenticator(
        login,
        _grant(context, settings),
        instance_url=settings.instance_url,
        organisation=context.system.organisation,
    )
    return VendorHttp(
        context.system.name,
        settings.instance_url,
        context.system.limits,
        authenticator=authenticator,
        classify=classify,
        transport=context.transport,
    )


def _grant(context: AdapterContext, settings: SalesforceSettings) -> Grant:
    consumer_key = context.secret("consumer_key")
    if settings.flow == "client_credentials":
        return ClientCredentials(
            consumer_key=consumer_key, consumer_secret=context.secret("consumer_secret")
        )
    return JwtBearer(
        consumer_key=consumer_key,
        username=settings.username,
        audience=settings.audience or settings.login_url,
        private_key=context.secret("private_key"),
    )


ADAPTER = Adapter(
    name="salesforce", roles=frozenset({SystemRole.CRM}), build=build, webhook=webhook
)
