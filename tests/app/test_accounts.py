from pathlib import Path

from talkpath.app.config.registration import Account as ConfiguredAccount
from talkpath.app.config.registration import Authentication
from talkpath.app.config.tree import Config
from talkpath.app.node.banner import ReadyAccount
from talkpath.app.users.accounts import Users, ready_accounts
from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1
from talkpath.store.accounts import Account, Accounts


def _stored(directory: Path) -> Accounts:
    return Accounts(directory / "talkpath.sqlite")


def _start(directory: Path, config: Config | None = None) -> list[ReadyAccount]:
    """A start that came as far as showing the accounts."""
    stored = _stored(directory)
    ready = ready_accounts(config or Config(), directory, stored)
    stored.note_shown()
    stored.close()
    return ready


def test_first_start_makes_two_accounts_and_later_ones_keep_and_do_not_show_their_passwords(tmp_path: Path) -> None:
    first = _start(tmp_path)
    assert [one.user for one in first] == ["1001", "1002"]
    assert first[0].password != first[1].password
    assert _start(tmp_path) == []
    password = first[0].password.reveal()
    assert _stored(tmp_path).ha1("1001", "MD5") == ha1(Algorithm.MD5, "1001", "talkpath", password)


def test_no_shown_password_can_be_read_in_the_state_directory(tmp_path: Path) -> None:
    stored = _stored(tmp_path)
    ready = ready_accounts(Config(), tmp_path, stored)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [one for one in ready if one.password.reveal().encode() in kept] == []
    stored.close()


def test_passwords_of_a_start_that_failed_before_it_showed_them_are_made_again(tmp_path: Path) -> None:
    unseen = ready_accounts(Config(), tmp_path, _stored(tmp_path))
    _stored(tmp_path).put(Account.of_password("1002", "talkpath", Secret("the operator's")))
    (shown,) = _start(tmp_path)
    assert shown.user == "1001"
    assert shown.password != unseen[0].password
    assert _start(tmp_path) == []


def test_removed_ready_account_does_not_come_back(tmp_path: Path) -> None:
    _start(tmp_path)
    _stored(tmp_path).remove("1001")
    assert _start(tmp_path) == []
    assert [one.user for one in _stored(tmp_path).all()] == ["1002"]


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


def test_who_may_dial_out_is_said_by_the_configuration_else_by_the_command(tmp_path: Path) -> None:
    config = Config(
        accounts=(
            ConfiguredAccount(user="1001", password=Secret("a"), outbound=True),
            ConfiguredAccount(user="1002", password=Secret("b")),
        )
    )
    stored, other = _stored(tmp_path), _stored(tmp_path)
    for user in ("1002", "1003", "1004"):
        other.put(Account.of_password(user, "talkpath", Secret("c"), outbound=user != "1004"))
    users = Users(config, stored)
    users.refresh()
    assert [user for user in ("1001", "1002", "1003", "1004", "") if users.may_dial_out(user)] == ["1001", "1003"]
    other.let_dial_out("1003", outbound=False)
    users.refresh()
    assert not users.may_dial_out("1003")
    assert users.ha1("1003", "MD5") == ha1(Algorithm.MD5, "1003", "talkpath", "c")


def test_users_whose_password_is_bound_to_another_realm_are_named(tmp_path: Path) -> None:
    _start(tmp_path)
    config = Config(authentication=Authentication(realm="example.com"))
    assert Users(config, _stored(tmp_path)).of_another_realm() == ["1001", "1002"]
