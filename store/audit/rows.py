"""Rows of the trail as the database gives them."""

from __future__ import annotations

from sqlalchemy import RowMapping

from store.audit.chain import AuditRow


def row_of(row: RowMapping) -> AuditRow:
    """From a row that has the columns of `audit_event`."""
    return AuditRow(
        id=row["id"],
        at=row["at"],
        process=row["process"],
        action=row["action"],
        actor=row["actor"],
        legal_entity=row["legal_entity"],
        detail=row["detail"],
        personal=row["personal"],
    )
