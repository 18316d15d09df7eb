"""Calls of large captures are packed once they are over, and read as if they had not been."""

from collections.abc import Iterator

from talkpath._native import Hop, SipLedger
from talkpath.base.address import Address, Transport
from talkpath.capture.records import SipSeen

# More messages than a ledger leaves unpacked.
CALLS = 3000
STEPS = (("INVITE", 0), ("INVITE", 100), ("INVITE", 180), ("INVITE", 180), ("INVITE", 200), ("ACK", 0), ("BYE", 0))


def seen(call: int, step: int, time: float) -> SipSeen:
    method, status = STEPS[step]
    first = f"SIP/2.0 {status} Fine" if status else f"{method} sip:bob@b.example SIP/2.0"
    text = (
        f"{first}\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK{call}{method}\r\n"
        f"From: <sip:al@a.example>;tag=f{call}\r\n"
        f"To: <sip:bob@b.example>{';tag=t' if step else ''}\r\nCall-ID: {call}@a\r\n"
        f"CSeq: {1 + (step == 6)} {method}\r\n"
        f"User-Agent: Phone {'B' if status else 'A'}\r\n\r\n"
    )
    ends = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
    src, dst = reversed(ends) if status else ends
    frame = call * 10 + step
    raw = text.encode()
    return SipSeen(
        frame, time, src, dst, Transport.TCP, raw, [frame, frame + 1], 1, 7, False, False, False, len(raw), None
    )


def told(hop: Hop) -> Iterator[object]:
    yield hop.first.frame if hop.first else None
    yield from (hop.opening.raw, hop.agent(True), hop.agent(False), hop.signs(), hop.requests(), hop.is_one_sided)
    yield from (hop.status, hop.answered_at, hop.ended_at, hop.ended_how)
    for message, _, from_caller, again, copies in hop.messages():
        every = [message, *again, *copies]
        yield from_caller, [(one.raw, one.frames, one.time, one.src, one.connection) for one in every]


def ledger(calls: int) -> SipLedger:
    known = SipLedger(1000)
    known.take([seen(call, step, 1000.0 + call + step / 10) for call in range(calls) for step in range(len(STEPS))])
    return known


def test_a_packed_call_says_what_it_said() -> None:
    few, many = ledger(20), ledger(CALLS)
    many.pack()
    for plain, packed in zip(few.calls(9e9), many.calls(9e9)[:20], strict=True):
        for (one, parent), (other, other_parent) in zip(plain, packed, strict=True):
            assert (parent, list(told(one))) == (other_parent, list(told(other)))


def test_a_late_message_finds_its_packed_call() -> None:
    few, many = ledger(1), ledger(CALLS)
    many.pack()
    for known in (few, many):
        known.take([seen(0, 6, 9000.0)])
    ((plain, _),), ((packed, _),) = few.calls(9e9)[0], many.calls(9e9)[0]
    assert list(told(packed)) == list(told(plain))
    assert len(packed.messages()[-1][3]) == 1
