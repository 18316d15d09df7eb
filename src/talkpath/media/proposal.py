"""Our own offer: to a caller of a service, and to a WebRTC party for a call whose INVITE brings none.

A page with JsSIP that is called without an offer answers with one that has no sections, and nobody hears anything. It
gets ours instead, and what it answers becomes the offer in its 200. The answer to that, in the ACK, is not told any
more, so what the page may send is converted where the other side does not take it.
"""

from collections.abc import Iterable

from talkpath.media import bundle
from talkpath.media.leg import Anchor
from talkpath.media.policy import Profile
from talkpath.media.web import dress_all
from talkpath.sdp import Connection, Origin, SessionDescription

# Encoding name in lower case -> payload type, and a=rtpmap of it.
_VOICES = {"pcmu": (0, "PCMU/8000"), "pcma": (8, "PCMA/8000"), "g722": (9, "G722/8000"), "opus": (96, "opus/48000/2")}
_EVENTS = {8000: 101, 48_000: 102}


def propose(anchor: Anchor, origin: Origin, codecs: Iterable[str]) -> SessionDescription:
    """An offer of one audio section with these codecs (as `media.transcoding` names them) and events, on our port."""
    host = anchor.address.advertised
    voices = [_VOICES[name.lower()] for name in codecs]
    clocks = sorted({48_000 if rtpmap.startswith("opus") else 8000 for _, rtpmap in voices})
    events = [(_EVENTS[clock], f"telephone-event/{clock}") for clock in clocks]
    numbers = " ".join(str(number) for number, _ in (*voices, *events))
    lines = ["v=0", f"o={origin}", "s=talkpath", f"c={Connection.of_host(host)}", "t=0 0"]
    lines.append(f"m=audio {anchor.port.rtp} {Profile.PLAIN} {numbers}")
    lines += [f"a=rtpmap:{number} {rtpmap}" for number, rtpmap in (*voices, *events)]
    lines += [f"a=fmtp:{number} 0-15" for number, _ in events]
    offer = SessionDescription([*lines, "a=sendrecv"])
    if anchor.transport is not None:
        offer.media[0].mid = "0"
        bundle.write_groups(offer, anchor.leg, None)
        dress_all(offer, [anchor], host, answering=False)
    return offer
