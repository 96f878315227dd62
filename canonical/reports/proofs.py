"""Proofs: equations between figures that were found on different ways, and what breaks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from canonical.base import Noun

ZERO = Decimal(0)
BROKEN_SHOWN_MAX: Final = 200


class Side(Noun):
    """A figure of an equation; it may be negative."""

    what: str
    amount: Decimal


class Proof(Noun):
    """One equation: what is on the left is what is on the right."""

    equation: str
    legal_entity: str
    subject: str = ""
    """A contract or document; empty for a sum over all of them."""
    subjects: int = 1
    """How many are summed here."""
    currency: str
    """Empty: it is about no amount."""
    left: tuple[Side, ...]
    right: tuple[Side, ...]
    difference: Decimal
    detail: str = ""
    """What to look at, where the difference says too little."""

    @property
    def holds(self) -> bool:
        return not self.difference and not self.detail


def prove(
    equation: str,
    legal_entity: str,
    currency: str,
    left: Mapping[str, Decimal],
    right: Mapping[str, Decimal],
    *,
    subject: str = "",
    detail: str = "",
) -> Proof:
    """An equation with its difference; `detail` alone breaks it too."""
    return Proof(
        equation=equation,
        legal_entity=legal_entity,
        subject=subject,
        currency=currency,
        left=_sides(left),
        right=_sides(right),
        difference=sum(left.values(), ZERO) - sum(right.values(), ZERO),
        detail=detail,
    )


def _sides(figures: Mapping[str, Decimal]) -> tuple[Side, ...]:
    return tuple(Side(what=what, amount=amount) for what, amount in figures.items())


@dataclass(slots=True)
class ProofSheet:
    """All proofs of a report: summed by equation, entity and currency; the broken ones one by one,
    since differences of two contracts may cancel out."""

    broken: list[Proof] = field(default_factory=list)
    broken_count: int = 0
    _sums: dict[tuple[str, str, str], Proof] = field(default_factory=dict)

    def add(self, proofs: Iterable[Proof]) -> None:
        for proof in proofs:
            if not proof.holds:
                self.broken_count += 1
                if len(self.broken) < BROKEN_SHOWN_MAX:
                    self.broken.append(proof)
            key = (proof.equation, proof.legal_entity, proof.currency)
            known = self._sums.get(key)
            alone = proof.model_copy(update={"subject": "", "detail": ""})
            self._sums[key] = alone if known is None else _together(known, alone)

    @property
    def sums(self) -> list[Proof]:
        return [self._sums[key] for key in sorted(self._sums)]

    @property
    def holds(self) -> bool:
        return not self.broken_count


def _together(one: Proof, other: Proof) -> Proof:
    return one.model_copy(
        update={
            "subjects": one.subjects + other.subjects,
            "left": _added(one.left, other.left),
            "right": _added(one.right, other.right),
            "difference": one.difference + other.difference,
        }
    )


def _added(one: tuple[Side, ...], other: tuple[Side, ...]) -> tuple[Side, ...]:
    sums: dict[str, Decimal] = {}
    for side in (*one, *other):
        sums[side.what] = sums.get(side.what, ZERO) + side.amount
    return _sides(sums)
