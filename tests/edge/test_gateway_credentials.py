"""Answers to a carrier's challenges, and our registration there."""

import pytest
from tests.edge.carrier import Carrier, gateway, house, named, trunk
from tests.edge.lab import HOME, Lab

from talkpath.base.address import Address, Target, Transport
from talkpath.edge.gateways.credentials import Credentials
from talkpath.edge.gateways.settings import ProbeSettings
from talkpath.sip.digest import ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

PLACE = "198.51.100.50"
NOBODY = ProbeSettings(interval_s=0)


def challenge(*lines: str, status: int = 407) -> Message:
    text = "".join(f"{line}\r\n" for line in lines)
    return Message.parse(
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f"Call-ID: x\r\nCSeq: 1 INVITE\r\n{text}Content-Length: 0\r\n\r\n".encode()
    )


def credentials(realm: str = "") -> Credentials:
    return Credentials(trunk("a", PLACE, realm=realm), lambda: "c")


def is_right(line: str, method: str, body: bytes = b"", password: str = "secret") -> bool:
    """Whether a carrier that knows the password takes the line."""
    _, params = parse_auth(line.partition(": ")[2])
    algorithm = params.get("algorithm", "MD5")
    secret = ha1(algorithm, params["username"], params["realm"], password)
    return params["response"] == response(algorithm, secret, method, params, body)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("qop", ["", ', qop="auth"', ', qop="auth-int"', ', qop="auth,auth-int"'])
@pytest.mark.parametrize(
    ("theirs", "ours"), [("Proxy-Authenticate", "Proxy-Authorization"), ("WWW-Authenticate", "Authorization")]
)
def test_a_challenge_is_answered(algorithm: str, qop: str, theirs: str, ours: str) -> None:
    asked = challenge(f'{theirs}: Digest realm="carrier", nonce="n1", algorithm={algorithm}{qop}')
    line = credentials().answer(asked, "INVITE", "sip:1@h", b"v=0")
    assert line.startswith(f"{ours}: Digest ")
    assert line.endswith("\r\n")
    assert is_right(line, "INVITE", b"v=0")


def test_what_rfc_2069_servers_write_is_answered_with_md5() -> None:
    line = credentials().answer(challenge('Proxy-Authenticate: Digest realm="c", nonce="n"'), "INVITE", "sip:1@h")
    assert is_right(line, "INVITE")
    assert "qop" not in line


def test_of_several_algorithms_the_topmost_that_we_speak_is_used() -> None:
    asked = challenge(
        'Proxy-Authenticate: Digest realm="c", nonce="n", algorithm=SHA3-512, qop="auth"',
        'Proxy-Authenticate: Digest realm="c", nonce="n", algorithm=SHA-256, qop="auth"',
        'Proxy-Authenticate: Digest realm="c", nonce="n", algorithm=MD5, qop="auth"',
    )
    line = credentials().answer(asked, "INVITE", "sip:1@h")
    assert line.count("\r\n") == 1
    assert "algorithm=SHA-256" in line


def test_two_realms_are_both_answered_and_the_first_is_kept_when_the_second_comes_later() -> None:
    answers = credentials()
    one = answers.answer(
        challenge('Proxy-Authenticate: Digest realm="p", nonce="n", qop="auth"'), "INVITE", "sip:1@h"
    )
    assert one.count("\r\n") == 1
    asked = challenge('WWW-Authenticate: Digest realm="u", nonce="m", qop="auth"', status=401)
    both = answers.answer(asked, "INVITE", "sip:1@h")
    assert [line.partition(":")[0] for line in both.splitlines()] == ["Proxy-Authorization", "Authorization"]
    assert all(is_right(line, "INVITE") for line in both.splitlines())


def test_the_same_question_again_means_that_the_password_is_wrong() -> None:
    answers = credentials()
    asked = challenge('Proxy-Authenticate: Digest realm="c", nonce="n", qop="auth"')
    assert answers.answer(asked, "INVITE", "sip:1@h")
    assert answers.answer(asked, "INVITE", "sip:1@h") == ""
    assert answers.why == "refused"


