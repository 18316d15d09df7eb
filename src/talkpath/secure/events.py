"""What goes into a DTLS endpoint and what comes out of it."""

from dataclasses import dataclass

from talkpath.base.address import Address
from talkpath.secure.certificate import Fingerprint
from talkpath.secure.hello import Hello
from talkpath.secure.suites import SrtpKeys

# (local socket, remote address), as in `ice`.
Path = tuple[int, Address]


# Inputs.


@dataclass(frozen=True, slots=True)
class DtlsArrived:
    """A DTLS datagram from a source that may be heard: approved by ICE or, without ICE, signalled."""

    path: Path
    data: bytes


@dataclass(frozen=True, slots=True)
class RemoteDescribed:
    """The fingerprints of the peer's description."""

    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """We are active (RFC 4145): shake hands as client, on this path."""

    path: Path


@dataclass(frozen=True, slots=True)
class PathSelected:
    """ICE moved: what we send on our own goes here from now on."""

    path: Path


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over: say close_notify."""


EndpointInput = DtlsArrived | RemoteDescribed | Begun | PathSelected | Ended


# Outputs. All but SendDtls are moments of the call as well.


@dataclass(frozen=True, slots=True)
class SendDtls:
    path: Path
    data: bytes


@dataclass(frozen=True, slots=True)
class ClientHelloArrived:
    """A source began a handshake with us. `hello` is what it offers, None where that cannot be read."""

    path: Path
    hello: Hello | None = None


@dataclass(frozen=True, slots=True)
class ClientHelloSent:
    """We began one."""

    path: Path


@dataclass(frozen=True, slots=True)
class AlertIgnored:
    """An alert that anyone could have written (RFC 6347 section 4.1.2.7); numbers of RFC 5246 section 7.2."""

    path: Path
    level: int
    description: int


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """Only this source's handshake: `reason` is OpenSSL's, or timeout, no-srtp-profile, replaced."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FingerprintMatched:
    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class FingerprintMismatched:
    """A complete handshake with a certificate that the description does not name. It has no effect."""

    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class KeysAgreed:
    """The association stands; SRTP may begin."""

    path: Path
    keys: SrtpKeys
    as_client: bool


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer said close_notify."""

    path: Path


EndpointOutput = (
    SendDtls
    | ClientHelloArrived
    | ClientHelloSent
    | AlertIgnored
    | HandshakeFailed
    | FingerprintMatched
    | FingerprintMismatched
    | KeysAgreed
    | PeerClosed
)
