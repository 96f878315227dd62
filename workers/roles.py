"""Whether each legal entity has every role that the story needs, served by an adapter that can."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.registry import adapter_named
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, LegalEntity, SystemRole

PUSH = "push"
"""The adapter name of a source that only sends signed events: there is nothing to build."""

NEEDED = (SystemRole.CRM, SystemRole.PSA, SystemRole.TIME, SystemRole.ERP, SystemRole.MAIL)
"""Expenses may have no system: then none are billed."""

PUSHED = frozenset({SystemRole.EXPENSES})
"""What a source may push; everything else is asked of a system."""


def require_roles(landscape: Landscape) -> None:
    """Raises SetupInvalid with every role that nobody serves: its activities would wait for ever
    on a task queue where no worker has them."""
    problems = [each for entity in landscape.entities for each in _problems(landscape, entity)]
    if problems:
        raise SetupInvalid("the landscape leaves roles unserved: " + "; ".join(problems))


def _problems(landscape: Landscape, entity: LegalEntity) -> Iterator[str]:
    for role in NEEDED:
        if role not in entity.systems:
            yield f"legal entity {entity.code} has no system for the role {role.value}"
    for role, name in entity.systems.items():
        adapter = landscape.system(name).adapter
        served = PUSHED if adapter == PUSH else adapter_named(adapter).roles
        if role not in served:
            yield (
                f"legal entity {entity.code} names {name} for the role {role.value}, which the "
                f"adapter {adapter} does not serve"
            )
