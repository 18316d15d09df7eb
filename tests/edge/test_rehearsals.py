"""What would happen to a call is told, and then it happens so; nothing is sent for the telling."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.edge.test_calls_through_gateways import URI
from tests.edge.test_calls_through_gateways import lab as lab_with_gateways
from tests.edge.test_questions import Script, script, users

from talkpath.base.address import Address, Flow, Target, Transport
from talkpath.base.texts import Language
from talkpath.calls.model import Moment
from talkpath.calls.words import MOMENTS, said
from talkpath.edge.routing.heading import Heading
from talkpath.edge.routing.inquiry import Answer, Outcome, Verb
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToPlace
from talkpath.sip.message import Message

lab = lab_with_gateways
__all__ = ["lab", "script"]


def rehearsed(lab: Lab, user: str, uri: str, host: str = "198.51.100.7") -> list[Moment]:
    """The steps of such a call."""
    flow = Flow(Transport.UDP, Address(HOME, 5060), Address(host, 5060))
    text = (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bKr\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{user}@{HOME}>;tag=r\r\nTo: <{uri}>\r\nCall-ID: r\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:{host}>\r\nContent-Length: {len(OFFER)}\r\nContent-Type: application/sdp\r\n\r\n"
    )
    told: list[list[Moment]] = []
    proven = user if lab.accounts.exists(user) else ""
    lab.edge.rehearsals.begin(Message.parse(text.encode() + OFFER), flow, proven, told.append, lab.now)
    sent = len(lab.lost) + sum(len(phone.inbox) for phone in lab.phones)
    lab.pump()
    assert sent == len(lab.lost) + sum(len(phone.inbox) for phone in lab.phones)
    assert lab.edge.core.calls == {}
    assert len(told) == 1
    assert all(step.kind in MOMENTS for step in told[0])
    return told[0]


def kinds(steps: list[Moment]) -> list[str]:
    return [step.kind for step in steps]


def test_a_user_is_rung_on_its_phones(lab: Lab, callee: Phone) -> None:
    steps = rehearsed(lab, "1001", f"sip:1002@{HOME}")
    assert kinds(steps) == ["rehearsal.user", "route.user", "fork.branch-added"]
    assert steps[-1].values["target"] == callee.contact


def test_gateways_come_in_the_order_in_which_the_next_call_tries_them(lab: Lab, caller: Phone) -> None:
    first, second = lab.phone("first", "203.0.113.1"), lab.phone("second", "203.0.113.2")
    steps = rehearsed(lab, "1001", URI)
    chosen = [step.values["gateway"] for step in steps if step.kind == "gateway.chosen"]
    assert chosen == ["first", "second"]
    caller.invite(URI)
    first.answer(first.take(), 503)
    assert second.methods() == ["INVITE"]


def test_who_is_passed_over_is_said_with_its_reason(lab: Lab) -> None:
    gateway = lab.edge.gateways.named("first")
    assert gateway is not None
    gateway.disable(True, lab.now)
    steps = rehearsed(lab, "1001", URI)
    assert ("first", "disabled") in [
        (one.values["gateway"], one.values["why"]) for one in steps if one.kind == "gateway.passed-over"
    ]


@pytest.mark.parametrize(
    ("user", "uri", "last"),
    [
        ("1003", URI, "guard.refused"),
        ("visitor", URI, "auth.challenged"),
        ("1001", f"sip:1003@{HOME}", "guard.refused"),
        ("1001", f"sip:echo@{HOME}", "rehearsal.answers"),
        ("1001", "sip:x@203.0.113.77", "dns.resolved"),
        ("1001", "mailto:x@y", "guard.refused"),
    ],
)
def test_every_end_is_told(lab: Lab, user: str, uri: str, last: str) -> None:
    assert kinds(rehearsed(lab, user, uri))[-1] == last


def test_a_call_of_a_gateway_is_known_by_its_address(lab: Lab, callee: Phone) -> None:
    steps = rehearsed(lab, "+49", f"sip:4930555@{HOME}", host="203.0.113.1")
    assert kinds(steps) == ["rehearsal.gateway", "route.user", "fork.branch-added"]
    assert steps[0].values == {"gateway": "first", "group": "carriers"}
    assert said(steps[0], Language.EN) == "The call comes from the gateway first of the group carriers."


def test_a_script_is_asked_as_it_will_be(lab: Lab, callee: Phone, script: Script) -> None:
    script.verdict = users("1002", "1003", wait_s=20)
    steps = rehearsed(lab, "1001", f"sip:reception@{HOME}")
    assert kinds(steps)[1:] == [
        "route.user",
        "fork.branch-added",
        "rehearsal.waits",
        "registration.none",
        "rehearsal.waits",
    ]
    for verdict, last in ((Answer(403, "No"), "guard.refused"), (Verb.CHALLENGE, "auth.challenged")):
        script.verdict = verdict
        assert kinds(rehearsed(lab, "1001", f"sip:reception@{HOME}"))[-1] == last


def test_nobody_answers_an_attempt_so_that_what_follows_is_seen(lab: Lab, callee: Phone) -> None:
    class Tries(Script):
        def ask(self, inquiry: object, now: float) -> None:
            def heard(outcome: Outcome, then: float) -> None:
                inquiry.decide(Answer(outcome.status, outcome.reason), then)  # type: ignore[attr-defined]

            inquiry.attempt(users("1002"), heard, now)  # type: ignore[attr-defined]

    tries = Tries()
    lab.edge.core.world = replace(lab.edge.core.world, router=tries)
    steps = rehearsed(lab, "1001", f"sip:1002@{HOME}")
    assert kinds(steps)[1:] == ["route.user", "fork.branch-added", "rehearsal.nobody", "guard.refused"]


def test_a_plan_that_leaves_the_house_is_not_for_strangers(lab: Lab, script: Script) -> None:
    script.verdict = Plan([], leaves_house=True)
    assert kinds(rehearsed(lab, "visitor@elsewhere", URI))[-1] == "auth.challenged"


@pytest.mark.parametrize("host", [HOME, "pbx.example"])
def test_a_uri_that_leads_back_here_is_told(lab: Lab, callee: Phone, script: Script, host: str) -> None:
    lab.names["pbx.example"] = [Target(Transport.UDP, Address(HOME, 5060))]
    script.verdict = Plan([Group([ToPlace(Heading(f"sip:1002@{host}", [], True))])])
    steps = kinds(rehearsed(lab, "1001", URI))
    assert steps[-3:] == ["route.is-here", "route.user", "fork.branch-added"]


def test_a_group_without_gateways_is_told(lab: Lab, script: Script) -> None:
    script.verdict = Plan([Group([ToGateways("mobile")])])
    steps = rehearsed(lab, "1001", URI)
    assert [one.values["group"] for one in steps if one.kind == "gateway.none-there"] == ["mobile"]
