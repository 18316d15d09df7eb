"""Requests that do not fit into one datagram are made smaller, step by step, and each step is told."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, Lab

from talkpath.base.address import Transport
from talkpath.edge.forwarding.slimming import slimmed
from talkpath.sip.message import Message

ROOMY = OFFER.replace(b"a=rtpmap:0", b"a=label:1\r\na=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:0")


def dieting(*items: str) -> Lab:
    lab = Lab()
    return Lab(replace(lab.edge.core.settings, diet=items))


def rung(lab: Lab, padding: int, body: bytes = ROOMY, transport: Transport = Transport.UDP) -> Message:
    caller = lab.registered("1001", "198.51.100.7")
    callee = lab.phone("1002", "198.51.100.8", transport=transport)
    callee.register()
    caller.invite(f"sip:1002@{HOME}", body=body, extra="X-Padding: " + "p" * padding)
    return callee.last()


def steps(lab: Lab) -> list[str]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    return [str(one.values.get("what", one.kind)) for one in trace.moments if one.kind.startswith("size.")]


def padding_for(lab: Lab, total: int) -> int:
    """How much padding makes the INVITE that long."""
    return total - len(rung(lab, 0).raw)


def test_a_request_that_fits_is_left_as_it_is() -> None:
    lab = dieting("a=label")
    assert b"Call-ID:" in rung(lab, 100).raw
    assert steps(lab) == []


def test_long_names_go_first_and_where_that_suffices_nothing_else() -> None:
    padding = padding_for(dieting(), 1320)
    lab = dieting("a=label")
    invite = rung(lab, padding)
    assert steps(lab) == ["compact header forms"]
    assert len(invite.raw) <= 1300
    assert (invite.call_id, invite.cseq.method, invite.content_length) == ("c1", "INVITE", len(invite.body))
    assert b"a=label:1" in invite.body


def test_then_what_the_operator_gives_up_item_by_item_until_it_fits() -> None:
    padding = padding_for(dieting(), 1390)
    lab = dieting("a=nothing", "a=label", "PCMA", "a=rtcp-xr")
    invite = rung(lab, padding)
    assert steps(lab)[:2] == ["compact header forms", "a=label"]
    assert b"a=label" not in invite.body
    assert invite.content_length == len(invite.body)


def test_what_does_not_fit_all_the_same_is_sent_and_told() -> None:
    lab = dieting("PCMA", "PCMU", "opus", "G722")
    invite = rung(lab, 2000)
    assert steps(lab)[-1] == "size.risky"
    assert b"m=audio" in invite.body
    assert len(invite.raw) > 1300


def test_a_section_keeps_its_last_codec() -> None:
    request = b"INVITE sip:x SIP/2.0\r\nContent-Type: application/sdp\r\nContent-Length: 1\r\n\r\n" + OFFER
    *_, (made, _) = slimmed(request, 10, ["PCMA", "PCMU"])
    assert b"RTP/AVP 0\r\n" in made


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
def test_what_goes_over_a_stream_is_left_as_it_is(transport: Transport) -> None:
    lab = dieting("a=label")
    assert b"Call-ID:" in rung(lab, 2000, transport=transport).raw
    assert steps(lab) == []


def test_a_call_of_shortened_messages_goes_on(lab: Lab) -> None:
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    branch = caller.invite(f"sip:1002@{HOME}", body=OFFER, extra="X-Padding: " + "p" * 1500)
    callee.answer(callee.last(), 180)
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", branch=branch, cseq=caller.cseq)
    assert callee.last().method == "CANCEL"
