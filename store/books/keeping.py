"""Keeping: what a chapter made becomes rows that are never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic_core import to_json
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun
from canonical.engine.books import Books
from canonical.engine.rows import Document, Recognised, Transaction, TransactionKind
from canonical.ids import ContractId, WorkItemId, transaction_id, work_item_id
from canonical.invoicing import EntryWords
from canonical.ledger.journal import Journal
from store.engine import copy_rows
from store.tables import billing_transaction, journal_entry, journal_line, revenue_schedule


class Mark(NamedTuple):
    """Where books stood before a chapter."""

    journals: int
    documents: Mapping[str, Document]
    schedule: int

    @classmethod
    def of(cls, books: Books) -> Mark:
        return cls(len(books.journals), dict(books.documents), len(books.schedule))


class Made(NamedTuple):
    """What a chapter added."""

    journals: Sequence[Journal]
    documents: Sequence[Document]
    """New ones, in their order."""
    posted: Sequence[Document]
    """Those that were drafts before."""
    transactions: Sequence[Transaction]
    schedule: Sequence[Recognised]

    @classmethod
    def since(cls, mark: Mark, books: Books) -> Made:
        was, now = mark.documents, books.documents
        new = [each for name, each in now.items() if name not in was]
        rows = [row for each in new for line in each.lines for row in line.transactions]
        return cls(
            journals=books.journals[mark.journals :],
            documents=new,
            posted=[
                each
                for name, each in now.items()
                if each.posted and not (name in was and was[name].posted)
            ],
            transactions=[books.transactions[row] for row in rows],
            schedule=books.schedule[mark.schedule :],
        )


def contract_of(journal: Journal, usual: str) -> str:
    """Whose journal it is: the contract that its lines name."""
    return next((line.contract for line in journal.lines if line.contract), usual)


# -- journals

_JOURNAL: Final = [
    *("id", "chapter_id", "number", "contract_id", "legal_entity", "posted_on", "period"),
    *("currency", "document_currency", "event", "service_period", "reverses", "owner", "document"),
]
_LINE: Final = [
    *("journal_id", "line_no", "account", "amount", "currency", "document_amount"),
    *("document_currency", "contract", "item"),
]
_RESERVE: Final = text(
    "SELECT nextval(pg_get_serial_sequence('journal_entry', 'id')) FROM generate_series(1, :count)"
)


class Place(NamedTuple):
    """Where a journal is kept: its chapter, its contract, and its number there."""

    chapter: int
    contract: str
    number: int


async def keep_journals(
    connection: AsyncConnection,
    journals: Sequence[Journal],
    places: Sequence[Place],
    earlier: Sequence[Place],
) -> None:
    """Store journals at their places; `earlier` are the places of all journals told before."""
    if not journals:
        return
    ids = list(await connection.scalars(_RESERVE, {"count": len(journals)}))
    first = journals[0].number
    known = {each.number: ids[each.number - first] for each in journals}
    for journal in journals:
        if journal.reverses and journal.reverses not in known:
            place = earlier[journal.reverses - 1]
            known[journal.reverses] = await _id_at(connection, place)
    heads = (
        (
            known[each.number],
            place.chapter,
            place.number,
            place.contract,
            each.entity,
            each.on,
            each.period,
            each.currency,
            each.document_currency,
            each.event,
            each.service_period,
            known[each.reverses] if each.reverses else None,
            each.owner.value,
            each.document,
        )
        for each, place in zip(journals, places, strict=True)
    )
    await copy_rows(connection, journal_entry.name, _JOURNAL, heads)
    await copy_rows(connection, journal_line.name, _LINE, _lines(journals, known))


def _lines(journals: Sequence[Journal], ids: Mapping[int, int]) -> Iterator[tuple[object, ...]]:
    for journal in journals:
        for number, line in enumerate(journal.lines, start=1):
            yield (
                ids[journal.number],
                number,
                line.account.value,
                line.amount,
                journal.currency,
                line.document_amount,
                journal.document_currency,
                line.contract,
                line.item,
            )


async def _id_at(connection: AsyncConnection, place: Place) -> int:
    columns = journal_entry.c
    found = await connection.execute(
        select(columns.id).where(
            columns.chapter_id == place.chapter,
            columns.contract_id == place.contract,
            columns.number == place.number,
        )
    )
    return int(found.scalar_one())


# -- transactions

_OF_ENTRIES: Final = (TransactionKind.TIME, TransactionKind.EXPENSE, TransactionKind.DISBURSEMENT)

_WORDS: Final = text(
    """
    SELECT source || '/' || kind || '/' || external_id AS entry, id::text AS id, revision, source,
           external_id, coalesce(body ->> 'person', '') AS person,
           coalesce(body ->> 'person_name', '') AS person_name,
           coalesce(body ->> 'task', body ->> 'category', '') AS task,
           coalesce(body ->> 'description', '') AS description,
           coalesce(body ->> 'approved_by', '') AS approved_by,
           CAST(body ->> 'approved_at' AS timestamptz) AS approved_at
    FROM work_item WHERE id = ANY(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(UUID(as_uuid=False))))


