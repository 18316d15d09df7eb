"""The command `talkpath`.

Data goes to standard output, talk to standard error. Exit codes: 0 all is well, 1 a problem was found or something
failed, 2 the command or the configuration is wrong. What a command needs is imported when it runs, so that each
starts quickly.
"""

import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkpath.app import calls_words, explain_cli, words
from talkpath.app.choose import chosen_language, config_file, explicit_language, load, with_state
from talkpath.app.mistakes import BadConfig
from talkpath.app.phrase import Misuse, Phrase, Trouble, phrase
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language, Text
from talkpath.calls.model import Result

if TYPE_CHECKING:
    from talkpath.app.config import Config

OK, PROBLEM, WRONG = 0, 1, 2

# The help texts are fixed when the commands are defined, so the language is chosen before.
LANGUAGE = chosen_language(sys.argv[1:], os.environ)


def _help(text: Text) -> str:
    return text.say(LANGUAGE)


def _values(choices: type[StrEnum]) -> list[str]:
    return [one.value for one in choices]


_file = click.Path(path_type=Path)

_lang = click.option("--lang", type=click.Choice(_values(Language)), expose_value=False, help=_help(words.HELP_LANG))
_config = click.option("--config", "-c", type=_file, help=_help(words.HELP_CONFIG))
_state = click.option("--state", type=_file, help=_help(words.HELP_STATE))
_password = click.option("--password", "-p", help=_help(words.HELP_PASSWORD))


@click.group("talkpath", help=_help(words.HELP), no_args_is_help=True)
@_lang
def app() -> None:
    """All commands; `--lang` was read when this module was loaded, wherever it stands."""


@app.group(help=_help(words.HELP_USERS), no_args_is_help=True)
def users() -> None:
    """Who may register."""


explain_cli.register(app)


def main() -> None:
    """Run the command line; every known failure becomes one sentence and an exit code."""
    try:
        app()
    except BrokenPipeError:
        # whoever read our output has enough; keep the interpreter from complaining when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except BadConfig as error:
        for mistake in error.mistakes:
            print(mistake.say(LANGUAGE), file=sys.stderr)
        count = len(error.mistakes)
        _talk(phrase(words.MISTAKE) if count == 1 else phrase(words.MISTAKES, count=count))
        sys.exit(WRONG)
    except Trouble as trouble:
        _talk(trouble.what)
        sys.exit(WRONG if isinstance(trouble, Misuse) else PROBLEM)
    except TalkpathError as error:
        print(error, file=sys.stderr)
        sys.exit(PROBLEM)
    finally:
        # What is left goes with the process: the interpreter need not search it for cycles, twice, before it ends.
        gc.freeze()


@app.command(help=_help(words.HELP_VERSION))
def version() -> None:
    """Print the version."""
    from talkpath import __version__

    print(f"talkpath {__version__}")


@app.command(help=_help(words.HELP_RUN))
@_config
@_state
@_lang
def run(config: Path | None, state: Path | None) -> None:
    """Start the edge and run it until it is told to stop."""
    from talkpath.app.node import Node
    from talkpath.app.start import prepare
    from talkpath.app.start import run as run_node

    settings = _settings(config, state)
    language = explicit_language(sys.argv[1:], os.environ) or settings.language or LANGUAGE
    run_node(prepare(settings, language), Node)


@app.command(help=_help(words.HELP_CHECK))
@click.argument("file", type=_file, required=False)
@click.option("--example", is_flag=True, help=_help(words.HELP_EXAMPLE))
@_config
@_lang
def check(file: Path | None, example: bool, config: Path | None) -> None:
    """Check a configuration file, or print an example of one."""
    if example:
        from talkpath.app.config_pages import example as example_file

        print(example_file(LANGUAGE), end="")
        return
    chosen = config_file(file or config, os.environ)
    load(chosen)
    _talk(phrase(words.CONFIG_GOOD, file=chosen) if chosen else phrase(words.CONFIG_DEFAULTS))


@users.command("add", help=_help(words.HELP_USERS_ADD))
@click.argument("names", metavar="USER...", nargs=-1, required=True)
@_password
@_config
@_state
@_lang
def add_users(names: tuple[str, ...], password: str | None, config: Path | None, state: Path | None) -> None:
    """Add users, with the given password or each with one that is made and printed."""
    from talkpath.app.users import add

    add(_settings(config, state), names, _typed(password), LANGUAGE)


@users.command("list", help=_help(words.HELP_USERS_LIST))
@_config
@_state
@_lang
def list_users(config: Path | None, state: Path | None) -> None:
    """Print the users, one a line."""
    from talkpath.app.users import names

    found = names(_settings(config, state))
    print("".join(f"{name}\n" for name in found), end="")
    if not found:
        _talk(phrase(words.USERS_NONE))


@users.command("remove", help=_help(words.HELP_USERS_REMOVE))
@click.argument("names", metavar="USER...", nargs=-1, required=True)
@_config
@_state
@_lang
def remove_users(names: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Remove users."""
    from talkpath.app.users import remove

    remove(_settings(config, state), names, LANGUAGE)


@users.command("password", help=_help(words.HELP_USERS_PASSWORD))
@click.argument("name", metavar="USER")
@_password
@_config
@_state
@_lang
def set_password(name: str, password: str | None, config: Path | None, state: Path | None) -> None:
    """Give a user a new password."""
    from talkpath.app.users import new_password

    new_password(_settings(config, state), name, _typed(password), LANGUAGE)


@app.command(help=_help(calls_words.HELP))
@click.argument("name", metavar="[ID]", default="")
@click.option("--number", "-n", default="", help=_help(calls_words.HELP_NUMBER))
@click.option("--since", "-s", default="", help=_help(calls_words.HELP_SINCE))
@click.option("--result", "-r", type=click.Choice(_values(Result)), help=_help(calls_words.HELP_RESULT))
@click.option("--limit", "-l", type=click.IntRange(1, 100_000), default=50, help=_help(calls_words.HELP_LIMIT))
@click.option("--follow", "-f", is_flag=True, help=_help(calls_words.HELP_FOLLOW))
@click.option("--json", "as_json", is_flag=True, help=_help(calls_words.HELP_JSON))
@click.option("--messages", "-m", is_flag=True, help=_help(calls_words.HELP_MESSAGES))
@_config
@_state
@_lang
def calls(
    name: str,
    number: str,
    since: str,
    result: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
    messages: bool,
    config: Path | None,
    state: Path | None,
) -> None:
    """List calls, or tell the story of one."""
    from talkpath.app.calls import Calls, begun_since
    from talkpath.store.history import Wanted

    known = Calls(_settings(config, state), LANGUAGE)
    ended = Result(result) if result else None
    wanted = Wanted(number, begun_since(since) if since else None, result=ended, limit=limit)
    if name:
        known.show(name, as_json=as_json, with_messages=messages)
    elif follow:
        known.follow(wanted, as_json=as_json)
    else:
        known.print_list(wanted, as_json=as_json)


def _settings(config: Path | None, state: Path | None) -> "Config":
    """The configuration, with the state directory that was named on the command line."""
    settings = load(config_file(config, os.environ))
    return with_state(settings, state) if state else settings


def _typed(password: str | None) -> str | None:
    """A password as given; "-" stands for a line on standard input, where other users of this host cannot see it."""
    return sys.stdin.readline().rstrip("\n") if password == "-" else password


def _talk(what: Phrase) -> None:
    print(what.say(LANGUAGE), file=sys.stderr)
