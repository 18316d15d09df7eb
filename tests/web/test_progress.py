"""What a visitor sees of a call: steps, and nothing about anybody."""

from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.model import Side
from talkpath.calls.trace import Trace
from talkpath.web.progress import Step, progress_of

FLOW = Flow(Transport.WSS, Address("192.0.2.1", 5443), Address("192.0.2.7", 50000), 1)


def trace() -> Trace:
    made = Trace("c1", 1, 100.0)
    made.add_message(100.0, FLOW, b"INVITE", False)
    made.add_moment(100.2, "fork.branch-added", {"target": "sip:1002@198.51.100.8", "flow": "UDP"})
    made.add_moment(100.5, "ice.selected", {"side": "caller", "remote": "203.0.113.4:9", "local": "192.0.2.1:1"})
    return made


def test_the_steps_are_told_without_addresses_and_names() -> None:
    progress = progress_of(trace(), "192.0.2.7")
    assert progress is not None
    assert progress.steps == [Step(0.5, "ice.selected", "caller")]
    assert progress.end == ""


def test_the_end_is_told() -> None:
    over = trace()
    over.ended_at, over.ended_by, over.ended_how = 101.0, Side.CALLEE, "bye"
    progress = progress_of(over, "192.0.2.7")
    assert progress is not None
    assert (progress.end, progress.ended_by) == ("bye", "callee")


def test_who_takes_no_part_is_told_nothing() -> None:
    assert progress_of(trace(), "192.0.2.8") is None


def test_it_is_told_that_the_other_side_is_gone() -> None:
    over = trace()
    over.add_moment(130.0, "media.gone", {"side": "callee", "seconds": 30})
    progress = progress_of(over, "192.0.2.7")
    assert progress is not None
    assert progress.steps[-1] == Step(30.0, "media.gone", "callee")
