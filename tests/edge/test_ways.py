"""Phones are counted by the ways that they are reached by, whatever becomes of them."""

from collections import Counter
from random import Random

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.registrar import Registrar
from talkpath.edge.settings import RegistrarSettings

from .test_running_out import Nobody

ENDS = (Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))


def flow(chance: Random) -> Flow:
    transport = chance.choice((Transport.UDP, Transport.TCP, Transport.WSS))
    connection = chance.randrange(1, 6) if transport.is_reliable else 0
    return Flow(transport, chance.choice(ENDS), Address("198.51.100.1", 5060), connection)


def test_what_is_counted_is_what_there_is() -> None:
    chance = Random(3)
    registrar = Registrar(RegistrarSettings(), Nobody(), Nobody())
    now = 1_000_000.0
    for number in range(3_000):
        now += chance.random()
        user, contact = f"u{chance.randrange(12)}", f"sip:a@198.51.100.1:{5060 + chance.randrange(2)}"
        identity, node = ("", contact), chance.choice(("", "", "b"))
        made = Binding(user, identity, contact, "", flow(chance), "c", 1, now + 60 * chance.random(), now, node=node)
        verb = chance.randrange(8)
        if verb == 0:
            registrar.forget(user)
        elif verb == 1:
            registrar.lose(user, identity)
        elif verb == 2:
            registrar.expire(now)
        else:
            registrar.learn(made, now)
        if number % 10 == 0:
            every = [one for known in registrar._users.values() for one in known.values()]
            ways = registrar.ways
            assert ways.by_transport == Counter(one.flow.transport.value for one in every)
            assert ways.by_connection == Counter(one.flow.connection for one in every if one.flow.connection)
            assert ways.by_end == Counter((one.flow.transport, one.flow.local) for one in every if not one.node)
            assert {*ways.by_transport.values(), *ways.by_connection.values(), *ways.by_end.values()}.isdisjoint({0})
