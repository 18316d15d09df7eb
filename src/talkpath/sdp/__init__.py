"""Session descriptions as objects that can be edited (RFC 8866), offer and answer (RFC 3264), codec knowledge.

No media transport and no keys live here, only what descriptions say about them. Parsing raises `Malformed` and
nothing else; what has been parsed can be read without fear.
"""

from talkpath.sdp.attributes import Attribute, Attributes
from talkpath.sdp.codecs import Codec, Codecs, Format
from talkpath.sdp.description import MediaSection, SessionDescription
from talkpath.sdp.offer_answer import Match, chosen_codec, match_codecs
from talkpath.sdp.outline import Outline
from talkpath.sdp.values import (
    Candidate,
    Connection,
    Crypto,
    Direction,
    Fingerprint,
    Group,
    Origin,
    RtcpPort,
)

__all__ = [
    "Attribute",
    "Attributes",
    "Candidate",
    "Codec",
    "Codecs",
    "Connection",
    "Crypto",
    "Direction",
    "Fingerprint",
    "Format",
    "Group",
    "Match",
    "MediaSection",
    "Origin",
    "Outline",
    "RtcpPort",
    "SessionDescription",
    "chosen_codec",
    "match_codecs",
]
