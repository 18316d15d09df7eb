"""Faults and look-alikes in the shapes in which strangers plant them."""

from dataclasses import replace

from ..generator.media import Sender
from ..generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Tcp, Wire
from . import fires, quiet
from .network import LONG, PROXY, again_invite, register, tls_hello, tls_server_hello
from .quality import healthy
from .security import CHALLENGE, CREDENTIALS, abroad


def again(call: Call, cseq: int, offer: str, answer: str) -> Call:
    """A re-INVITE of the caller with its answer and ACK."""
    call.request("INVITE", cseq=cseq, body=offer)
    call.respond(200, "OK", answer, cseq=cseq, branch=call._branch)
    return call.ack(cseq=cseq)


@quiet("media-cut")
def a_fax_takes_the_place_of_the_voice(wire: Wire) -> None:
    call = plain_call(wire).talk(6)
    image = [
        f"v=0\r\no=- 1 2 IN IP4 {end.host}\r\ns=-\r\nc=IN IP4 {end.host}\r\nt=0 0\r\nm=image {end.port} udptl t38\r\n"
        for end in (call.caller.media, call.callee.media)
    ]
    again(call, 2, *image).wait(20).bye(cseq=3)


@quiet("media-cut")
def held_without_music_until_the_end(wire: Wire) -> None:
    call = plain_call(wire).talk(6)
    ends = call.caller.media, call.callee.media
    again(call, 2, sdp(ends[0], direction="sendonly"), sdp(ends[1], direction="recvonly")).wait(30).bye(cseq=3)


@fires("one-way-rtp")
def an_announcement_that_does_not_come(wire: Wire) -> None:
    healthy(wire)
    call = Call(wire, *phones(), [Proxy()]).invite().ring()
    call.answer(sdp(call.callee.media, direction="sendrecv")).ack()
    call.talk(10, b={"mute": True}).bye()


@fires("one-way-rtp")
def the_answer_goes_to_the_inside_of_a_nat(wire: Wire) -> None:
    one, two = phones()
    inside = At("192.168.1.77", 11_780)
    call = Call(wire, one, two, [Proxy()]).invite(sdp(inside)).ring().answer().ack()
    Sender(At(one.host, 52_110), two.media, 0xA1).play(wire, call.at, 8)
    Sender(two.media, inside, 0xB1).play(wire, call.at, 8)
    call.wait(8).bye()


@quiet("one-way-rtp")
def the_sender_learns_where_the_inside_is_seen(wire: Wire) -> None:
    one, two = phones()
    inside = At("192.168.1.77", 11_780)
    call = Call(wire, one, two, [Proxy()]).invite(sdp(inside)).ring().answer().ack()
    Sender(At(one.host, 52_110), two.media, 0xA1).play(wire, call.at, 8)
    Sender(two.media, inside, 0xB1, dst_after=(10, At(one.host, 52_110))).play(wire, call.at, 8)
    call.wait(8).bye()


@fires("connection-gone")
def a_nat_forgets_the_connection(wire: Wire) -> None:
    """What is sent on it is sent again and again, and only much later does the proxy give up."""
    call = Call(wire, *phones(), [Proxy()])
    tcp = call.connect(0)
    call.invite().ring().answer().ack().talk(6)
    call.request("BYE", from_caller=False, cseq=7, upto=1)
    tcp.send_in_vain(call.at, 1, b"BYE sip:1001@10.0.1.11 SIP/2.0\r\n", (0.0, 0.3, 0.9, 2.1, 4.5, 9.3, 19.0))
    call.wait(30).close("BYE", False, 408, "Request Timeout", cseq=7, first=1)


@fires("contact-transport-mismatch")
def the_contact_of_a_tls_phone_names_tcp(wire: Wire) -> None:
    one, two = phones()
    one = replace(one, port=40_123, contact=f"sip:1001@{one.host}:5060;transport=tcp")
    call = Call(wire, one, two, [Proxy()])
    call.connect(0, websocket=True)
    call.invite().ring().answer().ack().talk(6)
    call.request("BYE", from_caller=False, cseq=7, upto=1)
    refused = Tcp(wire, At("10.0.0.1", 40_001), At(one.host, 5060))
    refused.refused(call.at)
    call.wait(0.1).close("BYE", False, 477, "Send failed", cseq=7, first=1)


