"""The fault proxy does what each fault says, and passes everything else through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from adapters.tryton.simulator import Fault, FaultKind, FaultProxy

RECORDS = b'{"id":1,"result":[{"id":7,"name":"Initech","state":"draft"}]}'


class Upstream:
    """A server that answers every request with the same records, and counts."""

    def __init__(self) -> None:
        self.requests = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.requests += 1
        size = str(len(RECORDS)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n" + RECORDS)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[tuple[Upstream, str]]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield upstream, f"http://127.0.0.1:{port}"
    server.close()


@pytest_asyncio.fixture
async def lying(upstream: tuple[Upstream, str]) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(upstream[1]) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def http(lying: FaultProxy) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=lying.url, trust_env=False, timeout=5) as http:
        yield http


async def call(
    http: httpx.AsyncClient, method: str = "model.x.read", session: str = "Session one"
) -> httpx.Response:
    body = {"id": 1, "method": method, "params": [{}]}
    return await http.post("/erp/rpc/", json=body, headers={"Authorization": session})


async def test_a_call_without_fault_is_passed_through_and_counted(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    assert (await call(http)).content == RECORDS
    assert (lying.calls, lying.passed_on) == ({"model.x.read": 1}, {"model.x.read": 1})


async def test_a_lost_answer_was_carried_out(
    http: httpx.AsyncClient, lying: FaultProxy, upstream: tuple[Upstream, str]
) -> None:
    lying.inject(Fault(kind=FaultKind.LOSE_ANSWER))
    with pytest.raises(httpx.RemoteProtocolError):
        await call(http)
    assert upstream[0].requests == 1


async def test_a_hanging_answer_was_carried_out_and_times_out(
    http: httpx.AsyncClient, lying: FaultProxy, upstream: tuple[Upstream, str]
) -> None:
    lying.inject(Fault(kind=FaultKind.HANG))
    http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await call(http)
    assert upstream[0].requests == 1


async def test_a_late_commit_is_carried_out_when_it_lands(
    http: httpx.AsyncClient, lying: FaultProxy, upstream: tuple[Upstream, str]
) -> None:
    lying.inject(Fault(kind=FaultKind.COMMIT_LATE, delay_s=600))
    with pytest.raises(httpx.RemoteProtocolError):
        await call(http)
    assert upstream[0].requests == 0
    await lying.land()
    assert upstream[0].requests == 1


async def test_hanging_up_carries_nothing_out(
    http: httpx.AsyncClient, lying: FaultProxy, upstream: tuple[Upstream, str]
) -> None:
    lying.inject(Fault(kind=FaultKind.HANG_UP))
    with pytest.raises(httpx.RemoteProtocolError):
        await call(http)
    assert upstream[0].requests == 0


@pytest.mark.parametrize(
    ("kind", "carried_out"),
    [(FaultKind.ANSWER_BEFORE, 0), (FaultKind.ANSWER_AFTER, 1)],
    ids=["before", "after"],
)
async def test_a_status_is_answered_before_or_after_the_work(
    http: httpx.AsyncClient,
    lying: FaultProxy,
    upstream: tuple[Upstream, str],
    kind: FaultKind,
    carried_out: int,
) -> None:
    lying.inject(Fault(kind=kind, status=429, retry_after_s=3))
    answer = await call(http)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert upstream[0].requests == carried_out


async def test_a_delayed_call_gets_the_servers_answer(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    lying.inject(Fault(kind=FaultKind.DELAY, delay_s=0.05))
    assert (await call(http)).content == RECORDS


async def test_an_expired_session_stays_expired_and_another_one_works(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    lying.inject(Fault(kind=FaultKind.EXPIRE_SESSION))
    statuses = [(await call(http)).status_code for _ in range(2)]
    assert statuses == [401, 401]
    assert (await call(http, session="Session two")).status_code == 200


async def test_an_altered_answer_lacks_the_field_or_has_another_value(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    lying.inject(Fault(kind=FaultKind.ALTER, field="name"))
    lying.inject(Fault(kind=FaultKind.ALTER, field="state", value="in limbo"))
    assert (await call(http)).json()["result"] == [{"id": 7, "state": "draft"}]
    assert (await call(http)).json()["result"][0]["state"] == "in limbo"


async def test_a_fault_waits_for_its_method_and_its_count(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    lying.inject(Fault(kind=FaultKind.ANSWER_BEFORE, method="model.y.*|model.z.read", times=2))
    methods = ["model.x.read", "model.y.write", "model.z.read", "model.y.write"]
    statuses = [(await call(http, method)).status_code for method in methods]
    assert statuses == [200, 503, 503, 200]


async def test_refused_connections_are_accepted_again_on_the_same_port(
    http: httpx.AsyncClient, lying: FaultProxy
) -> None:
    await lying.refuse_connections()
    with pytest.raises(httpx.ConnectError):
        await call(http)
    await lying.listen()
    assert (await call(http)).status_code == 200


async def test_a_server_that_is_down_hangs_up_on_the_caller(unused_tcp_port: int) -> None:
    async with (
        FaultProxy(f"http://127.0.0.1:{unused_tcp_port}") as proxy,
        httpx.AsyncClient(base_url=proxy.url, trust_env=False) as http,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await call(http)


async def test_faults_are_managed_over_http(http: httpx.AsyncClient) -> None:
    fault = {"kind": "answer_before", "method": "model.x.*", "status": 500, "times": 3}
    assert (await http.post("/_faults", json=fault)).status_code == 200
    assert (await call(http)).status_code == 500
    state = (await http.get("/_faults")).json()
    assert (state["faults"][0]["times"], state["calls"]) == (2, {"model.x.read": 1})
    await http.delete("/_faults")
    assert (await call(http)).status_code == 200


async def test_a_fault_that_is_none_is_refused_with_the_reason(http: httpx.AsyncClient) -> None:
    answer = await http.post("/_faults", json={"kind": "explode"})
    assert answer.status_code == 422
    assert "lose_answer" in answer.text


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: many\r\n\r\n", b""],
    ids=["no request line", "no length", "nothing"],
)
async def test_what_is_no_request_is_hung_up_on(lying: FaultProxy, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(lying.url.rpartition(":")[2]))
    writer.write(request_bytes)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
