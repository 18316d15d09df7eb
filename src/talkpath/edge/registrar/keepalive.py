"""Keeps the way to phones behind NATs open, and learns which of them still answer (RFC 5626 section 4.4, RFC 6223).

A NAT forgets a datagram flow after half a minute of silence, some after seconds; from then on nobody reaches the
phone until it registers again. So every such flow gets a datagram in turn:

    two line ends     to everybody: they cost the phone nothing, and nearly every NAT counts what comes in
    OPTIONS           now and then to phones that answer it, whatever they say: that goes out through the NAT too,
                      measures the way there and back, and shows who is gone

A phone whose flow stays unanswered is not called: its callers would wait for half a minute. It is asked on, and is
back with whatever it sends. Who never answered OPTIONS may well not know it, and is never taken for gone by that.

All flows lie in a ring and are visited in its order, some each beat: no timer for each, and the load is even also
when thousands registered in one second, or came from the store at once. The work is bounded: with more phones the
ring turns slower, down to what usual NATs allow.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from math import ceil
from typing import NamedTuple

from talkpath.base import limits
from talkpath.base.address import Flow, Parcel
from talkpath.edge.places.locality import Locality
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.settings import KeepAliveSettings
from talkpath.sip.transaction import MAGIC_COOKIE

_NUMBERS = re.compile(rb"([0-9a-f]{1,12})\.([0-9a-f]{1,12})")
_LINE_ENDS = b"\r\n\r\n"
# Flows are visited in portions of this time.
_BEAT_S = 0.1
# A phone that answers is asked every so many visits, and less often where there are many of them.
_VISITS_A_PROBE = 4
# Probes a phone must leave unanswered before it is known not to answer OPTIONS at all.
_FIRST_PROBES = 3
# Who is gone is asked at every visit for so many of them, and then as often as others.
_HASTY_PROBES = 20
# How long a phone that never answered OPTIONS counts as gone because it did not answer a call.
_DOUBTED_S = 120.0
# How much more often the phones behind a forgetful NAT are visited.
_HASTE = 3
# Usual NATs wait half a minute (RFC 4787 section 4.3 wants two minutes); the ring never turns slower than this.
_SLOWEST_S = 25.0


class Health(Enum):
    """What is known of a flow."""

    #: Nothing yet.
    NEW = auto()
    #: It answers OPTIONS.
    ANSWERS = auto()
    #: It never answered OPTIONS, and may be well.
    SILENT = auto()
    #: It answered once, or should have answered a call, and does no more.
    GONE = auto()


class Kept:
    """One flow that is kept open."""

    __slots__ = (
        "answered_at",
        "asked_at",
        "contact",
        "flow",
        "gone_at",
        "health",
        "holders",
        "is_hasty",
        "line_ends",
        "misses",
        "number",
        "rtt_s",
        "visits",
    )

    def __init__(self, flow: Flow, contact: str, number: int) -> None:
        self.flow = flow
        #: What most visits send, made once.
        self.line_ends = Parcel(flow, _LINE_ENDS)
        self.contact = contact
        #: Bindings that lead there: phones with several accounts have one socket. 0: to be taken out of the ring.
        self.holders = 0
        self.number = number
        self.is_hasty = False
        self.visits = 0
        self.health = Health.NEW
        #: When the probe that is under way was sent, 0 for none; probes without answer since the last one.
        self.asked_at = 0.0
        self.misses = 0
        #: The last answer, and how long it took: 0 for never.
        self.answered_at = 0.0
        self.rtt_s = 0.0
        #: Since when it is gone.
        self.gone_at = 0.0


class Ring:
    """Flows visited in turn, each once in `turn_s`."""

    __slots__ = ("_at", "_owed", "flows")

    def __init__(self) -> None:
        self.flows: list[Kept] = []
        self._at = 0
        self._owed = 0.0

    def take(self, elapsed_s: float, turn_s: float) -> list[Kept]:
        """Who is due after so many seconds more. Those that nobody holds any more leave."""
        flows = self.flows
        self._owed = min(self._owed + elapsed_s * len(flows) / turn_s, float(len(flows)))
        taken: list[Kept] = []
        while self._owed >= 1.0 and flows:
            self._owed -= 1.0
            self._at = self._at + 1 if self._at + 1 < len(flows) else 0
            while flows and flows[self._at].holders <= 0:
                # The last one takes its place, and is visited early for once.
                last = flows.pop()
                if self._at == len(flows):
                    self._at = 0
                else:
                    flows[self._at] = last
            if flows:
                taken.append(flows[self._at])
        return taken

    def pause(self, turn_s: float) -> float:
        """Seconds until somebody is due."""
        return max(_BEAT_S, (1.0 - self._owed) * turn_s / len(self.flows))


class FlowState(NamedTuple):
    """What a listing says of a flow. Seconds; 0 for never."""

    health: str
    rtt_s: float
    answered_at: float
    misses: int


class KeepAlive:
    """See the module's docstring."""

    def __init__(self, settings: KeepAliveSettings, locality: Locality, secret: str) -> None:
        self._settings = settings
        self._locality = locality
        self._cookie = f"{MAGIC_COOKIE}{secret}o"
        self._mark = f"branch={self._cookie}".encode()
        self._secret = secret
        self._kept: dict[Flow, Kept] = {}
        self._by_number: dict[int, Kept] = {}
        self._number = 0
        self._usual = Ring()
        self._hasty = Ring()
        #: Hosts whose NAT forgot a phone in spite of us, the latest last.
        self._forgetful: dict[str, None] = {}
        self._beat_at: float | None = None
        self._last_beat = 0.0
        self.gone: set[Flow] = set()
        self.out: list[Parcel] = []
        self.datagrams = 0
        self.probes = 0
        self.answers = 0

    def __len__(self) -> int:
        return len(self._kept)

    def adopt(self, settings: KeepAliveSettings, held: Iterable[Binding], now: float) -> None:
        """Go by these settings from now on. Where flows were not kept open so far, those of the phones that are
        `held` are; where they are to be no more, all are let go of."""
        was_on, self._settings = self._settings.interval_s > 0, settings
        if was_on and settings.interval_s <= 0:
            self._kept.clear()
            self._by_number.clear()
            self.gone.clear()
            self._usual, self._hasty, self._beat_at = Ring(), Ring(), None
        elif not was_on and settings.interval_s > 0:
            for binding in held:
                self.hold(binding, now)

    # --- what the registrar tells

    def hold(self, binding: Binding, now: float) -> None:
        """A phone registered, or came from the store."""
        flow = binding.flow
        if flow.transport.is_reliable or self._settings.interval_s <= 0:
            return
        kept = self._kept.get(flow)
        if kept is None:
            # With a Path somebody else stands next to the phone and keeps its flow.
            if not binding.behind_nat or binding.path:
                return
            kept = self._keep(flow, binding.contact, now)
        kept.holders += 1
        kept.contact = binding.contact
        self._hasten(kept, now)

    def heard(self, flow: Flow) -> None:
        """A REGISTER, or a request where it was taken for gone, came on a flow: it is there, and is to show anew
        whether it answers OPTIONS."""
        kept = self._kept.get(flow) if self._kept else None
        if kept is None:
            return
        if kept.health is Health.GONE:
            self.gone.discard(flow)
            kept.health = Health.NEW
        kept.misses = 0

    def release(self, binding: Binding) -> None:
        """One of its bindings went."""
        kept = self._kept.get(binding.flow)
        if kept is None:
            return
        kept.holders -= 1
        if kept.holders <= 0:
            del self._kept[binding.flow]
            self._by_number.pop(kept.number, None)
            self.gone.discard(binding.flow)

    def replaced(self, older: Binding, newer: Binding, now: float) -> None:
        """A phone registered again."""
        if self._kept:
            self._note_move(older, newer)
            self.hold(newer, now)
            self.release(older)
        elif newer.behind_nat:
            self.hold(newer, now)

    def _note_move(self, older: Binding, newer: Binding) -> None:
        """The same phone came back through the same NAT by another port. Where its answers were missed, the NAT had
        forgotten it in spite of us, and everybody behind it is visited more often."""
        kept, host = self._kept.get(older.flow), newer.flow.remote.host
        if kept is None or not kept.misses or older.flow == newer.flow or older.flow.remote.host != host:
            return
        self._forgetful.pop(host, None)
        self._forgetful[host] = None
        if len(self._forgetful) > limits.FORGETFUL_NATS:
            del self._forgetful[next(iter(self._forgetful))]

    def _keep(self, flow: Flow, contact: str, now: float) -> Kept:
        self._number += 1
        kept = self._kept[flow] = self._by_number[self._number] = Kept(flow, contact, self._number)
        self._usual.flows.append(kept)
        if self._beat_at is None:
            self._last_beat = now
            self._beat_at = now + _BEAT_S
        return kept

    def _hasten(self, kept: Kept, now: float) -> None:
        """Who is behind a forgetful NAT lies in both rings."""
        if not kept.is_hasty and kept.flow.remote.host in self._forgetful:
            kept.is_hasty = True
            self._hasty.flows.append(kept)
            soon = now + self._settings.interval_s / _HASTE
            self._beat_at = soon if self._beat_at is None else min(self._beat_at, soon)

    # --- what calls tell

    def unanswered(self, binding: Binding, now: float) -> None:
        """A phone gave no word to a call until its time was up: it is gone until it is heard."""
        kept = self._doubted(binding, now)
        if kept is not None and kept.health is not Health.GONE:
            self._gone(kept, now)

    def doubted(self, binding: Binding, now: float) -> None:
        """A phone gave no word to a call that was given up: it is asked."""
        kept = self._doubted(binding, now)
        if kept is not None:
            kept.misses = max(kept.misses, 1)

    def _doubted(self, binding: Binding, now: float) -> Kept | None:
        flow = binding.flow
        if flow.transport.is_reliable or self._settings.interval_s <= 0:
            return None
        kept = self._kept.get(flow)
        if kept is None:
            # No NAT showed, and yet something stands between, or it was switched off.
            kept = self._keep(flow, binding.contact, now)
            kept.holders = 1
        return kept

    def _gone(self, kept: Kept, now: float) -> None:
        kept.health, kept.gone_at = Health.GONE, now
        self.gone.add(kept.flow)

    def is_gone(self, flow: Flow) -> bool:
        """Whether nobody answers there any more."""
        return flow in self.gone

    def is_there(self, flow: Flow) -> bool:
        """Whether a phone answers there what it is asked."""
        kept = self._kept.get(flow)
        return kept is not None and kept.health is Health.ANSWERS

    def state(self, flow: Flow) -> FlowState | None:
        """What is known of a flow, None where it is not kept open by us."""
        kept = self._kept.get(flow)
        if kept is None:
            return None
        return FlowState(kept.health.name.lower(), kept.rtt_s, kept.answered_at, kept.misses)

    def counted(self) -> dict[str, int]:
        """What was sent and came since the start: line ends, probes, answers to them."""
        return {"line_ends": self.datagrams, "probes": self.probes, "answers": self.answers}

    # --- the machine

    def deadline(self) -> float | None:
        """When the next flows are due."""
        return self._beat_at

    def expire(self, now: float) -> None:
        """Visit who is due."""
        if self._beat_at is None or now < self._beat_at:
            return
        # A process that stood still makes up for nothing: a burst would help nobody.
        elapsed_s = min(now - self._last_beat, _SLOWEST_S)
        self._last_beat = now
        turn_s, hasty_s = self._turn_s(), self._settings.interval_s / _HASTE
        visits_a_probe = max(_VISITS_A_PROBE, ceil(len(self._usual.flows) / turn_s / limits.KEEP_ALIVE_PROBES_PER_S))
        is_calm = visits_a_probe == _VISITS_A_PROBE
        for kept in self._usual.take(elapsed_s, turn_s):
            if self._forgetful:
                self._hasten(kept, now)
            self._visit(kept, visits_a_probe, is_calm, now)
        for kept in self._hasty.take(elapsed_s, hasty_s):
            self._visit(kept, 1, is_calm, now)
        pauses = [ring.pause(turn) for ring, turn in ((self._usual, turn_s), (self._hasty, hasty_s)) if ring.flows]
        self._beat_at = now + min(pauses) if pauses else None

    def _turn_s(self) -> float:
        """Each flow's turn: as often as wished, slower where that would be too many datagrams."""
        wished = self._settings.interval_s
        return max(wished, min(len(self._usual.flows) / limits.KEEP_ALIVES_PER_S, _SLOWEST_S))

    def _visit(self, kept: Kept, visits_a_probe: int, is_calm: bool, now: float) -> None:
        if kept.asked_at:
            self._missed(kept, now)
        kept.visits += 1
        if self._is_to_be_asked(kept, visits_a_probe, is_calm, now):
            self._ask(kept, now)
        else:
            self.datagrams += 1
            self.out.append(kept.line_ends)

    def _is_to_be_asked(self, kept: Kept, visits_a_probe: int, is_calm: bool, now: float) -> bool:
        """By turns, that not all are asked at once; soon after a missed answer, and where there is time for it also
        whoever is new."""
        if kept.health is Health.GONE and not kept.answered_at and now - kept.gone_at >= _DOUBTED_S:
            kept.health, kept.misses = Health.SILENT, 0
            self.gone.discard(kept.flow)
        if kept.health is Health.SILENT:
            return False
        if (kept.visits + kept.number) % visits_a_probe == 0:
            return True
        return is_calm if kept.health is Health.NEW else 0 < kept.misses <= _HASTY_PROBES

    def _missed(self, kept: Kept, now: float) -> None:
        """The probe of the last visit was not answered."""
        kept.asked_at = 0.0
        kept.misses += 1
        if kept.health is Health.NEW and kept.misses >= _FIRST_PROBES:
            kept.health, kept.misses = Health.SILENT, 0
        elif kept.health is Health.ANSWERS and kept.misses >= self._settings.missed:
            self._gone(kept, now)

    def _ask(self, kept: Kept, now: float) -> None:
        flow = kept.flow
        here = self._locality.named(flow)
        place = f"{self._secret}o{kept.number:x}"
        data = (
            f"OPTIONS {kept.contact} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch={self._cookie}{kept.number:x}.{kept.visits:x}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{here}>;tag={place}\r\nTo: <{kept.contact}>\r\n"
            f"Call-ID: {place}\r\nCSeq: {kept.visits} OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
        )
        kept.asked_at = now
        self.probes += 1
        self.out.append(Parcel(flow, data.encode("utf-8", "surrogateescape")))

    def answered(self, data: bytes, now: float) -> bool:
        """Whether a response is the answer to a probe, and take it: any status says that the phone is there."""
        at = data.find(self._mark)
        if at < 0:
            return False
        numbers = _NUMBERS.match(data, at + len(self._mark))
        if numbers is None:
            return True
        kept, asked = self._by_number.get(int(numbers[1], 16)), int(numbers[2], 16)
        if kept is None or data.startswith(b"SIP/2.0 1"):
            return True
        self.answers += 1
        if asked == kept.visits and kept.asked_at:
            kept.rtt_s = now - kept.asked_at
            kept.asked_at = 0.0
        kept.answered_at = now
        kept.misses = 0
        kept.health = Health.ANSWERS
        self.gone.discard(kept.flow)
        return True
