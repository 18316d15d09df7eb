"""What the edge itself does for a call or a registration, in instructions: a figure that a busy machine leaves alone.

`python -m bench.instructions` runs `instructions_load.py` under valgrind and counts what happens within the edge and
the ledger (compiled, no sockets, no loop, no history). `python -m bench.instructions call` tells where they go. No
part of `make bench`, for it measures nothing of a peer.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.instructions_load import UNITS

COUNT = 100
# What is counted: from where these are entered until they return.
COUNTED = ("edge___Edge___message", "edge___Edge___drain", "edge___Edge___expire", "ledger___Ledger___*")
SHOWN = 60


def profile(unit: str, folder: Path) -> Path:
    """Run a unit under valgrind; gives the file of what it counted."""
    file = folder / f"{unit}.callgrind"
    options = ["--tool=callgrind", f"--callgrind-out-file={file}", "--collect-atstart=no", "--zero-before=getloadavg"]
    options += [f"--toggle-collect=CPyPy_{name}" for name in COUNTED]
    command = ["valgrind", "-q", *options, sys.executable, "-m", "bench.instructions_load", unit, str(COUNT)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "0"})
    return file


def inclusive(file: Path) -> Counter[str]:
    """Instructions of each function, with those of what it calls."""
    total, names, function = Counter[str](), dict[str, str](), ""
    for line in file.read_text(errors="replace").splitlines():
        named = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
        if named is not None:
            # A name is written once, and then only its number.
            name = names.setdefault(named[2], named[3] or "")
            function = name if named[1] == "fn" else function
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            # What a call cost stands under the function that made it.
            total[function] += int(line.split()[1])
    return total


def rows() -> Iterator[tuple[str, int]]:
    """Each unit with its instructions."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as folder:
        for unit in UNITS:
            print(f"  counting: {unit}", file=sys.stderr)
            text = profile(unit, Path(folder)).read_text(errors="replace")
            found = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
            yield unit, int(found[1]) // COUNT if found else 0


def main() -> None:
    """Print the instructions of each unit as Markdown."""
    print("| in the edge, compiled | instructions |\n| --- | ---: |")
    for unit, count in rows():
        print(f"| {unit} | {count:,} |", flush=True)


def explain(unit: str) -> None:
    """Print where the instructions of a unit go: functions with what they call."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as folder:
        ours = {name: count for name, count in inclusive(profile(unit, Path(folder))).items() if _is_ours(name)}
        for name, count in Counter(ours).most_common(SHOWN):
            print(f"{count // COUNT:>10,} {name.removeprefix('CPyDef_').replace('___', '.')}")


def _is_ours(name: str) -> bool:
    """Whether it is a compiled function or a native one, and none of Python's own."""
    return name.startswith(("CPyDef_", "_native::"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        explain(sys.argv[1])
    else:
        main()
