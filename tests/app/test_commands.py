"""The command line as people meet it: what it prints where, and its exit codes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest


class Command:
    """Runs `talkpath` with a state directory of its own."""

    def __init__(self, state: Path) -> None:
        self._environ = {**os.environ, "TALKPATH_STATE": str(state), "LC_ALL": "C.UTF-8"}
        self._environ.pop("TALKPATH_CONFIG", None)

    def __call__(
        self, *arguments: str, given: str = "", into: IO[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "talkpath", *arguments]
        out = into or subprocess.PIPE
        return subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, text=True, input=given, env=self._environ, check=False
        )


@pytest.fixture
def talkpath(tmp_path: Path) -> Command:
    return Command(tmp_path / "state")


@pytest.mark.parametrize("asked", ["version", "--version"])
def test_version_is_data(talkpath: Command, asked: str) -> None:
    done = talkpath(asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "talkpath 0.1.0\n", "")


@pytest.mark.parametrize("arguments", [("version",), ("explain", "--rules"), ("check", "--example")])
def test_output_that_finds_no_room_is_a_sentence(talkpath: Command, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = talkpath(*arguments, into=full)
    assert done.returncode == 1
    assert (
        done.stderr
        == "The rest could not be written: no space is left where it should go. Make room and try again.\n"
    )


def test_mistakes_of_a_file_are_told_with_exit_code_2(talkpath: Command, tmp_path: Path) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_text("langage = 'zh'\n[media]\nfirst_port = 1\n")
    done = talkpath("check", str(file))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f'{file}:1:1: there is no key "langage" at the top level. Did you mean "language"?\n'
        f'{file}:3:1: "first_port" must be a whole number from 1024 to 65534, not 1.\n'
        "2 mistakes. Mend them and try again.\n"
    )


def test_good_file_has_exit_code_0_in_the_language_asked_for(talkpath: Command, tmp_path: Path) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_text("drain_timeout_s = 5\n")
    done = talkpath("check", "--lang", "zh", str(file))
    assert (done.returncode, done.stderr) == (0, f"{file}：一切正常。\n")


def test_a_group_whose_gateways_are_yet_to_come_is_a_remark_until_one_is_there(
    talkpath: Command, tmp_path: Path
) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_text(f'[routing]\noutbound = "carriers"\n[state]\ndirectory = "{tmp_path / "state"}"\n')
    done = talkpath("check", str(file))
    assert (done.returncode, done.stderr.splitlines()[0].partition(". ")[0]) == (0, f"{file}: no mistake was found")
    assert "No gateway stands in the group carriers" in done.stderr
    assert "503" in done.stderr
    assert talkpath("gateways", "add", "a", "192.0.2.1").returncode == 0
    assert talkpath("check", str(file)).stderr == f"{file}: all is well.\n"


def test_example_goes_to_standard_output(talkpath: Command) -> None:
    done = talkpath("check", "--example")
    assert done.returncode == 0
    assert '# transport = "UDP"' in done.stdout


def test_users_are_added_listed_changed_and_removed(talkpath: Command) -> None:
    assert talkpath("users", "add", "1003", "--password", "secret").stdout == ""
    made = talkpath("users", "add", "1004", "1005")
    assert [line.split()[:2] for line in made.stdout.splitlines()] == [["1004", "password"], ["1005", "password"]]
    assert talkpath("users", "list").stdout == "1003\n1004\n1005\n"
    assert talkpath("users", "password", "1003", "--password", "-", given="other\n").returncode == 0
    assert talkpath("users", "remove", "1004", "1003").returncode == 0
    assert talkpath("users", "list").stdout == "1005\n"


def test_users_may_dial_out_from_when_they_are_added_or_later_and_a_new_password_changes_nothing_of_it(
    talkpath: Command, tmp_path: Path
) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_text('[[accounts]]\nuser = "1001"\npassword = "secret"\noutbound = true\n')
    given = ("--config", str(file))
    added = talkpath("users", "add", "1003", "--password", "secret", "--outbound", *given)
    assert added.stderr == (
        "User 1003 may register now.\nUser 1003 may call numbers that are no users here.\n"
        "No gateways take such calls yet: name their group as `routing.outbound`.\n"
    )
    talkpath("users", "add", "1004", *given)
    assert talkpath("users", "list", "--outbound", *given).stdout == "1001\n1003\n"
    assert talkpath("users", "change", "1003", "--no-outbound", *given).returncode == 0
    assert talkpath("users", "change", "1004", "--outbound", *given).returncode == 0
    talkpath("users", "password", "1004", *given)
    assert talkpath("users", "list", "--outbound", *given).stdout == "1001\n1004\n"
    assert talkpath("users", "change", "1004", *given).returncode == 2


@pytest.mark.parametrize("verb", [("add",), ("password",), ("remove",), ("change", "--outbound")])
def test_a_user_of_the_configuration_is_changed_there(
    talkpath: Command, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_text('[[accounts]]\nuser = "1001"\npassword = "secret"\n')
    done = talkpath("users", *verb, "1001", "--config", str(file))
    said = "1001 stands in the configuration, under [[accounts]]; change it there.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    assert talkpath("users", "list", "--config", str(file)).stdout == "1001\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["users", "add", "1001"],
            'there is already a user "1001". `talkpath users password 1001` changes the password.',
        ),
        (["users", "add", "echo"], 'talkpath itself answers at "echo". Choose another user name.'),
        (["users", "add", "1003", "--password", ""], "the password is empty. Anyone could register. Write one."),
        (["users", "remove", "101"], 'there is no user "101". Did you mean "1001"?'),
        (["users", "password", "77"], 'there is no user "77". `talkpath users list` names those there are.'),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(talkpath: Command, arguments: list[str], said: str) -> None:
    talkpath("users", "add", "1001", "--password", "secret")
    done = talkpath(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said + "\n")


def test_none_of_several_users_is_added_when_one_cannot_be(talkpath: Command) -> None:
    assert talkpath("users", "add", "1001", "tone").returncode == 1
    assert talkpath("users", "list").stdout == ""


def test_wrong_usage_has_exit_code_2(talkpath: Command) -> None:
    assert talkpath("check", "--no-such-option").returncode == 2


def test_state_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = Command(tmp_path / "file" / "state")("users", "list")
    assert done.returncode == 1
    assert done.stderr.startswith(f"the state directory {tmp_path / 'file' / 'state'} cannot be written: ")


def test_a_run_that_cannot_open_its_state_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = Command(tmp_path / "file" / "state")("run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
