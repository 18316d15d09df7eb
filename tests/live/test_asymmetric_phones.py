"""Phones that send their media from elsewhere than they announce."""

import pytest

from harness.process import wait_until
from harness.sound import assert_tone

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

HERTZ = 620.0


def test_who_sends_from_another_port_is_heard(edge, phones, agents) -> None:
    """It listens where it said, and talks from another socket."""
    phone, caller = phones.baresip(hertz=440.0), agents.agent()
    ear, mouth = agents.talker(hertz=HERTZ), agents.talker(hertz=HERTZ)
    call = caller.dial(phone.identity.user, ear.offer())
    phone.accept()
    answer = call.final()
    ear.listen()
    mouth.start(answer.body)
    ear.wait_received(400)
    call.bye()
    phone.closed()
    assert_tone(HERTZ, phone.heard())
    assert mouth.received == []
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if phone.identity.user in row["to"]]
        assert wait_until(lambda: "media.elsewhere" in str(edge.calls(row["id"])), 5)