def test_a_stale_nonce_is_answered_anew_but_not_for_ever() -> None:
    answers = credentials()
    assert answers.answer(challenge('Proxy-Authenticate: Digest realm="c", nonce="n0", qop="auth"'), "INVITE", "u")
    lines = [
        answers.answer(
            challenge(f'Proxy-Authenticate: Digest realm="c", nonce="n{n}", stale=TRUE, qop="auth"'), "INVITE", "u"
        )
        for n in range(1, 5)
    ]
    assert ['nonce="n1"' in lines[0], 'nonce="n2"' in lines[1], *lines[2:]] == [True, True, "", ""]
    assert "nc=00000001" in lines[0]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('Proxy-Authenticate: Digest realm="other", nonce="n"', "realm"),
        ('Proxy-Authenticate: Digest realm="mine", nonce="n", algorithm=SHA3', "algorithm"),
        ('Proxy-Authenticate: Digest realm="mine", nonce="n", qop="auth-conf"', "algorithm"),
        ('Proxy-Authenticate: Basic realm="mine"', "realm"),
        ("Subject: nothing", "realm"),
    ],
)
def test_what_cannot_be_answered_is_said(line: str, why: str) -> None:
    answers = credentials("mine")
    assert answers.answer(challenge(line), "INVITE", "sip:1@h") == ""
    assert answers.why == why


def test_who_has_no_password_answers_nothing() -> None:
    from tests.edge.carrier import gateway

    answers = Credentials(gateway("a", PLACE), lambda: "c")
    assert answers.answer(challenge('Proxy-Authenticate: Digest realm="c", nonce="n"'), "INVITE", "u") == ""
    assert answers.why == "none"


def test_a_challenge_cannot_smuggle_lines_into_the_answer() -> None:
    asked = challenge('Proxy-Authenticate: Digest realm="a\\"b", nonce="n\\\\", opaque="o", qop="auth"')
    line = credentials().answer(asked, "INVITE", "sip:1@h")
    assert line.count("\r\n") == 1
    assert is_right(line, "INVITE")


# --- registering


def registered(lab: Lab, says: object, place: str = PLACE) -> Carrier:
    carrier = Carrier(lab, place)
    carrier.says = says  # type: ignore[assignment]
    return carrier


def registrar(expires: int = 600, realm: str = "carrier") -> object:
    """A carrier that wants credentials and gives so many seconds."""

    def says(request: Message) -> tuple[int, str, str]:
        line = request.first("Authorization")
        if line is None:
            return 401, "Unauthorized", f'WWW-Authenticate: Digest realm="{realm}", nonce="n1", qop="auth"'
        if not is_right(f"Authorization: {line}", "REGISTER"):
            return 403, "Forbidden", ""
        return 200, "OK", f"Expires: {expires}"

    return says


def test_a_carrier_that_wants_it_has_our_registration_and_keeps_it() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(lab, registrar())
    lab.wait(1)
    assert named(lab, "a").registration == "registered"
    assert named(lab, "a").registered_until == pytest.approx(lab.now + 599, abs=1)
    request = carrier.asked("REGISTER")[-1]
    assert request.uri == f"sip:{PLACE}"
    assert request.first("To") == f"<sip:4930@{PLACE}>"
    assert f"<sip:4930@{HOME}:5060>" == request.first("Contact")
    lab.wait(3600)
    times = carrier.times
    # Refreshed a minute before each end, with the nonce of before and its next count.
    assert len(times) == 2 + 6
    assert "nc=00000007" in (carrier.asked("REGISTER")[-1].first("Authorization") or "")
    assert {one.call_id for one in carrier.asked("REGISTER")} == {request.call_id}
    assert [one.cseq.number for one in carrier.asked("REGISTER")] == list(range(1, 9))


