"""What the command line and the environment choose: the language and the configuration file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from talkpath.base.texts import Language

if TYPE_CHECKING:
    from talkpath.app.config.tree import Config

SYSTEM_FILE = Path("/etc/talkpath/talkpath.toml")


def chosen_language(arguments: Sequence[str], environ: Mapping[str, str]) -> Language:
    """The language of `--lang`, else of $TALKPATH_LANG, else of the POSIX locale."""
    return explicit_language(arguments, environ) or Language.of_locale(
        environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG")
    )


def explicit_language(arguments: Sequence[str], environ: Mapping[str, str]) -> Language | None:
    """The language that somebody asked for by name; a name that is none of ours is left to the command to refuse."""
    name = environ.get("TALKPATH_LANG", "")
    for at, argument in enumerate(arguments):
        if argument == "--lang" and at + 1 < len(arguments):
            name = arguments[at + 1]
        elif argument.startswith("--lang="):
            name = argument.removeprefix("--lang=")
    return Language(name) if name in list(Language) else None


def config_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the given one, else $TALKPATH_CONFIG, else the system's where it exists, else none."""
    if given is not None:
        return given
    if environ.get("TALKPATH_CONFIG"):
        return Path(environ["TALKPATH_CONFIG"])
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def load(file: Path | None, *, is_to_run: bool = True, is_strict: bool = True) -> "Config":
    """The configuration of a file, or the defaults; `is_to_run`: one that this host can serve, `is_strict`: with its
    certificate. Raises `BadConfig`."""
    from talkpath.app.config.file import read
    from talkpath.app.config.tree import Config

    return Config() if file is None else read(file, is_to_run=is_to_run, is_strict=is_strict)


def with_state(config: "Config", directory: Path) -> "Config":
    """The configuration with another state directory."""
    import msgspec

    from talkpath.app.config.records import State

    return msgspec.structs.replace(config, state=State(directory=str(directory)))
