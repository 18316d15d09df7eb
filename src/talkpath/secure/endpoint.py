"""The DTLS endpoint of one media transport, as a machine: many may try, one certified peer gets through.

Every source has a handshake of its own, so a ClientHello that leads nowhere (no usable cipher, a foreign certificate,
silence) costs that source its handshake and nobody else anything. The first that completes with a certificate which
the description names is the association; the others are forgotten. A peer that moves to another approved address in
mid-handshake goes on where it was.
"""

from collections import Counter
from typing import assert_never

from OpenSSL import SSL

from talkpath.base.limits import DTLS_DATAGRAM_BYTES, DTLS_HANDSHAKES
from talkpath.base.timers import earliest
from talkpath.secure import records
from talkpath.secure.assembly import HelloAssembly
from talkpath.secure.certificate import Fingerprint, verdict
from talkpath.secure.events import (
    AlertIgnored,
    Begun,
    ClientHelloArrived,
    ClientHelloSent,
    DtlsArrived,
    Ended,
    EndpointInput,
    EndpointOutput,
    FingerprintMatched,
    FingerprintMismatched,
    HandshakeFailed,
    KeysAgreed,
    Path,
    PathSelected,
    PeerClosed,
    RemoteDescribed,
    SendDtls,
)
from talkpath.secure.handshake import STALLED_S, Handshake, State
from talkpath.secure.hello import read_hello
from talkpath.secure.identity import Identity
from talkpath.secure.records import Record

# How often we begin again as client after somebody's forged answer broke our handshake, and when: the server must
# have seen that the first one stalled.
_CLIENT_ATTEMPTS = 5
_CLIENT_RETRY_S = STALLED_S + 0.2


