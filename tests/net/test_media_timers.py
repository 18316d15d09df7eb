"""What DTLS sends and nobody answers goes out again, also where there is no ICE whose timers would look after it."""

import asyncio
import socket
from typing import cast

import pytest
from tests.media.in_memory import sdp

from talkpath._native import Port
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.media import CALLER, MediaAddress, MediaPolicy, Origin, moments
from talkpath.media.engine import FirstHeard, TimedOut
from talkpath.media.service import Service
from talkpath.net.clock import Clock
from talkpath.net.media import MediaDriver

HERE = Address("127.0.0.1", 5060)
ORIGIN = Origin("127.0.0.1", False, (MediaAddress("127.0.0.1", "127.0.0.1"),))
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


async def test_a_first_hello_that_is_lost_goes_out_again() -> None:
    clock, loop = Clock(), asyncio.get_running_loop()
    driver = MediaDriver(clock, Ledger(), MediaPolicy(), workers=1)
    driver.start(lambda call, now: None)
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.setblocking(False)
    phone.bind(("127.0.0.1", 0))
    call = RunningCall("c", Party(CALLER, Flow(Transport.UDP, HERE, HERE), False), 0.0)
    call.media = driver.open(call)
    offer = sdp("127.0.0.1", f"audio {phone.getsockname()[1]} UDP/TLS/RTP/SAVP 0\n{FINGERPRINT}\na=setup:passive")
    try:
        call.media.answer_locally(offer, Service.ECHO, ORIGIN, clock.now())
        hellos = [await asyncio.wait_for(loop.sock_recv(phone, 2048), 30) for _ in range(3)]
        assert all(hello[0] == 22 and hello[13] == 1 for hello in hellos)
    finally:
        phone.close()
        driver.end(call, clock.now())
        driver.close()


def test_a_fault_in_one_call_does_not_cost_the_events_of_another(caplog: pytest.LogCaptureFixture) -> None:
    driver = MediaDriver(Clock(), Ledger(), MediaPolicy(), workers=1)
    broken, sound = (RunningCall(name, Party(CALLER, Flow(Transport.UDP, HERE, HERE), False), 0.0) for name in "ab")
    for call in (broken, sound):
        session = call.media = driver.open(call)
        session.answer_locally(sdp("127.0.0.1", "audio 4000 RTP/AVP 0"), Service.ECHO, ORIGIN, 1000.0)
    ports = [cast(Port, anchor.port) for call in (broken, sound) for _, anchor in call.media.ports]
    driver.relay.close(ports[0])
    sound.media.drain()
    driver._hear(broken, TimedOut(ports[0].id, 1001.0, 30.0), 1001.0)
    driver._hear(sound, FirstHeard(ports[1].id, 1001.0, HERE), 1001.0)
    assert [moment.kind for moment in sound.media.drain()] == [moments.FIRST_PACKET]
    assert "media of a could not" in caplog.text
    driver.close()


async def test_a_timer_that_fails_costs_its_own_call(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    driver = MediaDriver(clock, Ledger(), MediaPolicy(), workers=1)
    driver.start(lambda call, now: None)
    call = RunningCall("a", Party(CALLER, Flow(Transport.UDP, HERE, HERE), False), 0.0)
    session = call.media = driver.open(call)
    offer = sdp("127.0.0.1", f"audio 4000 UDP/TLS/RTP/SAVP 0\n{FINGERPRINT}\na=setup:passive")
    session.answer_locally(offer, Service.ECHO, ORIGIN, clock.now())
    for _, anchor in session.ports:
        driver.relay.close(cast(Port, anchor.port))
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr("talkpath.net.media._log.exception", lambda text, *values: told.set_result(text % values))
    said = await asyncio.wait_for(told, 30)
    assert said.startswith("a timer of the media of a could not")
    driver.close()
