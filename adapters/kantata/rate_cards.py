"""A project's rate card: one set, one version per effective date, one rate per role.

A published version cannot be changed; a new date is a new version (the vendor's own rule). Sets
carry no external reference, so they are found by their title; versions by their date; rates by
their role: natural keys, so that a repeated attempt goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from adapters.kantata.api import Kantata, Query
from adapters.kantata.mapping import rate_in_subunits
from adapters.kantata.references import Binder, Reference
from adapters.kantata.rows import (
    RateCardRoleRow,
    RateCardSetRow,
    RateCardSetVersionRow,
    RateCardVersionRow,
)
from canonical.errors import AnswerUnreadable, DataRejected
from canonical.project import ProjectPlan, RoleRate


def rates_by_date(rates: Sequence[RoleRate]) -> dict[date, dict[str, RoleRate]]:
    """For each effective date, the rate of every role that holds from then on."""
    dates = sorted({rate.effective_from for rate in rates})
    return {
        day: {
            rate.role: rate
            for rate in sorted(rates, key=lambda each: each.effective_from)
            if rate.effective_from <= day
        }
        for day in dates
    }


class RateCards:
    """Keeps a project's rate card."""

    def __init__(self, kantata: Kantata, binder: Binder) -> None:
        self._kantata, self._binder = kantata, binder

    async def ensure(
        self, plan: ProjectPlan, reference: Reference, role_ids: Mapping[str, Sequence[str]]
    ) -> str:
        """The id of the project's rate card, with every version of the plan published."""
        by_date = rates_by_date(plan.rates)
        set_id = await self._set(f"{reference.key} rates")
        versions = await self._versions(set_id)
        first = min(by_date)
        if first not in versions:
            versions[first] = await self._new_version(set_id, first)
        card_id = await self._card(plan, reference, set_id, versions[first].id)
        for day, rates in by_date.items():
            version = versions.get(day) or await self._new_version(set_id, day)
            wanted = {
                role_id: rate_in_subunits(self._kantata.system, rate.rate, plan.currency)
                for role, rate in rates.items()
                for role_id in role_ids[role]
            }
            await self._fill(card_id, version, wanted)
        return card_id

    async def _set(self, title: str) -> str:
        pages = self._kantata.rate_card_sets.pages(Query({"order": "created_at:asc"}))
        async for page in pages:
            for row in page.rows:
                if row.title == title:
                    return row.id
        created: RateCardSetRow = await self._kantata.rate_card_sets.create({"title": title})
        return created.id

    async def _versions(self, set_id: str) -> dict[date, RateCardSetVersionRow]:
        rows = await self._kantata.rate_card_set_versions.all(
            Query(
                {"rate_card_set_id": set_id, "order": "created_at:asc"},
                {"rate_card_set_id": lambda row: row.rate_card_set_id == set_id},
            )
        )
        versions: dict[date, RateCardSetVersionRow] = {}
        for row in rows:
            if row.effective_date not in versions or row.active:
                versions[row.effective_date] = row
        return versions

    async def _new_version(self, set_id: str, day: date) -> RateCardSetVersionRow:
        return await self._kantata.rate_card_set_versions.create(
            {"rate_card_set_id": set_id, "effective_date": day.isoformat()}
        )

    async def _card(
        self, plan: ProjectPlan, reference: Reference, set_id: str, version_id: str
    ) -> str:
        card_id, _ = await self._binder.ensure(
            self._kantata.rate_cards,
            "RateCard",
            reference,
            {
                "rate_card_set_id": set_id,
                "rate_card_set_version_id": version_id,
                "currency": plan.currency,
            },
            self._kantata.rate_cards.delete,
        )
        return card_id

    async def _fill(
        self, card_id: str, version: RateCardSetVersionRow, wanted: Mapping[str, int]
    ) -> None:
        """Set the rates of one version and publish it."""
        card_version, existing = await self._card_version(card_id, version)
        shown = {row.role_id: row for row in existing}
        for role_id, rate in wanted.items():
            row = shown.get(role_id)
            if row is not None and row.rate == rate:
                continue
            if version.active:
                raise DataRejected(
                    self._kantata.system,
                    f"the rates from {version.effective_date} are published and differ from the "
                    "contract's; publish a rate card version with a later date in Kantata",
                    fields=("rates",),
                )
            await self._set_rate(card_version, role_id, rate, row)
        if not version.active:
            await self._kantata.rate_card_set_versions.act(version.id, "publish")

    async def _set_rate(
        self,
        card_version: RateCardVersionRow,
        role_id: str,
        rate: int,
        row: RateCardRoleRow | None,
    ) -> None:
        roles = self._kantata.rate_card_roles
        if row is not None:
            await roles.update(row.id, {"rate": rate})
            return
        await roles.create(
            {"rate_card_version_id": card_version.id, "role_id": role_id, "rate": rate}
        )

    async def _card_version(
        self, card_id: str, version: RateCardSetVersionRow
    ) -> tuple[RateCardVersionRow, list[RateCardRoleRow]]:
        """The card's own copy of a set version (the vendor makes it), and its rates."""
        page = await self._kantata.rate_card_set_versions.page(
            Query(
                {"only": version.id, "include": "rate_card_versions"},
                {"only": lambda row: row.id == version.id},
            )
        )
        copies = page.side("rate_card_versions", RateCardVersionRow).values()
        for copy in copies:
            if (copy.rate_card_id, copy.rate_card_set_version_id) == (card_id, version.id):
                return copy, await self._rates(copy)
        raise AnswerUnreadable(
            self._kantata.system,
            "a rate card has no version for a date",
            where="rate_card_versions",
        )

    async def _rates(self, copy: RateCardVersionRow) -> list[RateCardRoleRow]:
        page = await self._kantata.rate_card_versions.page(
            Query(
                {"only": copy.id, "include": "rate_card_roles"},
                {"only": lambda row: row.id == copy.id},
            )
        )
        rows = page.side("rate_card_roles", RateCardRoleRow).values()
        return [row for row in rows if row.rate_card_version_id == copy.id]
