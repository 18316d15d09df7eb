"""What an answer owes its offer (RFC 3264 section 6): its sections, their profiles, their names."""

from collections.abc import Sequence

from talkpath.media.announced import Announced
from talkpath.media.policy import Profile
from talkpath.media.portkeys import Spoken
from talkpath.media.told import Told
from talkpath.sdp import SessionDescription
from talkpath.sdp.values import Direction


def hold_to(answer: SessionDescription, offer: Told) -> bool:
    """Mend an answer that has not the sections of its offer, or accepts a rejected one; whether it had to be."""
    is_mended = len(answer.media) != len(offer.sections)
    if is_mended:
        del answer.media[len(offer.sections) :]
        for section in SessionDescription.parse(offer.own).media[len(answer.media) :]:
            answer.add_media(" ".join((section.kind, "0", section.protocol, *section.formats)))
    for section, offered in zip(answer.media, offer.sections, strict=True):
        if not offered.port:
            is_mended |= bool(section.port)
            section.reject()
    return is_mended


def point_within(answer: SessionDescription, offered: Sequence[Announced]) -> None:
    """Let an answer say no more than its offer allows (RFC 3264 section 6.1). Phones answer a hold with sendrecv, at
    which a browser throws."""
    for section, offer in zip(answer.media, offered, strict=True):
        own = section.direction
        within = Direction.of(sends=own.sends and offer.receives, receives=own.receives and offer.sends)
        if section.port and offer.live and section.is_rtp and within is not own:
            section.direction = within


def name_profiles(
    description: SessionDescription, spoken: Sequence[Spoken], asked: Profile | None, offer: Told | None
) -> None:
    """An answer names the profile of its offer, though phones answer AVPF with AVP; an offer that of the party's own
    last description (`spoken`), or the one that it is `asked` for before it has spoken."""
    own: list[str] = [one.protocol for one in (spoken if offer is None else offer.sections)]
    if offer is None and not spoken and asked is not None:
        own = [asked] * len(description.media)
    for section, protocol in zip(description.media, own, strict=False):
        if {section.protocol, protocol} in _WITH_FEEDBACK_AND_WITHOUT:
            section.protocol = protocol


_WITH_FEEDBACK_AND_WITHOUT = ({"RTP/AVP", "RTP/AVPF"}, {"RTP/SAVP", "RTP/SAVPF"})


def name_sections(description: SessionDescription, offered: Sequence[Announced]) -> None:
    """Give each section of an answer profile, mid and rtcp-mux of its offer; rtcp-mux only where that had it
    (RFC 5761 section 5.1.1)."""
    for section, offer in zip(description.media, offered, strict=True):
        section.mid = offer.mid
        section.rtcp_mux = offer.mux and bool(section.port)
        if section.protocol != offer.protocol:
            section.protocol = offer.protocol
