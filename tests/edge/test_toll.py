"""What an account may call out of the house: at once, within an hour, and abroad. Calls here are free."""

from ipaddress import ip_network

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address, Target, Transport
from talkpath.edge.admission.toll import Toll
from talkpath.edge.settings import Allowance, CallerProof, EdgeSettings, GuardSettings, TollSettings
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

GATEWAY = "gw.example.net"
MANY = Allowance(100, 1_000, 1_000)
DOMESTIC, FOREIGN = "01012345678", "+882345678901"


def house(
    everywhere: Allowance = MANY, abroad: Allowance = MANY, home: tuple[str, ...] = ("+86",), **times: float
) -> Lab:
    """A lab where every caller proves who he is, and a gateway to the world."""
    settings = EdgeSettings(
        domains=frozenset({"house.example"}),
        own_hosts=frozenset({HOME}),
        realm="talkpath",
        caller_proof=CallerProof.ALWAYS,
        trusted=(ip_network("198.51.100.200/32"),),
    )
    toll = TollSettings(everywhere=everywhere, abroad=abroad, home=home, times=times)
    lab = Lab(settings, guard=GuardSettings(toll=toll))
    lab.names[GATEWAY] = [Target(Transport.UDP, Address("198.51.100.99", 5060))]
    return lab


def gateway_of(lab: Lab) -> Phone:
    return lab.phone("gw", "198.51.100.99")


def dial(phone: Phone, number: str, call_id: str) -> tuple[int, Message]:
    """The last status that the phone got, and its message."""
    phone.inbox.clear()
    phone.invite(f"sip:{number}@{GATEWAY}", call_id=call_id, body=OFFER, proven=True)
    answer = next((one for one in reversed(phone.inbox) if not one.is_request), None)
    assert answer is not None
    return answer.status, answer


def answer(gateway: Phone, call_id: str) -> Message:
    """The gateway takes the call; its INVITE."""
    invite = next(one for one in gateway.inbox if one.method == "INVITE" and one.call_id == call_id)
    gateway.answer(invite, 200, "OK", body=OFFER.replace(b"100.7", b"100.99"))
    return invite


def test_one_call_more_than_at_once_is_refused_until_one_ends() -> None:
    lab = house(Allowance(2, 100, 100))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    assert dial(phone, DOMESTIC, "a")[0] == 100
    assert dial(phone, DOMESTIC, "b")[0] == 100
    status, refusal = dial(phone, DOMESTIC, "c")
    assert (status, refusal.reason) == (403, "Call limit reached")
    assert "toll.at-once" in lab.kinds("c")
    assert [one.call_id for one in gateway.inbox] == ["a", "b"]
    gateway.answer(gateway.inbox[0], 486, "Busy Here")
    assert dial(phone, DOMESTIC, "d")[0] == 100


def test_a_call_counts_once_however_it_goes_on_and_ends_once() -> None:
    lab = house(Allowance(1, 100, 100))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    dial(phone, DOMESTIC, "a")
    invite = answer(gateway, "a")
    ok = phone.last()
    phone.ack(ok, gateway.contact)
    phone.in_dialog("INVITE", ok, body=OFFER)
    assert dial(phone, DOMESTIC, "b")[0] == 403
    gateway.in_dialog("BYE", invite)
    bye = next(one for one in phone.inbox if one.is_request and one.method == "BYE")
    phone.answer(bye, 200, "OK")
    assert not lab.edge.core.calls
    assert dial(phone, DOMESTIC, "c")[0] == 100
    assert dial(phone, DOMESTIC, "d")[0] == 403


@pytest.mark.parametrize("how", ["cancel", "silence", "unresolvable", "forked"])
def test_it_ends_also_when_nobody_takes_it(how: str) -> None:
    lab = house(Allowance(1, 100, 100))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    if how == "unresolvable":
        lab.names[GATEWAY] = []
    dial(phone, DOMESTIC, "a")
    if how == "cancel":
        invite = gateway.last()
        gateway.answer(invite, 180, "Ringing")
        branch = phone.last().top_via.branch
        phone.request("CANCEL", f"sip:{DOMESTIC}@{GATEWAY}", call_id="a", cseq=invite.cseq.number, branch=branch)
        gateway.answer(invite, 487, "Request Terminated")
    elif how == "forked":
        invite = gateway.last()
        gateway.answer(invite, 183, "Progress", tag="one")
        gateway.answer(invite, 183, "Progress", tag="two")
        gateway.answer(invite, 603, "Decline", tag="two")
    else:
        lab.wait(40)
    lab.names[GATEWAY] = [Target(Transport.UDP, Address("198.51.100.99", 5060))]
    assert not lab.edge.core.calls
    assert dial(phone, DOMESTIC, "b")[0] == 100


