"""A call's media on other ports than before: who goes on with it has not the addresses of who began it.

What was agreed, keys, associations and whom to hear are as they were; what our ports are called is another. No peer
knows of that before the next description that goes to it, with which its ICE is restarted (`MediaSession.renew`).
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from talkpath.base.address import Address
from talkpath.base.errors import Unavailable
from talkpath.ice.record import AgentRecord, GenerationRecord, SocketRecord
from talkpath.media.engine import Port
from talkpath.media.policy import MediaAddress
from talkpath.media.record import GatedRecord, MediaRecord, PortRecord, TransportRecord

# The component of RTCP, where that is one (RFC 8445 section 4).
_RTCP = 2


def places(record: MediaRecord, media: Mapping[int, tuple[MediaAddress, ...]]) -> tuple[MediaAddress, ...]:
    """Our address for each port, of those that meet its leg (by the number of that), of the family that the port had.
    Raises Unavailable where there is none."""
    return tuple([_place(port, media.get(port.leg, ())) for port in record.ports])


def _place(port: PortRecord, media: tuple[MediaAddress, ...]) -> MediaAddress:
    is_ipv6 = ":" in port.address[0]
    found = next((one for one in media if one.is_ipv6 == is_ipv6), None)
    if found is None:
        raise Unavailable("media-address", f"this host has no IPv{6 if is_ipv6 else 4} address for its media")
    return found


def moved(record: MediaRecord, at: Sequence[MediaAddress], ports: Sequence[Port]) -> MediaRecord:
    """The record of a call whose ports are these now, at those places."""
    return replace(record, ports=tuple([_moved(*one) for one in zip(record.ports, at, ports, strict=True)]))


def _moved(record: PortRecord, place: MediaAddress, port: Port) -> PortRecord:
    rtp, rtcp = Address(place.advertised, port.rtp), Address(place.advertised, port.rtcp)
    transport = None if record.transport is None else _transport(record.transport, rtp, rtcp)
    parked = tuple([(leg, _transport(one, rtp, rtcp)) for leg, one in record.parked])
    return replace(record, address=(place.host, place.advertised), transport=transport, parked=parked)


def _transport(record: TransportRecord, rtp: Address, rtcp: Address) -> TransportRecord:
    if isinstance(record, GatedRecord):
        return replace(record, local=rtp)
    local = {component: rtcp if component == _RTCP else rtp for component in record.local}
    return replace(record, local=local, agent=_agent(record.agent, rtp, rtcp))


def _agent(record: AgentRecord, rtp: Address, rtcp: Address) -> AgentRecord:
    def here(socket: SocketRecord) -> SocketRecord:
        address = rtcp if socket.component == _RTCP else rtp
        return replace(socket, address=address, candidate=replace(socket.candidate, address=address))

    def there(generation: GenerationRecord) -> GenerationRecord:
        return replace(generation, sockets=tuple(map(here, generation.sockets)))

    previous = None if record.previous is None else there(record.previous)
    sockets = tuple(map(here, record.sockets))
    return replace(record, sockets=sockets, current=there(record.current), previous=previous)
