"""Calls through the proxy: where each message goes, and what is written into it (RFC 3261 section 16)."""

import gc
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone, call
from tests.media.browser import OURS, Browser

from talkpath.base.address import Located, Target, Transport
from talkpath.base.texts import Language
from talkpath.calls import words
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.media.keying import Security
from talkpath.media.leg import Anchor, Leg
from talkpath.media.session import MediaSession
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction, ServerTransaction


def test_a_caller_of_ours_is_asked_for_proof_and_a_forger_never_passes(lab: Lab, callee: Phone) -> None:
    forger = lab.phone("1001", "203.0.113.66")
    forger.invite(f"sip:1002@{HOME}", proven=False)
    assert forger.statuses()[-1] == 407
    assert callee.inbox == []


def test_a_stranger_may_call_a_user_but_goes_nowhere_else(lab: Lab, callee: Phone) -> None:
    stranger = lab.phone("visitor", "203.0.113.9")
    stranger.invite(f"sip:1002@{HOME}")
    assert callee.methods() == ["INVITE"]
    stranger.invite("sip:9001@203.0.113.50", call_id="c2", proven=False)
    assert stranger.last().status == 407


def test_the_invite_is_rewritten_as_a_proxy_must(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}")
    invite = callee.take()
    assert invite.uri == callee.contact
    assert invite.first("Max-Forwards") == "69"
    assert len(invite.all("Via")) == 2
    assert invite.top_via.host == HOME
    assert len(invite.all("Record-Route")) == 1
    assert invite.first("Proxy-Authorization") is None
    assert caller.statuses() == [100]


def test_a_whole_call_passes_and_the_ledger_knows_who_ended_it(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, _ = call(caller, callee)
    callee.in_dialog("BYE", invite)
    bye = caller.take()
    assert (bye.method, bye.uri) == ("BYE", caller.contact)
    assert bye.first("Route") is None
    caller.answer(bye, 200)
    assert callee.last().status == 200
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_by, trace.ended_how) == ("callee", "bye")
    assert lab.edge.core.calls == {}


def _ended(lab: Lab) -> tuple[float | None, str, str]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    return trace.ended_at, trace.ended_by, trace.ended_how


def test_talk_ends_with_the_bye_and_not_with_its_answer(lab: Lab, caller: Phone, callee: Phone) -> None:
    _, ok = call(caller, callee)
    hung_up_at = lab.now
    caller.in_dialog("BYE", ok)
    lab.wait(3)
    callee.answer(callee.last(), 200)
    assert _ended(lab) == (hung_up_at, "caller", "bye")


