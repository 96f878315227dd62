"""A contract's versions, compiled for asking: which version, which line, which limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion, ExpensesLine, version_on
from canonical.engine.rows import TransactionKind
from canonical.errors import RuleViolation
from canonical.ids import ClientId
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.rules.caps import Limit, limits_of
from canonical.rules.pricing import Work
from canonical.terms.lines import FixedFeeLine, MilestonesLine, RetainerLine
from canonical.terms.policies import CapScope, ChargeKind, Payer, RevenueTiming

_TAKES = {
    ChargeKind.TIME: ("time_and_materials", "retainer", "fixed_fee"),
    ChargeKind.EXPENSE: ("expenses",),
}


class Earning(NamedTuple):
    """Whose revenue work is, when it does not follow the invoice."""

    entity: str
    account: Account
    day: date
    """The work date."""
    currency: str
    """Of the invoices."""


class Place(NamedTuple):
    """Where work of one day and kind belongs."""

    version: ContractVersion
    """Of the work date."""
    line: ContractLine | None
    """The one that takes the work."""
    kind: TransactionKind
    """What it is billed as."""
    is_ours: bool
    """Work before the go-live was billed elsewhere."""
    earning: Earning | None


class Terms:
    """All versions of one contract, in order of effective date, and the day from which each legal
    entity bills here."""

    def __init__(
        self, versions: Iterable[ContractVersion], go_lives: Mapping[str, date | None]
    ) -> None:
        self.versions = tuple(
            sorted(versions, key=lambda version: (version.effective_from, version.version))
        )
        self.id: str = self.versions[0].contract_id
        self._go_lives = go_lives
        self._is_all_ours = not any(go_lives.values())
        self.has_multipliers = any(each.multipliers is not None for each in self.versions)
        self.needs_orders = any(each.purchase_order_required for each in self.versions)
        self.is_shared = _is_shared(self.versions)
        """Whether a limit is shared with other contracts of the customer."""
        self._places: dict[tuple[date, str, TransactionKind], Place] = {}
        self._on: dict[date, ContractVersion] = {}
        self._limits: dict[tuple[str, ChargeKind, date, date], tuple[Limit, ...]] = {}
        self._payers: dict[int, tuple[Payer, ...]] = {}
        self._takers: dict[tuple[int, ChargeKind], ContractLine | None] = {}
        self._lines: dict[tuple[str, date], ContractLine] = {}

    def with_version(self, version: ContractVersion) -> Terms:
        return Terms((*self.versions, version), self._go_lives)

    def on(self, day: date) -> ContractVersion:
        """The version of a WORK date. Raises RuleViolation before the contract begins."""
        version = self._on.get(day)
        if version is None:
            version = self._on[day] = version_on(self.versions, day)
        return version

    def at(self, day: date) -> ContractVersion:
        """The version in force on the day of a decision; before the contract its first one."""
        return self.on(max(day, self.versions[0].effective_from))

    def place(self, work: Work) -> Place:
        """Raises RuleViolation for work before the contract, or on a line that is not there."""
        key = (work.work_date, work.line, kind_of_work(work))
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = self._find_place(work)
        return found

    def _find_place(self, work: Work) -> Place:
        version, kind = self.on(work.work_date), kind_of_work(work)
        line = self.line_for(version, work)
        go_live = self._go_lives[version.legal_entity]
        is_ours = go_live is None or work.work_date >= go_live
        earning = self._earning(version, line, kind, work.work_date)
        return Place(version, line, kind, is_ours, earning)

    def _earning(
        self, version: ContractVersion, line: ContractLine | None, kind: TransactionKind, day: date
    ) -> Earning | None:
        if line is None or isinstance(line, FixedFeeLine) or kind is TransactionKind.DISBURSEMENT:
            return None
        if line.revenue is RevenueTiming.ON_INVOICE:
            return None
        is_time = kind is TransactionKind.TIME
        account = Account.SERVICE_REVENUE if is_time else Account.EXPENSE_REVENUE
        currency = version.invoice_currency or version.currency
        return Earning(self.entity_of(line, version), account, day, currency)

    def is_ours(self, work: Work) -> bool:
        """Whether a work is ours to bill."""
        return work.billable and (self._is_all_ours or self.place(work).is_ours)

    def line_for(self, version: ContractVersion, work: Work) -> ContractLine | None:
        """The line that takes a work: the one it names, or the first for its kind.

        Raises RuleViolation when it names a line that the version does not have.
        """
        if work.line:
            for line in version.lines:
                if line.line_id == work.line:
                    return line
            raise RuleViolation(
                f"entry {work.id} names contract line {work.line!r}, which contract {self.id} does "
                f"not have on {work.work_date}"
            )
        key = (version.version, work.kind)
        if key not in self._takers:
            methods = _TAKES[work.kind]
            taker = next((line for line in version.lines if line.method in methods), None)
            self._takers[key] = taker
        return self._takers[key]

    def line(self, line_id: str, day: date) -> ContractLine:
        """A line by its id, in the version of a day or, failing that, in the newest that has it.

        Raises RuleViolation when no version has it.
        """
        found = self._lines.get((line_id, day))
        if found is None:
            found = self._lines[(line_id, day)] = self._find_line(line_id, day)
        return found

    def _find_line(self, line_id: str, day: date) -> ContractLine:
        for version in (self.at(day), *reversed(self.versions)):
            for line in version.lines:
                if line.line_id == line_id:
                    return line
        raise RuleViolation(f"contract {self.id} has no line {line_id!r}")

    def limits(
        self, line_id: str, kind: ChargeKind, work_date: date, run_on: date
    ) -> tuple[Limit, ...]:
        key = (line_id, kind, work_date, run_on)
        found = self._limits.get(key)
        if found is None:
            found = limits_of(self.versions, line_id, kind, work_date, run_on)
            self._limits[key] = found
        return found

    def has_caps(self, run_on: date) -> bool:
        return any(each.caps for each in self.versions if each.effective_from <= run_on)

    def payers(self, version: ContractVersion) -> tuple[Payer, ...]:
        found = self._payers.get(version.version)
        if found is None:
            alone = (Payer(customer=ClientId(version.bill_to), share=Decimal(1)),)
            found = self._payers[version.version] = version.payers or alone
        return found

    def entity_of(self, line: ContractLine, version: ContractVersion) -> str:
        return line.legal_entity or version.legal_entity

    def currency(self, day: date) -> str:
        """Of its invoices."""
        version = self.at(day)
        return version.invoice_currency or version.currency


_TIME, _EXPENSE, _DISBURSEMENT = (
    *(TransactionKind.TIME, TransactionKind.EXPENSE, TransactionKind.DISBURSEMENT),
)


def kind_of_work(work: Work) -> TransactionKind:
    """What work is billed as; a disbursement is what is paid as the customer's agent."""
    if work.expense is None:
        return _TIME
    return _DISBURSEMENT if work.expense.disbursement else _EXPENSE


