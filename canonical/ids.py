"""Identifiers: distinct types, derived from business keys, so that a retry cannot make a second
object."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from typing import NewType
from uuid import UUID, uuid5

from canonical.base import Noun

ClientId = NewType("ClientId", str)
ContractId = NewType("ContractId", str)
EngagementId = NewType("EngagementId", str)
ProjectId = NewType("ProjectId", str)
WorkItemId = NewType("WorkItemId", str)
TransactionId = NewType("TransactionId", str)
InvoiceId = NewType("InvoiceId", str)
PaymentId = NewType("PaymentId", str)
EventId = NewType("EventId", str)
CaseId = NewType("CaseId", str)

_ROOT = UUID("5f1c0a52-7e0b-5d6c-9a43-1d2f0c7be601")
"""The namespace of the product's ids. Changing it would orphan every stored id."""


class ExternalRef(Noun):
    """A record of an outside system: the landscape's system instance, the kind, the normalised id.

    Adapters normalise (`Salesforce`: 18 characters; numbers: their decimal text), so that equal
    records have equal references.
    """

    system: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.system}/{self.kind}/{self.id}"


def derive(noun: str, *key: str | int) -> str:
    """The id of a noun by its business key; parts are joined unambiguously.

    It is `str(uuid5(...))` of RFC 9562, written out: a billing run makes two of them per entry.
    """
    name = "\x1f".join([_escaped(str(part)) for part in key])
    digest = bytearray(sha1(_namespace(noun) + name.encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x50  # the version
    digest[8] = digest[8] & 0x3F | 0x80  # the variant
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


@cache
def _namespace(noun: str) -> bytes:
    return uuid5(_ROOT, noun).bytes


def _escaped(part: str) -> str:
    """The separator inside a part is no separator."""
    return part.replace("\x1e", "\x1e0").replace("\x1f", "\x1e1")


def client_id(owner: ExternalRef) -> ClientId:
    return ClientId(derive("client", owner.system, owner.kind, owner.id))


def engagement_id(deal: ExternalRef) -> EngagementId:
    """`<crm instance>/<deal id>`: readable, since it is what people search for."""
    return EngagementId(f"{deal.system}/{deal.id}")


def contract_id(engagement: EngagementId) -> ContractId:
    return ContractId(derive("contract", engagement))


def project_id(engagement: EngagementId) -> ProjectId:
    return ProjectId(derive("project", engagement))


def work_item_id(source: str, kind: str, external_id: str) -> WorkItemId:
    return WorkItemId(derive("work_item", source, kind, external_id))


def transaction_id(contract: ContractId, row: str) -> TransactionId:
    """`row` names it within the contract: its document's key and its place there."""
    return TransactionId(derive("billing_transaction", contract, row))


def invoice_id(
    bill_to: ClientId, engagement: EngagementId, period: str, run: int, sequence: int
) -> InvoiceId:
    return InvoiceId(derive("invoice", bill_to, engagement, period, run, sequence))


def payment_id(source: ExternalRef) -> PaymentId:
    return PaymentId(derive("payment", source.system, source.kind, source.id))


def event_id(source: str, external_id: str) -> EventId:
    return EventId(derive("event", source, external_id))


def case_id(process: str, cause: str, subject: str) -> CaseId:
    return CaseId(derive("case", process, cause, subject))
