"""Composes SIP messages for the tests of this room: who says what to whom, with the tags and Vias spelled out."""

from dataclasses import dataclass, field, replace

from talkpath.base.address import Address, Flow, Transport
from talkpath.capture.records import SipSeen

PHONE, EDGE, DESK = Address("192.0.2.11", 5060), Address("192.0.2.1", 5060), Address("192.0.2.12", 5062)


def sdp(media: Address, formats: str = "0 8", direction: str = "sendrecv") -> str:
    """One audio section."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {media.host}\r\ns=-\r\nc=IN IP4 {media.host}\r\nt=0 0\r\n"
        f"m=audio {media.port} RTP/AVP {formats}\r\na={direction}\r\n"
    )


@dataclass(frozen=True)
class Talk:
    """One hop of one dialog; messages come out as bytes. `vias` are the branches, the hop's own first."""

    call_id: str = "a@x"
    vias: tuple[str, ...] = ("z9hG4bK-a1",)
    from_tag: str = "f1"
    to_tag: str = "t1"
    caller: str = "1001"
    callee: str = "1002"
    cseq: int = 1
    headers: tuple[str, ...] = ()

    def via(self, *branches: str) -> "Talk":
        return replace(self, vias=branches)

    def on(self, **changes: object) -> "Talk":
        return replace(self, **changes)  # type: ignore[arg-type]

    def request(
        self, method: str, *, cseq: int | None = None, tagged: bool = True, back: bool = False, body: str = ""
    ) -> bytes:
        """A request of the caller, or with `back` of the callee."""
        ends = [f"<sip:{self.caller}@x.test>;tag={self.from_tag}", f"<sip:{self.callee}@x.test>"]
        ends[1] += f";tag={self.to_tag}" if tagged else ""
        if back:
            ends.reverse()
        return self._text(f"{method} sip:{self.callee}@x.test SIP/2.0", method, ends, cseq, body)

    def invite(self, body: str = "", *, cseq: int | None = None) -> bytes:
        return self.request("INVITE", cseq=cseq, tagged=False, body=body)

    def answer(
        self,
        status: int,
        reason: str = "Whatever",
        method: str = "INVITE",
        *,
        cseq: int | None = None,
        back: bool = False,
        body: str = "",
    ) -> bytes:
        """A response to a request of the caller, or with `back` to one of the callee."""
        tag = f";tag={self.to_tag}" if status > 100 else ""
        ends = [f"<sip:{self.caller}@x.test>;tag={self.from_tag}", f"<sip:{self.callee}@x.test>{tag}"]
        if back:
            ends.reverse()
        return self._text(f"SIP/2.0 {status} {reason}", method, ends, cseq, body)

    def _text(self, start: str, method: str, ends: list[str], cseq: int | None, body: str) -> bytes:
        lines = [start, *(f"Via: SIP/2.0/UDP h.test;branch={branch}" for branch in self.vias)]
        lines += [f"From: {ends[0]}", f"To: {ends[1]}", f"Call-ID: {self.call_id}"]
        lines += [f"CSeq: {self.cseq if cseq is None else cseq} {method}", *self.headers]
        lines += ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode("utf-8", "surrogateescape")


def flow(remote: Address, local: Address = EDGE, transport: Transport = Transport.UDP, connection: int = 0) -> Flow:
    return Flow(transport, local, remote, connection)


@dataclass
class Caught:
    """What a capture tells: numbers the frames."""

    records: list[SipSeen] = field(default_factory=list)

    def see(self, time: float, src: Address, dst: Address, raw: bytes, *, is_copy: bool = False) -> SipSeen:
        frame = len(self.records) + 1
        again = any((old.raw, old.src, old.dst) == (raw, src, dst) for old in self.records)
        seen = SipSeen(
            frame,
            time,
            src,
            dst,
            Transport.UDP,
            raw,
            (frame,),
            1,
            0,
            is_copy,
            again and not is_copy,
            False,
            len(raw),
            None,
        )
        self.records.append(seen)
        return seen
