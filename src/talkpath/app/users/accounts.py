"""Users from the store and from the configuration together, and the two that are made at first start."""

from pathlib import Path

from talkpath.app.config import registration
from talkpath.app.config.tree import Config
from talkpath.app.node.banner import ReadyAccount
from talkpath.app.users.passwords import make_password
from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm
from talkpath.store.accounts import Account, Accounts
from talkpath.web.guests import Guests

READY_USERS = ("1001", "1002")

# Says that the ready accounts were made once, so that removed ones do not come back.
_MARK = "ready-accounts"


class Users:
    """Who may register: the users of the configuration, then those of the store."""

    def __init__(self, config: Config, stored: Accounts) -> None:
        self._realm = config.authentication.realm
        self._written: dict[str, registration.Account] = {}
        self._configured: dict[str, Account] = {}
        self._gone: set[str] = set()
        self._stored = stored
        self.adopt(config, self.prepared(config))

    def prepared(self, config: Config) -> dict[str, Account]:
        """The users of a configuration, for `adopt`; digests are made only of those that are another. May be called
        beside the loop."""
        known = {one: self._configured[user] for user, one in self._written.items()}
        return {one.user: known.get(one) or self._made(one) for one in config.accounts}

    def _made(self, one: registration.Account) -> Account:
        return Account.of_password(one.user, self._realm, one.password, outbound=one.outbound)

    def adopt(self, config: Config, prepared: dict[str, Account]) -> None:
        """Have those users from now on. The realm stays: digests are bound to it."""
        self._gone |= self._configured.keys()
        self._written = {one.user: one for one in config.accounts}
        self._configured = prepared
        self._gone -= prepared.keys()

    def ha1(self, user: str, algorithm: str) -> str | None:
        """What digest authentication checks against, in lower-case hex; None when there is no such user."""
        if configured := self._configured.get(user):
            return configured.ha1[algorithm].reveal()
        return self._stored.ha1(user, algorithm) if self.exists(user) else None

    def exists(self, user: str) -> bool:
        """Whether there is such a user; one that was added a moment ago is noticed at once."""
        return user in self._configured or self._stored.exists(user) or self._stored.look(user)

    def is_known(self, user: str) -> bool:
        """The same, but for one that was added a moment ago."""
        return user in self._configured or self._stored.exists(user)

    def may_dial_out(self, user: str) -> bool:
        """Whether a user may call numbers that are no users here."""
        configured = self._configured.get(user)
        return configured.outbound if configured is not None else self._stored.may_dial_out(user)

    def refresh(self) -> bool:
        """Notice what `talkpath users` changed, so much at a time; whether anything did, and more may have."""
        return self._stored.refresh()

    def note_shown(self) -> None:
        """The passwords of the ready accounts have been printed, and are known to nobody else from now on."""
        self._stored.note_shown()

    def take_removed(self) -> set[str]:
        """The users that are users no more since the last time this was asked."""
        gone = {user for user in self._gone if not self._stored.exists(user)}
        self._gone = set()
        return (self._stored.take_removed() - self._configured.keys()) | gone

    def __len__(self) -> int:
        return len(self._configured) + len(self._stored) - sum(map(self._stored.exists, self._configured))

    def of_another_realm(self) -> list[str]:
        """Users whose stored password is bound to a realm that is no longer ours: they cannot register."""
        return [
            one.user for one in self._stored.all() if one.realm != self._realm and one.user not in self._configured
        ]


class Everybody:
    """Whom the edge knows: the users, then the guests of the page. A guest never stands in for a user."""

    def __init__(self, users: Users, guests: Guests) -> None:
        self._users = users
        self._guests = guests

    def ha1(self, user: str, algorithm: Algorithm) -> str | None:
        """What digest authentication checks against, None when there is no such user or guest."""
        return self._users.ha1(user, algorithm) if self._users.exists(user) else self._guests.ha1(user, algorithm)

    def exists(self, user: str) -> bool:
        return self._users.exists(user) or self._guests.exists(user)

    def is_known(self, user: str) -> bool:
        """Whether there is such a user, as far as that is known without looking."""
        return self._users.is_known(user)

    def may_dial_out(self, user: str) -> bool:
        """Whether a user may call numbers that are no users here; a guest never may."""
        return self._users.may_dial_out(user)

    def is_guest(self, user: str) -> bool:
        return self._guests.exists(user) and not self._users.exists(user)


def ready_accounts(config: Config, state: Path, stored: Accounts) -> list[ReadyAccount]:
    """The accounts to show at this start: made at the first one of a node whose configuration names no users.

    Their passwords are in memory only. A start that ended before it showed them made them for nobody: the next one
    makes others.
    """
    mark, realm = state / _MARK, config.authentication.realm
    names = {one.user for one in stored.all() if not one.is_shown}
    if not mark.exists() and not config.accounts:
        names |= {user for user in READY_USERS if not stored.exists(user)}
    ready = [ReadyAccount(user, Secret(make_password())) for user in sorted(names)]
    for one in ready:
        stored.put(Account.of_password(one.user, realm, one.password, is_shown=False))
    mark.touch(mode=0o600)
    return ready
