"""What two configurations differ in, and what of that a running edge takes up."""

import msgspec

from talkpath.app.config.changes import FOLLOWED, plan_of
from talkpath.app.config.guard import Limits
from talkpath.app.config.listeners import Listener
from talkpath.app.config.records import History, Log
from talkpath.app.config.registration import Account, Authentication
from talkpath.app.config.routing import Routing
from talkpath.app.config.tree import Config
from talkpath.base.address import Transport
from talkpath.base.redact import Secret


def test_every_key_that_is_followed_is_one_of_the_tree() -> None:
    whole = Config()
    for section, keys in FOLLOWED.items():
        table = getattr(whole, section) if section else whole
        assert isinstance(table, msgspec.Struct), section
        assert keys <= set(table.__struct_fields__), section


def test_what_can_be_followed_is_and_the_rest_waits_as_it_was() -> None:
    running = Config(limits=Limits(calls=10), log=Log(level="info"), authentication=Authentication(realm="old"))
    wanted = Config(
        limits=Limits(calls=20),
        log=Log(level="debug"),
        authentication=Authentication(realm="new", nonce_lifetime_s=60),
        history=History(keep_calls=7),
    )
    plan = plan_of(running, wanted)
    assert [change.key for change in plan.followed] == [
        "authentication.nonce_lifetime_s",
        "limits.calls",
        "log.level",
    ]
    assert plan.waiting == ("authentication.realm", "history.keep_calls")
    assert plan.config.limits.calls == 20
    assert plan.config.authentication.realm == "old"
    assert plan.config.authentication.nonce_lifetime_s == 60
    assert plan.config.history.keep_calls == running.history.keep_calls
    # Asked again, what waits still waits, and nothing else is new.
    assert plan_of(plan.config, wanted).followed == ()
    assert plan_of(plan.config, wanted).waiting == plan.waiting


def test_of_a_list_is_said_which_came_went_and_are_another() -> None:
    def account(user: str, password: str = "x") -> Account:
        return Account(user=user, password=Secret(password))

    before = Config(accounts=(account("anna"), account("bob"), account("carl")))
    after = Config(accounts=(account("anna"), account("bob", "y"), account("dora")))
    (change,) = plan_of(before, after).followed
    assert (change.added, change.removed, change.altered) == (("dora",), ("carl",), ("bob",))


def test_a_listener_is_named_as_it_listens() -> None:
    before = Config(listeners=(Listener(transport=Transport.UDP),))
    after = Config(listeners=(Listener(transport=Transport.UDP, advertised="203.0.113.5"),))
    (change,) = plan_of(before, after).followed
    assert change.altered == ("UDP *:5060",)


def test_a_script_gives_way_to_another_and_not_to_none() -> None:
    one, other, none = (Config(routing=Routing(script=file)) for file in ("/a.py", "/b.py", ""))
    assert plan_of(one, other).config.routing.script == "/b.py"
    for before, after in ((one, none), (none, one)):
        assert plan_of(before, after).waiting == ("routing.script",)
        assert plan_of(before, after).config.routing.script == before.routing.script