def test_calls_within_an_hour_are_counted_and_after_it_forgotten() -> None:
    lab = house(Allowance(100, 3, 100))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    for number in range(3):
        assert dial(phone, DOMESTIC, f"a{number}")[0] == 100
        gateway.answer(gateway.last(), 486, "Busy Here")
        lab.wait(600)
    phone.register(7200)
    assert dial(phone, DOMESTIC, "b")[0] == 403
    assert "toll.calls" in lab.kinds("b")
    lab.wait(3_900)
    phone.register(7200)
    assert dial(phone, DOMESTIC, "c")[0] == 100


def test_minutes_of_a_running_call_count_and_ringing_does_not() -> None:
    toll = Toll(TollSettings(everywhere=Allowance(100, 100, 20)))
    uri = Uri.parse(f"sip:{DOMESTIC}@{GATEWAY}")
    toll.begun("1001", uri, ("rings", "x"), 0.0)
    toll.begun("1001", uri, ("talks", "x"), 0.0)
    toll.answered(("talks", "x"), 100.0)
    assert toll.refusal("1001", uri, "h", 100.0 + 1_199) is None
    over = toll.refusal("1001", uri, "h", 100.0 + 1_200)
    assert over is not None
    assert (over.kind, over.limit) == ("toll.minutes", 20)
    toll.ended(("talks", "x"), 1_300.0)
    assert toll.refusal("1001", uri, "h", 1_300.0) is not None
    assert toll.refusal("1001", uri, "h", 1_300.0 + 3_900) is None


def test_a_call_of_a_day_counts_as_an_hour() -> None:
    toll = Toll(TollSettings(everywhere=Allowance(100, 100, 70)))
    uri = Uri.parse(f"sip:{DOMESTIC}@{GATEWAY}")
    toll.begun("1001", uri, ("a", "x"), 0.0)
    toll.answered(("a", "x"), 0.0)
    assert toll.refusal("1001", uri, "h", 86_400.0) is None


def test_abroad_has_limits_of_its_own() -> None:
    lab = house(abroad=Allowance(1, 100, 100))
    phone = lab.registered("1001", "198.51.100.7")
    gateway_of(lab)
    assert dial(phone, FOREIGN, "a")[0] == 100
    assert dial(phone, "00882345678901", "b")[0] == 403
    assert "toll.abroad-at-once" in lab.kinds("b")
    assert lab.guard.counts()["toll_refused_abroad"] == 1
    assert dial(phone, DOMESTIC, "c")[0] == 100
    assert dial(phone, "+8613912345678", "d")[0] == 100


@pytest.mark.parametrize(
    ("uri", "is_abroad"),
    [
        ("sip:+44-20.7946(0)123@gw", True),
        ("sip:%2B442079460123@gw", True),
        ("sip:0044%32079460123@gw", True),
        ("sip:90044207946@gw", True),
        ("tel:+442079460123", True),
        ("tel:7042;phone-context=+44", True),
        ("sip:7042;phone-context=+44@gw", True),
        ("sip:+861012345678@gw", False),
        ("sip:00861012345678@gw", False),
        ("tel:7042;phone-context=+86", False),
        ("sip:01012345678@gw", False),
        ("sip:0000@gw", False),
        ("sip:alice@gw", False),
        ("sip:gw", False),
    ],
)
def test_where_a_number_leads(uri: str, is_abroad: bool) -> None:
    assert Toll(TollSettings(home=("+86",), prefixes=("00", "900"))).is_abroad(Uri.parse(uri)) is is_abroad
    assert not Toll(TollSettings()).is_abroad(Uri.parse(uri))


def text(phone: Phone, number: str, method: str = "MESSAGE") -> int:
    """Another request than INVITE to a number elsewhere, once more with credentials; the last status, 0 where it went
    on."""
    uri, call_id = f"sip:{number}@{GATEWAY}", f"{method}{number}"
    phone.inbox.clear()
    phone.request(method, uri, call_id=call_id)
    proof = phone.credentials(phone.last().all("Proxy-Authenticate")[0], method, uri)
    phone.inbox.clear()
    phone.request(method, uri, call_id=call_id, extra=f"Proxy-Authorization: {proof}")
    return phone.last().status if phone.inbox else 0


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "OPTIONS"])
def test_other_requests_out_of_the_house_have_a_limit_of_their_own(method: str) -> None:
    lab = house(Allowance(0, 0, 0, 2), Allowance(0, 0, 0, 1))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    assert text(phone, FOREIGN, method) == 0
    assert text(phone, FOREIGN[:-1], method) == 403
    assert text(phone, DOMESTIC, method) == 0
    assert text(phone, DOMESTIC[:-1], method) == 403
    assert gateway.methods() == [method] * 2
    assert (lab.guard.counts()["toll_refused"], lab.guard.counts()["toll_refused_abroad"]) == (1, 1)
    assert [one.kind for one in lab.guard.toll.take_told()] == ["toll.requests"]
    lab.wait(3_900)
    phone.register(7200)
    assert text(phone, FOREIGN[:-2], method) == 0


