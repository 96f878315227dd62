"""Mail over SMTP: invoices and their backups, handed to the firm's mail server."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.registry import Adapter, AdapterContext, Ports
from adapters.smtp.mail import SmtpMail
from adapters.smtp.settings import settings_of
from canonical.landscape import SystemRole


def build(context: AdapterContext) -> Ports:
    """The mail port of one instance; its one secret is `password`, where there is a username.

    Raises SetupInvalid when the settings cannot be right.
    """
    settings = settings_of(context.system)
    mail = SmtpMail(
        context.system.name,
        context.landscape.environment,
        settings,
        context.system.limits,
        password=context.secret("password") if settings.username else None,
        clock=lambda: datetime.now(UTC),
    )
    return Ports(mail=mail, close=mail.close)


ADAPTER = Adapter(name="smtp", roles=frozenset({SystemRole.MAIL}), build=build)
