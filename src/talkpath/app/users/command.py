"""What `talkpath users` does. It writes to the store; a running edge notices by itself."""

import difflib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from talkpath.app import words
from talkpath.app.config.checks import check_user
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.state.directory import DATABASE, make_state_directory, state_directory
from talkpath.app.state.private import close_to_others
from talkpath.app.users.accounts import Users
from talkpath.app.users.passwords import make_password
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.store.accounts import Account, Accounts
from talkpath.store.mishaps import named


def add(
    config: Config, users: Sequence[str], password: str | None, language: Language, *, outbound: bool = False
) -> None:
    """Add users, all or none, with the given password or each with one that is made and printed; they may dial
    `outbound`, or may not."""
    with _accounts(config, language) as accounts:
        for user in users:
            if what := check_user(user):
                raise Trouble("user-name", what)
            _must_be_ours(user, config)
            if accounts.exists(user):
                raise Trouble("user-exists", phrase(words.USER_EXISTS, user=user))
        for user in users:
            _put(accounts, user, config, password, language, outbound=outbound)
            if outbound:
                print(words.USER_DIALS_OUT.say(language, user=user), file=sys.stderr)
    _say_what_lacks(config, language, outbound=outbound)


def names(config: Config, language: Language, *, outbound: bool = False) -> list[str]:
    """The users of the configuration and of the store; only those who may dial `outbound`, if wished."""
    try:
        (state_directory(config) / DATABASE).stat()
    except FileNotFoundError:
        # To look is no reason to make one: its file system may be away.
        return sorted(one.user for one in config.accounts if one.outbound or not outbound)
    except OSError:
        # Why it cannot be had is said below.
        pass
    with _accounts(config, language) as accounts:
        known = Users(config, accounts)
        users = {one.user for one in accounts.all()} | {one.user for one in config.accounts}
        return sorted(user for user in users if not outbound or known.may_dial_out(user))


def remove(config: Config, users: Sequence[str], language: Language) -> None:
    """Remove users, all or none."""
    with _accounts(config, language) as accounts:
        for user in users:
            _must_exist(accounts, user, config)
        for user in users:
            accounts.remove(user)
            print(words.USER_REMOVED.say(language, user=user), file=sys.stderr)


def new_password(config: Config, user: str, password: str | None, language: Language) -> None:
    """Give a user a new password."""
    with _accounts(config, language) as accounts:
        _must_exist(accounts, user, config)
        _put(accounts, user, config, password, language, outbound=accounts.may_dial_out(user))


def change(config: Config, users: Sequence[str], language: Language, *, outbound: bool) -> None:
    """Let users dial out, or no more; all or none."""
    with _accounts(config, language) as accounts:
        for user in users:
            _must_exist(accounts, user, config)
        said = words.USER_DIALS_OUT if outbound else words.USER_STAYS_IN
        for user in users:
            accounts.let_dial_out(user, outbound=outbound)
            print(said.say(language, user=user), file=sys.stderr)
    _say_what_lacks(config, language, outbound=outbound)


@contextmanager
def _accounts(config: Config, language: Language) -> Iterator[Accounts]:
    directory = make_state_directory(state_directory(config))
    for what in close_to_others(directory).said:
        print(what.say(language), file=sys.stderr)
    accounts = Accounts(directory / DATABASE)
    try:
        with named(directory / DATABASE):
            yield accounts
    finally:
        accounts.close()


def _say_what_lacks(config: Config, language: Language, *, outbound: bool) -> None:
    """That a user may dial out leads nowhere without a group of gateways, unless a script has one."""
    if outbound and not config.routing.outbound and not config.routing.script:
        print(words.NOTHING_OUTBOUND.say(language), file=sys.stderr)


def _put(
    accounts: Accounts, user: str, config: Config, given: str | None, language: Language, *, outbound: bool
) -> None:
    """Store the account; the password is printed only where it was made here."""
    if given == "":
        raise Trouble("empty-password", phrase(words.PASSWORD_EMPTY))
    is_new = not accounts.exists(user)
    password = given or make_password()
    accounts.put(Account.of_password(user, config.authentication.realm, Secret(password), outbound=outbound))
    if given is None:
        print(words.ACCOUNT.say(language, user=user, password=password))
    said = words.USER_ADDED if is_new else words.USER_CHANGED
    print(said.say(language, user=user), file=sys.stderr)


def _must_be_ours(user: str, config: Config) -> None:
    """What stands in the configuration counts before anything here."""
    if user in {one.user for one in config.accounts}:
        raise Trouble("user-configured", phrase(words.USER_CONFIGURED, user=user))


def _must_exist(accounts: Accounts, user: str, config: Config) -> None:
    _must_be_ours(user, config)
    if accounts.exists(user):
        return
    near = difflib.get_close_matches(user, [one.user for one in accounts.all()], n=1)
    if near:
        raise Trouble("user-unknown", phrase(words.USER_UNKNOWN_NEAR, user=user, near=near[0]))
    raise Trouble("user-unknown", phrase(words.USER_UNKNOWN, user=user))
