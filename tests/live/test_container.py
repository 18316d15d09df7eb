"""The Containerfile, built and run in a root of its own (`harness/container.py`): there need be no daemon."""

import os
import signal
from pathlib import Path

import pytest

from harness.container import base, build
from harness.process import Process, wait_until
from harness.wheel import make_wheel, put_what_it_needs

pytestmark = pytest.mark.live

FILE = Path(__file__).parents[2] / "Containerfile"


def test_a_container_runs_as_its_user_says_that_it_is_well_and_stops_when_told(tmp_path) -> None:
    make_wheel(tmp_path / "dist")
    image = base(tmp_path / "root")
    (packages,) = (tmp_path / "root" / "local" / "lib").glob("python3*/site-packages")
    put_what_it_needs(packages)
    build(image, FILE, tmp_path)
    assert image.run(*image.health).returncode != 0
    (volume,) = image.volumes
    state = image.root / volume.strip("/")
    owner = state.stat()
    assert (owner.st_uid, owner.st_mode & 0o777) == (5060, 0o700)

    edge = Process(image.argv([*image.entrypoint, *image.command]), tmp_path / "log").ready("Ctrl-C")
    try:
        uids = Path(f"/proc/{edge.pid}/status").read_text().partition("Uid:")[2].split()[:4]
        assert uids == ["5060"] * 4
        assert (state / "talkpath.sqlite").stat().st_uid == 5060
        assert wait_until(lambda: image.run(*image.health).returncode == 0)
        status = image.run(*image.entrypoint, "status")
        assert "UDP" in status.stdout, status.stderr
        # Compilers, sources and the wheel itself stay outside.
        assert not list((image.root / "tmp").iterdir())
        os.kill(edge.pid, signal.Signals[image.stop_signal])
        assert edge.wait_ended() == 0
    finally:
        edge.stop()
    assert image.run(*image.health).returncode != 0
