"""Call-ID and tag of a running call in what is none of its own: of a server that forks, or of who knows both."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Transport


def at_host(body: bytes) -> bool:
    """Whether the media of a description is at the edge."""
    return f"c=IN IP4 {HOME}".encode() in body


def fork(lab: Lab) -> tuple[Phone, Phone, Phone]:
    """A server elsewhere forks one INVITE to two users here: both phones ring."""
    server = lab.phone("server", "203.0.113.5")
    desk, mobile = lab.registered("1002", "198.51.100.8"), lab.registered("1003", "198.51.100.9")
    for user, branch in (("1002", "z9hG4bKa"), ("1003", "z9hG4bKb")):
        server.request("INVITE", f"sip:{user}@{HOME}", call_id="c1", cseq=1, branch=branch, body=OFFER)
    return server, desk, mobile


def test_what_a_server_forks_to_two_users_is_two_calls_each_with_its_media() -> None:
    lab = Lab()
    server, desk, mobile = fork(lab)
    rings = [phone.take() for phone in (desk, mobile)]
    assert all(at_host(ring.body) for ring in rings)
    assert len(lab.edge.core.calls) == 2
    assert len(lab.engine.open_ports) == 4
    assert "call.twin" in lab.kinds("c1")
    answers = []
    for phone, ring in zip((desk, mobile), rings, strict=True):
        phone.answer(ring, 200, body=OFFER)
        answers.append(server.last())
        assert at_host(answers[-1].body)
        server.ack(answers[-1], phone.contact)
    mobile.in_dialog("BYE", rings[1])
    server.answer(server.last(), 200)
    assert len(lab.edge.core.calls) == 1
    assert len(lab.engine.open_ports) == 2
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_at is None
    server.in_dialog("BYE", answers[0])
    desk.answer(desk.last(), 200)
    assert (lab.engine.open_ports, len(lab.edge.core.calls), lab.edge.core.twins) == ([], 0, {})
    assert (str(trace.ended_by), trace.ended_how) == ("caller", "bye")


def test_the_one_that_is_left_of_two_goes_on_whichever_ended() -> None:
    lab = Lab()
    server, desk, mobile = fork(lab)
    first, second = desk.take(), mobile.take()
    desk.answer(first, 486)
    mobile.answer(second, 200, body=OFFER)
    ok = server.last()
    server.ack(ok, mobile.contact)
    server.in_dialog("INVITE", ok, body=OFFER)
    assert at_host(mobile.last().body)
    mobile.in_dialog("BYE", second)
    server.answer(server.last(), 200)
    assert (lab.engine.open_ports, len(lab.edge.core.calls), lab.edge.core.twins) == ([], 0, {})


def test_a_call_within_which_somebody_borrows_its_names_ends_as_its_parties_say() -> None:
    """Whichever of the two tags the stranger bears."""
    lab = Lab()
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    other, stranger = lab.registered("1003", "198.51.100.9"), lab.phone("x", "203.0.113.66")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    callee.answer(invite, 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    for tag in (ok.from_tag, ok.to_tag):
        stranger.request("INVITE", f"sip:1003@{HOME}", call_id="c1", tag=tag, body=OFFER)
        assert at_host(other.last().body)
        other.answer(other.take(), 200, body=OFFER, tag=f"to{tag}")
    callee.in_dialog("BYE", invite)
    caller.answer(caller.last(), 200)
    calls = list(lab.edge.core.calls.values())
    assert [call.callees and next(iter(call.callees.values())).user for call in calls] == ["1003", "1003"]


@pytest.mark.parametrize("phase", ["ringing", "talking"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "UPDATE", "INFO", "BYE", "PRACK"])
def test_a_request_without_to_tag_that_is_refused_ends_no_call(method: str, phase: str) -> None:
    lab = Lab()
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    stranger = lab.phone("x", "203.0.113.66")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    if phase == "talking":
        callee.answer(invite, 200, body=OFFER)
        caller.ack(caller.last(), callee.contact)
    for uri, hops in (("sip:nobody@192.0.2.1", "70"), ("sip:1002@192.0.2.1", "0"), ("sip:9@198.51.100.250", "70")):
        stranger.request(method, uri, call_id="c1", tag=invite.from_tag, max_forwards=hops, body=OFFER)
        assert stranger.statuses()[-1] in (404, 405, 407, 483)
    assert len(lab.edge.core.calls) == 1
    assert len(lab.engine.open_ports) == 2
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_at is None


def test_what_comes_back_to_us_on_its_way_is_anchored_once() -> None:
    lab = Lab()
    mirror, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    lab.phone("v", "203.0.113.5").invite(f"sip:1001@{HOME}", body=OFFER)
    came = mirror.take()
    turned = came.raw.replace(came.uri.encode(), f"sip:1002@{HOME}".encode(), 1)
    via = b"Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKturned\r\nVia:"
    lab.deliver(mirror.flow, turned.replace(b"Via:", via, 1))
    assert callee.last().body == came.body
    assert len(lab.engine.open_ports) == 2
    assert "call.spiral" in lab.kinds("c1")
    assert "call.twin" not in lab.kinds("c1")


def test_a_via_that_looks_like_ours_makes_no_spiral() -> None:
    lab = Lab()
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}", body=OFFER, call_id="other")
    branch = callee.take().top_via.branch
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    for known in (branch, branch[:-4]):
        extra = f"Via: SIP/2.0/UDP {HOME};branch={known}"
        stranger = lab.phone("x", "203.0.113.66", transport=Transport.TCP)
        stranger.request("INVITE", f"sip:1002@{HOME}", call_id="c1", tag=invite.from_tag, body=OFFER, extra=extra)
        assert callee.last().call_id == "c1"
        assert callee.take().body != OFFER
    assert len(lab.engine.open_ports) == 8
