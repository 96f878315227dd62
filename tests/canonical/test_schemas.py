"""The published JSON Schemas: complete, in a stable order, and true."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, JsonValue

from canonical.agreement import agree
from canonical.billing import BilledPart, BillingPreview, HeldPart, JournalShown, JournalSide
from canonical.events import EVENT, TimeApproved
from canonical.schemas import NOUNS, event_models, schemas
from tests.canonical.builders import (
    APPROVED_AT,
    euro,
    make_client,
    make_contract,
    make_deal,
    make_entity,
    make_entry,
    make_expense,
    make_invoice,
    make_landscape,
    make_run,
)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schemas()[name])


def test_every_noun_and_every_type_of_event_has_a_schema() -> None:
    expected = {"event", "work-item", *NOUNS, *(f"event.{name}" for name in event_models())}
    assert set(schemas()) == expected


def test_the_schema_of_an_event_is_that_of_its_type() -> None:
    for name in event_models():
        properties = schemas()[f"event.{name}"]["properties"]
        assert isinstance(properties, dict)
        kind = properties["type"]
        assert isinstance(kind, dict)
        assert kind["const"] == name


def test_schemas_come_in_a_stable_order() -> None:
    assert list(schemas()) == sorted(schemas())
    assert json.dumps(schemas()) == json.dumps(schemas())


@pytest.mark.parametrize("name", schemas())
def test_each_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])
    assert schemas()[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def make_preview() -> BillingPreview:
    price = euro("1440.00")
    billed = BilledPart(
        entry="psa/time/1",
        kind="time",
        line_id="time",
        work_date=date(2026, 3, 10),
        description="Senior Consultant",
        quantity=Decimal(8),
        rate=Decimal(180),
        rate_basis="rates#1",
        amount=price,
        net=price,
        invoice="FALK-2026-03-1-1",
    )
    held = HeldPart(entry="psa/time/2", quantity=Decimal(1), reason="over the cap", cap_id="budget")
    sides = (JournalSide(account="1200", amount=price.amount),)
    journal = JournalShown(
        legal_entity="NW-DE", on=date(2026, 3, 31), event="revenue", currency="EUR", sides=sides
    )
    return BillingPreview(
        run=make_run(),
        billed=(billed,),
        held=(held,),
        invoices=(make_invoice(),),
        journals=(journal,),
    )


SAMPLES: dict[str, BaseModel] = {
    "agreement": agree(make_deal(), make_entity()),
    "billing-preview": make_preview(),
    "billing-run": make_run(),
    "client": make_client(),
    "contract-version": make_contract(),
    "deal": make_deal(),
    "expense": make_expense(),
    "invoice": make_invoice(),
    "landscape": make_landscape(),
    "time-entry": make_entry(),
    "work-item": make_expense(),
}


@pytest.mark.parametrize(("name", "sample"), SAMPLES.items(), ids=SAMPLES.keys())
def test_what_we_write_fits_its_schema(name: str, sample: BaseModel) -> None:
    written: JsonValue = json.loads(sample.model_dump_json())
    assert list(validator(name).iter_errors(written)) == []


def test_a_schema_refuses_what_the_model_refuses() -> None:
    event = TimeApproved(id="1", source="psa", occurred_at=APPROVED_AT, items=(make_entry(),))
    sent: dict[str, Any] = json.loads(EVENT.dump_json(event))
    assert validator("event").is_valid(sent)
    assert not validator("event").is_valid(sent | {"items": []})
    assert not validator("event").is_valid(sent | {"type": "time.invented"})
