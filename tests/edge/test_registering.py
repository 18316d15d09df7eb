"""REGISTER: who may, what is kept, and what the answer says (RFC 3261 section 10.3, RFC 7616, RFC 8760)."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Transport
from talkpath.edge.registrar import registrar
from talkpath.edge.registrar.binding import Binding


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_phone_registers_with_either_algorithm(lab: Lab, algorithm: str) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    answer = phone.register(algorithm=algorithm)
    assert answer.status == 200
    assert answer.all("Contact") == [f"<{phone.contact}>;expires=600"]
    assert [one.contact for one in lab.bindings.saved] == [phone.contact]


def test_a_wrong_password_is_refused_and_changes_nothing(lab: Lab) -> None:
    assert lab.phone("1001", "198.51.100.7").register(password="guess").status == 403
    assert len(lab.edge.core.registrar) == 0


def test_an_unknown_user_is_told_the_same_as_a_wrong_password(lab: Lab) -> None:
    assert lab.phone("9999", "198.51.100.7").register().status == 403


def test_nobody_registers_for_somebody_else(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    uri, to = f"sip:{HOME}", f"<sip:1002@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="r")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    phone.request("REGISTER", uri, to=to, call_id="r", extra=f"Authorization: {proof}")
    assert phone.last().status == 403


@pytest.mark.parametrize(
    ("transport", "agent"),
    [(Transport.UDP, "baresip v1.0.0 (x86_64/linux)"), (Transport.WS, "my page"), (Transport.WSS, "SIP.js/0.21.1")],
)
def test_phones_that_fail_at_unknown_algorithms_are_offered_md5_alone(
    lab: Lab, transport: Transport, agent: str
) -> None:
    phone = lab.phone("1001", "198.51.100.7", transport=transport)
    phone.request("REGISTER", f"sip:{HOME}", to=f"<sip:1001@{HOME}>", extra=f"User-Agent: {agent}")
    assert [value.count("MD5") for value in phone.last().all("WWW-Authenticate")] == [1]


def test_an_old_nonce_is_stale_and_a_new_one_is_given(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    uri, to = f"sip:{HOME}", f"<sip:1001@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="r")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    lab.wait(301)
    phone.request("REGISTER", uri, to=to, call_id="r", extra=f"Authorization: {proof}")
    assert phone.last().status == 401
    assert "stale=true" in phone.last().all("WWW-Authenticate")[0]


def test_two_phones_of_one_user_are_both_kept_and_one_can_leave(lab: Lab) -> None:
    first, second = lab.phone("1001", "198.51.100.7"), lab.phone("1001", "198.51.100.8")
    first.register()
    assert len(second.register().all("Contact")) == 2
    assert second.register(expires=0).all("Contact") == [f"<{first.contact}>;expires=600"]


def test_a_star_removes_every_contact(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.register()
    phone.contact = "x"
    uri, to = f"sip:{HOME}", f"<sip:1001@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="star")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    head = f"REGISTER {uri} SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKstar\nMax-Forwards: 70"
    rest = f"From: <sip:1001@{HOME}>;tag=a\nTo: {to}\nCall-ID: star\nCSeq: 9 REGISTER\nContact: *\nExpires: 0"
    phone.send(f"{head}\n{rest}\nAuthorization: {proof}")
    assert phone.last().status == 200
    assert phone.last().all("Contact") == []
    assert len(lab.edge.core.registrar) == 0


def test_a_phone_that_comes_back_from_another_port_replaces_itself_by_its_instance(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7", 40001, Transport.TCP)
    phone.contact_params = ';+sip.instance="<urn:uuid:1>"'
    phone.register()
    phone.reconnect(40002)
    phone.contact = "sip:1001@198.51.100.7:40002;transport=tcp"
    answer = phone.register()
    assert answer.all("Contact") == [f'<{phone.contact}>;expires=600;+sip.instance="<urn:uuid:1>"']


@pytest.mark.parametrize(("extra", "params"), [("Supported: path, ice", ""), ("", ";+sip.ice")])
def test_a_phone_that_says_it_speaks_ice_is_remembered_so(lab: Lab, extra: str, params: str) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.contact_params = params
    phone.register(extra=extra)
    assert [one.ice for one in lab.edge.core.registrar.bindings("1001", lab.now)] == [True]
    lab.phone("1002", "198.51.100.8").register()
    assert [one.ice for one in lab.edge.core.registrar.bindings("1002", lab.now)] == [False]


def test_a_registration_runs_out(lab: Lab) -> None:
    lab.phone("1002", "198.51.100.8").register(expires=60)
    caller = lab.phone("1001", "198.51.100.7")
    lab.wait(61)
    caller.invite(f"sip:1002@{HOME}")
    assert caller.last().status == 480


def test_a_registration_that_is_too_short_is_told_the_shortest(lab: Lab) -> None:
    answer = lab.phone("1001", "198.51.100.7").register(expires=5)
    assert (answer.status, answer.first("Min-Expires")) == (423, "60")


def test_too_many_contacts_are_refused(lab: Lab) -> None:
    for number in range(10):
        assert lab.phone("1001", "198.51.100.7", 6000 + number).register().status == 200
    assert lab.phone("1001", "198.51.100.7", 7000).register().status == 403


def test_a_register_overtaken_by_a_later_one_changes_nothing(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.register()
    phone.cseq = -1
    assert phone.register(expires=0).status == 500
    assert len(lab.edge.core.registrar) == 1


def test_registrations_of_the_store_are_taken_up(lab: Lab) -> None:
    lab.phone("1002", "198.51.100.8").register()
    later = Lab()
    callee = later.phone("1002", "198.51.100.8")
    later.edge.core.registrar.load(lab.bindings.saved, later.now)
    later.phone("1001", "198.51.100.7").invite(f"sip:1002@{HOME}")
    assert callee.methods() == ["INVITE"]


def test_credentials_that_were_overheard_are_good_for_nothing(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    uri, to = f"sip:{HOME}", f"<sip:1001@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="r")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    phone.request("REGISTER", uri, to=to, call_id="r", extra=f"Authorization: {proof}")
    assert phone.last().status == 200
    thief = lab.phone("1001", "203.0.113.66")
    thief.request("REGISTER", uri, to=to, call_id="r", cseq=99, extra=f"Authorization: {proof}")
    assert thief.last().status == 401
    assert [one.contact for one in lab.edge.core.registrar.bindings("1001", lab.now)] == [phone.contact]


def test_one_nonce_serves_many_requests_with_rising_counts(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    uri, to = f"sip:{HOME}", f"<sip:1001@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="r")
    challenge = phone.last().all("WWW-Authenticate")[0]
    for count in (1, 2, 3):
        proof = phone.credentials(challenge, "REGISTER", uri, count=count)
        phone.request("REGISTER", uri, to=to, call_id="r", extra=f"Authorization: {proof}")
        assert phone.last().status == 200


def test_refresh_that_changes_only_times_is_kept_as_one(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.register()
    phone.register()
    assert len(lab.bindings.saved) == 1
    assert [one.contact for one in lab.bindings.refreshed] == [phone.contact]


def test_user_who_is_removed_is_reached_no_more(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.register()
    lab.edge.core.registrar.forget("1001")
    assert lab.edge.core.registrar.bindings("1001", lab.now) == []
    assert [one.contact for one in lab.bindings.dropped] == [phone.contact]


def test_a_page_that_is_loaded_again_and_again_is_never_one_too_many(lab: Lab) -> None:
    desk = lab.phone("1001", "198.51.100.7")
    assert desk.register().status == 200
    for port in range(40_000, 40_030):
        page = lab.phone("1001", "198.51.100.8", port=port, transport=Transport.WS)
        assert page.register().status == 200
        lab.close(page)
    left = [one.contact for one in lab.edge.core.registrar.bindings("1001", lab.now)]
    assert len(left) == lab.edge.core.settings.registrar.max_contacts
    assert desk.contact in left
    assert page.contact in left, "the oldest go first"


def test_phones_that_are_there_do_not_make_room(lab: Lab) -> None:
    statuses = [
        lab.phone("1001", "198.51.100.8", port=port, transport=Transport.WS).register().status
        for port in range(40_000, 40_011)
    ]
    assert statuses == [200] * 10 + [403]


def test_a_phone_started_again_and_again_at_new_ports_is_never_one_too_many(lab: Lab) -> None:
    desk = lab.phone("1001", "198.51.100.9")
    assert desk.register(extra="User-Agent: Softphone 7").status == 200
    for port in range(40_000, 40_030):
        again = lab.phone("1001", "198.51.100.8", port)
        assert again.register(extra="User-Agent: Softphone 7").status == 200
    left = [one.contact for one in lab.edge.core.registrar.bindings("1001", lab.now)]
    assert (len(left), desk.contact in left, again.contact in left) == (10, True, True)
    (told,) = lab.edge.core.registrar.crowds.take()
    assert (told.user, told.source, told.made_room, told.refused) == ("1001", "198.51.100.8", 21, 0)
    assert lab.edge.core.registrar.crowds.take() == []


def test_a_phone_that_draws_a_new_instance_each_time_is_never_one_too_many(lab: Lab) -> None:
    for number in range(30):
        phone = lab.phone("1001", "198.51.100.8", 40_000 + number)
        phone.contact_params = f';+sip.instance="<urn:uuid:{number}>"'
        assert phone.register(extra="User-Agent: Softphone 7").status == 200


@pytest.mark.parametrize("what", ["other agent", "no agent", "other host", "one socket", "renewed"])
def test_contacts_of_who_may_be_another_phone_do_not_make_room(lab: Lab, what: str) -> None:
    agent = "" if what == "no agent" else "User-Agent: Softphone 7"
    for number in range(10):
        if what != "one socket" or number == 0:
            phone = lab.phone("1001", "203.0.113.8", 40_000 + number)
        phone.contact = f"sip:1001@192.168.1.9:{6000 + number}"
        for _ in range(2 if what == "renewed" else 1):
            assert phone.register(extra=agent).status == 200
    last = phone if what == "one socket" else lab.phone("1001", "203.0.113.8", 50_000)
    last.contact = f"sip:1001@192.168.1.{'8' if what == 'other host' else '9'}:7000"
    assert last.register(extra=agent + (" (other)" if what == "other agent" else "")).status == 403
    assert [(one.made_room, one.refused) for one in lab.edge.core.registrar.crowds.take()] == [(0, 1)]


def test_phones_behind_one_nat_do_not_make_room_for_each_other(lab: Lab) -> None:
    """Each has an address of its own there; one that comes back at another port takes the place of its own."""
    for number in range(11):
        phone = lab.phone("1001", "203.0.113.7", 40_000 + number)
        phone.contact = f"sip:1001@192.168.1.{number}:5062"
        status = phone.register(extra="User-Agent: Desk 1").status
        assert status == (200 if number < 10 else 403)
    again = lab.phone("1001", "203.0.113.7", 50_000)
    again.contact = "sip:1001@192.168.1.4:5099"
    assert again.register(extra="User-Agent: Desk 1").status == 200
    left = [one.contact for one in lab.edge.core.registrar.bindings("1001", lab.now)]
    assert (len(left), "sip:1001@192.168.1.4:5062" in left) == (10, False)


def test_a_phone_that_answers_what_it_is_asked_keeps_its_place_and_one_that_is_gone_loses_it(lab: Lab) -> None:
    phones = []
    for number in range(10):
        phone = lab.phone("1001", "203.0.113.7", 40_000 + number)
        phone.via_host, phone.contact = "192.168.1.9:5062;rport", f"sip:1001@192.168.1.9:{5000 + number}"
        phone.register(3600, extra="User-Agent: Softphone 7")
        phones.append(phone)
    lab.wait(60)
    newcomer = lab.phone("1001", "203.0.113.7", 50_000)
    newcomer.contact = "sip:1001@192.168.1.9:7000"
    assert newcomer.register(extra="User-Agent: Softphone 7").status == 403
    phones[3].is_on = False
    lab.wait(120)
    stranger = lab.phone("1001", "198.51.100.30")
    assert stranger.register().status == 200
    left = [one.contact for one in lab.edge.core.registrar.bindings("1001", lab.now)]
    assert phones[3].contact not in left


@pytest.mark.skipif(
    not (registrar.__file__ or "").endswith(".py"),
    reason="compiled code takes the length of a dict without its class",
)
def test_bindings_are_counted_while_users_come(lab: Lab) -> None:
    known = lab.edge.core.registrar

    class Known(dict[tuple[str, str], Binding]):
        """Bindings of a user; another user registers just when they are counted."""

        def __len__(self) -> int:
            known._users[f"late {len(known._users)}"] = {}
            return 1

    known._users.update({"1001": Known(), "1002": Known()})
    assert len(known) == 2


INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000001>"'


@pytest.mark.parametrize(
    ("params", "supported", "is_outbound"),
    [
        (f"{INSTANCE};reg-id=1", "path, outbound", True),
        (f"{INSTANCE};reg-id=1", "path", False),  # who does not know it may not be asked to
        (f"{INSTANCE};reg-id=0", "outbound", False),
        (f"{INSTANCE};reg-id=x", "outbound", False),
        (";reg-id=1", "outbound", False),
        (INSTANCE, "outbound", False),
    ],
)
def test_outbound_is_required_of_those_who_know_it_and_made_a_flow(
    lab: Lab, params: str, supported: str, is_outbound: bool
) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.contact_params = params
    answer = phone.register(extra=f"Supported: {supported}")
    assert answer.all("Require") == (["outbound"] if is_outbound else [])
    assert ("reg-id" in answer.all("Contact")[0]) == (params.endswith("reg-id=1") and params.startswith(INSTANCE))


def test_a_phone_without_outbound_is_not_asked_for_it_because_of_another(lab: Lab) -> None:
    modern, plain = lab.phone("1001", "198.51.100.7"), lab.phone("1001", "198.51.100.8")
    modern.contact_params = f"{INSTANCE};reg-id=1"
    modern.register(extra="Supported: outbound")
    assert plain.register(extra="Supported: outbound").all("Require") == []


def test_a_phone_that_names_itself_otherwise_is_still_one_phone(lab: Lab, caller: Phone) -> None:
    """After an update it says which instance it is, or that it keeps flows: it stands in the same place."""
    phone = lab.phone("1002", "198.51.100.8")
    for params in ("", INSTANCE, f"{INSTANCE};reg-id=1", ""):
        phone.contact_params = params
        assert len(phone.register().all("Contact")) == 1
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    assert phone.methods() == ["INVITE"]
    beside = lab.phone("1002", "198.51.100.8", 5070)
    assert len(beside.register().all("Contact")) == 2
