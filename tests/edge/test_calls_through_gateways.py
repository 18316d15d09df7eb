"""Calls through carriers: another one takes over, challenges are answered, and each hears how it went."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone
from tests.edge.test_questions import Script

from talkpath.base.redact import Secret
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.gateways.settings import GatewaySettings, GroupSettings, Numbers, ProbeSettings
from talkpath.edge.routing.plan import Group, Plan, ToGateways
from talkpath.edge.settings import EdgeSettings, RoutingSettings
from talkpath.sdp import SessionDescription
from talkpath.sip.grammar import parse_auth

NUMBER = "+493012345"
URI = f"sip:{NUMBER}@{HOME}"
NO_PROBES = ProbeSettings(interval_s=0)


def _lab(*gateways: GatewaySettings, groups: tuple[GroupSettings, ...] = ()) -> Lab:
    lab = Lab(
        EdgeSettings(
            own_hosts=frozenset({HOME, "localhost"}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            gateways=gateways,
            gateway_groups=groups,
            routing=RoutingSettings("carriers", {"4930555": "1002"}),
        )
    )
    lab.accounts.outbound = frozenset({"1001"})
    lab.edge.gateways.start(lab.now)
    lab.wait(0.1)
    return lab


def _settings(name: str, host: str, priority: int, **more: object) -> GatewaySettings:
    return GatewaySettings(name, "carriers", host, priority=priority, probe=NO_PROBES, **more)  # type: ignore[arg-type]


@pytest.fixture
def lab() -> Lab:
    credentials = {"username": "acme", "password": Secret("secret")}
    return _lab(
        _settings("first", "203.0.113.1", 1, **credentials), _settings("second", "203.0.113.2", 2, **credentials)
    )


@pytest.fixture
def first(lab: Lab) -> Phone:
    return lab.phone("first", "203.0.113.1")


@pytest.fixture
def second(lab: Lab) -> Phone:
    return lab.phone("second", "203.0.113.2")


def gateway(lab: Lab, name: str) -> Gateway:
    found = lab.edge.gateways.named(name)
    assert found is not None
    return found


def test_a_number_goes_to_the_first_and_its_channel_is_free_after_the_call(
    lab: Lab, caller: Phone, first: Phone, second: Phone
) -> None:
    caller.invite(URI, body=OFFER)
    invite = first.take()
    assert invite.uri == f"sip:{NUMBER}@203.0.113.1"
    assert gateway(lab, "first").channels == 1
    first.answer(invite, 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, first.contact)
    assert (gateway(lab, "first").answers, gateway(lab, "first").channels) == (1, 1)
    caller.in_dialog("BYE", ok)
    first.answer(first.last(), 200)
    assert gateway(lab, "first").channels == 0
    assert second.inbox == []
    assert "gateway.chosen" in lab.kinds("c1")


def test_who_may_not_dial_out_does_not(lab: Lab, first: Phone) -> None:
    other = lab.registered("1003", "198.51.100.9")
    other.invite(URI)
    assert other.statuses()[-1] == 404
    stranger = lab.phone("visitor", "198.51.100.99")
    stranger.invite(URI, proven=False)
    assert stranger.statuses() == [407]
    assert first.inbox == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_one_that_can_not_is_gone_around(lab: Lab, caller: Phone, first: Phone, second: Phone, status: int) -> None:
    caller.invite(URI, body=OFFER)
    first.answer(first.take(), status)
    second.answer(second.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]
    assert (gateway(lab, "first").failures, gateway(lab, "first").channels) == (1, 0)
    assert gateway(lab, "second").channels == 1


def test_one_that_says_nothing_is_gone_around_and_hung_up_on_when_it_answers(
    lab: Lab, caller: Phone, first: Phone, second: Phone
) -> None:
    caller.invite(URI, body=OFFER)
    invite = first.take()
    lab.wait(1.6)
    second.answer(second.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]
    assert gateway(lab, "first").failures == 1
    first.inbox.clear()
    first.answer(invite, 200, tag="late", body=OFFER)
    assert first.methods() == ["ACK", "BYE"]
    assert gateway(lab, "first").channels == 0


@pytest.mark.parametrize("status", [486, 404, 403, 603])
def test_what_is_said_of_the_callee_goes_back(
    lab: Lab, caller: Phone, first: Phone, second: Phone, status: int
) -> None:
    caller.invite(URI)
    first.answer(first.take(), status)
    assert caller.statuses() == [100, status]
    assert second.inbox == []
    assert (gateway(lab, "first").failures, gateway(lab, "first").channels) == (0, 0)


def test_when_none_can_the_caller_hears_the_last_word(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    caller.invite(URI)
    first.answer(first.take(), 503)
    second.answer(second.take(), 503)
    assert caller.statuses() == [100, 500]
    assert "gateway.none-left" in lab.kinds("c1")
    assert not lab.edge.core.calls


def challenge(carrier: Phone, status: int = 407) -> None:
    field = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    carrier.answer(carrier.inbox[-1], status, extra=f'{field}: Digest realm="carrier", nonce="abc", qop="auth"')


@pytest.mark.parametrize("status", [401, 407])
def test_its_challenge_is_answered_and_the_dialog_counts_on(
    lab: Lab, caller: Phone, first: Phone, status: int
) -> None:
    caller.invite(URI, body=OFFER)
    before = first.last()
    challenge(first, status)
    invite = first.last()
    _, params = parse_auth(invite.first("Proxy-Authorization" if status == 407 else "Authorization") or "")
    assert (params["username"], params["uri"], params["nc"]) == ("acme", invite.uri, "00000001")
    assert invite.cseq.number == before.cseq.number + 1
    first.answer(invite, 200, body=OFFER)
    ok = caller.last()
    assert (caller.statuses(), ok.cseq.number) == ([100, 200], before.cseq.number)
    caller.ack(ok, first.contact)
    ack = first.last()
    assert (ack.method, ack.cseq.number) == ("ACK", invite.cseq.number)
    # The carrier wants them for the BYE again, with another nonce.
    caller.in_dialog("BYE", ok)
    bye = first.last()
    assert "nc=00000002" in (bye.first("Proxy-Authorization") or bye.first("Authorization") or "")
    first.answer(bye, status, extra='Proxy-Authenticate: Digest realm="carrier", nonce="def", qop="auth"')
    again = first.last()
    assert (again.method, again.cseq.number) == ("BYE", bye.cseq.number + 1)
    first.answer(again, 200)
    assert caller.last().status == 200
    assert not lab.edge.core.calls
    assert gateway(lab, "first").channels == 0


def test_one_that_refuses_our_credentials_is_gone_around(
    lab: Lab, caller: Phone, first: Phone, second: Phone
) -> None:
    caller.invite(URI, body=OFFER)
    challenge(first)
    challenge(first)
    second.answer(second.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]
    assert "credentials" in gateway(lab, "first").last_failure


def test_who_gives_up_is_no_failure_of_the_carrier(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    branch = caller.invite(URI)
    invite = first.take()
    first.answer(invite, 180)
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)
    first.answer(first.last(), 200)
    first.answer(invite, 487)
    assert (gateway(lab, "first").failures, gateway(lab, "first").channels) == (0, 0)
    assert second.inbox == []


def test_a_call_from_a_carrier_finds_its_user_without_a_challenge(lab: Lab, callee: Phone, first: Phone) -> None:
    first.invite(f"sip:4930555@{HOME}", proven=False, body=OFFER, extra="P-Asserted-Identity: <sip:+49@carrier>")
    invite = callee.take()
    assert invite.first("P-Asserted-Identity") == "<sip:+49@carrier>"
    assert gateway(lab, "first").channels == 1
    callee.answer(invite, 486)
    assert gateway(lab, "first").channels == 0


def test_a_carrier_calls_nobody_but_users(lab: Lab, first: Phone, second: Phone) -> None:
    first.invite(f"sip:+4930999@{HOME}", proven=False)
    first.invite("sip:+4930999@203.0.113.2", call_id="c2", proven=False)
    assert first.statuses() == [404, 403]
    assert second.inbox == []


def test_codecs_and_numbers_are_as_it_wants_them(caller: Phone, lab: Lab) -> None:
    del caller
    lab = _lab(_settings("first", "203.0.113.1", 1, codecs=("PCMA",), numbers=Numbers.DIGITS))
    first, caller = lab.phone("first", "203.0.113.1"), lab.registered("1001", "198.51.100.7")
    caller.invite(URI, body=OFFER)
    invite = first.take()
    assert invite.uri == f"sip:{NUMBER[1:]}@203.0.113.1"
    assert [codec.name for codec in SessionDescription.parse(invite.body).audio.codecs.voice] == ["PCMA"]


def test_what_a_script_changes_and_what_a_gateway_wants_hold_both() -> None:
    lab = _lab(_settings("first", "203.0.113.1", 1, codecs=("PCMA",)))
    script = Script()
    changes = Changes(added="X-Account: 7\r\n")
    script.verdict = Plan([Group([ToGateways("carriers")])], changes, leaves_house=True)
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    first, caller = lab.phone("first", "203.0.113.1"), lab.registered("1001", "198.51.100.7")
    caller.invite(URI, body=OFFER)
    invite = first.take()
    assert invite.first("X-Account") == "7"
    assert [codec.name for codec in SessionDescription.parse(invite.body).audio.codecs.voice] == ["PCMA"]


def test_a_group_to_which_no_gateway_was_added_yet_says_so() -> None:
    lab = _lab()
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(URI, body=OFFER)
    answer = caller.last()
    assert (answer.status, answer.reason) == (503, "No gateway in the group")
    assert "gateway.none-there" in lab.kinds("c1")
    lab.edge.gateways.add(_settings("late", "203.0.113.9", 1), lab.now)
    lab.wait(0.1)
    late = lab.phone("late", "203.0.113.9")
    caller.invite(URI, call_id="c2", body=OFFER)
    assert late.methods() == ["INVITE"]


def test_a_gateway_whose_address_is_our_own_is_gone_around_and_said_to_be() -> None:
    lab = _lab(_settings("mirror", HOME, 1), _settings("second", "203.0.113.2", 2))
    second = lab.phone("second", "203.0.113.2")
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(URI, body=OFFER)
    assert second.methods() == ["INVITE"]
    assert (gateway(lab, "mirror").last_failure, gateway(lab, "mirror").channels) == ("is-here", 0)


def test_a_gateway_whose_name_leads_nowhere_is_gone_around_and_counts_as_failed() -> None:
    lab = _lab(_settings("nowhere", "gone.example", 1), _settings("second", "203.0.113.2", 2))
    second = lab.phone("second", "203.0.113.2")
    caller = lab.registered("1001", "198.51.100.1")
    for number in range(3):
        caller.invite(URI, call_id=f"n{number}", body=OFFER)
    assert second.methods() == ["INVITE"] * 3
    nowhere = gateway(lab, "nowhere")
    assert (nowhere.failures, nowhere.channels, nowhere.state) == (3, 0, "broken")
    assert nowhere.last_failure == "unresolved"
