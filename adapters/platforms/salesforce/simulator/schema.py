"""Objects and fields of a simulated organisation, and what an administrator may do to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class FieldType(StrEnum):
    """The platform's own names of types, as `describe` tells them."""

    ID = "id"
    REFERENCE = "reference"
    STRING = "string"
    TEXTAREA = "textarea"
    EMAIL = "email"
    PICKLIST = "picklist"
    BOOLEAN = "boolean"
    DOUBLE = "double"
    CURRENCY = "currency"
    PERCENT = "percent"
    DATE = "date"
    DATETIME = "datetime"


NUMBERS = frozenset({FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})
TEXTS = frozenset({FieldType.STRING, FieldType.TEXTAREA, FieldType.EMAIL, FieldType.PICKLIST})


@dataclass(frozen=True)
class Field:
    """One field. `calculated` fields are set by the platform, never by a caller."""

    name: str
    type: FieldType
    length: int = 255
    required: bool = False
    calculated: bool = False
    unique: bool = False
    external_id: bool = False
    values: tuple[str, ...] = ()
    """Of a restricted picklist; empty: any text."""
    reference_to: str = ""
    relationship: str = ""
    hidden: bool = False
    """By field-level security, for the integration user."""


@dataclass(frozen=True)
class Child:
    """A child relationship: which object points here, with which field."""

    sobject: str
    field: str


@dataclass
class ObjectType:
    """An object with its fields by name; names are looked up without regard to case."""

    name: str
    prefix: str
    fields: dict[str, Field]
    children: dict[str, Child] = field(default_factory=dict)

    def field_named(self, name: str) -> Field | None:
        """The field, unless it is hidden."""
        found = {each.lower(): each for each in self.fields}.get(name.lower())
        return self.fields[found] if found and not self.fields[found].hidden else None

    def parent_named(self, relationship: str) -> Field | None:
        for each in self.fields.values():
            if each.relationship.lower() == relationship.lower() and not each.hidden:
                return each if each.relationship else None
        return None

    def child_named(self, relationship: str) -> Child | None:
        found = {each.lower(): child for each, child in self.children.items()}
        return found.get(relationship.lower())

    def hide(self, name: str, hidden: bool = True) -> None:
        self.fields[name] = replace(self.fields[name], hidden=hidden)

    def rename(self, name: str, new_name: str) -> None:
        self.fields[new_name] = replace(self.fields.pop(name), name=new_name)


def sobject(
    name: str, prefix: str, *fields: Field, children: dict[str, Child] | None = None
) -> ObjectType:
    """An object with the fields that every object has."""
    system = (
        Field("Id", FieldType.ID, length=18, calculated=True),
        Field("IsDeleted", FieldType.BOOLEAN, calculated=True),
        Field("CreatedDate", FieldType.DATETIME, calculated=True),
        Field("LastModifiedDate", FieldType.DATETIME, calculated=True),
        Field("SystemModstamp", FieldType.DATETIME, calculated=True),
    )
    by_name = {each.name: each for each in (*system, *fields)}
    return ObjectType(name, prefix, by_name, dict(children or {}))


def text(
    name: str, length: int = 255, *, required: bool = False, calculated: bool = False
) -> Field:
    return Field(name, FieldType.STRING, length=length, required=required, calculated=calculated)


def reference(name: str, to: str, relationship: str, *, required: bool = False) -> Field:
    return Field(
        name,
        FieldType.REFERENCE,
        length=18,
        required=required,
        reference_to=to,
        relationship=relationship,
    )
