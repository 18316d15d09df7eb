"""Strangers must not see by time who is a user: whatever name they ask for or bear, the same is looked up for it, in
the store that is really asked, and the same is said."""

import re
from pathlib import Path

import pytest
from tests.edge.lab import HOME, REALM, Lab, Phone

from talkpath.app.config.tree import Config
from talkpath.app.users.accounts import Everybody, Users
from talkpath.base.redact import Secret
from talkpath.store.accounts import Account, Accounts
from talkpath.web.guests import GuestRules, Guests

# Who is registered, who is not, and who is nobody.
NAMES = ("1001", "1003", "9999")


class Counting(Accounts):
    """The accounts of a file, and how often it was read."""

    def __init__(self, path: Path) -> None:
        self.reads = 0
        super().__init__(path)

    def look(self, user: str) -> bool:
        self.reads += 1
        return super().look(user)


class House:
    """An edge whose users are in a file, and what it did for the last request."""

    def __init__(self, path: Path) -> None:
        self.stored = Counting(path)
        for user in ("1001", "1003"):
            self.stored.put(Account.of_password(user, REALM, Secret(user)))
        users = Users(Config(), self.stored)
        guests = Guests(GuestRules((), 0, 3600, REALM), b"k" * 32, min, users.exists, lambda user, now: False)
        everybody = Everybody(users, guests)
        self.lab = Lab()
        self.lab.accounts.ha1 = everybody.ha1  # type: ignore[method-assign]
        self.lab.accounts.exists = everybody.exists  # type: ignore[method-assign]
        self.lab.accounts.is_known = everybody.is_known  # type: ignore[method-assign]
        self.lab.accounts.is_guest = everybody.is_guest  # type: ignore[method-assign]
        self.lab.accounts.may_dial_out = everybody.may_dial_out  # type: ignore[method-assign]
        self.lab.registered("1001", "198.51.100.7")

    def work(self, stranger: Phone, method: str, user: str, *, bears: bool, extra: str = "") -> tuple[object, ...]:
        """What a request costs and is told, but for what differs from one to the next."""
        uri = f"sip:{HOME}" if method == "REGISTER" else f"sip:{user}@{HOME}"
        named = {"user": user, "domain": HOME} if bears else {"domain": "example.org"}
        reads = self.stored.reads
        stranger.inbox.clear()
        stranger.request(method, uri, to=f"<sip:{user}@{HOME}>", extra=extra, **named)
        stranger.inbox[:-1] = []
        said = re.sub(
            r"(branch=|tag=|nonce=\"|Call-ID: |CSeq: |sip:|Via: SIP/2.0/UDP )[\w.:-]+",
            r"\1",
            stranger.last().raw.decode(),
        )
        moments = [kind for one in self.lab.ledger.running() for kind in self.lab.kinds(one.call_ids[0])]
        self.lab.ledger.close_all(self.lab.now)
        return said, self.stored.reads - reads, moments


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "store.db")


@pytest.mark.parametrize("bears", [True, False])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "PUBLISH", "NOTIFY", "REGISTER"])
def test_without_credentials(house: House, method: str, bears: bool) -> None:
    names = NAMES if bears or method not in ("INVITE", "MESSAGE") else NAMES[1:]
    work = []
    for place, user in enumerate(names):
        stranger = house.lab.phone("x", f"203.0.113.{place}")
        work.append(house.work(stranger, method, user, bears=bears))
    assert work == work[:1] * len(names)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5-sess", "SHA-512-256", "none"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REGISTER"])
def test_with_a_wrong_password(house: House, method: str, algorithm: str) -> None:
    """Also where the algorithm is one that we do not know, or the nonce none of ours."""
    field, asked = ("Authorization", "WWW") if method == "REGISTER" else ("Proxy-Authorization", "Proxy")
    work = []
    for place, user in enumerate(NAMES):
        stranger = house.lab.phone("x", f"203.0.113.{place}")
        house.work(stranger, method, user, bears=True)
        challenges = stranger.last().all(f"{asked}-Authenticate")
        challenge = next((one for one in challenges if f"algorithm={algorithm}" in one), challenges[0])
        proof = stranger.credentials(challenge, method, f"sip:{user}@{HOME}", "wrong", user)
        if algorithm == "none":
            proof = proof.replace('nonce="', 'nonce="x')
        elif f"algorithm={algorithm}" not in challenge:
            proof = proof.replace("algorithm=MD5", f"algorithm={algorithm}")
        work.append(house.work(stranger, method, user, bears=True, extra=f"{field}: {proof}"))
    assert work == work[:1] * len(NAMES)