class DtlsEndpoint:
    """Server until `Begun` makes it a client. `cookie` is for media without ICE: a source must first return one."""

    def __init__(self, identity: Identity, *, cookie: bool = False, mtu: int = DTLS_DATAGRAM_BYTES) -> None:
        self._identity = identity
        self._mtu = mtu
        self._listener = identity.listener(mtu) if cookie else None
        self._handshakes: dict[Path, Handshake] = {}
        self._partial: dict[Path, HelloAssembly] = {}
        self._association: Path | None = None
        self._begun_on: Path | None = None
        self._attempts = 0
        self._retry_at: float | None = None
        self._fingerprints: tuple[Fingerprint, ...] = ()
        self._outputs: list[EndpointOutput] = []
        self.counters: Counter[str] = Counter()

    @property
    def association(self) -> Path | None:
        """Where the peer of the association is, once it stands; it is over when the peer said so."""
        return self._association

    @property
    def begun_on(self) -> Path | None:
        """Where we shook hands as client."""
        return self._begun_on

    @property
    def is_busy(self) -> bool:
        """Whether somebody shakes hands, so that nobody else could go on with it."""
        return self._retry_at is not None or (self._association is None and bool(self._handshakes))

    def resume(self, fingerprints: tuple[Fingerprint, ...], begun_on: Path | None, association: Path | None) -> None:
        """Go on for an endpoint that was not busy. Of its association there are the keys and nothing else: what comes
        for it is not read, and no goodbye is said."""
        self._fingerprints, self._begun_on, self._association = fingerprints, begun_on, association

    def receive(self, event: EndpointInput, now: float) -> None:
        """Take one input; never raises for what the peer did."""
        match event:
            case DtlsArrived():
                self._datagram(event.path, event.data, now)
            case RemoteDescribed(fingerprints):
                self._fingerprints = fingerprints
                for path in list(self._handshakes):
                    self._judge(path)
            case Begun(path):
                if self._begun_on is None:
                    self._begin(path, now)
            case PathSelected(path):
                self._move(path)
            case Ended():
                self._end()
            case _:
                assert_never(event)

    def deadline(self) -> float | None:
        """When `expire` wants to be called next, or None."""
        times = [self._retry_at]
        for handshake in self._handshakes.values():
            times.append(handshake.deadline())
        return earliest(times)

    def expire(self, now: float) -> None:
        """Send flights again; give up on those who fell silent."""
        if self._retry_at is not None and self._begun_on is not None and now >= self._retry_at:
            self._begin(self._begun_on, now)
        for path, handshake in list(self._handshakes.items()):
            if self._handshakes.get(path) is handshake:
                handshake.expire(now)
                self._settle(path, handshake, now)

    def drain(self) -> list[EndpointOutput]:
        """What is to be sent and told since the last drain, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _end(self) -> None:
        for path, handshake in self._handshakes.items():
            handshake.close()
            self._flush(path, handshake)
        self._handshakes.clear()
        self._retry_at = None

    # What arrives.

    def _datagram(self, path: Path, data: bytes, now: float) -> None:
        arrived = self._without_alerts(path, records.split(data))
        if not arrived:
            self.counters["nothing-usable"] += 1
            return
        home = self._home(path, arrived[0])
        handshake = self._handshakes.get(home) if home is not None else None
        if home is not None and handshake is not None and handshake.is_superseded(arrived[0], now):
            self._drop(home, "replaced")
            handshake = None
        if handshake is None:
            handshake = self._admit(path, arrived, now)
            home = path
        else:
            handshake.receive(arrived, now)
        if handshake is not None and home is not None:
            home = self._follow(home, path, handshake, arrived)
            self._settle(home, handshake, now)

    def _without_alerts(self, path: Path, arrived: list[Record]) -> list[Record]:
        for record in arrived:
            if record.alert is not None:
                self._emit(AlertIgnored(path, *record.alert))
        return [record for record in arrived if not (record.is_clear and record.content == records.Content.ALERT)]

    def _home(self, path: Path, first: Record) -> Path | None:
        """The handshake this belongs to: the source's own; of a hello the one that it began; else the only one."""
        if self._association is not None:
            return self._association
        if path in self._handshakes:
            return path
        if self._begun_on is not None:
            return self._begun_on
        if first.is_client_hello:
            return next((home for home, begun in self._handshakes.items() if self._is_repeated(begun, first)), None)
        if len(self._handshakes) != 1:
            return None
        return next(iter(self._handshakes))

    def _follow(self, home: Path, path: Path, handshake: Handshake, arrived: list[Record]) -> Path:
        """The peer speaks from another address now, so it is answered there. Another hello proves nothing."""
        if home == path or path in self._handshakes:
            return home
        if arrived[0].is_client_hello and not self._is_repeated(handshake, arrived[0]):
            return home
        del self._handshakes[home]
        self._handshakes[path] = handshake
        self._association = path if self._association == home else self._association
        self._begun_on = path if self._begun_on == home else self._begun_on
        return path

    def _is_repeated(self, handshake: Handshake, hello: Record) -> bool:
        """A browser whose pair changes before our answer came repeats its hello over the new one. Without ICE nobody
        has checked that address: there it must return a cookie of its own."""
        return self._listener is None and handshake.is_repeated_by(hello)

    def _admit(self, path: Path, arrived: list[Record], now: float) -> Handshake | None:
        if not arrived[0].is_client_hello or self._begun_on is not None or self._association is not None:
            self.counters["unexpected"] += 1
            return None
        whole = self._put_together(path, arrived)
        if whole is None:
            return None
        if len(self._handshakes) >= DTLS_HANDSHAKES and not self._evict():
            self.counters["handshakes-full"] += 1
            return None
        if self._listener is None:
            handshake = Handshake(self._identity.server(self._mtu), is_client=False, mtu=self._mtu, now=now)
            handshake.receive([whole], now)
        elif (listening := self._listen(path, whole, now)) is not None:
            handshake = listening
        else:
            return None
        self._emit(ClientHelloArrived(path, read_hello(whole.fragment)))
        self._handshakes[path] = handshake
        return handshake

    def _put_together(self, path: Path, arrived: list[Record]) -> Record | None:
        """The whole hello of this source, None while a fragment is missing."""
        assembly = self._partial.pop(path, None) or HelloAssembly()
        for record in arrived:
            if record.is_client_hello and (whole := assembly.take(record)) is not None:
                return whole
        if len(self._partial) >= DTLS_HANDSHAKES:
            self._partial.pop(next(iter(self._partial)))
        self._partial[path] = assembly
        return None

    def _listen(self, path: Path, hello: Record, now: float) -> Handshake | None:
        """One step of the cookie exchange: keeps nothing of a source until its cookie came back."""
        listener = self._listener
        assert listener is not None
        listener.set_app_data(f"{path[0]} {path[1]}".encode())
        listener.bio_write(hello.numbered(0).data)
        try:
            listener.DTLSv1_listen()
        except SSL.WantReadError:
            self._send_cookie(path, listener)
            return None
        except SSL.Error:
            self.counters["hello-malformed"] += 1
            self._listener = self._identity.listener(self._mtu)
            return None
        self._listener = self._identity.listener(self._mtu)
        handshake = Handshake(listener, is_client=False, mtu=self._mtu, now=now)
        handshake.proceed(hello, now)
        return handshake

    def _send_cookie(self, path: Path, listener: SSL.Connection) -> None:
        self.counters["cookies"] += 1
        try:
            self._emit(SendDtls(path, listener.bio_read(self._mtu)))
        except SSL.WantReadError:
            self.counters["hello-malformed"] += 1

    def _evict(self) -> bool:
        """Room for a newcomer: the oldest handshake that has come no further than its hello goes."""
        for path, handshake in self._handshakes.items():
            if handshake.state is State.HANDSHAKING and path != self._begun_on:
                self._emit(HandshakeFailed(path, "replaced"))
                del self._handshakes[path]
                return True
        return False

    # As client.

    def _begin(self, path: Path, now: float) -> None:
        self._begun_on = path
        self._retry_at = None
        self._attempts += 1
        handshake = Handshake(self._identity.client(self._mtu), is_client=True, mtu=self._mtu, now=now)
        self._handshakes = {path: handshake}
        self._emit(ClientHelloSent(path))
        self._settle(path, handshake, now)

    def _move(self, path: Path) -> None:
        home = self._association or self._begun_on
        if home is None or home == path:
            return
        if home in self._handshakes:
            self._handshakes[path] = self._handshakes.pop(home)
        self._association = path if self._association is not None else None
        self._begun_on = path if self._begun_on is not None else None

    # What became of it.

    def _settle(self, path: Path, handshake: Handshake, now: float) -> None:
        self._flush(path, handshake)
        match handshake.state:
            case State.HANDSHAKING:
                pass
            case State.COMPLETE:
                self._judge(path)
            case State.FAILED:
                self._drop(path, handshake.reason)
                if path == self._begun_on and self._attempts < _CLIENT_ATTEMPTS and handshake.reason != "timeout":
                    self._retry_at = now + _CLIENT_RETRY_S
            case State.CLOSED:
                self._handshakes.pop(path, None)
                if path == self._association:
                    self._emit(PeerClosed(path))
            case _:
                assert_never(handshake.state)

    def _judge(self, path: Path) -> None:
        """The verdict on a complete handshake, as soon as we know what the description says."""
        handshake = self._handshakes[path]
        if handshake.state is not State.COMPLETE or self._association is not None or not self._fingerprints:
            return
        certificate = handshake.certificate()
        shown, is_named = verdict(certificate, self._fingerprints)
        if not is_named:
            self._emit(FingerprintMismatched(path, shown))
            self._drop(path, "fingerprint")
        elif (keys := handshake.keys()) is None:
            self._drop(path, "no-srtp-profile")
        else:
            self._association = path
            self._handshakes = {path: handshake}
            self._emit(FingerprintMatched(path, shown))
            self._emit(KeysAgreed(path, keys, handshake.is_client))

    def _drop(self, path: Path, reason: str) -> None:
        del self._handshakes[path]
        self._emit(HandshakeFailed(path, reason))

    def _flush(self, path: Path, handshake: Handshake) -> None:
        datagrams, handshake.datagrams = handshake.datagrams, []
        for datagram in datagrams:
            self._emit(SendDtls(path, datagram))

    def _emit(self, output: EndpointOutput) -> None:
        self._outputs.append(output)
