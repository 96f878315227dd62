"""What is set up in PSA and ERP for an engagement: the project, its team and its rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field

from canonical.base import Noun
from canonical.ids import EngagementId, ExternalRef, ProjectId
from canonical.money import Currency


class TeamMember(Noun):
    """A person staffed in a role; the e-mail is how PSA finds the person."""

    name: str
    email: str
    role: str


class RoleRate(Noun):
    """A role's rate per hour from a date on, in the project's currency, as shown in PSA."""

    role: str
    rate: Decimal
    effective_from: date


class ProjectPlan(Noun):
    """A project as it must exist in PSA and ERP; both carry the same `code`."""

    id: ProjectId
    engagement_id: EngagementId
    deal: ExternalRef
    code: str = Field(pattern=r"^[A-Z0-9][A-Z0-9-]{2,39}$")
    name: str
    legal_entity: str
    currency: Currency
    starts: date
    ends: date | None = None
    purchase_order: str = ""
    team: tuple[TeamMember, ...] = ()
    rates: tuple[RoleRate, ...] = ()
