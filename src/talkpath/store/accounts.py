"""Who may register and call. Kept in SQLite, answered from memory.

Every change is noted in the file with the account that it was of. Who follows takes up so many at a time: beside a
hundred thousand accounts one more costs what it costs beside ten.

What is kept of a password is HA1 for each digest algorithm, which is bound to the realm (RFC 7616 section 3.4.2);
never the password itself. What is replaced or removed is overwritten in the file.
"""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1
from talkpath.store.mishaps import named
from talkpath.store.writer import connect

_COLUMNS = "realm, md5, sha256, is_shown, outbound"
_ALL = f"SELECT user, {_COLUMNS} FROM accounts ORDER BY user"
_ONE = f"SELECT {_COLUMNS} FROM accounts WHERE user = ?"
_PUT = f"INSERT OR REPLACE INTO accounts (user, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_CHANGED = f"""
    SELECT number, user, {_COLUMNS} FROM account_changes LEFT JOIN accounts USING (user)
    WHERE number > ? ORDER BY number LIMIT ?
"""
# Changes taken up in one go: some milliseconds.
_PORTION = 500

#: The values of `_COLUMNS`.
_Row = tuple[str, str, str, int, int]


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
        self._by_user: dict[str, _Row] = {}
        self._version = -1
        self._removed: set[str] = set()
        with named(path):
            self._database.execute("PRAGMA secure_delete = ON")
            self._read_all(self._newest())

    def ha1(self, user: str, algorithm: str) -> str | None:
        """What digest authentication checks against, None when there is no such account."""
        row = self._by_user.get(user)
        return None if row is None else str(row[_HA1[algorithm]])

    def exists(self, user: str) -> bool:
        return user in self._by_user

    def may_dial_out(self, user: str) -> bool:
        """Whether an account may call numbers that are no users here; False where there is none."""
        row = self._by_user.get(user)
        return row is not None and bool(row[-1])

    def all(self) -> list[Account]:
        """Every account."""
        return [_account(user, row) for user, row in self._by_user.items()]

    def __len__(self) -> int:
        return len(self._by_user)

    def refresh(self) -> bool:
        """Take up what anybody changed, so much at a time: whether there was something, and there may be more. Costs
        some microseconds when there was nothing."""
        if self._newest() == self._version:
            return False
        rows = self._database.execute(_CHANGED, (self._version, _PORTION)).fetchall()
        if not rows or rows[0][0] != self._version + 1:
            # What came next is noted no more.
            self._read_all(self._newest())
            return True
        for row in rows:
            self._take_up(row[1], None if row[2] is None else row[2:])
        self._version = rows[-1][0]
        return True

    def look(self, user: str) -> bool:
        """Whether there is an account that was added a moment ago, and is not known yet. A disk that fails meanwhile
        costs no more than that: who asks serves a call."""
        with suppress(sqlite3.Error):
            if self._newest() != self._version:
                row = self._database.execute(_ONE, (user,)).fetchone()
                if row is not None:
                    self._take_up(user, row)
        return user in self._by_user

    def _newest(self) -> int:
        (version,) = self._database.execute("SELECT value FROM counters WHERE name = 'accounts'").fetchone()
        return int(version)

    def _read_all(self, version: int) -> None:
        known = {row[0]: row[1:] for row in self._database.execute(_ALL)}
        self._removed = (self._removed | self._by_user.keys()) - known.keys()
        self._by_user = known
        self._version = version

    def _take_up(self, user: str, row: _Row | None) -> None:
        if row is not None:
            self._by_user[user] = row
            self._removed.discard(user)
        elif self._by_user.pop(user, None) is not None:
            self._removed.add(user)

    def _follow(self) -> None:
        """Take up what was changed here, and what others changed before."""
        while self.refresh():
            pass

    def take_removed(self) -> set[str]:
        """The users whose account is gone since the last time this was asked."""
        removed, self._removed = self._removed, set()
        return removed

    def put(self, account: Account) -> None:
        """Add the account, or replace the one of the same user. Committed when this returns."""
        md5, sha256 = (account.ha1[name].reveal() for name in Algorithm)
        row = (account.user, account.realm, md5, sha256, account.is_shown, account.outbound)
        self._database.execute(_PUT, row)
        self._follow()

    def let_dial_out(self, user: str, *, outbound: bool) -> None:
        """An account may call numbers that are no users here from now on, or may no more."""
        self._database.execute("UPDATE accounts SET outbound = ? WHERE user = ?", (outbound, user))
        self._follow()

    def note_shown(self) -> None:
        """Every password that was made has been told to somebody."""
        self._database.execute("UPDATE accounts SET is_shown = 1 WHERE NOT is_shown")
        self._follow()

    def remove(self, user: str) -> bool:
        """Remove an account; False when there was none."""
        removed = self._database.execute("DELETE FROM accounts WHERE user = ?", (user,)).rowcount
        self._follow()
        return removed > 0

    def close(self) -> None:
        self._database.close()


# Where a row has what digest authentication checks against.
_HA1 = {Algorithm.MD5.value: 1, Algorithm.SHA256.value: 2}


def _account(user: str, row: _Row) -> Account:
    realm, md5, sha256, is_shown, outbound = row
    secrets = {Algorithm.MD5.value: Secret(md5), Algorithm.SHA256.value: Secret(sha256)}
    return Account(user, realm, secrets, bool(is_shown), bool(outbound))
