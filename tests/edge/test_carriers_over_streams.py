"""Carriers over TCP and TLS: whom we connect to, who connects to us, and what becomes of calls when that breaks."""

import pytest
from tests.edge.carrier import Carrier, gateway, house, named, trunk
from tests.edge.lab import HOME, OFFER, PORT, Lab, Phone

from talkpath.base.address import Address, Flow, Target, Transport
from talkpath.base.unsent import UNSENT
from talkpath.calls.gateway_words import REASONS
from talkpath.edge.gateways.settings import ProbeSettings
from talkpath.sip.message import Message

FIRST = Address("203.0.113.1", 5060)
SECOND = Address("203.0.113.2", 5060)
URI = f"sip:+493012345@{HOME}"
NO_PROBES = ProbeSettings(interval_s=0)
ANSWER = OFFER.replace(b"100.7", b"100.8")


def _house(**values: object) -> Lab:
    values = {"transport": Transport.TCP, "probe": NO_PROBES, **values}
    lab = house(
        gateway("first", FIRST.host, priority=1, **values),
        gateway("second", SECOND.host, priority=2, **values),
        outbound=frozenset({"1001"}),
    )
    lab.wait(0.1)
    return lab


def _calling(lab: Lab) -> Phone:
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(URI, body=OFFER)
    return caller


def _brought(lab: Lab, *, contact: str = "", route: str = "") -> tuple[Phone, Phone, Message]:
    """A call that the first carrier brings, over a connection of its own from an ephemeral port: it, who takes the
    call, and the INVITE that came there."""
    phone = lab.registered("1001", "198.51.100.1")
    carrier = lab.phone("carrier", FIRST.host, 50123, Transport.TCP)
    carrier.via_host = f"{FIRST}"
    carrier.contact = contact or f"sip:carrier@{FIRST};transport=tcp"
    carrier.invite(f"sip:1001@{HOME}", body=OFFER, extra=f"Record-Route: {route}" if route else "")
    invite = phone.take()
    phone.answer(invite, 200, body=ANSWER)
    carrier.ack(carrier.last(), phone.contact)
    phone.inbox.clear()
    return carrier, phone, invite


@pytest.mark.parametrize("why", sorted(UNSENT))
def test_why_something_was_not_reached_is_said_in_words(why: str) -> None:
    assert why in REASONS


def test_a_carrier_that_refuses_connections_is_gone_around_at_once_and_it_is_said_why() -> None:
    lab = _house()
    second = lab.phone("second", SECOND.host, transport=Transport.TCP)
    lab.refusing.add(Target(Transport.TCP, FIRST))
    _calling(lab)
    assert second.methods() == ["INVITE"]
    assert named(lab, "first").last_failure == "connection-refused"
    trace = lab.ledger.trace("c1")
    assert trace is not None
    told = {moment.kind: moment.values.get("why") for moment in trace.moments}
    assert (told["gateway.failed"], told["fork.branch-failed"]) == ("connection-refused", "connection-refused")


def test_a_call_that_no_carrier_takes_failed_here_and_not_at_whom_it_was_for() -> None:
    """A transport that fails counts as 503 (RFC 3261 section 16.9), which goes back as 500 (16.7 step 6): who called
    may try another way. 480 would say that the number itself does not answer."""
    lab = _house()
    lab.refusing |= {Target(Transport.TCP, FIRST), Target(Transport.TCP, SECOND)}
    caller = _calling(lab)
    assert (caller.statuses()[-1], caller.last().reason) == (500, "No gateway takes the call")
    assert not lab.edge.core.calls


def test_what_was_to_leave_over_a_connection_that_takes_too_long_is_wanted_no_more() -> None:
    """A phone that would ring when the connection stands at last would ring for nobody."""
    lab = _house()
    second = lab.phone("second", SECOND.host, transport=Transport.TCP)
    _calling(lab)
    (sent,) = (send for send in lab.lost if send.data.startswith(b"INVITE"))
    assert sent.is_wanted is not None
    assert sent.is_wanted()
    lab.wait(1.6)
    assert second.methods() == ["INVITE"]
    assert not sent.is_wanted()


def test_a_call_whose_caller_gave_up_meanwhile_is_wanted_no_more() -> None:
    lab = _house()
    caller = lab.registered("1001", "198.51.100.1")
    branch = caller.invite(URI, body=OFFER)
    (sent,) = (send for send in lab.lost if send.data.startswith(b"INVITE"))
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)
    assert sent.is_wanted is not None
    assert not sent.is_wanted()


