from pathlib import Path

from talkpath.app.accounts import Users, ready_accounts
from talkpath.app.config import Account as ConfiguredAccount
from talkpath.app.config import Authentication, Config
from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1
from talkpath.store.accounts import Account, Accounts


def _stored(directory: Path) -> Accounts:
    return Accounts(directory / "talkpath.sqlite")


def test_first_start_makes_two_accounts_and_later_ones_show_the_same_passwords(tmp_path: Path) -> None:
    first = ready_accounts(Config(), tmp_path, _stored(tmp_path))
    assert [one.user for one in first] == ["1001", "1002"]
    assert first[0].password != first[1].password
    assert ready_accounts(Config(), tmp_path, _stored(tmp_path)) == first


def test_removed_ready_account_does_not_come_back(tmp_path: Path) -> None:
    ready_accounts(Config(), tmp_path, _stored(tmp_path))
    _stored(tmp_path).remove("1001")
    assert [one.user for one in ready_accounts(Config(), tmp_path, _stored(tmp_path))] == ["1002"]


def test_password_that_the_operator_changed_is_not_shown(tmp_path: Path) -> None:
    ready_accounts(Config(), tmp_path, _stored(tmp_path))
    _stored(tmp_path).put(Account.of_password("1001", "talkpath", Secret("new")))
    assert [one.user for one in ready_accounts(Config(), tmp_path, _stored(tmp_path))] == ["1002"]


def test_configured_users_replace_the_ready_ones_and_win_over_stored_ones(tmp_path: Path) -> None:
    config = Config(accounts=(ConfiguredAccount(user="1003", password=Secret("configured")),))
    stored = _stored(tmp_path)
    stored.put(Account.of_password("1003", "talkpath", Secret("stored")))
    assert ready_accounts(config, tmp_path, stored) == []
    users = Users(config, stored)
    assert users.ha1("1003", "MD5") == ha1(Algorithm.MD5, "1003", "talkpath", "configured")
    assert users.exists("1003")
    assert users.ha1("1001", "MD5") is None
    assert len(users) == 1


def test_ready_accounts_follow_the_realm_and_others_are_named(tmp_path: Path) -> None:
    stored = _stored(tmp_path)
    before = ready_accounts(Config(), tmp_path, stored)
    stored.put(Account.of_password("1003", "talkpath", Secret("secret")))
    config = Config(authentication=Authentication(realm="example.com"))
    assert ready_accounts(config, tmp_path, stored) == before
    users = Users(config, stored)
    assert users.of_another_realm() == ["1003"]
    password = before[0].password.reveal()
    assert users.ha1("1001", "SHA-256") == ha1(Algorithm.SHA256, "1001", "example.com", password)
