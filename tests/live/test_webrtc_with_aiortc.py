"""Peers that are no browsers: aiortc calls and is called, with sound and pictures, over WS and WSS."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from harness.agent import Agent
from harness.edge import Edge
from harness.webpeer import WebPeer

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

MakePeer = Callable[..., WebPeer]


@pytest.fixture
async def peer() -> AsyncIterator[MakePeer]:
    made: list[WebPeer] = []

    def make(hertz: float, *, video: bool = False) -> WebPeer:
        made.append(WebPeer(hertz, video=video))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_it_hears_its_echo(edge: Edge, peer: MakePeer, transport: str) -> None:
    with Agent(edge.identity(transport)) as agent:
        speaker = peer(440)
        call = await asyncio.to_thread(agent.dial, "echo", await speaker.offer())
        await speaker.accept(await asyncio.to_thread(call.established))
        await speaker.hears(440)
        assert (await asyncio.to_thread(call.bye)).status == 200


@pytest.mark.parametrize("video", [False, True])
async def test_two_of_them_hear_and_see_each_other(edge: Edge, peer: MakePeer, video: bool) -> None:
    with Agent(edge.identity("ws")) as one, Agent(edge.identity("wss")).registered() as other:
        caller, callee = peer(440, video=video), peer(620, video=video)
        call = await asyncio.to_thread(one.dial, other.identity.user, await caller.offer())
        incoming = await asyncio.to_thread(other.incoming)
        incoming.accept(await callee.answer(incoming.invite.body))
        await caller.accept(await asyncio.to_thread(call.established))
        pictures = 5 if video else 0
        await asyncio.gather(caller.hears(620, pictures=pictures), callee.hears(440, pictures=pictures))
        ending = asyncio.create_task(asyncio.to_thread(incoming.dialog.bye))
        assert call.dialog is not None
        await asyncio.to_thread(call.dialog.wait_bye)
        assert (await ending).status == 200
