"""Ids: the same key, the same id, in every process and for ever."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canonical.ids import (
    ContractId,
    EngagementId,
    ExternalRef,
    case_id,
    client_id,
    derive,
    engagement_id,
    event_id,
    invoice_id,
    payment_id,
    project_id,
    transaction_id,
    work_item_id,
)
from tests.canonical.builders import make_entry

ACCOUNT = ExternalRef(system="crm", kind="account", id="001")
ENGAGEMENT = EngagementId("crm/006")


FROZEN = {
    "client": (client_id(ACCOUNT), "69f0a6b1-5c5c-5575-b9ab-6ed1f3c87a30"),
    "project": (project_id(ENGAGEMENT), "e9c11691-9bfc-5b77-99b1-8efc62383e21"),
    "work item": (work_item_id("psa", "time", "77"), "29be0cef-ad7d-5a7e-b5a9-420ca2e06d51"),
    "transaction": (
        transaction_id(ContractId("contract"), "FALK-1-2026-10-2-1#3"),
        "07e23930-8428-5946-a6c9-62b3f4496e1d",
    ),
    "event": (event_id("psa", "e-1"), "14a25f56-9dc4-583c-bf06-622a5212151d"),
}


@pytest.mark.parametrize(("found", "stored"), FROZEN.values(), ids=FROZEN.keys())
def test_ids_that_are_stored_somewhere_never_change(found: str, stored: str) -> None:
    assert found == stored


def test_an_engagement_is_named_so_that_people_find_it() -> None:
    deal = ExternalRef(system="crm", kind="opportunity", id="006")
    assert engagement_id(deal) == "crm/006"


def test_nouns_with_equal_keys_have_different_ids() -> None:
    assert len({client_id(ACCOUNT), payment_id(ACCOUNT), event_id("account", "001")}) == 3


ROW = "FALK-1-2026-10-1-1#1"
VARIED = {
    "contract": transaction_id(ContractId("b"), ROW),
    "document": transaction_id(ContractId("a"), "FALK-1-2026-10-2-1#1"),
    "place": transaction_id(ContractId("a"), "FALK-1-2026-10-1-1#2"),
}


@pytest.mark.parametrize("other", VARIED.values(), ids=VARIED.keys())
def test_every_part_of_a_key_counts(other: str) -> None:
    assert other != transaction_id(ContractId("a"), ROW)


def test_each_invoice_of_a_run_has_its_own_id() -> None:
    bill_to = client_id(ACCOUNT)
    ids = {
        invoice_id(bill_to, ENGAGEMENT, period, run, sequence)
        for period in ("2026-03", "2026-04")
        for run in (1, 2)
        for sequence in (1, 2)
    }
    assert len(ids) == 8


def test_equal_causes_of_one_process_are_one_case() -> None:
    assert case_id("p", "DataRejected", "x") == case_id("p", "DataRejected", "x")
    assert case_id("p", "DataRejected", "x") != case_id("q", "DataRejected", "x")


def test_an_entry_keeps_its_id_whatever_else_changes() -> None:
    entry = make_entry()
    assert entry.model_copy(update={"person": "another"}).id == entry.id


KEYS = st.lists(st.text(alphabet="ab\x1e\x1f01", max_size=4), min_size=1, max_size=4)


@given(KEYS, KEYS)
@example(["a\x1fb"], ["a", "b"])
@example(["a\x1e", "b"], ["a\x1fb"])
@example(["a\x1e1b"], ["a", "b"])
def test_different_keys_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (derive("noun", *one) == derive("noun", *other)) == (one == other)


@given(st.integers())
def test_a_number_and_its_text_are_one_key(number: int) -> None:
    assert derive("noun", number) == derive("noun", str(number))
    assert UUID(derive("noun", number)).version == 5


@given(KEYS)
def test_an_id_is_the_uuid5_of_its_key(key: list[str]) -> None:
    root = UUID("5f1c0a52-7e0b-5d6c-9a43-1d2f0c7be601")
    name = "\x1f".join(part.replace("\x1e", "\x1e0").replace("\x1f", "\x1e1") for part in key)
    assert derive("noun", *key) == str(uuid5(uuid5(root, "noun"), name))
