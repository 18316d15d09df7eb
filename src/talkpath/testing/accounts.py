"""Who may register and call in a test: the accounts of the configuration, and those that phones are made for."""

from talkpath.app.config.tree import Config
from talkpath.base.redact import Secret
from talkpath.store.accounts import Account


class Accounts:
    """See the module. The password of an account that a test adds is its name."""

    def __init__(self, config: Config) -> None:
        self._realm = config.authentication.realm
        self._passwords: dict[str, Secret] = {}
        self._accounts: dict[str, Account] = {}
        for one in config.accounts:
            self.add(one.user, one.password, outbound=one.outbound)

    def add(self, user: str, password: Secret | None = None, *, outbound: bool = False) -> None:
        """One more account, as `talkpath users add` makes one."""
        self._passwords[user] = password or Secret(user)
        self._accounts[user] = Account.of_password(user, self._realm, self._passwords[user], outbound=outbound)

    def password(self, user: str) -> Secret:
        """The password of an account; its name where there is none."""
        return self._passwords.get(user, Secret(user))

    def ha1(self, user: str, algorithm: str) -> str | None:
        """What digest authentication checks against."""
        account = self._accounts.get(user)
        return account.ha1[algorithm].reveal() if account is not None else None

    def exists(self, user: str) -> bool:
        """Whether there is such an account."""
        return user in self._accounts

    def is_known(self, user: str) -> bool:
        """The same."""
        return user in self._accounts

    def may_dial_out(self, user: str) -> bool:
        """Whether it may call numbers that are no users here."""
        account = self._accounts.get(user)
        return account is not None and account.outbound

    def is_guest(self, user: str) -> bool:
        """Nobody is a guest: that is for visitors of the page."""
        return False
