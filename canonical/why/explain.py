"""The sentences: facts about an entry become one line for each of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from canonical.engine.rows import PartState
from canonical.errors import Role
from canonical.transitions import EngagementStage
from canonical.why.billed import credit_awaited, settled
from canonical.why.facts import Facts, Place
from canonical.why.model import Why, WhyLine, WhyState
from canonical.why.pieces import ON_DOCUMENTS, entry_of
from canonical.why.unbilled import CUTOFF, open_part
from canonical.why.wording import Told, line_of, minutes, unit_of

ZERO = Decimal(0)
_ENDED = (EngagementStage.CLOSED, EngagementStage.CANCELLED)
_SINKS = (PartState.WRITTEN_DOWN, PartState.CONCEDED)
"""Decided once; what happens to the entry later does not undo them."""
_DONE = (PartState.COVERED, PartState.BILLED_ELSEWHERE)


def explain(facts: Facts) -> Why:
    """Every part of the entry."""
    item, place = facts.item, facts.place
    return Why(
        entry=entry_of(item),
        quantity=item.quantity,
        unit=unit_of(item),
        person=item.person_name or item.person,
        work_date=item.work_date,
        approved_by=item.approved_by,
        approved_at=item.approved_at,
        source_version=item.version,
        project=str(item.project),
        engagement=place.engagement if place else "",
        project_code=place.project_code if place else "",
        client=place.client if place else "",
        lines=tuple(line_of(item, told) for told in _parts(facts)),
    )


def not_told(entry: str, source: str, last_read: datetime | None) -> Why:
    """For an entry that no source told us of; `last_read`: when its source's feed was read."""
    because = f"no source told us of {entry}"
    if last_read is not None:
        because += f"; {source} was last read on {minutes(last_read)}"
    step = "look it up in its source; if it is there, see that the source is read or pushes it"
    line = WhyLine(
        state=WhyState.NOT_TOLD,
        quantity=ZERO,
        unit="",
        sentence=f"{because}. It waits for {Role.PROJECT_OPERATIONS.words}: {step}.",
        waits_for=Role.PROJECT_OPERATIONS.words,
        acts=Role.PROJECT_OPERATIONS,
        next_step=step,
    )
    return Why(entry=entry, lines=(line,))


def _parts(facts: Facts) -> Iterator[Told]:
    billed = [piece for piece in facts.pieces if piece.state in ON_DOCUMENTS]
    sinks = [piece for piece in facts.pieces if piece.state in _SINKS]
    kept, awaiting = credit_awaited(facts, billed)
    yield from (settled(facts, piece) for piece in kept)
    yield from awaiting
    yield from (open_part(facts, piece) for piece in sinks)
    rest = facts.item.quantity - sum((each.quantity for each in (*billed, *sinks)), ZERO)
    yield from _rest(facts, rest)


def _rest(facts: Facts, rest: Decimal) -> Iterator[Told]:
    """What is neither billed nor decided: either nothing may bill it now, or its pieces say."""
    whole = _whole(facts, rest) if rest > 0 else None
    if whole is not None:
        yield whole
        return
    ours = facts.place.contract if facts.place is not None else ""
    for piece in facts.pieces:
        if piece.state not in (*ON_DOCUMENTS, *_SINKS) and piece.contract == ours:
            yield open_part(facts, piece)


def _whole(facts: Facts, rest: Decimal) -> Told | None:
    """The one reason for all of the rest, from the first that must be mended; None when the books
    know the parts."""
    item, place = facts.item, facts.place
    if not item.approved:
        return _recalled(facts, rest) if facts.was_approved else _not_approved(facts, rest)
    if not item.billable:
        step = "nothing, or mark it as billable in its source"
        return Told(WhyState.EXCLUDED, rest, f"not billable, says {item.source}", "", None, step)
    if place is None:
        return _unlinked(facts, rest)
    return _without_a_contract(facts, place, rest) or _refused(facts, rest)


def _recalled(facts: Facts, rest: Decimal) -> Told:
    because = (
        f"recalled: {facts.item.source} took the approval back on {minutes(facts.item.version)}"
    )
    step = f"correct it and have it approved again in {facts.item.source}, or leave it"
    return _project_operations(WhyState.RECALLED, rest, because, step)


def _not_approved(facts: Facts, rest: Decimal) -> Told:
    item = facts.item
    because = "submitted and not approved yet" if item.submitted else "not approved yet"
    step = f"approve it in {item.source}"
    return _project_operations(WhyState.NOT_APPROVED, rest, because, step)


def _unlinked(facts: Facts, rest: Decimal) -> Told:
    because = (
        f"approved, but its project {facts.item.project} belongs to no engagement that we know"
    )
    step = f"correct the project in {facts.item.source}, or link it by setting up its deal"
    return _project_operations(WhyState.UNLINKED, rest, because, step)


def _without_a_contract(facts: Facts, place: Place, rest: Decimal) -> Told | None:
    if place.stage in _ENDED and not _is_done(facts):
        because = f"its engagement {place.engagement} is {place.stage.value}"
        step = "a new deal for it, or nothing"
        return _project_operations(WhyState.ENDED, rest, because, step)
    if facts.item.work_date < place.begins:
        because = f"dated {facts.item.work_date}, before the contract begins on {place.begins}"
        step = f"correct the date in {facts.item.source}, or have the contract begin earlier"
        return _project_operations(WhyState.BEFORE_CONTRACT, rest, because, step)
    return _not_active(place, rest)


def _not_active(place: Place, rest: Decimal) -> Told | None:
    if place.stage in (EngagementStage.ACTIVE, *_ENDED):
        return None
    stage, trouble = place.stage.value.replace("_", " "), place.trouble
    because = f"its engagement {place.engagement} is not active yet ({stage})"
    if trouble is None:
        step = "it goes on by itself; look at its workflow if it does not"
        return _project_operations(WhyState.NOT_ACTIVE, rest, because, step)
    because += f": {trouble.message}"
    role, step = trouble.owner, trouble.next_step
    return Told(WhyState.NOT_ACTIVE, rest, because, role.words, role, step)


def _refused(facts: Facts, rest: Decimal) -> Told | None:
    refusal = facts.refusal
    if refusal is not None and not _is_done(facts):
        because = f"the next run would stop: {refusal.message}"
        role, step = refusal.owner, refusal.next_step
        return Told(WhyState.REFUSED, rest, because, role.words, role, step)
    if facts.gone:
        return Told(
            WhyState.CHANGED,
            rest,
            "not billed before what is billed of the entry as it was is credited",
            Role.FINANCE.words,
            Role.FINANCE,
            "decide on that credit",
        )
    if facts.is_changed:
        changed = f"{facts.item.source}, {minutes(facts.item.version)}"
        return Told(
            WhyState.CHANGED,
            rest,
            f"changed after the rest was billed ({changed}), and no run has heard of it",
            CUTOFF,
            Role.FINANCE,
            "more hours are billed then; any other change asks for a credit of what is billed",
        )
    return None


def _is_done(facts: Facts) -> bool:
    """Covered, or billed elsewhere: no run has to take it."""
    return any(piece.state in _DONE for piece in facts.pieces)


def _project_operations(state: WhyState, quantity: Decimal, because: str, step: str) -> Told:
    role = Role.PROJECT_OPERATIONS
    return Told(state, quantity, because, role.words, role, step)
