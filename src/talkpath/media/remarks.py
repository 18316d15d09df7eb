"""What the ledger hears of descriptions, agreements and ports given back, beyond that they were.

Nothing is decided here and nothing changes: who reads a call is told what to know of it.
"""

from collections import Counter
from collections.abc import Iterable

from talkpath.base.address import Address
from talkpath.media import moments
from talkpath.media.announced import Reading
from talkpath.media.engine import HostPort
from talkpath.media.negotiation import Agreement
from talkpath.media.ports import PortTotals
from talkpath.media.telling import Noting

# Of the strangers at a side's ports, so many are named.
_NAMED = 3


def note_oddities(note: Noting, reading: Reading, side: str, now: float) -> None:
    """Say what of a description is not relayed as usual."""
    has_ice = reading.outline.ice or any(outline.ice for outline in reading.outlines)
    if has_ice and not any(section.is_under_ice for section in reading.announced):
        candidates = sum(len(section.attributes.all("candidate")) for section in reading.description)
        note(now, moments.ICE_REMOVED, side=side, candidates=candidates)
    for section in reading.announced:
        if section.port and not section.live:
            note(now, moments.UNANCHORED, side=side, what=f"{section.kind} {section.protocol}")
        elif section.live and section.encrypted:
            note(now, moments.OPAQUE, side=side, profile=section.protocol)


def note_agreement(
    note: Noting, caller: str, callee: str, before: Agreement | None, agreement: Agreement, now: float
) -> None:
    """Say what an answer changed between two sides: who holds, what is converted, the codec."""
    for side, by_caller in ((caller, True), (callee, False)):
        held = agreement.told_by(by_caller).holds
        if before is not None and held != before.told_by(by_caller).holds:
            note(now, moments.HELD if held else moments.RESUMED, side=side)
    _note_conversions(note, before, agreement, now)
    codec = agreement.answer.codec
    if codec and (before is None or codec != before.answer.codec):
        note(now, moments.CODEC_CHOSEN, codec=codec)


def _note_conversions(note: Noting, before: Agreement | None, agreement: Agreement, now: float) -> None:
    """Say what has to be converted, and when that is over."""
    side = "callee" if agreement.offer.by_caller else "caller"
    old = {} if before is None else before.answer.bridges
    for index, made in agreement.answer.bridges.items():
        if old.get(index) != made and made.changes_voice:
            offered = agreement.answer.sections[index].formats.names
            own, other = made.answerer.codec, made.offerer.codec
            if made.is_needed:
                note(now, moments.TRANSCODING, side=side, offered=offered, own=own, other=other)
            else:
                note(now, moments.TRANSCODING_READY, side=side, codec=own, offered=offered)
    _note_tones(note, before, agreement, now)
    bridges = agreement.answer.bridges
    if any(made.is_needed and not (index in bridges and bridges[index].is_needed) for index, made in old.items()):
        note(now, moments.TRANSCODING_ENDED)


def _note_tones(note: Noting, before: Agreement | None, agreement: Agreement, now: float) -> None:
    """Say who hears keys as tones."""
    for index in agreement.answer.bridges:
        old = (None, None) if before is None else before.conversions(index)
        ways = zip(("callee", "caller"), old, agreement.conversions(index), strict=True)
        for hearer, was, way in ways:
            if way is not None and way.makes_tones and not (was is not None and was.makes_tones):
                note(now, moments.KEYS_AS_TONES, side=hearer)


def note_totals(note: Noting, released: list[PortTotals], now: float) -> None:
    """Say what was relayed, and what came to a side's ports and was dropped."""
    for side in dict.fromkeys(one.side for one in released):
        ports = [one for one in released if one.side == side]
        strangers = sum(one.totals.strangers - one.totals.forgiven - _of_others(one) for one in ports)
        unauthentic, replayed = (
            sum(one.totals.unauthentic for one in ports),
            sum(one.totals.replayed for one in ports),
        )
        if strangers or unauthentic or replayed:
            counts = {"strangers": strangers, "unauthentic": unauthentic, "replayed": replayed}
            note(now, moments.DROPPED, side=side, **counts)
        if sources := _sources_of(ports):
            note(now, moments.DROPPED_FROM, side=side, sources=sources)
    note(now, moments.ENDED, packets=sum(one.totals.sent_packets for one in released))


def _is_other(port: PortTotals, host: str, number: int) -> bool:
    """Whether it is one of those who answered the same offer, and another was heard (RFC 3261 section 12.1.2)."""
    return (host, number) in port.others or (host, 0) in port.others


def _of_others(port: PortTotals) -> int:
    return sum(count for host, number, count in port.totals.dropped if _is_other(port, host, number))


def _sources_of(ports: Iterable[PortTotals]) -> str:
    """Who sent what was dropped of strangers, and how many packets."""
    dropped: Counter[HostPort] = Counter()
    for port in ports:
        for host, number, count in port.totals.dropped:
            if not _is_other(port, host, number):
                dropped[host, number] += count
    return ", ".join(f"{Address(*source)} ×{count}" for source, count in dropped.most_common(_NAMED))
