"""SDES on one of our ports, and what a side said about it."""

from dataclasses import dataclass

from talkpath.media.engine import Port
from talkpath.media.keying import Security
from talkpath.media.record import KeysRecord
from talkpath.secure import sdes
from talkpath.secure.suites import SrtpKeys


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a side's last description said of one section: profile, and `a=crypto` where that is SDES."""

    protocol: str
    lines: tuple[str, ...]

    @property
    def is_keyed(self) -> bool:
        return bool(self.lines)

    @property
    def is_optional(self) -> bool:
        """Keys beside the profile of plain RTP: who does not take them answers without (RFC 8643)."""
        return self.is_keyed and "SAVP" not in self.protocol.upper()


class PortKeys:
    """SDES on one of our ports, `shut` from its start. Nothing passes in the clear before there are keys."""

    def __init__(self, security: Security, port: Port) -> None:
        self._security = security
        self._port = port
        self._offered: list[sdes.Crypto] = []
        #: of which somebody chose before: another who was offered them may choose as well
        self._chosen_of: list[sdes.Crypto] = []
        self._ours: sdes.Crypto | None = None

    def save(self) -> KeysRecord:
        """As data. Lines of ours have no MKI."""
        ours = None if self._ours is None else str(self._ours)
        return KeysRecord(tuple(map(str, self._offered)), tuple(map(str, self._chosen_of)), ours)

    @classmethod
    def resumed(cls, record: KeysRecord, security: Security, port: Port) -> "PortKeys":
        """The same again, of which the engine knows already."""
        made = cls(security, port)
        made._offered = [sdes.Crypto.parse(line) for line in record.offered]
        made._chosen_of = [sdes.Crypto.parse(line) for line in record.chosen_of]
        made._ours = None if record.ours is None else sdes.Crypto.parse(record.ours)
        return made

    def shut(self) -> None:
        """Let nothing pass from now on."""
        self._security.engine.shut(self._port)

    def offer(self) -> list[sdes.Crypto]:
        """Our lines; the one in use again where there is one, so that its counters go on."""
        if not self._offered:
            self._offered = [self._ours] if self._ours is not None else sdes.offer(self._security.entropy)
        return self._offered

    def answer(self, theirs: list[sdes.Crypto]) -> tuple[sdes.Crypto, SrtpKeys] | None:
        """Choose of their lines; in force from now on."""
        chosen = sdes.answer(theirs, self._security.entropy, self._ours)
        if chosen is not None:
            self._ours = chosen[0]
            self._set(chosen[1])
        return chosen

    def accept(self, theirs: list[sdes.Crypto]) -> SrtpKeys | None:
        """They chose of our lines; in force from now on."""
        offered = self._offered or self._chosen_of
        keys = sdes.accept(offered, theirs)
        if keys is not None:
            self._chosen_of = offered
            self._ours = next(line for line in offered if line.suite is keys.suite)
            self._set(keys)
        return keys

    def open(self) -> None:
        """The side speaks plain RTP now."""
        self._security.engine.unsecure(self._port)

    def _set(self, keys: SrtpKeys) -> None:
        self._offered = []
        ours, theirs = (keys.ours.key, keys.ours.salt), (keys.theirs.key, keys.theirs.salt)
        self._security.engine.secure(self._port, keys.suite.sdes_name, ours, theirs, mki=keys.mki)
