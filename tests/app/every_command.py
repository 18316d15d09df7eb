"""Runs each command of the command line in one state directory that is broken, and says what became of it.

    python every_command.py STATE FOLDER

`STATE` is one of those below; those of `MOUNTED` mount a file system, in a mount namespace of their own. Standard
output has one line of JSON for each command: `[words, exit code, what it said]`.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Nothing takes so long, and `run` is ended when it says that it is up.
_ENDS_S = 60
_UP = "Ctrl-C"
#: What commands are given beside "x" for each argument that they need.
_OPTIONS = {
    "users add": ["-p", "secret"],
    "users password": ["-p", "secret"],
    "users change": ["--outbound"],
    "users remove": [],
    "explain": ["--own"],
    "gateways add": ["x", "192.0.2.1"],
    "recordings prune": ["--older", "30d"],
    "route": ["1001", "1002"],
}
_ARGUMENTS = {"users": "1001", "bans": "192.0.2.0/24"}
_USER = "1001"


def sound(state: Path) -> None:
    """What the others break: a database with one user."""
    from talkpath.base.redact import Secret
    from talkpath.store.accounts import Account, Accounts

    state.mkdir(mode=0o700, exist_ok=True)
    accounts = Accounts(state / "talkpath.sqlite")
    accounts.put(Account.of_password(_USER, "talkpath", Secret("secret")))
    accounts.close()


def no_database(state: Path) -> None:
    sound(state)
    (state / "talkpath.sqlite").write_bytes(b"no database at all\n" * 500)


def damaged(state: Path) -> None:
    sound(state)
    file = state / "talkpath.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))


def cut(state: Path) -> None:
    sound(state)
    os.truncate(state / "talkpath.sqlite", 5000)


def a_file(state: Path) -> None:
    state.write_text("no directory\n")


def vanished(state: Path) -> None:
    """It never was, or its file system is not mounted."""


def leads_nowhere(state: Path) -> None:
    state.symlink_to(state.parent / "gone" / "away")


def a_folder_for_a_database(state: Path) -> None:
    (state / "talkpath.sqlite").mkdir(parents=True)


def newer(state: Path) -> None:
    sound(state)
    with sqlite3.connect(state / "talkpath.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def locked(state: Path) -> None:
    sound(state)
    database = sqlite3.connect(state / "talkpath.sqlite", isolation_level=None)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("BEGIN EXCLUSIVE")
    database.execute("UPDATE counters SET value = value")
    _HELD.append(database)


def full(state: Path) -> None:
    _mount(state, "2m")
    sound(state)
    with open(state / "filled", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def full_and_empty(state: Path) -> None:
    _mount(state, "4k")
    (state / "filled").write_bytes(bytes(4096))


def read_only(state: Path) -> None:
    _mount(state, "2m")
    sound(state)
    subprocess.run(["mount", "-o", "remount,ro", str(state)], check=True)


def _mount(state: Path, size: str) -> None:
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "state", str(state)], check=True)


# What differs between states that are broken in the same place is seen by these.
_TELLING = ("users add", "users list", "calls", "explain", "check", "run")
_THOROUGHLY = ("damaged", "full", "read_only")

_HELD: list[sqlite3.Connection] = []
STATES: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (no_database, damaged, cut, a_file, vanished, leads_nowhere, a_folder_for_a_database, newer, locked)
}
MOUNTED: dict[str, Callable[[Path], None]] = {one.__name__: one for one in (full, full_and_empty, read_only)}


def commands() -> Iterator[list[str]]:
    """Each command, with what it needs to do something."""
    import click

    from talkpath.app.cli import app

    def below(group: click.Group, path: list[str]) -> Iterator[list[str]]:
        for name, command in group.commands.items():
            here = [*path, name]
            if isinstance(command, click.Group):
                yield from below(command, here)
            elif {"state", "directory"} & {one.name for one in command.params}:
                needed = sum(isinstance(one, click.Argument) and one.required for one in command.params)
                yield [*here, *[_ARGUMENTS.get(here[0], "x")] * needed, *_OPTIONS.get(" ".join(here), [])]

    yield from below(app, [])


def run(words: list[str], state: Path, config: Path) -> tuple[int, str]:
    """The exit code (a signal is negative) of a command, and all that it said."""
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reads)
        for descriptor in (1, 2):
            os.dup2(writes, descriptor)
        signal.alarm(_ENDS_S)
        sys.argv = ["talkpath", *words, "--state", str(state), "--config", str(config)]
        os._exit(_code_of_main())
    os.close(writes)
    said = ""
    with open(reads, errors="replace") as output:
        for line in output:
            said += line
            if _UP in line:
                os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), said


def _code_of_main() -> int:
    import traceback

    from talkpath.app import cli

    try:
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - it is told as what it is
        traceback.print_exc()
        code = 70
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main() -> None:
    from talkpath.store import writer

    writer.BUSY_S = 0.2
    kind, folder = sys.argv[1], Path(sys.argv[2])
    os.chdir(folder)
    config = folder / "talkpath.toml"
    config.write_text('[[listeners]]\ntransport = "UDP"\naddress = "127.0.0.1"\nport = 15999\n')
    out = os.fdopen(os.dup(1), "w")
    for number, words in enumerate(commands()):
        if kind not in _THOROUGHLY and not " ".join(words).startswith(_TELLING):
            continue
        # What a command made or mended is not there for the next; a lock is held once.
        state = folder / (kind if kind == "locked" else f"{kind}{number}")
        if not state.exists():
            {**STATES, **MOUNTED}[kind](state)
        code, said = run(words, state, config)
        print(json.dumps([" ".join(words), code, said]), file=out, flush=True)
        if kind in MOUNTED:
            subprocess.run(["umount", "-l", str(state)], check=True)
        elif kind != "locked" and state.is_dir():
            shutil.rmtree(state)


if __name__ == "__main__":
    # What commands import when they run is loaded once, and not in each of them.

    main()
