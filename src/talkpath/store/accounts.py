"""Who may register and call. Kept in SQLite, answered from memory.

What is kept of a password is HA1 for each digest algorithm, which is bound to the realm (RFC 7616 section 3.4.2);
never the password itself. What is replaced or removed is overwritten in the file.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1
from talkpath.store.writer import connect

_ALL = "SELECT user, realm, md5, sha256, is_shown, outbound FROM accounts ORDER BY user"
_PUT = "INSERT OR REPLACE INTO accounts (user, realm, md5, sha256, is_shown, outbound) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Account:
    """One user. `ha1` by algorithm; `is_shown` is False while nobody has been told the password that was made;
    `outbound` says that it may call numbers that are no users here."""

    user: str
    realm: str
    ha1: dict[str, Secret]
    is_shown: bool = True
    outbound: bool = False

    @classmethod
    def of_password(
        cls, user: str, realm: str, password: Secret, *, is_shown: bool = True, outbound: bool = False
    ) -> "Account":
        """The account of a password, which is itself not kept."""
        secrets = {name.value: Secret(ha1(name, user, realm, password.reveal())) for name in Algorithm}
        return cls(user, realm, secrets, is_shown, outbound)


class Accounts:
    """The accounts of one store file. Safe to use beside a running edge: it sees changes at its next `refresh`."""

    def __init__(self, path: Path) -> None:
        """Read the accounts of the file, which is made when it is missing. Raises `Unavailable`."""
        self._database = connect(path)
        self._database.execute("PRAGMA secure_delete = ON")
        self._by_user: dict[str, Account] = {}
        self._removed: set[str] = set()
        self._version = -1
        self.refresh()

    def ha1(self, user: str, algorithm: str) -> str | None:
        """What digest authentication checks against, None when there is no such account."""
        account = self._by_user.get(user)
        return account.ha1[algorithm].reveal() if account is not None else None

    def exists(self, user: str) -> bool:
        return user in self._by_user

    def may_dial_out(self, user: str) -> bool:
        """Whether an account may call numbers that are no users here; False where there is none."""
        account = self._by_user.get(user)
        return account is not None and account.outbound

    def all(self) -> list[Account]:
        """Every account, by user name."""
        return list(self._by_user.values())

    def __len__(self) -> int:
        return len(self._by_user)

    def refresh(self) -> bool:
        """Read the accounts again if anybody changed them; costs some microseconds when nobody did."""
        (version,) = self._database.execute("SELECT value FROM counters WHERE name = 'accounts'").fetchone()
        if version == self._version:
            return False
        known = {row[0]: _account(row) for row in self._database.execute(_ALL)}
        self._removed = (self._removed | self._by_user.keys()) - known.keys()
        self._by_user = known
        self._version = version
        return True

    def take_removed(self) -> set[str]:
        """The users whose account is gone since the last time this was asked."""
        removed, self._removed = self._removed, set()
        return removed

    def put(self, account: Account) -> None:
        """Add the account, or replace the one of the same user. Committed when this returns."""
        md5, sha256 = (account.ha1[name].reveal() for name in Algorithm)
        row = (account.user, account.realm, md5, sha256, account.is_shown, account.outbound)
        self._database.execute(_PUT, row)
        self.refresh()

    def let_dial_out(self, user: str, *, outbound: bool) -> None:
        """An account may call numbers that are no users here from now on, or may no more."""
        self._database.execute("UPDATE accounts SET outbound = ? WHERE user = ?", (outbound, user))
        self.refresh()

    def note_shown(self) -> None:
        """Every password that was made has been told to somebody."""
        self._database.execute("UPDATE accounts SET is_shown = 1 WHERE NOT is_shown")
        self.refresh()

    def remove(self, user: str) -> bool:
        """Remove an account; False when there was none."""
        removed = self._database.execute("DELETE FROM accounts WHERE user = ?", (user,)).rowcount
        self.refresh()
        return removed > 0

    def close(self) -> None:
        self._database.close()


def _account(row: sqlite3.Row | tuple[str, str, str, str, int, int]) -> Account:
    user, realm, md5, sha256, is_shown, outbound = row
    secrets = {Algorithm.MD5.value: Secret(md5), Algorithm.SHA256.value: Secret(sha256)}
    return Account(user, realm, secrets, bool(is_shown), bool(outbound))
