"""Sends outbound messages as the platform does: at least once, retried until acknowledged.

One envelope carries up to 100 notifications with the rows as they are at the moment of sending.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

import httpx
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.ids import to_18
from adapters.platforms.salesforce.simulator.organisation import Organisation, Record

NOTIFICATIONS_MAX = 100
RETRY_MAX = timedelta(hours=2)
DROPPED_AFTER = timedelta(hours=24)
_ACK = "{http://soap.sforce.com/2005/09/outbound}Ack"
_FIELDS = (
    "AccountId",
    "Amount",
    "CloseDate",
    "CurrencyIsoCode",
    "IsWon",
    "Name",
    "StageName",
    "SystemModstamp",
)


@dataclass(frozen=True)
class Target:
    """Where messages go. `first_retry` doubles up to two hours, as the platform does."""

    url: str
    first_retry: timedelta = timedelta(seconds=15)
    transport: httpx.AsyncBaseTransport | None = None
    """Another way to the receiver, such as an application in this process; None: the network."""
    timeout_s: float = 60


@dataclass
class Message:
    """One notification on its way."""

    id: str
    record_id: str
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    deliveries_left: int = 1


class Outbox:
    """The messages that are not acknowledged yet, and the faults of their delivery."""

    def __init__(
        self,
        organisation: Organisation,
        organisation_id: str,
        instance_url: str,
        clock: Callable[[], datetime],
        target: Target | None,
    ) -> None:
        self._organisation, self._organisation_id = organisation, organisation_id
        self._instance_url, self._clock = instance_url, clock
        self.target = target
        self.pending: list[Message] = []
        self.duplicate_next = False
        """The next message is delivered twice, although it is acknowledged."""
        self.reverse = False
        """Newest first."""
        self.lose_next = False
        """The next message is never sent."""
        self._last_number = 0
        self._news = asyncio.Event()

    def enqueue(self, record_id: str) -> str | None:
        """A notification about an opportunity; its id, or None when it is lost on purpose."""
        self._last_number += 1
        if self.lose_next:
            self.lose_next = False
            return None
        now = self._clock()
        message = Message(to_18(f"04lAb0{self._last_number:09d}"), record_id, now, now)
        if self.duplicate_next:
            self.duplicate_next, message.deliveries_left = False, 2
        self.pending.append(message)
        self._news.set()
        return message.id

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._news.clear()
            await self.deliver_due()
            wait_s = min((self._wait_s(each) for each in self.pending), default=60.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)

    async def deliver_due(self) -> int:
        """Send every message that is due now, in envelopes; how many were acknowledged."""
        now = self._clock()
        self.pending = [each for each in self.pending if now - each.created_at < DROPPED_AFTER]
        due = [each for each in self.pending if each.due_at <= now]
        if self.target is None or not due:
            return 0
        acknowledged = 0
        due = due[::-1] if self.reverse else due
        for start in range(0, len(due), NOTIFICATIONS_MAX):
            acknowledged += await self._deliver(self.target, due[start : start + NOTIFICATIONS_MAX])
        return acknowledged

    def envelope(self, messages: Sequence[Message]) -> bytes:
        """The SOAP envelope of some messages, with current values."""
        short = self._organisation_id[:15]
        soap = f"{self._instance_url}/services/Soap"
        notifications = "".join(self._notification(each) for each in messages)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
            '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
            f"<OrganizationId>{self._organisation_id}</OrganizationId>"
            '<ActionId>04kAb0000004C9SIAU</ActionId><SessionId xsi:nil="true"/>'
            f"<EnterpriseUrl>{soap}/c/67.0/{short}</EnterpriseUrl>"
            f"<PartnerUrl>{soap}/u/67.0/{short}</PartnerUrl>"
            f"{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
        ).encode()

    def _notification(self, message: Message) -> str:
        record = self._organisation.find("Opportunity", message.record_id)
        fields = _fields(record) if record else ""
        return (
            f"<Notification><Id>{message.id}</Id>"
            '<sObject xsi:type="sf:Opportunity" '
            f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>'
        )

    async def _deliver(self, target: Target, messages: Sequence[Message]) -> int:
        if await self._accepted(target, self.envelope(messages)):
            for message in messages:
                message.deliveries_left -= 1
            self.pending = [each for each in self.pending if each.deliveries_left > 0]
            return len(messages)
        for message in messages:
            message.attempts += 1
            pause = min(target.first_retry * 2 ** (message.attempts - 1), RETRY_MAX)
            message.due_at = self._clock() + pause
        return 0

    async def _accepted(self, target: Target, body: bytes) -> bool:
        """200 with a valid Ack; anything else, also silence, is a failure."""
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        try:
            async with httpx.AsyncClient(
                transport=target.transport, timeout=target.timeout_s, trust_env=False
            ) as http:
                answer = await http.post(target.url, content=body, headers=headers)
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and _acknowledges(answer.content)

    def _wait_s(self, message: Message) -> float:
        return max((message.due_at - self._clock()).total_seconds(), 0.01)


def _acknowledges(content: bytes) -> bool:
    try:
        document = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return False
    return any((each.text or "").strip() == "true" for each in document.iter(_ACK))


def _fields(record: Record) -> str:
    """Id first, the others by name, empty ones left out."""
    told = [("Id", record["Id"]), *((name, record[name]) for name in _FIELDS)]
    return "".join(
        f"<sf:{name}>{escape(_text(value))}</sf:{name}>"
        for name, value in told
        if value is not None
    )


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("+0000", "Z")
