"""A carrier in memory that answers by itself, and gateways that lead to it."""

from collections.abc import Callable
from dataclasses import replace

from tests.edge.lab import HOME, PORT, REALM, Lab, Phone

from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.gateways.settings import GatewaySettings, GroupSettings
from talkpath.edge.settings import EdgeSettings, RoutingSettings
from talkpath.sip.message import Message

#: Status, reason and header lines; None for silence.
Answer = tuple[int, str, str] | None


class _Inbox(list[Message]):
    """Answers what comes in."""

    def __init__(self, carrier: "Carrier") -> None:
        super().__init__()
        self._carrier = carrier

    def append(self, message: Message) -> None:
        super().append(message)
        self._carrier.came(message)


class Carrier(Phone):
    """Answers every request but INVITE and ACK by `says`; keeps when each came."""

    def __init__(self, lab: Lab, host: str, port: int = 5060, transport: Transport = Transport.UDP) -> None:
        super().__init__(lab, "carrier", host, port, transport)
        self.inbox: list[Message] = _Inbox(self)
        self.says: Callable[[Message], Answer] = lambda request: (200, "OK", "")
        self.times: list[float] = []
        lab.phones.append(self)

    def came(self, message: Message) -> None:
        if not message.is_request or message.method in ("INVITE", "ACK", "CANCEL"):
            return
        self.times.append(self.lab.now)
        answer = self.says(message)
        if answer is not None:
            status, reason, extra = answer
            self.answer(message, status, reason, extra=extra.strip())

    def asked(self, method: str) -> list[Message]:
        """The requests of a method that came."""
        return [one for one in self.inbox if one.is_request and one.method == method]


def gateway(name: str, address: str, **values: object) -> GatewaySettings:
    """A gateway of the group `carriers`."""
    return replace(GatewaySettings(name, "carriers", address), **values)  # type: ignore[arg-type]


def trunk(name: str, address: str, **values: object) -> GatewaySettings:
    """One with credentials: user 4930, password secret."""
    return gateway(name, address, username="4930", password=Secret("secret"), **values)


def house(
    *gateways: GatewaySettings, groups: tuple[GroupSettings, ...] = (), outbound: frozenset[str] = frozenset()
) -> Lab:
    """A lab with these gateways, open to the users in `outbound`; nothing is asked of them before `lab.wait`."""
    lab = Lab(
        EdgeSettings(
            own_hosts=frozenset({HOME, "localhost"}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            gateways=gateways,
            gateway_groups=groups,
            routing=RoutingSettings("carriers"),
        )
    )
    lab.accounts.outbound = outbound
    return lab


def named(lab: Lab, name: str) -> Gateway:
    found = lab.edge.gateways.named(name)
    assert found is not None
    return found
