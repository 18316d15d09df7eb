"""Somebody outside the edge is asked where requests go, and answers at once or later."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.edge.routing.heading import Heading
from talkpath.edge.routing.inquiry import Answer, Inquiry, Outcome, Verb, Verdict, Within
from talkpath.edge.routing.plan import Group, Plan, ToPlace, ToService, ToUser, Way
from talkpath.media.service import Service

URI = f"sip:1002@{HOME}"


class Script:
    """Answers with `verdict`, or keeps the question for the test; who `must_prove` is asked for that first."""

    def __init__(self) -> None:
        self.begins = frozenset({"INVITE"})
        self.within: frozenset[str] = frozenset()
        self.verdict: Verdict | None = None
        self.must_prove = False
        self.asked: list[Inquiry] = []
        self.held: list[Within] = []
        self.over: list[str] = []

    def ask(self, inquiry: Inquiry, now: float) -> None:
        self.asked.append(inquiry)
        if self.must_prove and not inquiry.user:
            inquiry.decide(Verb.CHALLENGE, now)
        elif self.verdict is not None:
            inquiry.decide(self.verdict, now)

    def ask_within(self, within: Within, now: float) -> None:
        self.held.append(within)

    def remembered(self, call_id: str, caller_tag: str) -> bytes:
        return b""

    def recall(self, call_id: str, caller_tag: str, data: bytes) -> None: ...

    def ended(self, call_id: str, caller_tag: str, now: float) -> None:
        self.over.append(call_id)


@pytest.fixture
def script(lab: Lab) -> Script:
    script = Script()
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    return script


def users(*names: str, wait_s: float | None = None) -> Plan:
    return Plan([Group([ToUser(name)], wait_s) for name in names])


def test_it_decides_at_once(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    script.verdict = users("1002")
    caller.invite(f"sip:reception@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]
    assert script.asked[0].user == "1001"


def test_it_decides_later_and_the_caller_hears_100_meanwhile(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    caller.invite(URI)
    assert caller.statuses() == [100]
    lab.wait(2)
    script.asked[0].decide(users("1002"), lab.now)
    lab.pump()
    assert callee.methods() == ["INVITE"]


def test_what_is_decided_twice_counts_once(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    caller.invite(URI)
    script.asked[0].decide(Answer(403, "No"), lab.now)
    script.asked[0].decide(users("1002"), lab.now)
    lab.pump()
    assert (caller.statuses(), callee.inbox) == ([100, 403], [])


@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (Answer(603, "Never"), [603]),
        (Answer(302, "Moved", f"Contact: <{URI}>\r\n"), [302]),
        (Verb.CHALLENGE, [407]),
        (Verb.DROP, []),
        (users("nobody"), [100, 480]),
        (Plan([]), [100, 480]),
        (Verb.OUTCOME, [480]),
    ],
)
def test_what_ends_it_is_told_to_the_caller(
    lab: Lab, caller: Phone, script: Script, verdict: Verdict, statuses: list[int]
) -> None:
    script.verdict = verdict
    caller.request("INVITE", URI, call_id="c1", user="visitor")
    assert caller.statuses() == statuses
    assert not lab.edge.core.calls


@pytest.mark.parametrize(
    ("status", "reason"),
    [(302, "Moved Temporarily"), (410, "Gone"), (603, "Decline"), (607, "Unwanted"), (499, "Request Failed")],
)
def test_where_nobody_says_why_it_is_what_the_status_means(
    lab: Lab, caller: Phone, script: Script, status: int, reason: str
) -> None:
    script.verdict = Answer(status, "")
    caller.request("INVITE", URI, call_id="c1", user="visitor")
    assert caller.last().reason == reason


def test_as_usual_is_as_without_it(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    script.verdict = Verb.USUAL
    caller.invite(URI)
    assert callee.methods() == ["INVITE"]


def test_who_gives_up_while_it_thinks_hears_487_and_it_hears_so_too(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    branch = caller.invite(URI)
    told: list[float] = []
    script.asked[0].on_over = told.append
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)
    assert 487 in caller.statuses()
    assert told == [lab.now]
    script.asked[0].decide(users("1002"), lab.now)
    lab.pump()
    assert callee.inbox == []
    lab.wait(60)
    assert not lab.edge.core.transactions.servers


def attempt(lab: Lab, script: Script, plan: Plan) -> list[Outcome]:
    outcomes: list[Outcome] = []
    hear: Callable[[Outcome, float], None] = lambda outcome, now: outcomes.append(outcome)  # noqa: E731
    script.asked[0].attempt(plan, hear, lab.now)
    lab.pump()
    return outcomes


def test_it_hears_how_an_attempt_ended_and_names_somebody_else(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    other = lab.registered("1003", "198.51.100.9")
    caller.invite(URI, body=OFFER)
    outcomes = attempt(lab, script, users("1002"))
    callee.answer(callee.take(), 486, "Busy Here")
    assert [(one.status, one.is_answered) for one in outcomes] == [(486, False)]
    assert caller.statuses() == [100]
    script.asked[0].decide(users("1003"), lab.now)
    lab.pump()
    other.answer(other.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]


def test_an_attempt_that_rings_too_long_is_over(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    caller.invite(URI)
    outcomes = attempt(lab, script, users("1002", wait_s=20))
    invite = callee.take()
    callee.answer(invite, 180)
    lab.wait(20)
    cancel = callee.take()
    callee.answer(cancel, 200)
    callee.answer(invite, 487)
    assert [one.status for one in outcomes] == [480]
    script.asked[0].decide(Plan([Group([ToService(Service.TONE)])]), lab.now)
    lab.pump()
    assert caller.statuses()[:3] == [100, 180, 200]


def test_after_an_attempt_the_best_answer_may_go_back(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    caller.invite(URI)
    attempt(lab, script, users("1002"))
    callee.answer(callee.take(), 486, "Busy Here")
    script.asked[0].decide(Verb.OUTCOME, lab.now)
    lab.pump()
    assert caller.statuses() == [100, 486]


def test_somebody_answered_and_nothing_more_is_asked(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    caller.invite(URI, body=OFFER)
    outcomes = attempt(lab, script, users("1002"))
    callee.answer(callee.take(), 200, body=OFFER)
    assert [one.is_answered for one in outcomes] == [True]
    script.asked[0].decide(users("1003"), lab.now)
    assert caller.statuses() == [100, 200]


def test_no_plan_lets_a_stranger_leave_the_house(lab: Lab, script: Script) -> None:
    far = lab.phone("far", "203.0.113.1")
    ways = [ToPlace(Heading("sip:1@203.0.113.1", []))]
    script.verdict = Plan([Group(ways)], leaves_house=True)
    stranger = lab.phone("visitor", "198.51.100.99")
    stranger.invite(URI, proven=False)
    assert (stranger.statuses(), far.inbox) == ([407], [])
    script.verdict = Plan([Group(ways)], leaves_house=True, for_strangers=True)
    stranger.invite(URI, call_id="c2", proven=False)
    assert far.methods() == ["INVITE"]


def test_requests_within_a_call_wait_for_a_word_and_keep_their_order(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    script.verdict = users("1002")
    script.within = frozenset({"INFO"})
    caller.invite(URI, body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    callee.inbox.clear()
    caller.in_dialog("INFO", ok)
    caller.in_dialog("MESSAGE", ok)
    caller.in_dialog("BYE", ok)
    assert callee.inbox == []
    script.held[0].go_on(None, lab.now)
    lab.pump()
    assert callee.methods() == ["INFO", "MESSAGE", "BYE"]
    callee.answer(callee.last(), 200)
    assert script.over == ["c1"]


def test_a_request_within_a_call_may_be_refused(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    script.verdict = users("1002")
    script.within = frozenset({"REFER"})
    caller.invite(URI, body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    callee.inbox.clear()
    caller.in_dialog("REFER", ok, extra="Refer-To: <sip:1003@example.org>")
    script.held[0].go_on(Answer(403, "No transfers"), lab.now)
    lab.pump()
    assert (caller.last().status, callee.inbox) == (403, [])
    assert lab.edge.core.calls


@pytest.mark.parametrize("follows", [0, 1])
def test_a_redirection_is_an_answer_or_is_followed(
    lab: Lab, caller: Phone, callee: Phone, script: Script, follows: int
) -> None:
    other, far = lab.registered("1003", "198.51.100.9"), lab.phone("far", "203.0.113.1")
    script.verdict = Plan([Group([ToUser("1002")], follows=follows)])
    caller.invite(URI, body=OFFER)
    contacts = f"Contact: <sip:1003@{HOME}>;q=0.5, <sip:far@203.0.113.1>, <tel:+49>"
    callee.answer(callee.take(), 302, "Moved", extra=contacts)
    if not follows:
        assert caller.statuses() == [100, 302]
        return
    assert (other.methods(), far.methods()) == (["INVITE"], ["INVITE"])
    # Not further than was said.
    far.answer(far.take(), 302, "Moved")
    other.answer(other.take(), 200, body=OFFER)
    assert caller.statuses() == [100, 200]


def test_no_redirection_leads_a_stranger_out_of_the_house(lab: Lab, callee: Phone, script: Script) -> None:
    far, stranger = lab.phone("far", "203.0.113.1"), lab.phone("visitor", "198.51.100.99")
    script.verdict = Plan([Group([ToUser("1002")], follows=3)])
    stranger.invite(URI, proven=False)
    callee.answer(callee.take(), 302, "Moved", extra="Contact: <sip:far@203.0.113.1>")
    assert (stranger.statuses(), far.inbox) == ([100, 302], [])
    assert "fork.not-followed" in lab.kinds("c1")


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize("follows", [0, 1])
def test_nothing_leads_a_guest_out_of_the_house_from_wherever_it_calls(
    lab: Lab, callee: Phone, script: Script, is_trusted: bool, follows: int
) -> None:
    """Neither by what it asks for nor by a redirection; there are proxies that are trusted in front of guests."""
    guest, far = lab.phone("1003", "198.51.100.9"), lab.phone("far", "203.0.113.1")
    lab.accounts.guests.add("1003")
    if is_trusted:
        lab.edge.core.settings = replace(lab.edge.core.settings, trusted=(ip_network("198.51.100.9/32"),))
    ways: list[Way] = [ToUser("1002")] if follows else [ToPlace(Heading("sip:far@203.0.113.1", []))]
    script.verdict = Plan([Group(ways, follows=follows)], leaves_house=not follows)
    script.must_prove = True
    guest.invite(URI, body=OFFER)
    assert script.asked[-1].user == "1003"
    if follows:
        callee.answer(callee.take(), 302, "Moved", extra="Contact: <sip:far@203.0.113.1>")
    assert (guest.last().status, far.inbox) == (302 if follows else 403, [])


def stranger_leaves(lab: Lab, script: Script, caller: Phone) -> None:
    script.verdict = Plan([Group([ToPlace(Heading("sip:far@203.0.113.1", []))])], leaves_house=True)
    lab.phone("visitor", "198.51.100.99").invite(URI, proven=False)


def guest_leaves(lab: Lab, script: Script, caller: Phone) -> None:
    lab.accounts.guests.add("1001")
    script.verdict = Plan([Group([ToPlace(Heading("sip:far@203.0.113.1", []))])], leaves_house=True)
    caller.invite(URI, body=OFFER)


def draining(lab: Lab, script: Script, caller: Phone) -> None:
    lab.edge.core.is_draining = True
    script.verdict = users("1002")
    caller.invite(URI, body=OFFER)


def stranger_asks_as_usual(lab: Lab, script: Script, caller: Phone) -> None:
    script.verdict = Verb.USUAL
    lab.phone("visitor", "198.51.100.99").invite("sip:x@example.net", proven=False)


def nobody_as_usual(lab: Lab, script: Script, caller: Phone) -> None:
    script.verdict = Verb.USUAL
    caller.invite(f"sip:nobody@{HOME}", body=OFFER)


def refused(lab: Lab, script: Script, caller: Phone) -> None:
    script.verdict = Answer(486)
    caller.invite(URI, body=OFFER)


def dropped(lab: Lab, script: Script, caller: Phone) -> None:
    script.verdict = Verb.DROP
    caller.invite(URI, body=OFFER)


def given_up_while_it_thinks(lab: Lab, script: Script, caller: Phone) -> None:
    branch = caller.invite(URI, body=OFFER)
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)


@pytest.mark.parametrize(
    "what",
    [
        stranger_leaves,
        guest_leaves,
        draining,
        stranger_asks_as_usual,
        nobody_as_usual,
        refused,
        dropped,
        given_up_while_it_thinks,
    ],
)
def test_of_a_request_that_began_no_call_it_hears_the_end(
    lab: Lab, caller: Phone, script: Script, what: Callable[[Lab, Script, Phone], None]
) -> None:
    what(lab, script, caller)
    assert len(script.asked) == len(script.over) > 0
    assert not lab.edge.core.calls


def test_a_call_that_goes_on_is_not_over_for_its_second_way_through_us(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    script.verdict = users("1002")
    caller.invite(URI, body=OFFER)
    invite = callee.take()
    callee.answer(invite, 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    script.verdict = Answer(486)
    lab.edge.core.settings = replace(lab.edge.core.settings, trusted=(ip_network("198.51.100.77/32"),))
    spiral = lab.phone("proxy", "198.51.100.77")
    sender, to = invite.first("From"), f"<{URI}>"
    spiral.send(
        f"""INVITE {URI} SIP/2.0
        Via: SIP/2.0/UDP 198.51.100.77;branch=z9hG4bKspiral
        From: {sender}
        To: {to}
        Call-ID: c1
        CSeq: {invite.cseq.number} INVITE
        Contact: <sip:1001@198.51.100.7>
        Max-Forwards: 60"""
    )
    assert (len(script.asked), spiral.last().status) == (2, 486)
    assert script.over == []
    assert lab.edge.core.calls
