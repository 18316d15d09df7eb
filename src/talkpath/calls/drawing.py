"""Draws a call as text: the facts, the ladder with its moments, the streams. For terminals, pipes and tickets.

What comes from the network is made printable here, so that no peer can send commands to a terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from talkpath.base.readable import printable
from talkpath.base.texts import Language, Text
from talkpath.calls import words
from talkpath.calls.ladder import Arrow, Column, Ladder, Note, ladder_of
from talkpath.calls.model import Call, Medium, MessageSeen, Result, Side, Stream
from talkpath.calls.redacted import redacted

_MARGIN = 11
_NARROWEST, _WIDEST = 18, 44


class Style(StrEnum):
    """What a line is, for whoever colours it."""

    TITLE = "title"
    PLAIN = "plain"
    REQUEST = "request"
    GOOD = "good"
    BAD = "bad"
    NOTE = "note"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text without its end."""

    text: str
    style: Style = Style.PLAIN


def draw_call(
    call: Call, language: Language, width: int = 100, pinned: Mapping[int, Sequence[str]] | None = None
) -> list[Line]:
    """The whole page of a call. `pinned` are lines to stand under the arrow of a message, by its number in
    `ladder_of(call).steps`."""
    lines = list(_facts(call, language))
    lines += [Line(""), *draw_ladder(ladder_of(call), language, width, pinned)]
    if call.streams:
        lines += [Line(""), Line(words.STREAMS.say(language), Style.TITLE)]
        lines += [Line("  " + _stream(stream, language)) for stream in call.streams]
    if call.left_out:
        lines += [Line(""), Line(words.LEFT_OUT.say(language, count=call.left_out), Style.BAD)]
    return lines


def draw_ladder(
    ladder: Ladder, language: Language, width: int = 100, pinned: Mapping[int, Sequence[str]] | None = None
) -> list[Line]:
    """Columns with their addresses, arrows with the time since the call began, moments in words."""
    grid = _Grid(len(ladder.columns), width)
    lines = [Line(text, Style.TITLE) for text in _heads(grid, ladder.columns)]
    for number, step in enumerate(ladder.steps):
        match step:
            case Arrow():
                lines += _drawn_arrow(grid, step)
            case Note():
                text = printable(words.said(step.moment, language))
                lines.append(Line(f"{_offset(step.offset_s)} · {text}", Style.NOTE))
        lines += [Line(" " * _MARGIN + text, Style.BAD) for text in (pinned or {}).get(number, ())]
    return lines


def draw_messages(call: Call) -> Iterator[Line]:
    """Every message as it was on the wire, with its secrets taken out."""
    for seen in call.messages:
        yield Line("")
        yield Line(f"{_clock(seen.time)}  {_path(seen)}", Style.TITLE)
        for text in redacted(seen.sip.raw).splitlines():
            yield Line(printable(text))


# --- the facts


def _facts(call: Call, language: Language) -> Iterator[Line]:
    def fact(name: Text, value: str) -> Line:
        return Line(f"{name.say(language)}: {printable(value)}")

    yield Line(f"{words.CALL.say(language)} {call.id}", Style.TITLE)
    yield fact(words.FROM, _party(call.caller.user, call.caller.host, call.caller.address, call.caller.user_agent))
    yield fact(words.TO, _party(call.callee.user, call.callee.host, call.callee.address, call.callee.user_agent))
    yield fact(words.START, _date(call.start))
    yield Line(
        f"{words.RESULT.say(language)}: {_result(call, language)}",
        Style.BAD if call.result is Result.FAILED else Style.PLAIN,
    )
    for name, seconds in ((words.RING, call.ring_s), (words.ANSWER, call.answer_s), (words.TALK, call.talk_s)):
        if seconds is not None:
            yield fact(name, f"{seconds:.3f} s")
    if call.ended_at is not None:
        yield fact(words.END, f"{_clock(call.ended_at)}  {words.ending(call.ended_by, call.ended_how, language)}")
    yield fact(words.CALL_ID, ", ".join(call.call_ids))


def _result(call: Call, language: Language) -> str:
    text = words.result(call.result, is_over=call.ended_at is not None, language=language)
    is_final = call.status >= 200 or call.ended_at is None  # of a call that is over, 100 and 180 say nothing
    return f"{text} ({call.status} {printable(call.reason)})" if call.status and is_final else text


def _party(user: str, host: str, address: object, agent: str) -> str:
    name = f"{user}@{host}" if user else host
    return "  ".join(part for part in (name, str(address or ""), agent) if part)


