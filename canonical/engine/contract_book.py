"""The book of one contract: its entries, what became of each, and what is news since the last look.

Entries and flags are changed through the methods of `ContractBook` alone, which note the news; who
looks (pricing, recognition, claims) then need not look at what is as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.contracts import Terms
from canonical.engine.offers import Offers
from canonical.engine.rows import Held, Taken
from canonical.money import round_half_up
from canonical.rules.pricing import Evidence, Work
from canonical.rules.progress import Baseline, Report
from canonical.rules.retainer import Allowance

ZERO = Decimal(0)
NO_WORKS: Mapping[str, Work] = {}


@dataclass(slots=True)
class Progress:
    """What became of one entry."""

    taken: dict[tuple[int, str], Taken] = field(default_factory=dict)
    """By portion and payer."""
    billed_net: Decimal = ZERO
    """Of all transactions, net of re-billable credits; concessions stay in 4000."""
    recognised: Decimal = ZERO
    """Revenue posted so far, without 4900."""
    recognised_in: tuple[tuple[str, Decimal], ...] = ()
    """By period, in the order of posting; a fall takes from what was posted last."""
    written_down: Decimal = ZERO
    written_down_value: Decimal = ZERO
    written_up_value: Decimal = ZERO
    written_down_by: str = ""
    intercompany: Decimal = ZERO
    covered: Decimal | None = None
    """Hours that a retainer covered; empty until its settlement."""
    overage: Decimal = ZERO
    recall_pending: bool = False
    """Recalled after it was billed: it stays, until it is credited."""
    hours_before: Decimal | None = None
    """Where premiums apply: what its person had worked before it on its day when it was first
    billed or written down. So what is billed as overtime stays overtime."""

    def recognise(self, change: Decimal, period: str) -> None:
        """Revenue was posted in a period."""
        self.recognised += change
        while change < 0 and self.recognised_in:
            *before, (last, amount) = self.recognised_in
            self.recognised_in = tuple(before)
            change, period = change + amount, last
        if change > 0:
            self.recognised_in = (*self.recognised_in, (period, change))

    def recognised_after(self, billed: Decimal) -> str:
        """The period in which the revenue was posted that follows what is billed already; empty
        when there is none."""
        sofar = ZERO
        for period, amount in self.recognised_in:
            sofar += amount
            if billed < sofar:
                return period
        return self.recognised_in[-1][0] if self.recognised_in else ""

    def take(
        self, portion: int, customer: str, quantity: Decimal, amount: Decimal, measure: Decimal
    ) -> None:
        """Take more of a payer's share of a portion; less than zero gives back."""
        key, more = (portion, customer), Taken(quantity, amount, measure)
        before = self.taken.get(key)
        self.taken[key] = more if before is None else before.plus(more)


@dataclass(slots=True)
class FeeLine:
    """What was recognised of a line whose revenue does not follow its billing, by the day whose
    figure it is: an earlier day may be looked at after a later one."""

    reports: dict[date, Report] = field(default_factory=dict)
    earned: dict[date, Decimal] = field(default_factory=dict)
    provided: dict[date, Decimal] = field(default_factory=dict)
    baselines: list[Baseline] = field(default_factory=list)
    """What prospective modifications left behind, in the order of their days."""

    def report_on(self, day: date) -> Report | None:
        known = [as_of for as_of in self.reports if as_of <= day]
        return self.reports[max(known)] if known else None

    def baseline_on(self, day: date) -> Baseline:
        return next((each for each in reversed(self.baselines) if each.on <= day), Baseline())

    @property
    def revenue(self) -> Decimal:
        return sum(self.earned.values(), ZERO)


@dataclass(slots=True)
class Disbursed:
    """What 1300 carries of one disbursement, in the functional currency."""

    carried: Decimal
    quantity: Decimal
    billed: Decimal = ZERO
    """Of the quantity, net of credits."""
    cleared: Decimal = ZERO

    def clear(self, quantity: Decimal, step: Decimal) -> Decimal:
        """What a quantity, billed or credited, clears: cumulative, so that the whole ends at
        zero."""
        before, self.billed = self.cleared, self.billed + quantity
        self.cleared = round_half_up(self.carried * self.billed / self.quantity, step)
        return self.cleared - before


