"""SDES towards one side only: phones with keys in their descriptions talk to phones and browsers without.

Two sides that both speak SDES keep their keys to themselves and are relayed unread, unless one refuses what the other
brings. Where only one does, its keys end here: `take_off` leaves a description as a phone without encryption would
have written it, `put_on` gives the side that wants them ours.

What a side speaks is what its own last description used. One that has not spoken is offered SDES only over encrypted
signalling: elsewhere everybody on the way reads the keys (RFC 4568 section 7), and most phones would refuse them.

Optional SRTP (RFC 8643) is `a=crypto` beside the profile of plain RTP. Its keys always end here: whether the other
side takes them is open until it answers, and nobody may take for plain what is sealed until then.
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
        spoken = tuple(
            _spoken(section, speaker.anchor(at), is_answer) for at, section in enumerate(description.media)
        )
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
        if is_web(hearer) or (hearer.origin is not None and hearer.origin.own_keys):
            return own.is_keyed
        said = _said(hearer, index)
        if own.is_optional or (said is not None and said.is_optional):
            return True
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
                offered = None if is_answer else _said(speaker, index)
                self._dress(section, hearer, anchor, _asked(hearer, offered), is_answer, now)

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

    def _dress(
        self, section: MediaSection, leg: Leg, anchor: Anchor, asked: str | None, is_answer: bool, now: float
    ) -> None:
        """`asked` is the profile in which a leg that has not spoken is offered keys, None where it is not."""
        spoken = _said(leg, anchor.index)
        if not (asked if spoken is None else spoken.is_keyed):
            section.protocol = Profile.PLAIN if spoken is None else spoken.protocol
            self._open(anchor)
            return
        section.protocol = (asked or Profile.SDES) if spoken is None else spoken.protocol
        if not section.port:
            return
        if anchor.crypto is None:
            anchor.crypto = PortKeys(self._security, anchor.port)
            anchor.crypto.shut()
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


def disbelieve(answer: SessionDescription, speaker: Leg) -> None:
    """A certificate under the profile of plain RTP (RFC 8643) means nothing in the answer to an offer without one."""
    unasked = [
        section
        for index, section in enumerate(answer.media)
        if not (section.is_secure or section.inherited("fingerprint") is None or _has_dtls(speaker.anchor(index)))
    ]
    for section in unasked:
        section.attributes.drop(*DTLS_ATTRIBUTES)
    if unasked and len(unasked) == len(answer.media):
        answer.attributes.drop(*DTLS_ATTRIBUTES)


def _has_dtls(anchor: Anchor | None) -> bool:
    return anchor is not None and anchor.has_dtls


def _speaks_sdes(leg: Leg, index: int, offered: Spoken) -> bool:
    said = _said(leg, index)
    if said is not None:
        return said.is_keyed
    if leg.origin is not None and leg.origin.profile is not None:
        return leg.origin.profile.is_sdes
    return offered.is_keyed and leg.origin is not None and leg.origin.secure


def _asked(leg: Leg, offered: Spoken | None) -> str | None:
    """The profile of an offer with keys to a leg that has not spoken. What is offered optionally by the other side is
    so offered to it too, where nobody on the way reads it."""
    if _wants_sdes(leg):
        return (None if leg.origin is None else leg.origin.profile) or Profile.SDES
    is_free = leg.origin is not None and leg.origin.secure and leg.origin.profile is None
    return offered.protocol if is_free and offered is not None and offered.is_optional else None


def _wants_sdes(leg: Leg) -> bool:
    """Whether a leg that has not spoken is to be offered keys."""
    return not leg.spoken and leg.origin is not None and leg.origin.profile is not None and leg.origin.profile.is_sdes


def _said(leg: Leg, index: int) -> Spoken | None:
    return leg.spoken[index] if index < len(leg.spoken) else None


def _spoken(section: MediaSection, anchor: Anchor | None, is_answer: bool) -> Spoken:
    """Optional keys that cannot be used, or that an answer brings to an offer without, go: then it is plain."""
    lines = () if section.is_dtls else tuple(section.attributes.all("crypto"))
    said = Spoken(section.protocol, lines)
    was_asked = not is_answer or (anchor is not None and anchor.crypto is not None)
    if said.is_optional and not (was_asked and _usable(said)):
        section.attributes.drop("crypto")
        return Spoken(section.protocol, ())
    return said


def _is_unkeyed(section: MediaSection) -> bool:
    """Whether it is SRTP without the keys of SDES (RFC 4568) or MIKEY (RFC 4567)."""
    if not section.port or section.protocol not in (Profile.SDES, Profile.SDES_FEEDBACK):
        return False
    if "crypto" in section.attributes:
        return False
    return section.inherited("key-mgmt") is None


def _usable(spoken: Spoken) -> list[sdes.Crypto]:
    return sdes.read_lines(spoken.lines)[0]
