"""The chain of a browser's call: candidates, checks, handshake, audio."""

from ..generator import webrtc as w
from ..generator.media import Sender
from ..generator.sip import Agent, Call, Proxy, webrtc_sdp
from ..generator.wire import At, Wire
from . import fires, quiet

BROWSER = At("198.51.100.7", 50_000)
SERVER = At("203.0.113.5", 30_000)
PRINT_A, PRINT_B = "AA:" * 31 + "AA", "BB:" * 31 + "BB"


def browser_call(
    wire: Wire,
    fingerprint: str = "",
    setup: str = "active",
    extra: tuple[str, str] | None = None,
    reachable: bool = True,
) -> Call:
    """A browser calls a media server over WebSocket; up to the ACK. `extra` are further candidates of both."""
    browser = Agent("web", BROWSER.host, 51_000, "sip:web@x.invalid;transport=ws", "JsSIP 3.10.1", transport="WS")
    server = Agent("1002", SERVER.host, 5066, agent="FreeSWITCH")
    call = Call(wire, browser, server)
    call.connect(0, websocket=True)
    client, listener = certificate_print(0x31), certificate_print(0x30)
    mine, theirs = (listener, client) if setup == "active" else (client, listener)
    offer = webrtc_sdp(BROWSER, "uB", "browserpassword0123456789", "actpass", fingerprint or mine)
    answer = webrtc_sdp(SERVER, "uS", "serverpassword0123456789ab", setup, fingerprint or theirs)
    if extra is not None:
        offer, answer = offer + f"a={extra[0]}\r\n", answer + f"a={extra[1]}\r\n"
    if not reachable:
        offer, answer = _placeless(offer), _placeless(answer)
    return call.invite(offer).ring().answer(answer).ack()


def _placeless(description: str) -> str:
    """Without an address: what is sent before anything was gathered (RFC 8840 4.1.1)."""
    lines = [line for line in description.splitlines() if not line.startswith("a=candidate")]
    lines = ["c=IN IP4 0.0.0.0" if line.startswith("c=") else line for line in lines]
    lines = [" ".join(["m=audio 9", *line.split()[2:]]) if line.startswith("m=") else line for line in lines]
    return "\r\n".join([*lines, ""])


def certificate_print(byte: int) -> str:
    """The SHA-256 of the generator's certificates."""
    from hashlib import sha256

    digest = sha256(bytes([byte]) * 400).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, 64, 2))


def checks(wire: Wire, at: float, answered: bool = True, count: int = 1) -> None:
    for number in range(count):
        browser = {"local": "uB", "remote": "uS", "password": "serverpassword0123456789ab"}
        server = {"local": "uS", "remote": "uB", "password": "browserpassword0123456789", "controlling": False}
        w.check(wire, at + 0.3 * number, BROWSER, SERVER, 2 * number, answered, nominate=True, **browser)
        w.check(wire, at + 0.3 * number + 0.02, SERVER, BROWSER, 2 * number + 1, answered, **server)


def audio(wire: Wire, call: Call, seconds: float = 8) -> Call:
    Sender(BROWSER, SERVER, 0xB0, srtp=True).play(wire, call.at + 0.3, seconds)
    Sender(SERVER, BROWSER, 0x50, srtp=True).play(wire, call.at + 0.3, seconds)
    return call.wait(seconds + 0.3)


@quiet("ice-unanswered")
def a_browser_call_as_it_should_be(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at)
    w.handshake(wire, call.at + 0.1, SERVER, BROWSER)
    audio(wire, call).bye()


@fires("ice-unanswered")
def no_check_is_answered(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at, answered=False, count=12)
    call.wait(15).bye()


@quiet("ice-unanswered")
def audio_takes_another_candidate_than_the_one_in_the_connection_line(wire: Wire) -> None:
    elsewhere = At("192.0.2.70", 50_002), At("192.0.2.50", 30_002)
    candidate = "candidate:2 1 udp 2130706430 {0.host} {0.port} typ host"
    call = browser_call(wire, extra=tuple(candidate.format(one) for one in elsewhere))
    names = {"local": "uB", "remote": "uS", "password": "serverpassword0123456789ab"}
    for number in range(7):
        w.check(wire, call.at + 0.1 * number, BROWSER, SERVER, 50 + number, answered=False, **names)
    w.check(wire, call.at, elsewhere[0], elsewhere[1], 1, nominate=True, **names)
    w.handshake(wire, call.at + 0.1, elsewhere[1], elsewhere[0])
    for src, dst in (elsewhere, elsewhere[::-1]):
        Sender(src, dst, src.port, srtp=True).play(wire, call.at + 0.3, 8)
    call.wait(8.3).bye()


