"""Descriptions as they were told, and how those of a call become data and are read again.

A description is kept as text, each text once; its sections are read from it anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkpath.media.announced import Announced, Reading
from talkpath.media.engine import Port
from talkpath.media.record import MediaRecord, ToldRecord
from talkpath.media.transcoding import Bridge
from talkpath.sdp import SessionDescription


@dataclass(frozen=True, slots=True)
class Told:
    """One description as it came, as it was sent on, and what it announces for each section.

    `read` is what the sections were read from, as `terminates` says of `Reading`: `raw` without what ends here. `own`
    and `asked` are `raw` and `sent` in the words of the call, where a page has others (`media.dialect`).
    `bridges` are the sections of an answer whose codec its offer did not name, by their place. `is_settled` is True
    for an offer that is its writer's answer to one of ours: it is told no answer. `holds_kept` are the sections of an
    offer whose hold its reader does not know of.
    """

    by_caller: bool
    raw: bytes
    sent: bytes
    sections: tuple[Announced, ...]
    read: bytes
    terminates: bool
    own: bytes
    asked: bytes
    bridges: Mapping[int, Bridge] = field(default_factory=dict)
    is_settled: bool = False
    holds_kept: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        """Its sections in words."""
        return ", ".join(section.text for section in self.sections)

    @property
    def holds(self) -> bool:
        """Whether this side wants to hear nothing of what is live."""
        live = [section for section in self.sections if section.live and section.is_rtp]
        return bool(live) and not any(section.receives for section in live)

    @property
    def codec(self) -> str:
        """The first codec of the first live audio section."""
        audio = (section for section in self.sections if section.kind == "audio" and section.live)
        return next((section.formats.voice for section in audio), "")


class Packing:
    """Puts what a call has said and heard into a record, texts and descriptions each once. `ports` are the engine's,
    in the order of the record."""

    __slots__ = ("_places", "_ports", "_texts", "records")

    def __init__(self, ports: list[int]) -> None:
        self._ports = {port: at for at, port in enumerate(ports)}
        self._texts: dict[bytes, int] = {}
        self._places: dict[int, int] = {}
        self.records: list[ToldRecord] = []

    @property
    def texts(self) -> tuple[bytes, ...]:
        """In the order of their places."""
        return tuple(self._texts)

    def text(self, value: bytes) -> int:
        """The place of a text."""
        return self._texts.setdefault(value, len(self._texts))

    def port(self, port: Port) -> int | None:
        """The place of a port, None for one that was given back."""
        return self._ports.get(port.id)

    def told(self, told: Told) -> int:
        """The place of a description."""
        known = self._places.get(id(told))
        if known is None:
            known = self._places[id(told)] = len(self.records)
            self.records.append(self._record(told))
        return known

    def _record(self, told: Told) -> ToldRecord:
        return ToldRecord(
            told.by_caller,
            self.text(told.raw),
            self.text(told.sent),
            self.text(told.read),
            self.text(told.own),
            self.text(told.asked),
            told.terminates,
            tuple([bridge.save(section) for section, bridge in told.bridges.items()]),
            told.is_settled,
            tuple(sorted(told.holds_kept)),
        )


class Unpacking:
    """Gives what a record holds."""

    __slots__ = ("_read", "texts", "told")

    def __init__(self, record: MediaRecord) -> None:
        self.texts = record.texts
        self._read: dict[tuple[int, bool], tuple[Announced, ...]] = {}
        self.told = [self._told(one) for one in record.told]

    def sections(self, text: int, terminates: bool) -> tuple[Announced, ...]:
        """What the description at this place announces."""
        known = self._read.get((text, terminates))
        if known is None:
            description = SessionDescription.parse(self.texts[text])
            known = self._read[text, terminates] = Reading(description, terminates=terminates).announced
        return known

    def _told(self, record: ToldRecord) -> Told:
        texts = self.texts
        return Told(
            record.by_caller,
            texts[record.raw],
            texts[record.sent],
            self.sections(record.read, record.terminates),
            texts[record.read],
            record.terminates,
            texts[record.own],
            texts[record.asked],
            {one.section: Bridge.resumed(one) for one in record.bridges},
            record.is_settled,
            frozenset(record.holds_kept),
        )
