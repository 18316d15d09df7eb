"""The unit of the service in the hands of systemd's own tools."""

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.network import free_port
from harness.process import Process

pytestmark = pytest.mark.live

COMMAND = Path(sys.executable).with_name("talkpath")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system in a folder, in which talkpath was made a service."""
    made = tmp_path / "root"
    made.mkdir()
    program = ["env", "-C", "/", COMMAND, "install-service", "--root", made, "--yes"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


def test_the_unit_is_sound_and_hardened(root: Path, tmp_path: Path) -> None:
    laid = root / "etc/systemd/system/talkpath.service"
    unit = tmp_path / "talkpath.service"
    # Its user is of the folder's system and unknown on this one.
    unit.write_text(laid.read_text().replace("=talkpath\n", "=daemon\n"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    # It looks at the units around it too, which are not ours.
    assert verified.returncode == 0, verified.stderr
    assert "talkpath.service" not in verified.stderr
    # In tenths: it may be exposed by less than 3.
    weighed = ["systemd-analyze", "security", "--offline=true", "--threshold=29", unit]
    done = subprocess.run(weighed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_folder_has_the_user_and_a_configuration_for_it(root: Path) -> None:
    assert "talkpath:" in (root / "etc/passwd").read_text()
    file = root / "etc/talkpath/talkpath.toml"
    assert file.stat().st_mode & 0o777 == 0o640
    assert subprocess.run([COMMAND, "check", "--elsewhere", file], capture_output=True, check=False).returncode == 0


LISTENER = '[[listeners]]\ntransport = "UDP"\naddress = "127.0.0.1"\nport = {}\n'


def test_the_service_says_when_it_is_ready_reloads_and_stops(tmp_path: Path) -> None:
    """What `Type=notify` of the unit waits for (sd_notify(3))."""
    file = tmp_path / "talkpath.toml"
    file.write_text(LISTENER.format(free_port()))
    argv = [str(COMMAND), "run", "--config", str(file), "--state", str(tmp_path / "state")]
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "LC_ALL": "C.UTF-8"}
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(env["NOTIFY_SOCKET"])
        systemd.settimeout(30)
        with Process(argv, tmp_path / "log", env=env):
            assert systemd.recv(200) == b"READY=1"
            subprocess.run([*argv[:1], "reload", *argv[2:]], check=True, capture_output=True)
            assert systemd.recv(200).startswith(b"RELOADING=1\n")
            assert systemd.recv(200) == b"READY=1"
        assert systemd.recv(200) == b"STOPPING=1"