@pytest.mark.parametrize("is_of_ours", [False, True])
@pytest.mark.parametrize("has_proxy", [False, True])
def test_who_hangs_up_reaches_a_carrier_whose_connection_is_gone(has_proxy: bool, is_of_ours: bool) -> None:
    """It listens where its Contact says, or the proxy before it where its Record-Route says. So for our BYE."""
    lab = _house()
    route = f"<sip:{SECOND};transport=tcp;lr>" if has_proxy else ""
    carrier, phone, invite = _brought(lab, route=route, contact="sip:carrier@10.9.9.9:5060" if has_proxy else "")
    again = lab.phone("carrier", (SECOND if has_proxy else FIRST).host, transport=Transport.TCP)
    lab.close(carrier)
    phone.in_dialog("BYE", invite, extra="Route: nonsense" if is_of_ours else "")
    assert again.methods() == ["BYE"]
    again.answer(again.take(), 200, "OK")
    assert phone.statuses() == [400 if is_of_ours else 200]
    assert not lab.edge.core.calls


def test_a_carrier_that_calls_in_over_our_connection_is_told_where_we_listen() -> None:
    """Our end of it is a port at which nobody listens: a BYE that comes when it is gone would find no way."""
    lab = _house()
    phone = lab.registered("1001", "198.51.100.1")
    carrier = lab.phone("carrier", FIRST.host, FIRST.port, Transport.TCP)
    carrier.flow = carrier.flow._replace(local=Address(HOME, 45_000))
    carrier.invite(f"sip:1001@{HOME}", body=OFFER)
    invite = phone.take()
    assert "45000" not in invite.raw.decode()
    phone.answer(invite, 200, body=ANSWER)
    carrier.ack(carrier.last(), phone.contact)
    assert not [route for route in carrier.last().all("Record-Route") if "45000" in route]
    lab.close(carrier)
    carrier.reconnect(50_123)
    carrier.flow = carrier.flow._replace(local=Address(HOME, PORT[Transport.TCP]))
    phone.inbox.clear()
    carrier.in_dialog("BYE", carrier.last())
    assert phone.methods() == ["BYE"]


def test_where_we_call_over_a_connection_that_stands_its_answers_are_for_where_we_listen() -> None:
    lab = house(gateway("first", FIRST.host, transport=Transport.TCP, probe=NO_PROBES), outbound=frozenset({"1001"}))
    named = lab.edge.core.locality.named(Flow(Transport.TCP, Address(HOME, 45_000), FIRST, 7))
    assert named == Address(HOME, PORT[Transport.TCP])


def test_no_sender_says_where_we_connect_to() -> None:
    """Only what the carrier itself named when the call began counts, not the Route that a request brings now."""
    lab = _house()
    carrier, phone, invite = _brought(lab, route=f"<sip:{SECOND};transport=tcp;lr>")
    victim = lab.phone("victim", "203.0.113.9", transport=Transport.TCP)
    lab.close(carrier)
    forged = invite.raw.replace(f"{SECOND};transport=tcp".encode(), b"203.0.113.9:5060;transport=tcp")
    phone.in_dialog("BYE", Message.parse(forged))
    assert victim.inbox == []


def test_a_bye_is_brought_over_a_connection_that_must_show_the_same_name() -> None:
    """Our token names the place, and no name: the call itself remembers whom the certificate is to name."""
    lab = house(
        gateway("first", "sip.carrier.example", transport=Transport.TLS, probe=NO_PROBES),
        outbound=frozenset({"1001"}),
    )
    target = Target(Transport.TLS, Address(FIRST.host, 5061), "sip.carrier.example")
    lab.names["sip.carrier.example"] = [target]
    carrier = lab.phone("carrier", FIRST.host, 5061, Transport.TLS)
    caller = _calling(lab)
    carrier.answer(carrier.take(), 200, body=ANSWER)
    caller.ack(caller.last(), carrier.contact)
    carrier.is_on = False
    lab.lost.clear()
    caller.in_dialog("BYE", caller.last())
    assert [send.hop for send in lab.lost] == [target]


def test_our_own_requests_name_accounts_and_not_the_way_to_them() -> None:
    """RFC 3261 section 19.1.1, table 1: neither port nor transport belong into From and To."""
    settings = trunk("first", FIRST.host, port=5070, transport=Transport.TCP, registers=True, domain="carrier.net")
    lab = house(settings)
    carrier = Carrier(lab, FIRST.host, 5070, Transport.TCP)
    lab.wait(0.1)
    (options,), (register,) = carrier.asked("OPTIONS"), carrier.asked("REGISTER")
    assert options.address("To").uri == f"sip:{FIRST.host}"
    assert options.address("From").uri == f"sip:4930@{HOME}"
    assert register.address("To").uri == register.address("From").uri == "sip:4930@carrier.net"
    assert "transport=tcp" in register.address("Contact").uri
