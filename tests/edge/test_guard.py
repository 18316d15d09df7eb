"""Floods, guesses and scans meet the edge with its guard; phones and offices beside them do not notice."""

from ipaddress import ip_network

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone, call

from talkpath.base import limits
from talkpath.base.address import Address, Transport
from talkpath.edge.settings import EdgeSettings, GuardSettings


@pytest.fixture
def lab() -> Lab:
    return Lab(guard=GuardSettings())


def guess(phone: Phone, user: str, password: str, number: int) -> int:
    """One REGISTER with a guessed password, with the challenge fetched before; the status, 0 for silence."""
    uri, to = f"sip:{HOME}", f"<sip:{user}@{HOME}>"
    phone.inbox.clear()
    phone.request("REGISTER", uri, to=to, user=user, call_id=f"g{number}")
    if not phone.inbox:
        return 0
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri, password, user)
    phone.inbox.clear()
    phone.request("REGISTER", uri, to=to, user=user, call_id=f"g{number}", extra=f"Authorization: {proof}")
    return phone.last().status if phone.inbox else 0


def test_of_many_guesses_few_are_looked_at(lab: Lab) -> None:
    guesser = lab.phone("1001", "203.0.113.66")
    statuses = [guess(guesser, "1001", "1001" if number == 300 else f"p{number}", number) for number in range(400)]
    assert 200 not in statuses
    assert lab.edge.core.counters["auth_wrong"] <= 6
    assert statuses[-1] == 0


def test_the_owner_gets_in_from_elsewhere_and_from_where_it_was(lab: Lab) -> None:
    owner = lab.registered("1001", "198.51.100.7")
    neighbour = lab.phone("1001", "198.51.100.7", 6000)
    stranger = lab.phone("1001", "203.0.113.66")
    for number in range(100):
        guess(neighbour, "1001", f"p{number}", number)
        guess(stranger, "1001", f"p{number}", number)
    assert owner.register().status == 200
    assert lab.phone("1001", "192.0.2.200").register().status == 200
    assert lab.phone("1001", "198.51.100.7", 6001).register().status == 200


def test_a_phone_behind_the_nat_of_a_guesser_registers_for_the_first_time(lab: Lab) -> None:
    guesser = lab.phone("1001", "198.51.100.7", 6000)
    for number in range(100):
        guess(guesser, "1001", f"p{number}", number)
    assert lab.phone("1001", "198.51.100.7", 6001).register().status == 200


def test_a_botnet_gets_two_tries_each_and_the_owner_still_gets_in() -> None:
    lab = Lab(guard=GuardSettings())
    for bot in range(80):
        phone = lab.phone("1001", f"203.0.{bot}.66")
        for number in range(10):
            guess(phone, "1001", f"p{number}", number)
    assert lab.edge.core.counters["auth_wrong"] <= 60 + 70 * 2
    assert lab.phone("1001", "192.0.2.200").register().status == 200


def test_twenty_thousand_invites_draw_fewer_answers_than_a_hundred(lab: Lab, caller: Phone) -> None:
    flood = lab.phone("x", "203.0.113.66")
    for number in range(20_000):
        flood.request("INVITE", f"sip:{number}@{HOME}", call_id=f"f{number}", domain=HOME)
    lab.wait(40)
    assert len(flood.inbox) <= 50
    assert caller.register().status == 200


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_what_is_kept_of_a_flood_from_many_places_is_bounded_and_goes(lab: Lab, method: str) -> None:
    core, ledger, guard = lab.edge.core, lab.ledger, lab.guard
    stranger = lab.phone("x", "203.0.113.66")
    for number in range(3_000):
        remote = Address(f"203.{number >> 8}.{number & 255}.66", 5060)
        stranger.flow = stranger.flow._replace(remote=remote)
        stranger.request(method, f"sip:{number % 7}@{HOME}", call_id=f"f{number}", domain=HOME)
        lab.now += 0.0005
    assert len(core.transactions.waiting_for_ack) <= limits.CHALLENGED_INVITES
    assert len(list(ledger.running())) <= limits.LEDGER_REFUSED
    for _ in range(120):
        lab.wait(1)
        guard.expire(lab.now)
        ledger.expire(lab.now)
    assert core.transactions.waiting_for_ack == {}
    assert (len(core.transactions.servers), len(core.timers), len(list(ledger.running()))) == (0, 0, 0)
    assert len(guard.sources) == 0
    assert len(guard.tries) == 0
    assert len(guard._suspects) <= limits.SUSPECTS
    guard.expire(lab.now + 3_600)
    assert len(guard._suspects) == 0