def _stream(stream: Stream, language: Language) -> str:
    rtp = stream.rtp
    parts = [f"{rtp.src} → {rtp.dst}", printable(rtp.encoding) or f"PT {rtp.payload_types[0].number}"]
    parts.append(words.PACKETS.say(language, packets=rtp.packets, lost=rtp.lost, jitter=f"{rtp.jitter_ms:.1f}"))
    if stream.mos is not None:
        parts.append(words.SCORE.say(language, mos=f"{stream.mos:.1f}"))
    if stream.speech_s is not None and stream.silent_s is not None:
        parts.append(words.HEARD.say(language, speech=f"{stream.speech_s:.1f}", silent=f"{stream.silent_s:.1f}"))
    side = {True: Side.CALLER, False: Side.CALLEE, None: Side.UNKNOWN}[stream.from_caller]
    if stream.arrives is not None:
        hearer = words.SIDES[Side.CALLEE if stream.from_caller else Side.CALLER].say(language)
        parts.append((words.ARRIVES if stream.arrives else words.LOST_ON).say(language, hearer=hearer))
    return f"{words.SIDES[side].say(language)}: " + "  ".join(parts)


# --- the ladder


class _Grid:
    """Where the columns stand."""

    def __init__(self, columns: int, width: int) -> None:
        gap = (width - _MARGIN - _NARROWEST // 2) // max(1, columns - 1)
        self.gap = max(_NARROWEST, min(_WIDEST, gap))
        self.at = [_MARGIN + _NARROWEST // 2 + number * self.gap for number in range(columns)]

    def bars(self) -> list[str]:
        """An empty line with a bar in each column."""
        row = [" "] * (self.at[-1] + 1)
        for at in self.at:
            row[at] = "│"
        return row


def _heads(grid: _Grid, columns: tuple[Column, ...]) -> Iterator[str]:
    """The names over the columns, then one line for each address of a column."""
    height = max(len(column.addresses) for column in columns)
    labels = [[column.name, *(str(address) for address in column.addresses)] for column in columns]
    for number in range(height + 1):
        row = [" "] * (grid.at[-1] + _NARROWEST)
        for at, label in zip(grid.at, labels, strict=True):
            text = (label[number] if number < len(label) else "")[: grid.gap - 1]
            start = max(0, at - len(text) // 2)
            row[start : start + len(text)] = text
        text = "".join(row).rstrip()
        if text:
            yield text


def _drawn_arrow(grid: _Grid, arrow: Arrow) -> Iterator[Line]:
    row = grid.bars()
    left, right = sorted((grid.at[arrow.tail], grid.at[arrow.head]))
    text = printable(arrow.text)
    repeats = len(arrow.seen.retransmitted)
    suffix = f" ×{repeats + 1}" if repeats else ""
    room = right - left - 5
    text = f" {text[: room - len(suffix)]}{suffix} "
    body = text.center(right - left - 2, "─")
    row[left + 1 : right] = (
        f"{body}─▶"[-(right - left - 1) :] if arrow.tail < arrow.head else f"◀─{body}"[: right - left - 1]
    )
    yield Line(f"{_offset(arrow.offset_s)} " + "".join(row)[_MARGIN:].rstrip(), _style(arrow.seen))
    for medium in arrow.media:
        below = "".join(grid.bars()[: left + 2])
        yield Line(" " * _MARGIN + below[_MARGIN:] + printable(_announced(medium)), Style.DETAIL)


def _announced(medium: Medium) -> str:
    codecs = " ".join(name for _, name in medium.codecs)
    direction = "" if medium.direction == "sendrecv" else f" {medium.direction}"
    return f"{medium.kind} {medium.address} {codecs}{direction}".rstrip()


def _style(seen: MessageSeen) -> Style:
    if seen.sip.is_request:
        return Style.REQUEST
    return Style.BAD if seen.sip.status >= 400 else Style.GOOD if seen.sip.status >= 200 else Style.PLAIN


def _path(seen: MessageSeen) -> str:
    frame = f"  #{seen.frame}" if seen.frame else ""
    return f"{seen.source} → {seen.destination} {seen.transport}{frame}"


# --- times


def _offset(seconds: float) -> str:
    return f"{seconds:+{_MARGIN - 1}.3f}"


def _date(time: float) -> str:
    return datetime.fromtimestamp(time).astimezone().isoformat(" ", "milliseconds")


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time).strftime("%H:%M:%S.%f")[:-3]