def test_a_second_call_in_the_name_of_the_first_is_counted_as_well() -> None:
    """What begins a call with the Call-ID and the tag of one that runs is a call of its own, ended alone."""
    lab = house(Allowance(1, 100, 100))
    phone, gateway = lab.registered("1001", "198.51.100.7"), gateway_of(lab)
    phone.invite(f"sip:echo@{HOME}", call_id="a", body=OFFER, proven=True)
    phone.invite(f"sip:{FOREIGN}@{GATEWAY}", call_id="a", body=OFFER, proven=True)
    first = gateway.take()
    assert (gateway.inbox, len(lab.edge.core.calls)) == ([], 2)
    phone.invite(f"sip:{DOMESTIC}@{GATEWAY}", call_id="a", body=OFFER, proven=True)
    assert (phone.last().status, gateway.inbox) == (403, [])
    gateway.answer(first, 486, "Busy Here")
    phone.invite(f"sip:{DOMESTIC}@{GATEWAY}", call_id="a", body=OFFER, proven=True)
    assert gateway.methods() == ["ACK", "INVITE"]


def test_calls_within_the_house_are_free() -> None:
    lab = house(Allowance(0, 0, 0))
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}", call_id="a", body=OFFER, proven=True)
    assert callee.methods() == ["INVITE"]
    caller.invite(f"sip:echo@{HOME}", call_id="b", body=OFFER, proven=True)
    assert caller.last().status == 200


def test_whom_the_operator_trusts_by_address_is_not_counted() -> None:
    lab = house(Allowance(0, 0, 0))
    trunk = lab.phone("trunk", "198.51.100.200")
    gateway = gateway_of(lab)
    trunk.invite(f"sip:{DOMESTIC}@{GATEWAY}", call_id="a", body=OFFER)
    assert gateway.methods() == ["INVITE"]


def test_one_account_does_not_pay_for_another_and_some_may_more() -> None:
    lab = house(Allowance(1, 100, 100), **{"1002": 3.0, "1003": 0.0})
    phones = [lab.registered(user, f"198.51.100.{place}") for place, user in enumerate(("1001", "1002", "1003"), 7)]
    gateway_of(lab)
    taken = [sum(dial(one, DOMESTIC, f"{one.user}-{number}")[0] == 100 for number in range(5)) for one in phones]
    assert taken == [1, 3, 0]


def test_what_was_refused_is_told_once_for_each_account() -> None:
    lab = house(Allowance(0, 0, 0))
    phone = lab.registered("1001", "198.51.100.7")
    for number in range(50):
        assert dial(phone, f"0101234567{number}", f"a{number}")[0] == 403
    (told,) = lab.guard.toll.take_told()
    assert (told.user, told.source, told.kind) == ("1001", "198.51.100.7", "toll.at-once")
    assert (told.times, told.number) == (50, "010123456749")
    assert lab.guard.toll.take_told() == []
    assert lab.guard.counts()["toll_refused"] == 50


def test_accounts_that_called_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.base.limits.TOLL_ACCOUNTS", 2)
    toll = Toll(TollSettings(everywhere=Allowance(1, 100, 100)))
    uri = Uri.parse(f"sip:{DOMESTIC}@{GATEWAY}")
    toll.begun("busy", uri, ("a", "x"), 0.0)
    for number in range(10):
        assert toll.refusal(f"u{number}", uri, "h", 1.0) is None
    assert toll.refusal("busy", uri, "h", 1.0) is not None


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_a_contact_elsewhere_is_no_way_around(transport: Transport) -> None:
    """Who has stolen a password may register a number at a gateway as its Contact, and have others call it."""
    lab = house(Allowance(0, 0, 0))
    thief, caller = lab.phone("1001", "198.51.100.7", transport=transport), lab.registered("1002", "198.51.100.8")
    gateway = lab.phone("gw", "198.51.100.99", transport=Transport.TCP)
    thief.contact = f"sip:{FOREIGN}@198.51.100.99;transport=tcp"
    thief.register()
    if transport is Transport.TCP:
        # The binding moves to a new connection with the next proof, and that one goes as well.
        lab.close(thief)
        thief.reconnect(5070)
        thief.via_host = str(thief.flow.remote)
        thief.invite(f"sip:echo@{HOME}", call_id="back", body=OFFER, proven=True)
        assert "flow.taken-up" in lab.kinds("back")
        lab.close(thief)
    caller.invite(f"sip:1001@{HOME}", call_id="a", body=OFFER, proven=True)
    lab.wait(40)
    assert gateway.inbox == []
