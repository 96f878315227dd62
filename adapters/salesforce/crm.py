"""The port Crm over Salesforce: deals read whole in one query, status told without going back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from adapters.platforms.salesforce.ids import to_18
from adapters.platforms.salesforce.outcomes import RecordChanged
from adapters.platforms.salesforce.rest import Row, SalesforceRest
from adapters.salesforce import queries
from adapters.salesforce.api import AccountTrace, StatusRow, StatusTerms
from adapters.salesforce.errors import read, read_named
from adapters.salesforce.mapping import currencies_of, deal_of, status_body, won_deal_of
from adapters.salesforce.schema import require_fields
from adapters.salesforce.settings import SalesforceSettings
from canonical.deal import Deal, WonDeal
from canonical.errors import AnswerUnreadable, DataRejected, RecordMissing
from canonical.ids import ExternalRef
from canonical.payment import BillingStatus

MERGES_MAX = 10
"""Accounts merged into accounts that were merged again; more is a circle."""
STATUS_TRIES = 3
"""Readings of a deal that somebody else is changing at the same moment."""

_CURSOR: TypeAdapter[AwareDatetime] = TypeAdapter(AwareDatetime)


class SalesforceCrm:
    """Deals of one organisation."""

    def __init__(self, rest: SalesforceRest, settings: SalesforceSettings) -> None:
        self._rest, self._settings = rest, settings
        self._system = rest.system

    async def check(self) -> str:
        """Proves login, organisation and rights, and that every named field exists for us."""
        await require_fields(self._rest, self._settings)
        return (
            f"{self._system}: {self._settings.instance_url}, API {self._settings.api_version}: "
            "logged in, every field of the settings is there"
        )

    async def read_deal(self, deal: ExternalRef) -> Deal:
        """One query as a rule; one more when the account was merged into another.

        Raises RecordMissing."""
        rows = await self._rest.rows(
            queries.one_deal(self._settings, self._id_of(deal)), "read_deal"
        )
        row = self._only(rows, deal)
        found = deal_of(self._system, row, self._settings)
        if found.account is not None or row.get("AccountId") is None:
            return found
        account = await self._surviving_account(str(row["AccountId"]))
        with_account = deal_of(self._system, {**row, "Account": account}, self._settings)
        return with_account.model_copy(update={"revision": found.revision})

    async def deals_won_since(self, cursor: str) -> AsyncIterator[tuple[Sequence[WonDeal], str]]:
        """The cursor is the stamp of the latest change seen; reading begins a little before it."""
        latest = self._moment(cursor)
        since = latest - timedelta(seconds=self._settings.overlap_s) if latest else None
        async for page in self._rest.query(
            queries.won_deals(self._settings, since), "deals_won_since"
        ):
            deals = [won_deal_of(self._system, row, self._settings) for row in page]
            if deals:
                newest = deals[-1].changed_at
                latest = max(latest, newest) if latest else newest
                yield deals, latest.isoformat()

    async def tell_status(self, deal: ExternalRef, status: BillingStatus) -> None:
        """Compare, then write only if nobody changed the deal in between.

        Raises RecordMissing, and DataRejected when the deal is in another currency."""
        for _ in range(STATUS_TRIES - 1):
            with suppress(RecordChanged):
                return await self._tell_once(deal, status)
        return await self._tell_once(deal, status)

    async def _tell_once(self, deal: ExternalRef, status: BillingStatus) -> None:
        record_id = self._id_of(deal)
        soql = queries.status_of(self._settings, record_id)
        row = self._only(await self._rest.rows(soql, "read_status"), deal)
        if not self._is_newer(row, status):
            return
        await self._rest.update(
            "Opportunity",
            record_id,
            status_body(status, self._settings),
            "tell_status",
            unmodified_since=read(self._system, StatusRow, row, "Opportunity").SystemModstamp,
        )

    def _is_newer(self, row: Row, status: BillingStatus) -> bool:
        names = {
            "version": self._settings.status.version,
            "currency": self._settings.opportunity.currency,
        }
        told = read_named(self._system, StatusTerms, row, names, "Opportunity")
        currency = told.currency or self._settings.one_currency
        foreign = currencies_of(status) - {currency}
        if foreign:
            raise DataRejected(
                self._system,
                f"the deal is in {currency}, and the status speaks of {', '.join(sorted(foreign))}",
                fields=(names["currency"] or "one_currency",),
            )
        return told.version is None or told.version < status.version

    async def _surviving_account(self, account_id: str) -> Row:
        """The account, or the one that it was merged into. Raises RecordMissing when it is
        hidden."""
        for _ in range(MERGES_MAX):
            rows = await self._rest.rows(
                queries.account_in_any_state(self._settings, account_id),
                "read_account",
                with_deleted=True,
            )
            if not rows:
                break
            trace = read(self._system, AccountTrace, rows[0], "Account")
            if trace.MasterRecordId is None:
                return rows[0]
            account_id = trace.MasterRecordId
        raise RecordMissing(
            self._system,
            f"the deal's account {account_id} is not visible to the integration user, "
            "or its merges lead nowhere",
        )

    def _only(self, rows: Sequence[Row], deal: ExternalRef) -> Row:
        if not rows:
            raise RecordMissing(self._system, f"there is no opportunity {deal.id}")
        return rows[0]

    def _id_of(self, deal: ExternalRef) -> str:
        try:
            return to_18(deal.id)
        except ValueError as error:
            raise RecordMissing(self._system, str(error)) from error

    def _moment(self, cursor: str) -> datetime | None:
        if not cursor:
            return None
        try:
            return _CURSOR.validate_python(cursor)
        except ValidationError as error:
            raise AnswerUnreadable(
                self._system, "it is not a moment", where="the cursor of won deals"
            ) from error
