"""SDES towards one side only: phones with keys in their descriptions talk to phones and browsers without.

Two sides that both speak SDES keep their keys to themselves and are relayed unread. Where only one does, its keys
end here: `take_off` leaves a description as a phone without encryption would have written it, `put_on` gives the side
that wants them ours.

What a side speaks is what its own last description used. One that has not spoken is offered SDES only over encrypted
signalling: elsewhere everybody on the way reads the keys (RFC 4568 section 7), and most phones would refuse them.
"""

from collections.abc import Callable

from talkpath.media import moments
from talkpath.media.keying import Security
from talkpath.media.leg import Anchor, Leg
from talkpath.media.policy import MediaRefused, Profile
from talkpath.media.portkeys import PortKeys, Spoken
from talkpath.media.telling import Noting
from talkpath.sdp import MediaSection, SessionDescription
from talkpath.secure import sdes
from talkpath.secure.suites import SrtpKeys

# Some write them beside a=crypto; to plain RTP they would mean opportunistic DTLS (RFC 8643).
DTLS_ATTRIBUTES = ("fingerprint", "setup", "tls-id", "dtls-id")


class CryptoDesk:
    """SDES of one call."""

    def __init__(self, security: Security, note: Noting) -> None:
        self._security = security
        self._note = note

    def take_off(
        self,
        description: SessionDescription,
        speaker: Leg,
        hearer: Leg,
        is_web: Callable[[Leg], bool],
        *,
        is_answer: bool = False,
    ) -> bool:
        """Undress the sections whose keys end here; whether there is anything for `put_on`.

        Raises `MediaRefused` for a description without a section whose keys we can use: the call would be silent.
        Some phones with DTLS answer SDES with SRTP and their fingerprint.
        """
        spoken = tuple(_spoken(section) for section in description.media)
        is_first = is_answer and not (speaker.spoken or speaker.wants_dtls)
        if is_first and any(map(_is_unkeyed, description.media)):
            raise MediaRefused("srtp-unkeyed", "it accepts SRTP, and names no key for it")
        self._reject_unusable(description, spoken, speaker, hearer, is_web)
        if not is_web(speaker):
            speaker.spoken = spoken
        ports = [anchor for anchor in (*speaker.anchors, *hearer.anchors) if anchor is not None]
        is_keyed = any(one.is_keyed for one in (*spoken, *hearer.spoken)) or _wants_sdes(hearer)
        if not is_keyed and not any(port.crypto for port in ports):
            return False
        ends_here = False
        for index, section in enumerate(description.media):
            if section.is_rtp and self._ends_here(index, spoken[index], speaker, hearer, is_web):
                ends_here = True
                if spoken[index].is_keyed:
                    section.protocol = Profile.PLAIN
                    section.attributes.drop("crypto", *DTLS_ATTRIBUTES)
        # Of a party with DTLS they are its proof: Firefox names its certificate for all sections at once.
        if ends_here and not is_web(speaker):
            description.attributes.drop(*DTLS_ATTRIBUTES)
        return ends_here

    def _reject_unusable(
        self,
        description: SessionDescription,
        spoken: tuple[Spoken, ...],
        speaker: Leg,
        hearer: Leg,
        is_web: Callable[[Leg], bool],
    ) -> None:
        unusable = [
            index
            for index, section in enumerate(description.media)
            if section.port and spoken[index].is_keyed and not _usable(spoken[index])
        ]
        for index in unusable:
            if self._ends_here(index, spoken[index], speaker, hearer, is_web):
                description.media[index].reject()
        if unusable and not any(section.port for section in description.media):
            raise MediaRefused("srtp-unkeyed", "none of its keys can be used; use AES_CM_128_HMAC_SHA1_80")

    @staticmethod
    def _ends_here(index: int, own: Spoken, speaker: Leg, hearer: Leg, is_web: Callable[[Leg], bool]) -> bool:
        if any(anchor is not None and anchor.crypto for anchor in (speaker.anchor(index), hearer.anchor(index))):
            return True
        if is_web(hearer):
            return own.is_keyed
        return own.is_keyed is not _speaks_sdes(hearer, index, own)

    def put_on(self, description: SessionDescription, speaker: Leg, hearer: Leg, is_answer: bool, now: float) -> None:
        """An answer takes effect on both sides, and the hearer is given our keys where it speaks SDES."""
        for index, section in enumerate(description.media):
            if not section.is_rtp:
                continue
            if is_answer and section.port:
                self._accept(speaker, index, now)
            anchor = hearer.anchor(index)
            if anchor is not None and not anchor.has_dtls:
                self._dress(section, hearer, anchor, is_answer, now)

    def take_up(self, leg: Leg, now: float) -> None:
        """The leg has got ports that another was heard on: its own keys are in force there."""
        for index in range(len(leg.anchors)):
            self._accept(leg, index, now)

    def _accept(self, leg: Leg, index: int, now: float) -> None:
        anchor, spoken = leg.anchor(index), _said(leg, index)
        if anchor is None or spoken is None or anchor.has_dtls:
            return
        if not spoken.is_keyed:
            self._open(anchor)
        elif anchor.crypto is not None:
            self._tell(leg, anchor.crypto.accept(_usable(spoken)), now)

    def _dress(self, section: MediaSection, leg: Leg, anchor: Anchor, is_answer: bool, now: float) -> None:
        spoken = _said(leg, anchor.index)
        if not (_wants_sdes(leg) if spoken is None else spoken.is_keyed):
            section.protocol = Profile.PLAIN if spoken is None else spoken.protocol
            self._open(anchor)
            return
        section.protocol = _asked(leg) if spoken is None else spoken.protocol
        if not section.port:
            return
        if anchor.crypto is None:
            anchor.crypto = PortKeys(self._security, anchor.port)
        if spoken is None or not is_answer:
            lines = anchor.crypto.offer()
        else:
            lines = self._answered(leg, anchor.crypto, spoken, now)
        if not lines:
            section.reject()
        section.attributes.set_all("crypto", [str(line) for line in lines])

    def _answered(self, leg: Leg, keys: PortKeys, spoken: Spoken, now: float) -> list[sdes.Crypto]:
        chosen = keys.answer(_usable(spoken))
        self._tell(leg, None if chosen is None else chosen[1], now)
        return [] if chosen is None else [chosen[0]]

    @staticmethod
    def _open(anchor: Anchor) -> None:
        if anchor.crypto is not None:
            anchor.crypto.open()
            anchor.crypto = None

    def _tell(self, leg: Leg, keys: SrtpKeys | None, now: float) -> None:
        if keys is None:
            self._note(now, moments.SRTP_UNKEYED, side=leg.side)
        else:
            self._note(now, moments.SRTP_KEYED, side=leg.side, how="SDES", profile=keys.suite.sdes_name)


