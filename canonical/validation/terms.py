"""Findings about the deal itself: won, whole, with terms that can be billed."""

from __future__ import annotations

from collections.abc import Iterator

from canonical.client import NET_DAYS_MAX
from canonical.contract import MARKUP_PERCENT_MAX
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal
from canonical.validation.report import Finding, finding

BILLING_METHODS = ("time_and_materials", "retainer", "milestones", "fixed_fee")
"""Methods that a deal may be sold by: each demands a line of its kind, beside which others may
stand."""


def deal_findings(deal: Deal) -> Iterator[Finding]:
    if not deal.is_won:
        yield finding("deal_not_won", "stage", "the deal is not won", "Close the deal as won.")
    if deal.account is None:
        yield finding(
            "account_missing", "account", "the deal has no account", "Link the deal to its account."
        )
    if deal.currency not in MINOR_DIGITS:
        yield finding(
            "currency_invalid",
            "currency",
            f"{deal.currency or 'nothing'} is not an ISO 4217 currency",
            "Set the deal's currency.",
        )
    if deal.amends is not None:
        yield finding(
            "deal_amends_another",
            "amends",
            f"the deal amends {deal.amends}; it must not open an engagement of its own",
            "Bring the change to finance as an amendment of that contract, or remove the link.",
        )
    yield from _terms_findings(deal)


def _terms_findings(deal: Deal) -> Iterator[Finding]:
    if deal.billing_method not in BILLING_METHODS:
        yield finding(
            "billing_method_unknown",
            "billing_method",
            f"{deal.billing_method or 'nothing'} is not a billing method",
            f"Choose one of: {', '.join(BILLING_METHODS)}.",
        )
    if not terms_fit(deal):
        yield finding(
            "payment_terms_missing",
            "net_days",
            "payment terms are missing or out of range",
            f"Set the days from invoice to due date, 0 to {NET_DAYS_MAX}.",
        )
    if deal.purchase_order_required and not deal.purchase_order.strip():
        yield finding(
            "purchase_order_missing",
            "purchase_order",
            "the client demands a purchase order number and there is none",
            "Enter the client's purchase order number.",
        )
    if deal.service_start is None:
        yield finding(
            "service_start_missing",
            "service_start",
            "there is no service start date",
            "Enter the first day of service.",
        )
    elif deal.service_end is not None and deal.service_end < deal.service_start:
        yield finding(
            "service_dates_reversed",
            "service_end",
            f"service ends on {deal.service_end}, before it starts on {deal.service_start}",
            "Correct the service dates.",
        )
    markup = deal.expense_markup_percent
    if markup is not None and not markup_fits(deal):
        yield finding(
            "markup_negative" if markup < 0 else "markup_too_high",
            "expense_markup_percent",
            f"the expense mark-up of {markup} % is out of range",
            f"Enter 0 to {MARKUP_PERCENT_MAX} percent.",
        )


def markup_fits(deal: Deal) -> bool:
    markup = deal.expense_markup_percent
    return markup is None or 0 <= markup <= MARKUP_PERCENT_MAX


def terms_fit(deal: Deal) -> bool:
    return deal.net_days is not None and 0 <= deal.net_days <= NET_DAYS_MAX
