"""`make wheel` beside nothing but what it names: the page is there, and what every message passes is compiled."""

import subprocess
import urllib.request
import venv

import pytest

from harness.network import free_port
from harness.process import Process
from harness.wheel import make_wheel, put_what_it_needs

pytestmark = pytest.mark.live

LISTENER = '[[listeners]]\ntransport = "WS"\naddress = "127.0.0.1"\nport = {}\n'
WHERE = "import talkpath.edge.proxy as proxy; print(proxy.__file__)"


def test_the_wheel_starts_beside_nothing_but_what_it_names(tmp_path) -> None:
    wheel = make_wheel(tmp_path / "dist")
    venv.create(tmp_path / "empty", with_pip=True)
    commands = tmp_path / "empty" / "bin"
    (packages,) = (tmp_path / "empty" / "lib").glob("python3*/site-packages")
    put_what_it_needs(packages)
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
