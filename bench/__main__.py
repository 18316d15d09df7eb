"""`make bench`, or `make bench ARGS="signalling"` for one part."""

import importlib
import sys

PARTS = (
    "signalling",
    "routing",
    "relay",
    "kernel",
    "recording",
    "webrtc",
    "webrtc_calls",
    "transcode",
    "capture",
    "conversion",
    "guard",
    "cluster",
    "scale",
)


def main() -> int:
    wanted = sys.argv[1:] or PARTS
    if unknown := [part for part in wanted if part not in PARTS]:
        print(f"There is no part {unknown[0]}. The parts are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    for part in wanted:
        importlib.import_module(f"bench.{part}").main()
    return 0


sys.exit(main())
