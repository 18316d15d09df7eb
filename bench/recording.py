"""Recording: what a recorded packet costs the relay, beside the same packets unrecorded, and beside rtpengine.

The phones of `bench/relay.py`: 50,000 packets a second, over 200 streams and over 1,000; two streams are a call, and
a call is a file. All four take turns, round after round: what recording adds is a difference of two figures, and is
taken within a round. The median is told, of what was lost the worst. Whatever the process uses is counted, the thread
that writes included. What talkpath wrote is read back: every packet that was forwarded stands in a file.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.relay import PACKETS_PER_S, SECONDS, STREAMS, BridgingRtpengine, Result, Server, Talkpath, measure
from talkpath.store.recordings.capture import measured

ROUNDS = 3


class Round(NamedTuple):
    """One relay in one round: recording, not recording, and the packets that stand in no file."""

    recorded: Result
    plain: Result
    left_out: int

    @property
    def extra_us(self) -> float:
        return self.recorded.cpu_us - self.plain.cpu_us


def main() -> None:
    """Measure, stream count by stream count, and print the table as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    print("| relay | streams | us/packet | ratio | extra us/recorded packet | CPU % | lost | left out | p99 us |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for streams in STREAMS:
        rounds = [(_round(_rtpengine, streams), _round(_talkpath, streams)) for _ in range(ROUNDS)]
        theirs, ours = [one for one, _ in rounds], [one for _, one in rounds]
        ratios = [one.recorded.cpu_us / their.recorded.cpu_us for their, one in rounds]
        _print("rtpengine, recording", streams, theirs, 1.0, is_counted=False)
        _print("talkpath, recording", streams, ours, median(ratios), is_counted=True)


def _print(name: str, streams: int, rounds: list[Round], ratio: float, *, is_counted: bool) -> None:
    recorded = [one.recorded for one in rounds]
    left_out = str(max(one.left_out for one in rounds)) if is_counted else ""
    print(
        f"| {name} | {streams} | {median(one.cpu_us for one in recorded):.2f} | {ratio:.2f} "
        f"| {median(one.extra_us for one in rounds):.2f} | {median(one.cpu_percent for one in recorded):.0f} "
        f"| {max(one.lost for one in recorded)} | {left_out} | {max(one.p99_us for one in recorded)} |",
        flush=True,
    )


def _rtpengine(recordings: Path | None) -> Server:
    return BridgingRtpengine(recordings=recordings)


def _talkpath(recordings: Path | None) -> Server:
    return Talkpath(recordings=recordings)


def _round(start: Callable[[Path | None], Server], streams: int) -> Round:
    plain, _ = _measured(lambda _: start(None), streams)
    recorded, left_out = _measured(start, streams)
    return Round(recorded, plain, left_out)


def _measured(start: Callable[[Path], Server], streams: int) -> tuple[Result, int]:
    """The result, and the packets that were forwarded and stand in no file."""
    print(f"  measuring {streams} streams of RTP", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        server = start(place)
        try:
            result = measure(server, streams)
            # What was heard last is written within half a second.
            time.sleep(1)
        finally:
            server.stop()
        found = sum(measured(path).packets for path in place.glob("*.pcap"))
        return result, max(0, PACKETS_PER_S * SECONDS - result.lost - found)


if __name__ == "__main__":
    main()
