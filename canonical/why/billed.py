"""Parts on documents: billed or on a draft, paid or not, and what waits to be credited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from canonical.engine.rows import PartState
from canonical.errors import Role
from canonical.invoice import InvoiceState
from canonical.money import Money, minor_unit, round_half_up
from canonical.why.facts import Document, Facts
from canonical.why.model import WhyState
from canonical.why.pieces import Piece
from canonical.why.wording import NOBODY, Told, minutes

ZERO = Decimal(0)
PAYMENT = "the client's payment"


def settled(facts: Facts, piece: Piece) -> Told:
    """Billed, or on a draft."""
    document = facts.documents.get(piece.document)
    told = _on_draft if piece.state is PartState.ON_DRAFT else _billed
    waits_for, acts, step, because = told(facts, piece, document)
    if document is not None and document.trouble is not None:
        trouble = document.trouble
        waits_for, acts, step = trouble.owner.words, trouble.owner, trouble.next_step
        because += f", and stopped: {trouble.message}"
    return Told(
        WhyState(piece.state.value),
        piece.quantity,
        because,
        waits_for,
        acts,
        step,
        money_of(piece),
        name_of(facts, piece.document),
        _detail(document),
    )


Waiting = tuple[str, Role | None, str, str]
"""By whom, in words and by role, the next step, and why."""


def _on_draft(_facts: Facts, piece: Piece, document: Document | None) -> Waiting:
    if document is not None and document.number:
        because = f"on invoice {document.number}, posted in the ERP and not in our ledger yet"
        return f"the workflow {document.process}", None, "", because
    step = f"if it does not move, look at the workflow {document.process}" if document else ""
    return "its posting in the ERP", None, step, f"on draft invoice {piece.document}"


def _billed(facts: Facts, piece: Piece, document: Document | None) -> Waiting:
    if document is None:
        return NOBODY, None, "", f"billed on {piece.document}"
    because = f"billed on {_invoice(document)}, which is {_paid(document)}"
    if document.state in (InvoiceState.PAID, InvoiceState.CANCELLED):
        return NOBODY, None, "", because
    return PAYMENT, None, "", because + _due(document, facts.today)


def _invoice(document: Document) -> str:
    dated = f" of {document.invoice_date}" if document.invoice_date else ""
    return f"invoice {document.number or document.key}{dated}"


def _paid(document: Document) -> str:
    match document.state:
        case InvoiceState.PAID:
            return "paid in full"
        case InvoiceState.CANCELLED:
            return "cancelled"
        case InvoiceState.PART_PAID:
            return f"paid by {document.paid} of {document.gross}"
    return "not paid yet"


def _due(document: Document, today: date) -> str:
    if document.due_date is None:
        return ""
    since = "since" if document.due_date < today else "on"
    return f", due {since} {document.due_date}"


def money_of(piece: Piece) -> Money | None:
    """What cannot be priced is held without an amount."""
    if piece.state is PartState.HELD and not piece.amount:
        return None
    return Money(amount=piece.amount, currency=piece.currency)


def name_of(facts: Facts, key: str) -> str:
    """The number by which people know a document, or its key until it has one."""
    document = facts.documents.get(key)
    return key if document is None else document.number or key


def _detail(document: Document | None) -> tuple[tuple[str, str], ...]:
    if document is None:
        return ()
    return (
        ("document", document.key),
        ("state", document.state.value.replace("_", " ")),
        ("gross", str(document.gross)),
        ("paid", str(document.paid)),
        ("due", str(document.due_date or "")),
        ("workflow", document.process),
    )


# -- what waits for its credit


def credit_awaited(facts: Facts, billed: Sequence[Piece]) -> tuple[list[Piece], list[Told]]:
    """What stays billed; and what does not, since its approval or its content is gone: the newest
    documents first."""
    pending, kept = facts.recall_pending, list[Piece]()
    awaiting: list[Told] = []
    for piece in reversed(billed):
        taken = min(pending, piece.quantity)
        if not facts.recall_pending and piece.contract in facts.gone:
            taken = piece.quantity
        pending -= min(pending, taken)
        stays, goes = _cut(piece, taken)
        kept += [stays] if stays.quantity or (stays.amount and not taken) else []
        awaiting += [_awaits(facts, goes)] if taken else []
    return kept[::-1], awaiting[::-1]


def _cut(piece: Piece, quantity: Decimal) -> tuple[Piece, Piece]:
    """A piece without a quantity of it, and that quantity; amounts as a credit takes them."""
    left = piece.quantity - quantity
    share = left / piece.quantity if piece.quantity else Decimal(1)
    amount = round_half_up(piece.amount * share, minor_unit(piece.currency))
    rest = piece.amount - amount
    return (
        piece._replace(quantity=left, amount=amount),
        piece._replace(quantity=quantity, amount=rest),
    )


def _awaits(facts: Facts, piece: Piece) -> Told:
    name, is_draft = name_of(facts, piece.document), piece.state is PartState.ON_DRAFT
    on = f"on draft invoice {name}" if is_draft else f"billed on invoice {name}"
    step = "discard the draft" if is_draft else "decide on its credit"
    if facts.credit_since is not None:
        step += f" (proposed on {minutes(facts.credit_since)})"
    return Told(
        WhyState.AWAITS_CREDIT,
        piece.quantity,
        f"{on}, and since then {_undone(facts, piece)}",
        Role.FINANCE.words,
        Role.FINANCE,
        f"{step}, or have it approved again as it was billed",
        money_of(piece),
        name,
    )


def _undone(facts: Facts, piece: Piece) -> str:
    item = facts.item
    if not item.approved:
        return f"recalled ({item.source}, {minutes(item.version)})"
    if facts.recall_pending:
        return f"approved for less ({item.source}, {minutes(item.version)})"
    place = facts.place
    if place is None or place.contract != piece.contract:
        return f"moved to another project ({item.source}, {minutes(item.version)})"
    return f"changed ({item.source}, {minutes(item.version)})"
