"""A node dies between an answer and its ACK, or between a re-INVITE and its answer, and another has its addresses."""

from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.edge.test_taking_over import pair, running

from talkpath.base.address import Transport
from talkpath.sip.message import Message

THEIRS = OFFER.replace(b"100.7", b"100.8")
HOLD = OFFER.replace(b"1 1 IN", b"1 2 IN") + b"a=sendonly\r\n"
HELD = THEIRS.replace(b"1 1 IN", b"1 2 IN") + b"a=recvonly\r\n"


def answered(lab: Lab, transport: Transport = Transport.UDP) -> tuple[Phone, Phone, Message, Message]:
    """A call whose ACK has not been sent: caller, callee, the INVITE that rang and the 200 that went back."""
    a, b = pair(lab, transport)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = b.last()
    b.answer(invite, 200, "OK", body=THEIRS)
    ok = a.last()
    return a, b, invite, ok


def talking(lab: Lab, transport: Transport = Transport.UDP) -> tuple[Phone, Phone, Message, Message]:
    a, b, invite, ok = answered(lab, transport)
    a.ack(ok, b.contact)
    a.inbox.clear()
    b.inbox.clear()
    return a, b, invite, ok


def die(lab: Lab, *phones: Phone) -> None:
    """The node dies after what it did last was told."""
    lab.shared()
    for phone in phones:
        phone.inbox.clear()
    lab.die()


def test_an_answer_whose_ack_was_lost_with_the_node_is_acknowledged_again() -> None:
    lab = Lab()
    a, b, invite, ok = answered(lab)
    die(lab, a, b)
    b.answer(invite, 200, "OK", body=THEIRS)
    (again,) = a.inbox
    assert again.raw == ok.raw
    a.ack(again, b.contact)
    assert b.methods() == ["ACK"]
    a.in_dialog("BYE", ok)
    assert b.methods() == ["ACK", "BYE"]


def test_an_answer_to_who_lost_its_connection_is_acknowledged_in_its_name() -> None:
    lab = Lab()
    lab.share()
    a, b = lab.phone("1001", "198.51.100.1", transport=Transport.WSS), lab.phone("1002", "198.51.100.2")
    for phone in (a, b):
        phone.register()
    a.invite(f"sip:1002@{HOME}")
    invite = b.last()
    b.answer(invite, 200, "OK")
    die(lab, a, b)
    b.answer(invite, 200, "OK")
    assert b.methods() == ["ACK"]
    assert b.last().cseq == (invite.cseq.number, "ACK")
    assert running(lab).is_lasting


def test_a_hold_that_was_under_way_is_answered_at_the_other_node() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    a.in_dialog("INVITE", ok, body=HOLD)
    hold = b.last()
    die(lab, a, b)
    b.answer(hold, 200, "OK", body=HELD)
    assert a.last().status == 200
    assert b"a=recvonly" in a.last().body
    assert f"c=IN IP4 {HOME}".encode() in a.last().body
    a.ack(a.last(), b.contact)
    assert b.methods() == ["ACK"]
    b.answer(hold, 200, "OK", body=HELD)
    assert a.statuses() == [200, 200]


def test_a_hold_of_the_callee_that_was_under_way_is_answered_at_the_other_node() -> None:
    lab = Lab()
    a, b, invite, _ = talking(lab)
    b.in_dialog("INVITE", invite, body=HELD.replace(b"recvonly", b"sendonly"))
    hold = a.last()
    die(lab, a, b)
    a.answer(hold, 200, "OK", body=HOLD.replace(b"sendonly", b"recvonly"))
    assert b.last().status == 200
    assert b"a=recvonly" in b.last().body


def test_an_answer_to_an_offer_that_nobody_knows_leaves_what_was_agreed() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    lab.shared()
    a.in_dialog("INVITE", ok, body=HOLD)
    hold = b.last()
    a.inbox.clear()
    b.inbox.clear()
    lab.die()
    b.answer(hold, 200, "OK", body=HELD)
    assert b.methods() == ["ACK"]
    assert b.last().cseq.number == hold.cseq.number
    assert a.statuses() == [500]
    assert a.last().cseq.number == hold.cseq.number
    assert "node.offer-lost" in lab.kinds("c1")
    assert running(lab).is_lasting


def test_a_refusal_of_a_hold_is_acknowledged_and_goes_back() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    a.in_dialog("INVITE", ok, body=HOLD)
    hold = b.last()
    die(lab, a, b)
    b.answer(hold, 488, "Not Acceptable Here")
    assert b.methods() == ["ACK"]
    assert b.last().top_via.branch == hold.top_via.branch
    assert a.statuses() == [488]
    a.in_dialog("INVITE", ok, body=HOLD)
    assert b.methods() == ["ACK", "INVITE"]


def test_an_answer_of_a_stranger_goes_nowhere() -> None:
    lab = Lab()
    a, b, invite, _ = talking(lab)
    die(lab, a, b)
    b.answer(invite, 200, "OK", body=THEIRS, tag="another")
    assert a.inbox == b.inbox == []
    assert lab.edge.core.counters["stray_responses"] == 1


def test_who_rang_beside_who_answered_is_told_so() -> None:
    lab = Lab()
    a, b = pair(lab)
    c, d = lab.registered("1002", "198.51.100.8"), lab.registered("1002", "198.51.100.9")
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    rung = [(one, one.last()) for one in (c, d)]
    for one, tag in ((c, "c"), (d, "d")):
        one.answer(one.last(), 180, "Ringing", tag=tag)
    b.answer(b.last(), 200, "OK", body=THEIRS)
    die(lab, a, b, c, d)
    c.answer(rung[0][1], 487, "Request Terminated", tag="c")
    d.answer(rung[1][1], 200, "OK", body=THEIRS, tag="d")
    assert c.methods() == ["ACK"]
    assert d.methods() == ["ACK", "BYE"]
    assert a.inbox == b.inbox == []
    assert running(lab).is_lasting
