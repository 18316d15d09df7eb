"""Which calls of an explanation somebody wants to see."""

from ipaddress import ip_address, ip_network

from msgspec import Struct
from msgspec.structs import replace

from talkpath.base.errors import Misuse
from talkpath.base.readable import readable
from talkpath.calls.model import Call
from talkpath.explain.judging.explanation import Explained, Explanation


class Selection(Struct, frozen=True):
    """All conditions must hold; an empty one holds always. Times are seconds since the epoch."""

    call: str = ""
    number: str = ""
    address: str = ""
    code: str = ""
    since: float | None = None
    until: float | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()


def selected(explanation: Explanation, wanted: Selection) -> Explanation:
    """The explanation with only the calls that are wanted. What they share was computed over all of them."""
    if wanted.is_everything:
        return explanation
    calls = tuple(one for one in explanation.calls if _fits(one, wanted))
    findings = tuple(f for f in explanation.findings if not wanted.call and wanted.code in ("", f.code))
    common = tuple(cause for cause in explanation.common if not wanted.call and wanted.code in ("", cause.code))
    return replace(explanation, calls=calls, findings=findings, common=common)


def _fits(one: Explained, wanted: Selection) -> bool:
    call = one.call
    if wanted.call and not (call.id.startswith(wanted.call) or readable(wanted.call) in map(readable, call.call_ids)):
        return False
    if wanted.number and wanted.number not in call.caller.user and wanted.number not in call.callee.user:
        return False
    if wanted.code and wanted.code not in {finding.code for finding in one.findings}:
        return False
    if wanted.since is not None and (call.ended_at or call.start) < wanted.since:
        return False
    if wanted.until is not None and call.start > wanted.until:
        return False
    return not wanted.address or _touches(call, wanted.address)


def _touches(call: Call, text: str) -> bool:
    """Whether the call used an address, or one of a prefix. Raises Misuse."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Misuse("bad-address", f"{text!r} is no address or prefix; write 10.1.0.7 or 10.1.0.0/16") from None
    hosts = {end.host for leg in call.legs for end in (leg.caller, leg.callee)}
    hosts |= {end.host for stream in call.streams for end in (stream.rtp.src, stream.rtp.dst)}
    return any(ip_address(host) in network for host in hosts)
