"""One DTLS 1.2 handshake with one source, around OpenSSL's state machine in memory.

OpenSSL decides what a flight holds. When a flight is sent again is decided here, on our clock: the records of the
last flight are kept and go out once more with fresh numbers (RFC 6347 section 4.2.4). Only a Finished cannot be
numbered anew, for it is encrypted; it goes out as it was, and by OpenSSL's own timer, once that has run, as a new
record.
"""

from collections.abc import Iterable
from contextlib import suppress
from enum import Enum

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

from talkpath.secure import records
from talkpath.secure.records import Arrivals, Content, Numbering, Record
from talkpath.secure.suites import MasterKey, SrtpKeys, Suite

# The first retransmission and the longest wait. A browser starts at 50 ms, RFC 6347 at a second: on a mobile network
# half a second costs no duplicates, and a lost flight is hardly felt.
RETRANSMIT_S = 0.4
RETRANSMIT_MAX_S = 6.4
# The user has hung up by then.
HANDSHAKE_S = 30.0
# A client that began anew (its random changed) replaces a handshake that came no further for this long.
STALLED_S = 2.0
# A peer's repeated flight makes us repeat ours at most this often.
_REPEAT_S = 0.03
_EXPORTER = b"EXTRACTOR-dtls_srtp"
# More than a flight has, and than a record of data; what is longer is read in pieces.
_ENOUGH = 4_096
_HANDSHAKES = (int(Content.HANDSHAKE), int(Content.CHANGE_CIPHER_SPEC))


class State(Enum):
    HANDSHAKING = "handshaking"
    COMPLETE = "complete"
    FAILED = "failed"
    CLOSED = "closed"


