"""What a caller meets, whatever the service does: it answers, is late, fails, talks nonsense, or is not there."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from talkpath.testing import Call, Network

CALLER = "+4915112345678"
Answers = Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


class Service:
    """Stands where httpx would open a connection: every request goes to `answers`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: Answers = self.knows({})

    @staticmethod
    def knows(customer: object) -> Answers:
        async def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=customer, request=request)

        return answer

    async def handle(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params["number"])
        return await self.answers(request)


def notes_of(call: Call) -> list[object]:
    """What the script remarked."""
    return [moment.values["text"] for moment in call.story.moments if moment.kind == "script.note"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    stands = Service()

    async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return await stands.handle(transport, request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    return stands


async def test_a_customer_reaches_her_own_agent_under_her_name(service: Service, network: Network) -> None:
    service.answers = service.knows({"name": "Ada of Acme", "agent": "vera"})
    vera = await network.phone("vera")
    call = await network.gateway("carrier").call("+4930555", caller=CALLER)
    assert call.answered_by(vera)
    assert "Ada of Acme" in vera.calls[0].invite.first("From")
    assert service.asked == [CALLER]


async def test_who_is_unknown_reaches_the_reception(service: Service, network: Network) -> None:
    reception = await network.phone("reception")
    call = await network.gateway("carrier").call("+4930555", caller=CALLER)
    assert call.answered_by(reception)


async def test_who_is_barred_hears_so(service: Service, network: Network) -> None:
    service.answers = service.knows({"barred": True})
    call = await network.gateway("carrier").call("+4930555", caller=CALLER)
    assert (call.status, call.reason) == (403, "Call our office")


async def test_a_service_that_is_late_costs_a_moment_and_no_call(service: Service, network: Network) -> None:
    async def late(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200, json={"barred": True}, request=request)

    service.answers = late
    reception = await network.phone("reception", rings_s=0)
    call = await network.gateway("carrier").call("+4930555", caller=CALLER)
    assert call.answered_by(reception)
    assert 0.8 <= call.seconds < 1.2
    assert notes_of(call) == ["customer not looked up: TimeoutError"]


async def test_other_calls_go_on_while_one_is_looked_up(service: Service, network: Network) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.5)
        return httpx.Response(200, json={}, request=request)

    service.answers = slow
    await network.phone("reception", rings_s=0)
    vera = await network.phone("vera", rings_s=0)
    carrier = network.gateway("carrier")
    waiting = carrier.dial("+4930555", caller=CALLER)
    call = await vera.call("reception")
    assert call.seconds < 0.3
    await waiting.settled()
    assert waiting.status == 200


@pytest.mark.parametrize("odd", ["500", "nonsense", "refused", "list"])
async def test_a_service_that_fails_leaves_the_caller_unknown(service: Service, network: Network, odd: str) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        if odd == "refused":
            raise httpx.ConnectError("connection refused", request=request)
        text = {"500": "oh", "nonsense": "<html>", "list": "[]"}[odd]
        return httpx.Response(500 if odd == "500" else 200, text=text, request=request)

    service.answers = answer
    reception = await network.phone("reception")
    call = await network.gateway("carrier").call("+4930555", caller=CALLER)
    assert call.answered_by(reception)
    assert bool(notes_of(call)) is (odd != "list")
