"""What an agreed price is worth without tax, in the currency of the invoices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.money import minor_unit, round_half_up
from canonical.terms.lines import FixedFeeLine, LineTerms

ZERO = Decimal(0)
ONE = Decimal(1)


def net_factor(
    books: Books, line: LineTerms, version: ContractVersion, day: date
) -> tuple[Decimal, Decimal]:
    """Invoice currency per unit of contract currency, and 1 + the tax rate that prices hold."""
    currency = version.invoice_currency or version.currency
    exchange = version.invoice_rate or books.cross(version.currency, currency, day)
    code = line.tax_code or version.tax_code
    if not version.tax_inclusive or not code:
        return exchange, ONE
    entity = books.entity(line.legal_entity or version.legal_entity)
    return exchange, ONE + entity.tax_on(code, day, line.line_id).rate


def net_price(
    books: Books, line: LineTerms, version: ContractVersion, amount: Decimal, day: date
) -> Decimal:
    """A price as its document shows it: converted, then without its tax, each rounded."""
    step = minor_unit(version.invoice_currency or version.currency)
    exchange, untaxed = net_factor(books, line, version, day)
    gross = round_half_up(amount * exchange, step)
    return gross if untaxed == ONE else round_half_up(gross / untaxed, step)


def fee_price(books: Books, line: FixedFeeLine, version: ContractVersion, day: date) -> Decimal:
    """A fixed price, as its schedule bills it: so what was earned ends at what was billed."""
    planned = sum((item.amount for item in line.schedule), ZERO)
    parts = [item.amount for item in line.schedule] + [line.price - planned]
    return sum((net_price(books, line, version, part, day) for part in parts if part), ZERO)
