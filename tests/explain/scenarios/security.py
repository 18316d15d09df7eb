"""Strangers at the door, and credentials that do not fit."""

from dataclasses import replace

from ..generator.sip import Agent, Call, Proxy, phones
from ..generator.wire import EPOCH, Wire
from . import fires, quiet
from .network import gateway_call, register

CREDENTIALS = (
    'Authorization: Digest username="1001", realm="example.com", nonce="n{number}", '
    'uri="sip:example.com", response="0"\r\n'
)
CHALLENGE = 'WWW-Authenticate: Digest realm="example.com", nonce="n{number}"{stale}\r\n'


def attempt(wire: Wire, number: int, status: int, stale: bool = False) -> None:
    more = CREDENTIALS.format(number=number) if number else ""
    answer = CHALLENGE.format(number=number + 1, stale=", stale=true" if stale else "") if status == 401 else ""
    at = EPOCH + 2 * number
    register(wire, phones()[0], at, cseq=number + 1, status=status, more=more, answer=answer)


@fires("auth-loop")
def the_password_is_wrong(wire: Wire) -> None:
    for number in range(6):
        attempt(wire, number, 401)


@quiet("auth-loop")
def one_challenge_then_success(wire: Wire) -> None:
    attempt(wire, 0, 401)
    attempt(wire, 1, 200)


@quiet("auth-loop")
def a_tool_tries_passwords(wire: Wire) -> None:
    for number in range(30):
        more = CREDENTIALS.format(number=number) if number else ""
        answer = CHALLENGE.format(number=number + 1, stale="")
        at = EPOCH + 0.2 * number
        tool = replace(phones()[0], agent="friendly-scanner")
        register(wire, tool, at, cseq=number + 1, status=401, more=more, answer=answer)


@quiet("auth-loop")
def a_stale_nonce(wire: Wire) -> None:
    attempt(wire, 0, 401)
    attempt(wire, 1, 401, stale=True)
    attempt(wire, 2, 200)


@fires("auth-loop")
def calls_are_challenged_without_end(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two)
    for number in range(5):
        header = (
            f'Proxy-Authorization: Digest username="1001", realm="a", nonce="{number}", uri="sip:x", response="1"'
        )
        call.invite(cseq=number + 1, extra=[header] if number else [])
        challenge = f'Proxy-Authenticate: Digest realm="a", nonce="{number + 1}"'
        call.respond(407, "Proxy Authentication Required", cseq=number + 1, extra=[challenge], contact=False)
        call.ack_failure(cseq=number + 1).wait(0.1)


@fires("scanner")
def friendly_scanner(wire: Wire) -> None:
    for number in range(30):
        guest = Agent(str(100 + number), "45.95.1.2", agent="friendly-scanner")
        register(wire, guest, EPOCH + 0.1 * number, status=404, call_id=f"s{number}")


@fires("scanner")
def many_users_from_one_address(wire: Wire) -> None:
    for number in range(40):
        guest = Agent(str(1000 + number), "45.95.1.2", agent="Linphone/5.2")
        register(wire, guest, EPOCH + 0.2 * number, status=401, call_id=f"s{number}")


@fires("scanner")
def many_wrong_passwords_from_one_address(wire: Wire) -> None:
    """Each of its users shows credentials, twice: one finding says so, and not one for each."""
    for number in range(12):
        user = str(1000 + number)
        guest = Agent(user, "45.95.1.2", agent="Linphone/5.2")
        for time in range(3):
            more = CREDENTIALS.format(number=time).replace("1001", user) if time else ""
            answer, at = CHALLENGE.format(number=time + 1, stale=""), EPOCH + number + 0.2 * time
            register(wire, guest, at, cseq=time + 1, status=401, call_id=f"s{number}", more=more, answer=answer)


@fires("scanner")
def five_hundred_subscriptions_a_second(wire: Wire) -> None:
    """One phone gone mad: one Call-ID, one user, and a challenge each time."""
    for number in range(1_000):
        at = EPOCH + 0.002 * number
        register(wire, phones()[0], at, cseq=number + 1, status=407, method="SUBSCRIBE")


@quiet("scanner")
def a_phone_watches_many_who_are_not_there(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(40):
        at = EPOCH + 0.1 * number
        register(wire, phone, at, cseq=1, status=407, method="SUBSCRIBE", call_id=f"w{number}")
        status = 404 if number % 4 else 200
        register(wire, phone, at + 0.02, cseq=2, status=status, method="SUBSCRIBE", call_id=f"w{number}")


@quiet("scanner")
def an_office_behind_one_address(wire: Wire) -> None:
    for number in range(20):
        guest = Agent(str(1000 + number), "198.51.100.7", port=20_000 + number)
        register(wire, guest, EPOCH + number, status=401, call_id=f"s{number}")
        register(wire, guest, EPOCH + number + 0.1, cseq=2, status=200, call_id=f"s{number}")


def abroad(wire: Wire, number: int, start: float, dialled: str) -> Call:
    one = Agent("1001", "45.95.1.2", agent="eyeBeam")
    far = Agent(dialled, "10.9.0.1", media_port=20_000 + 2 * number, agent="Carrier SBC")
    one.media_port = 10_000 + 2 * number
    return Call(wire, one, far, [Proxy()], at=EPOCH + start)


@fires("toll-fraud")
def the_same_number_with_every_prefix(wire: Wire) -> None:
    for number, prefix in enumerate(("00", "011", "9011", "900", "+", "810")):
        call = abroad(wire, number, number, f"{prefix}881934512345")
        call.invite().respond(404, "Not Found").ack_failure()


@fires("toll-fraud")
def twelve_calls_abroad_at_once(wire: Wire) -> None:
    for number in range(12):
        call = abroad(wire, number, number * 3, f"0088193451{number:04}")
        call.invite().ring().answer().ack().talk(60).bye()


@quiet("toll-fraud")
def a_few_calls_abroad(wire: Wire) -> None:
    for number in range(3):
        call = abroad(wire, number, number * 90, f"0049301234{number:04}")
        call.invite().ring().answer().ack().talk(10).bye()


@quiet("scanner")
def a_trunk_with_many_numbers(wire: Wire) -> None:
    for number in range(12):
        call = gateway_call(wire, number, "10.9.0.1")
        if number % 3:
            call.invite().ring().answer().ack().talk(5).bye()
        else:
            call.invite().respond(486, "Busy Here").ack_failure()
