"""Exception cases in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from canonical.case import Case, CaseState
from canonical.ids import CaseId


@dataclass
class FakeCases:
    """The CaseRecords port."""

    cases: dict[CaseId, Case] = field(default_factory=dict)

    async def open_case(self, case: Case) -> None:
        self.cases[case.id] = case

    async def resolve_case(self, case: CaseId, resolution: str) -> bool:
        if case not in self.cases:
            return False
        self.cases[case] = self.cases[case].model_copy(update={"state": CaseState.RESOLVED})
        return True

    async def audit(self, process: str, action: str, actor: str, detail: dict[str, str]) -> None:
        """Nobody gives orders here."""

    def open(self) -> list[Case]:
        return [each for each in self.cases.values() if each.state is CaseState.OPEN]
