"""The text beside a recording, byte for byte in the form of rtpengine 10.5, so that what reads its files reads ours.

Times are milliseconds since the epoch with three decimals; the lines at the end are local time, as rtpengine's are.
What it never writes are pauses (it has no command for them): they stand between the descriptions.
"""

import time
from pathlib import Path

from talkpath.store.recordings.manifest import Manifest


def heading(pcap: Path) -> str:
    """What a new file begins with."""
    return f"{pcap}\n\n"


def description(mode: str, sdp: bytes, at: float, packet: int, label: str = "") -> bytes:
    """A description that was sent; `mode` is offer or answer, `packet` the number of the next one, from 1."""
    times = f"Timestamp started ms: {at * 1000:.3f}\nSDP mode: {mode}\nSDP before RTP packet: {packet}\n"
    return f"\n{_label(label)}{times}\n".encode() + sdp


def paused(at: float) -> str:
    """Nothing is recorded from here on."""
    return f"\nRecording paused at: {at * 1000:.3f}\n"


def resumed(at: float) -> str:
    """It is again."""
    return f"\nRecording resumed at: {at * 1000:.3f}\n"


def ending(facts: Manifest) -> str:
    """The end, with the free line that rtpengine allows for."""
    ended = facts.started if facts.ended is None else facts.ended
    first = f"\nTimestamp terminated ms(first monologue): {ended * 1000:.3f}\n"
    times = f"\ncall start time: {_local(facts.started)}\ncall end time: {_local(ended)}\n"
    return f"{first}{times}\n\ntalkpath={facts.name}\n"


def _label(label: str) -> str:
    return f"Label: {label}\n" if label else ""


def _local(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))
