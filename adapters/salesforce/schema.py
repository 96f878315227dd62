"""Does the organisation have every field that the settings name? Asked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.platforms.salesforce.rest import ObjectDescription, SalesforceRest
from adapters.salesforce.queries import line_fields
from adapters.salesforce.settings import SalesforceSettings
from canonical.errors import SetupInvalid


async def require_fields(rest: SalesforceRest, settings: SalesforceSettings) -> None:
    """Raises SetupInvalid with every field that is missing or not ours to write."""
    opportunity = await rest.describe("Opportunity")
    account = await rest.describe("Account")
    line = await rest.describe("OpportunityLineItem")
    problems = [
        *_missing(opportunity, settings.opportunity.paths().values()),
        *_missing(account, settings.account.paths().values()),
        *_missing(line, line_fields(settings)),
        *_not_writable(opportunity, settings.status.paths().values()),
    ]
    relationships = {each.relationshipName for each in opportunity.childRelationships}
    if settings.team is not None and settings.team.relationship not in relationships:
        problems.append(f"Opportunity has no child records {settings.team.relationship}")
    if problems:
        raise SetupInvalid(
            f"{rest.system}: {'; '.join(problems)}. Create the fields, let the integration user "
            "see and edit them, or name others in the settings (none: an empty name)"
        )


def _missing(described: ObjectDescription, paths: Iterable[str]) -> list[str]:
    """Of a path over relationships only an object's own fields are looked at."""
    known = {field.name for field in described.fields}
    wanted = [path for path in paths if path and "." not in path]
    return [f"{described.name} has no field {name}" for name in wanted if name not in known]


def _not_writable(described: ObjectDescription, names: Iterable[str]) -> list[str]:
    writable = {field.name for field in described.fields if field.updateable}
    known = {field.name for field in described.fields}
    wanted = [name for name in names if name]
    return [
        f"{described.name}.{name} is read-only for us"
        for name in wanted
        if name in known - writable
    ] + [f"{described.name} has no field {name}" for name in wanted if name not in known]
