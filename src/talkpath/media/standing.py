"""One port of ours that several parties were told of: what the engine knows of each, in force for one at a time.

Who answers the same offer under another To tag (RFC 3261 section 12.1.2) shares the ports that the offer named, and
has a transport of its own on them: ICE agent, DTLS association, keys. A `Standing` is how such a transport sees the
engine. While another is heard it is parked: what is sent still goes out, so that consent lives on, and all else is
kept for when its peer has the port back.
"""

from typing import NamedTuple

from talkpath.base.address import Address
from talkpath.media.engine import Engine, HostPort, Port, SecureEngine
from talkpath.media.record import StandingRecord


class _Keys(NamedTuple):
    suite: str
    ours: tuple[bytes, bytes]
    theirs: tuple[bytes, bytes]
    mki: bytes


class Standing:
    """See the module. Implements `PeerEngine` for one port."""

    def __init__(self, engine: Engine, secure: SecureEngine) -> None:
        self._engine = engine
        self._secure = secure
        self.is_parked = False
        #: pairs that were checked, and where media goes; each with whether it is of the RTCP port
        self._approved: dict[tuple[HostPort, bool], None] = {}
        self._sends_to: dict[bool, HostPort] = {}
        #: nothing passes in the clear; and the keys under which it does, by whether they are of the RTCP port
        self._is_shut = False
        self._keys: dict[bool, _Keys] = {}
        self._names: list[tuple[str, str]] = []

    def save(self) -> StandingRecord:
        """As data."""
        return StandingRecord(
            self.is_parked,
            tuple([(Address(*address), rtcp) for address, rtcp in self._approved]),
            tuple([(rtcp, Address(*address)) for rtcp, address in self._sends_to.items()]),
            self._is_shut,
            tuple([(rtcp, *keys) for rtcp, keys in self._keys.items()]),
            tuple(self._names),
        )

    def resume(self, record: StandingRecord) -> None:
        """Be what was saved; of the one that is in force the engine knows already."""
        self.is_parked, self._is_shut = record.is_parked, record.is_shut
        self._approved = dict.fromkeys(record.approved)
        self._sends_to = dict(record.sends_to)
        self._keys = {rtcp: _Keys(suite, ours, theirs, mki) for rtcp, suite, ours, theirs, mki in record.keys}
        self._names = list(record.names)

    def is_approved(self, address: HostPort, *, rtcp: bool) -> bool:
        """Whether the peer was found to be there."""
        return (address, rtcp) in self._approved

    @property
    def addresses(self) -> list[HostPort]:
        """Where the peer was found to be."""
        return [address for address, _ in self._approved]

    def park(self, port: Port) -> None:
        """Another has the port from now on."""
        self.is_parked = True
        for address, rtcp in self._approved:
            self._secure.revoke(port, address, rtcp=rtcp)

    def unpark(self, port: Port) -> None:
        """The peer has its port back."""
        self.is_parked = False
        if self._is_shut:
            self._secure.shut(port)
        else:
            self._secure.unsecure(port)
        for rtcp, keys in self._keys.items():
            self._secure.secure(port, keys.suite, keys.ours, keys.theirs, rtcp=rtcp, mki=keys.mki)
        self._secure.checks(port, self._names)
        for address, rtcp in self._approved:
            self._secure.approve(port, address, rtcp=rtcp, send=False)
        for rtcp, address in self._sends_to.items():
            self._secure.approve(port, address, rtcp=rtcp, send=True)

    # --- the engine, as the transport uses it

    def expect(self, port: Port, *, rtp: HostPort | None, mux: bool = False, ice: bool = False) -> None:
        if not self.is_parked:
            self._engine.expect(port, rtp=rtp, mux=mux, ice=ice)

    def approve(self, port: Port, address: HostPort, *, rtcp: bool = False, send: bool = True) -> None:
        self._approved[(address, rtcp)] = None
        if send:
            self._sends_to[rtcp] = address
        if not self.is_parked:
            self._secure.approve(port, address, rtcp=rtcp, send=send)

    def revoke(self, port: Port, address: HostPort, *, rtcp: bool = False) -> None:
        self._approved.pop((address, rtcp), None)
        if self._sends_to.get(rtcp) == address:
            del self._sends_to[rtcp]
        if not self.is_parked:
            self._secure.revoke(port, address, rtcp=rtcp)

    def send(self, port: Port, data: bytes, address: HostPort, *, rtcp: bool = False) -> None:
        self._secure.send(port, data, address, rtcp=rtcp)

    def checks(self, port: Port, names: list[tuple[str, str]]) -> None:
        self._names = names
        if not self.is_parked:
            self._secure.checks(port, names)

    def secure(
        self,
        port: Port,
        suite: str,
        ours: tuple[bytes, bytes],
        theirs: tuple[bytes, bytes],
        *,
        rtcp: bool = False,
        mki: bytes = b"",
    ) -> None:
        self._is_shut, self._keys[rtcp] = True, _Keys(suite, ours, theirs, mki)
        if not self.is_parked:
            self._secure.secure(port, suite, ours, theirs, rtcp=rtcp, mki=mki)

    def shut(self, port: Port) -> None:
        self._is_shut = True
        self._keys.clear()
        if not self.is_parked:
            self._secure.shut(port)

    def unsecure(self, port: Port) -> None:
        self._is_shut = False
        self._keys.clear()
        if not self.is_parked:
            self._secure.unsecure(port)
