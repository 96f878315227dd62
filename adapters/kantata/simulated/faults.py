"""What goes wrong on demand: slow, busy, down, answers lost, writes that land late, drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.kantata.simulated.state import Row

FINANCIAL = frozenset({"rate_in_cents", "cost_rate_in_cents", "currency", "total_invoiced"})
"""Columns that a caller without financial access does not get at all."""


class FaultKind(StrEnum):
    LATENCY = "latency"
    """Answer after `seconds`."""
    BUSY = "busy"
    """429; with Retry-After when `seconds` is given. Not carried out."""
    DOWN = "down"
    """503. Not carried out."""
    BROKEN = "broken"
    """500 after the request was carried out."""
    DROP = "drop"
    """Carry out, then end the connection without an answer."""
    HOLD = "hold"
    """End the connection; carry out only when told to `land`."""


@dataclass
class Fault:
    """A fault of the next `times` requests that match."""

    kind: FaultKind
    method: str = ""
    """An HTTP method, `WRITE` for all that are not GET, or empty for all."""
    resource: str = ""
    """A resource such as `workspaces`, or empty for all."""
    times: int = 1
    seconds: float | None = None

    def matches(self, method: str, resource: str) -> bool:
        right_method = (
            not self.method or self.method == method or (self.method == "WRITE" and method != "GET")
        )
        return self.times > 0 and right_method and self.resource in ("", resource)


class DriftKind(StrEnum):
    MISSING = "missing"
    RENAMED = "renamed"
    VALUE = "value"


@dataclass(frozen=True)
class Drift:
    """A field of a resource that is no longer what the document says."""

    key: str
    field: str
    kind: DriftKind
    value: object = None
    """The new name, or the new value."""


@dataclass
class Faults:
    """All faults of one simulator."""

    planned: list[Fault] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
    without_financial_access: bool = False
    _held: list[Callable[[], object]] = field(default_factory=list)

    def plan(
        self,
        kind: FaultKind,
        method: str = "",
        resource: str = "",
        times: int = 1,
        seconds: float | None = None,
    ) -> None:
        self.planned.append(Fault(FaultKind(kind), method, resource, times, seconds))

    def drift(self, key: str, field: str, kind: DriftKind, value: object = None) -> None:
        self.drifts.append(Drift(key, field, DriftKind(kind), value))

    def clear(self) -> None:
        self.planned.clear()
        self.drifts.clear()
        self.without_financial_access = False

    def take(self, method: str, resource: str) -> Fault | None:
        """The fault of this request, used up by one."""
        for fault in self.planned:
            if fault.matches(method, resource):
                fault.times -= 1
                if fault.times == 0:
                    self.planned.remove(fault)
                return fault
        return None

    def hold(self, carry_out: Callable[[], object]) -> None:
        self._held.append(carry_out)

    def land(self) -> int:
        """Carry out what was held; how many requests that were. Their answers are lost."""
        held, self._held = self._held, []
        for carry_out in held:
            carry_out()
        return len(held)

    def spoil(self, key: str, row: Row) -> Row:
        """A shown row as the drifted schema has it."""
        if self.without_financial_access:
            row = {name: value for name, value in row.items() if name not in FINANCIAL}
        for drift in self.drifts:
            if drift.key == key and drift.field in row:
                value = row.pop(drift.field)
                if drift.kind is DriftKind.RENAMED:
                    row[str(drift.value)] = value
                elif drift.kind is DriftKind.VALUE:
                    row[drift.field] = drift.value
        return row
