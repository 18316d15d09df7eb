"""Candidates that come after their description, in INFO requests (RFC 8840): which transport they are for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from talkpath.media.leg import Leg, Transport
from talkpath.media.transport import IceTransport

CONTENT_TYPE = "application/trickle-ice-sdpfrag"


@dataclass(slots=True)
class Fragment:
    """What a fragment says of one section. `mid` is None where it names none."""

    mid: str | None = None
    ufrag: str = ""
    candidates: list[str] = field(default_factory=list)
    ended: bool = False


def read_fragments(body: bytes) -> list[Fragment]:
    """The sections of an sdpfrag (RFC 8840 section 9.2); what stands before the first holds for all of them."""
    above = Fragment()
    found = [above]
    for line in body.decode("utf-8", "replace").splitlines():
        name, _, value = line.strip().partition(":")
        match name:
            case "a=ice-ufrag":
                found[-1].ufrag = value
            case "a=mid":
                found[-1].mid = value
            case "a=candidate":
                found[-1].candidates.append(value)
            case "a=end-of-candidates":
                found[-1].ended = True
            case _ if name.startswith("m="):
                found.append(Fragment(ufrag=above.ufrag, ended=above.ended))
            case _:
                pass
    return found if above.candidates else found[1:]


def take(leg: Leg, transports: Sequence[Transport | None], body: bytes, now: float) -> bool:
    """Let a leg's transports, one a section, check what its fragment names; False where its ICE does not end here."""
    ending = [transport for transport in transports if isinstance(transport, IceTransport)]
    if not ending:
        return False
    for fragment in read_fragments(body):
        named = (index for index, section in enumerate(leg.sections) if section.mid == fragment.mid is not None)
        index = next(named, len(transports))
        transport = transports[index] if index < len(transports) else ending[0]
        if isinstance(transport, IceTransport):
            transport.trickle(fragment.ufrag, fragment.candidates, fragment.ended, now)
    return True
