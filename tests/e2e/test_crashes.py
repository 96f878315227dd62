"""Processes die at points that are hit for certain; the end is that of a quiet run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields

import httpx
import pytest
import pytest_asyncio

from tests.e2e.books import QUIET, Books, books_of, mails_about
from tests.e2e.firm import Firm, running_firm
from tests.e2e.holds import (
    erp_silent_after,
    mail_server_silent,
    psa_slow_at,
    table_held,
)
from workers.demo import script
from workers.demo.story import Story

pytestmark = pytest.mark.timeout(280)


@pytest_asyncio.fixture(scope="module")
async def mortal_firm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firm]:
    """A firm of its own: its processes are killed."""
    async with running_firm(tmp_path_factory.mktemp("mortal")) as firm:
        yield firm


@dataclass(frozen=True)
class Survived:
    """What is left after everything died in turn."""

    books: Books
    mails: list[dict[str, str]]


@pytest_asyncio.fixture(scope="module")
async def survived(mortal_firm: Firm) -> Survived:
    story = mortal_firm.story()
    await worker_dies_between_psa_and_erp(mortal_firm, story)
    await worker_dies_while_billing(mortal_firm, story)
    await worker_dies_between_draft_and_posting(mortal_firm, story)
    await worker_dies_while_delivering(mortal_firm, story)
    await worker_dies_while_a_payment_is_told(mortal_firm, story)
    await temporal_dies_before_the_last_payment(mortal_firm, story)
    (invoice,) = await story.overview.invoices(story.engagement_id)
    return Survived(await books_of(mortal_firm, story), mails_about(story, invoice.number))


@pytest.mark.parametrize("system", [field.name for field in fields(Books)])
def test_every_system_holds_what_it_holds_after_a_quiet_run(
    survived: Survived, system: str
) -> None:
    assert getattr(survived.books, system) == getattr(QUIET, system)


def test_a_mail_whose_hand_over_was_in_doubt_is_repeated_under_its_id(survived: Survived) -> None:
    first, second = survived.mails
    assert first["Message-ID"] == second["Message-ID"]


async def worker_dies(firm: Firm) -> None:
    await firm.stack.kill_worker()
    await firm.stack.start_worker()


async def worker_dies_between_psa_and_erp(firm: Firm, story: Story) -> None:
    """Client and project are in the PSA, the client is in the ERP, and we have not heard so. Before
    the call is given up and repeated, work is logged, and the gateway dies too."""
    async with erp_silent_after(firm, story, "model.party.party.create") as reached:
        story.sell(firm.next_number())
        await reached()
        assert len(firm.stack.kantata.office.rows("workspaces")) == 1
        assert await firm.count("SELECT count(*) FROM identity_link WHERE system = 'tryton'") == 0
        await worker_dies(firm)
    await story.work()
    story.recall()
    await gateway_dies_before_it_acknowledges(firm, story)
    await gateway_dies_after_it_acknowledged(firm, story)
    await story.until_active()


async def gateway_dies_before_it_acknowledges(firm: Firm, story: Story) -> None:
    """The sender gets no answer, nothing was stored: it sends again later."""
    async with table_held(firm, story, "inbox") as reached:
        sending = asyncio.create_task(story.spend())
        await reached()
        await firm.stack.kill_gateway()
        with pytest.raises(httpx.TransportError):
            await sending
    await firm.stack.start_gateway()


async def gateway_dies_after_it_acknowledged(firm: Firm, story: Story) -> None:
    """Deliveries are in the inbox and on their way on; nobody sends them again."""
    async with table_held(firm, story, "business_event") as reached:
        await story.spend()
        await reached()
        assert await firm.count("SELECT count(*) FROM inbox WHERE state = 'new'") == 2
        await firm.stack.kill_gateway()
    await firm.stack.start_gateway()


async def worker_dies_while_billing(firm: Firm, story: Story) -> None:
    """All is computed and half of it written; nothing of it is committed."""
    async with table_held(firm, story, "invoice") as reached:
        await story.cut_off()
        await reached()
        billed = await firm.count("SELECT count(*) FROM billing_transaction")
        assert billed == 0
        await firm.stack.kill_worker()


async def worker_dies_between_draft_and_posting(firm: Firm, story: Story) -> None:
    """The draft is in the ERP, and we do not know its id."""
    async with erp_silent_after(firm, story, "model.account.invoice.create") as reached:
        await firm.stack.start_worker()
        await reached()
        (posting,) = await firm.rows("SELECT state, reference_id FROM posting")
        assert dict(posting) == {"state": "sent", "reference_id": None}
        await firm.stack.kill_worker()


async def worker_dies_while_delivering(firm: Firm, story: Story) -> None:
    """The mail is with the receiver's server, and we do not know."""
    async with mail_server_silent(firm, story) as reached:
        await firm.stack.start_worker()
        await reached()
        await worker_dies(firm)
    invoice = await story.until_delivered()
    assert len(mails_about(story, invoice.number)) == 2, "repeated, under the same message id"


async def worker_dies_while_a_payment_is_told(firm: Firm, story: Story) -> None:
    """We know of the payment; the PSA hears of it from a dead worker, and again."""
    await story.until_crm_says("Invoiced")
    async with psa_slow_at(firm, story, "external_references", seconds=2) as reached:
        await story.pay("BANK-0001", script.FIRST_PAYMENT)
        await reached()
        await worker_dies(firm)
    await story.until_crm_says("Part paid")


async def temporal_dies_before_the_last_payment(firm: Firm, story: Story) -> None:
    await firm.stack.temporal.kill()
    await story.pay("BANK-0002")
    await firm.stack.temporal.restart()
    await story.until_paid(script.GROSS)
    await story.until_crm_says("Paid")
    await story.close()
    await story.until_closed()
