"""A process that stood still finds timers due and messages waiting at the same time."""

import asyncio
import socket

import pytest

from talkpath.base.address import Parcel, Transport
from talkpath.calls.ledger import Ledger
from talkpath.net.clock import Clock
from talkpath.net.listening import Endpoint
from talkpath.net.signalling import Limits, Signalling


class Diary:
    """An edge that notes what is asked of it."""

    def __init__(self, deadline: float) -> None:
        self.seen: list[str] = []
        self._deadline = deadline

    def message(self, *_: object) -> None:
        self.seen.append("message")

    def expire(self, _: float) -> None:
        self.seen.append("expire")

    def drain(self) -> list[object]:
        return []

    def drain_parcels(self) -> list[Parcel]:
        return []

    def deadline(self) -> float:
        return self._deadline


@pytest.mark.parametrize(("late_s", "seen"), [(0.6, ["message", "expire"]), (0.001, ["expire"])])
async def test_late_timers_let_waiting_messages_go_first(late_s: float, seen: list[str]) -> None:
    clock, diary = Clock(), Diary(1001.0)
    clock.epoch += 1000.0 - clock.now()
    signalling = Signalling(clock, Ledger(), Limits(1, 1), lambda: None, ())
    await signalling.open(Endpoint(Transport.UDP, "127.0.0.1", 0))
    local = signalling.local_for(Transport.UDP, "127.0.0.1")
    assert local is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(b"SIP/2.0 200 OK\r\n", local)
    signalling._edge = diary
    signalling._loop = asyncio.get_running_loop()
    signalling.pump()
    clock.epoch += 1001.0 + late_s - clock.now()
    signalling._due()
    assert diary.seen == seen
    signalling.close()
