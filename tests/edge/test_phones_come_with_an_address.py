"""An address moves here from a node that died, and with it the phones that registered there on datagrams."""

from tests.cluster.rig import binding
from tests.edge.lab import HOME, Lab

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.registrar.phones import contact_key
from talkpath.edge.registrar.registrar import Registrar

PHONES = 2 * limits.INHERITED_AT_ONCE + 7


def crowd(lab: Lab, transport: Transport = Transport.UDP, host: str = HOME) -> Registrar:
    """Phones of another node."""
    registrar = lab.edge.core.registrar
    for number in range(PHONES):
        flow = Flow(transport, Address(host, 5060), Address("203.0.113.7", 10_000 + number))
        known = ("", contact_key(f"sip:u{number}@192.168.1.9:5062"))
        times = {"expires_at": lab.now + 600, "registered_at": lab.now}
        registrar.learn(binding(f"u{number}", identity=known, flow=flow, node="b", **times), lab.now)
    assert registrar.elsewhere == PHONES
    return registrar


def test_phones_are_taken_up_in_portions() -> None:
    lab = Lab()
    registrar = crowd(lab)
    registrar.inherit({HOME})
    left = []
    while registrar.elsewhere:
        registrar.inherit_more({HOME}, lab.now)
        left.append(registrar.elsewhere)
    assert left == [PHONES - limits.INHERITED_AT_ONCE, 7, 0]
    assert len(lab.bindings.refreshed) == PHONES, "other nodes are told"


def test_who_is_called_meanwhile_is_reached() -> None:
    lab = Lab()
    registrar = crowd(lab)
    registrar.inherit({HOME})
    last = f"u{PHONES - 1}"
    (found,) = registrar.bindings(last, lab.now)
    assert found.node == ""
    known = registrar.of_contact("sip:u3@192.168.1.9:5062", lab.now)
    assert known is not None
    assert known.node == ""
    assert registrar.elsewhere == PHONES - 2
    (found,) = registrar.bindings(last, lab.now)
    assert registrar.elsewhere == PHONES - 2


def test_phones_at_other_addresses_and_on_connections_stay_where_they_are() -> None:
    for transport, host in ((Transport.UDP, "192.0.2.200"), (Transport.TCP, HOME)):
        lab = Lab()
        registrar = crowd(lab, transport, host)
        registrar.inherit({HOME})
        for _ in range(4):
            registrar.inherit_more({HOME}, lab.now)
        assert registrar.elsewhere == PHONES


def test_an_address_that_goes_again_takes_the_rest_along() -> None:
    lab = Lab()
    registrar = crowd(lab)
    registrar.inherit({HOME})
    registrar.inherit_more({HOME}, lab.now)
    registrar.inherit_more({}, lab.now)
    left = registrar.elsewhere
    assert left == PHONES - limits.INHERITED_AT_ONCE
    registrar.inherit_more({HOME}, lab.now)
    assert registrar.elsewhere == left
    assert sum(not one.node for number in range(PHONES) for one in registrar.bindings(f"u{number}", lab.now)) == (
        limits.INHERITED_AT_ONCE
    )
