"""What a source may assert: only what its roles own, only of its own records, only as itself."""

from __future__ import annotations

from collections.abc import Iterator

from canonical.errors import ChangeNotAllowed
from canonical.events import (
    DealClosed,
    Event,
    ExpenseApproved,
    ExpenseRecalled,
    PaymentReceived,
    SourceCompleted,
    TimeApproved,
    TimeRecalled,
)
from canonical.landscape import Landscape, SystemRole
from canonical.ownership import EVENT_FIELDS, owner_of


def require_authority(landscape: Landscape, source: str, event: Event) -> None:
    """Raises ChangeNotAllowed when the source instance asserts what belongs to another."""
    if event.source != source:
        raise ChangeNotAllowed(field=f"event {event.id}", owner=event.source, writer=source)
    field = asserted_field(event)
    if field is None:
        return
    owner = owner_of(field)
    if owner not in _roles(landscape, source, getattr(event, "legal_entity", None)):
        raise ChangeNotAllowed(field=field, owner=owner.value, writer=source)
    for subject, holder in _subjects(event):
        if holder != source:
            raise ChangeNotAllowed(field=f"{field} of {subject}", owner=holder, writer=source)


def asserted_field(event: Event) -> str | None:
    """The field of the ownership table that an event asserts; None for a request."""
    if isinstance(event, SourceCompleted):
        # That a source is complete counts as much as its items: it lets a period be billed.
        return event.totals.kind
    return EVENT_FIELDS.get(event.type)


def _roles(landscape: Landscape, source: str, entity_code: str | None) -> frozenset[SystemRole]:
    """The roles that an instance serves, for one legal entity or for any."""
    return frozenset(
        role
        for entity in landscape.entities
        if entity_code in (None, entity.code)
        for role, system in entity.systems.items()
        if system == source
    )


def _subjects(event: Event) -> Iterator[tuple[str, str]]:
    """The records that an event speaks of, and the system instance that holds each."""
    match event:
        case DealClosed():
            yield str(event.deal), event.deal.system
        case TimeApproved() | TimeRecalled() | ExpenseApproved() | ExpenseRecalled():
            yield from ((item.external_id, item.source) for item in event.items)
        case PaymentReceived():
            yield str(event.invoice), event.invoice.system
            yield str(event.payment), event.payment.system
        case _:
            return
