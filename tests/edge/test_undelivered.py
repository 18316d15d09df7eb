"""What the network says of requests that did not arrive, and what strangers make up of that kind."""

import pytest
from tests.edge.carrier import gateway, house, named
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address
from talkpath.base.unsent import Unsent
from talkpath.calls.words import MOMENTS
from talkpath.edge.edge import Undelivered
from talkpath.edge.gateways.settings import ProbeSettings
from talkpath.sip.message import Message

FIRST = Address("203.0.113.1", 5060)
NO_PROBES = ProbeSettings(interval_s=0)


def _lab() -> Lab:
    lab = house(
        gateway("first", FIRST.host, priority=1, probe=NO_PROBES),
        gateway("second", "203.0.113.2", priority=2, probe=NO_PROBES),
        outbound=frozenset({"1001"}),
    )
    lab.wait(0.1)
    return lab


@pytest.fixture
def lab() -> Lab:
    return _lab()


def _invite(lab: Lab) -> bytes:
    """The INVITE that left for the first gateway, whose host is not there."""
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(f"sip:+493012345@{HOME}", body=OFFER)
    return next(send.data for send in lab.lost if send.data.startswith(b"INVITE"))


def _reported(lab: Lab, sent: bytes, remote: Address = FIRST, why: Unsent = Unsent.PORT) -> None:
    lab.edge.receive(Undelivered(remote, sent, why, "203.0.113.9"), lab.now)
    lab.pump()


@pytest.mark.parametrize("quoted", [548, 5000])
def test_who_is_said_not_to_listen_is_gone_around_at_once(lab: Lab, quoted: int) -> None:
    second = lab.phone("second", "203.0.113.2")
    invite = _invite(lab)
    began = lab.now
    _reported(lab, invite[:quoted])
    assert second.take().method == "INVITE"
    assert lab.now == began
    assert "transport.refused" in lab.kinds("c1")
    assert "transport.refused" in MOMENTS
    assert (named(lab, "first").failures, named(lab, "first").last_failure) == (1, "port-unreachable")


def test_what_is_made_up_changes_nothing(lab: Lab) -> None:
    second = lab.phone("second", "203.0.113.2")
    invite = _invite(lab)
    branch = Message.parse(invite).top_via.branch.encode()
    end = invite.index(branch) + len(branch)
    others = [
        b"",
        invite[:8],
        invite[:end],  # who read no further than this may have guessed the rest
        invite[: invite.index(b";branch=")],
        invite.replace(branch, b"z9hG4bKguessed"),
        invite.replace(b"Call-ID", b"Call-Id"),
        b"BYE" + invite[6:],
        invite + b"more",
        b"\xff" * 400,
        b"INVITE sip:x;branch=" + branch + b"; SIP/2.0\r\n\r\n",
    ]
    for sent in others:
        _reported(lab, sent)
    _reported(lab, invite, Address("203.0.113.1", 5062))
    _reported(lab, invite, Address("203.0.113.2", 5060))
    assert second.inbox == []
    assert "transport.refused" not in lab.kinds("c1")
    assert lab.edge.core.counters["undelivered_unknown"] == len(others) + 2


def test_who_answered_has_got_the_invite_whatever_is_said_of_its_repetitions(lab: Lab) -> None:
    first, second = lab.phone("first", FIRST.host), lab.phone("second", "203.0.113.2")
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(f"sip:+493012345@{HOME}", body=OFFER)
    invite = first.take()
    first.answer(invite, 100)
    _reported(lab, invite.raw)
    assert second.inbox == []
    assert named(lab, "first").failures == 0


def test_a_bye_that_can_not_be_brought_ends_the_dialog_at_once(lab: Lab) -> None:
    caller, callee = _call(lab)
    callee.is_on = False
    lab.lost.clear()
    caller.in_dialog("BYE", caller.last())
    sent = next(send.data for send in lab.lost if send.data.startswith(b"BYE"))
    _reported(lab, sent, callee.flow.remote, Unsent.HOST)
    assert caller.statuses()[-1] == 408


def _call(lab: Lab) -> tuple[Phone, Phone]:
    caller, callee = lab.registered("1001", "198.51.100.1"), lab.registered("1002", "198.51.100.2")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    return caller, callee


def test_a_probe_that_is_refused_does_not_wait_for_its_time() -> None:
    lab = house(gateway("first", FIRST.host, probe=ProbeSettings(interval_s=10, timeout_s=4, failures=1)))
    lab.wait(0)
    sent = next(send.data for send in lab.lost if send.data.startswith(b"OPTIONS"))
    _reported(lab, sent)
    assert (named(lab, "first").state, named(lab, "first").why) == ("down", "port-unreachable")