def test_tries_that_were_given_back_are_forgotten(lab: Lab) -> None:
    guesser = lab.phone("1001", "203.0.113.66")
    for number in range(40):
        guess(guesser, "1001", f"p{number}", number)
    assert not lab.guard.tries.is_idle
    lab.guard.expire(lab.now + 3_600)
    assert lab.guard.tries.is_idle


def test_a_challenge_is_not_repeated_to_who_may_have_forged_its_address(lab: Lab) -> None:
    stranger = lab.phone("x", "203.0.113.9")
    stranger.request("INVITE", f"sip:1002@{HOME}", domain=HOME)
    lab.wait(40)
    assert stranger.statuses() == [407]


def test_two_hundred_phones_behind_one_nat_register_at_once_after_a_power_cut() -> None:
    users = tuple(f"u{number}" for number in range(200))
    lab = Lab(users=users, guard=GuardSettings())
    phones = [lab.phone(user, "198.51.100.7", 10_000 + place) for place, user in enumerate(users)]
    uri = f"sip:{HOME}"
    for phone in phones:
        phone.request("REGISTER", uri, to=f"<sip:{phone.user}@{HOME}>", call_id=f"first-{phone.user}")
    assert [phone.register().status for phone in phones] == [200] * 200


def test_an_office_with_one_wrong_password_works(lab: Lab) -> None:
    good, wrong = lab.registered("1001", "198.51.100.7"), lab.phone("1002", "198.51.100.7", 6000)
    for minute in range(120):
        lab.wait(30)
        guess(wrong, "1002", "old password", minute)
        lab.guard.expire(lab.now)
    assert good.register().status == 200
    assert lab.guard.take_told() == []


def test_a_stranger_who_asks_for_many_that_are_not_there_is_told_no_more_who_is(lab: Lab, callee: Phone) -> None:
    stranger = lab.phone("x", "203.0.113.9")
    for number in range(6):
        stranger.request("INVITE", f"sip:{number}@{HOME}")
    stranger.request("INVITE", f"sip:1002@{HOME}")
    assert stranger.last().status == 407
    assert callee.inbox == []


def test_a_stranger_who_finds_one_user_after_the_other_rings_no_more_of_them() -> None:
    """A range in which everybody is there has no misses; whose calls nobody takes is looking for something else."""
    users = tuple(f"u{number}" for number in range(40))
    lab = Lab(users=users, guard=GuardSettings())
    phones = [lab.registered(user, f"198.51.100.{place}") for place, user in enumerate(users, 1)]
    stranger = lab.phone("x", "203.0.113.9")
    for user in users:
        stranger.request("INVITE", f"sip:{user}@{HOME}", call_id=user)
        lab.wait(1)
    assert 20 <= sum("INVITE" in phone.methods() for phone in phones) <= 22
    assert 407 in stranger.statuses()


def test_a_server_beside_our_phones_may_ring_one_user_as_often_as_it_calls(lab: Lab) -> None:
    """A queue or a load generator whose calls are answered late, from an address at which phones of ours are."""
    phone, other = lab.registered("1002", "198.51.100.8"), lab.registered("1001", "198.51.100.7")
    server = lab.phone("queue", other.flow.remote.host, 7000)
    for number in range(120):
        server.request("INVITE", f"sip:1002@{HOME}", call_id=f"q{number}")
        lab.wait(0.05)
    assert len({one.call_id for one in phone.inbox if one.method == "INVITE"}) == 120


