"""Postings: one holder advances, one document is bound, whatever happens at once."""

from __future__ import annotations

import asyncio

import pytest

from canonical.errors import RecordExists, RuleViolation, TransitionForbidden
from canonical.ids import ExternalRef
from canonical.transitions import PostingState
from tests import builders as make
from tests.store.conftest import Store

OTHER_DOCUMENT = ExternalRef(system=make.ERP, kind="account.invoice", id="72")


async def test_a_posting_is_prepared_once(store: Store) -> None:
    first = await store.invoices.open_posting("F-1", make.ERP)
    assert first == await store.invoices.open_posting("F-1", make.ERP)
    assert (first.state, first.reference, first.attempts) == (PostingState.PREPARED, None, 0)
    with pytest.raises(RuleViolation, match="a key of its own"):
        await store.invoices.open_posting("F-1", make.PSA)


async def test_of_two_holders_that_advance_a_posting_one_is_told_that_it_was_slower(
    store: Store,
) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    advance = store.invoices.advance_posting
    results = await asyncio.gather(
        *(advance("F-1", PostingState.PREPARED, PostingState.SENT) for _ in range(4))
    )
    assert sorted(results) == [False, False, False, True]
    assert (await store.invoices.open_posting("F-1", make.ERP)).attempts == 1


async def test_a_posting_takes_only_the_ways_of_its_table(store: Store) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    with pytest.raises(TransitionForbidden):
        await store.invoices.advance_posting("F-1", PostingState.CONFIRMED, PostingState.SENT)


async def test_of_two_documents_bound_at_once_the_first_wins_for_both(store: Store) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    bound = await asyncio.gather(
        store.invoices.bind_posting("F-1", make.ERP_INVOICE),
        store.invoices.bind_posting("F-1", OTHER_DOCUMENT),
    )
    assert bound[0] == bound[1]
    posting = await store.invoices.open_posting("F-1", make.ERP)
    assert (posting.state, posting.reference) == (PostingState.ADOPTED, bound[0])


async def test_a_document_is_bound_to_one_key(store: Store) -> None:
    for key in ("F-1", "F-2"):
        await store.invoices.open_posting(key, make.ERP)
    await store.invoices.bind_posting("F-1", make.ERP_INVOICE)
    with pytest.raises(RecordExists, match="bound to another key"):
        await store.invoices.bind_posting("F-2", make.ERP_INVOICE)


async def test_a_key_that_was_never_opened_cannot_be_bound(store: Store) -> None:
    with pytest.raises(RuleViolation, match="never opened"):
        await store.invoices.bind_posting("F-9", make.ERP_INVOICE)