def item_of(entry: str) -> WorkItemId:
    """The item of an engine's entry, `<source>/<kind>/<external id>`."""
    source, kind, external_id = entry.split("/", 2)
    return work_item_id(source, kind, external_id)


async def words_of(
    connection: AsyncConnection, books: Books, transactions: Sequence[Transaction]
) -> dict[str, EntryWords]:
    """What invoices and backups say of the entries of transactions; the columns are in the order of
    `EntryWords`."""
    entries = {row.source: row.contract for row in transactions if row.kind in _OF_ENTRIES}
    if not entries:
        return {}
    found = await connection.execute(_WORDS, {"ids": [item_of(each) for each in entries]})
    words: dict[str, EntryWords] = {}
    for entry, item, revision, source, external_id, person, person_name, *rest in found:
        book = books.contracts[entries[entry]]
        # a credit of what was recalled is made when the entry is approved no more
        role = (book.works.get(entry) or book.recalled[entry]).role
        words[entry] = EntryWords(
            item, revision, source, external_id, person, person_name, role, *rest
        )
    return words


_TRANSACTION: Final = [
    *("id", "chapter_id", "item_id", "item_version", "engagement_id", "period", "run"),
    *("contract_id", "contract_version", "line_id", "portion", "kind", "source", "external_id"),
    *("work_date", "person", "person_name", "role", "task", "description", "quantity", "rate"),
    *("rate_basis", "beaten", "amount", "discount", "net", "measure", "currency", "fx", "tax_code"),
    *("currency_basis", "limits", "credit_to", "concession", "service_period", "customer"),
    *("legal_entity", "approved_by", "approved_at", "credits"),
]


async def keep_transactions(
    connection: AsyncConnection,
    chapter: int,
    run: BillingRun,
    transactions: Sequence[Transaction],
    words: Mapping[str, EntryWords],
) -> None:
    """Store billing transactions; the database refuses what would bill more than is approved."""
    if transactions:
        rows = (_row(chapter, run, each, words) for each in transactions)
        await copy_rows(connection, billing_transaction.name, _TRANSACTION, rows)


_FEE: Final = EntryWords("", 0, "", "")


def _row(
    chapter: int, run: BillingRun, row: Transaction, words: Mapping[str, EntryWords]
) -> tuple[object, ...]:
    said = words.get(row.source, _FEE)
    contract = ContractId(row.contract)
    basis = f"contract currency {row.rate_currency}"
    return (
        transaction_id(contract, row.id),
        chapter,
        said.item_id or None,
        said.version or None,
        run.engagement_id,
        run.period,
        run.run,
        row.contract,
        row.version,
        row.line_id,
        row.portion,
        row.kind.value,
        said.source,
        said.external_id or row.source,
        row.work_date,
        said.person,
        said.person_name,
        said.role,
        said.task,
        said.description or row.description,
        row.quantity,
        row.rate,
        row.rate_basis,
        _json(row.beaten) if row.beaten else "[]",
        row.amount,
        row.discount,
        row.net,
        row.measure,
        row.currency,
        row.fx,
        row.tax_code,
        f"{basis} x {row.fx:f}" if row.fx else basis,
        _json({key: str(used) for key, used in row.limits}) if row.limits else "{}",
        row.credit_to.value if row.credit_to else "",
        row.concession,
        row.service_period,
        row.customer,
        row.entity,
        said.approved_by,
        said.approved_at,
        transaction_id(contract, row.credits) if row.credits else None,
    )


def _json(value: Sequence[str] | Mapping[str, str]) -> str:
    return to_json(value).decode()


async def keep_schedule(
    connection: AsyncConnection, chapter: int, schedule: Sequence[Recognised]
) -> None:
    """Store what a revenue close found of each line; the last row of a line stands."""
    rows = {(row.contract, row.line_id): row for row in schedule}
    if rows:
        await connection.execute(
            insert(revenue_schedule),
            [
                {
                    "chapter_id": chapter,
                    "contract_id": row.contract,
                    "line_id": row.line_id,
                    "as_of": row.on,
                    "to_date": row.to_date,
                    "estimate": row.estimate,
                    "revenue_to_date": row.revenue_to_date,
                    "revenue_in_period": row.revenue_in_period,
                    "billed_to_date": row.billed_to_date,
                    "loss_provision": row.loss_provision,
                }
                for row in rows.values()
            ],
        )
