"""Findings about the client: who it is, where it is, its tax identity, and whether we know it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum.eu import vat

from canonical.agreement import compact_vat_id
from canonical.deal import DealAccount
from canonical.taxation import EU_VAT_AREA
from canonical.validation.report import Finding, KnownClient, finding

_ONE_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")


def account_findings(account: DealAccount) -> Iterator[Finding]:
    if not account.name.strip():
        yield finding("account_name_missing", "account.name", "it is empty", "Enter a name.")
    if not _ONE_ADDRESS.fullmatch(account.invoice_email):
        yield finding(
            "invoice_email_missing",
            "account.invoice_email",
            f"{account.invoice_email or 'nothing'} is not one e-mail address",
            "Enter the one address that invoices go to.",
        )
    address = account.address
    for part in ("street", "city", "postal_code", "country"):
        if not getattr(address, part):
            yield finding(
                "address_incomplete",
                f"account.address.{part}",
                "it is empty",
                "Complete the billing address.",
            )
    yield from _vat_findings(account)


def _vat_findings(account: DealAccount) -> Iterator[Finding]:
    country, vat_id = account.address.country, compact_vat_id(account.vat_id)
    if not vat_id:
        if country in EU_VAT_AREA:
            yield finding(
                "vat_id_missing",
                "account.vat_id",
                f"a business in {country} needs a VAT id",
                "Enter the client's VAT id.",
            )
    elif country in EU_VAT_AREA and not vat.is_valid(vat_id):
        yield finding(
            "vat_id_invalid",
            "account.vat_id",
            f"{account.vat_id} is not a valid VAT id (format or check digit)",
            "Ask the client for its VAT id.",
        )
    elif country in EU_VAT_AREA and vat_id[:2].replace("EL", "GR") != country:
        yield finding(
            "vat_id_foreign",
            "account.vat_id",
            f"{account.vat_id} is of another country than the billing address ({country})",
            "Correct the address or the VAT id.",
        )


def duplicate_findings(
    account: DealAccount, known_clients: tuple[KnownClient, ...]
) -> Iterator[Finding]:
    vat_id = compact_vat_id(account.vat_id)
    for known in known_clients:
        if known.reference == account.reference:
            continue
        if vat_id and compact_vat_id(known.vat_id) == vat_id:
            reason = f"the VAT id {vat_id}"
        elif account.code and known.code == account.code:
            reason = f"the client code {account.code}"
        elif known.name.casefold() == account.name.casefold():
            reason = f"the name {account.name!r}"
        else:
            continue
        yield finding(
            "client_duplicate",
            "account",
            f"client {known.name!r} ({known.reference}) has {reason} already",
            "Merge the accounts in the CRM, or link the deal to the existing one.",
        )
