"""The state directory: where it is, and that only its owner looks into it."""

import errno
import os
import secrets
from pathlib import Path

from talkpath.app import words
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase

DATABASE = "talkpath.sqlite"
_KEY_FILE = "flow-token.key"
_KEY_BYTES = 32


def state_directory(config: Config) -> Path:
    """Where accounts, registrations, history and the self-signed certificate are kept."""
    if config.state.directory:
        return Path(config.state.directory).expanduser()
    if os.environ.get("TALKPATH_STATE"):
        return Path(os.environ["TALKPATH_STATE"])
    if os.geteuid() == 0:
        return Path("/var/lib/talkpath")
    base = os.environ.get("XDG_STATE_HOME") or str(Path(os.environ.get("HOME", "/")) / ".local" / "state")
    return Path(base) / "talkpath"


def recordings_directory(config: Config, state: Path) -> Path:
    """Where recordings are kept."""
    wanted = config.recording.directory
    return Path(wanted).expanduser().absolute() if wanted else (state / "recordings").absolute()


def make_state_directory(path: Path) -> Path:
    """Create the directory for this user alone. Raises `Trouble` where it cannot be written."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(path, os.W_OK | os.X_OK):
            is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
            code = errno.EROFS if is_read_only else errno.EACCES
            raise OSError(code, os.strerror(code))
    except OSError as error:
        what = phrase(words.STATE_UNWRITABLE, path=path, reason=error.strerror)
        raise Trouble("state-unwritable", what) from error
    return path


def token_key(state: Path) -> bytes:
    """The key that seals routes lives as long as the state directory, so that calls survive a restart."""
    path = state / _KEY_FILE
    # A file that was cut short (a full disk, a lost power) would make a key that can be guessed.
    if not path.exists() or path.stat().st_size < _KEY_BYTES:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
    return path.read_bytes()
