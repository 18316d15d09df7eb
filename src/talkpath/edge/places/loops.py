"""Requests that come back to us, or have gone too far (RFC 3261 section 16.3 steps 3 and 4)."""

from talkpath._native import Marks
from talkpath.base import limits
from talkpath.base.address import Flow, Transport
from talkpath.edge.forwarding.forwarding import max_forwards
from talkpath.sip.message import Message


class LoopMarks:
    """Marks in the branches of what is sent on (section 16.6 step 8). Their key is kept across restarts and shared by
    nodes, so that a request comes home to whichever of them meets it next."""

    def __init__(self, key: bytes) -> None:
        # 32 bits: two requests with one mark pass through one edge within one transaction once in some billions.
        self._marks = Marks(key, b"loops")

    def sent(self, request: Message, uri: str, cseq_shift: int, source: Flow) -> str:
        """The marks of a request that came from `source` and is sent on to `uri`: it may come back as it was sent, or
        as it came, where somebody between turns it to us again. Within a dialog it goes by its routes."""
        if request.to_tag:
            return self.of(request, uri, cseq_shift)
        return f"{self.of(request, uri, cseq_shift)}.{self._of_arrival(request, source, cseq_shift)}"

    def of(self, request: Message, uri: str, cseq_shift: int = 0, way: str = "") -> str:
        """What stays the same when a request that we send with this CSeq loops."""
        number = request.cseq_number + max(0, cseq_shift)
        return self._marks.of(
            f"{uri}\0{request.call_id}\0{request.from_tag}\0{request.to_tag}\0{number}{request.method}{way}"
        )

    def is_looping(self, request: Message, source: Flow) -> bool:
        """Whether one of the Via branches is one that an edge with our key made for this very request, or there are
        so many that it must be so."""
        vias = request.all("Via")
        if len(vias) == 1 and "," not in vias[0]:
            return False
        if len(vias) > limits.SIP_VIAS:
            return True
        marks = f".{self.of(request, request.uri)}", f".{self._of_arrival(request, source)}"
        return any(mark in value for mark in marks for value in vias)

    def _of_arrival(self, request: Message, source: Flow, cseq_shift: int = 0) -> str:
        """Who sends it and its Route tell apart what comes again because it is to go another way now: to a server of
        services and back (RFC 3261 section 16.6 step 8)."""
        remote = source.remote
        port = remote.port if source.transport is Transport.UDP else 0
        way = f"\0{remote.host}\0{port}\0{request.first('Route')}"
        return self.of(request, request.uri, cseq_shift, way)


def has_hops_left(request: Message) -> bool:
    """Whether Max-Forwards lets it go on."""
    return max_forwards(request) > 0