def test_a_hundred_strangers_who_ring_one_user_leave_its_phone_to_others(lab: Lab) -> None:
    """Each may send fifty at once: five thousand calls would keep the phone from everybody, and it from its talk."""
    phone, user = lab.registered("1002", "198.51.100.8"), lab.registered("1001", "198.51.100.7")
    bots = [lab.phone("x", f"203.0.113.{number}") for number in range(1, 101)]
    for number in range(1_000):
        bots[number % 100].request("INVITE", f"sip:1002@{HOME}", call_id=f"b{number}")
    assert phone.methods().count("INVITE") == 50
    assert bots[-1].last().status == 407
    lab.wait(10)
    phone.inbox.clear()
    user.invite(f"sip:1002@{HOME}", call_id="friend")
    assert [one.call_id for one in phone.inbox if one.method == "INVITE"] == ["friend"]
    late = lab.phone("x", "203.0.113.200")
    for number in range(20):
        late.request("INVITE", f"sip:1002@{HOME}", call_id=f"late{number}")
    assert sum(one.call_id.startswith("late") for one in phone.inbox) == 10


def test_a_hundred_strangers_who_write_to_one_user_leave_its_phone_to_others(lab: Lab) -> None:
    """Their messages are counted apart from calls, so that a flood of one keeps nobody from the other."""
    phone, user = lab.registered("1002", "198.51.100.8"), lab.registered("1001", "198.51.100.7")
    bots = [lab.phone("x", f"203.0.113.{number}") for number in range(1, 101)]
    for number in range(1_000):
        bots[number % 100].request("MESSAGE", f"sip:1002@{HOME}", call_id=f"b{number}")
    assert phone.methods().count("MESSAGE") == 50
    assert bots[-1].last().status == 407
    bots[-1].request("INVITE", f"sip:1002@{HOME}", call_id="call")
    assert phone.last().call_id == "call"
    uri = f"sip:1002@{HOME}"
    user.request("MESSAGE", uri, call_id="friend")
    proof = user.credentials(user.last().all("Proxy-Authenticate")[0], "MESSAGE", uri)
    user.request("MESSAGE", uri, call_id="friend", extra=f"Proxy-Authorization: {proof}")
    assert phone.last().call_id == "friend"


def test_a_user_who_takes_what_strangers_bring_is_rung_by_all_of_them(lab: Lab) -> None:
    phone = lab.registered("1002", "198.51.100.8")
    for number in range(200):
        caller = lab.phone("x", f"203.0.{number}.9")
        caller.request("INVITE", f"sip:1002@{HOME}", call_id=f"q{number}", body=OFFER)
        invite = phone.last()
        assert (invite.method, invite.call_id) == ("INVITE", f"q{number}")
        phone.answer(invite, *((200, "OK") if number % 2 else (486, "Busy Here")), body=OFFER if number % 2 else b"")


def test_a_trunk_that_nobody_trusts_calls_all_whose_users_take_its_calls() -> None:
    users = tuple(f"u{number}" for number in range(60))
    lab = Lab(users=users, guard=GuardSettings())
    phones = [lab.registered(user, f"198.51.100.{place}") for place, user in enumerate(users, 1)]
    trunk = lab.phone("x", "203.0.113.9")
    for place, phone in enumerate(phones):
        trunk.request("INVITE", f"sip:{phone.user}@{HOME}", call_id=phone.user, body=OFFER)
        invite = phone.last()
        assert invite.method == "INVITE"
        phone.answer(invite, *((200, "OK") if place % 2 else (486, "Busy Here")), body=OFFER if place % 2 else b"")
        lab.wait(5)


def test_a_subscriber_with_a_network_of_addresses_is_one_stranger(lab: Lab, callee: Phone) -> None:
    for number in range(1, 6):
        lab.phone("x", f"2001:db8:7::{number}").request("INVITE", f"sip:{number}@{HOME}")
    visitor = lab.phone("x", "2001:db8:7::99")
    visitor.request("INVITE", f"sip:1002@{HOME}")
    assert visitor.last().status == 407
    assert callee.inbox == []


def test_wrong_numbers_are_forgotten_within_an_hour(lab: Lab, callee: Phone) -> None:
    stranger = lab.phone("x", "203.0.113.9")
    for number in range(6):
        stranger.request("INVITE", f"sip:{number}@{HOME}")
    lab.wait(1_800)
    callee.register()
    callee.inbox.clear()
    stranger.request("INVITE", f"sip:1002@{HOME}", call_id="later")
    assert callee.methods() == ["INVITE"]


