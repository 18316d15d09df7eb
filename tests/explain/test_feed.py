"""A feed has no end: calls are told when they are over, with their streams, and then let go of."""

import struct
from collections.abc import Iterator

from talkpath.calls.captured import CaptureLedger
from talkpath.calls.model import Result
from talkpath.capture.reader import Feed
from talkpath.explain.judging.explanation import TOLD_CALLS, Explained, Explainer

from ..calls.talk import Caught, Talk, sdp
from ..calls.test_captured import MEDIA_A, MEDIA_B, A, B, place
from .generator.sip import plain_call
from .generator.wire import Wire

ETHERNET = 1


def packets(wire: Wire) -> Iterator[tuple[float, bytes]]:
    """(time, frame) of a composed capture."""
    data, at = wire.pcap(), 24
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack_from("<IIII", data, at)
        yield seconds + fraction / 1e6, data[at + 16 : at + 16 + length]
        at += 16 + length


def told(wire: Wire, wait_s: float = 30.0) -> tuple[Explainer, list[Explained]]:
    """What is told of a feed of these packets while it runs and `wait_s` after."""
    feed, explainer, calls = Feed(), Explainer(), []
    now = 0.0
    for now, frame in packets(wire):
        explainer.receive(feed.packet(ETHERNET, now, frame))
    for second in range(int(wait_s)):
        calls += explainer.ended(now + second, feed.settle)
    return explainer, calls


def test_a_call_is_told_shortly_after_its_end_with_its_streams() -> None:
    wire = Wire()
    plain_call(wire).talk(8, b={"mute": True}).bye()
    _, (one,) = told(wire)
    assert [stream.rtp.packets for stream in one.call.streams] == [400]
    assert [finding.code for finding in one.findings] == ["one-way-rtp"]


def test_the_closing_report_knows_the_calls_that_were_told() -> None:
    wire = Wire()
    plain_call(wire).talk(8, b={"mute": True}).bye()
    explainer, calls = told(wire)
    explanation = explainer.finish()
    assert [one.call.id for one in explanation.calls] == [one.call.id for one in calls]
    assert explanation.has_errors


def test_an_endless_feed_does_not_grow() -> None:
    ledger, most = CaptureLedger(), 0
    for number in range(10_000):
        caught, start = Caught(), 100.0 + number * 0.5
        place(caught, Talk(f"{number}@x", (f"z{number}",)), start)
        ledger.take(list(caught.records))
        if number % 20 == 0:
            ledger.release(ledger.over(start + 10), start + 10)
        most = max(most, len(ledger.sip))
    # two calls begin every second and last ten, and are told some seconds later
    assert most < 100


def test_calls_that_nobody_answers_or_ends_are_let_go_of_too() -> None:
    ledger, results = CaptureLedger(), []
    for number in range(1_000):
        start = 100.0 + number
        ledger.take([Caught().see(start, A, B, Talk(f"{number}@x", (f"z{number}",)).invite(sdp(MEDIA_A)))])
        results += [call.result for call in ledger.release(ledger.over(start), start)]
    assert set(results) == {Result.FAILED}
    assert len(ledger.sip) < 300


def test_stragglers_of_a_call_that_was_told_belong_to_nobody() -> None:
    ledger, caught, talk = CaptureLedger(), Caught(), Talk()
    place(caught, talk)
    ledger.take(list(caught.records))
    assert len(ledger.release(ledger.over(200.0), 200.0)) == 1
    late = caught.see(201.0, A, B, talk.via("k").request("BYE", cseq=2))
    assert ledger.take([late]) == ([], [])
    again = caught.see(300.0, A, B, Talk(vias=("new",)).invite(sdp(MEDIA_B)))
    ledger.take([again])
    assert len(ledger.calls()) == 1


def test_only_the_latest_calls_are_kept_for_the_closing_report() -> None:
    explainer = Explainer()
    for number in range(TOLD_CALLS + 50):
        caught, start = Caught(), 100.0 + number
        place(caught, Talk(f"{number}@x", (f"z{number}",)), start)
        explainer.receive(list(caught.records))
        explainer.ended(start + 60, lambda _: [])
    assert TOLD_CALLS <= len(explainer.finish().calls) <= TOLD_CALLS + 60
