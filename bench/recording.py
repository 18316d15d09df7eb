"""Recording: what a recorded packet costs the relay, beside the same packets unrecorded, and beside rtpengine.

The phones of `bench/relay.py`: 50,000 packets a second, over 200 streams and over 1,000; two streams are a call, and
a call is a file. Whatever the process uses is counted, the thread that writes included. What talkpath wrote is
read back: every packet that was forwarded stands in a file.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.relay import PACKETS_PER_S, SECONDS, STREAMS, BridgingRtpengine, Result, Server, Talkpath, measure
from talkpath.store.recordings.capture import measured


def main() -> None:
    """Measure, stream count by stream count, and print the table as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    print("| relay | streams | us/packet | ratio | extra us/recorded packet | CPU % | lost | left out | p99 us |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for streams in STREAMS:
        plain_theirs, _ = _measured(lambda _: BridgingRtpengine(), streams)
        theirs, _ = _measured(lambda place: BridgingRtpengine(recordings=place), streams)
        plain, _ = _measured(lambda _: Talkpath(), streams)
        ours, left_out = _measured(lambda place: Talkpath(recordings=place), streams)
        for name, result, before, missing in (
            ("rtpengine, recording", theirs, plain_theirs, ""),
            ("talkpath, recording", ours, plain, str(left_out)),
        ):
            print(
                f"| {name} | {streams} | {result.cpu_us:.2f} | {result.cpu_us / theirs.cpu_us:.2f} "
                f"| {result.cpu_us - before.cpu_us:.2f} | {result.cpu_percent:.0f} | {result.lost} | {missing} "
                f"| {result.p99_us} |",
                flush=True,
            )


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
