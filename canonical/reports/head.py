"""What a report says of itself: which it is, as of when, of whom, and what that means."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime

from canonical.base import Noun
from canonical.reports.group import GroupCurrency


class ReportKind(StrEnum):
    WIP = "wip"
    RECEIVABLES = "ar"
    POSITION = "position"
    REVENUE = "revenue"
    RETENTION = "retention"


TITLES = {
    ReportKind.WIP: "Unbilled work (WIP)",
    ReportKind.RECEIVABLES: "Receivables",
    ReportKind.POSITION: "Contract positions",
    ReportKind.REVENUE: "Revenue",
    ReportKind.RETENTION: "Retentions",
}


class ReportHead(Noun):
    """Above every report."""

    kind: ReportKind
    title: str
    as_of: date
    told_by: date
    """Parts are those of the books as they were told up to the end of this day."""
    made_at: AwareDatetime
    legal_entity: str
    """Empty: every one."""
    meaning: tuple[str, ...]
    """Sentences for whoever reads it later."""
    group: GroupCurrency | None = None


def head_of(
    kind: ReportKind,
    as_of: date,
    told_by: date,
    made_at: AwareDatetime,
    legal_entity: str,
    group: GroupCurrency | None,
) -> ReportHead:
    return ReportHead(
        kind=kind,
        title=TITLES[kind],
        as_of=as_of,
        told_by=told_by,
        made_at=made_at,
        legal_entity=legal_entity,
        meaning=tuple(_meaning(kind, as_of, told_by, group)),
        group=group,
    )


def _meaning(
    kind: ReportKind, as_of: date, told_by: date, group: GroupCurrency | None
) -> list[str]:
    sentences = [
        f"As of {as_of}: every journal with a posting date up to that day, whenever it was kept.",
        "Amounts are in the functional currency of each legal entity, as its ledger carries them, "
        "unless a column names another.",
    ]
    if kind is ReportKind.WIP:
        sentences.append(
            f"Parts of work are those of the books as told up to the end of {told_by}; what was "
            "told later and posted into these days stands in a column of its own."
        )
    if group is not None:
        stated = ", ".join(
            f"1 {currency} = {rate:f} {group.currency}" for currency, rate in group.rates.items()
        )
        sentences.append(
            f"Amounts in {group.currency} are translated row by row at the rates stated for this "
            f"report ({stated or 'none needed'}), each rounded once; what the sum of the rows "
            "differs from the translated sum is shown as rounding."
        )
    return sentences