@fires("message-oversize")
def the_way_is_too_narrow_for_the_invite(wire: Wire) -> None:
    wire.mtu = 9000
    call = Call(wire, *phones(), [Proxy()], headers=LONG)
    call.invite()
    wire.unreachable(call.at + 0.001, "10.0.0.254", PROXY, call.callee.at, b"INVITE sip:1002@example.com", code=4)
    again_invite(call, (0.5, 1.5, 3.5, 7.5))
    call.wait(32).respond(408, "Request Timeout", start_link=0, contact=False)


@fires("gateway-down")
def the_gateway_behind_two_proxies_is_silent(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy(), Proxy("10.0.0.2")])
    call.invite().respond(100, "Trying", start_link=1, down_to=1, contact=False)
    again_invite(call, (0.5, 1.5, 3.5, 7.5, 15.5))
    call.wait(32).respond(408, "Request Timeout", start_link=1, contact=False).ack_failure()


@fires("gateway-down")
def the_gateway_refuses_connections(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(upto=1).respond(100, "Trying", start_link=0, contact=False)
    refused = Tcp(wire, At("10.0.0.1", 40_001), call.callee.at)
    refused.refused(call.at)
    call.wait(0.1).respond(503, "Service Unavailable", start_link=0, contact=False)


@fires("auth-loop")
def registrations_with_a_password_are_forbidden(wire: Wire) -> None:
    for number in range(5):
        more = CREDENTIALS.format(number=number)
        register(wire, phones()[0], EPOCH + 30 * number, cseq=number + 1, status=403, more=more)


@quiet("auth-loop")
def forbidden_once_and_let_in_later(wire: Wire) -> None:
    for number in range(5):
        more = CREDENTIALS.format(number=number)
        status = 403 if number < 3 else 200
        register(wire, phones()[0], EPOCH + 30 * number, cseq=number + 1, status=status, more=more)


@fires("toll-fraud")
def numbers_abroad_faster_than_anybody_dials(wire: Wire) -> None:
    for number in range(20):
        call = abroad(wire, number, number / 4, f"0044204521{number:04}")
        call.invite().respond(403, "Forbidden").ack_failure()


@quiet("toll-fraud")
def a_day_of_calls_abroad(wire: Wire) -> None:
    for number in range(12):
        call = abroad(wire, number, number * 50, f"0044204521{number:04}")
        call.invite().respond(486, "Busy Here").ack_failure()


@fires("session-expired")
def the_other_side_has_forgotten_the_session(wire: Wire) -> None:
    timer = "Session-Expires: 90;refresher=uac"
    call = Call(wire, *phones(), [Proxy()]).invite().ring().answer(extra=[timer]).ack()
    call.talk(45).request("UPDATE", extra=[timer]).close("UPDATE", True, 481, "Call Does Not Exist")
    call.wait(0.1).bye(cseq=3)


@quiet("session-expired")
def a_refused_refresh_after_which_the_call_goes_on(wire: Wire) -> None:
    timer = "Session-Expires: 600;refresher=uac"
    call = Call(wire, *phones(), [Proxy()]).invite().ring().answer(extra=[timer]).ack()
    call.talk(8).request("UPDATE", extra=[timer]).close("UPDATE", True, 500, "Busy")
    call.talk(12).bye(cseq=3)


@quiet("packet-loss")
def the_capture_misses_signalling_as_well(wire: Wire) -> None:
    call = plain_call(wire).talk(12, a={"lost": lambda n: n % 10 == 3}, b={"lost": lambda n: n % 9 == 4})
    first = len(wire.packets)
    call.bye()
    del wire.packets[first : first + 2]


@quiet("digital-silence")
def muted_after_the_line_was_handed_over(wire: Wire) -> None:
    call = plain_call(wire).talk(8)
    call.talk(10, a={"sound": "silence", "ssrc": 0xC1}, b={"ssrc": 0xC2}).bye()


@quiet("contact-unreachable")
def documentation_addresses_are_no_inside(wire: Wire) -> None:
    one = Agent("1001", "203.0.113.40", contact="sip:1001@192.168.1.20:5060")
    plain = Call(wire, one, phones()[1], [Proxy("198.51.100.5")])
    plain.invite().ring().answer().ack().talk(6).bye(from_caller=False)


@quiet("media-cut")
def a_listener_whose_phone_falls_silent_after_a_pause(wire: Wire) -> None:
    """Silence suppression that nobody announced: three seconds of speech, two of quiet, then no packet any more."""
    call = plain_call(wire)
    one = Sender(call.caller.media, call.callee.media, 0xA1)
    one.play(wire, call.at, 3)
    replace(one, sound="near", first_seq=250).play(wire, call.at + 3, 2.2)
    call.talk(20, a={"mute": True}).bye()


@fires("media-cut")
def cut_off_while_speaking(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"seconds": 5.1, "sound": "tone"}).bye()


