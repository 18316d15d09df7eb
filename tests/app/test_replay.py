"""Calls of the past are put to the routing of now, and what differs is told."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab

from talkpath.app.routing.rehearsing import Wish
from talkpath.app.routing.replay import replayed, who_of
from talkpath.base.address import Address, Flow
from talkpath.base.texts import Language
from talkpath.calls.build import call_of
from talkpath.calls.model import Call, Moment
from talkpath.sip.message import Message


class Client:
    """Rehearses in a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def route(self, wish: Wish) -> list[Moment]:
        lab = self._lab
        flow = Flow(wish.transport, Address(HOME, 5060), Address(wish.source, wish.port))
        user = wish.caller if lab.accounts.exists(wish.caller) else ""
        told: list[list[Moment]] = []
        lab.edge.rehearsals.begin(Message.parse(wish.invite), flow, user, told.append, lab.now)
        return told[0]


def _called(lab: Lab) -> Call:
    """1001 calls 1002, who is busy."""
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 486)
    trace = lab.ledger.trace("c1")
    assert trace is not None
    return call_of(trace)


def test_nothing_differs_where_nothing_changed() -> None:
    lab = Lab()
    (one,) = replayed(Client(lab), [_called(lab)], None, Language.EN)
    assert not one.differs
    assert [step.kind for step in one.now] == ["rehearsal.user", "route.user", "fork.branch-added"]


def test_a_user_who_is_away_now_makes_a_difference() -> None:
    lab = Lab()
    call = _called(lab)
    lab.wait(7_200)
    (one,) = replayed(Client(lab), [call], None, Language.EN)
    assert one.differs
    assert [step.kind for step in one.before] == ["route.user"]
    assert "registration.none" in [step.kind for step in one.now]


def test_a_number_as_long_as_a_message_leaves_the_line_readable() -> None:
    lab = Lab()
    lab.registered("1001", "198.51.100.7").invite(f"sip:{'1' * 2_000}@{HOME}", body=OFFER)
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert who_of(call_of(trace)) == f"1001 -> {'1' * 59}…{'1' * 20}"


@pytest.mark.parametrize(
    ("line", "broken", "kind"),
    [
        (b"From: ", b"From: ,,\r\nX: ", "guard.refused"),
        (b"From: ", b"From: <http://example.com>;tag=a\r\nX: ", "rehearsal.stranger"),
        (b"Via: ", b"Via: nonsense\r\nX: ", "guard.refused"),
        (b"Max-Forwards: ", b"Authorization: Digest ,,,\r\nMax-Forwards: ", "rehearsal.user"),
    ],
)
def test_a_call_that_nobody_can_read_is_told_as_it_would_be_refused_and_the_next_is_looked_at(
    line: bytes, broken: bytes, kind: str
) -> None:
    lab = Lab()
    good = _called(lab)
    seen = good.legs[0].messages[0]
    odd = Message.parse(seen.sip.raw.replace(line, broken, 1).replace(b"c1", b"c2"))
    lab.ledger.written(lab.now, lab.registered("1003", "198.51.100.9").flow, odd.call_id, odd.raw, False)
    trace = lab.ledger.trace("c2")
    assert trace is not None
    first, second = replayed(Client(lab), [call_of(trace), good], None, Language.EN)
    assert kind in [step.kind for step in first.now]
    assert not second.differs
