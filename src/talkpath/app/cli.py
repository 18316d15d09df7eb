"""The command `talkpath`.

Data goes to standard output, talk to standard error. Exit codes: 0 all is well, 1 a problem was found or something
failed, 2 the command or the configuration is wrong. What only one command needs is imported in that command, so that
each starts quickly.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from talkpath.app import words
from talkpath.app.choose import chosen_language, config_file, explicit_language, load, with_state
from talkpath.app.config import Config
from talkpath.app.mistakes import BadConfig
from talkpath.app.phrase import Phrase, Trouble, phrase
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language

OK, PROBLEM, WRONG = 0, 1, 2

# The help texts are fixed when the commands are defined, so the language is chosen before.
LANGUAGE = chosen_language(sys.argv[1:], os.environ)

app = typer.Typer(
    name="talkpath",
    help=words.HELP.say(LANGUAGE),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Lang = Annotated[Language | None, typer.Option("--lang", help=words.HELP_LANG.say(LANGUAGE))]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help=words.HELP_CONFIG.say(LANGUAGE), show_default=False)
]
StateOption = Annotated[Path | None, typer.Option("--state", help=words.HELP_STATE.say(LANGUAGE), show_default=False)]


def main() -> None:
    """Run the command line; every known failure becomes one sentence and an exit code."""
    try:
        app()
    except BadConfig as error:
        _say_mistakes(error)
        sys.exit(WRONG)
    except Trouble as error:
        _talk(error.what)
        sys.exit(PROBLEM)
    except TalkpathError as error:
        print(error, file=sys.stderr)
        sys.exit(PROBLEM)


@app.callback()
def options(lang: Lang = None) -> None:
    """Take the options that stand before the command; the language was chosen when this module was loaded."""
    del lang


@app.command(help=words.HELP_VERSION.say(LANGUAGE))
def version() -> None:
    """Print the version."""
    from talkpath import __version__

    print(f"talkpath {__version__}")


@app.command(help=words.HELP_CHECK.say(LANGUAGE))
def check(
    file: Annotated[Path | None, typer.Argument(help=words.HELP_CONFIG.say(LANGUAGE), show_default=False)] = None,
    example: Annotated[bool, typer.Option("--example", help=words.HELP_EXAMPLE.say(LANGUAGE))] = False,
    config: ConfigOption = None,
    lang: Lang = None,
) -> None:
    """Check a configuration file, or print an example of one."""
    del lang
    if example:
        from talkpath.app.config_pages import example as example_file

        print(example_file(LANGUAGE), end="")
        return
    chosen = config_file(file or config, os.environ)
    load(chosen)
    _talk(phrase(words.CONFIG_GOOD, file=chosen) if chosen else phrase(words.CONFIG_DEFAULTS))


@app.command(help=words.HELP_RUN.say(LANGUAGE))
def run(config: ConfigOption = None, state: StateOption = None, lang: Lang = None) -> None:
    """Start the edge and run it until it is told to stop."""
    del lang
    from talkpath.app.node import Node
    from talkpath.app.start import prepare
    from talkpath.app.start import run as run_node

    settings = _settings(config, state)
    language = explicit_language(sys.argv[1:], os.environ) or settings.language or LANGUAGE
    run_node(prepare(settings), Node, language)


def _settings(config: Path | None, state: Path | None) -> Config:
    """The configuration, with the state directory that was named on the command line."""
    settings = load(config_file(config, os.environ))
    return with_state(settings, state) if state else settings


def _say_mistakes(error: BadConfig) -> None:
    for mistake in error.mistakes:
        print(mistake.say(LANGUAGE), file=sys.stderr)
    count = len(error.mistakes)
    _talk(phrase(words.MISTAKE) if count == 1 else phrase(words.MISTAKES, count=count))


def _talk(what: Phrase) -> None:
    print(what.say(LANGUAGE), file=sys.stderr)
