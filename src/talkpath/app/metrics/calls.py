"""What became of the calls, for Prometheus: results and causes, how long they took, and how each side sounded.

A call is read once, when its story is over: some thirty microseconds. Labels have few values, whatever anybody sends:
results and endings are words of ours, statuses are those that have names.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, Exemplar, Metric

from talkpath._native import heard
from talkpath.app.metrics.histogram import Histogram, family_of
from talkpath.base.address import Address
from talkpath.calls.build import summary_of
from talkpath.calls.media import SILENCE_DBOV, SPEECH_DBOV
from talkpath.calls.model import Result, Summary
from talkpath.calls.trace import StreamKey, Trace
from talkpath.calls.words import ENDINGS
from talkpath.capture.records import SECOND
from talkpath.edge.forwarding.responses import REASONS
from talkpath.rtp.mos import mos

_DELAYS_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 21, 34, 60)
_TALKS_S = (1, 5, 10, 30, 60, 180, 300, 600, 1800, 3600, 7200)
_SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 0.9)
_JITTERS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_SCORES = (1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.2, 4.35, 4.5)
_SIDES = ("caller", "callee")
# Static payload types of RFC 3551; others are named in the descriptions.
_STATIC = {0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 18: "G729"}
# Mouth to ear over an ordinary path, with the jitter buffer of a phone.
_DELAY_MS = 80.0
# Streams shorter than this say nothing.
_LEAST_PACKETS = 50
# Calls that a stranger was asked to prove himself for, and did not.
UNPROVEN = "unproven"


class CallMetrics:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._ended: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], Exemplar] = {}
        self._ring, self._setup = Histogram(_DELAYS_S), Histogram(_DELAYS_S)
        self._talk = Histogram(_TALKS_S)
        self._loss = {side: Histogram(_SHARES) for side in _SIDES}
        self._jitter = {side: Histogram(_JITTERS_S) for side in _SIDES}
        self._mos = {side: Histogram(_SCORES) for side in _SIDES}
        self._silence = {side: Histogram(_SHARES) for side in _SIDES}

    def ended(self, traces: Iterable[Trace]) -> None:
        """Calls whose story is over, each once."""
        for trace in traces:
            if trace.messages:
                self._count(trace)

    def totals(self) -> dict[str, int]:
        """How many calls ended with each result since the start."""
        found: Counter[str] = Counter()
        for (result, _), count in list(self._ended.items()):
            found[result] += count
        return dict(found)

    def families(self) -> Iterator[Metric]:
        """All of it, for a page."""
        ended = CounterMetricFamily(
            "talkpath_calls",
            "Calls that ended, by result and cause (a status, or how it ended).",
            labels=["result", "cause"],
        )
        for (result, cause), count in sorted(self._ended.copy().items()):
            ended.add_metric([result, cause], count, exemplar=self._examples.get((result, cause)))
        yield ended
        yield family_of("talkpath_call_ring_delay_seconds", "From INVITE to ringing.", "", {"": self._ring})
        yield family_of("talkpath_call_setup_seconds", "From INVITE to the answer.", "", {"": self._setup})
        yield family_of("talkpath_call_duration_seconds", "From the answer to the end.", "", {"": self._talk})
        for name, text, found in (
            ("loss_ratio", "Share of the packets of a side that were lost on the way to us.", self._loss),
            ("jitter_seconds", "Mean jitter of what a side sent.", self._jitter),
            ("mos", "What a listener would say of what a side sent (G.107), 1 to 4.5.", self._mos),
            ("silence_ratio", "Share of the time in which a side sent nothing to be heard.", self._silence),
        ):
            yield family_of(f"talkpath_stream_{name}", text, "from", found)

    def _count(self, trace: Trace) -> None:
        row = summary_of(trace)
        key = _result(row, trace), _cause(row)
        self._ended[key] += 1
        at = row.ended_at or row.start
        self._examples[key] = Exemplar({"call": row.id}, 1.0, at)
        if row.ring_s is not None:
            self._ring.observe(row.ring_s, row.id, at)
        if row.answer_s is not None:
            self._setup.observe(row.answer_s, row.id, at)
        if row.talk_s is not None:
            self._talk.observe(row.talk_s, row.id, at)
        if trace.seconds:
            ours = ports_of_caller(trace)
            for stream, packed in trace.seconds.items():
                self._measure(trace, stream, bytes(packed), ours, row.id, at)

    def _measure(
        self, trace: Trace, stream: StreamKey, packed: bytes, caller_ports: frozenset[int], call: str, at: float
    ) -> None:
        side = "caller" if stream[1].port in caller_ports else "callee"
        packets, lost, jitter_ms = _sums(packed)
        expected = packets + lost
        codec = codec_of(trace, trace.payload_types.get(stream, 0), stream[1])
        if expected < _LEAST_PACKETS or not codec:
            return
        self._loss[side].observe(lost / expected, call, at)
        self._jitter[side].observe(jitter_ms / 1000, call, at)
        score = mos(codec, expected, ((1, lost),) if lost else (), _DELAY_MS)
        if score is not None:
            self._mos[side].observe(score, call, at)
        share = _silent(packed)
        if share is not None:
            self._silence[side].observe(share, call, at)


def _result(row: Summary, trace: Trace) -> str:
    if row.status in (401, 407) and trace.ended_how == "refused":
        return UNPROVEN
    return row.result.value


def _cause(row: Summary) -> str:
    """The status where it was not answered, else how it ended."""
    if row.result is Result.ANSWERED or row.status < 300:
        return row.ended_how if row.ended_how in ENDINGS else ""
    return str(row.status) if row.status in REASONS else f"{row.status // 100}xx"


def ports_of_caller(trace: Trace) -> frozenset[int]:
    """Our ports that the caller was told for audio: what comes to them is his."""
    caller = trace.live[0][1].remote
    return frozenset(
        port
        for _, flow, raw, sent in trace.live
        if sent and flow.remote == caller and raw.startswith(b"SIP/2.0 ")
        for port in _audio_ports(raw)
    )


def _audio_ports(raw: bytes) -> Iterator[int]:
    at = raw.find(b"\nm=audio ")
    while at >= 0:
        number = raw[at + 9 : at + 15].split(b" ", 1)[0]
        if number.isdigit():
            yield int(number)
        at = raw.find(b"\nm=audio ", at + 9)


def codec_of(trace: Trace, payload_type: int, ours: Address) -> str:
    """The codec of what comes to a port of ours for audio; "" where it is none, or has no name.

    Ports that no message named for audio (video, T.38) have none.
    """
    needle = b"\nm=audio %d " % ours.port
    named = next((raw for _, _, raw, sent in trace.live if sent and needle in raw), None)
    if named is None:
        return ""
    at = named.find(b"\na=rtpmap:%d " % payload_type)
    if at < 0:
        return _STATIC.get(payload_type, "")
    line = named[at:].split(b"\r\n", 1)[0].split(b"\n")[-1]
    return line.partition(b" ")[2].partition(b"/")[0].decode("ascii", "replace").strip()


def _sums(packed: bytes) -> tuple[int, int, float]:
    """Packets, those that were lost, and the mean jitter in ms, weighed by packets."""
    packets = lost = jitter = 0
    for _, came, missing, _, tenths, *_ in SECOND.iter_unpack(packed):
        packets += came
        lost += missing
        jitter += tenths * came
    return packets, max(0, lost), jitter / 10 / packets if packets else 0.0


def _silent(packed: bytes) -> float | None:
    """The share of the time with nothing to hear; None where no level is known."""
    first, *_ = SECOND.unpack_from(packed)
    last, *_ = SECOND.unpack_from(packed, len(packed) - SECOND.size)
    found = heard(packed, first, last + 1.0, 20.0, SPEECH_DBOV, SILENCE_DBOV)
    if found is None:
        return None
    _, silent_s = found
    share = silent_s / (last + 1.0 - first)
    return None if math.isnan(share) else min(1.0, max(0.0, share))
