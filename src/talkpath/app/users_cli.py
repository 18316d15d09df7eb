"""The commands `talkpath users ...`. They write to the store; a running edge notices by itself."""

import difflib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from talkpath.app import words
from talkpath.app.choose import chosen_language, config_file, is_root, load, with_state
from talkpath.app.config import Config
from talkpath.app.config_checks import check_user
from talkpath.app.passwords import make_password
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.state import DATABASE, make_state_directory, state_directory
from talkpath.base.redact import Secret
from talkpath.store.accounts import Account, Accounts

LANGUAGE = chosen_language(sys.argv[1:], os.environ)

app = typer.Typer(help=words.HELP_USERS.say(LANGUAGE), no_args_is_help=True)

UserArguments = Annotated[list[str], typer.Argument(metavar="USER...", help=words.HELP_USER.say(LANGUAGE))]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help=words.HELP_USER.say(LANGUAGE))]
PasswordOption = Annotated[
    str | None, typer.Option("--password", "-p", help=words.HELP_PASSWORD.say(LANGUAGE), show_default=False)
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help=words.HELP_CONFIG.say(LANGUAGE), show_default=False)
]
StateOption = Annotated[Path | None, typer.Option("--state", help=words.HELP_STATE.say(LANGUAGE), show_default=False)]


@app.command(help=words.HELP_USERS_ADD.say(LANGUAGE))
def add(
    users: UserArguments, password: PasswordOption = None, config: ConfigOption = None, state: StateOption = None
) -> None:
    """Add users, with the given password or each with one that is made and printed."""
    with _accounts(config, state) as (accounts, realm):
        for user in users:
            if what := check_user(user):
                raise Trouble("user-name", what)
            if accounts.exists(user):
                raise Trouble("user-exists", phrase(words.USER_EXISTS, user=user))
        for user in users:
            _put(accounts, user, realm, password)


@app.command("list", help=words.HELP_USERS_LIST.say(LANGUAGE))
def list_users(config: ConfigOption = None, state: StateOption = None) -> None:
    """Print the users of the configuration and of the store, one a line."""
    settings = _settings(config, state)
    with _accounts(config, state) as (accounts, _):
        users = {one.user for one in accounts.all()} | {one.user for one in settings.accounts}
    for user in sorted(users):
        print(user)
    if not users:
        print(words.USERS_NONE.say(LANGUAGE), file=sys.stderr)


@app.command(help=words.HELP_USERS_REMOVE.say(LANGUAGE))
def remove(users: UserArguments, config: ConfigOption = None, state: StateOption = None) -> None:
    """Remove users."""
    with _accounts(config, state) as (accounts, _):
        for user in users:
            _must_exist(accounts, user)
        for user in users:
            accounts.remove(user)
            print(words.USER_REMOVED.say(LANGUAGE, user=user), file=sys.stderr)


@app.command("password", help=words.HELP_USERS_PASSWORD.say(LANGUAGE))
def new_password(
    user: UserArgument, password: PasswordOption = None, config: ConfigOption = None, state: StateOption = None
) -> None:
    """Give a user a new password."""
    with _accounts(config, state) as (accounts, realm):
        _must_exist(accounts, user)
        _put(accounts, user, realm, password)


def _settings(config: Path | None, state: Path | None) -> Config:
    settings = load(config_file(config, os.environ))
    return with_state(settings, state) if state else settings


@contextmanager
def _accounts(config: Path | None, state: Path | None) -> Iterator[tuple[Accounts, str]]:
    """The stored accounts, and the realm that new passwords are bound to."""
    settings = _settings(config, state)
    directory = make_state_directory(state_directory(settings, os.environ, is_root()))
    accounts = Accounts(directory / DATABASE)
    try:
        yield accounts, settings.authentication.realm
    finally:
        accounts.close()


def _put(accounts: Accounts, user: str, realm: str, given: str | None) -> None:
    """Store the account; the password is printed only where it was made here."""
    if given == "-":
        given = sys.stdin.readline().rstrip("\n")
    if given == "":
        raise Trouble("empty-password", phrase(words.PASSWORD_EMPTY))
    is_new = not accounts.exists(user)
    password = given or make_password()
    accounts.put(Account.of_password(user, realm, Secret(password)))
    if given is None:
        print(words.ACCOUNT.say(LANGUAGE, user=user, password=password))
    said = words.USER_ADDED if is_new else words.USER_CHANGED
    print(said.say(LANGUAGE, user=user), file=sys.stderr)


def _must_exist(accounts: Accounts, user: str) -> None:
    if accounts.exists(user):
        return
    near = difflib.get_close_matches(user, [one.user for one in accounts.all()], n=1)
    if near:
        raise Trouble("user-unknown", phrase(words.USER_UNKNOWN_NEAR, user=user, near=near[0]))
    raise Trouble("user-unknown", phrase(words.USER_UNKNOWN, user=user))
