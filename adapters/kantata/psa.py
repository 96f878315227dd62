"""The Psa port on Kantata: clients, projects, teams, rate cards, and where billing stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from adapters.kantata import mapping
from adapters.kantata.account import check_account
from adapters.kantata.api import Kantata, Query
from adapters.kantata.rate_cards import RateCards
from adapters.kantata.references import Binder, Reference
from adapters.kantata.rows import ReferenceRow, ReferenceStatus, WorkspaceRow
from canonical.client import Client
from canonical.errors import AnswerUnreadable, DataRejected, RecordMissing
from canonical.ids import ExternalRef
from canonical.landscape import Landscape, SystemInstance
from canonical.payment import BillingStatus
from canonical.project import ProjectPlan

BULK_MAX = 100
"""Participations and resources per bulk create."""
WITH_ARCHIVED = {"include_archived": "true"}
STATUS_MODEL = "billing_status"


class KantataPsa:
    """Kantata as PSA. References live under `c2c-<environment>`, statuses under `...-billing`:
    one external reference per service name and record is all that the vendor allows."""

    def __init__(
        self, kantata: Kantata, binder: Binder, system: SystemInstance, landscape: Landscape
    ) -> None:
        self._kantata, self._binder = kantata, binder
        self._system, self._landscape = system, landscape
        self._service = f"c2c-{landscape.environment}"
        self._rate_cards = RateCards(kantata, binder)

    async def check(self) -> str:
        return await check_account(self._kantata, self._system)

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef:
        """The client's workspace group; name, e-mail and address follow the CRM."""
        groups = self._kantata.workspace_groups
        body = mapping.group_body(client)
        group_id, existed = await self._binder.ensure(
            groups, "WorkspaceGroup", self._reference("client", key), body, groups.delete
        )
        if existed and mapping.group_differs(await groups.show(group_id), client):
            await groups.update(group_id, body)
        return mapping.client_ref(self._system.name, group_id)

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef:
        """The workspace, open, with the plan's words, currency and rates.

        Raises DataRejected when the currency is another one, when a role is unknown to Kantata or
        when it cannot show a rate; the last two before anything is created.
        """
        role_ids = await self._priced_roles(plan)
        workspace_id, _ = await self._binder.ensure(
            self._kantata.workspaces,
            "Workspace",
            self._reference("project", key),
            mapping.new_workspace_body(plan, client.id),
            self._archive,
        )
        row = await self._kantata.workspaces.show(workspace_id, WITH_ARCHIVED)
        rate_card_id = None
        if plan.rates:
            reference = self._reference("rate_card", key)
            rate_card_id = await self._rate_cards.ensure(plan, reference, role_ids)
        await self._make_true(row, plan, rate_card_id)
        return mapping.project_ref(self._system.name, workspace_id)

    async def ensure_team(self, plan: ProjectPlan, project: ExternalRef, *, key: str) -> None:
        """Everybody of the plan takes part, in their role. Raises DataRejected naming the people
        or roles that Kantata does not know; nobody is added then."""
        user_ids = await self._user_ids(plan)
        role_ids = await self._role_ids(plan, (member.role for member in plan.team), "team.role")
        await self._add_participants(project.id, sorted(set(user_ids.values()), key=int))
        seats = {(user_ids[member.email], role_ids[member.role][0]): None for member in plan.team}
        await self._add_seats(project.id, list(seats))

    async def archive_project(self, project: ExternalRef) -> None:
        await self._archive(project.id)

    async def tell_status(self, project: ExternalRef, status: BillingStatus) -> None:
        """Show the status on the project. What is there already or is newer stays.

        Kantata has no conditional write; the statuses of one engagement are told one by one.
        """
        shown = await self._shown_version(project.id)
        if shown is not None and shown >= status.version:
            return
        await self._kantata.external_references.upsert(
            {
                "subject_type": "Workspace",
                "subject_id": project.id,
                "service_name": f"{self._service}-billing",
                "service_model": STATUS_MODEL,
                "service_model_ref": str(status.version),
                "status": ReferenceStatus.SUCCESSFUL.value,
                "external_status": status.stage.value,
                "external_message": mapping.status_sentence(status),
            }
        )

    def _reference(self, model: str, key: str) -> Reference:
        return Reference(self._service, model, key)

    async def _make_true(
        self, row: WorkspaceRow, plan: ProjectPlan, rate_card_id: str | None
    ) -> None:
        """Bring an existing workspace to the plan; a cancelled attempt's is taken out of the
        archive."""
        changes: dict[str, JsonValue] = {}
        if mapping.workspace_differs(row, plan):
            changes |= {**mapping.workspace_body(plan), "archived": False}
        if rate_card_id is not None and row.rate_card_id != rate_card_id:
            changes["rate_card_id"] = rate_card_id
        if changes:
            row = await self._kantata.workspaces.update(row.id, changes, WITH_ARCHIVED)
        if row.currency != plan.currency:
            raise DataRejected(
                self._system.name,
                f"project {plan.code} is in {row.currency or 'a currency that is hidden from us'}, "
                f"but the contract is in {plan.currency}; correct the project, or give the "
                "integration user financial access",
                fields=("currency",),
            )

    async def _priced_roles(self, plan: ProjectPlan) -> dict[str, list[str]]:
        for each in plan.rates:
            mapping.rate_in_subunits(self._system.name, each.rate, plan.currency)
        return await self._role_ids(plan, (each.role for each in plan.rates), "rates.role")

    async def _archive(self, workspace_id: str) -> None:
        """Repeating is harmless; an archived project is hidden, so its absence is looked into."""
        workspaces = self._kantata.workspaces
        try:
            await workspaces.update(workspace_id, {"archived": True})
        except RecordMissing:
            if not (await workspaces.show(workspace_id, WITH_ARCHIVED)).archived:
                raise

    async def _user_ids(self, plan: ProjectPlan) -> dict[str, str]:
        """The user of each e-mail. Raises DataRejected that names every unknown one."""
        found: dict[str, str] = {}
        for email in dict.fromkeys(member.email for member in plan.team):
            user_id = await self._user_id(email)
            if user_id is not None:
                found[email] = user_id
        unknown = sorted({member.email for member in plan.team} - set(found))
        if unknown:
            raise DataRejected(
                self._system.name,
                f"nobody in Kantata has the e-mail {', '.join(unknown)}; add the person in "
                "Kantata or correct the deal's team",
                fields=tuple(f"team.email:{email}" for email in unknown),
            )
        return found

    async def _user_id(self, email: str) -> str | None:
        wanted = email.casefold()
        rows = await self._kantata.users.all(
            Query(
                {"by_email_address": email},
                {"by_email_address": lambda row: (row.email_address or "").casefold() == wanted},
            )
        )
        return rows[0].id if rows else None

    async def _role_ids(
        self, plan: ProjectPlan, roles: Iterable[str], place: str
    ) -> dict[str, list[str]]:
        """Kantata's roles that mean each of our roles, by the landscape or by their very name."""
        entity = self._landscape.entity(plan.legal_entity)
        found: dict[str, list[str]] = {role: [] for role in roles}
        if not found:
            return {}
        for row in await self._kantata.roles.all(Query({})):
            for role in {row.name, entity.role_named(row.name)} & set(found):
                if role is not None:
                    found[role].append(row.id)
        unknown = sorted(role for role, ids in found.items() if not ids)
        if unknown:
            raise DataRejected(
                self._system.name,
                f"no role in Kantata means {', '.join(unknown)}; add the role in Kantata, or map "
                f"one of its roles in the landscape of {entity.code}",
                fields=(place,),
            )
        return found

    async def _add_participants(self, workspace_id: str, user_ids: Sequence[str]) -> None:
        rows = await self._kantata.participations.all(
            Query(
                {"workspace_id": workspace_id},
                {"workspace_id": lambda row: row.workspace_id == workspace_id},
            )
        )
        missing = [each for each in user_ids if each not in {row.user_id for row in rows}]
        for start in range(0, len(missing), BULK_MAX):
            await self._kantata.participations.create_many(
                [
                    {"workspace_id": workspace_id, "user_id": each, "role": "maven"}
                    for each in missing[start : start + BULK_MAX]
                ]
            )

    async def _add_seats(self, workspace_id: str, seats: Sequence[tuple[str, str]]) -> None:
        """A seat is a person in a role: time that they log then carries the role."""
        rows = await self._kantata.workspace_resources.all(
            Query(
                {"workspace_id": workspace_id},
                {"workspace_id": lambda row: row.workspace_id == workspace_id},
            )
        )
        taken = {(row.user_id, row.role_id) for row in rows}
        missing = [seat for seat in seats if seat not in taken]
        for start in range(0, len(missing), BULK_MAX):
            await self._kantata.workspace_resources.create_many(
                [
                    {"workspace_id": workspace_id, "user_id": user, "role_id": role}
                    for user, role in missing[start : start + BULK_MAX]
                ]
            )

    async def _shown_version(self, workspace_id: str) -> int | None:
        service = f"{self._service}-billing"
        rows: list[ReferenceRow] = await self._kantata.external_references.all(
            Query(
                {"service_name": service, "subject_id": workspace_id},
                {
                    "service_name": lambda row: row.service_name == service,
                    "subject_id": lambda row: row.subject_id == workspace_id,
                },
            )
        )
        versions = [row.service_model_ref for row in rows if row.subject_type == "Workspace"]
        if not all(each.isascii() and each.isdigit() for each in versions):
            raise AnswerUnreadable(
                self._system.name,
                "the version of a billing status is not a number",
                where="external_references.service_model_ref",
            )
        return max(map(int, versions), default=None)
