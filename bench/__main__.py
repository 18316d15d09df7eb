"""`make bench`, or `make bench ARGS="signalling"` for one part."""

import importlib
import sys
from pathlib import Path

PARTS = [
    part
    for part in ("signalling", "relay", "webrtc", "transcode", "capture")
    if (Path(__file__).parent / f"{part}.py").exists()
]


def main() -> int:
    wanted = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or PARTS
    if unknown := [part for part in wanted if part not in PARTS]:
        print(f"There is no part {unknown[0]}. The parts are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    for part in wanted:
        importlib.import_module(f"bench.{part}").main()
    return 0


sys.exit(main())