class Handshake:
    """See the module. Outputs are taken from `datagrams`; `state` and `reason` tell what became of it."""

    def __init__(self, connection: SSL.Connection, *, is_client: bool, mtu: int, now: float) -> None:
        self.state = State.HANDSHAKING
        self.reason = ""
        self.is_client = is_client
        self.datagrams: list[bytes] = []
        self._connection = connection
        self._mtu = mtu
        self._hello_random: bytes | None = None
        self._arrivals = Arrivals()
        self._numbering = Numbering()
        self._flight: list[Record] = []
        self._fails_at = now + HANDSHAKE_S
        self._wait_s = RETRANSMIT_S
        self._repeat_at: float | None = None
        self._repeated_at = 0.0
        self._progress_at = now
        if is_client:
            self._step(now)

    def proceed(self, hello: Record, now: float) -> None:
        """A listener took the hello already, as the record 0: answer it."""
        self._hello_random = hello.hello_random
        self._arrivals.renumber([hello])
        self._step(now)

    @property
    def has_answered(self) -> bool:
        """A flight of ours went out: the peer's hello was one that we could answer."""
        return bool(self._flight)

    def is_repeated_by(self, record: Record) -> bool:
        """Whether this is the hello of the unfinished handshake once more, wherever it comes from."""
        if self.state is not State.HANDSHAKING or not record.is_client_hello:
            return False
        random = record.hello_random
        return bool(random) and random == self._hello_random

    def is_superseded(self, record: Record, now: float) -> bool:
        """Another hello of a client that gave this handshake up. While it still moves, such a hello is a forgery."""
        if self.is_client or self.state is not State.HANDSHAKING or not record.is_client_hello:
            return False
        random = record.hello_random
        return bool(random) and random != self._hello_random and now - self._progress_at >= STALLED_S

    def receive(self, arrived: list[Record], now: float) -> None:
        """Take the records of one datagram. Clear alerts are the caller's to drop."""
        if self.state is State.FAILED or self.state is State.CLOSED:
            return
        fresh = [record for record in arrived if not self._is_stale(record)]
        if not fresh:
            if self.state is State.HANDSHAKING and not self.is_client:
                self._repeat_once(now)
            return
        if self._hello_random is None:
            self._hello_random = fresh[0].hello_random
        numbered = self._arrivals.renumber(fresh)
        self._connection.bio_write(b"".join(record.data for record in numbered))
        is_new = self._step(now)
        if not is_new and self.state is State.COMPLETE and not self.is_client and _is_handshake(arrived):
            # Our last flight was lost: nothing else makes a finished server speak (RFC 6347 figure 3).
            self._repeat_once(now)

    def deadline(self) -> float | None:
        """The next retransmission, or when we give up."""
        if self.state is not State.HANDSHAKING:
            return None
        return self._fails_at if self._repeat_at is None else min(self._repeat_at, self._fails_at)

    def expire(self, now: float) -> None:
        """Send the flight again, or give up."""
        if self.state is not State.HANDSHAKING:
            return
        if now >= self._fails_at:
            self._fail("timeout")
        elif self._repeat_at is not None and now >= self._repeat_at:
            self._wait_s = min(2 * self._wait_s, RETRANSMIT_MAX_S)
            self._repeat_at = now + self._wait_s
            if not self._by_openssl_s_timer(now):
                self._repeat(now)

    def certificate(self) -> bytes:
        """The peer's, in DER; of a complete handshake."""
        peer = self._connection.get_peer_certificate()
        assert peer is not None
        return dump_certificate(FILETYPE_ASN1, peer)

    def keys(self) -> SrtpKeys | None:
        """The SRTP keys (RFC 5764 section 4.2) of a complete handshake; None where no profile was agreed."""
        suite = Suite.by_openssl_name(self._connection.get_selected_srtp_profile().decode())
        if suite is None:
            return None
        key, salt = suite.key_bytes, suite.salt_bytes
        material = self._connection.export_keying_material(_EXPORTER, 2 * (key + salt))
        client = MasterKey(material[:key], material[2 * key : 2 * key + salt])
        server = MasterKey(material[key : 2 * key], material[2 * key + salt :])
        ours, theirs = (client, server) if self.is_client else (server, client)
        return SrtpKeys(suite, ours, theirs)

    def close(self) -> None:
        """Say goodbye: a close_notify under the agreed keys. Of an unfinished handshake nothing is said."""
        if self.state is State.COMPLETE:
            with suppress(SSL.Error):
                self._connection.shutdown()
            self.datagrams += records.pack(self._sent(), self._mtu)
        self.state = State.CLOSED

    def _is_stale(self, record: Record) -> bool:
        """A ClientHello after one that we answered: the same again, or a forgery. Neither may reach OpenSSL."""
        return record.is_client_hello and (self.is_client or self.has_answered)

    def _step(self, now: float) -> bool:
        """Let OpenSSL work; whether a new flight came of it."""
        try:
            if self.state is State.HANDSHAKING:
                self._connection.do_handshake()
                self.state = State.COMPLETE
                self._repeat_at = None
            self._read()
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = State.CLOSED
        except SSL.Error as problem:
            self._fail(_words(problem))
        return self._send_flight(now)

    def _read(self) -> None:
        """After the handshake: only alerts and repeated flights are of interest, data is dropped."""
        while True:
            self._connection.recv(_ENOUGH)

    def _send_flight(self, now: float) -> bool:
        sent = self._sent()
        if not sent:
            return False
        self.datagrams += records.pack(sent, self._mtu)
        if (self.state is State.HANDSHAKING or self.state is State.COMPLETE) and _is_handshake(sent):
            self._flight = sent
            self._progress_at = now
            self._wait_s = RETRANSMIT_S
            self._repeat_at = now + self._wait_s if self.state is State.HANDSHAKING else None
        return True

    def _sent(self) -> list[Record]:
        written = b""
        with suppress(SSL.WantReadError):
            while len(written) % _ENOUGH == 0:
                written += self._connection.bio_read(_ENOUGH)
        return self._numbering.renumber(records.split(written))

    def _repeat_once(self, now: float) -> None:
        if now - self._repeated_at >= _REPEAT_S:
            self._repeat(now)

    def _repeat(self, now: float) -> None:
        self._repeated_at = now
        self._flight = self._numbering.renumber(self._flight)
        self.datagrams += records.pack(self._flight, self._mtu)

    def _by_openssl_s_timer(self, now: float) -> bool:
        wait_s = self._wait_s
        try:
            if not self._connection.DTLSv1_handle_timeout():
                return False
        except SSL.Error as problem:
            self._fail(_words(problem))
            return True
        is_sent = self._send_flight(now)
        self._wait_s, self._repeat_at = wait_s, now + wait_s
        return is_sent

    def _fail(self, reason: str) -> None:
        self.state = State.FAILED
        self.reason = reason
        self._repeat_at = None


def _is_handshake(flight: Iterable[Record]) -> bool:
    """Records as of a handshake. An encrypted alert that looks like data does not count."""
    return any(record.content in _HANDSHAKES for record in flight)


def _words(problem: SSL.Error) -> str:
    """OpenSSL's reason, such as "no shared cipher"."""
    stack = problem.args[0] if problem.args and isinstance(problem.args[0], list) else []
    return str(stack[0][2]) if stack else "protocol error"
