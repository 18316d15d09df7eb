"""What several commands have in common: the language of their help, and their options."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkpath.app import words
from talkpath.app.console.choose import chosen_language, config_file, load, with_state
from talkpath.app.routing import script_words
from talkpath.base.texts import Language, Text

if TYPE_CHECKING:
    from talkpath.app.config.tree import Config

# The help texts are fixed when the commands are defined, so the language is chosen before.
LANGUAGE = chosen_language(sys.argv[1:], os.environ)


def help_of(text: Text) -> str:
    return text.say(LANGUAGE)


def values_of(choices: type[StrEnum]) -> list[str]:
    return [one.value for one in choices]


FILE = click.Path(path_type=Path)

lang = click.option(
    "--lang", type=click.Choice(values_of(Language)), expose_value=False, help=help_of(words.HELP_LANG)
)
config = click.option("--config", "-c", type=FILE, help=help_of(words.HELP_CONFIG))
script = click.option("--script", type=FILE, help=help_of(script_words.HELP_SCRIPT))
state = click.option("--state", type=FILE, help=help_of(words.HELP_STATE))


def settings(
    file: Path | None, directory: Path | None, *, is_to_run: bool = False, is_strict: bool = False
) -> "Config":
    """The configuration, with the state directory that was named on the command line. Raises `BadConfig`."""
    known = load(config_file(file, os.environ), is_to_run=is_to_run, is_strict=is_strict)
    return with_state(known, directory) if directory else known


def with_script(config: "Config", file: Path | None) -> "Config":
    """The configuration with the script that was named on the command line."""
    if file is None:
        return config
    import msgspec

    return msgspec.structs.replace(config, routing=msgspec.structs.replace(config.routing, script=str(file)))


def typed(password: str | None) -> str | None:
    """A password as given; "-" stands for a line on standard input, where other users of this host cannot see it."""
    return sys.stdin.readline().rstrip("\n") if password == "-" else password
