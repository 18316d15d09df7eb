"""The unit of the service in the hands of systemd's own tools."""

import subprocess
import sys
from pathlib import Path

import pytest

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
