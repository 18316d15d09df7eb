"""A browser: a phone on a WebSocket whose media is ICE, DTLS and SRTP, with machines of its own for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Unpack

from talkpath.base.address import Address, Transport
from talkpath.base.timers import earliest
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.sdp import MediaSection
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Certificate, Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity
from talkpath.testing import descriptions
from talkpath.testing.clock import BEGINNING
from talkpath.testing.manner import Manner
from talkpath.testing.phone import Phone
from talkpath.testing.wire import Nat, Path

if TYPE_CHECKING:
    from talkpath.testing.call import Call
    from talkpath.testing.network import Network

# What is not STUN is DTLS here (RFC 7983 section 7): no media moves.
_NO_STUN = 4


class Browser(Phone):
    """A page with a SIP library: its Contact and Via name nothing that exists (RFC 7118 section 5)."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: Address,
        transport: Transport = Transport.WSS,
        path: Path | None = None,
        nat: Nat | None = None,
        **manner: Unpack[Manner],
    ) -> None:
        manner = {"codecs": ("opus", "G722", "PCMU", "PCMA", "telephone-event"), **manner}
        self._host = network.fresh("page") + ".invalid"
        self._peers: dict[Address, _Peer] = {}
        super().__init__(network, name, address, transport, path, nat, **manner)
        self._instance = f"urn:uuid:00000000-0000-4000-8000-{len(network.parties):012d}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.name}@{self._host};transport=ws;ob>"

    @property
    def sent_by(self) -> str:
        return self._host

    def _own_fields(self, method: str) -> list[tuple[str, str]]:
        if method != "REGISTER":
            return super()._own_fields(method)
        return [
            ("Contact", f'{self.contact};reg-id=1;+sip.instance="<{self._instance}>"'),
            ("Supported", "path, gruu, outbound"),
        ]

    # --- media

    def describe(self, at: Address, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        """What it offers, with its candidates."""
        peer = self._peer(at, is_offering=True)
        return descriptions.web_described(self.codecs, peer.lines("actpass"), direction, self.video, version)

    def answer_to(self, offer: bytes, at: Address, version: int = 1) -> bytes | None:
        """What it answers; None where a section that it would take proves nobody's identity."""
        peer = self._peer(at, is_offering=False)
        return descriptions.web_answered(offer, self.codecs, peer.lines("active"), self.video, version)

    def learned(self, call: Call) -> None:
        """The other side's description came: checks and the handshake begin."""
        peer = self._peers.get(call.media)
        media = call.description.media if call.description_got else []
        section = next((one for one in media if not one.is_rejected and one.ice_ufrag), None)
        if peer is not None and section is not None:
            peer.learn(section, self.network.now)
            self._go_on(call.media)

    def takes_media(self, at: Address, data: bytes, source: Address) -> None:
        """STUN or DTLS came."""
        if self.is_on and (peer := self._peers.get(at)) is not None:
            peer.take(data, source, self.network.now)
            self._go_on(at)

    def is_keyed(self, at: Address) -> bool:
        """Whether its handshake is through."""
        peer = self._peers.get(at)
        return peer is not None and peer.has_keys

    def _peer(self, at: Address, *, is_offering: bool) -> _Peer:
        if at not in self._peers:
            self._peers[at] = _Peer(at, is_offering, self.network)
        return self._peers[at]

    def _go_on(self, at: Address) -> None:
        """Send what is to be sent, and come back when something is due."""
        peer, network = self._peers[at], self.network
        if not self.is_on:
            return
        for data, remote in peer.drain(network.now):
            network.loop.call_later(self.path.delay_s, network.house.sound.takes, data, at, remote)
        deadline = peer.deadline()
        if deadline is not None and (peer.due_at is None or deadline < peer.due_at):
            peer.due_at = deadline
            network.at(deadline, lambda: self._media_due(at, deadline))

    def _media_due(self, at: Address, when: float) -> None:
        peer = self._peers[at]
        if peer.due_at == when:
            peer.due_at = None
        if any(call.media == at and call.is_over for call in self.calls):
            return
        peer.expire(self.network.house.clock.reach(when))
        self._go_on(at)


class _Peer:
    """ICE and DTLS of one call."""

    def __init__(self, at: Address, is_offering: bool, network: Network) -> None:
        self._identity = _identity(len(network.parties))
        self._agent = IceAgent(
            (ice.LocalSocket(1, 1, at),), lite=False, controlling=is_offering, entropy=network.wire.random.randbytes
        )
        self._endpoint = DtlsEndpoint(self._identity)
        self._is_client = False
        self._is_offering = is_offering
        self.has_keys = False
        self.due_at: float | None = None

    def lines(self, setup: str) -> Sequence[str]:
        """What its description says of it."""
        credentials = self._agent.credentials
        return (
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            f"a=fingerprint:{self._identity.fingerprint}",
            f"a=setup:{setup}",
            "a=rtcp-mux",
            *(f"a=candidate:{candidate}" for candidate in self._agent.candidates),
        )

    def learn(self, section: MediaSection, now: float) -> None:
        """The other side's section came."""
        credentials = ice.Credentials(section.ice_ufrag or "", section.ice_pwd or "")
        is_lite = "ice-lite" in section.session.attributes
        candidates = tuple(section.attributes.all("candidate"))
        self._is_client = not self._is_offering or section.setup == "passive"
        self._agent.receive(ice.RemoteDescribed(credentials, candidates, is_lite), now)
        named = tuple(Fingerprint.parse(value) for value in _fingerprints(section))
        self._endpoint.receive(dtls.RemoteDescribed(named), now)

    def take(self, data: bytes, source: Address, now: float) -> None:
        if data[0] < _NO_STUN:
            self._agent.receive(ice.DatagramArrived(1, source, data), now)
        else:
            self._endpoint.receive(dtls.DtlsArrived((1, source), data), now)

    def deadline(self) -> float | None:
        return earliest((self._agent.deadline(), self._endpoint.deadline()))

    def expire(self, now: float) -> None:
        self._agent.expire(now)
        self._endpoint.expire(now)

    def drain(self, now: float) -> list[tuple[bytes, Address]]:
        """What it sends, and where."""
        sent: list[tuple[bytes, Address]] = []
        while outputs := [*self._agent.drain(), *self._endpoint.drain()]:
            for output in outputs:
                match output:
                    case ice.SendDatagram(_, remote, data) | dtls.SendDtls((_, remote), data):
                        sent.append((data, remote))
                    case ice.PairNominated(_, remote) if self._is_client and not self.has_keys:
                        self._endpoint.receive(dtls.Begun((1, remote)), now)
                    case dtls.KeysAgreed():
                        self.has_keys = True
        return sent


def _fingerprints(section: MediaSection) -> list[str]:
    return section.attributes.all("fingerprint") or section.session.attributes.all("fingerprint")


@cache
def _identity(number: int) -> Identity:
    """A certificate for each page of a test."""
    return Identity(Certificate.make(BEGINNING), number.to_bytes(32, "big"))