def test_the_time_beside_our_own_contact_counts() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))

    def says(request: Message) -> tuple[int, str, str]:
        contacts = f"Contact: <sip:4930@192.0.2.99:5060>;expires=30, <sip:4930@{HOME}:5060>;expires=200"
        return 200, "OK", f"{contacts}\nExpires: 900"

    registered(lab, says)
    lab.wait(1)
    assert named(lab, "a").registered_until == pytest.approx(lab.now + 199, abs=1)


def test_a_carrier_that_finds_it_too_short_is_asked_for_longer() -> None:
    lab = house(trunk("a", PLACE, registers=True, register_s=60, probe=NOBODY))

    def says(request: Message) -> tuple[int, str, str]:
        wanted = int(request.first("Expires") or 0)
        return (423, "Interval Too Brief", "Min-Expires: 900") if wanted < 900 else (200, "OK", f"Expires: {wanted}")

    carrier = registered(lab, says)
    lab.wait(1)
    assert named(lab, "a").registration == "registered"
    assert [one.first("Expires") for one in carrier.asked("REGISTER")] == ["60", "900"]


def test_a_carrier_that_only_ever_says_423_is_not_asked_in_a_circle() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(
        lab, lambda request: (423, "Interval Too Brief", f"Min-Expires: {int(request.first('Expires')) + 1}")
    )
    lab.wait(1)
    assert len(carrier.asked("REGISTER")) == 6
    assert named(lab, "a").registration == "trying"


def test_wrong_credentials_are_said_once_and_tried_again_after_ten_minutes() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(lab, lambda request: (401, "X", 'WWW-Authenticate: Digest realm="c", nonce="n", qop="auth"'))
    lab.wait(500)
    assert len(carrier.asked("REGISTER")) == 2
    assert (named(lab, "a").registration, named(lab, "a").registration_why) == ("refused", "credentials-refused")
    lab.wait(3600)
    told = [(one.kind, one.why) for one in lab.edge.gateways.take_told()]
    assert told == [("registration-refused", "credentials-refused")]
    assert len(carrier.asked("REGISTER")) == 14


def test_a_nonce_that_is_not_taken_again_is_no_refusal_of_the_password() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    nonces = {"number": 0}

    def says(request: Message) -> tuple[int, str, str]:
        """Each nonce is good for one request, and nobody says that it is stale."""
        line = request.first("Authorization") or ""
        if f'nonce="n{nonces["number"]}"' in line and "nc=00000001" in line:
            return 200, "OK", "Expires: 600"
        nonces["number"] += 1
        return 401, "X", f'WWW-Authenticate: Digest realm="c", nonce="n{nonces["number"]}", qop="auth"'

    registered(lab, says)
    lab.wait(3600)
    assert [one.kind for one in lab.edge.gateways.take_told()] == ["registered"]
    assert named(lab, "a").registration == "registered"


def test_a_silent_carrier_is_asked_at_growing_pauses_and_its_return_is_said() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(lab, lambda request: None)
    lab.wait(3000)
    asked = len({one.cseq.number for one in carrier.asked("REGISTER")})
    assert 8 <= asked <= 16
    carrier.says = registrar()  # type: ignore[assignment]
    lab.wait(400)
    told = [(one.kind, one.why) for one in lab.edge.gateways.take_told()]
    assert told == [("registration-failed", "no-answer"), ("registered", "")]


def test_a_refresh_that_fails_does_not_end_the_registration_before_its_time() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(lab, registrar(200))
    lab.wait(1)
    carrier.says = lambda request: (500, "X", "")
    lab.wait(170)
    assert named(lab, "a").registration == "registered"
    lab.wait(60)
    assert (named(lab, "a").registration, named(lab, "a").registration_why) == ("trying", "status 500")


def test_who_is_removed_is_registered_no_more() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    carrier = registered(lab, registrar())
    lab.wait(1)
    lab.edge.gateways.remove("a", lab.now)
    lab.pump()
    assert carrier.asked("REGISTER")[-1].first("Expires") == "0"
    lab.wait(3600)
    assert carrier.asked("REGISTER")[-1].cseq.number == 3