def _is_shared(versions: Iterable[ContractVersion]) -> bool:
    shared = (CapScope.CUSTOMER, CapScope.PURCHASE_ORDER)
    return any(cap.scope in shared for version in versions for cap in version.caps)


def is_outside_caps(line: ContractLine, work: Work) -> bool:
    if isinstance(line, MilestonesLine | FixedFeeLine):
        return not work.in_caps
    return line.outside_caps or not work.in_caps


def check_version(version: ContractVersion, first: date, entities: dict[str, EntityTerms]) -> None:
    """What a version needs of the landscape: its entities, and a mapped tax code for every line.

    Raises RuleViolation naming contract, line and reason.
    """
    if version.effective_from < first:
        raise RuleViolation(
            f"contract {version.contract_id}: version {version.version} takes effect on "
            f"{version.effective_from}, before the contract begins on {first}"
        )
    for line in version.lines:
        entity = entities.get(line.legal_entity or version.legal_entity)
        if entity is None:
            raise RuleViolation(
                f"contract {version.contract_id}, line {line.line_id}: legal entity "
                f"{line.legal_entity or version.legal_entity!r} is not known"
            )
        _check_tax_codes(version, line, entity)
        _check_dates(version, line)


def _check_tax_codes(version: ContractVersion, line: ContractLine, entity: EntityTerms) -> None:
    wanted = {line.tax_code or version.tax_code, *(payer.tax_code for payer in version.payers)}
    if isinstance(line, ExpensesLine):
        wanted.add(line.disbursement_tax_code)
    known = {tax.code for tax in entity.taxes}
    for code in sorted(wanted - known - {""}):
        raise RuleViolation(
            f"contract {version.contract_id}, line {line.line_id}: tax code {code!r} is not mapped "
            f"for legal entity {entity.code}; add it to the entity's taxes"
        )


def _check_dates(version: ContractVersion, line: ContractLine) -> None:
    starts = line.starts if isinstance(line, RetainerLine | FixedFeeLine) else None
    if starts is not None and starts < version.effective_from and version.version == 1:
        raise RuleViolation(
            f"contract {version.contract_id}, line {line.line_id}: it starts on {starts}, before "
            f"the contract takes effect on {version.effective_from}"
        )
