"""Builds calls of the running edge as its ledger has them: two hops, moments, and what the meters counted."""

import math
from dataclasses import dataclass, field

from talkpath.base.address import Address, Flow
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side, Value
from talkpath.calls.trace import Trace, pack_second
from talkpath.capture.records import Second

from ..calls.talk import DESK, PHONE, Talk, flow, sdp

START = 1_700_000_000.0
ANSWER = START + 2.0
# Where each side hears and where we do, towards the caller and towards the callee.
CALLER_RTP, CALLEE_RTP = Address(PHONE.host, 4000), Address(DESK.host, 4002)
TO_CALLER, TO_CALLEE = Address("192.0.2.1", 30_000), Address("192.0.2.1", 30_002)
SPEECH_DBOV = -20.0


@dataclass
class OwnCall:
    """A call from PHONE to DESK through us; `has_callee` False: a service of ours answered it."""

    has_callee: bool = True
    talk_s: float = 20.0
    talk: Talk = field(default_factory=Talk)
    ledger: Ledger = field(default_factory=Ledger)
    callee_flow: Flow = field(default_factory=lambda: flow(DESK))
    to_caller: Address = TO_CALLER
    announced: Address = CALLER_RTP

    def answered(self, *, is_anchored: bool = True) -> "OwnCall":
        """INVITE to ACK on both hops."""
        self.dialled()
        if is_anchored:
            self.note("media.leased", START, side="caller", local=str(self.to_caller))
        beyond = self.talk.via("z9hG4bK-b1", "z9hG4bK-a1")
        towards = TO_CALLEE if is_anchored else CALLER_RTP
        answered = self.to_caller if is_anchored else CALLEE_RTP
        if self.has_callee:
            self.write(START + 0.01, self.callee_flow, beyond.invite(sdp(towards)), sent=True)
            self.write(ANSWER, self.callee_flow, beyond.answer(200, body=sdp(CALLEE_RTP)), sent=False)
        self.write(ANSWER + 0.01, flow(PHONE), self.talk.answer(200, body=sdp(answered)), sent=True)
        self.write(ANSWER + 0.02, flow(PHONE), self.talk.request("ACK", cseq=1), sent=False)
        if self.has_callee:
            self.write(ANSWER + 0.03, self.callee_flow, beyond.request("ACK", cseq=1), sent=True)
        return self

    def dialled(self) -> "OwnCall":
        """The caller's INVITE."""
        self.write(START, flow(PHONE), self.talk.invite(sdp(self.announced)), sent=False)
        return self

    def speaks(self, side: Side, level_dbov: float = SPEECH_DBOV, *, seconds: float | None = None) -> "OwnCall":
        """What came from one side from the answer on, for `seconds` or the whole talk."""
        source, port = (CALLER_RTP, self.to_caller) if side is Side.CALLER else (CALLEE_RTP, TO_CALLEE)
        silent = 50 if level_dbov == -math.inf else 0
        for number in range(int(self.talk_s if seconds is None else seconds)):
            at = ANSWER + number
            second = Second(at, 50, 0, 0, 0.5, 20, max(-127.0, level_dbov), silent, 0, 0, 0, 8000)
            self.ledger.media(at + 1, self.talk.call_id, (source, port, 7), pack_second(second), 0)
        return self

    def note(self, kind: str, at: float = ANSWER, **values: Value) -> "OwnCall":
        self.ledger.moment(at, self.talk.call_id, kind, **values)
        return self

    def hung_up(self) -> Trace:
        """The caller's BYE, and what the ledger has of it all."""
        end = ANSWER + self.talk_s
        self.write(end, flow(PHONE), self.talk.request("BYE", cseq=2), sent=False)
        if self.has_callee:
            beyond = self.talk.via("z9hG4bK-b2", "z9hG4bK-a1")
            self.write(end, self.callee_flow, beyond.request("BYE", cseq=2), sent=True)
            self.write(end + 0.01, self.callee_flow, beyond.answer(200, method="BYE", cseq=2), sent=False)
        self.write(end + 0.02, flow(PHONE), self.talk.answer(200, method="BYE", cseq=2), sent=True)
        self.ledger.ended(end, self.talk.call_id, Side.CALLER, "bye")
        return self.trace

    @property
    def trace(self) -> Trace:
        """The call as it stands."""
        trace = self.ledger.trace(self.talk.call_id)
        assert trace is not None
        return trace

    def write(self, at: float, on: Flow, raw: bytes, *, sent: bool) -> None:
        self.ledger.written(at, on, self.talk.call_id, raw, sent=sent)
