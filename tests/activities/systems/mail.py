"""Documents and a mail server in memory: what was handed over, and answers that get lost."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from canonical.client import Client
from canonical.errors import SystemOutcome
from canonical.invoice import BackupRow, Invoice
from canonical.landscape import LegalEntity
from canonical.mail import Attachment, OutgoingMail


@dataclass
class FakeMail:
    """`refuses` is raised in order, each once: after the hand-over when `lost` is set."""

    refuses: deque[SystemOutcome] = field(default_factory=deque)
    lost: bool = False
    handed_over: list[tuple[str, OutgoingMail]] = field(default_factory=list)

    async def check(self) -> str:
        return "a mail server in memory"

    async def send(self, message: OutgoingMail, *, key: str) -> str:
        if self.refuses and not self.lost:
            raise self.refuses.popleft()
        self.handed_over.append((f"<{key}@test>", message))
        if self.refuses:
            raise self.refuses.popleft()
        return f"<{key}@test>"


class PlainDocuments:
    """The invoice as its number, the backup as one line per row."""

    async def invoice_files(
        self,
        invoice: Invoice,
        client: Client,
        entity: LegalEntity,
        backup: AsyncIterator[Sequence[BackupRow]],
    ) -> tuple[Attachment, ...]:
        rows = [row async for page in backup for row in page]
        lines = "\n".join(f"{row.work_date} {row.person} {row.amount}" for row in rows)
        return (
            Attachment(name="invoice.pdf", media_type="application/pdf", content=b"%PDF"),
            Attachment(name="backup.csv", media_type="text/csv", content=lines.encode()),
        )