def test_one_wrong_number_dialled_again_and_again_is_no_search(lab: Lab, callee: Phone) -> None:
    stranger = lab.phone("x", "203.0.113.9")
    for number in range(8):
        stranger.request("INVITE", f"sip:9999@{HOME}", call_id=f"n{number}")
    stranger.request("INVITE", f"sip:1002@{HOME}", call_id="right")
    assert callee.methods() == ["INVITE"]


def test_a_scanner_has_a_story(lab: Lab) -> None:
    scanner = lab.phone("x", "203.0.113.66")
    for number in range(100):
        extra = "User-Agent: friendly-scanner"
        scanner.request("REGISTER", f"sip:{HOME}", to=f"<sip:{number}@{HOME}>", user=str(number), extra=extra)
    lab.guard.expire(lab.now)
    (ban,) = lab.guard.take_told()
    assert (ban.source, ban.code, ban.tool) == ("203.0.113.66:5060", "scanner", "friendly-scanner")
    assert ban.users[:2] == ("0", "1")
    assert len(scanner.inbox) < 40


def test_one_phone_that_guesses_makes_a_loop_and_no_scanner(lab: Lab) -> None:
    phone = lab.phone("1001", "203.0.113.66")
    for number in range(30):
        guess(phone, "1001", "old password", number)
    assert [ban.code for ban in lab.guard.take_told()] == ["auth-loop"]
    (refused,) = lab.guard.refused()
    assert (refused.user, refused.source, refused.method) == ("1001", "203.0.113.66", "REGISTER")
    assert refused.times - refused.untried == 6


def test_the_operator_bans_and_lifts(lab: Lab) -> None:
    phone = lab.phone("1001", "203.0.113.66")
    lab.guard.ban("203.0.113.0/24", None, "not ours", lab.now)
    phone.request("OPTIONS", f"sip:{HOME}")
    assert phone.inbox == []
    assert [ban.source for ban in lab.guard.bans(lab.now)] == ["203.0.113.0/24"]
    assert lab.guard.lift("203.0.113.0/24", lab.now)
    phone.request("OPTIONS", f"sip:{HOME}")
    assert phone.last().status == 200
    assert not lab.guard.lift("203.0.113.0/24", lab.now)


def test_what_was_banned_by_itself_is_lifted_by_its_address(lab: Lab) -> None:
    flood = lab.phone("x", "203.0.113.66")
    for number in range(100):
        flood.request("INVITE", f"sip:{number}@{HOME}", domain=HOME)
    lab.guard.expire(lab.now)
    assert [ban.source for ban in lab.guard.bans(lab.now)] == ["203.0.113.66:5060"]
    assert lab.guard.lift("203.0.113.66", lab.now)
    flood.inbox.clear()
    flood.request("OPTIONS", f"sip:{HOME}")
    assert flood.last().status == 200


def test_a_forged_address_keeps_its_owner_from_no_connection(lab: Lab) -> None:
    """Anybody can write any address on a datagram; nobody opens a connection from one that is not his."""
    for port in range(5060, 5070):
        forged = lab.phone("x", "198.51.100.7", port)
        for number in range(100):
            forged.request("INVITE", f"sip:{number}@{HOME}", domain=HOME, call_id=f"{port}-{number}")
    assert lab.phone("1001", "198.51.100.7", 40_000, Transport.TCP).register().status == 200
    lab.guard.expire(lab.now)
    assert {ban.over for ban in lab.guard.take_told()} == {"UDP"}


def test_wrong_passwords_on_forged_datagrams_are_not_those_of_the_address(lab: Lab) -> None:
    """Who can only write an address and not hear at it has no nonce for it."""
    guesser = lab.phone("1001", "203.0.113.66")
    uri, to = f"sip:{HOME}", f"<sip:1001@{HOME}>"
    guesser.request("REGISTER", uri, to=to)
    challenge = guesser.last().all("WWW-Authenticate")[0]
    forged = lab.phone("1001", "198.51.100.7", 7000)
    for number in range(100):
        proof = guesser.credentials(challenge, "REGISTER", uri, f"guess{number}")
        forged.request("REGISTER", uri, to=to, call_id=f"f{number}", extra=f"Authorization: {proof}")
    assert lab.edge.core.counters["auth_wrong"] == 0
    lab.guard.expire(lab.now)
    assert lab.guard.take_told() == []
    assert lab.phone("1001", "198.51.100.7").register().status == 200


