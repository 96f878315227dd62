"""What tests and the demo do to the simulated organisation over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from adapters.platforms.salesforce.decimals import Json, dumps, loads
from adapters.platforms.salesforce.simulator.errors import Refusal
from adapters.platforms.salesforce.simulator.faults import Fault, FaultKind
from adapters.salesforce.simulator.seed import SeedDeal

if TYPE_CHECKING:
    from adapters.salesforce.simulator import Simulator


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Order):
    stage: str


class Merge(_Order):
    into: str


class Approval(_Order):
    approved: bool


class ArmFault(_Order):
    kind: FaultKind
    times: int = 1
    writes_only: bool = False
    seconds: float = 0


class ChangeField(_Order):
    """Hide a field from the integration user, or give it another name."""

    hidden: bool | None = None
    rename_to: str = ""


class OutboundFault(_Order):
    duplicate_next: bool = False
    reverse: bool = False
    lose_next: bool = False


def admin_routes(simulator: Simulator) -> APIRouter:
    router = APIRouter()
    for part in (_RecordRoutes(simulator), _FaultRoutes(simulator), _OutboundRoutes(simulator)):
        part.mount(router)
    return router


class _RecordRoutes:
    """Deals and records, as people edit them in the vendor's pages."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def mount(self, router: APIRouter) -> None:
        router.add_api_route("/deals", self.seed, methods=["POST"], status_code=201)
        router.add_api_route("/opportunities/{record_id}/stage", self.stage, methods=["POST"])
        router.add_api_route("/accounts/{record_id}/merge", self.merge, methods=["POST"])
        router.add_api_route("/records/{sobject}/{record_id}", self.read, methods=["GET"])
        router.add_api_route("/records/{sobject}/{record_id}", self.edit, methods=["PATCH"])

    async def seed(self, deal: SeedDeal) -> dict[str, str]:
        seeded = self._simulator.seed(deal)
        return {"opportunity": seeded.opportunity, "account": seeded.account}

    async def stage(self, record_id: str, order: Stage) -> dict[str, bool]:
        self._simulator.set_stage(record_id, order.stage)
        return {"done": True}

    async def merge(self, record_id: str, order: Merge) -> dict[str, bool]:
        self._simulator.merge_accounts(record_id, order.into)
        return {"done": True}

    async def read(self, sobject: str, record_id: str) -> Response:
        record = self._simulator.organisation.get(self._named(sobject), record_id)
        return Response(dumps(record), media_type="application/json")

    async def edit(self, sobject: str, record_id: str, request: Request) -> dict[str, bool]:
        """Set fields; `?unchecked=true` stores values that the schema would refuse."""
        name, values = self._named(sobject), _object(await request.body())
        if request.query_params.get("unchecked") == "true":
            for field, value in values.items():
                self._simulator.organisation.corrupt(name, record_id, field, value)
        else:
            self._simulator.organisation.update(name, record_id, values, as_admin=True)
        return {"done": True}

    def _named(self, sobject: str) -> str:
        return self._simulator.organisation.type_named(sobject).name


class _FaultRoutes:
    """Faults, tokens, rights and schema changes."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def mount(self, router: APIRouter) -> None:
        router.add_api_route("/faults", self.arm, methods=["POST"])
        router.add_api_route("/faults", self.clear, methods=["DELETE"])
        router.add_api_route("/faults/land", self.land, methods=["POST"])
        router.add_api_route("/tokens/expire", self.expire, methods=["POST"])
        router.add_api_route("/approval", self.approve, methods=["POST"])
        router.add_api_route("/schema/{sobject}/{field}", self.change_field, methods=["POST"])

    async def arm(self, order: ArmFault) -> dict[str, bool]:
        self._simulator.faults.arm(Fault(**order.model_dump()))
        return {"done": True}

    async def clear(self) -> dict[str, bool]:
        self._simulator.faults.clear()
        return {"done": True}

    async def land(self) -> dict[str, int]:
        return {"landed": await self._simulator.faults.land()}

    async def expire(self) -> dict[str, bool]:
        self._simulator.sessions.expire_all()
        return {"done": True}

    async def approve(self, order: Approval) -> dict[str, bool]:
        self._simulator.sessions.approved = order.approved
        return {"done": True}

    async def change_field(self, sobject: str, field: str, order: ChangeField) -> dict[str, bool]:
        organisation = self._simulator.organisation
        kind = organisation.type_named(sobject)
        if field not in kind.fields:
            raise Refusal(404, "NOT_FOUND", f"{kind.name} has no field {field}")
        if order.hidden is not None:
            kind.hide(field, order.hidden)
        if order.rename_to:
            organisation.rename_field(kind.name, field, order.rename_to)
        return {"done": True}


class _OutboundRoutes:
    """The outbound messages and their faults."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def mount(self, router: APIRouter) -> None:
        router.add_api_route("/outbound", self.pending, methods=["GET"])
        router.add_api_route("/outbound/faults", self.faults, methods=["POST"])
        router.add_api_route("/outbound/{record_id}", self.send, methods=["POST"])

    async def pending(self) -> list[dict[str, str | int]]:
        return [
            {"id": each.id, "opportunity": each.record_id, "attempts": each.attempts}
            for each in self._simulator.outbox.pending
        ]

    async def faults(self, order: OutboundFault) -> dict[str, bool]:
        outbox = self._simulator.outbox
        outbox.duplicate_next, outbox.reverse = order.duplicate_next, order.reverse
        outbox.lose_next = order.lose_next
        return {"done": True}

    async def send(self, record_id: str) -> dict[str, str | None]:
        """A message about an opportunity, whatever happened to it."""
        record = self._simulator.organisation.get("Opportunity", record_id)
        return {"id": self._simulator.outbox.enqueue(str(record["Id"]))}


def _object(body: bytes) -> dict[str, Json]:
    try:
        document = loads(body)
    except ValueError as error:
        raise Refusal(400, "JSON_PARSER_ERROR", str(error)) from error
    if not isinstance(document, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "an object was expected")
    return document