def _speaks_sdes(leg: Leg, index: int, offered: Spoken) -> bool:
    said = _said(leg, index)
    if said is not None:
        return said.is_keyed
    if leg.origin is not None and leg.origin.profile is not None:
        return leg.origin.profile.is_sdes
    return offered.is_keyed and leg.origin is not None and leg.origin.secure


def _asked(leg: Leg) -> Profile:
    """The profile of an offer with keys to a leg that has not spoken."""
    return (None if leg.origin is None else leg.origin.profile) or Profile.SDES


def _wants_sdes(leg: Leg) -> bool:
    """Whether a leg that has not spoken is to be offered keys."""
    return not leg.spoken and leg.origin is not None and leg.origin.profile is not None and leg.origin.profile.is_sdes


def _said(leg: Leg, index: int) -> Spoken | None:
    return leg.spoken[index] if index < len(leg.spoken) else None


def _spoken(section: MediaSection) -> Spoken:
    is_sdes = section.is_secure and not section.is_dtls
    return Spoken(section.protocol, tuple(section.attributes.all("crypto")) if is_sdes else ())


def _is_unkeyed(section: MediaSection) -> bool:
    """Whether it is SRTP without the keys of SDES (RFC 4568) or MIKEY (RFC 4567)."""
    if not section.port or section.protocol not in (Profile.SDES, Profile.SDES_FEEDBACK):
        return False
    if "crypto" in section.attributes:
        return False
    return section.inherited("key-mgmt") is None


def _usable(spoken: Spoken) -> list[sdes.Crypto]:
    return sdes.read_lines(spoken.lines)[0]
