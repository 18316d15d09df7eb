"""DTLS-SRTP with one peer over one socket of ours (RFC 5763): who shakes hands first, and what comes of it.

The keys go to the engine from here. Who may be heard at all is for the transports that use this to say.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from talkpath.base.address import Address
from talkpath.base.octets import raw, text
from talkpath.media import moments
from talkpath.media.engine import Port, SecureEngine
from talkpath.media.record import KeyingRecord
from talkpath.media.telling import Telling
from talkpath.sdp import MediaSection
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.hello import Hello
from talkpath.secure.identity import Identity


@dataclass(frozen=True, slots=True)
class Security:
    """What secured media needs from outside: engine, our certificate, and `entropy(n)` for n random bytes."""

    engine: SecureEngine
    identity: Identity
    entropy: Callable[[int], bytes]


class Keying:
    """One DTLS association, and the next when the peer's identity changes (RFC 8842 section 5.1).

    `cookie` is for media without ICE: a source must first return one. `rtcp` is for the association of an RTCP port
    that is not shared with RTP (RFC 5764 section 4.1).
    """

    def __init__(
        self, port: Port, security: Security, note: Telling, *, cookie: bool = False, rtcp: bool = False
    ) -> None:
        self._port = port
        self._security = security
        self._note = note
        self._cookie = cookie
        self._rtcp = rtcp
        self._theirs: tuple[tuple[Fingerprint, ...], str] | None = None
        self._endpoint = DtlsEndpoint(security.identity, cookie=cookie)
        #: whether we are the client; None as long as neither side has said
        self.active: bool | None = None
        #: where the peer is, as soon as we know
        self._remote: Address | None = None
        #: how far it came: a hello, a certificate that is not the signalled one, keys
        self.has_begun = self.is_foreign = self.is_keyed = False

    def save(self) -> KeyingRecord:
        """As data; a handshake that is under way is not of it. Keys are the engine's."""
        theirs, endpoint = self._theirs, self._endpoint
        named = None
        if theirs is not None:
            named = tuple([(raw(one.algorithm), one.digest) for one in theirs[0]]), raw(theirs[1])
        begun, association = endpoint.begun_on, endpoint.association
        return KeyingRecord(
            named,
            self.active,
            self._remote,
            None if begun is None else begun[1],
            None if association is None else association[1],
            self.has_begun,
            self.is_foreign,
            self.is_keyed,
        )

    def resume(self, record: KeyingRecord) -> None:
        """Be what was saved."""
        if record.theirs is not None:
            named, tls_id = record.theirs
            self._theirs = tuple(Fingerprint(text(name), digest) for name, digest in named), text(tls_id)
        self.active, self._remote = record.active, record.remote
        self.has_begun, self.is_foreign, self.is_keyed = record.has_begun, record.is_foreign, record.is_keyed
        begun = None if record.begun is None else (self._port.id, record.begun)
        association = None if record.association is None else (self._port.id, record.association)
        fingerprints = () if self._theirs is None else self._theirs[0]
        self._endpoint.resume(fingerprints, begun, association)

    @property
    def is_busy(self) -> bool:
        """Whether somebody shakes hands."""
        return self._endpoint.is_busy

    def learn(self, fingerprints: tuple[Fingerprint, ...], tls_id: str, setup: str, now: float) -> None:
        """The peer's description came, first or again, with its role or without one."""
        association = (fingerprints, tls_id)
        role = setup == "passive" if setup in ("active", "passive") else None
        has_swapped = None not in (role, self.active) and role is not self.active
        if self._theirs is not None and (has_swapped or self._theirs != association):
            self._begin_anew(now)
        self._theirs = association
        if self.active is None:
            self.active = role
        self._endpoint.receive(dtls.RemoteDescribed(fingerprints), now)
        self._begin(now)
        self.settle(now)

    def _begin_anew(self, now: float) -> None:
        """Another certificate, tls-id or role: another association (RFC 8842 section 4)."""
        self.close(now)
        self._endpoint, self.active = DtlsEndpoint(self._security.identity, cookie=self._cookie), None
        self.has_begun = self.is_foreign = self.is_keyed = False
        if not self._rtcp:
            self._security.engine.shut(self._port)

    def _begin(self, now: float) -> None:
        """As client, once we know that we are and where the peer is; whichever comes last."""
        if self.active and self._remote is not None:
            self._endpoint.receive(dtls.Begun((self._port.id, self._remote)), now)

    def write(self, section: MediaSection, *, answering: bool) -> None:
        """Put our certificate and role into a section that goes to the peer."""
        if answering and self.active is None:
            # Of actpass we take passive: the peer can be behind a NAT, we are not. So with holdconn, which has no
            # place in DTLS and is never written (RFC 8842 section 5.1).
            self.active = False
        section.attributes.add("fingerprint", str(self._security.identity.fingerprint))
        section.attributes.add("setup", ("active" if self.active else "passive") if answering else "actpass")

    def receive(self, remote: Address, data: bytes, now: float) -> None:
        """A DTLS packet of somebody who may be heard."""
        self._endpoint.receive(dtls.DtlsArrived((self._port.id, remote), data), now)
        self.settle(now)

    def selected(self, remote: Address, now: float) -> None:
        """The peer is at this address now: what we send on our own goes there, and as client we begin."""
        self._remote = remote
        self._endpoint.receive(dtls.PathSelected((self._port.id, remote)), now)
        self._begin(now)
        self.settle(now)

    def deadline(self) -> float | None:
        return self._endpoint.deadline()

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        self._endpoint.expire(now)
        self.settle(now)

    def close(self, now: float) -> None:
        """Say goodbye."""
        self._endpoint.receive(dtls.Ended(), now)
        self.settle(now)

    @property
    def broken_link(self) -> str | None:
        """The kind of moment that says how far it did not come; None with keys."""
        if self.is_keyed:
            return None
        if self.is_foreign:
            return moments.WRONG_CERTIFICATE
        return moments.NO_KEYS if self.has_begun else moments.NO_HELLO

    def settle(self, now: float) -> None:
        """Carry out what the endpoint asks for."""
        for output in self._endpoint.drain():
            self._carry_out(output, now)

    def _carry_out(self, output: dtls.EndpointOutput, now: float) -> None:
        engine, port = self._security.engine, self._port
        match output:
            case dtls.SendDtls((_, remote), data):
                with suppress(OSError):  # an address that the kernel cannot reach is a lost packet
                    engine.send(port, data, remote, rtcp=self._rtcp)
            case dtls.KeysAgreed(_, keys):
                self.is_keyed = True
                ours, theirs = (keys.ours.key, keys.ours.salt), (keys.theirs.key, keys.theirs.salt)
                engine.secure(port, keys.suite.sdes_name, ours, theirs, rtcp=self._rtcp)
                self._note(now, moments.SRTP_KEYED, how="DTLS", profile=keys.suite.sdes_name)
            case _:
                self._tell(output, now)

    def _tell(self, output: dtls.EndpointOutput, now: float) -> None:
        """Outputs that are moments of the call and nothing else."""
        match output:
            case dtls.ClientHelloArrived((_, remote), hello):
                self.has_begun = True
                self._tell_hello(remote, hello, now)
            case dtls.ClientHelloSent((_, remote)):
                self.has_begun = True
                self._note(now, moments.DTLS_HELLO_SENT, remote=str(remote))
            case dtls.AlertIgnored((_, remote), level, description):
                values = {"level": level, "description": description}
                self._note(now, moments.DTLS_ALERT_IGNORED, remote=str(remote), **values)
            case dtls.PeerClosed():
                self._note(now, moments.DTLS_CLOSED)
            case dtls.HandshakeFailed((_, remote), reason):
                self._note(now, moments.DTLS_REFUSED, remote=str(remote), why=reason)
            case dtls.FingerprintMismatched((_, remote)):
                self.is_foreign = True
                self._note(now, moments.DTLS_FINGERPRINT_WRONG, remote=str(remote))
            case dtls.FingerprintMatched((_, remote)):
                self._note(now, moments.DTLS_FINGERPRINT_RIGHT, remote=str(remote))
            case _:
                pass

    def _tell_hello(self, remote: Address, hello: Hello | None, now: float) -> None:
        said = Hello((), (), ()) if hello is None else hello
        self._note(
            now,
            moments.DTLS_CLIENT_HELLO,
            remote=str(remote),
            versions=", ".join(said.versions) or "?",
            ciphers=said.ciphers,
            profiles=", ".join(said.profiles) or "-",
        )