@fires("ice-unanswered")
def checks_of_one_side_are_never_answered(wire: Wire) -> None:
    call = browser_call(wire)
    browser = {"local": "uB", "remote": "uS", "password": "serverpassword0123456789ab"}
    server = {"local": "uS", "remote": "uB", "password": "browserpassword0123456789", "controlling": False}
    for number in range(5):
        w.check(wire, call.at + 0.5 * number, BROWSER, SERVER, 1, answered=False, nominate=True, **browser)
        w.check(wire, call.at + 0.5 * number + 0.02, SERVER, BROWSER, 2, **server)
    call.wait(12).bye()


@fires("ice-unanswered")
def neither_side_says_where_it_is(wire: Wire) -> None:
    call = browser_call(wire, reachable=False)
    call.wait(12).bye()


@quiet("ice-unanswered")
def some_pairs_fail_and_one_works(wire: Wire) -> None:
    call = browser_call(wire)
    elsewhere = At("192.168.1.20", 50_000)
    for number in range(6):
        pair = {"local": "uS", "remote": "uB", "password": "x", "controlling": False}
        w.check(wire, call.at + 0.1 * number, SERVER, elsewhere, 100 + number, False, **pair)
    checks(wire, call.at + 0.2)
    w.handshake(wire, call.at + 0.3, SERVER, BROWSER)
    audio(wire, call).bye()


@fires("dtls-unanswered")
def client_hello_into_the_void(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at)
    for wait in (0.1, 1.1, 3.1, 7.1):
        wire.udp(call.at + wait, SERVER, BROWSER, w.client_hello())
    call.wait(12).bye()


@fires("dtls-unanswered")
def nobody_begins_because_both_are_passive(wire: Wire) -> None:
    call = browser_call(wire, setup="passive")
    checks(wire, call.at, count=4)
    call.wait(12).bye()


@quiet("dtls-unanswered")
def one_flight_repeated(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at)
    wire.udp(call.at + 0.05, SERVER, BROWSER, w.client_hello())
    w.handshake(wire, call.at + 1.05, SERVER, BROWSER)
    call.wait(1)
    audio(wire, call).bye()


@fires("dtls-refused")
def no_common_cipher(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at)
    wire.udp(call.at + 0.1, SERVER, BROWSER, w.client_hello((w.NULL_CIPHER,)))
    wire.udp(call.at + 0.12, BROWSER, SERVER, w.alert(40))
    call.wait(10).bye()


@fires("dtls-refused")
def a_certificate_that_was_not_announced(wire: Wire) -> None:
    call = browser_call(wire, fingerprint=PRINT_B)
    checks(wire, call.at)
    wire.udp(call.at + 0.1, SERVER, BROWSER, w.client_hello())
    wire.udp(call.at + 0.12, BROWSER, SERVER, w.server_flight(b"\x31" * 400))
    wire.udp(call.at + 0.14, SERVER, BROWSER, w.alert(42))
    call.wait(10).bye()


STRANGER = At("192.0.2.66", 4_444)


@fires("dtls-race")
def a_stranger_says_hello_first(wire: Wire) -> None:
    call = browser_call(wire, setup="passive")
    wire.udp(call.at, STRANGER, SERVER, w.client_hello((w.NULL_CIPHER,)))
    wire.udp(call.at + 0.01, SERVER, STRANGER, w.alert(40))
    checks(wire, call.at + 0.02)
    for wait in (0.1, 1.1, 3.1):
        wire.udp(call.at + wait, BROWSER, SERVER, w.client_hello())
    call.wait(10).bye()


@quiet("dtls-race")
def a_stranger_and_a_server_that_does_not_mind(wire: Wire) -> None:
    call = browser_call(wire, setup="passive")
    wire.udp(call.at, STRANGER, SERVER, w.client_hello((w.NULL_CIPHER,)))
    checks(wire, call.at + 0.02)
    wire.udp(call.at + 0.1, BROWSER, SERVER, w.client_hello())
    wire.udp(call.at + 0.12, SERVER, BROWSER, w.server_flight())
    wire.udp(call.at + 0.14, BROWSER, SERVER, w.client_finish())
    wire.udp(call.at + 0.16, SERVER, BROWSER, w.server_finish())
    audio(wire, call).bye()


@quiet("connection-gone")
def a_browser_behind_a_proxy_hangs_up(wire: Wire) -> None:
    browser = Agent("web", BROWSER.host, 51_000, "sip:web@x.invalid;transport=ws", "JsSIP 3.10.1", transport="WS")
    call = Call(wire, browser, Agent("1002", "203.0.113.40"), [Proxy("203.0.113.5")])
    call.connect(0, websocket=True)
    call.invite().ring().answer().ack().talk(6).bye(from_caller=False)


@quiet("dtls-refused")
def a_session_closed_in_peace(wire: Wire) -> None:
    call = browser_call(wire)
    checks(wire, call.at)
    w.handshake(wire, call.at + 0.1, SERVER, BROWSER)
    audio(wire, call)
    wire.udp(call.at, SERVER, BROWSER, w.alert(0, level=1))
    call.bye()