def test_a_bye_that_nobody_answers_does_not_stretch_the_talk(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, _ = call(caller, callee)
    hung_up_at = lab.now
    callee.in_dialog("BYE", invite)
    lab.wait(33)
    assert callee.last().status == 408
    assert _ended(lab) == (hung_up_at, "callee", "bye")


def test_a_challenged_bye_does_not_end_the_talk(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, _ = call(caller, callee)
    callee.in_dialog("BYE", invite)
    caller.answer(caller.take(), 401)
    lab.wait(5)
    callee.in_dialog("BYE", invite)
    caller.answer(caller.take(), 200)
    assert _ended(lab) == (lab.now, "callee", "bye")


def test_a_stop_while_a_bye_is_under_way_tells_only_who_does_not_know(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, _ = call(caller, callee)
    callee.in_dialog("BYE", invite)
    hung_up_at = lab.now
    lab.wait(0.2)
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert (caller.methods(), callee.methods()) == (["BYE", "BYE"], [])
    assert _ended(lab) == (hung_up_at, "callee", "bye")


@pytest.mark.parametrize("near", [Transport.UDP, Transport.TCP, Transport.TLS, Transport.WSS])
@pytest.mark.parametrize("far", [Transport.UDP, Transport.TCP, Transport.TLS, Transport.WS])
def test_every_mix_of_transports_reaches_both_sides(lab: Lab, near: Transport, far: Transport) -> None:
    caller, callee = lab.phone("1001", "198.51.100.7", 41000, near), lab.phone("1002", "198.51.100.8", 42000, far)
    for phone in (caller, callee):
        if phone.transport.is_websocket:
            phone.contact, phone.via_host = f"sip:{phone.user}xyz@abc.invalid;transport=ws", "abc.invalid"
        phone.register()
    invite, ok = call(caller, callee)
    # Two entries where the sides meet different sockets (RFC 5658).
    assert len(invite.all("Record-Route")) == (1 if near is far else 2)
    caller.in_dialog("INFO", ok)
    assert callee.methods() == ["INFO"]
    callee.answer(callee.take(), 200)
    callee.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]


@pytest.mark.parametrize(("transport", "entries"), [(Transport.UDP, 1), (Transport.TCP, 2)])
def test_what_did_not_register_is_named_beside_the_caller_where_a_datagram_leads_there(
    lab: Lab, caller: Phone, transport: Transport, entries: int
) -> None:
    proxy = lab.phone("x", "203.0.113.99", transport=transport)
    caller.invite(f"sip:x@203.0.113.99;transport={transport.lower()}")
    invite = proxy.take()
    # A connection has no name before it stands.
    assert len(invite.all("Record-Route")) == entries
    proxy.answer(invite, 200)
    ok = caller.last()
    # As after a restart: only the tokens know of the dialog.
    lab.edge.core.calls.clear()
    caller.ack(ok, proxy.contact)
    caller.in_dialog("INFO", ok)
    assert proxy.methods() == ["ACK", "INFO"]
    proxy.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]


def test_a_forged_route_leads_nowhere(lab: Lab, caller: Phone, callee: Phone) -> None:
    _, ok = call(caller, callee)
    route = ok.first("Record-Route") or ""
    forged = route.replace("sip:", "sip:A", 1)
    thief = lab.phone("x", "203.0.113.66")
    head = "MESSAGE sip:a@198.51.100.99 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bKf\nMax-Forwards: 70"
    rest = "From: <sip:x@203.0.113.66>;tag=q\nTo: <sip:y@198.51.100.99>;tag=r\nCall-ID: f\nCSeq: 1 MESSAGE"
    thief.send(f"{head}\nRoute: {forged}\n{rest}")
    assert callee.inbox == []
    assert thief.last().status >= 400


def test_a_nat_is_seen_and_answers_go_to_the_source(lab: Lab, callee: Phone) -> None:
    phone = lab.phone("1001", "203.0.113.20", 61234)
    phone.via_host, phone.contact = "10.0.0.5:5060;rport", "sip:1001@10.0.0.5:5060"
    phone.register()
    invite, ok = call(phone, callee)
    assert "received=203.0.113.20" in (ok.first("Via") or "")
    callee.in_dialog("BYE", invite)
    assert phone.methods() == ["BYE"]
    assert phone.last().uri == "sip:1001@10.0.0.5:5060"


def test_a_connection_that_is_gone_is_replaced_by_the_phones_new_registration(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("1001", "198.51.100.7", 41000, Transport.TCP)
    caller.contact_params = ';+sip.instance="<urn:uuid:7>"'
    caller.register()
    invite, _ = call(caller, callee)
    lab.close(caller)
    caller.reconnect(41001)
    caller.register()
    callee.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]
    assert "flow.replaced" in lab.kinds("c1")


def away(lab: Lab, callee: Phone) -> tuple[Phone, Message]:
    """A browser in a call whose connection broke, and the INVITE of that call as the callee has it."""
    browser = lab.phone("1001", "198.51.100.7", 41000, Transport.WSS)
    browser.contact, browser.via_host = "sip:xyz@abc.invalid;transport=ws", "abc.invalid"
    browser.contact_params = ';+sip.instance="<urn:uuid:7>"'
    browser.register()
    invite, _ = call(browser, callee)
    lab.close(browser)
    return browser, invite


def test_an_offer_waits_for_a_browser_that_comes_back(lab: Lab, callee: Phone) -> None:
    """Two pages whose proxy is restarted come back one after the other; JsSIP hangs up when it is refused."""
    browser, invite = away(lab, callee)
    callee.in_dialog("INVITE", invite, body=OFFER)
    lab.wait(3)
    assert callee.statuses() == [100]
    browser.reconnect(41001)
    browser.register()
    lab.wait(1)
    again = browser.take()
    assert again.method == "INVITE"
    browser.answer(again, 200)
    assert callee.last().status == 200
    assert {"flow.awaited", "flow.replaced"} <= set(lab.kinds("c1"))


def test_an_offer_to_a_browser_that_does_not_come_back_is_refused(lab: Lab, callee: Phone) -> None:
    _, invite = away(lab, callee)
    callee.in_dialog("INVITE", invite, body=OFFER)
    lab.wait(9)
    assert list(dict.fromkeys(callee.statuses())) == [100, 430]


def test_an_offer_that_waits_ends_with_its_call(lab: Lab, callee: Phone) -> None:
    _, invite = away(lab, callee)
    callee.in_dialog("INVITE", invite, body=OFFER)
    callee.in_dialog("BYE", invite)
    lab.wait(9)
    answers = [(one.cseq.method, one.status) for one in callee.inbox if not one.is_request and one.status > 100]
    assert set(answers) == {("BYE", 408), ("INVITE", 481)}
    assert lab.edge.core.calls == {}


def test_in_dialog_requests_need_no_memory_of_the_call(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, _ = call(caller, callee)
    lab.edge.core.calls.clear()
    callee.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]


def test_media_is_anchored_in_the_offer_and_in_the_answer(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, ok = call(caller, callee, body=OFFER)
    for message in (invite, ok):
        assert f"c=IN IP4 {HOME}".encode() in message.body
        assert message.content_length == len(message.body)
    assert len(lab.engine.open_ports) == 2
    caller.in_dialog("BYE", ok)
    callee.answer(callee.take(), 200)
    assert lab.engine.open_ports == []


def test_a_call_whose_media_died_is_ended_on_both_sides_with_a_reason(lab: Lab, caller: Phone, callee: Phone) -> None:
    call(caller, callee, body=OFFER)
    running = next(iter(lab.edge.core.calls.values()))
    assert running.media is not None
    lab.wait(120)
    for port in lab.engine.open_ports:
        running.media.receive(lab.engine.fall_silent(port, lab.now), lab.now)
    lab.edge.check_media(running, lab.now)
    lab.pump()
    for phone in (caller, callee):
        assert phone.methods() == ["BYE"]
        assert "No media" in (phone.last().first("Reason") or "")
    assert callee.last().cseq.number > 1
    assert lab.edge.core.calls == {}


def test_a_datagram_without_content_length_gets_one_on_its_way(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7", 41000, Transport.TCP)
    caller.invite(f"sip:1002@{HOME}")
    invite = callee.take()
    lab.deliver(callee.flow, callee_ringing(invite))
    assert caller.last().status == 183
    assert caller.last().first("Content-Length") == "0"


def callee_ringing(invite: Message) -> bytes:
    """A 183 as linphone writes its 180 over UDP: without Content-Length."""
    lines = ["SIP/2.0 183 Session Progress", *(f"Via: {value}" for value in invite.all("Via"))]
    lines += [f"{name}: {invite.first(name)}" for name in ("From", "Call-ID", "CSeq")]
    return "\r\n".join([*lines, f"To: {invite.first('To')};tag=x", "", ""]).encode()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "BYE", "OPTIONS", "REFER"])
@pytest.mark.parametrize("uri", ["sip:00900123@203.0.113.99:5060", f"sip:1002@{HOME}"])
def test_a_made_up_to_tag_opens_no_door(lab: Lab, callee: Phone, method: str, uri: str) -> None:
    stranger = lab.phone("1001", "203.0.113.66")
    to = "<sip:x@203.0.113.99>;tag=made-up"
    stranger.request(method, uri, to=to)
    stranger.request(method, uri, to=to, extra=f"Route: <sip:{HOME};lr>\nRoute: <sip:203.0.113.99;lr>")
    assert [status for status in stranger.statuses() if status != 100] == [481, 481]
    stranger.request("ACK", uri, to=to)
    assert callee.inbox == []
    assert lab.lost == []


def test_a_token_of_ones_own_call_leads_only_into_that_call(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7", 41000, Transport.TCP)
    invite, _ = call(caller, callee)
    lab.close(caller)
    lab.edge.core.calls.clear()
    callee.request(
        "MESSAGE",
        "sip:victim@203.0.113.99",
        to="<sip:visitor@x>;tag=tagvisitor",
        tag="tag1002",
        call_id="c1",
        extra="\n".join(f"Route: {one}" for one in (*invite.listed("Record-Route"), "<sip:203.0.113.99;lr>")),
    )
    assert callee.last().status == 430
    assert lab.lost == []


def test_a_description_among_several_parts_is_anchored_and_the_other_parts_stay(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7")
    parts = b"--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<x/>\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n"
    body = parts + OFFER + b"\r\n--b1--\r\n"
    head = f"INVITE sip:1002@{HOME} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKm\r\n"
    rest = f"From: <sip:visitor@x>;tag=v\r\nTo: <sip:1002@{HOME}>\r\nCall-ID: m\r\nCSeq: 1 INVITE\r\n"
    kind = 'Contact: <sip:visitor@198.51.100.7>\r\nContent-Type: multipart/mixed;boundary="b1"\r\n'
    lab.deliver(caller.flow, f"{head}{rest}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    arrived = callee.take()
    assert arrived.body.startswith(parts)
    assert arrived.body.endswith(b"\r\n--b1--\r\n")
    assert f"c=IN IP4 {HOME}".encode() in arrived.sdp
    assert b"198.51.100.7\r\nt=" not in arrived.body


def test_a_phone_that_moved_to_another_network_is_found_there_at_once(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("1001", "198.51.100.7", 41000, Transport.TCP)
    caller.contact_params = ';+sip.instance="<urn:uuid:7>"'
    caller.register()
    invite, _ = call(caller, callee)
    left_behind = lab.phone("1001", "198.51.100.7", 41000, Transport.TCP)
    left_behind.flow = caller.flow
    caller.reconnect(41001)
    caller.register()
    callee.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]
    assert left_behind.inbox == []


def test_a_dead_connection_of_the_same_phone_does_not_hide_its_new_one(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("1001", "198.51.100.7", 41000, Transport.TCP)
    caller.register()
    invite, _ = call(caller, callee)
    lab.close(caller)
    caller.reconnect(41001)
    caller.contact = "sip:1001@198.51.100.7:41001;transport=tcp"
    caller.register()
    callee.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]


def test_a_node_that_drains_takes_no_new_call_and_says_when_to_come_back(lab: Lab, callee: Phone) -> None:
    lab.edge.core.is_draining = True
    caller = lab.phone("visitor", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}")
    assert (caller.last().status, caller.last().first("Retry-After")) == (503, "10")
    assert callee.inbox == []


def test_a_node_that_drains_takes_calls_at_an_address_that_is_about_to_leave(lab: Lab, callee: Phone) -> None:
    lab.edge.core.is_draining, lab.edge.core.leaving = True, frozenset({HOME})
    caller = lab.phone("visitor", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}")
    assert callee.methods() == ["INVITE"]


def test_a_token_is_good_for_its_own_call_only(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7")
    _, ok = call(caller, callee)
    routes = "\n".join(f"Route: {one}" for one in reversed(ok.listed("Record-Route")))
    caller.request("INVITE", callee.contact, to=ok.first("To") or "", call_id="another", extra=routes)
    assert caller.statuses()[-1] == 481
    assert callee.inbox == []


def test_calls_that_are_over_leave_nothing_for_the_collector(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7")

    def whole_call(number: int) -> None:
        invite, _ = call(caller, callee, body=OFFER, call_id=f"c{number}")
        callee.in_dialog("BYE", invite)
        caller.answer(caller.take(), 200)
        caller.inbox.clear()
        callee.inbox.clear()
        lab.wait(40)
        lab.ledger.expire(lab.now)
        lab.ledger.drain()
        lab.media.clear()
        lab.engine.told.clear()

    lasting = (ServerTransaction, ClientTransaction, Fork, Branch, RunningCall, Party, MediaSession, Leg, Anchor)
    gc.collect()
    gc.disable()
    # A node that other tests opened froze itself, and keeps what it had.
    others = {id(one) for one in gc.get_objects() if isinstance(one, lasting)}
    try:
        for number in range(10):
            whole_call(number)
        assert [one for one in gc.get_objects() if isinstance(one, lasting) and id(one) not in others] == []
    finally:
        gc.enable()


def test_a_guest_calls_users_and_goes_nowhere_else(lab: Lab, callee: Phone) -> None:
    lab.accounts.guests.add("1003")
    guest = lab.phone("1003", "203.0.113.9")
    guest.register()
    guest.invite(f"sip:1002@{HOME}")
    assert callee.methods() == ["INVITE"]
    guest.invite("sip:9001@203.0.113.50", call_id="c2")
    assert guest.last().status == 403
    guest.invite(f"sip:1002@{HOME}", call_id="c3", extra="Route: <sip:203.0.113.50;lr>")
    assert guest.last().status == 403


def test_a_guest_does_not_make_others_dial(lab: Lab, caller: Phone) -> None:
    lab.accounts.guests.add("1003")
    guest = lab.phone("1003", "203.0.113.9")
    guest.register()
    invite, _ = call(caller, guest)
    caller.inbox.clear()
    guest.in_dialog("REFER", invite, extra="Refer-To: <sip:9001@203.0.113.50>")
    assert guest.last().status == 403
    assert caller.inbox == []


def test_a_request_that_names_the_very_phone_goes_down_its_flow(lab: Lab, caller: Phone) -> None:
    """As attended transfers do with the Contact of the phone they lead to (RFC 5589 7.3), reachable or not."""
    first = lab.phone("1002", "203.0.113.8", transport=Transport.WSS)
    second = lab.phone("1002", "203.0.113.9", transport=Transport.WSS)
    first.contact, second.contact = "sip:a1@x.invalid;transport=ws", "sip:1002@192.168.1.9:5062;transport=ws"
    first.register()
    second.register()
    caller.invite(first.contact)
    assert (first.methods(), second.methods()) == (["INVITE"], [])
    caller.invite(second.contact, call_id="c2")
    assert second.methods() == ["INVITE"]
    first.register(expires=0)
    caller.invite(first.contact, call_id="c3")
    assert caller.last().status == 404


def test_an_answer_to_a_reinvite_that_crossed_the_bye_takes_no_ports(lab: Lab, caller: Phone, callee: Phone) -> None:
    invite, ok = call(caller, callee, body=OFFER)
    caller.in_dialog("INVITE", ok, body=OFFER)
    again = callee.last()
    callee.in_dialog("BYE", invite)
    caller.answer(caller.last(), 200)
    assert lab.engine.open_ports == []
    callee.answer(again, 200, body=OFFER)
    assert caller.last().status == 200
    assert lab.engine.open_ports == []


def test_a_bye_before_the_answer_ends_one_ringing_phone_and_not_the_call(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    mobile = lab.phone("1002", "198.51.100.9")
    mobile.register()
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    at_desk, at_mobile = callee.take(), mobile.take()
    callee.answer(at_desk, 180, tag="d")
    mobile.answer(at_mobile, 180, tag="m")
    caller.in_dialog("BYE", next(message for message in caller.inbox if message.to_tag == "d"))
    callee.answer(callee.take(), 200)
    callee.answer(at_desk, 487, tag="d")
    mobile.answer(at_mobile, 200, tag="m", body=OFFER)
    caller.ack(caller.last(), mobile.contact)
    assert len(lab.edge.core.calls) == 1
    caller.in_dialog("BYE", next(message for message in caller.inbox if message.to_tag == "m"))
    mobile.answer(mobile.last(), 200)
    assert _ended(lab)[1:] == ("caller", "bye")
    assert lab.engine.open_ports == []


def test_a_bye_before_the_answer_is_giving_up(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    callee.answer(invite, 180)
    caller.in_dialog("BYE", caller.last())
    callee.answer(callee.take(), 200)
    callee.answer(invite, 487)
    assert caller.last().status == 487
    assert _ended(lab)[1:] == ("caller", "cancel")
    assert lab.engine.open_ports == []


def test_a_cancel_while_a_name_is_looked_up_ends_the_call_and_nothing_rings(lab: Lab, caller: Phone) -> None:
    pending: list[Callable[[Located, float], None]] = []
    lab.edge.core.world = replace(lab.edge.core.world, resolve=lambda uri, done: pending.append(done))
    peer = lab.phone("9", "203.0.113.50")
    branch = caller.invite("sip:9@203.0.113.50", body=OFFER)
    caller.request("CANCEL", "sip:9@203.0.113.50", call_id="c1", cseq=caller.cseq, branch=branch)
    assert caller.statuses() == [100, 200, 487]
    pending[0](Located([Target(Transport.UDP, peer.flow.remote)]), lab.now)
    lab.pump()
    assert peer.inbox == []
    assert _ended(lab)[1:] == ("caller", "cancel")
    assert lab.edge.core.calls == {}


def test_a_phone_that_sends_from_one_port_and_listens_on_another_is_reached_there(lab: Lab, caller: Phone) -> None:
    """As some desk phones do: no rport in Via, which names the port that they listen on (RFC 3261 section 18.2.2)."""
    mouth, ear = lab.phone("1002", "198.51.100.8", 49_152), lab.phone("1002", "198.51.100.8")
    mouth.via_host, mouth.contact = ear.via_host, ear.contact
    mouth.inbox = ear.inbox
    assert mouth.register().status == 200
    invite, _ = call(caller, ear)
    mouth.in_dialog("BYE", invite)
    caller.answer(caller.take(), 200)
    assert ear.last().status == 200
    mouth.invite(f"sip:1001@{HOME}", call_id="c2")
    at_caller = caller.last()
    caller.answer(at_caller, 200)
    ear.ack(ear.last(), caller.contact)
    caller.in_dialog("BYE", at_caller)
    assert (ear.last().method, ear.last().call_id) == ("BYE", "c2")


@pytest.mark.parametrize("target", ["1002", "echo"])
def test_candidates_that_a_browser_names_later_are_taken_here(lab: Lab, callee: Phone, target: str) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    page = lab.phone("1001", "198.51.100.7", 41000, Transport.WSS)
    page.register()
    page.invite(f"sip:{target}@{HOME}", call_id="web", body=Browser(offers=True).describe("8"))
    for invite in [message for message in callee.inbox if message.method == "INVITE"]:
        callee.answer(invite, 200, "OK", body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
    ok = page.last()
    page.ack(ok, callee.contact)
    callee.inbox.clear()
    kind = "Content-Type: application/trickle-ice-sdpfrag\nInfo-Package: trickle-ice"
    fragment = b"m=audio 9 X 0\r\na=mid:0\r\na=candidate:1 1 udp 1 198.51.100.77 50000 typ host\r\n"
    page.in_dialog("INFO", ok, body=fragment, extra=kind)
    assert (page.last().status, page.last().method) == (200, "INFO")
    assert callee.inbox == []
    assert lab.kinds("web").count("ice.candidate") == 2
    callee.inbox.clear()
    page.in_dialog("INFO", ok, body=b"Signal=1", extra="Content-Type: application/dtmf-relay")
    assert [message.method for message in callee.inbox] == ([] if target == "echo" else ["INFO"])


def test_a_browser_that_is_called_without_an_offer_gets_ours(lab: Lab, caller: Phone) -> None:
    """Its answer is the offer in the 200, and the answer in the ACK goes no further (RFC 3261 section 13.2.1)."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    page, desk = lab.phone("1002", "198.51.100.9", 41000, Transport.WSS), lab.registered("1002", "198.51.100.10")
    page.register()
    caller.invite(f"sip:1002@{HOME}")
    invite = page.take()
    assert invite.first("Content-Type") == "application/sdp"
    assert b"a=fingerprint" in invite.sdp
    at_desk = desk.take()
    assert (at_desk.body, at_desk.first("Content-Type")) == (b"", None)
    page.answer(invite, 183, body=Browser(offers=False).describe("8"))
    assert (caller.last().status, caller.last().body, caller.last().first("Content-Type")) == (183, b"", None)
    page.answer(invite, 200, body=Browser(offers=False).describe("8"))
    ok = caller.last()
    assert b"RTP/AVP 8" in ok.sdp
    assert b"fingerprint" not in ok.sdp
    page.inbox.clear()
    caller.ack(ok, page.contact, body=OFFER)
    ack = page.take()
    assert (ack.method, ack.body, ack.first("Content-Type")) == ("ACK", b"", None)
    assert ack.first("Content-Length") == "0"
    assert "media.proposed" in lab.kinds("c1")
    caller.in_dialog("INVITE", ok)
    assert page.last().body == b"", "within a call it makes offers itself"


def test_a_name_that_does_not_resolve_is_our_refusal_and_not_the_callees(lab: Lab, caller: Phone) -> None:
    lab.edge.core.world = replace(lab.edge.core.world, resolve=lambda uri, done: done(Located([]), lab.now))
    caller.invite("sip:9@203.0.113.50", body=OFFER)
    assert caller.last().status == 404
    assert _ended(lab)[1:] == ("server", "refused")


def test_a_name_of_which_nothing_can_be_learnt_is_no_name_that_is_not_there() -> None:
    lab = Lab(replace(Lab().edge.core.settings, domains=frozenset({"home.example"})))
    caller = lab.registered("1001", "198.51.100.1")
    lab.names_are_silent = True
    caller.invite("sip:9@elsewhere.example", body=OFFER)
    assert (caller.last().status, caller.last().reason) == (503, "Names unavailable")
    trace = lab.ledger.trace("c1")
    assert trace is not None
    said = [words.said(moment, Language.EN) for moment in trace.moments]
    assert "elsewhere.example does not resolve: no server of names answers." in said


def test_who_is_not_registered_is_told_as_that_and_not_as_policy(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:1003@{HOME}", body=OFFER)
    trace = lab.ledger.trace("c1")
    assert trace is not None
    said = [words.said(moment, Language.EN) for moment in trace.moments]
    assert said[-2:] == ["1003 is not registered.", "Refused with 480: Temporarily Unavailable."]


def test_an_answer_that_nobody_acknowledges_is_told_as_that(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:1003@{HOME}", body=OFFER)
    lab.wait(40)
    assert "transaction.unacknowledged" in lab.kinds("c1")
