"""When all that there was has been read: a server may count records as pending that later ones have replaced."""

from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from talkpath.cluster.jetstream import JetStream


class Listener:
    """`Told`, as far as a watcher tells it."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.is_whole = False

    def delivered(self, place: Any, data: bytes, sequence: int) -> None:
        self.sequences.append(sequence)

    def read_whole(self) -> None:
        self.is_whole = True


async def heard(last: int, *deliveries: tuple[int, int]) -> Listener:
    """Who was told so many (sequence, pending), where the last record was `last` when the watcher was set up."""
    engine, listener = JetStream("office", ("nats://192.0.2.1",), 60.0), Listener()
    engine._told, engine._last = listener, last  # type: ignore[assignment]
    for number, (sequence, pending) in enumerate(deliveries, 1):
        reply = f"$JS.ACK.talkpath_office.watcher.1.{sequence}.{number}.1700000000000000000.{pending}"
        await engine._heard(Msg(_client=Client(), subject="talkpath.office.call.x", reply=reply, data=b""))
    return listener


@pytest.mark.parametrize(
    ("deliveries", "is_whole"),
    [
        (((3, 2), (5, 1)), False),
        (((3, 2), (5, 1), (9, 0)), True),
        (((3, 2), (9, 1)), True),
        (((3, 2), (12, 4)), True),
    ],
    ids=["more is to come", "nothing is pending", "the last one came", "what replaced the last one came"],
)
async def test_all_is_read_when_what_was_there_last_has_come(deliveries, is_whole) -> None:
    listener = await heard(9, *deliveries)
    assert listener.is_whole is is_whole
    assert listener.sequences == [sequence for sequence, _ in deliveries]
