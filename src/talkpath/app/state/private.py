"""Who may read what is secret: the state directory and its files, and files that others are made of.

The files are closed one by one, so that they stay closed in a directory that others may enter; the directory too, so
that whatever is put there is closed as well (systemd's `StateDirectory=` opens it to everybody at each start).
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from talkpath.app import words
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.state.directory import DATABASE

if TYPE_CHECKING:
    from talkpath.app.config.tree import Config

# What talkpath keeps in its state directory; of the database also what SQLite puts beside it, and copies.
_OURS = (
    f"{DATABASE}*",
    "*.key",
    "*.key.new",
    "certificate.pem*",
    "control.sock",
    "ready-accounts",
    "bans.json*",
    "gateways.json*",
)
# Where many programs live: closing one of these to its owner would break the host.
_OF_THE_SYSTEM = (
    "/",
    "/etc",
    "/home",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/usr",
    "/var",
    "/var/lib",
    "/var/opt",
)


@dataclass(frozen=True, slots=True)
class Closed:
    """What was found open to others: said of each, and whether all of it could be mended."""

    said: tuple[Phrase, ...]
    is_whole: bool = True


def close_to_others(directory: Path) -> Closed:
    """Take from the state directory and from what we keep in it every right of others than the owner."""
    if not directory.is_dir():
        return Closed(())
    is_shared = _is_shared(directory)
    was_enterable = bool(_open_to_others(directory) & 0o011)
    said = [phrase(words.STATE_SHARED, path=directory)] if is_shared else []
    is_whole = True
    if not is_shared and (mode := _open_to_others(directory)):
        is_whole = _close(directory, is_shared=False)
        text = words.STATE_WAS_OPEN if is_whole else words.STATE_IS_OPEN
        said.append(phrase(text, path=directory, mode=f"{mode:04o}"))
    files = [file for file in _files(directory) if _open_to_others(file)]
    closed = [file for file in files if _close(file, is_shared)]
    if closed:
        said.append(phrase(words.FILES_WERE_OPEN, path=directory, files=_names(closed)))
        if was_enterable and any(file.name.startswith(DATABASE) for file in closed):
            said.append(phrase(words.PASSWORDS_WERE_OPEN))
    if left := [file for file in files if file not in closed]:
        said.append(phrase(words.FILES_ARE_OPEN, path=directory, files=_names(left)))
    return Closed(tuple(said), is_whole and not left)


def readable_secrets(config: "Config", file: Path | None) -> Iterator[Phrase]:
    """Files of the operator's own that hold secrets and that everybody on this host may read. They are left as they
    are: who else must read them is not known here."""
    has_passwords = bool(config.accounts) or any(one.password is not None for one in config.gateways)
    if file is not None and has_passwords and _may_be_read(file):
        yield phrase(words.CONFIG_IS_READABLE, path=file)
    for key in (config.tls.key, *(one.key for one in config.tls.others)):
        if key and _may_be_read(Path(key)):
            yield phrase(words.KEY_IS_READABLE, path=key)


def begin_output(out: Path, sources: Sequence[str]) -> None:
    """Make the file that will be written, no more readable than what it is made of. One that exists keeps its mode.

    Raises OSError.
    """
    mode = 0o666
    for source in sources:
        try:
            mode &= stat.S_IMODE(os.stat(source).st_mode) | stat.S_IWUSR
        except OSError:
            mode &= 0o600
    os.close(os.open(out, os.O_WRONLY | os.O_CREAT, mode if sources else 0o600))


def _files(directory: Path) -> Iterator[Path]:
    for pattern in _OURS:
        try:
            yield from sorted(directory.glob(pattern))
        except OSError:
            return


def _is_shared(directory: Path) -> bool:
    """Whether others than the owner work in this directory."""
    path = directory.resolve()
    # Not `Path.home()`, which fails for a user that has neither $HOME nor an entry in the list of users.
    home = os.environ.get("HOME")
    is_home = bool(home) and path == Path(str(home)).resolve()
    return str(path) in _OF_THE_SYSTEM or is_home or bool(path.stat().st_mode & stat.S_ISVTX)


def _open_to_others(path: Path) -> int:
    """The mode of what others may read, write or enter; 0 when they may not."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
    return mode if mode & 0o077 else 0


def _may_be_read(path: Path) -> bool:
    return bool(_open_to_others(path) & stat.S_IROTH)


def _close(path: Path, is_shared: bool) -> bool:
    """Whether it is closed now. In a directory where others can put links, none is followed."""
    try:
        if is_shared and path.is_symlink():
            return False
        path.chmod(path.stat().st_mode & ~0o077 & 0o7777)
    except OSError:
        return False
    return True


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)
