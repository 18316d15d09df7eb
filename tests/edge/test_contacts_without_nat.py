"""With nothing in between, a phone is reached at its Contact (RFC 3261 section 16.6), not where it sends from."""

import pytest
from tests.edge.lab import HOME, Lab, Phone, call

from talkpath.base.address import Address, Target, Transport


def pbx(
    lab: Lab, user: str = "1002", host: str = "198.51.100.8", *, port: int = 40000, listens: int = 5062
) -> tuple[Phone, Phone]:
    """Who registers from one port and listens on another: the sender and the listener."""
    sender, listener = lab.phone(user, host, port), lab.phone(user, host, listens)
    sender.contact = listener.contact
    return sender, listener


def test_a_call_goes_to_the_port_of_the_contact(lab: Lab) -> None:
    sender, listener = pbx(lab)
    sender.register()
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert (sender.methods(), listener.methods()) == ([], ["INVITE"])


def test_a_contact_without_a_port_means_the_default_one(lab: Lab) -> None:
    sender, listener = pbx(lab, listens=5060)
    sender.contact = "sip:1002@198.51.100.8"
    sender.register()
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert (sender.methods(), listener.methods()) == ([], ["INVITE"])


def test_a_contact_of_ipv6_in_another_spelling_is_the_same_host(lab: Lab) -> None:
    sender, listener = pbx(lab, host="2001:db8::8")
    sender.contact = "sip:1002@[2001:DB8:0::8]:5062"
    sender.register()
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert (sender.methods(), listener.methods()) == ([], ["INVITE"])


def test_requests_within_a_call_go_to_the_contacts_of_both(lab: Lab) -> None:
    caller, at_caller = pbx(lab, "1001", "198.51.100.7")
    callee, at_callee = pbx(lab, "1002", "198.51.100.8")
    caller.register()
    callee.register()
    caller.invite(f"sip:1002@{HOME}")
    invite = at_callee.take()
    at_callee.answer(invite, 200, "OK")
    ok = caller.last()
    caller.ack(ok, at_callee.contact)
    callee.in_dialog("INFO", invite)
    caller.in_dialog("INFO", ok)
    callee.in_dialog("BYE", invite)
    assert (at_callee.methods(), callee.methods()) == (["ACK", "INFO"], [])
    assert (at_caller.methods(), caller.methods()) == (["INFO", "BYE"], [])


def test_a_dialog_that_the_edge_forgot_leads_to_the_contact_of_its_caller(lab: Lab) -> None:
    caller, at_caller = pbx(lab, "1001", "198.51.100.7")
    callee = lab.registered("1002", "198.51.100.8")
    invite, _ = call(caller, callee)
    lab.edge.core.calls.clear()  # the process was started anew
    callee.in_dialog("BYE", invite)
    assert at_caller.methods() == ["BYE"]


def test_a_subscription_is_notified_at_the_contact_of_its_subscriber(lab: Lab) -> None:
    watcher, at_watcher = pbx(lab, "1001", "198.51.100.7")
    watched = lab.registered("1002", "198.51.100.8")
    watcher.request("SUBSCRIBE", f"sip:1002@{HOME}", call_id="s", extra="Event: presence")
    if watcher.last().status == 407:
        proof = watcher.credentials(watcher.last().all("Proxy-Authenticate")[0], "SUBSCRIBE", f"sip:1002@{HOME}")
        extra = f"Event: presence\nProxy-Authorization: {proof}"
        watcher.request("SUBSCRIBE", f"sip:1002@{HOME}", call_id="s", extra=extra)
    subscribe = watched.last()
    watched.answer(subscribe, 202, "Accepted")
    watched.in_dialog("NOTIFY", subscribe)
    assert at_watcher.methods() == ["NOTIFY"]


@pytest.mark.parametrize(
    ("contact", "via"),
    [
        ("sip:1002@192.168.1.9:5062", "192.168.1.9:5062"),  # a private address
        ("sip:1002@198.51.100.8:5062", "192.168.1.9:5062"),  # knows its address outside, and not its port
        ("sip:1002@198.51.100.8:5062", "198.51.100.8:5062;rport"),  # the port was translated
        ("sip:1002@phone.example.net:5062", "198.51.100.8:40000"),  # a name says nothing about a NAT
        ("sip:1002@198.51.100.8:5062;ob", "198.51.100.8:40000"),  # RFC 5626 section 5.3
    ],
)
def test_the_flow_is_kept_where_the_contact_leads_nowhere(lab: Lab, contact: str, via: str) -> None:
    sender, listener = pbx(lab)
    sender.contact, sender.via_host = contact, via
    sender.register()
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert (sender.methods(), listener.methods()) == (["INVITE"], [])


def test_a_phone_with_flows_of_its_own_is_reached_on_them(lab: Lab) -> None:
    """RFC 5626 section 6: reg-id says that the flow is what counts."""
    sender, listener = pbx(lab)
    sender.contact_params = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    sender.register(extra="Supported: outbound")
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert (sender.methods(), listener.methods()) == (["INVITE"], [])


def test_an_open_connection_is_used_whatever_port_the_contact_names(lab: Lab) -> None:
    """It stands, and is read; whether anybody listens at the Contact, or a firewall lets us there, nobody knows."""
    phone = lab.phone("1002", "198.51.100.8", 40000, Transport.TCP)
    phone.contact = "sip:1002@198.51.100.8:5062;transport=tcp"
    phone.register()
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}")
    assert phone.methods() == ["INVITE"]
    lab.close(phone)
    caller.invite(f"sip:1002@{HOME}", call_id="c2")
    assert [send.hop for send in lab.lost] == [Target(Transport.TCP, Address("198.51.100.8", 5062))]


def test_a_phone_may_register_by_datagram_and_be_called_over_tcp(lab: Lab) -> None:
    phone = lab.phone("1002", "198.51.100.8")
    phone.contact = "sip:1002@198.51.100.8:5062;transport=tcp"
    phone.register()
    lab.registered("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert [send.hop for send in lab.lost] == [Target(Transport.TCP, Address("198.51.100.8", 5062))]


def test_a_proxy_on_the_same_host_stays_in_the_way(lab: Lab) -> None:
    """What it record-routed, or registered with a Path, goes to it and not to the port of the phone behind it."""
    proxy, phone = lab.phone("1002", "198.51.100.8", 5080), lab.phone("1002", "198.51.100.8", 5062)
    proxy.contact = phone.contact
    proxy.register(extra="Path: <sip:198.51.100.8:5080;lr>")
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}")
    assert (proxy.methods(), phone.methods()) == (["INVITE"], [])
    proxy.invite(f"sip:1001@{HOME}", call_id="back", extra="Record-Route: <sip:198.51.100.8:5080;lr>")
    invite = next(one for one in caller.inbox if one.method == "INVITE" and one.is_request)
    caller.answer(invite, 200, "OK")
    caller.in_dialog("BYE", invite)
    assert (proxy.methods()[-1], phone.methods()) == ("BYE", [])
