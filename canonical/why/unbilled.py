"""Parts on no document: ready, held, covered, written down, and what is never ours to bill."""

from __future__ import annotations

from typing import Final

from canonical.engine.deliveries import RECALLED
from canonical.engine.pricing import DEFICIT, UNPLACED, UNSETTLED
from canonical.engine.recognition import UNDER_REVIEW, WAITING
from canonical.engine.rows import PartState
from canonical.errors import Role
from canonical.money import Money
from canonical.periods import period_of
from canonical.why.billed import money_of, name_of
from canonical.why.facts import Facts, Run
from canonical.why.model import WhyState
from canonical.why.pieces import Piece, Room
from canonical.why.wording import Told, minutes

CUTOFF: Final = "the next cut-off"

HOLDS: Final[dict[str, tuple[Role, str]]] = {
    UNDER_REVIEW: (Role.FINANCE, "end the review of the amendment"),
    WAITING: (Role.FINANCE, "a second person approves it, or refuses it"),
    RECALLED: (Role.FINANCE, "credit what is billed of it, or have it approved again"),
    "over the cap": (Role.FINANCE, "a change order that raises the cap, or a write-down"),
    "no purchase order": (
        Role.PROJECT_OPERATIONS,
        "get the client's purchase order, and amend the contract by it",
    ),
    "no purchase order covers its date": (
        Role.PROJECT_OPERATIONS,
        "get a purchase order for the date, and amend the contract by it",
    ),
    UNPLACED: (
        Role.PROJECT_OPERATIONS,
        "correct the entry in its source, or amend the contract by a line for such work",
    ),
}
"""Who ends a hold, and how."""
BY_THEMSELVES: Final = {
    UNSETTLED: CUTOFF,
    DEFICIT: "the retainer's next period",
}
"""Holds that nobody has to end, and what does."""


def open_part(facts: Facts, piece: Piece) -> Told:
    """Everything that is neither billed nor on a draft."""
    match piece.state:
        case PartState.READY:
            return _ready(facts, piece)
        case PartState.HELD:
            return _held(facts, piece)
        case PartState.WRITTEN_DOWN:
            return _for_good(piece, _written_down(facts, piece))
        case PartState.CONCEDED:
            name = name_of(facts, piece.document)
            return _for_good(piece, f"conceded by credit note {name}, never billed again", name)
        case PartState.COVERED:
            return _for_good(piece, _covered(piece))
        case PartState.BILLED_ELSEWHERE:
            return _for_good(piece, f"billed elsewhere: it is dated {piece.reason}, the go-live")
        case _:
            return _for_good(piece, piece.reason)


def _for_good(piece: Piece, because: str, document: str = "") -> Told:
    amount = money_of(piece) if piece.amount else None
    state = WhyState(piece.state.value)
    return Told(state, piece.quantity, because, amount=amount, document=document)


def _covered(piece: Piece) -> str:
    if piece.reason == "retainer":
        return "covered by the retainer, whose fee is billed instead"
    return f"covered by the {piece.reason}, which is billed by its schedule"


def _written_down(facts: Facts, piece: Piece) -> str:
    told = []
    for each in facts.write_downs:
        approved = f", approved by {', '.join(each.approved_by)}" if each.approved_by else ""
        told.append(f"by {each.by} on {each.on} ({each.reason}{approved})")
    return "written down " + (" and ".join(told) or f"by {piece.reason}")


def _ready(facts: Facts, piece: Piece) -> Told:
    run = facts.open_run
    if run is not None:
        return _under_way(run, piece)
    return Told(
        WhyState.READY,
        piece.quantity,
        _why_ready(facts),
        CUTOFF,
        Role.FINANCE,
        _order(facts),
        money_of(piece),
        detail=_runs(facts),
    )


def _under_way(run: Run, piece: Piece) -> Told:
    because, amount = f"ready, and {run.words} is under way", money_of(piece)
    if run.trouble is None:
        return Told(WhyState.READY, piece.quantity, because, run.words, amount=amount)
    role = run.trouble.owner
    return Told(
        WhyState.READY,
        piece.quantity,
        f"{because} but stopped: {run.trouble.message}",
        role.words,
        role,
        run.trouble.next_step,
        amount,
    )


def _why_ready(facts: Facts) -> str:
    item, run = facts.item, facts.last_run
    if run is None:
        return "ready, and no run has billed its project yet"
    if item.approved_at is not None and item.approved_at > run.cutoff:
        return (
            f"ready, approved on {minutes(item.approved_at)}, after the last cut-off ({_at(run)})"
        )
    if item.work_date > run.through:
        return f"ready, worked after {run.through}, where the last cut-off ended ({_at(run)})"
    if facts.is_unheard:
        return f"ready, arrived on {minutes(facts.stored_at)}, after the last run ({_at(run)})"
    return (
        f"ready since the last run ({_at(run)}) by what was decided: a credit, a raised cap, an "
        "approval, a discarded draft"
    )


def _at(run: Run) -> str:
    return f"{run.words}, {minutes(run.cutoff)}"


def _order(facts: Facts) -> str:
    if facts.place is None:
        return ""
    period = period_of(facts.item.work_date)
    if facts.last_run is not None:
        period = max(period, facts.last_run.period)
    return f"`c2c cutoff {facts.place.legal_entity} {period}`, unless a schedule gives it"


def _runs(facts: Facts) -> tuple[tuple[str, str], ...]:
    last = _at(facts.last_run) if facts.last_run is not None else "none"
    return (("last cut-off", last),)


def _held(facts: Facts, piece: Piece) -> Told:
    reason = f"held, {piece.reason} {piece.cap_id}".rstrip()
    amount = money_of(piece)
    if piece.reason in BY_THEMSELVES:
        what = BY_THEMSELVES[piece.reason]
        return Told(WhyState.HELD, piece.quantity, reason, what, amount=amount)
    role, step = HOLDS.get(piece.reason, (Role.FINANCE, "look at the contract"))
    because = reason + _room(piece.room)
    detail = _runs(facts)
    return Told(WhyState.HELD, piece.quantity, because, role.words, role, step, amount, "", detail)


def _room(room: Room | None) -> str:
    """The cap's height, and what of it is billed; what is ready before it takes the rest."""
    if room is None:
        return ""
    if room.unit == "h":
        return (
            f" of {room.height.normalize():f} h, of which {room.billed.normalize():f} h are billed"
        )
    height, billed = (Money.rounded(each, room.unit) for each in (room.height, room.billed))
    return f" of {height}, of which {billed} are billed"
