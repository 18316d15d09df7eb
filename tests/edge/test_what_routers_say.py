"""What whoever routes says of a call goes on as it said: identity, what a description can do without, remarks."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.edge.test_questions import Script, users

from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.inquiry import Usual

URI = f"sip:1002@{HOME}"


@pytest.fixture
def script(lab: Lab) -> Script:
    script = Script()
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    return script


def asserted(callee: Phone) -> list[str]:
    return callee.take().all("P-Asserted-Identity")


def test_what_is_usual_may_change_on_its_way(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    script.verdict = Usual(Changes(added="X-Way: usual\r\n"))
    caller.invite(URI, body=OFFER)
    assert callee.take().first("X-Way") == "usual"


def test_who_is_asserted_is_said_once(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    plan = users("1002")
    script.verdict = plan
    plan.changes = Changes(removed=["P-Asserted-Identity"], added="P-Asserted-Identity: <sip:shop@example.com>\r\n")
    caller.invite(URI, body=OFFER)
    assert asserted(callee) == ["<sip:shop@example.com>"]


def test_another_caller_is_not_given_away_by_what_we_assert(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    plan = users("1002")
    script.verdict = plan
    plan.changes = Changes(sender='"Anonymous" <sip:anonymous@anonymous.invalid>')
    caller.invite(URI, body=OFFER)
    invite = callee.take()
    assert invite.all("P-Asserted-Identity") == []
    assert invite.address("From").display_name == "Anonymous"


def test_a_description_loses_what_the_call_can_do_without(
    lab: Lab, caller: Phone, callee: Phone, script: Script
) -> None:
    plan = users("1002")
    script.verdict = plan
    plan.changes = Changes(diet=("a=x-large",))
    caller.invite(URI, body=OFFER + b"a=x-large:" + b"y" * 1200 + b"\r\n")
    assert b"x-large" not in callee.take().sdp


def test_remarks_within_a_call_are_told(lab: Lab, caller: Phone, callee: Phone, script: Script) -> None:
    script.within = frozenset({"INFO"})
    script.verdict = users("1002")
    caller.invite(URI, body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    caller.in_dialog("INFO", ok)
    (held,) = script.held
    held.note("script.note", lab.now, text="seen")
    trace = lab.ledger.trace(held.call_id)
    assert trace is not None
    assert [moment for moment in trace.moments if moment.kind == "script.note"]
