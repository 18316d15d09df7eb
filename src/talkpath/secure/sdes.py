"""SDES: keys in the session description (RFC 4568; GCM suites: RFC 7714 section 14.1; longer keys: RFC 6188)."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from talkpath.base.errors import Malformed
from talkpath.base.limits import SDES_LINES
from talkpath.secure.suites import MasterKey, SrtpKeys, Suite

# RFC 4568 section 6.3: a session parameter in this list changes the packets; without support the line is unusable.
_UNSUPPORTED = ("KDR=", "UNENCRYPTED_", "UNAUTHENTICATED_", "FEC_KEY=")

# RFC 4568 section 6.1.
_MKI_BYTES = 128

# What we offer ourselves: whoever has the long keys of RFC 6188 has one of these as well, and each line is 100 bytes
# of an INVITE.
OFFERED = (
    Suite.AEAD_AES_256_GCM,
    Suite.AEAD_AES_128_GCM,
    Suite.AES_CM_128_HMAC_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32,
)


class CryptoMalformed(Malformed):
    """A line that is no `a=crypto`."""

    def __init__(self, reason: str) -> None:
        super().__init__("sdes-malformed", f"{reason}; the line was passed over", "a=crypto")


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line. `suite` is None where we do not have the suite, or cannot do a parameter it demands.

    `mki` is what the packets of its writer carry (RFC 4568 section 6.1); our own lines have none.
    """

    tag: int
    suite: Suite | None
    master: MasterKey | None
    name: str
    mki: bytes = b""

    @classmethod
    def parse(cls, value: str) -> "Crypto":
        """The value of one `a=crypto`. Raises CryptoMalformed; a suite unknown to us is not malformed."""
        words = value.split()
        if len(words) < 3 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) <= 9):
            raise CryptoMalformed("tag, suite and key are missing")
        tag, name, suite = int(words[0]), words[1], Suite.by_sdes_name(words[1])
        if suite is None or any(word.upper().startswith(_UNSUPPORTED) for word in words[3:]):
            return cls(tag, None, None, name)
        return cls._keyed(tag, suite, name, words[2])

    @classmethod
    def _keyed(cls, tag: int, suite: Suite, name: str, parameters: str) -> "Crypto":
        first, *others = parameters.split(";")
        method, _, info = first.partition(":")
        if method.lower() != "inline":
            raise CryptoMalformed(f"key method {method[:20]!r}")
        material, *extras = info.split("|")
        # Of several keys each packet would say by its MKI which it needs; we hold one. A lifetime we may pass over:
        # re-keying before 2^31 packets is the sender's affair (section 6.1).
        if others:
            return cls(tag, None, None, name)
        mki = next((_identifier(extra) for extra in extras if ":" in extra), b"")
        try:
            octets = base64.b64decode(material + "=" * (-len(material) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise CryptoMalformed("the key is no base64") from None
        if len(octets) != suite.key_bytes + suite.salt_bytes:
            raise CryptoMalformed(f"{len(octets)} bytes of key and salt for {name}")
        master = MasterKey(octets[: suite.key_bytes], octets[suite.key_bytes :])
        return cls(tag, suite, master, name, mki)

    def __str__(self) -> str:
        """The value of `a=crypto`: it holds the key. `repr` does not."""
        if self.master is None:
            return f"{self.tag} {self.name}"
        material = base64.b64encode(self.master.key + self.master.salt).decode()
        return f"{self.tag} {self.name} inline:{material}"


def _identifier(text: str) -> bytes:
    """`1:4` is the number 1 in four bytes."""
    number, _, length = text.partition(":")
    if not (number.isascii() and number.isdigit() and length.isascii() and length.isdigit() and len(length) <= 3):
        raise CryptoMalformed("the MKI is no number and length")
    size = int(length)
    if not 1 <= size <= _MKI_BYTES or len(number) > 3 * size or int(number) >= 1 << 8 * size:
        raise CryptoMalformed("the MKI does not fit its length")
    return int(number).to_bytes(size, "big")


def read_lines(values: Iterable[str]) -> tuple[list[Crypto], list[CryptoMalformed]]:
    """The usable lines in the peer's order, and what was wrong with the others (capped)."""
    usable: list[Crypto] = []
    wrong: list[CryptoMalformed] = []
    for value in list(values)[:SDES_LINES]:
        try:
            line = Crypto.parse(value)
        except CryptoMalformed as problem:
            wrong.append(problem)
        else:
            if line.suite is not None:
                usable.append(line)
    return usable, wrong


def offer(entropy: Callable[[int], bytes], suites: Sequence[Suite] = OFFERED) -> list[Crypto]:
    """Lines to offer, each with a key of its own."""
    return [_line(tag, suite, entropy) for tag, suite in enumerate(suites, 1)]


def answer(
    theirs: Sequence[Crypto], entropy: Callable[[int], bytes], ours: Crypto | None = None
) -> tuple[Crypto, SrtpKeys] | None:
    """Choose of an offer: our line (with the offer's tag, section 5.1.2) and the keys. None where none fits.

    The best suite that both have wins. `ours` is the line of the last answer: a re-offer that repeats its suite keeps
    our key, and with it the rollover counters.
    """
    chosen = min(theirs, key=lambda line: _rank(line.suite), default=None)
    if chosen is None or chosen.suite is None or chosen.master is None:
        return None
    if ours is not None and ours.suite is chosen.suite:
        line = Crypto(chosen.tag, ours.suite, ours.master, chosen.name)
    else:
        line = replace(_line(chosen.tag, chosen.suite, entropy), name=chosen.name)
    assert line.master is not None
    return line, SrtpKeys(chosen.suite, line.master, chosen.master, chosen.mki)


def accept(ours: Sequence[Crypto], theirs: Sequence[Crypto]) -> SrtpKeys | None:
    """The keys that the peer's answer chose of our offer; None where it chose nothing we offered."""
    for answered in theirs:
        for line in ours:
            if (line.tag, line.suite) == (answered.tag, answered.suite) and line.master and answered.master:
                assert line.suite is not None
                return SrtpKeys(line.suite, line.master, answered.master, answered.mki)
    return None


def _line(tag: int, suite: Suite, entropy: Callable[[int], bytes]) -> Crypto:
    return Crypto(tag, suite, MasterKey(entropy(suite.key_bytes), entropy(suite.salt_bytes)), suite.sdes_name)


def _rank(suite: Suite | None) -> int:
    return list(Suite).index(suite) if suite is not None else len(Suite)
