"""What is refused before it is a call has a story that says so and is over: nobody talks in it."""

import pytest

from talkpath.base.texts import Language
from talkpath.calls.build import call_of, summary_of
from talkpath.calls.model import Result, Side
from talkpath.calls.words import said

from .lab import OFFER, Lab, call

BROKEN = {
    "a CSeq of another method": ("CSeq: 1 INVITE", "CSeq: 1 INFO"),
    "a body that is cut": (f"Content-Length: {len(OFFER)}", f"Content-Length: {len(OFFER) + 1}"),
    "a Via that can not be read": ("Via: SIP/2.0/UDP", "Via: SIP/2.0/UDP 198.51.100.7:port, SIP/2.0/UDP"),
    "no From": ("From:", "Subject:"),
}


def invite(to: str = "<sip:1002@192.0.2.1>") -> str:
    head = (
        "INVITE sip:1002@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKx;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:ann@elsewhere.example>;tag=f\r\n"
        f"To: {to}\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@198.51.100.7>\r\n"
    )
    return f"{head}Content-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n{OFFER.decode()}"


@pytest.mark.parametrize("what", BROKEN)
def test_an_invite_that_is_broken_is_refused_by_us_with_the_reason(what: str) -> None:
    lab = Lab()
    sender = lab.phone("x", "198.51.100.7")
    lab.deliver(sender.flow, invite().replace(*BROKEN[what]).encode())
    assert sender.statuses() == [400]
    trace = lab.ledger.trace("c1")
    assert trace is not None
    summary, told = summary_of(trace), call_of(trace)
    assert {summary.result, told.result} == {Result.FAILED}
    assert (summary.ended_by, summary.ended_how) == (Side.SERVER, "refused")
    (moment,) = (one for one in told.moments if one.kind == "guard.refused")
    assert said(moment, Language.EN).startswith("Refused with 400: ")


def test_a_change_of_a_call_that_nobody_knows_is_no_call_that_talks() -> None:
    lab = Lab()
    sender = lab.phone("x", "198.51.100.7")
    lab.deliver(sender.flow, invite("<sip:1002@192.0.2.1>;tag=t").encode())
    assert sender.last().status == 481
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (summary_of(trace).result, call_of(trace).result) == (Result.FAILED, Result.FAILED)


def test_a_broken_message_by_the_name_of_a_call_ends_no_call() -> None:
    lab = Lab()
    call(lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8"), body=OFFER)
    lab.deliver(lab.phone("x", "198.51.100.66").flow, invite().replace("CSeq: 1 INVITE", "CSeq: 1 INFO").encode())
    lab.deliver(lab.phone("x", "198.51.100.66").flow, invite("<sip:1002@192.0.2.1>;tag=t").encode())
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_at is None
    assert len(lab.edge.core.calls) == 1