def test_a_carrier_is_heard_whatever_is_sent_in_its_name(lab: Lab) -> None:
    """Who writes the address of a carrier on his datagrams shall not cut the house off from it."""
    caller, gateway = lab.registered("1001", "198.51.100.7"), lab.phone("gw", "198.51.100.99")
    for forged in (gateway, *(lab.phone("x", "198.51.100.99", port) for port in range(7000, 7006))):
        for number in range(100):
            forged.request("INVITE", f"sip:{number}@{HOME}", domain=HOME)
    caller.inbox.clear()
    gateway.inbox.clear()
    caller.invite("sip:01012345678@198.51.100.99", call_id="out", body=OFFER, proven=True)
    gateway.answer(gateway.last(), 200, "OK", body=OFFER)
    assert caller.last().status == 200
    gateway.in_dialog("BYE", next(one for one in gateway.inbox if one.method == "INVITE"))
    assert caller.last().method == "BYE"


def test_without_a_guard_everything_is_heard() -> None:
    lab = Lab(guard=GuardSettings(is_on=False))
    phone = lab.phone("1001", "203.0.113.66")
    assert [guess(phone, "1001", "wrong", number) for number in range(50)] == [403] * 50


def test_trusted_networks_are_never_banned() -> None:
    settings = EdgeSettings(own_hosts=frozenset({HOME}), trusted=(ip_network("203.0.113.0/24"),), realm="talkpath")
    lab = Lab(settings, guard=GuardSettings())
    trunk = lab.phone("trunk", "203.0.113.66")
    for number in range(500):
        trunk.request("OPTIONS", f"sip:{HOME}", call_id=str(number))
    assert trunk.statuses() == [200] * 500


def test_a_call_of_phones_goes_on_beside_a_flood_from_their_own_address(lab: Lab) -> None:
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    flood = lab.phone("x", "198.51.100.7", 6000)
    _, ok = call(caller, callee, body=OFFER)
    for number in range(2_000):
        flood.request("INVITE", f"sip:{number}@{HOME}", domain=HOME)
    caller.in_dialog("BYE", ok)
    assert callee.methods() == ["BYE"]
    assert len(flood.inbox) <= 800


def test_who_subscribes_to_himself_does_not_ring_his_own_phones(lab: Lab, callee: Phone) -> None:
    desk = lab.registered("1002", "198.51.100.9")
    callee.inbox.clear()
    uri = f"sip:1002@{HOME}"
    desk.request("SUBSCRIBE", uri, call_id="mwi")
    proof = desk.credentials(desk.last().all("Proxy-Authenticate")[0], "SUBSCRIBE", uri)
    desk.request("SUBSCRIBE", uri, call_id="mwi", extra=f"Proxy-Authorization: {proof}")
    assert desk.last().status == 489
    assert callee.inbox == []


def test_a_phone_of_ours_that_asks_on_and_on_without_credentials_is_told_of(lab: Lab, callee: Phone) -> None:
    for number in range(1_000):
        callee.request("SUBSCRIBE", f"sip:1001@{HOME}", call_id=f"s{number}")
        lab.now += 0.002
    (refused,) = lab.guard.refused()
    assert (refused.method, refused.source) == ("SUBSCRIBE", "198.51.100.8")
    assert refused.times > 500
    assert lab.guard.take_told() == []


def test_a_phone_that_registers_over_and_over_with_credentials_pesters_nobody(lab: Lab) -> None:
    """Each time it is challenged first, as its nonce is not kept; what follows shows that it can answer."""
    phone = lab.registered("1001", "198.51.100.7")
    for _ in range(300):
        phone.register()
    assert lab.edge.core.guard.refused() == []
