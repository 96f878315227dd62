"""The examples of the documents work: events are accepted, signatures fit, landscapes are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import yaml
from pydantic import SecretStr
from starlette.datastructures import Headers

from adapters.salesforce.simulator.seed import SeedDeal
from canonical.events import EVENT
from canonical.landscape import LegalEntity, SystemInstance
from gateway.signatures import Verifier
from tests.docs.pages import page
from workflows.orders import Order

CONNECTING, OPERATIONS = page("docs/connecting-systems.md"), page("docs/operations.md")
EXAMPLES = [json.loads(block.text) for block in CONNECTING.blocks("json")]
EVENTS = [example for example in EXAMPLES if "type" in example]


@pytest.mark.parametrize("example", EVENTS, ids=lambda example: str(example["type"]))
def test_an_example_event_is_a_canonical_event(example: dict[str, object]) -> None:
    event = EVENT.validate_python(example)
    assert not event.model_extra
    assert not any(item.model_extra for item in getattr(event, "items", ()))


def test_the_example_deal_can_be_entered_in_the_simulator() -> None:
    (deal,) = (SeedDeal.model_validate(example) for example in EXAMPLES if "type" not in example)
    assert deal.account is not None
    assert deal.lines


def test_the_example_order_is_an_order() -> None:
    orders = [Order.model_validate_json(block.text) for block in OPERATIONS.blocks("json")]
    assert [order.by for order in orders] == ["Ada Lovelace"]


def test_the_example_in_python_signs_as_the_gateway_verifies() -> None:
    program: dict[str, object] = {"__name__": "example"}
    (block,) = CONNECTING.blocks("python")
    exec(compile(block.text, "send.py", "exec"), program)
    secret, moment, body = (
        "whsec_" + "c2VjcmV0" * 6,
        datetime(2026, 11, 2, tzinfo=UTC),
        b'{"id": 1}',
    )
    sign = program["sign"]
    assert callable(sign)
    headers = Headers(
        {
            "webhook-id": "report-4711",
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": sign(secret, "report-4711", int(moment.timestamp()), body),
        }
    )
    verifier = Verifier("expenses", {"signing": SecretStr(secret)})
    assert verifier.verify(headers, body, moment).webhook_id == "report-4711"


def test_the_example_landscape_has_systems_and_an_entity_as_they_are_read() -> None:
    (block,) = CONNECTING.blocks("yaml")
    landscape = yaml.safe_load(block.text)
    systems = [SystemInstance.model_validate(system) for system in landscape["systems"]]
    (entity,) = (LegalEntity.model_validate(entity) for entity in landscape["entities"])
    assert {system.name for system in systems} <= set(entity.systems.values())
