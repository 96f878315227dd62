"""What people do in the ERP by hand, for demo and tests: pay invoices, close and reopen periods,
reverse entries."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, TypeAdapter, field_validator

from adapters.http import Effect
from adapters.tryton.api import Row, Tryton, Values
from adapters.tryton.local.northfield import PAYMENT_METHOD
from adapters.tryton.wire import Wire

PAY, REVERSE = "account.invoice.pay", "account.move.cancel"
_SESSION = TypeAdapter(tuple[int, str, str])


class _Payable(Row):
    FIELDS = ("party", "company", "currency", "amount_to_pay")

    party: int
    company: int
    currency: int
    amount_to_pay: Decimal


class _Period(Row):
    FIELDS = ("state",)

    state: str


class _View(BaseModel):
    """A form that a wizard shows, with what it proposes."""

    state: str
    defaults: dict[str, Decimal | date | bool | int | str | list[int] | None] = {}

    @field_validator("defaults", mode="before")
    @classmethod
    def _without_names(cls, proposed: dict[str, object]) -> dict[str, object]:
        """Keys that end in a dot only tell related records' names; the server refuses them."""
        return {name: value for name, value in proposed.items() if not name.endswith(".")}


class _Step(BaseModel):
    """What a wizard answers: a form to fill in, or nothing more to ask."""

    view: _View | None = None


_STEP = TypeAdapter(_Step)


class Accountant:
    """A person with the administrator's rights. Close it, or use it as an async context manager."""

    def __init__(self, admin: Tryton) -> None:
        self._admin = admin

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def pay(
        self, invoice: int, paid_on: date, bank_reference: str, amount: Decimal | None = None
    ) -> None:
        """Register a payment of an invoice; without an amount, of all that is open.

        Not idempotent, as a person's click is not. Raises DataRejected, e.g. for a paid invoice.
        """
        context = await self._admin.preferences()
        (payable,) = await self._admin.read("account.invoice", _Payable, [invoice], context)
        start: Values = {
            "payee": payable.party,
            "amount": payable.amount_to_pay if amount is None else amount,
            "currency": payable.currency,
            "company": payable.company,
            "payment_method": await self._payment_method(context),
            "date": paid_on,
            "description": bank_reference,
        }
        await self._run_payment(start, _acting_on("account.invoice", invoice, context))

    async def close_period(self, day: date) -> None:
        """Close the accounting period of a day: nothing more is posted into it."""
        context = await self._admin.preferences()
        period = await self._period(day, context)
        if period.state == "open":
            await self._admin.button("account.period", "close", [period.id], context)

    async def reopen_period(self, day: date, *, journals: bool = True) -> None:
        """Open the period again, and its journals: closing closed them too (Tryton does not open
        them with the period, and people forget)."""
        context = await self._admin.preferences()
        period = await self._period(day, context)
        if period.state == "closed":
            await self._admin.button("account.period", "reopen", [period.id], context)
        if journals:
            await self._reopen_journals(period.id, context)

    async def reverse_entry(self, entry: int, description: str) -> None:
        """Post the opposite of a posted journal entry, under a description."""
        here = _acting_on("account.move", entry, await self._admin.preferences())
        form: Values = {"description": description, "reversal": True}
        created = await self._admin.call(f"wizard.{REVERSE}.create", [here], Effect.CREATE)
        session, *_ = self._admin.parsed(_SESSION, created, REVERSE)
        execute: list[Wire] = [session, {"default": form}, "cancel", here]
        await self._admin.call(f"wizard.{REVERSE}.execute", execute, Effect.CREATE)

    async def _reopen_journals(self, period: int, context: Values) -> None:
        rows = await self._admin.search_read(
            "account.journal.period",
            Row,
            [["period", "=", period], ["state", "=", "closed"]],
            context,
            limit=100,
        )
        ids = [journal.id for journal in rows]
        if ids:
            await self._admin.button("account.journal.period", "reopen", ids, context)

    async def _payment_method(self, context: Values) -> int:
        (method,) = await self._admin.search_read(
            "account.invoice.payment.method",
            Row,
            [["name", "=", PAYMENT_METHOD]],
            context,
            limit=1,
        )
        return method.id

    async def _period(self, day: date, context: Values) -> _Period:
        (period,) = await self._admin.search_read(
            "account.period",
            _Period,
            [["start_date", "<=", day], ["end_date", ">=", day]],
            context,
            limit=1,
        )
        return period

    async def _run_payment(self, start: Values, context: Values) -> None:
        """The wizard; a smaller amount than what is open is a partial payment."""
        created = await self._admin.call(f"wizard.{PAY}.create", [context], Effect.CREATE)
        session, *_ = self._admin.parsed(_SESSION, created, PAY)
        answer = await self._execute(session, {"start": start}, "choice", context)
        step = self._admin.parsed(_STEP, answer, PAY)
        if step.view is not None:
            ask: Values = {"ask": {**step.view.defaults, "type": "partial"}}
            await self._execute(session, ask, "pay", context)
        await self._admin.call(f"wizard.{PAY}.delete", [session, context], Effect.SAFE_WRITE)

    async def _execute(self, session: int, data: Values, state: str, context: Values) -> Wire:
        return await self._admin.call(
            f"wizard.{PAY}.execute", [session, data, state, context], Effect.CREATE, timeout_s=120
        )


def _acting_on(model: str, record: int, context: Values) -> Values:
    """The context of a wizard that was opened on a record."""
    return {**context, "active_model": model, "active_id": record, "active_ids": [record]}
