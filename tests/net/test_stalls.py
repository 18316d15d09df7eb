"""A process that stood still finds timers due and messages waiting at the same time."""

import asyncio
from typing import cast

import pytest

from talkpath._native import Datagrams
from talkpath.base.address import Address, Flow, Parcel, Transport
from talkpath.calls.ledger import Ledger
from talkpath.net.clock import Clock
from talkpath.net.signalling import Limits, Signalling

_PHONE = Flow(Transport.UDP, Address("127.0.0.1", 5060), Address("127.0.0.2", 5060))


class Waiting:
    """A socket in which one datagram waits."""

    may_have_reports = False

    def __init__(self) -> None:
        self.taken = 0
        self._batches = [[(b"SIP/2.0 200 OK\r\n", _PHONE)], []]

    def receive(self, now: float) -> list[tuple[bytes, Flow]]:
        batch = self._batches.pop(0)
        self.taken = len(batch)
        return batch


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
    signalling = Signalling(clock, Ledger(), Limits(1, 1), None, ())
    signalling._datagrams.append((cast(None, None), cast(Datagrams, Waiting()), Address("127.0.0.1", 5060)))  # type: ignore[arg-type]
    signalling._edge = diary
    signalling._loop = asyncio.get_running_loop()
    signalling.pump()
    clock.epoch += 1001.0 + late_s - clock.now()
    signalling._due()
    assert diary.seen == seen
    signalling._timer.cancel()  # type: ignore[union-attr]
