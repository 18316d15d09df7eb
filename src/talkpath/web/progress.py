"""How a call goes, as a visitor may see it: which steps happened when, on whose side. No addresses, no names."""

from dataclasses import dataclass
from typing import NamedTuple

from talkpath.calls.trace import Trace


class Step(NamedTuple):
    """A moment without its particulars: seconds since the INVITE, the kind, and "caller", "callee" or ""."""

    after_s: float
    kind: str
    side: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps in order; `end` says how the call ended ("bye", "media-timeout" ...), "" while it runs."""

    steps: list[Step]
    end: str
    ended_by: str


# What a visitor understands and may know. Who else was tried, and where, is not among it.
_SHOWN = frozenset(
    {
        "route.service",
        "route.user",
        "registration.none",
        "ice.checked",
        "ice.selected",
        "ice.restarted",
        "ice.failed",
        "ice.consent-lost",
        "dtls.client-hello",
        "dtls.fingerprint-right",
        "dtls.fingerprint-wrong",
        "srtp.keyed",
        "codec.chosen",
        "media.first-packet",
        "media.first-sound",
        "media.held",
        "media.resumed",
        "media.gone",
        "media.timeout",
        "media.timeout-both",
    }
)


def progress_of(trace: Trace, host: str) -> Progress | None:
    """What somebody at `host` may see of the call: None to those whose address never spoke in it."""
    if not any(row[1].remote.host == host for row in trace.live):
        return None
    steps = [
        Step(round(moment.time - trace.start, 3), moment.kind, str(moment.values.get("side") or ""))
        for moment in trace.moments
        if moment.kind in _SHOWN
    ]
    return Progress(steps, trace.ended_how, str(trace.ended_by))
