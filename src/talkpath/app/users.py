"""What `talkpath users` does. It writes to the store; a running edge notices by itself."""

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from talkpath.app import words
from talkpath.app.choose import is_root
from talkpath.app.config.checks import check_user
from talkpath.app.config.tree import Config
from talkpath.app.passwords import make_password
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.private import close_to_others
from talkpath.app.state import DATABASE, make_state_directory, state_directory
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.store.accounts import Account, Accounts


def add(config: Config, users: Sequence[str], password: str | None, language: Language) -> None:
    """Add users, all or none, with the given password or each with one that is made and printed."""
    with _accounts(config, language) as accounts:
        for user in users:
            if what := check_user(user):
                raise Trouble("user-name", what)
            if accounts.exists(user):
                raise Trouble("user-exists", phrase(words.USER_EXISTS, user=user))
        for user in users:
            _put(accounts, user, config, password, language)


def names(config: Config, language: Language) -> list[str]:
    """The users of the configuration and of the store."""
    with _accounts(config, language) as accounts:
        return sorted({one.user for one in accounts.all()} | {one.user for one in config.accounts})


def remove(config: Config, users: Sequence[str], language: Language) -> None:
    """Remove users, all or none."""
    with _accounts(config, language) as accounts:
        for user in users:
            _must_exist(accounts, user)
        for user in users:
            accounts.remove(user)
            print(words.USER_REMOVED.say(language, user=user), file=sys.stderr)


def new_password(config: Config, user: str, password: str | None, language: Language) -> None:
    """Give a user a new password."""
    with _accounts(config, language) as accounts:
        _must_exist(accounts, user)
        _put(accounts, user, config, password, language)


@contextmanager
def _accounts(config: Config, language: Language) -> Iterator[Accounts]:
    directory = make_state_directory(state_directory(config, os.environ, is_root()))
    for what in close_to_others(directory).said:
        print(what.say(language), file=sys.stderr)
    accounts = Accounts(directory / DATABASE)
    try:
        yield accounts
    finally:
        accounts.close()


def _put(accounts: Accounts, user: str, config: Config, given: str | None, language: Language) -> None:
    """Store the account; the password is printed only where it was made here."""
    if given == "":
        raise Trouble("empty-password", phrase(words.PASSWORD_EMPTY))
    is_new = not accounts.exists(user)
    password = given or make_password()
    accounts.put(Account.of_password(user, config.authentication.realm, Secret(password)))
    if given is None:
        print(words.ACCOUNT.say(language, user=user, password=password))
    said = words.USER_ADDED if is_new else words.USER_CHANGED
    print(said.say(language, user=user), file=sys.stderr)


def _must_exist(accounts: Accounts, user: str) -> None:
    if accounts.exists(user):
        return
    near = difflib.get_close_matches(user, [one.user for one in accounts.all()], n=1)
    if near:
        raise Trouble("user-unknown", phrase(words.USER_UNKNOWN_NEAR, user=user, near=near[0]))
    raise Trouble("user-unknown", phrase(words.USER_UNKNOWN, user=user))