def once_each(says: dict[str, int]) -> object:
    """A carrier that takes each nonce once, and counts who is registered; 0 seconds end that."""

    def answer(request: Message) -> tuple[int, str, str]:
        line = request.first("Authorization") or ""
        if f'nonce="n{says["nonce"]}"' not in line or "nc=00000001" not in line:
            says["nonce"] += 1
            return 401, "X", f'WWW-Authenticate: Digest realm="carrier", nonce="n{says["nonce"]}", qop="auth"'
        says["registered_s"] = int(request.first("Expires") or 0)
        return 200, "OK", f"Expires: {says['registered_s']}"

    return answer


def leave(lab: Lab) -> list[float]:
    """The edge stops; when every carrier had answered."""
    left: list[float] = []
    lab.edge.gateways.leave(lambda: left.append(lab.now), lab.now)
    return left


def test_when_the_edge_stops_it_leaves_its_carriers_also_those_that_want_another_proof_for_that() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY), gateway("b", "198.51.100.8", probe=NOBODY))
    says = {"nonce": 0, "registered_s": 0}
    registered(lab, once_each(says))
    lab.wait(1)
    assert says["registered_s"] == 600
    left = leave(lab)
    assert left == []
    lab.pump()
    assert (says["registered_s"], left) == (0, [lab.now])
    lab.wait(3600)
    assert says["registered_s"] == 0


def test_who_is_registered_nowhere_has_no_carrier_to_leave_and_who_does_not_answer_is_left_in_time() -> None:
    lab = house(
        trunk("a", PLACE, registers=True, probe=NOBODY), trunk("b", "198.51.100.8", registers=True, probe=NOBODY)
    )
    carrier = registered(lab, registrar())
    lab.wait(1)
    carrier.says = lambda request: None
    left = leave(lab)
    lab.pump()
    assert [one.first("Expires") for one in carrier.asked("REGISTER")] == ["600", "600", "0"]
    assert left == []
    lab.wait(33)
    assert len(left) == 1
    assert leave(house(gateway("c", PLACE))) != []


def test_many_carriers_are_not_left_all_at_once() -> None:
    lab = house(*(trunk(f"g{n}", PLACE, registers=True, probe=NOBODY, domain=f"d{n}.example") for n in range(500)))
    carrier = registered(lab, registrar())
    lab.wait(60)
    carrier.inbox.clear()
    left = leave(lab)
    lab.pump()
    assert len(carrier.asked("REGISTER")) < 10
    lab.wait(60)
    assert {one.first("Expires") for one in carrier.asked("REGISTER")} == {"0"}
    assert (len({one.uri for one in carrier.asked("REGISTER")}), len(left)) == (500, 1)


def test_a_gateway_that_is_added_anew_is_not_left_after_it_registered() -> None:
    lab = house(trunk("a", PLACE, registers=True, probe=NOBODY))
    says = {"nonce": 0, "registered_s": 0}
    registered(lab, once_each(says))
    lab.wait(1)
    lab.edge.gateways.remove("a", lab.now)
    lab.edge.gateways.add(trunk("a", PLACE, registers=True, probe=NOBODY, weight=3), lab.now)
    lab.wait(1)
    assert (says["registered_s"], named(lab, "a").registration) == (600, "registered")


def test_the_domain_of_a_carrier_may_be_another_than_where_it_is_reached() -> None:
    lab = house(
        trunk("a", "edge1.example", domain="carrier.example", registers=True, probe=NOBODY, transport=Transport.TCP)
    )
    lab.names["edge1.example"] = [Target(Transport.TCP, Address(PLACE, 5060), "edge1.example")]
    carrier = Carrier(lab, PLACE, transport=Transport.TCP)
    lab.wait(1)
    request = carrier.asked("REGISTER")[-1]
    assert request.uri == "sip:carrier.example;transport=tcp"
    assert "sip:4930@carrier.example" in (request.first("From") or "")
    assert ";transport=tcp>" in (request.first("Contact") or "")
