"""Which link of the chain broke first: from the checks over the handshake to the first sound (RFC 8445, RFC 5763).

Asked when an answered call ends. Each side has its own chain; what comes after a broken link cannot have worked.
"""

from talkpath.media import moments
from talkpath.media.leg import Anchor, Leg

# Packets after which silence is no accident: two seconds of audio.
_MANY_PACKETS = 100


def broken_link(leg: Leg) -> str | None:
    """The kind of moment that names the first broken link of this leg's audio, or of its first section."""
    anchors = [anchor for anchor in leg.anchors if anchor is not None]
    audio = next((anchor for anchor in anchors if anchor.kind == "audio"), anchors[0] if anchors else None)
    if audio is None:
        return None
    if audio.transport is not None and (link := audio.transport.broken_link) is not None:
        return link
    if not audio.must_send:
        return None
    if not audio.heard:
        return moments.NO_PACKET
    return moments.NO_SOUND if _is_mute(audio) else None


def _is_mute(anchor: Anchor) -> bool:
    return not anchor.has_sounded and anchor.silent_packets >= _MANY_PACKETS
