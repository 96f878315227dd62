"""What we read of Tryton's records; the field names are the server's (series 8.0)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from adapters.tryton.api import Row


class Nested(BaseModel):
    """A record read through a relation."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: int


class NestedCurrency(Nested):
    code: str


class NestedParty(Nested):
    name: str


class Company(Row):
    FIELDS = ("party.name", "currency.code")

    party: NestedParty = Field(alias="party.")
    currency: NestedCurrency = Field(alias="currency.")


class Party(Row):
    FIELDS = (
        "code",
        "name",
        "active",
        "customer_payment_term",
        "addresses",
        "identifiers",
        "contact_mechanisms",
    )

    code: str | None
    name: str | None
    active: bool
    customer_payment_term: int | None
    addresses: tuple[int, ...]
    identifiers: tuple[int, ...]
    contact_mechanisms: tuple[int, ...]


class Address(Row):
    FIELDS = ("street", "postal_code", "city", "country", "invoice")

    street: str | None
    postal_code: str | None
    city: str | None
    country: int | None
    invoice: bool | None


class Identifier(Row):
    FIELDS = ("type", "code")

    type: str | None
    code: str


class ContactMechanism(Row):
    FIELDS = ("type", "value")

    type: str
    value: str | None


class Work(Row):
    FIELDS = ("number", "name", "party", "parent", "status", "children")

    number: str | None
    name: str
    party: int | None
    parent: int | None
    status: int
    children: tuple[int, ...]


class State(StrEnum):
    """States of an invoice. An unknown one is schema drift: the answer is unreadable."""

    DRAFT = "draft"
    VALIDATED = "validated"
    POSTED = "posted"
    PAID = "paid"
    CANCELLED = "cancelled"


class Invoice(Row):
    FIELDS = (
        "number",
        "reference",
        "state",
        "invoice_date",
        "payment_term_date",
        "untaxed_amount",
        "tax_amount",
        "total_amount",
        "amount_to_pay",
        "currency.code",
        "lines_to_pay.maturity_date",
        "payment_lines",
        "write_date",
        "create_date",
    )

    number: str | None
    reference: str | None
    state: State
    invoice_date: date | None
    payment_term_date: date | None
    untaxed_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    amount_to_pay: Decimal | None
    currency: NestedCurrency = Field(alias="currency.")
    lines_to_pay: tuple[LineToPay, ...] = Field(alias="lines_to_pay.")
    payment_lines: tuple[int, ...]
    write_date: datetime | None
    create_date: datetime

    @property
    def changed_at(self) -> datetime:
        return self.write_date or self.create_date


class LineToPay(Nested):
    maturity_date: date | None


class PartyDefaults(BaseModel):
    """What the server proposes for an invoice to a party; screens fill it in, the API does not."""

    model_config = ConfigDict(extra="allow", frozen=True)

    account: int
    invoice_address: int
    party_tax_identifier: int | None = None


class NestedMove(Nested):
    origin: str | None
    description: str | None


class NestedSecondCurrency(Nested):
    code: str


class PaymentLine(Row):
    FIELDS = (
        "debit",
        "credit",
        "amount_second_currency",
        "second_currency.code",
        "date",
        "move.origin",
        "move.description",
    )

    debit: Decimal
    credit: Decimal
    amount_second_currency: Decimal | None
    second_currency: NestedSecondCurrency | None = Field(alias="second_currency.")
    date: date
    move: NestedMove = Field(alias="move.")


class NestedAccount(Nested):
    code: str | None


class NestedMoveLine(Nested):
    account: NestedAccount = Field(alias="account.")
    debit: Decimal
    credit: Decimal
    description: str | None


class MoveState(StrEnum):
    """States of a journal entry. An unknown one is schema drift."""

    DRAFT = "draft"
    POSTED = "posted"


class Move(Row):
    """A journal entry without its lines."""

    FIELDS: ClassVar[tuple[str, ...]] = ("number", "description", "date", "state")

    number: str | None
    description: str | None
    date: date
    state: MoveState


class MoveWithLines(Move):
    FIELDS = (
        *Move.FIELDS,
        "company.currency.code",
        "lines.account.code",
        "lines.debit",
        "lines.credit",
        "lines.description",
    )

    company: NestedCompany = Field(alias="company.")
    lines: tuple[NestedMoveLine, ...] = Field(alias="lines.")


class NestedCompany(Nested):
    currency: NestedCurrency = Field(alias="currency.")


class Account(Row):
    FIELDS = ("code",)

    code: str


class PeriodState(StrEnum):
    """States of an accounting period. An unknown one is schema drift."""

    OPEN = "open"
    CLOSED = "closed"
    LOCKED = "locked"


class AccountingPeriod(Row):
    FIELDS = ("name", "state", "start_date", "end_date")

    name: str
    state: PeriodState
    start_date: date
    end_date: date


class JournalPeriod(Row):
    """A journal within a period: it can be closed while its period is open."""

    FIELDS = ("period",)

    period: int
