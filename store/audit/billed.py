"""The billing transactions of an invoice line: entry, approval, terms, rates, caps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.contract import ContractVersion, RateRow, TimeAndMaterialsLine
from canonical.money import Money
from store.audit.explanation import (
    Acceptance,
    AgreedVersion,
    BilledTransaction,
    Rate,
    SourceEntry,
)

MILESTONES: Final = ("milestone", "retention", "retention_release")

_TRANSACTIONS: Final = text(
    """
    SELECT t.*, v.body AS version_body, v.effective_from, v.agreed_at,
           c.key AS credited_invoice, cl.line_no AS credited_line
    FROM invoice_transaction i
    JOIN billing_transaction t ON t.id = i.transaction_id
    JOIN contract_version v ON (v.contract_id, v.version) = (t.contract_id, t.contract_version)
    LEFT JOIN invoice_transaction cl ON cl.transaction_id = t.credits
    LEFT JOIN invoice c ON c.id = cl.invoice_id
    WHERE i.invoice_id = :invoice AND i.line_no = :line
    ORDER BY t.work_date, t.id LIMIT :limit
    """
)
_ACCEPTANCES: Final = text(
    """
    SELECT f.body -> 'acceptance' AS acceptance
    FROM book_fact f JOIN book_chapter c ON c.id = f.chapter_id
    WHERE c.contract_id = :contract AND f.body ? 'acceptance'
    """
)


async def billed_of(
    connection: AsyncConnection, invoice: object, line_no: int, limit: int
) -> list[BilledTransaction]:
    """By work date; at most `limit`."""
    values = {"invoice": invoice, "line": line_no, "limit": limit}
    rows = (await connection.execute(_TRANSACTIONS, values)).mappings().all()
    accepted: Mapping[str, Acceptance] = {}
    if any(row["kind"] in MILESTONES for row in rows):
        accepted = await _acceptances(connection, rows[0]["contract_id"])
    versions: dict[int, ContractVersion] = {}
    found: list[BilledTransaction] = []
    for row in rows:
        number = row["contract_version"]
        if number not in versions:
            versions[number] = ContractVersion.model_validate(row["version_body"])
        found.append(_billed(row, versions[number], accepted))
    return found


async def _acceptances(connection: AsyncConnection, contract: object) -> dict[str, Acceptance]:
    found = await connection.scalars(_ACCEPTANCES, {"contract": contract})
    facts = [Acceptance.model_validate(each) for each in found]
    return {each.milestone: each for each in facts}


def _billed(
    row: RowMapping, version: ContractVersion, accepted: Mapping[str, Acceptance]
) -> BilledTransaction:
    rates = _rates(version, row["line_id"])
    is_milestone = row["kind"] in MILESTONES
    milestone = row["external_id"].removeprefix(f"{row['line_id']}/")
    name = row["rate_basis"].partition(" x")[0]
    currency = row["currency"]
    return BilledTransaction(
        id=str(row["id"]),
        kind=row["kind"],
        entry=_entry(row),
        acceptance=accepted.get(milestone) if is_milestone else None,
        agreed=AgreedVersion(
            contract=str(row["contract_id"]),
            version=row["contract_version"],
            effective_from=row["effective_from"],
            agreed_at=row["agreed_at"],
            line_id=row["line_id"],
        ),
        run=f"{row['engagement_id']}/{row['period']}/{row['run']}",
        quantity=row["quantity"],
        rate=row["rate"],
        rate_basis=row["rate_basis"],
        rate_row=_rate(name, rates) if name in rates else None,
        beaten=tuple(_rate(each, rates) for each in row["beaten"]),
        amount=Money(amount=row["amount"], currency=currency),
        discount=Money(amount=row["discount"], currency=currency),
        net=Money(amount=row["net"], currency=currency),
        currency_basis=row["currency_basis"],
        fx=row["fx"],
        limits=row["limits"],
        credits=_credits(row),
    )


def _entry(row: RowMapping) -> SourceEntry:
    return SourceEntry(
        system=row["source"],
        id=row["external_id"],
        revision=row["item_version"],
        person=row["person"],
        person_name=row["person_name"],
        work_date=row["work_date"],
        description=row["description"],
        role=row["role"],
        task=row["task"],
        approved_by=row["approved_by"],
        approved_at=row["approved_at"],
    )


def _credits(row: RowMapping) -> str:
    if row["credits"] is None:
        return ""
    where = f" ({row['credited_invoice']}/{row['credited_line']})"
    return f"{row['credits']}{where if row['credited_invoice'] else ''}"


def _rates(version: ContractVersion, line_id: str) -> dict[str, RateRow]:
    for line in version.lines:
        if line.line_id == line_id and isinstance(line, TimeAndMaterialsLine):
            return {each.row: each for each in line.rates}
    return {}


def _rate(name: str, rates: Mapping[str, RateRow]) -> Rate:
    row = rates.get(name)
    if row is None:
        return Rate(row=name)
    return Rate(
        row=row.row,
        level=row.level.value,
        subject=row.person or row.role,
        rate=row.rate,
        effective_from=row.effective_from,
        effective_to=row.effective_to,
    )
