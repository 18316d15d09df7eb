"""The command `talkpath`.

Data goes to standard output, talk to standard error. Exit codes: 0 all is well, 1 a problem was found or something
failed, 2 the command or the configuration is wrong; who is interrupted dies of the signal (130 in a shell). What a
command needs is imported when it runs, so that each starts quickly.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from talkpath import __version__
from talkpath.app import words
from talkpath.app.calls import words as calls_words
from talkpath.app.check import cli as check_cli
from talkpath.app.cluster import cli as cluster_cli
from talkpath.app.cluster import drain_cli, keepalived_cli
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.console import help_pages, options
from talkpath.app.console.choose import config_file, explicit_language
from talkpath.app.console.mishap import said_of, trouble_with_a_file
from talkpath.app.console.options import LANGUAGE, help_of, values_of
from talkpath.app.console.phrase import Misuse, Phrase, Trouble, phrase
from talkpath.app.doctor import cli as doctor_cli
from talkpath.app.explain import cli as explain_cli
from talkpath.app.gateways import cli as gateways_cli
from talkpath.app.recordings import cli as recording_cli
from talkpath.app.registrations import cli as registrations_cli
from talkpath.app.reload import cli as reload_cli
from talkpath.app.routing import cli as route_cli
from talkpath.app.service import cli as service_cli
from talkpath.app.state import backup_cli
from talkpath.app.status import cli as status_cli
from talkpath.app.top import cli as top_cli
from talkpath.app.users import bans_words
from talkpath.app.wav import cli as wav_cli
from talkpath.base.errors import TalkpathError
from talkpath.calls.model import Result

if TYPE_CHECKING:
    from talkpath.app.config.tree import Config

OK, PROBLEM, WRONG = 0, 1, 2

_VERSION = "talkpath %(version)s"

_password = click.option("--password", "-p", help=help_of(words.HELP_PASSWORD))


class Commands(click.Group):
    """The commands; one that is interrupted leaves things in order and then dies of the signal, as shells expect."""

    def invoke(self, ctx: click.Context) -> object:
        signal.signal(signal.SIGINT, interrupted)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has enough: click would take that for a failure.
            _let_output_go()
            return None
        except KeyboardInterrupt:
            _die_of_it()
            raise


def interrupted(_number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but not in the middle of an import: there a callback may swallow it, with a traceback
    and the command going on. Nothing is there yet that had to be put in order."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _die_of_it()
        frame = frame.f_back
    raise KeyboardInterrupt


def _die_of_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


@click.group("talkpath", cls=Commands, help=help_of(words.HELP), no_args_is_help=True)
@click.version_option(__version__, message=_VERSION, help=help_of(words.HELP_VERSION))
@options.lang
def app() -> None:
    """All commands; `--lang` was read when this module was loaded, wherever it stands."""


@app.group(help=help_of(words.HELP_USERS), no_args_is_help=True)
def users() -> None:
    """Who may register."""


backup_cli.register(app)
check_cli.register(app)
cluster_cli.register(app)
doctor_cli.register(app)
drain_cli.register(app)
explain_cli.register(app)
gateways_cli.register(app)
keepalived_cli.register(app)
recording_cli.register(app)
registrations_cli.register(app)
reload_cli.register(app)
route_cli.register(app)
service_cli.register(app)
status_cli.register(app)
top_cli.register(app)
wav_cli.register(app)


def main() -> None:
    """Run the command line; every known failure becomes one sentence and an exit code."""
    try:
        _run()
    except explain_cli.Told as told:
        # Everything was written. The objects of many calls go with the process, instead of one by one before it.
        sys.stderr.flush()
        os._exit(told.exit_code)
    except BrokenPipeError:
        # whoever read our output has enough
        _let_output_go()
    except OSError as error:
        what = trouble_with_a_file(error)
        if what is None:
            raise
        _let_output_go()
        _talk(what)
        sys.exit(PROBLEM)
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
        print(said_of(error, LANGUAGE), file=sys.stderr)
        sys.exit(PROBLEM)


@app.command(help=help_of(words.HELP_VERSION))
def version() -> None:
    """Print the version."""
    print(_VERSION % {"version": __version__})


@app.command(help=help_of(words.HELP_RUN))
@options.script
@options.config
@options.state
@options.lang
def run(script: Path | None, config: Path | None, state: Path | None) -> None:
    """Start the edge and run it until it is told to stop."""
    from talkpath.app.node.node import make
    from talkpath.app.node.start import prepare
    from talkpath.app.node.start import run as run_node

    def read(is_strict: bool) -> "Config":
        return options.with_script(options.settings(config, state, is_to_run=True, is_strict=is_strict), script)

    settings = read(False)
    language = explicit_language(sys.argv[1:], os.environ) or settings.language or LANGUAGE
    run_node(prepare(settings, language, config_file(config, os.environ), read), make)


@users.command("add", help=help_of(words.HELP_USERS_ADD))
@click.argument("names", metavar="USER...", nargs=-1, required=True)
@_password
@click.option("--outbound", is_flag=True, help=help_of(words.HELP_OUTBOUND))
@options.config
@options.state
@options.lang
def add_users(
    names: tuple[str, ...], password: str | None, outbound: bool, config: Path | None, state: Path | None
) -> None:
    """Add users, with the given password or each with one that is made and printed."""
    from talkpath.app.users.command import add

    add(options.settings(config, state), names, options.typed(password), LANGUAGE, outbound=outbound)


@users.command("change", help=help_of(words.HELP_USERS_CHANGE))
@click.argument("names", metavar="USER...", nargs=-1, required=True)
@click.option("--outbound/--no-outbound", default=None, help=help_of(words.HELP_OUTBOUND))
@options.config
@options.state
@options.lang
def change_users(names: tuple[str, ...], outbound: bool | None, config: Path | None, state: Path | None) -> None:
    """Change what users may."""
    if outbound is None:
        raise click.UsageError(help_of(words.NOTHING_CHANGED))
    from talkpath.app.users.command import change

    change(options.settings(config, state), names, LANGUAGE, outbound=outbound)


@users.command("list", help=help_of(words.HELP_USERS_LIST))
@click.option("--outbound", is_flag=True, help=help_of(words.HELP_LIST_OUTBOUND))
@options.config
@options.state
@options.lang
def list_users(outbound: bool, config: Path | None, state: Path | None) -> None:
    """Print the users, one a line."""
    from talkpath.app.users.command import names

    found = names(options.settings(config, state), LANGUAGE, outbound=outbound)
    print("".join(f"{name}\n" for name in found), end="")
    if not found and not outbound:
        _talk(phrase(words.USERS_NONE))


@users.command("remove", help=help_of(words.HELP_USERS_REMOVE))
@click.argument("names", metavar="USER...", nargs=-1, required=True)
@options.config
@options.state
@options.lang
def remove_users(names: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Remove users."""
    from talkpath.app.users.command import remove

    remove(options.settings(config, state), names, LANGUAGE)


