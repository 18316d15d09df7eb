"""What the guard of an edge told becomes findings: each ban, and who goes on with wrong passwords."""

import msgspec

from talkpath.base.texts import Language
from talkpath.calls.guarded import Ban, Refused
from talkpath.explain.judging.barred import findings_of, host_of
from talkpath.explain.judging.finding import Finding
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites

SCAN = Ban(
    1, "203.0.113.9:5060", 1_000.0, 1_060.0, "scanner", "INVITE", {"INVITE": 50}, ("100", "101"), "sipcli", 3, 2.0
)
LOOP = Ban(2, "203.0.113.10", 1_000.0, 1_060.0, "auth-loop", "password", {"REGISTER": 40}, ("1001",), "", 20, 60.0)
BY_HAND = Ban(3, "198.51.100.0/24", 1_000.0, None, note="not ours")


def refused(times: int, source: str = "203.0.113.20") -> Refused:
    return Refused("1002", source, "REGISTER", 1_000.0, 1_090.0, times, 1)


def story(finding: Finding) -> str:
    return " ".join(one.said.say(Language.EN) for one in finding.found.because)


def test_every_ban_of_the_guard_is_a_finding_with_its_story() -> None:
    scan, loop = findings_of([SCAN, LOOP, BY_HAND], [])
    assert (scan.code, loop.code) == ("scanner", "auth-loop")
    said = " ".join(one.said.say(Language.EN) for one in scan.found.because)
    assert all(
        word in said for word in ("203.0.113.9:5060", "50 INVITE", "100, 101", "sipcli", "3 of its credentials")
    )
    assert "1001" in loop.title.say(Language.EN)
    assert scan.title.say(Language.ZH)


def test_what_the_guard_told_is_mended_with_our_own_commands() -> None:
    scan, loop = (one.fix.say(Language.EN) for one in findings_of([SCAN, LOOP], []))
    assert "`talkpath bans add 203.0.113.9`" in scan
    assert "`talkpath bans lift 203.0.113.9`" in scan
    assert "`talkpath bans lift 203.0.113.10`" in loop
    (going_on,) = findings_of([], [refused(3)])
    for language in Language:
        assert "`talkpath users password 1002`" in going_on.fix.say(language)


def test_who_mistypes_is_no_finding_and_who_goes_on_is_one() -> None:
    assert [one.code for one in findings_of([], [refused(2)])] == []
    (found,) = findings_of([], [refused(3)])
    assert found.code == "auth-loop"
    assert "credentials of 1 of them were not looked at" in story(found)


def test_who_is_banned_is_not_told_twice() -> None:
    assert [one.code for one in findings_of([SCAN], [refused(9, "203.0.113.9")])] == ["scanner"]


def test_who_is_in_a_network_that_is_banned_is_not_told_twice() -> None:
    networks = [msgspec.structs.replace(SCAN, source=source) for source in ("203.0.113.0/24", "2001:db8::/64")]
    inside = [refused(9, source) for source in ("203.0.113.9", "2001:db8::9", "2001:db8::/64")]
    assert [one.code for one in findings_of(networks, inside)] == ["scanner", "scanner"]
    assert [one.code for one in findings_of(networks, [refused(9, "2001:db9::9")])][2:] == ["auth-loop"]


def test_they_stand_beside_the_calls_of_the_edge() -> None:
    told = tuple(findings_of([SCAN], []))
    assert [one.code for one in explain_own([], Sites(), 2_000.0, told).findings] == ["scanner"]


def test_a_source_is_its_address_whatever_stands_behind() -> None:
    sources = ["203.0.113.9:5060", "203.0.113.9", "[2001:db8::1]:5060", "2001:db8::1", "198.51.100.0/24"]
    hosts = ["203.0.113.9", "203.0.113.9", "2001:db8::1", "2001:db8::1", "198.51.100.0/24"]
    assert [host_of(one) for one in sources] == hosts


def test_the_reason_of_a_refusal_is_told_with_what_mends_it() -> None:
    unknown, silent, mended, full = (
        msgspec.structs.replace(refused(5), why=why, agent="Desk 1.0", mended=at)
        for why, at in (
            ("unknown-user", 0.0),
            ("no-credentials", 0.0),
            ("wrong-password", 9.0),
            ("too-many-contacts", 0.0),
        )
    )
    first, second = findings_of([], [unknown, silent, mended, full])
    assert "no such user. It calls itself Desk 1.0." in story(first)
    for language in Language:
        assert "`talkpath users add 1002`" in first.fix.say(language)
        assert "1002" in second.fix.say(language)
        assert "203.0.113.20" in second.fix.say(language)
