"""`talkpath install-service`: what it shows, what it writes, and what the service may do."""

from pathlib import Path

import pytest

from talkpath.app.config.file import read_text
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse
from talkpath.app.service.command import UNIT, Service, install, uninstall
from talkpath.app.service.unit import unit_of
from talkpath.base.texts import Language

PROGRAM, FILE = Path("/opt/talkpath/bin/talkpath"), Path("/etc/talkpath/talkpath.toml")


def _values(unit: str) -> dict[str, list[str]]:
    """The directives of a unit, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, is_there, value = line.partition("=")
        if is_there and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def _unit(text: str = "") -> dict[str, list[str]]:
    return _values(unit_of(read_text(text, FILE, is_to_run=False), PROGRAM, FILE, "talkpath"))


def test_the_service_is_its_own_user_and_may_do_nothing_as_root() -> None:
    unit = _unit()
    assert unit["User"] == ["talkpath"]
    assert unit["StateDirectoryMode"] == ["0700"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert "AmbientCapabilities" not in unit
    assert unit["WantedBy"] == ["multi-user.target"]
    assert unit["After"] == ["network-online.target"]
    assert unit["ExecStart"] == [f"{PROGRAM} run --config {FILE}"]


def test_only_a_port_below_1024_needs_a_capability() -> None:
    unit = _unit('[[listeners]]\ntransport = "WSS"\nport = 443\n')
    assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert unit["PrivateUsers"] == ["no"]


def test_systemd_waits_longer_than_calls_are_waited_for() -> None:
    assert int(_unit("drain_timeout_s = 600")["TimeoutStopSec"][0]) > 600


def test_other_folders_that_are_configured_can_be_written() -> None:
    unit = _unit('[state]\ndirectory = "/srv/state"\n[recording]\ndirectory = "/srv/recordings"\n')
    assert unit["ReadWritePaths"] == ["/srv/state", "/srv/recordings"]


def test_what_will_be_done_is_shown_and_a_dry_run_does_none_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(PROGRAM, FILE, "talkpath", tmp_path)
    install(service, Language.EN, is_dry=True, ask=lambda _: pytest.fail("asked"))
    shown = capsys.readouterr()
    assert "make the system user talkpath" in shown.err
    assert "ExecStart=/opt/talkpath/bin/talkpath run" in shown.out
    assert list(tmp_path.iterdir()) == []


def test_who_says_no_has_nothing_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(Service(PROGRAM, FILE, "talkpath", tmp_path), Language.EN, is_dry=False, ask=lambda _: False)
    assert list(tmp_path.iterdir()) == []
    assert "Nothing was done." in capsys.readouterr().err


def test_a_program_in_a_home_directory_is_out_of_reach() -> None:
    service = Service(Path("/root/venv/bin/talkpath"), FILE, "talkpath")
    with pytest.raises(Misuse, match="home directory"):
        install(service, Language.EN, is_dry=False, ask=lambda _: False)


def test_taking_it_away_leaves_the_configuration(tmp_path: Path) -> None:
    service = Service(PROGRAM, FILE, "talkpath", tmp_path)
    for path in (UNIT, FILE):
        service.place(path).parent.mkdir(parents=True)
        service.place(path).write_text("")
    uninstall(service, Language.EN, is_dry=False, ask=lambda _: True)
    assert not service.place(UNIT).exists()
    assert service.place(FILE).exists()


def test_the_default_configuration_needs_no_other_folder() -> None:
    assert "ReadWritePaths" not in _values(unit_of(Config(), PROGRAM, FILE, "talkpath"))
