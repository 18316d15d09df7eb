"""Our ICE agent against aioice, an independent one, over loopback: both roles, full and lite."""

import asyncio
import os
import time
from typing import Any

import aioice
import pytest

from talkpath.base.address import Address
from talkpath.ice.agent import IceAgent
from talkpath.ice.events import (
    AgentInput,
    Credentials,
    DatagramArrived,
    LocalSocket,
    PairNominated,
    RemoteDescribed,
    RestartWanted,
    SendDatagram,
)
from talkpath.ice.stun import is_stun

pytestmark = pytest.mark.live


class Driver(asyncio.DatagramProtocol):
    """A socket and a timer around our agent."""

    def __init__(self, *, lite: bool, controlling: bool) -> None:
        self._options = {"lite": lite, "controlling": controlling}
        self.nominated: asyncio.Queue[Address] = asyncio.Queue()
        self.media: asyncio.Queue[bytes] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        here = Address(*transport.get_extra_info("sockname")[:2])
        self.agent = IceAgent([LocalSocket(0, 1, here)], entropy=os.urandom, **self._options)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if is_stun(data):
            self.tell(DatagramArrived(0, Address(*addr[:2]), data))
        else:
            self.media.put_nowait(data)

    def tell(self, event: AgentInput) -> None:
        self.agent.receive(event, time.time())
        self._pump()

    def send(self, data: bytes) -> None:
        self._transport.sendto(data, self.agent.selected[1][1])

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    def _expire(self) -> None:
        self.agent.expire(time.time())
        self._pump()

    def _pump(self) -> None:
        for output in self.agent.drain():
            if isinstance(output, SendDatagram):
                self._transport.sendto(output.data, output.remote)
            elif isinstance(output, PairNominated):
                self.nominated.put_nowait(output.remote)
        if self._timer is not None:
            self._timer.cancel()
        if (at := self.agent.deadline()) is not None:
            delay_s = max(0.0, at - time.time())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._expire)


async def theirs(driver: Driver, peer: Any, *, lite: bool) -> None:
    """Tell the peer what our description says."""
    peer.remote_username, peer.remote_password = driver.agent.credentials.ufrag, driver.agent.credentials.password
    peer.remote_is_lite = lite
    for candidate in driver.agent.candidates:
        await peer.add_remote_candidate(aioice.Candidate.from_sdp(str(candidate)))
    await peer.add_remote_candidate(None)


def described(peer: Any) -> RemoteDescribed:
    lines = tuple(candidate.to_sdp() for candidate in peer.local_candidates)
    return RemoteDescribed(Credentials(peer.local_username, peer.local_password), lines)


@pytest.mark.parametrize(
    ("we_control", "lite"),
    [(True, False), (False, False), (False, True)],
    ids=["we control", "they control", "we are lite"],
)
async def test_both_nominate_and_media_flows(monkeypatch: pytest.MonkeyPatch, we_control: bool, lite: bool) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    loop = asyncio.get_running_loop()
    driver = Driver(lite=lite, controlling=we_control)
    await loop.create_datagram_endpoint(lambda: driver, local_addr=("127.0.0.1", 0))
    peer = aioice.Connection(ice_controlling=not we_control)
    try:
        await peer.gather_candidates()
        await theirs(driver, peer, lite=lite)
        driver.tell(described(peer))
        async with asyncio.timeout(20):
            await peer.connect()
            remote = await driver.nominated.get()
            assert remote in {Address(one.host, one.port) for one in peer.local_candidates}
            await peer.send(b"\x80 from them")
            assert await driver.media.get() == b"\x80 from them"
            driver.send(b"\x80 from us")
            assert await peer.recv() == b"\x80 from us"
            driver.tell(RestartWanted())
            driver.send(b"\x80 while restarting")
            assert await peer.recv() == b"\x80 while restarting"
    finally:
        driver.close()
        await peer.close()
