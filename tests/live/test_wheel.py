"""`make wheel` beside nothing but what it names: the page is there, and what every message passes is compiled."""

import subprocess
import sys
import urllib.request
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.network import free_port
from harness.process import Process

pytestmark = pytest.mark.live

PACKAGE = Path(__file__).parents[2] / "native" / "package.py"
LISTENER = '[[listeners]]\ntransport = "WS"\naddress = "127.0.0.1"\nport = {}\n'
WHERE = "import talkpath.edge.proxy as proxy; print(proxy.__file__)"


def needed_by(name: str) -> set[str]:
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


def put_there(name: str, target: Path) -> None:
    """As pip would: the tests have no network to let it."""
    for file in distribution(name).files or []:
        place = target / file
        if ".." not in file.parts:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(Path(str(file.locate())).read_bytes())


def test_the_wheel_starts_beside_nothing_but_what_it_names(tmp_path) -> None:
    subprocess.run([sys.executable, PACKAGE, tmp_path / "dist"], check=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    venv.create(tmp_path / "empty", with_pip=True)
    commands = tmp_path / "empty" / "bin"
    (packages,) = (tmp_path / "empty" / "lib").glob("python3*/site-packages")
    for name in needed_by("talkpath"):
        put_there(name, packages)
    subprocess.run([commands / "pip", "install", "-q", "--no-index", wheel], check=True)
    assert subprocess.check_output([commands / "python", "-c", WHERE], text=True, cwd=tmp_path).endswith(".so\n")
    port = free_port()
    (tmp_path / "talkpath.toml").write_text(LISTENER.format(port))
    argv = [str(commands / "talkpath"), "run", "--config", "talkpath.toml", "--state", "state"]
    with (
        Process(argv, tmp_path / "log", env={"LC_ALL": "C.UTF-8"}, cwd=tmp_path).ready("Ctrl-C"),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/page.js") as page,
    ):
        assert page.status == 200
