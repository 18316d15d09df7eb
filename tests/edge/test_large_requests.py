"""Requests too large for a datagram go over TCP where whom we reach over UDP listens there too (RFC 3261 section
18.1.1), and as datagrams where it does not, without a call being lost by the trial."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address, Target, Transport
from talkpath.sip.message import Message

LARGE = "X-Padding: " + "p" * 1500
URI = f"sip:1002@{HOME}"
THERE = Target(Transport.TCP, Address("198.51.100.8", 5060))


def caller_and_phone(lab: Lab, listens: bool = True) -> tuple[Phone, Phone, Phone]:
    """A caller, and a phone by its two ways: the flow it registered on, and the connection where it listens."""
    caller, datagrams = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    stream = Phone(lab, "1002", "198.51.100.8", 5060, Transport.TCP)
    if listens:
        lab.phones.append(stream)
    return caller, datagrams, stream


def answered(caller: Phone, callee: Phone, invite: Message) -> Message:
    """The 200 as it reaches the caller."""
    callee.answer(invite, 180)
    callee.answer(invite, 200, body=OFFER)
    assert caller.last().status == 200
    return caller.last()


def test_a_phone_that_listens_on_tcp_is_called_there_and_both_can_hang_up(lab: Lab) -> None:
    for hangs_up in ("caller", "callee"):
        lab.phones.clear()
        caller, datagrams, stream = caller_and_phone(lab)
        caller.invite(URI, call_id=hangs_up, body=OFFER, extra=LARGE)
        assert datagrams.methods() == []
        invite = stream.last()
        assert b"\r\nCall-ID:" in invite.raw
        assert (invite.top_via.transport, invite.top_via.host, invite.top_via.port) == ("TCP", HOME, 5060)
        facing_callee, facing_caller = invite.listed("Record-Route")
        assert "transport=tcp" in facing_callee
        assert "transport=tcp" not in facing_caller
        assert lab.kinds(hangs_up).count("size.transport-changed") == 1
        ok = answered(caller, stream, invite)
        caller.ack(ok, URI)
        assert [*stream.methods(), *datagrams.methods()].count("ACK") == 1
        if hangs_up == "caller":
            caller.in_dialog("BYE", ok)
            assert "BYE" in [*stream.methods(), *datagrams.methods()]
        else:
            stream.in_dialog("BYE", invite)
            assert caller.last().method == "BYE"


def test_what_fits_goes_as_a_datagram(lab: Lab) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.invite(URI, body=OFFER)
    assert (datagrams.methods(), stream.inbox, lab.tried) == (["INVITE"], [], [])


def test_who_does_not_listen_is_tried_once_in_ten_minutes(lab: Lab) -> None:
    caller, datagrams, _ = caller_and_phone(lab, listens=False)
    caller.invite(URI, call_id="first", body=OFFER, extra=LARGE)
    assert datagrams.methods() == ["INVITE"]
    assert "size.risky" in lab.kinds("first")
    caller.invite(URI, call_id="second", body=OFFER, extra=LARGE)
    assert lab.tried == [THERE]
    lab.wait(590)
    datagrams.register()
    caller.invite(URI, call_id="third", body=OFFER, extra=LARGE)
    assert lab.tried == [THERE]
    lab.wait(11)
    caller.invite(URI, call_id="fourth", body=OFFER, extra=LARGE)
    assert lab.tried == [THERE, THERE]


def test_where_packets_are_dropped_the_call_waits_half_a_second_and_the_next_one_not_at_all(lab: Lab) -> None:
    caller, datagrams, _ = caller_and_phone(lab, listens=False)
    lab.unanswering.add(THERE)
    caller.invite(URI, call_id="first", body=OFFER, extra=LARGE)
    lab.wait(0.4)
    assert datagrams.methods() == []
    lab.wait(0.11)
    assert datagrams.methods() == ["INVITE"]
    caller.invite(URI, call_id="second", body=OFFER, extra=LARGE)
    assert datagrams.last().call_id == "second"
    lab.unopened.pop()(False)
    lab.pump()
    assert datagrams.methods().count("INVITE") == 2


def test_a_caller_who_gives_up_while_the_connection_is_tried_is_told_so_and_nobody_rings(lab: Lab) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    lab.unanswering.add(THERE)
    branch = caller.invite(URI, body=OFFER, extra=LARGE)
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    assert 487 in caller.statuses()
    lab.unopened.pop()(True)
    lab.wait(5)
    assert (datagrams.methods(), stream.methods(), lab.edge.core.calls) == ([], [], {})


def test_behind_a_nat_no_connection_is_tried(lab: Lab) -> None:
    caller, phone = lab.registered("1001", "198.51.100.7"), lab.behind_nat("1002")
    caller.invite(URI, body=OFFER, extra=LARGE)
    assert (phone.methods(), lab.tried) == (["INVITE"], [])


@pytest.mark.parametrize("how", ["it breaks", "it brings nothing"])
def test_a_connection_that_fails_before_any_answer_costs_no_call(lab: Lab, how: str) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.invite(URI, body=OFFER, extra=LARGE)
    first = stream.last()
    if how == "it breaks":
        lab.close(stream)
    else:
        lab.wait(3.1)
    again = datagrams.last()
    # A phone that did read the first takes this for a new request and no loop.
    assert (again.cseq.number, again.top_via.transport) == (first.cseq.number + 1, "UDP")
    ok = answered(caller, datagrams, again)
    assert ok.cseq.number == first.cseq.number
    caller.ack(ok, URI)
    assert (datagrams.last().method, datagrams.last().cseq.number) == ("ACK", again.cseq.number)
    caller.in_dialog("BYE", ok)
    assert (datagrams.last().method, datagrams.last().cseq.number) == ("BYE", again.cseq.number + 1)
    caller.invite(URI, call_id="next", body=OFFER, extra=LARGE)
    assert datagrams.last().call_id == "next"


def test_a_phone_that_rings_may_close_the_connection(lab: Lab) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.invite(URI, body=OFFER, extra=LARGE)
    invite = stream.last()
    stream.answer(invite, 180)
    lab.close(stream)
    lab.wait(4)
    assert datagrams.methods() == []
    stream.reconnect(5070)
    stream.answer(invite, 200, body=OFFER)
    assert caller.last().status == 200


def test_a_large_request_within_a_dialog_goes_over_tcp_too(lab: Lab) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.invite(URI, body=OFFER)
    ok = answered(caller, datagrams, datagrams.last())
    caller.ack(ok, URI)
    caller.in_dialog("INVITE", ok, body=OFFER, extra=LARGE)
    assert (stream.methods(), datagrams.methods()) == (["INVITE"], ["INVITE", "ACK"])
    stream.answer(stream.last(), 200, body=OFFER)
    assert (caller.last().status, caller.last().cseq.method) == (200, "INVITE")


def test_a_large_message_outside_any_call_goes_over_tcp_too(lab: Lab) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.request("MESSAGE", URI, call_id="m1")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "MESSAGE", URI)
    caller.request("MESSAGE", URI, call_id="m1", extra=f"Proxy-Authorization: {proof}\n{LARGE}")
    assert (stream.methods(), datagrams.methods()) == (["MESSAGE"], [])
    stream.answer(stream.last(), 200)
    assert caller.last().status == 200


def test_a_server_found_by_name_is_called_over_tcp() -> None:
    lab = Lab()
    lab = Lab(replace(lab.edge.core.settings, domains=frozenset({"example.com"})))
    there = Address("198.51.100.99", 5060)
    lab.names["example.net"] = [Target(Transport.UDP, there)]
    server = lab.phone("", there.host, transport=Transport.TCP)
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite("sip:x@example.net", body=OFFER, extra=LARGE)
    assert server.methods() == ["INVITE"]


def carrier(*streams: Target) -> tuple[Lab, Phone, Phone]:
    """A caller, and a server by name that takes datagrams and offers these streams."""
    lab = Lab()
    lab = Lab(replace(lab.edge.core.settings, domains=frozenset({"example.com"})))
    datagrams = lab.phone("", "198.51.100.99")
    lab.names["example.net"] = [Target(Transport.UDP, datagrams.flow.remote, "example.net"), *streams]
    return lab, lab.registered("1001", "198.51.100.7"), datagrams


OFFERED = Target(Transport.TCP, Address("198.51.100.98", 5070), "example.net")
SECURE = Target(Transport.TLS, Address("198.51.100.99", 5061), "example.net")


def test_the_stream_that_the_records_of_a_name_offer_is_taken() -> None:
    lab, caller, datagrams = carrier(OFFERED, SECURE)
    stream = lab.phone("", "198.51.100.98", 5070, Transport.TCP)
    caller.invite("sip:x@example.net", call_id="large", body=OFFER, extra=LARGE)
    assert (stream.methods(), datagrams.methods()) == (["INVITE"], [])
    caller.invite("sip:x@example.net", call_id="small", body=OFFER)
    assert (stream.methods(), datagrams.methods()) == (["INVITE"], ["INVITE"])


def test_where_the_first_stream_of_a_name_does_not_stand_the_next_is_tried() -> None:
    lab, caller, datagrams = carrier(OFFERED, SECURE)
    secure = lab.phone("", "198.51.100.99", 5061, Transport.TLS)
    lab.unanswering.add(OFFERED)
    caller.invite("sip:x@example.net", body=OFFER, extra=LARGE)
    lab.wait(0.6)
    assert lab.tried == [OFFERED, SECURE]
    assert (secure.methods(), datagrams.methods()) == (["INVITE"], [])
    caller.invite("sip:x@example.net", call_id="next", body=OFFER, extra=LARGE)
    assert lab.tried == [OFFERED, SECURE, SECURE], "what did not stand is remembered"
    answered(caller, secure, secure.last())


def test_a_name_whose_streams_do_not_stand_gets_a_datagram_after_a_second() -> None:
    third = Target(Transport.TLS, Address("198.51.100.97", 5061), "example.net")
    lab, caller, datagrams = carrier(OFFERED, SECURE, third)
    lab.unanswering |= {OFFERED, SECURE, third}
    caller.invite("sip:x@example.net", body=OFFER, extra=LARGE)
    lab.wait(0.9)
    assert datagrams.methods() == []
    lab.wait(0.11)
    assert datagrams.methods() == ["INVITE"]
    assert lab.tried == [OFFERED, SECURE]


def test_a_phone_whose_contact_wants_tls_is_tried_over_tls() -> None:
    lab = Lab()
    caller, phone = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    phone.contact = "sips:1002@198.51.100.8:5061"
    secure = lab.phone("", "198.51.100.8", 5061, Transport.TLS)
    caller.invite(URI, body=OFFER)
    ok = answered(caller, phone, phone.last())
    caller.ack(ok, URI)
    caller.in_dialog("INVITE", ok, body=OFFER, extra=LARGE)
    assert lab.tried == [Target(Transport.TLS, Address("198.51.100.8", 5061))]
    assert secure.methods() == ["INVITE"]


@pytest.mark.parametrize(("mtu", "size", "is_large"), [(None, 1250, False), (1500, 1290, False), (1400, 1250, True)])
def test_what_a_router_said_of_the_way_counts(lab: Lab, mtu: int | None, size: int, is_large: bool) -> None:
    caller, datagrams, stream = caller_and_phone(lab)
    caller.invite(URI, call_id="plain", body=OFFER, extra="X-Padding: ")
    padding = size - len(datagrams.last().raw) + len("plain") - len("sized")
    if mtu is not None:
        lab.mtus[datagrams.flow.remote.host] = mtu
    caller.invite(URI, call_id="sized", body=OFFER, extra="X-Padding: " + "p" * padding)
    assert (len(stream.methods()), len(datagrams.methods())) == ((1, 1) if is_large else (0, 2))


def test_what_goes_as_a_datagram_on_a_narrow_way_is_made_to_fit_it(lab: Lab) -> None:
    caller, datagrams, _ = caller_and_phone(lab, listens=False)
    lab.mtus[datagrams.flow.remote.host] = 1350
    caller.invite(URI, body=OFFER, extra="X-Padding: " + "p" * 440)
    assert 1100 < len(datagrams.last().raw) <= 1150
    assert [one for one in lab.kinds("c1") if one.startswith("size.")] == ["size.slimmed"]


def test_within_a_dialog_the_connection_serves_on_which_the_same_phone_is_registered(lab: Lab) -> None:
    caller, datagrams = lab.registered("1001", "198.51.100.7"), lab.phone("1002", "203.0.113.7", 40001)
    datagrams.via_host, datagrams.contact = "192.168.1.9:5062;rport", "sip:1002@192.168.1.9:5062"
    stream = lab.phone("1002", "203.0.113.7", 40002, Transport.TCP)
    for number, phone in enumerate((datagrams, stream), 1):
        phone.contact_params = f';+sip.instance="<urn:uuid:1>";reg-id={number}'
        phone.register()
    caller.invite(URI, body=OFFER)
    ok = answered(caller, datagrams, datagrams.last())
    caller.ack(ok, datagrams.contact)
    stream.inbox.clear()
    caller.in_dialog("INVITE", ok, body=OFFER, extra=LARGE)
    assert [one.method for one in stream.inbox if one.to_tag] == ["INVITE"]
    assert lab.tried == []
    stream.answer(stream.last(), 200, body=OFFER)
    assert (caller.last().status, caller.last().cseq.method) == (200, "INVITE")