@users.command("password", help=help_of(words.HELP_USERS_PASSWORD))
@click.argument("name", metavar="USER")
@_password
@options.config
@options.state
@options.lang
def set_password(name: str, password: str | None, config: Path | None, state: Path | None) -> None:
    """Give a user a new password."""
    from talkpath.app.users.command import new_password

    new_password(options.settings(config, state), name, options.typed(password), LANGUAGE)


@app.command(help=help_of(calls_words.HELP))
@click.argument("name", metavar="[ID]", default="")
@click.option("--number", "-n", default="", help=help_of(calls_words.HELP_NUMBER))
@click.option("--since", "-s", default="", help=help_of(calls_words.HELP_SINCE))
@click.option("--result", "-r", type=click.Choice(values_of(Result)), help=help_of(calls_words.HELP_RESULT))
@click.option("--limit", "-l", type=click.IntRange(1, 100_000), default=50, help=help_of(calls_words.HELP_LIMIT))
@click.option("--follow", "-f", is_flag=True, help=help_of(calls_words.HELP_FOLLOW))
@click.option("--json", "as_json", is_flag=True, help=help_of(calls_words.HELP_JSON))
@click.option("--messages", "-m", is_flag=True, help=help_of(calls_words.HELP_MESSAGES))
@options.config
@options.state
@options.lang
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
    from talkpath.app.calls.command import Calls
    from talkpath.app.calls.own import OwnCalls
    from talkpath.app.console.moment import moment
    from talkpath.store.history import Wanted

    shown = Calls(OwnCalls(options.settings(config, state)), LANGUAGE)
    wanted = Wanted(number, moment(since), result=Result(result) if result else None, limit=limit)
    if name:
        shown.show(name, as_json=as_json, with_messages=messages)
    elif follow:
        shown.follow(wanted, as_json=as_json)
    else:
        shown.print_list(wanted, as_json=as_json)


@app.group(help=help_of(bans_words.HELP), invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help=help_of(bans_words.HELP_JSON))
@options.config
@options.state
@options.lang
@click.pass_context
def bans(context: click.Context, as_json: bool, config: Path | None, state: Path | None) -> None:
    """Who is banned."""
    if context.invoked_subcommand is None:
        context.invoke(list_bans, as_json=as_json, config=config, state=state)


@bans.command("list", help=help_of(bans_words.HELP_LIST))
@click.option("--json", "as_json", is_flag=True, help=help_of(bans_words.HELP_JSON))
@options.config
@options.state
@options.lang
def list_bans(as_json: bool, config: Path | None, state: Path | None) -> None:
    """List the bans in force."""
    from talkpath.app.users.bans import print_bans

    print_bans(options.settings(config, state), LANGUAGE, as_json=as_json)


@bans.command("add", help=help_of(bans_words.HELP_ADD))
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True)
@click.option("--for", "span", default="", help=help_of(bans_words.HELP_FOR))
@click.option("--note", default="", help=help_of(bans_words.HELP_NOTE))
@options.config
@options.state
@options.lang
def add_bans(networks: tuple[str, ...], span: str, note: str, config: Path | None, state: Path | None) -> None:
    """Ban networks."""
    from talkpath.app.users.bans import add

    add(options.settings(config, state), networks, span, note, LANGUAGE)


@bans.command("lift", help=help_of(bans_words.HELP_LIFT))
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@options.config
@options.state
@options.lang
def lift_bans(sources: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Lift bans."""
    from talkpath.app.users.bans import lift

    lift(options.settings(config, state), sources, LANGUAGE)


def _run() -> None:
    help_pages.speak(app, LANGUAGE)
    try:
        app()
    finally:
        # That the disk is full may show only now.
        sys.stdout.flush()


def _let_output_go() -> None:
    """Keep the interpreter from complaining when it flushes what nobody takes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _talk(what: Phrase) -> None:
    print(what.say(LANGUAGE), file=sys.stderr)
