"""The secured transport of one section towards a WebRTC peer: ICE says whom we hear, DTLS agrees the SRTP keys.

Composed of the machines of `ice` and `secure`; STUN and DTLS climb to it from the engine, and it tells the engine
whom to hear, where to send and under which keys. Nothing is heard or sent before the keys are there.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.media import moments
from talkpath.media.engine import Climbed, Engine, Port, SecureEngine
from talkpath.sdp import MediaSection
from talkpath.sdp.values import is_private
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity


@dataclass(frozen=True, slots=True)
class Security:
    """What secured media needs from outside: engine, our certificate, and `entropy(n)` for n random bytes."""

    engine: SecureEngine
    identity: Identity
    entropy: Callable[[int], bytes]


# RFC 9143 section 15: the header extension that names the section of a packet.
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
# SSRCs of one section that are read. Simulcast of three layers with repair names six.
SSRCS = 32


class WebAnnounced(NamedTuple):
    """What a section of a WebRTC description says about its transport."""

    credentials: ice.Credentials | None
    candidates: tuple[str, ...]
    lite: bool
    ended: bool
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    tls_id: str
    #: the first mid of its BUNDLE group; None for a section in none
    bundle: str | None
    #: identifier of the header extension that carries the MID, 0 without one
    mid_extension: int
    ssrcs: tuple[int, ...]


def web_announced(section: MediaSection) -> WebAnnounced:
    """Read ICE and DTLS of a section; what may stand at session level is looked up there."""
    ufrag, password = section.inherited("ice-ufrag"), section.inherited("ice-pwd")
    options = section.inherited("ice-options") or ""
    fingerprints = section.attributes.all("fingerprint") or section.session.attributes.all("fingerprint")
    return WebAnnounced(
        credentials=ice.Credentials(ufrag, password) if ufrag and password else None,
        candidates=tuple(section.attributes.all("candidate")),
        lite="ice-lite" in section.session.attributes,
        ended="trickle" not in options.split() or "end-of-candidates" in section.attributes,
        fingerprints=tuple(_fingerprints(fingerprints)),
        setup=section.inherited("setup") or "actpass",
        tls_id=section.inherited("tls-id") or "",
        bundle=_bundle(section),
        mid_extension=next((_identifier(value) for value in section.attributes.all("extmap") if MID_URI in value), 0),
        ssrcs=tuple(ssrc for ssrc in section.ssrcs if ssrc < 1 << 32)[:SSRCS],
    )


def _bundle(section: MediaSection) -> str | None:
    mid = section.mid
    if mid is None:
        return None
    bundles = (group.mids for group in section.session.groups if group.semantics == "BUNDLE")
    return next((mids[0] for mids in bundles if mid in mids), None)


def _identifier(extmap: str) -> int:
    """RFC 8285 section 8: `4/recvonly uri attributes`; what no packet can carry is 0."""
    number = extmap.partition(" ")[0].partition("/")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 4 and int(number) < 256 else 0


def _fingerprints(values: list[str]) -> list[Fingerprint]:
    read = []
    for value in values:
        try:
            read.append(Fingerprint.parse(value))
        except Malformed:
            continue
    return read


class Note(Protocol):
    """Takes one moment of the call."""

    def __call__(self, now: float, kind: str, /, **values: str | int | float | None) -> None: ...


class WebTransport:
    """Towards one peer on one of our ports, RTP and RTCP together.

    `controlling` is whether we made the first offer. We are ICE lite where the address we advertise can be reached
    from everywhere (RFC 8445 section 2.5), and full otherwise.
    """

    def __init__(
        self, engine: Engine, port: Port, local: Address, security: Security, *, controlling: bool, note: Note
    ) -> None:
        self._engine = security.engine
        self._port = port
        self._note = note
        self._security = security
        socket = ice.LocalSocket(port.id, 1, local)
        lite = not is_private(local.host)
        self._agent = IceAgent((socket,), lite=lite, controlling=controlling, entropy=security.entropy)
        self._dtls = DtlsEndpoint(security.identity)
        self._theirs: tuple[tuple[Fingerprint, ...], str] | None = None
        self._active: bool | None = None
        self._ufrags: list[str] = []
        security.engine.shut(port)
        engine.expect(port, rtp=None, mux=True, ice=True)
        self._name_checks()

    # --- descriptions

    def learn(self, theirs: WebAnnounced, now: float) -> None:
        """The peer's description came: first, again, or with a restart of ICE or of DTLS (RFC 8842 section 5.1)."""
        association = (theirs.fingerprints, theirs.tls_id)
        if self._theirs not in (None, association):
            self._dtls.receive(dtls.Ended(), now)
            self._settle(now)
            self._dtls, self._active = DtlsEndpoint(self._security.identity), None
            self._engine.shut(self._port)
        self._theirs = association
        if self._active is None and theirs.setup != "actpass":
            self._active = theirs.setup == "passive"
        self._dtls.receive(dtls.RemoteDescribed(theirs.fingerprints), now)
        if theirs.credentials is not None:
            for line in theirs.candidates[:CANDIDATES_TOLD]:
                self._note(now, moments.ICE_CANDIDATE, candidate=line)
            self._agent.receive(
                ice.RemoteDescribed(theirs.credentials, theirs.candidates, theirs.lite, theirs.ended), now
            )
        self._name_checks()
        self._settle(now)

    def write(self, section: MediaSection, *, answering: bool) -> None:
        """Put our side of the transport into a section that goes to the peer."""
        attributes, credentials = section.attributes, self._agent.credentials
        if self._agent.is_lite and "ice-lite" not in section.session.attributes:
            section.session.attributes.add("ice-lite")
        if answering and self._active is None:
            self._active = False  # of actpass we take passive: the peer's checks come first anyway
        attributes.add("ice-ufrag", credentials.ufrag)
        attributes.add("ice-pwd", credentials.password)
        attributes.add("fingerprint", str(self._security.identity.fingerprint))
        attributes.add("setup", _SETUP[self._active] if answering else "actpass")
        for candidate in self._agent.candidates:
            attributes.add("candidate", str(candidate))
        attributes.add("end-of-candidates")
        self._name_checks()

    def _name_checks(self) -> None:
        """Checks that name none of our ufrags need not climb; the last but one is still good (RFC 8445 section 9)."""
        ufrag = self._agent.credentials.ufrag
        if ufrag not in self._ufrags:
            self._ufrags = [*self._ufrags[-1:], ufrag]
        self._engine.checks(self._port, self._ufrags)

    # --- the machine

    def receive(self, event: Climbed, now: float) -> None:
        """A STUN or DTLS packet climbed (RFC 7983: the first byte tells)."""
        if event.data[:1] < b"\x04":
            self._agent.receive(ice.DatagramArrived(self._port.id, event.source, event.data), now)
        else:
            self._dtls.receive(dtls.DtlsArrived((self._port.id, event.source), event.data), now)
        self._settle(now)

    def deadline(self) -> float | None:
        times = [time for time in (self._agent.deadline(), self._dtls.deadline()) if time is not None]
        return min(times, default=None)

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        self._agent.expire(now)
        self._dtls.expire(now)
        self._settle(now)

    def give_up(self) -> None:
        """The peer turned out to speak plain RTP: the port is as it was before."""
        self._engine.unsecure(self._port)

    def close(self, now: float) -> None:
        """Say goodbye to the peer; the port is closed next."""
        self._dtls.receive(dtls.Ended(), now)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Carry out what the machines ask for; each may have something new to say after the other was told."""
        while outputs := [*self._agent.drain(), *self._dtls.drain()]:
            for output in outputs:
                self._carry_out(output, now)

    def _carry_out(self, output: ice.AgentOutput | dtls.EndpointOutput, now: float) -> None:
        engine, port = self._engine, self._port
        match output:
            case ice.SendDatagram(_, remote, data) | dtls.SendDtls((_, remote), data):
                with suppress(OSError):  # an address that the kernel cannot reach is a lost packet
                    engine.send(port, data, remote)
            case ice.PairAuthenticated(_, remote):
                engine.approve(port, remote, send=False)
                self._note(now, moments.ICE_CHECKED, local=self._local, remote=str(remote))
            case ice.PairNominated(_, remote):
                self._nominated(remote, now)
            case ice.PairRetired(_, remote):
                engine.revoke(port, remote)
            case ice.ConsentLost(_, remote):
                engine.revoke(port, remote)
                self._note(now, moments.ICE_CONSENT_LOST)
            case dtls.KeysAgreed(_, keys):
                ours, theirs = (keys.ours.key, keys.ours.salt), (keys.theirs.key, keys.theirs.salt)
                engine.secure(port, keys.suite.sdes_name, ours, theirs)
                self._note(now, moments.SRTP_KEYED, how="DTLS", profile=keys.suite.sdes_name)
            case _:
                self._tell(output, now)

    def _nominated(self, remote: Address, now: float) -> None:
        path = (self._port.id, remote)
        self._engine.approve(self._port, remote, send=True)
        self._note(now, moments.ICE_SELECTED, local=self._local, remote=str(remote))
        self._dtls.receive(dtls.PathSelected(path), now)
        if self._active:
            self._dtls.receive(dtls.Begun(path), now)

    def _tell(self, output: ice.AgentOutput | dtls.EndpointOutput, now: float) -> None:
        """Outputs that are moments of the call and nothing else."""
        match output:
            case ice.CheckFailed(_, remote, reason):
                self._note(now, moments.ICE_CHECK_FAILED, local=self._local, remote=str(remote), why=reason)
            case ice.Failed(_, reason):
                self._note(now, moments.ICE_FAILED, why=reason)
            case ice.CandidateIgnored(line, reason):
                self._note(now, moments.ICE_CANDIDATE_IGNORED, candidate=line, why=reason)
            case dtls.ClientHelloArrived((_, remote)):
                self._note(now, moments.DTLS_CLIENT_HELLO, remote=str(remote))
            case dtls.HandshakeFailed((_, remote), reason):
                self._note(now, moments.DTLS_REFUSED, remote=str(remote), why=reason)
            case dtls.FingerprintMismatched((_, remote)):
                self._note(now, moments.DTLS_FINGERPRINT_WRONG, remote=str(remote))
            case dtls.FingerprintMatched((_, remote)):
                self._note(now, moments.DTLS_FINGERPRINT_RIGHT, remote=str(remote))
            case _:
                pass

    @property
    def _local(self) -> str:
        return f"{self._port.host}:{self._port.rtp}"


# Candidates of one description that become moments; a browser on a laptop with VPNs names a dozen.
CANDIDATES_TOLD = 20
_SETUP = {True: "active", False: "passive", None: "actpass"}
