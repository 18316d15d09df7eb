"""Own calls that met gateways which were not there: what is told of it, and when nothing is."""

import pytest

from talkpath.base.texts import Language
from talkpath.calls.trace import Trace
from talkpath.edge.gateways.settings import GatewaySettings, ProbeSettings
from talkpath.edge.settings import EdgeSettings, RoutingSettings
from talkpath.explain.judging.finding import Finding, Severity
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites

from ..edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone

URI = f"sip:+493012345@{HOME}"
PLACES = {"first": "203.0.113.1", "second": "203.0.113.2"}


def dialled(*names: str) -> tuple[Lab, Phone, list[Phone]]:
    """A phone that called a number elsewhere, and the gateways of these names."""
    lab = Lab(
        EdgeSettings(
            own_hosts=frozenset({HOME, "localhost"}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            gateways=tuple(
                GatewaySettings(name, "carriers", PLACES[name], priority=number, probe=ProbeSettings(interval_s=0))
                for number, name in enumerate(names, 1)
            ),
            routing=RoutingSettings("carriers"),
        )
    )
    lab.accounts.outbound = frozenset({"1001"})
    gateways = [lab.phone(name, PLACES[name]) for name in names]
    caller = lab.registered("1001", "198.51.100.7")
    lab.wait(0.1)
    caller.invite(URI, call_id="c1", body=OFFER)
    return lab, caller, gateways


def give_up(caller: Phone) -> None:
    """Acknowledge the refusal that came."""
    caller.ack(caller.last(), URI, caller.last().top_via.branch)


def found(lab: Lab) -> list[Finding]:
    trace = lab.ledger.trace("c1")
    assert isinstance(trace, Trace)
    (one,) = explain_own([trace], Sites(), lab.now + 60).calls
    for finding in one.findings:
        for language in Language:
            texts = [finding.title, finding.fix, *(because.said for because in finding.found.because)]
            assert all("{" not in text.say(language) and "?" not in text.say(language)[-2:] for text in texts)
    return list(one.findings)


def test_a_gateway_that_was_gone_around_is_a_warning() -> None:
    lab, caller, (_, second) = dialled("first", "second")
    lab.wait(2)
    second.answer(second.last(), 180, "Ringing")
    second.answer(second.last(), 200, "OK", body=OFFER.replace(b"100.7", b"100.8"))
    caller.ack(caller.last(), second.contact)
    told = [(one.code, one.severity) for one in found(lab) if one.code in ("gateway-down", "failover-missing")]
    assert told == [("gateway-down", Severity.WARNING)]
    (down,) = (one for one in found(lab) if one.code == "gateway-down")
    assert "first" in down.title.say(Language.EN)
    assert "talkpath gateways" in down.fix.say(Language.EN)


def test_a_group_of_one_that_is_silent_lacks_another() -> None:
    lab, caller, _ = dialled("first")
    lab.wait(2)
    give_up(caller)
    lab.wait(40)
    told = {one.code: one for one in found(lab)}
    assert told["gateway-down"].severity is Severity.ERROR
    assert told["failover-missing"].severity is Severity.WARNING
    assert "second gateway" in told["failover-missing"].fix.say(Language.EN)


def test_a_single_gateway_that_answers_503_is_there_and_alone() -> None:
    lab, caller, (first,) = dialled("first")
    first.answer(first.last(), 503, "Service Unavailable")
    give_up(caller)
    lab.wait(1)
    assert [one.code for one in found(lab)] == ["failover-missing"]


@pytest.mark.parametrize("status", [404, 486, 603])
def test_a_number_that_is_busy_or_not_there_is_no_gateway_that_fails(status: int) -> None:
    lab, _, gateways = dialled("first", "second")
    gateways[0].answer(gateways[0].last(), status, "X")
    lab.wait(1)
    assert [one.code for one in found(lab) if one.code in ("gateway-down", "failover-missing")] == []


def test_a_call_that_one_gateway_carries_at_once_shows_nothing() -> None:
    lab, caller, (first, _) = dialled("first", "second")
    first.answer(first.last(), 200, "OK", body=OFFER.replace(b"100.7", b"100.8"))
    caller.ack(caller.last(), first.contact)
    lab.wait(1)
    assert [one.code for one in found(lab) if one.code in ("gateway-down", "failover-missing")] == []