@dataclass(slots=True)
class Recognition:
    """What recognition has seen, so that it looks at changes alone."""

    restless: set[str] = field(default_factory=set)
    """Entries, or fees by line and key, whose revenue may have changed since."""
    nets: dict[str, Decimal] = field(default_factory=dict)
    """What each would bill, net, at the last look."""
    version: int = 0
    """In force at the last look."""


@dataclass(slots=True)
class ContractBook:
    """One contract."""

    _terms: Terms
    _works: dict[str, Work] = field(default_factory=dict)
    _recalled: dict[str, Work] = field(default_factory=dict)
    _flagged: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    """By entry; of fees by line and key. For reading; see `progress_of`."""
    submitted: dict[str, Work] = field(default_factory=dict)
    accrued: dict[str, dict[tuple[str, str], Decimal]] = field(default_factory=dict)
    """For submitted time at the end of each period, by legal entity and currency."""
    claimed: dict[str, int] = field(default_factory=dict)
    """The journal of each expense claim."""
    claims: dict[str, Work] = field(default_factory=dict)
    """The expense as it was claimed."""
    disbursed: dict[str, Disbursed] = field(default_factory=dict)
    acceptances: dict[str, Evidence] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    fee_lines: dict[str, FeeLine] = field(default_factory=dict)
    rerated: dict[int, frozenset[str]] = field(default_factory=dict)
    """Entries whose price a version changed."""
    held: list[Held] = field(default_factory=list)
    """What the last run left, and why."""
    closed_on: date | None = None
    looked_on: date = date.min
    """The last day on which approved work was looked at."""
    runs: int = 0
    counted_under: int = 0
    """The version whose limits all transactions were counted against."""
    offers: Offers = field(default_factory=Offers)
    recognition: Recognition = field(default_factory=Recognition)
    news: set[str] = field(default_factory=set)
    """Entries that came or went since claims and transfers were posted."""

    @property
    def terms(self) -> Terms:
        return self._terms

    @property
    def works(self) -> Mapping[str, Work]:
        """Approved entries."""
        return self._works

    @property
    def recalled(self) -> Mapping[str, Work]:
        """Entries that are approved no more; their revenue is taken back."""
        return self._recalled

    @property
    def flagged(self) -> Mapping[str, str]:
        """Entries that must not be billed now, and why."""
        return self._flagged

    def approve(self, works: Sequence[Work]) -> None:
        """Entries as they are approved now."""
        entries = [work.id for work in works]
        self._works.update(zip(entries, works, strict=True))
        for entry in self._recalled.keys() & entries:
            del self._recalled[entry]
        self._changed(entries)

    def drop(self, entry: str) -> None:
        """An entry is approved no more."""
        work = self._works.pop(entry, None)
        self._flagged.pop(entry, None)
        if work is not None:
            self._recalled[entry] = work
        self._changed([entry])

    def _changed(self, entries: Collection[str]) -> None:
        self.offers.heard.update(entries)
        self.recognition.restless.update(entries)
        self.news.update(entries)

    def flag(self, entry: str, reason: str) -> None:
        self._flagged[entry] = reason
        self.offers.last = None
        self.recognition.restless.add(entry)

    def unflag(self, entry: str, reason: str) -> None:
        """The reason is gone; another one that holds the entry stays."""
        if self._flagged.get(entry) == reason:
            del self._flagged[entry]
            self.offers.last = None
            self.recognition.restless.add(entry)

    def agree(self, version: ContractVersion) -> None:
        """Another version of the terms."""
        self._terms = self._terms.with_version(version)
        self.look_anew()

    def look_anew(self) -> None:
        """Forget what looks found: everything is priced and recognised again."""
        self.offers, self.recognition = Offers(), Recognition()
        self._changed({*self._works, *self._recalled, *self.progress})

    def progress_of(self, entry: str) -> Progress:
        """To change what is taken of an entry."""
        self.offers.touched.add(entry)
        self.recognition.restless.add(entry)
        return self.record_of(entry)

    def record_of(self, entry: str) -> Progress:
        """To note what was posted of an entry; its price does not depend on that."""
        found = self.progress.get(entry)
        if found is None:
            found = self.progress[entry] = Progress()
        return found

    def seen_anew(self, more: Mapping[str, Work] = NO_WORKS) -> ContractBook:
        """A book to look at, without what earlier looks found; as it were with more entries."""
        works = {**self._works, **more}
        return replace(self, _works=works, offers=Offers(heard=set(works)))

    def fee_line(self, line_id: str) -> FeeLine:
        return self.fee_lines.setdefault(line_id, FeeLine())
