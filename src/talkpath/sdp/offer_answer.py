"""Which codec of an answer is which of its offer (RFC 3264 sections 6.1 and 8.3.2).

Codecs are the same when name, clock and channels are. Parameters (`a=fmtp`) never decide that a codec was not chosen:
they are about one direction, may be unknown to the other side, and are left out at will. They only tell apart several
offers of the same codec, such as H264 in two profiles.
"""

from typing import NamedTuple

from talkpath.sdp.codecs import Codec
from talkpath.sdp.description import MediaSection


class Match(NamedTuple):
    """A codec of an answer and the one of the offer it chose; `offered` is None for one that nobody offered."""

    offered: Codec | None
    answered: Codec


def match_codecs(offer: MediaSection, answer: MediaSection) -> list[Match]:
    """Every codec of the answer, in its order, with its origin in the offer. Each offered codec is chosen once."""
    left = list(offer.codecs)
    matches = []
    for answered in answer.codecs:
        same = [codec for codec in left if codec.format.key == answered.format.key]
        offered = max(same, key=lambda codec: _likeness(codec, answered), default=None)
        if offered is not None:
            left.remove(offered)
        matches.append(Match(offered, answered))
    return matches


def chosen_codec(offer: MediaSection, answer: MediaSection) -> Codec | None:
    """The codec that will carry the media: the first of the answer that was offered and is no mere companion."""
    matches = match_codecs(offer, answer)
    return next((one.answered for one in matches if one.offered and not one.answered.is_auxiliary), None)


def fmtp_parameters(codec: Codec) -> dict[str, str]:
    """The `name=value` parameters of a codec, names in lower case; a bare value stands under the empty name."""
    parameters = {}
    for part in (codec.fmtp or "").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            parameters[name.strip().lower()] = value.strip()
        elif name:
            parameters[""] = name
    return parameters


def _likeness(offered: Codec, answered: Codec) -> tuple[int, bool]:
    """How many parameters agree, then whether the payload type does (an answer should keep it, RFC 3264 6.1)."""
    theirs = fmtp_parameters(answered)
    agreeing = sum(theirs.get(name) == value for name, value in fmtp_parameters(offered).items())
    return agreeing, offered.payload_type == answered.payload_type
