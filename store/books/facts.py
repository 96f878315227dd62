"""Facts: acceptances, progress reports and payments that the books have not heard yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.contract import ContractVersion
from canonical.engine.story import Acceptance, Event, Payment, ProgressReport
from canonical.errors import Role
from canonical.events import EVENT, MilestoneAchieved, ProgressReported
from canonical.ids import case_id
from canonical.terms.lines import FixedFeeLine, MilestonesLine
from store import trail
from store.processes import engagement_process

FACTS_PER_CHAPTER_MAX: Final = 10_000


class Fact(NamedTuple):
    """A fact that is heard once, under its key."""

    key: str
    event: Event


_EVENTS: Final = text(
    """
    SELECT 'event/' || e.id AS key, e.body FROM business_event e
    JOIN identity_link l ON (l.system, l.kind, l.external_id)
                          = (e.subject_system, e.subject_kind, e.subject_id) AND l.noun = 'project'
    JOIN project p ON p.id::text = l.noun_id
    WHERE p.engagement_id = :engagement AND e.state = 'delivered'
      AND e.type IN ('milestone.achieved', 'progress.reported')
      AND NOT EXISTS (SELECT 1 FROM book_fact f WHERE f.key = 'event/' || e.id)
    ORDER BY e.occurred_at, e.id LIMIT :limit
    """
)

# A payment is heard once our ledger holds its invoice, in the invoice's own currency.
_PAYMENTS: Final = text(
    """
    SELECT 'payment/' || y.id AS key, y.id::text AS id, y.amount, y.currency, y.paid_on,
           i.key AS invoice, i.legal_entity
    FROM payment y JOIN invoice i ON i.id = y.our_invoice
    WHERE i.engagement_id = :engagement AND i.posted_in IS NOT NULL AND y.amount > 0
      AND y.currency = i.currency
      AND NOT EXISTS (SELECT 1 FROM book_fact f WHERE f.key = 'payment/' || y.id)
    ORDER BY y.paid_on, y.id LIMIT :limit
    """
)


async def pending_facts(
    connection: AsyncConnection, versions: Sequence[ContractVersion]
) -> list[Fact]:
    """What a contract's books hear next. An event that the contract has no place for is left out,
    with a case: it must not stop everything else."""
    values = {"engagement": versions[0].engagement_id, "limit": FACTS_PER_CHAPTER_MAX}
    facts = [_payment(row) for row in await connection.execute(_PAYMENTS, values)]
    for row in await connection.execute(_EVENTS, values):
        event = EVENT.validate_python(row.body)
        if not isinstance(event, MilestoneAchieved | ProgressReported):
            raise AssertionError(f"{row.key} is a {event.type}")
        reason = _misfit(event, versions)
        if reason:
            await _raise_case(connection, versions[0], row.key, event, reason)
        else:
            facts.append(Fact(row.key, _story(event)))
    return facts


def _payment(row: Row[tuple[object, ...]]) -> Fact:
    paid = Payment(
        id=row.id,
        amount=row.amount,
        currency=row.currency,
        invoice=row.invoice,
        entity=row.legal_entity,
    )
    return Fact(row.key, Event(on=row.paid_on, payment=paid))


def _story(event: MilestoneAchieved | ProgressReported) -> Event:
    if isinstance(event, ProgressReported):
        report = ProgressReport(
            line=event.line, as_of=event.as_of, to_date=event.to_date, estimate=event.estimate
        )
        return Event(on=event.as_of, progress=report)
    acceptance = Acceptance(
        milestone=event.milestone,
        accepted_by=event.accepted_by,
        accepted_on=event.accepted_on,
        document_hash=event.document_hash,
    )
    return Event(on=event.accepted_on, acceptance=acceptance)


def _misfit(
    event: MilestoneAchieved | ProgressReported, versions: Sequence[ContractVersion]
) -> str:
    """Why a contract has no place for an event, or an empty text."""
    lines = [line for version in versions for line in version.lines]
    if isinstance(event, MilestoneAchieved):
        known = {
            milestone.milestone_id
            for line in lines
            if isinstance(line, MilestonesLine)
            for milestone in line.milestones
        }
        if event.milestone in known:
            return ""
        there = ", ".join(sorted(known)) or "none"
        return f"the contract has no milestone {event.milestone!r} (there is {there})"
    fixed = {line.line_id for line in lines if isinstance(line, FixedFeeLine)}
    if event.line in fixed or (not event.line and len(fixed) == 1):
        return ""
    there = ", ".join(sorted(fixed)) or "none"
    return f"the contract has no fixed-fee line {event.line!r} (there is {there})"


async def _raise_case(
    connection: AsyncConnection,
    version: ContractVersion,
    key: str,
    event: MilestoneAchieved | ProgressReported,
    reason: str,
) -> None:
    process = engagement_process(version.engagement_id)
    await trail.open_case(
        connection,
        Case(
            id=case_id(process, "FactRefused", key),
            process=process,
            cause="FactRefused",
            subject=f"{event.type} {event.source}/{event.id}",
            owner=Role.PROJECT_OPERATIONS,
            message=f"{event.type} of {event.project}: {reason}",
            next_step="Send the event again with the right name, or amend the contract.",
            legal_entity=version.legal_entity,
        ),
    )
