"""Outbound messages: authentic, complete, harmless, and each notification its own event."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring

from adapters.salesforce.webhooks import OutboundMessages
from adapters.webhooks import Delivery, DeliveryRefused
from canonical.errors import AnswerUnreadable, SetupInvalid
from canonical.events import DealClosed
from tests.adapters.salesforce.organisation import ORGANISATION

RECEIVED = datetime(2026, 3, 31, 16, 6, tzinfo=UTC)
WON = (
    "<sf:Id>006Ab00000LmNop</sf:Id><sf:IsWon>true</sf:IsWon>"
    "<sf:Name>Harrow &amp; Pike</sf:Name>"
    "<sf:SystemModstamp>2026-03-31T16:05:09.000Z</sf:SystemModstamp>"
)


def notification(number: int = 1, fields: str = WON, kind: str = "Opportunity") -> str:
    return (
        f"<Notification><Id>04lAb{number:010d}</Id>"
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"{fields}</sObject></Notification>"
    )


def envelope(*notifications: str, organisation: str = ORGANISATION, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>04kAb0000004C9SIAU</ActionId>"
        '<SessionId xsi:nil="true"/>'
        f"{''.join(notifications)}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def delivery(body: bytes) -> Delivery:
    return Delivery(path_secret="s", headers={}, body=body, received_at=RECEIVED)


@pytest.fixture
def webhook() -> OutboundMessages:
    return OutboundMessages("crm", ORGANISATION[:15])


def events(webhook: OutboundMessages, body: bytes) -> list[DealClosed]:
    found = [
        event
        for each in webhook.open(delivery(body))
        for event in webhook.translate(each, RECEIVED)
    ]
    assert all(isinstance(event, DealClosed) for event in found)
    return [event for event in found if isinstance(event, DealClosed)]


def test_a_won_deal_is_a_hint_with_the_notifications_own_id(webhook: OutboundMessages) -> None:
    (event,) = events(webhook, envelope(notification()))
    assert event.id == "04lAb0000000001IAA"
    assert (event.source, event.deal.id) == ("crm", "006Ab00000LmNopIAF")
    assert event.occurred_at == datetime(2026, 3, 31, 16, 5, 9, tzinfo=UTC)


def test_a_deal_that_was_opened_again_is_a_hint_too(webhook: OutboundMessages) -> None:
    fields = WON.replace("true", "false")
    assert len(events(webhook, envelope(notification(fields=fields)))) == 1


def test_a_hundred_notifications_are_a_hundred_events(webhook: OutboundMessages) -> None:
    found = events(webhook, envelope(*(notification(number) for number in range(100))))
    assert len({event.id for event in found}) == 100


@pytest.mark.parametrize("count", [0, 101])
def test_none_and_more_than_a_hundred_are_refused(webhook: OutboundMessages, count: int) -> None:
    body = envelope(*(notification(number) for number in range(count)))
    with pytest.raises(DeliveryRefused) as refused:
        webhook.open(delivery(body))
    assert refused.value.status == 400


@pytest.mark.parametrize("organisation", ["00DAb00000012Xz", "00Dab00000012Xy", "", "x"])
def test_another_organisation_is_refused(webhook: OutboundMessages, organisation: str) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        webhook.open(delivery(envelope(notification(), organisation=organisation)))
    assert refused.value.status == 403


def test_a_row_without_fields_says_nothing_and_is_kept(webhook: OutboundMessages) -> None:
    body = envelope(notification(fields=""))
    (kept,) = webhook.open(delivery(body))
    assert kept.id == "04lAb0000000001IAA"
    assert webhook.translate(kept, RECEIVED) == ()


def test_an_object_that_we_do_not_follow_says_nothing(webhook: OutboundMessages) -> None:
    assert events(webhook, envelope(notification(kind="Contact"))) == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ("<sf:Id>not-an-id</sf:Id>", "sObject.Id"),
        (WON.replace("2026-03-31T16", "yesterday"), "SystemModstamp"),
    ],
)
def test_a_notification_that_cannot_be_read_is_told_with_its_place(
    webhook: OutboundMessages, fields: str, where: str
) -> None:
    (kept,) = webhook.open(delivery(envelope(notification(fields=fields))))
    with pytest.raises(AnswerUnreadable, match=where):
        webhook.translate(kept, RECEIVED)


def test_a_notification_without_id_is_refused_since_it_cannot_be_kept_once(
    webhook: OutboundMessages,
) -> None:
    body = envelope(notification().replace("04lAb0000000001", ""))
    with pytest.raises(DeliveryRefused):
        webhook.open(delivery(body))


@pytest.mark.parametrize("length", [0, 1, 50, 400, 700])
def test_a_truncated_document_is_refused(webhook: OutboundMessages, length: int) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        webhook.open(delivery(envelope(notification())[:length]))
    assert refused.value.status == 400


LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    "head",
    [
        LAUGHS,
        '<!DOCTYPE x [<!ENTITY e "00DAb00000012Xy">]>',
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{Path(__file__).as_uri()}">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
    ids=["billion laughs", "internal entity", "file entity", "external document type"],
)
def test_a_document_type_is_refused_before_anything_is_expanded(
    webhook: OutboundMessages, head: str
) -> None:
    body = envelope(notification(fields="<sf:Name>&e;</sf:Name>"), head=head)
    with pytest.raises(DeliveryRefused) as refused:
        webhook.open(delivery(body))
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b"<a/>", b"{}", b"\xff\xfe\x00", b"<a>" * 100_000])
def test_what_is_no_envelope_is_refused(webhook: OutboundMessages, body: bytes) -> None:
    with pytest.raises(DeliveryRefused):
        webhook.open(delivery(body))


def test_the_acknowledgement_is_the_one_that_the_vendor_expects(
    webhook: OutboundMessages,
) -> None:
    answer = webhook.acknowledge()
    ack = fromstring(answer.body).find(".//{http://soap.sforce.com/2005/09/outbound}Ack")
    assert (answer.status, answer.media_type.partition(";")[0]) == (200, "text/xml")
    assert ack is not None
    assert ack.text == "true"


def test_a_landscape_without_organisation_cannot_receive() -> None:
    with pytest.raises(SetupInvalid, match="organisation"):
        OutboundMessages("crm", "")
