"""What an event says that is well formed and still cannot be true."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel

from canonical.events import Event, ExpenseApproved, ExpenseRecalled, TimeApproved, TimeRecalled
from canonical.landscape import Landscape
from gateway.problems import EventProblem

SIMILARITY_MIN: Final = 0.8


def contradictions(index: int, event: Event, landscape: Landscape) -> Iterator[EventProblem]:
    yield from _misspelt_fields(index, event)
    yield from _unknown_names(index, event, landscape)
    if isinstance(event, TimeApproved | ExpenseApproved):
        yield from _unapproved(index, event)
    if isinstance(event, TimeRecalled | ExpenseRecalled):
        for place, item in enumerate(event.items):
            if item.approved:
                reason = f"item {item.external_id} is recalled and approved at once"
                yield EventProblem(
                    event=index,
                    field=f"items.{place}.approved",
                    reason=reason,
                    remedy="Set approved to false, or send it as approved.",
                )
    if isinstance(event, ExpenseApproved | ExpenseRecalled):
        yield from _mixed_currencies(index, event)


def _misspelt_fields(index: int, event: Event) -> Iterator[EventProblem]:
    """Unknown fields are kept, but `billible: false` must not be billed because of one letter."""
    places: list[tuple[str, BaseModel]] = [("", event)]
    places += [(f"items.{place}.", item) for place, item in enumerate(getattr(event, "items", ()))]
    for prefix, model in places:
        for name in model.model_extra or {}:
            meant = get_close_matches(name, type(model).model_fields, n=1, cutoff=SIMILARITY_MIN)
            if meant:
                yield EventProblem(
                    event=index,
                    field=f"{prefix}{name}",
                    reason=f"there is no field {name!r}, but there is {meant[0]!r}",
                    remedy=f"Write {meant[0]}, or give the field of your own a name of its own.",
                )


def _unapproved(index: int, event: TimeApproved | ExpenseApproved) -> Iterator[EventProblem]:
    for place, item in enumerate(event.items):
        lacking = {
            "approved": item.approved,
            "approved_by": item.approved_by,
            "approved_at": item.approved_at,
        }
        for field in (name for name, value in lacking.items() if not value):
            yield EventProblem(
                event=index,
                field=f"items.{place}.{field}",
                reason=f"item {item.external_id} is sent as approved, but {field} is not given",
                remedy="Give approved, approved_by and approved_at, or send it as recalled.",
            )


def _mixed_currencies(
    index: int, event: ExpenseApproved | ExpenseRecalled
) -> Iterator[EventProblem]:
    """A project is billed in one currency, so its costs come in one currency."""
    currencies: dict[str, str] = {}
    for place, item in enumerate(event.items):
        expected = currencies.setdefault(str(item.project), item.cost.currency)
        if item.cost.currency != expected:
            yield EventProblem(
                event=index,
                field=f"items.{place}.cost.currency",
                reason=f"project {item.project} has costs in {expected} and {item.cost.currency}",
                remedy="Send every cost in the currency in which the project is billed.",
            )


def _unknown_names(index: int, event: Event, landscape: Landscape) -> Iterator[EventProblem]:
    systems = {system.name for system in landscape.systems}
    entities = {entity.code for entity in landscape.entities}
    for field, name in _system_names(event):
        if name not in systems:
            reason = f"{name!r} is not a system of this landscape"
            remedy = f"Use one of: {', '.join(sorted(systems))}."
            yield EventProblem(event=index, field=field, reason=reason, remedy=remedy)
    entity = getattr(event, "legal_entity", None)
    if entity is not None and entity not in entities:
        yield EventProblem(
            event=index,
            field="legal_entity",
            reason=f"{entity!r} is not a legal entity of this landscape",
            remedy=f"Use one of: {', '.join(sorted(entities))}.",
        )


def _system_names(event: Event) -> Iterator[tuple[str, str]]:
    """Where an event names systems, and which."""
    for place, item in enumerate(getattr(event, "items", ())):
        yield f"items.{place}.project.system", item.project.system
    for field in ("deal", "project", "invoice", "payment"):
        reference = getattr(event, field, None)
        if reference is not None:
            yield f"{field}.system", reference.system
