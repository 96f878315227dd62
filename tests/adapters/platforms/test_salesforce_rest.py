"""Walking pages: to the end, also inside rows, and never to another host."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from adapters.http import VendorHttp
from adapters.platforms.salesforce.outcomes import classify
from adapters.platforms.salesforce.rest import SalesforceRest
from canonical.errors import AnswerUnreadable
from canonical.landscape import SystemLimits

ROOT = "/services/data/v67.0/query"
HOST = "northfield.my.salesforce.com"


def rest_over(pages: Mapping[str, object]) -> SalesforceRest:
    """A REST API whose answers are given by path; any other path fails the test."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == HOST
        return httpx.Response(200, json=pages[request.url.path])

    transport = httpx.MockTransport(answer)
    limits = SystemLimits(requests_per_second=10_000)
    http = VendorHttp("crm", f"https://{HOST}", limits, classify=classify, transport=transport)
    return SalesforceRest(http, "v67.0")


def page(*records: object, after: str = "") -> dict[str, object]:
    told: dict[str, object] = {"totalSize": 9, "done": not after, "records": list(records)}
    return told | ({"nextRecordsUrl": after} if after else {})


async def test_the_children_of_a_row_are_walked_to_their_end() -> None:
    lines = page({"Id": 1}, {"Id": 2}, after=f"{ROOT}/0r8child-2")
    rest = rest_over(
        {
            ROOT: page({"Id": "a", "Lines": lines}),
            f"{ROOT}/0r8child-2": page({"Id": 3}, after=f"{ROOT}/0r8child-3"),
            f"{ROOT}/0r8child-3": page({"Id": 4}),
        }
    )
    (row,) = await rest.rows("SELECT ...", "test")
    assert row["Lines"] == {"records": [{"Id": 1}, {"Id": 2}, {"Id": 3}, {"Id": 4}]}


@pytest.mark.parametrize(
    "address", ["https://evil.example/x", "//evil.example/services/data/x", "", "/other"]
)
async def test_a_next_page_that_is_not_below_our_root_is_not_followed(address: str) -> None:
    rest = rest_over({ROOT: page({"Id": "a"}) | {"done": False, "nextRecordsUrl": address}})
    with pytest.raises(AnswerUnreadable, match="nextRecordsUrl"):
        await rest.rows("SELECT ...", "test")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"done": true}', b'{"totalSize": NaN}'])
async def test_a_page_that_does_not_fit_is_told(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    http = VendorHttp("crm", f"https://{HOST}", SystemLimits(), transport=transport)
    with pytest.raises(AnswerUnreadable):
        await SalesforceRest(http, "v67.0").rows("SELECT ...", "test")
