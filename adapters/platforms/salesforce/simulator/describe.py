"""`describe` as the platform answers it, for the parts that schema checks rely on."""

from __future__ import annotations

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.simulator.organisation import Organisation
from adapters.platforms.salesforce.simulator.schema import Field, FieldType, ObjectType


def global_description(organisation: Organisation) -> Json:
    sobjects: list[Json] = [_head(kind) for kind in organisation.types.values()]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects}


def described(kind: ObjectType) -> Json:
    """The object with the fields that the integration user may see."""
    fields: list[Json] = [_field(each) for each in kind.fields.values() if not each.hidden]
    children: list[Json] = [
        {"relationshipName": name, "childSObject": child.sobject, "field": child.field}
        for name, child in kind.children.items()
    ]
    return _head(kind) | {"fields": fields, "childRelationships": children}


def _head(kind: ObjectType) -> dict[str, Json]:
    return {
        "name": kind.name,
        "label": kind.name,
        "keyPrefix": kind.prefix,
        "createable": True,
        "updateable": True,
        "queryable": True,
    }


def _field(field: Field) -> dict[str, Json]:
    values: list[Json] = [
        {"active": True, "defaultValue": False, "label": each, "value": each}
        for each in field.values
    ]
    return {
        "name": field.name,
        "type": field.type.value,
        "length": field.length,
        "nillable": not field.required,
        "createable": not field.calculated,
        "updateable": not field.calculated,
        "calculated": field.calculated,
        "defaultedOnCreate": field.type is FieldType.BOOLEAN,
        "externalId": field.external_id,
        "unique": field.unique,
        "restrictedPicklist": bool(field.values),
        "picklistValues": values,
        "referenceTo": [field.reference_to] if field.reference_to else [],
        "relationshipName": field.relationship or None,
    }
