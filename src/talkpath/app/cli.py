"""The command `talkpath`.

Data goes to standard output, talk to standard error. Exit codes: 0 all is well, 1 a problem was found or something
failed, 2 the command or the configuration is wrong. What a command needs is imported when it runs, so that each
starts quickly.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from talkpath.app import calls_words, explain_cli, words
from talkpath.app.choose import chosen_language, config_file, explicit_language, load, with_state
from talkpath.app.config import Config
from talkpath.app.mistakes import BadConfig
from talkpath.app.phrase import Phrase, Trouble, phrase
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language, Text
from talkpath.calls.model import Result

OK, PROBLEM, WRONG = 0, 1, 2

# The help texts are fixed when the commands are defined, so the language is chosen before.
LANGUAGE = chosen_language(sys.argv[1:], os.environ)


def _help(text: Text) -> str:
    return text.say(LANGUAGE)


app = typer.Typer(
    name="talkpath",
    help=_help(words.HELP),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help=_help(words.HELP_USERS), no_args_is_help=True)
app.add_typer(users, name="users")
explain_cli.register(app)

LangOption = Annotated[Language | None, typer.Option("--lang", help=_help(words.HELP_LANG))]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help=_help(words.HELP_CONFIG), show_default=False)
]
StateOption = Annotated[Path | None, typer.Option("--state", help=_help(words.HELP_STATE), show_default=False)]
FileArgument = Annotated[Path | None, typer.Argument(help=_help(words.HELP_CONFIG), show_default=False)]
ExampleOption = Annotated[bool, typer.Option("--example", help=_help(words.HELP_EXAMPLE))]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help=_help(words.HELP_USER))]
UserArguments = Annotated[list[str], typer.Argument(metavar="USER...", help=_help(words.HELP_USER))]
PasswordOption = Annotated[
    str | None, typer.Option("--password", "-p", help=_help(words.HELP_PASSWORD), show_default=False)
]
NameArgument = Annotated[str, typer.Argument(metavar="[ID]", help=_help(calls_words.HELP_NAME), show_default=False)]
NumberOption = Annotated[str, typer.Option("--number", "-n", help=_help(calls_words.HELP_NUMBER), show_default=False)]
SinceOption = Annotated[str, typer.Option("--since", "-s", help=_help(calls_words.HELP_SINCE), show_default=False)]
ResultOption = Annotated[Result | None, typer.Option("--result", "-r", help=_help(calls_words.HELP_RESULT))]
LimitOption = Annotated[int, typer.Option("--limit", "-l", min=1, max=100_000, help=_help(calls_words.HELP_LIMIT))]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help=_help(calls_words.HELP_FOLLOW))]
JsonOption = Annotated[bool, typer.Option("--json", help=_help(calls_words.HELP_JSON))]
MessagesOption = Annotated[bool, typer.Option("--messages", "-m", help=_help(calls_words.HELP_MESSAGES))]


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
    except Trouble as error:
        _talk(error.what)
        sys.exit(PROBLEM)
    except TalkpathError as error:
        print(error, file=sys.stderr)
        sys.exit(PROBLEM)


@app.callback()
def options(lang: LangOption = None) -> None:
    """Take the options that stand before the command; the language was chosen when this module was loaded."""
    del lang


@app.command(help=_help(words.HELP_VERSION))
def version() -> None:
    """Print the version."""
    from talkpath import __version__

    print(f"talkpath {__version__}")


@app.command(help=_help(words.HELP_RUN))
def run(config: ConfigOption = None, state: StateOption = None, lang: LangOption = None) -> None:
    """Start the edge and run it until it is told to stop."""
    del lang
    from talkpath.app.node import Node
    from talkpath.app.start import prepare
    from talkpath.app.start import run as run_node

    settings = _settings(config, state)
    language = explicit_language(sys.argv[1:], os.environ) or settings.language or LANGUAGE
    run_node(prepare(settings, language), Node)


@app.command(help=_help(words.HELP_CHECK))
def check(
    file: FileArgument = None, example: ExampleOption = False, config: ConfigOption = None, lang: LangOption = None
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


@users.command("add", help=_help(words.HELP_USERS_ADD))
def add_users(
    names: UserArguments,
    password: PasswordOption = None,
    config: ConfigOption = None,
    state: StateOption = None,
    lang: LangOption = None,
) -> None:
    """Add users, with the given password or each with one that is made and printed."""
    del lang
    from talkpath.app.users import add

    add(_settings(config, state), names, _typed(password), LANGUAGE)


@users.command("list", help=_help(words.HELP_USERS_LIST))
def list_users(config: ConfigOption = None, state: StateOption = None, lang: LangOption = None) -> None:
    """Print the users, one a line."""
    del lang
    from talkpath.app.users import names

    found = names(_settings(config, state))
    print("".join(f"{name}\n" for name in found), end="")
    if not found:
        _talk(phrase(words.USERS_NONE))


@users.command("remove", help=_help(words.HELP_USERS_REMOVE))
def remove_users(
    names: UserArguments, config: ConfigOption = None, state: StateOption = None, lang: LangOption = None
) -> None:
    """Remove users."""
    del lang
    from talkpath.app.users import remove

    remove(_settings(config, state), names, LANGUAGE)


@users.command("password", help=_help(words.HELP_USERS_PASSWORD))
def set_password(
    name: UserArgument,
    password: PasswordOption = None,
    config: ConfigOption = None,
    state: StateOption = None,
    lang: LangOption = None,
) -> None:
    """Give a user a new password."""
    del lang
    from talkpath.app.users import new_password

    new_password(_settings(config, state), name, _typed(password), LANGUAGE)


@app.command(help=_help(calls_words.HELP))
def calls(
    name: NameArgument = "",
    number: NumberOption = "",
    since: SinceOption = "",
    result: ResultOption = None,
    limit: LimitOption = 50,
    follow: FollowOption = False,
    as_json: JsonOption = False,
    messages: MessagesOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
    lang: LangOption = None,
) -> None:
    """List calls, or tell the story of one."""
    del lang
    from talkpath.app.calls import Calls, begun_since
    from talkpath.store.history import Wanted

    known = Calls(_settings(config, state), LANGUAGE)
    wanted = Wanted(number, begun_since(since) if since else None, result=result, limit=limit)
    if name:
        known.show(name, as_json=as_json, with_messages=messages)
    elif follow:
        known.follow(wanted, as_json=as_json)
    else:
        known.print_list(wanted, as_json=as_json)


def _settings(config: Path | None, state: Path | None) -> Config:
    """The configuration, with the state directory that was named on the command line."""
    settings = load(config_file(config, os.environ))
    return with_state(settings, state) if state else settings


def _typed(password: str | None) -> str | None:
    """A password as given; "-" stands for a line on standard input, where other users of this host cannot see it."""
    return sys.stdin.readline().rstrip("\n") if password == "-" else password


def _talk(what: Phrase) -> None:
    print(what.say(LANGUAGE), file=sys.stderr)