@fires("no-rtp")
def a_relay_hears_both_and_sends_to_neither(wire: Wire) -> None:
    one, two = phones()
    relay = At("10.0.0.1", 30_000), At("10.0.0.1", 30_002)
    call = Call(wire, one, two, [Proxy()]).invite(rewrite={1: sdp(relay[1])}).ring()
    call.answer(rewrite={0: sdp(relay[0])}).ack()
    Sender(one.media, relay[0], 0xA1).play(wire, call.at, 10)
    Sender(two.media, relay[1], 0xB1).play(wire, call.at, 10)
    call.wait(10).bye()


@quiet("packet-loss")
def a_capture_of_which_only_samples_were_kept(wire: Wire) -> None:
    plain_call(wire).talk(12, a={"lost": lambda n: n % 60 > 2 and n < 590}, b={"lost": lambda n: n % 100 > 3}).bye()


@quiet("media-cut")
def a_voice_mail_records_and_sends_nothing(wire: Wire) -> None:
    one, two = phones()
    two = replace(two, contact="sip:voicemail@10.0.2.11:5060", agent="Asterisk PBX 20.5.0")
    Call(wire, one, two, [Proxy()]).invite().ring().answer().ack().talk(20, b={"seconds": 6.0}).bye()


@fires("auth-loop")
def a_phone_that_never_tires_of_its_wrong_password(wire: Wire) -> None:
    for number in range(40):
        more, answer = CREDENTIALS.format(number=number), CHALLENGE.format(number=number, stale="")
        register(wire, phones()[0], EPOCH + number, cseq=number + 1, status=401, more=more, answer=answer)


@fires("scanner")
def passwords_of_one_user_are_guessed(wire: Wire) -> None:
    for number in range(40):
        more, answer = CREDENTIALS.format(number=number), CHALLENGE.format(number=number, stale="")
        guest = Agent("1001", "45.95.1.2", agent="Linphone/5.2")
        register(wire, guest, EPOCH + number, status=401, call_id=f"guess{number}", more=more, answer=answer)


@fires("tls-failed")
def a_server_that_hangs_up_upon_a_client_hello(wire: Wire) -> None:
    for number in range(3):
        tcp = Tcp(wire, At("10.0.1.11", 40_000 + number), At("10.0.0.1", 5061))
        tcp.open(EPOCH + number)
        tcp.send(EPOCH + number + 0.01, 0, tls_hello())
        tcp.reset(EPOCH + number + 0.03, 1)


@quiet("tls-failed")
def a_client_that_goes_away_by_itself(wire: Wire) -> None:
    tcp = Tcp(wire, At("10.0.1.11", 40_000), At("10.0.0.1", 5061))
    tcp.open(EPOCH)
    tcp.send(EPOCH + 0.01, 0, tls_hello())
    tcp.send(EPOCH + 0.02, 1, tls_server_hello())
    tcp.close(EPOCH + 2, 1)
