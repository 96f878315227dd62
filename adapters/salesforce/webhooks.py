"""Outbound messages: SOAP envelopes of 1 to 100 notifications, each a hint to read a deal again.

There is no signature. The gateway compares the path's secret; this file compares the organisation.
A retry carries current values, not the old ones, and messages come repeatedly and out of order: so
only the ids are used, a re-opened deal is a hint like any other, and the row is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from adapters.platforms.salesforce.ids import same_record, to_18
from adapters.salesforce.mapping import OPPORTUNITY, reference
from adapters.webhooks import Acknowledgement, Delivery, DeliveryRefused, Notification
from canonical.errors import AnswerUnreadable, SetupInvalid
from canonical.events import DealClosed, Event

BODY_BYTES_MAX = 1_000_000
NOTIFICATIONS_MAX = 100
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_SOBJECT = "{urn:sobject.enterprise.soap.sforce.com}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ACK = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>\
<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>\
</notificationsResponse></soapenv:Body></soapenv:Envelope>"""
_MOMENT: TypeAdapter[AwareDatetime] = TypeAdapter(AwareDatetime)


class OutboundMessages:
    """The webhook of one organisation. Raises SetupInvalid when the landscape does not name it."""

    body_bytes_max = BODY_BYTES_MAX

    def __init__(self, system: str, organisation: str) -> None:
        try:
            self._organisation = to_18(organisation)
        except ValueError as error:
            raise SetupInvalid(
                f"system {system} needs `organisation`, the organisation's id (00D...), "
                "to tell its messages from others"
            ) from error
        self._system = system

    def open(self, delivery: Delivery) -> Sequence[Notification]:
        message = _message_of(delivery.body)
        self._require_our_organisation(message)
        elements = message.findall(f"{_OUTBOUND}Notification")
        if not 1 <= len(elements) <= NOTIFICATIONS_MAX:
            raise DeliveryRefused(
                400, f"{len(elements)} notifications; an envelope has 1 to {NOTIFICATIONS_MAX}"
            )
        return [_notification(element) for element in elements]

    def acknowledge(self) -> Acknowledgement:
        return Acknowledgement(status=200, media_type="text/xml; charset=utf-8", body=_ACK)

    def translate(self, notification: Notification, received_at: datetime) -> Sequence[Event]:
        """One `deal.closed` for an opportunity. A row that was deleted meanwhile comes without
        fields and says nothing; so does an object that we do not follow."""
        fields = notification.payload
        if fields["object"] != "Opportunity" or "Id" not in fields:
            return ()
        deal = reference(self._system, OPPORTUNITY, fields["Id"], "Notification.sObject.Id")
        event = DealClosed(
            id=notification.id,
            source=self._system,
            occurred_at=self._changed_at(fields, received_at),
            deal=deal,
        )
        return (event,)

    def _changed_at(self, fields: dict[str, str], received_at: datetime) -> datetime:
        if "SystemModstamp" not in fields:
            return received_at
        try:
            return _MOMENT.validate_python(fields["SystemModstamp"])
        except ValidationError as error:
            raise AnswerUnreadable(
                self._system, "it is not a moment", where="Notification.sObject.SystemModstamp"
            ) from error

    def _require_our_organisation(self, message: Element) -> None:
        told = message.findtext(f"{_OUTBOUND}OrganizationId", "").strip()
        try:
            ours = same_record(told, self._organisation)
        except ValueError:
            ours = False
        if not ours:
            raise DeliveryRefused(403, f"the message is from organisation {told[:18]!r}")


def _message_of(body: bytes) -> Element:
    """The `notifications` element. No document type, no entities, no external references."""
    try:
        envelope: Element = fromstring(
            body, forbid_dtd=True, forbid_entities=True, forbid_external=True
        )
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise DeliveryRefused(400, f"not an XML document that we read: {error}") from error
    message = envelope.find(f"{_SOAP}Body/{_OUTBOUND}notifications")
    if envelope.tag != f"{_SOAP}Envelope" or message is None:
        raise DeliveryRefused(400, "not a SOAP envelope with outbound notifications")
    return message


def _notification(element: Element) -> Notification:
    told = element.findtext(f"{_OUTBOUND}Id", "").strip()
    try:
        identity = to_18(told)
    except ValueError as error:
        raise DeliveryRefused(400, "a notification has no id") from error
    return Notification(id=identity, payload=dict(_payload(element)))


def _payload(element: Element) -> Iterator[tuple[str, str]]:
    """The object's type and what tells which row changed when; `IsWon` is for people who look at
    the inbox. All else is read by REST."""
    record = element.find(f"{_OUTBOUND}sObject")
    kind = record.get(_TYPE, "") if record is not None else ""
    yield "object", kind.rpartition(":")[2][:120]
    for name in ("Id", "IsWon", "SystemModstamp"):
        text = record.findtext(f"{_SOBJECT}{name}") if record is not None else None
        if text:
            yield name, text.strip()[:120]
