"""Which connections that we opened are still needed: those of phones, of calls, and of requests that wait."""

from tests.edge.lab import HOME, Lab, Phone, call

from talkpath.base.address import Address, Flow, Transport

TRUNK = Address("198.51.100.50", 5060)


def opened(remote: Address = TRUNK) -> Flow:
    """A connection that we opened there."""
    return Flow(Transport.TCP, Address(HOME, 40000), remote, 77)


def test_a_connection_that_nobody_uses_is_not_needed(lab: Lab, callee: Phone) -> None:
    assert lab.edge.needed(frozenset({opened()})) == frozenset()


def test_that_of_a_registered_phone_is(lab: Lab) -> None:
    phone = lab.phone("1002", "198.51.100.8", 41000, Transport.TCP)
    phone.register()
    assert lab.edge.needed(frozenset({phone.flow, opened()})) == {phone.flow}


def test_that_of_a_call_is_also_where_it_was_reached_by_address(lab: Lab) -> None:
    trunk = lab.phone("trunk", TRUNK.host, TRUNK.port, Transport.TCP)
    caller = lab.registered("1001", "198.51.100.7")
    uri = f"sip:+4930@{TRUNK};transport=tcp"
    caller.invite(uri)
    invite = trunk.take()
    assert lab.edge.needed(frozenset({opened()})) == {opened()}
    trunk.answer(invite, 486)
    lab.wait(40)
    assert lab.edge.needed(frozenset({opened()})) == frozenset()


def test_a_call_keeps_its_parties_connections(lab: Lab, callee: Phone) -> None:
    caller = lab.phone("1001", "198.51.100.9", 41000, Transport.TCP)
    call(caller, callee)
    assert lab.edge.needed(frozenset({caller.flow})) == {caller.flow}
