"""SIP that is sent in clear where TLS is spoken: the server hangs up upon it, or sends an alert."""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from talkpath.base.address import Address, Transport
from talkpath.capture.records import SipSeen, TcpKind
from talkpath.explain.reading.scene import Scene

#: Of TLS by RFC 3261 19.1.2.
TLS_PORT = 5061
_ENDS = frozenset({TcpKind.RESET, TcpKind.FINISHED})
# A server that reads no SIP there hangs up at once.
_AT_ONCE_S = 5.0


class InClear(Struct, frozen=True):
    """Requests from one host to a server that hung up upon each: the first, the frames that ended them, how many."""

    first: SipSeen
    server: Address
    ended: tuple[int, ...]
    times: int


def sent_in_clear(scene: Scene) -> Iterator[InClear]:
    """By host and server; none where the server answers SIP in clear at that port too."""
    sent: dict[tuple[str, Address], list[SipSeen]] = defaultdict(list)
    spoken = {one.dst for one in scene.tls if one.hello is not None and one.hello.is_client}
    answered: set[Address] = set()
    for seen, is_answered in _requests(scene):
        if seen.transport is Transport.TCP and (seen.dst.port == TLS_PORT or seen.dst in spoken):
            sent[seen.src.host, seen.dst].append(seen)
            answered |= {seen.dst} if is_answered else set()
    for (_, server), requests in sent.items():
        ended = [frame for one in requests for frame in _hung_up(scene, one)]
        if server not in answered and len(ended) == len(requests):
            yield InClear(requests[0], server, tuple(ended), len(requests))


def _requests(scene: Scene) -> Iterator[tuple[SipSeen, bool]]:
    """Every first request on its hop, and whether anything came back."""
    for one in scene.outside:
        yield one.request, bool(one.answers)
    for call in scene.calls:
        for leg in call.legs:
            if leg.transport is Transport.TCP and leg.callee.port != 5060:
                yield leg.messages[0].seen, leg.status > 0


def _hung_up(scene: Scene, seen: SipSeen) -> Iterator[int]:
    """The frame in which the server ended the connection upon a request, or refused it by a TLS alert."""
    for alert in scene.tls:
        if alert.connection == seen.connection and alert.alert is not None and alert.src == seen.dst:
            yield alert.frame
            return
    for event in scene.connection_events(seen.connection):
        if event.kind in _ENDS and event.src == seen.dst and 0 <= event.time - seen.time <= _AT_ONCE_S:
            yield event.frame
            return
