"""SIPp calls SIPp through the edge: hundreds a second, with losses, late answers and retransmissions."""

import pytest

from harness.agent import Agent
from harness.edge import usage
from harness.network import free_port
from harness.sip import Endpoint
from harness.sipp import Sipp

# By themselves: on two cores nothing else may run beside them.
pytestmark = [pytest.mark.live, pytest.mark.load]


def _registered_port(edge) -> tuple[str, int]:
    """A user and the port it is registered at, free again for SIPp to answer there."""
    who, port = edge.identity(), free_port()
    with Agent(who, Endpoint((edge.host, port), (edge.host, edge.doors.udp))) as agent:
        assert agent.register().status == 200
    return who.user, port


def _run(edge, place, *options: str, caller: str = "uac", callee: str = "uas", rate: int, calls: int):
    user, port = _registered_port(edge)
    where = f"{edge.host}:{edge.doors.udp}"
    with Sipp(callee, place / "callee", *_only_loss(options), port=port) as answering:
        answering.listening()
        with Sipp(caller, place / "caller", "-s", user, *options, remote=where, calls=calls, rate=rate) as calling:
            outcome = calling.wait(90)
            return outcome, calling.errors + answering.errors


@pytest.mark.parametrize(("caller", "callee"), [("uac", "uas"), ("uac_routed", "uas_routed")])
def test_two_hundred_calls_a_second(edge, tmp_path, caller, callee) -> None:
    """SIPp's own pair, which knows no Record-Route, and one that obeys it."""
    before = usage(edge.process.pid)
    outcome, errors = _run(edge, tmp_path, "-d", "200", caller=caller, callee=callee, rate=200, calls=1600)
    after = usage(edge.process.pid)
    print(f"{caller}: CPU {1e6 * (after.cpu_s - before.cpu_s) / 1600:.0f} us a call, {after.resident_mib:.0f} MiB")
    assert outcome.failed == 0, errors
    assert outcome.succeeded == 1600


def test_lost_messages_are_repeated_until_every_call_succeeds(edge, tmp_path) -> None:
    outcome, errors = _run(
        edge, tmp_path, "-d", "100", "-lost", "3", caller="uac_routed", callee="uas_routed", rate=50, calls=400
    )
    assert outcome.retransmissions > 0
    # SIPp itself gives up where an INVITE comes again after its answer: one call in some hundreds.
    assert outcome.failed <= 4, errors


def test_a_callee_that_answers_five_seconds_late(edge, tmp_path) -> None:
    """Not even a 100 for five seconds: the edge answers 100 at once, repeats the INVITE, and nobody gives up."""
    outcome, errors = _run(edge, tmp_path, "-d", "100", caller="uac_routed", callee="uas_late", rate=20, calls=60)
    assert outcome.failed == 0, errors
    assert outcome.retransmissions == 0


def _only_loss(options: tuple[str, ...]) -> tuple[str, ...]:
    """What also goes to the callee."""
    return ("-lost", options[options.index("-lost") + 1]) if "-lost" in options else ()
