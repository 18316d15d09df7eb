"""Descriptions on their way between a call and a page: its `Dialect`, and what the ledger hears of it."""

from talkpath.media import bundle, moments
from talkpath.media.dialect import unknown
from talkpath.media.leg import Leg
from talkpath.media.policy import MediaRefused
from talkpath.media.telling import Noting
from talkpath.media.told import Told
from talkpath.sdp import SessionDescription
from talkpath.sdp.strict import strict

# Of what is left out: who leaves out more writes nothing that anybody reads.
_LINES_TOLD, _CHARACTERS_TOLD = 8, 80


def hear(page: Leg, description: SessionDescription, raw: bytes, offer: Told | None) -> bytes:
    """Take what the page says, an offer or the answer to `offer`, into the words of the call; gives it in these."""
    sections, kept = (None, frozenset[int]()) if offer is None else (offer.sections, offer.holds_kept)
    return description.encode() if page.its_dialect().hear(description, sections, kept) else raw


def reject_unknown(description: SessionDescription, note: Noting, now: float) -> None:
    """Reject sections of an offer that no browser knows, before ports are leased for them.

    Raises `MediaRefused` where nothing else is offered.
    """
    gone = unknown(description)
    for section in gone:
        note(now, moments.NOT_RELAYED, what=f"{section.kind} {section.protocol}")
        section.reject()
    if gone and not any(section.port for section in description.media):
        kinds = ", ".join(dict.fromkeys(section.kind for section in gone))
        raise MediaRefused("page-sections", f"a browser knows no {kinds}; offer it audio or video")


def require_common(page: Leg, description: SessionDescription, note: Noting, now: float) -> None:
    """Raises `MediaRefused` for an offer of which a page can take nothing: a browser would ring, be answered, and
    then refuse or fall silent. What is converted here, browsers speak themselves."""
    live = [section for section in description.media if section.port]
    names = {codec.name.lower() for section in live for codec in section.codecs if not codec.is_auxiliary}
    if not names or any(section.kind != "audio" or not section.is_rtp for section in live):
        return
    spoken = page.origin.speaks if page.origin is not None else _VOICES
    if names.isdisjoint(_VOICES) and names.isdisjoint(spoken):
        codecs = ", ".join(dict.fromkeys(codec.name for section in live for codec in section.codecs))
        note(now, moments.NO_COMMON_CODEC, codecs=codecs)
        raise MediaRefused(
            "no-common-codec", f"a browser speaks none of {codecs}, and none of them is converted here"
        )


# What browsers speak, or did not long ago (RFC 7874 section 3 asks for Opus and G.711).
_VOICES = frozenset({"opus", "multiopus", "g722", "pcma", "pcmu", "isac", "ilbc", "l16"})


def speak(
    page: Leg, description: SessionDescription, offer: Told | None, note: Noting, now: float
) -> tuple[bytes, frozenset[int]]:
    """Put an offer, or the answer to `offer`, into the words of the page; gives it in these, and the sections of
    whose hold the page does not hear."""
    dialect = page.its_dialect()
    spared = dialect.speak(description, None if offer is None else offer.raw)
    if offer is None:
        bundle.offer_mid(description, page)
    bundle.write_groups(description, page, None if offer is None else offer.sections)
    dialect.take_out(description)
    for kind, numbers in ((moments.RENUMBERED, spared.payload_types), (moments.EXTENSIONS, spared.extensions)):
        if numbers:
            note(now, kind, numbers=", ".join(numbers))
    if spared.holds:
        note(now, moments.HOLD_KEPT)
    sent, left = strict(description)
    if left:
        note(now, moments.LINES, lines=" · ".join(line[:_CHARACTERS_TOLD] for line in left[:_LINES_TOLD]))
    return sent, spared.holds
