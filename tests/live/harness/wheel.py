"""The wheel of `make wheel`, and what it needs beside it: the tests have no network to let pip fetch that."""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

_PACKAGE = Path(__file__).parents[3] / "native" / "package.py"


def make_wheel(dist: Path) -> Path:
    """Write the wheel into a folder."""
    subprocess.run([sys.executable, _PACKAGE, dist], check=True)
    (wheel,) = dist.iterdir()
    return wheel


def put_what_it_needs(packages: Path) -> None:
    """Lay what the wheel names into `site-packages`, as pip would, and nothing else."""
    for name in _needed_by("talkpath"):
        for file in distribution(name).files or []:
            place = packages / file
            if ".." not in file.parts:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(Path(str(file.locate())).read_bytes())


def _needed_by(name: str) -> set[str]:
    """The distributions that this one names, and those that these name; no extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for text in distribution(waiting.pop()).requires or []:
            wanted = Requirement(text)
            if wanted.name not in found and (not wanted.marker or wanted.marker.evaluate({"extra": ""})):
                found.add(wanted.name)
                waiting.append(wanted.name)
    return found
