"""Edits of descriptions that are still to come: what a script says of them is made on every answer on its way back,
or on every offer within the call.
"""

from collections.abc import Callable

from talkpath.sdp import Direction, MediaSection, SessionDescription
from talkpath.sdp.edits import Offer

Edit = Callable[[SessionDescription], object]


class CodecEdits:
    """As `Codecs`, on the answer. The section is rejected where no codec remains."""

    __slots__ = ("_section",)

    def __init__(self, section: "SectionEdits") -> None:
        self._section = section

    def prefer(self, *names: str) -> "CodecEdits":
        """Put these first, in this order."""
        self._section.change(lambda section: section.codecs.prefer(*names))
        return self

    def drop(self, *names: str) -> "CodecEdits":
        """Remove these."""
        self._section.change(lambda section: section.codecs.drop(*names))
        return self

    def keep(self, *names: str) -> "CodecEdits":
        """Remove all but these."""
        self._section.change(lambda section: section.codecs.keep(*names))
        return self


class AttributeEdits:
    """As `Attributes`, on the answer."""

    __slots__ = ("_section",)

    def __init__(self, section: "SectionEdits") -> None:
        self._section = section

    def add(self, name: str, value: str | None = None) -> None:
        """Append one attribute."""
        self._section.change(lambda section: section.attributes.add(name, value))

    def set(self, name: str, value: str | None = None) -> None:
        """One attribute of that name, instead of all that are there."""
        self._section.change(lambda section: section.attributes.set(name, value))

    def drop(self, *names: str) -> None:
        """Remove every attribute of these names."""
        self._section.change(lambda section: section.attributes.drop(*names))


class SectionEdits:
    """One section of such a description. Edits of one that it does not have, or that is rejected, change nothing."""

    __slots__ = ("_answer", "_kind")

    def __init__(self, answer: "AnswerEdits", kind: str) -> None:
        self._answer = answer
        self._kind = kind

    @property
    def codecs(self) -> CodecEdits:
        return CodecEdits(self)

    @property
    def attributes(self) -> AttributeEdits:
        return AttributeEdits(self)

    def set_direction(self, direction: Direction | str) -> None:
        """sendrecv, sendonly, recvonly or inactive, seen from who answers."""
        wanted = Direction(direction)

        def turn(section: MediaSection) -> None:
            section.direction = wanted

        self.change(turn)

    def limit_bandwidth(self, kbps: int | None) -> None:
        """b=AS in kilobits per second; None takes it away."""

        def limit(section: MediaSection) -> None:
            section.bandwidth_kbps = kbps

        self.change(limit)

    def reject(self) -> None:
        """Take no part in this section (port 0)."""
        self.change(lambda section: section.reject())

    def change(self, edit: Callable[[MediaSection], object]) -> None:
        """Any other edit: a function that is given the section."""
        kind = self._kind

        def change(answer: SessionDescription) -> None:
            if any(not section.is_rejected for section in answer.of_kind(kind)):
                edit(answer.audio if kind == "audio" else answer.video)

        self._answer.change(change)


class AnswerEdits:
    """The answer of whoever takes the call."""

    __slots__ = ("edits",)

    def __init__(self) -> None:
        self.edits: list[Edit] = []

    @property
    def audio(self) -> SectionEdits:
        """The first audio section."""
        return SectionEdits(self, "audio")

    @property
    def video(self) -> SectionEdits:
        """The first video section."""
        return SectionEdits(self, "video")

    def change(self, edit: Edit) -> None:
        """Any other edit: a function that is given the description, and changes it."""
        self.edits.append(edit)


class OfferEdits(AnswerEdits):
    """The offer that begins the call, and every later one of either side (re-INVITE, UPDATE)."""

    __slots__ = ("_first",)

    def __init__(self, first: Offer, edits: list[Edit]) -> None:
        self.edits = edits
        self._first = first

    def change(self, edit: Edit) -> None:
        """Any other edit: a function that is given each of these descriptions, and changes it."""
        if self._first:
            edit(self._first)
        super().change(edit)


def edited(description: bytes, edits: list[Edit]) -> bytes:
    """The edits, made. Raises Malformed, and whatever they raise."""
    answer = SessionDescription.parse(description)
    for edit in edits:
        edit(answer)
    return answer.encode()
