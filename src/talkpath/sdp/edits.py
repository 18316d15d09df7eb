"""An offer whose edits can be made again on another version of it.

Between the offer of a caller and what a callee gets, addresses change and codecs of a converter are added. What was
said of codecs ("only opus", "speex goes") holds for what the callee gets in the end, so these edits are remembered;
all others are made once, on what came.
"""

from collections.abc import Sequence
from typing import NamedTuple

from talkpath.base.errors import Misuse
from talkpath.sdp.codecs import Codec, Codecs
from talkpath.sdp.description import MediaSection, SessionDescription

_PREFER = "prefer"
_KEEP = "keep"
_DROP = "drop"


class CodecEdit(NamedTuple):
    """One edit of the codecs of a section: prefer, keep or drop."""

    section: int
    verb: str
    names: tuple[str, ...]


class OfferCodecs(Codecs):
    """Codecs of an offer; their edits show at once and are remembered."""

    __slots__ = ("_section",)

    def __init__(self, section: "OfferSection") -> None:
        super().__init__(section)
        self._section = section

    def prefer(self, *names: str) -> Codecs:
        """As in `Codecs`."""
        super().prefer(*names)
        self._section.remember(_PREFER, names)
        return self

    def drop(self, *names: str) -> Codecs:
        """As in `Codecs`."""
        before = list(self._section.lines)
        super().drop(*names)
        self._section.remember(_DROP, names, before)
        return self

    def keep(self, *names: str) -> Codecs:
        """As in `Codecs`. What is kept may be a codec that only the edge speaks, if it converts (`transcoding`)."""
        before = list(self._section.lines)
        super().keep(*names)
        self._section.remember(_KEEP, names, before)
        return self

    def add(self, text: str, payload_type: int | None = None, fmtp: str | None = None) -> Codec:
        """Nobody can promise for the caller. Raises Misuse."""
        raise Misuse(
            "sdp-promise",
            f"an offer says what the caller can do, and {text} is not among it; codecs that the edge converts to are "
            "set in the configuration, under [media]",
        )


class OfferSection(MediaSection):
    """A section of an offer. One that the caller did not bring takes edits, too, and they lead nowhere."""

    __slots__ = ("_at", "_edits", "before")

    def __init__(self, lines: list[str], session: "Offer", at: int, edits: list[CodecEdit]) -> None:
        super().__init__(lines, session)
        self._at = at
        self._edits = edits
        #: the lines before an edit left no codec: only a converter of ours can still fill it
        self.before: list[str] | None = None

    @property
    def codecs(self) -> Codecs:
        return OfferCodecs(self)

    @property
    def place(self) -> int:
        """Which section of the offer this is, from 0; below for one that is not there."""
        return self._at

    def remember(self, verb: str, names: tuple[str, ...], before: list[str] | None = None) -> None:
        """An edit of the codecs was made; `before` are the lines as they were."""
        if self._at < 0:
            return
        self._edits.append(CodecEdit(self._at, verb, names))
        if before is not None and self.port == 0 and self.before is None and before[0] != self.lines[0]:
            self.before = before


class Offer(SessionDescription):
    """A description with its edits. False where the caller brought none."""

    __slots__ = ("_count", "_edits", "_is_there")

    def __init__(self, lines: list[str], line_end: str = "\r\n", ended: bool = True, is_there: bool = True) -> None:
        super().__init__(lines, line_end, ended)
        self._edits: list[CodecEdit] = []
        self._is_there = is_there
        self._count = len(self.media)
        self.media = [OfferSection(section.lines, self, at, self._edits) for at, section in enumerate(self.media)]

    @classmethod
    def read(cls, data: bytes) -> "Offer":
        """The offer in a request, or in none (b""). Raises Malformed."""
        if not data:
            return cls(["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "t=0 0"], is_there=False)
        offer = cls.parse(data)
        assert isinstance(offer, Offer)
        return offer

    def __bool__(self) -> bool:
        return self._is_there

    def _first(self, kind: str) -> MediaSection:
        if not self.of_kind(kind):
            return OfferSection([f"m={kind} 0 RTP/AVP 0"], self, -1, self._edits)
        return super()._first(kind)

    @property
    def codec_edits(self) -> tuple[CodecEdit, ...]:
        """What was said of codecs, in its order."""
        return tuple(self._edits)

    def encode_for_media(self) -> bytes:
        """The description as our media takes it: with the codecs of sections of which no codec of the caller's is
        left, for the edge may speak what is wanted there. Raises Misuse when sections were taken away or added."""
        lines = list(self.lines)
        for at, section in enumerate(self.media):
            if not isinstance(section, OfferSection) or section.place != at:
                break
            lines += section.lines if section.before is None else section.before
        else:
            if len(self.media) == self._count:
                return self.joined(lines)
        raise Misuse(
            "sdp-sections", "an answer needs every section of its offer (RFC 3264): reject() one, remove none"
        )


def made_again(description: bytes, edits: Sequence[CodecEdit]) -> bytes:
    """The edits of an offer's codecs, made on what a callee is to get. Raises Malformed."""
    there = SessionDescription.parse(description)
    for at, verb, names in edits:
        if at >= len(there.media) or there.media[at].is_rejected:
            continue
        codecs = there.media[at].codecs
        if verb == _PREFER:
            codecs.prefer(*names)
        elif verb == _KEEP:
            codecs.keep(*names)
        else:
            codecs.drop(*names)
    return there.encode()
