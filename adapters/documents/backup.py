"""The backup of an invoice: a spreadsheet with one row per transaction, and sums that tie out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from adapters.documents.spreadsheet import ROWS_MAX, Cell, Workbook
from adapters.documents.words import Words
from canonical.currencies import MINOR_DIGITS
from canonical.errors import DataRejected, RuleViolation
from canonical.invoice import BackupRow, Invoice
from canonical.money import Money

SYSTEM = "documents"
_WIDTHS = (11, 24, 22, 60, 10, 8, 12, 14)
_SUM_ROWS_RESERVED = 1_000


async def backup_sheet(
    invoice: Invoice,
    words: Words,
    pages: AsyncIterator[Sequence[BackupRow]],
    bytes_max: int,
) -> bytes:
    """The workbook, page by page; never more than about `bytes_max` in memory.

    Raises DataRejected when it grows too large, RuleViolation when the rows do not add up to the
    invoice's net: a backup that contradicts its invoice is not sent.
    """
    sums = _Sums(invoice.currency)
    with Workbook(words.backup, _WIDTHS, _formats(invoice.currency)) as book:
        head = [name.format(currency=invoice.currency) for name in words.backup_columns]
        book.add(head, bold=True)
        async for page in pages:
            sums.count(page)
            _check_size(invoice, book.size, sums.rows, bytes_max)
            for row in page:
                book.add(_cells(row))
        _check_sum(invoice, sums.net)
        for cells in sums.cells(words):
            book.add(cells, bold=True)
        content = book.finish()
    _check_size(invoice, len(content), sums.rows, bytes_max)
    return content


def too_large(invoice: Invoice, size: str, bytes_max: int) -> DataRejected:
    return DataRejected(
        SYSTEM,
        f"the files of invoice {invoice.number} are larger than a mail may be ({size}, limit "
        f"{bytes_max:,} bytes); send the backup another way or bill the engagement in parts",
        fields=("backup",),
    )


class _Sums:
    """Quantities and amounts by unit, since hours and pieces have no sum."""

    def __init__(self, currency: str) -> None:
        self._by_unit: dict[str, tuple[Decimal, Money]] = {}
        self.net = Money.zero(currency)
        self.rows = 0

    def count(self, page: Sequence[BackupRow]) -> None:
        zero = (Decimal(0), Money.zero(self.net.currency))
        for row in page:
            quantity, amount = self._by_unit.get(row.unit, zero)
            self._by_unit[row.unit] = (quantity + row.quantity, amount + row.amount)
            self.net = self.net + row.amount
        self.rows += len(page)

    def cells(self, words: Words) -> list[list[Cell]]:
        by_unit: list[list[Cell]] = [
            [words.sum_of.format(unit=unit), None, None, None, quantity, unit, None, amount.amount]
            for unit, (quantity, amount) in self._by_unit.items()
        ]
        whole: list[Cell] = [words.net_total, None, None, None, None, None, None, self.net.amount]
        return [*by_unit, whole]


def _cells(row: BackupRow) -> list[Cell]:
    return [
        row.work_date,
        row.person,
        row.role,
        row.description,
        row.quantity,
        row.unit,
        row.rate,
        row.amount.amount,
    ]


def _formats(currency: str) -> tuple[str, ...]:
    digits = MINOR_DIGITS[currency]
    amount = f"#,##0.{'0' * digits}" if digits else "#,##0"
    return ("yyyy-mm-dd", "", "", "", "#,##0.00##", "", "#,##0.00##", amount)


def _check_size(invoice: Invoice, size: int, rows: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise too_large(invoice, f"{size:,} bytes after {rows:,} rows", bytes_max)
    if rows > ROWS_MAX - _SUM_ROWS_RESERVED:
        raise too_large(invoice, f"{rows:,} rows", bytes_max)


def _check_sum(invoice: Invoice, net: Money) -> None:
    if net != invoice.net:
        raise RuleViolation(
            f"the backup of invoice {invoice.number} adds up to {net}, but the invoice's net is "
            f"{invoice.net}; compare the invoice's lines with its transactions"
        )
