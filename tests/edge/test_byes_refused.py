"""A BYE that we refuse ends its dialog all the same: who sent it talks no more (RFC 3261 section 15.1.1)."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone, call

from talkpath.base.address import Transport
from talkpath.sip.message import Message

BROKEN = {"Route: nonsense": 400, "Proxy-Require: magic": 420}


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize("field", BROKEN)
def test_the_other_side_is_told_and_the_call_is_over(
    lab: Lab, caller: Phone, callee: Phone, field: str, by: str
) -> None:
    invite, ok = call(caller, callee, body=OFFER)
    sender, other, dialog = (caller, callee, ok) if by == "caller" else (callee, caller, invite)
    sender.in_dialog("BYE", dialog, extra=field)
    assert sender.statuses() == [BROKEN[field]]
    assert other.methods() == ["BYE"]
    bye = other.take()
    assert (bye.uri, bye.to_tag) == (other.contact, f"tag{other.user}")
    other.answer(bye, 200)
    assert (lab.edge.core.calls, lab.engine.open_ports) == ({}, [])
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_by, trace.ended_how) == (by, "bye")


def test_hops_that_are_used_up_end_it_as_well(lab: Lab, caller: Phone, callee: Phone) -> None:
    _, ok = call(caller, callee, body=OFFER)
    routes = "\n".join(f"Route: {one}" for one in reversed(ok.listed("Record-Route")))
    to = ok.first("To") or ""
    caller.request("BYE", callee.contact, to=to, call_id="c1", extra=routes, max_forwards="0")
    assert (caller.statuses(), callee.methods()) == ([483], ["BYE"])
    assert lab.edge.core.calls == {}


def test_of_several_dialogs_it_ends_its_own(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    oks: list[Message] = []
    for tag in ("a", "b"):
        callee.answer(invite, 200, "OK", tag=tag, body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
        oks.append(caller.last())
        caller.ack(caller.last(), callee.contact)
    callee.inbox.clear()
    caller.in_dialog("BYE", oks[1], extra="Route: nonsense")
    assert [(one.method, one.to_tag) for one in callee.inbox] == [("BYE", "b")]
    assert len(lab.edge.core.calls) == 1
    caller.in_dialog("BYE", oks[0], extra="Route: nonsense")
    assert [(one.method, one.to_tag) for one in callee.inbox] == [("BYE", "b"), ("BYE", "a")]
    assert (lab.edge.core.calls, lab.engine.open_ports) == ({}, [])


def test_a_service_is_hung_up_on(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    ok = caller.last()
    caller.ack(ok, f"sip:echo@{HOME}")
    caller.inbox.clear()
    caller.in_dialog("BYE", ok, extra="Route: nonsense")
    assert (caller.statuses(), caller.methods()) == ([400], [])
    assert (lab.edge.core.calls, lab.engine.open_ports) == ({}, [])
    caller.in_dialog("BYE", ok)
    assert caller.last().status == 481


def test_who_is_away_is_told_once_when_it_is_back(lab: Lab, caller: Phone) -> None:
    page = lab.phone("1002", "198.51.100.8", 5080, Transport.WS)
    page.contact_params = ';+sip.instance="<urn:uuid:1>"'
    page.register()
    _, ok = call(caller, page, body=OFFER)
    lab.close(page)
    caller.in_dialog("BYE", ok, extra="Route: nonsense")
    assert caller.statuses() == [400]
    page.reconnect(5081)
    page.inbox.clear()
    page.request("REGISTER", f"sip:{HOME}", to=f"<sip:1002@{HOME}>", call_id="r2")
    proof = page.credentials(page.last().all("WWW-Authenticate")[0], "REGISTER", f"sip:{HOME}")
    page.inbox.clear()
    page.request("REGISTER", f"sip:{HOME}", to=f"<sip:1002@{HOME}>", call_id="r2", extra=f"Authorization: {proof}")
    assert page.methods() == ["BYE"]
