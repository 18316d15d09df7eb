"""What offer and answer agree on, and what they do not."""

from ..generator.media import digits
from ..generator.sip import EVENT, G729, PCMA, PCMU, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import Wire
from . import fires, quiet

KEY_A, KEY_B = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"


@fires("codec-lost")
def an_odd_fmtp_made_the_relay_drop_the_codec(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [PCMU, EVENT], extra=["fmtp:0 abc=no"])).ring()
    call.answer(sdp(call.callee.media, [PCMU, EVENT]), rewrite={0: sdp(call.callee.media, [EVENT])}).ack()
    call.wait(0.3).bye()


@quiet("codec-lost")
def one_codec_of_three_is_chosen(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [G729, PCMA, PCMU, EVENT])).ring()
    call.answer(sdp(call.callee.media, [PCMU, EVENT])).ack().talk(6).bye()


@fires("codec-refused")
def nothing_in_common(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [G729])).respond(488, "Not Acceptable Here").ack_failure()


@quiet("codec-refused")
def fax_refused_and_the_talk_goes_on(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(5)
    call.request("INVITE", cseq=2, body=sdp(call.caller.media, [PCMU]).replace("m=audio", "m=image"))
    call.respond(488, "Not Acceptable Here", cseq=2, branch=call._branch)
    call.talk(5, a={"first_seq": 350}, b={"first_seq": 350}).bye(cseq=3)


@fires("dtmf-mismatch")
def keys_in_a_number_that_nobody_announced(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    other = [PCMU, (96, "telephone-event/8000")]
    call.invite(sdp(call.caller.media, [PCMU, EVENT])).ring().answer(sdp(call.callee.media, other)).ack()
    digits(wire, call.caller.media, call.callee.media, 0xA0000 + call._serial(), call.at + 3)
    call.talk(8).bye()


@fires("dtmf-mismatch")
def keys_in_a_number_that_neither_side_announced(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [PCMU])).ring().answer(sdp(call.callee.media, [PCMU])).ack()
    digits(wire, call.caller.media, call.callee.media, 0xA0000 + call._serial(), call.at + 3)
    call.talk(8).bye()


@fires("dtmf-mismatch")
def info_is_refused(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(4)
    call.request("INFO", extra=["Content-Type: application/dtmf-relay"]).close("INFO", True, 415, "Unsupported")
    call.talk(4, a={"first_seq": 300}, b={"first_seq": 300}).bye(cseq=3)


@quiet("dtmf-mismatch")
def each_side_has_its_own_number(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    other = [PCMU, (96, "telephone-event/8000")]
    call.invite(sdp(call.caller.media, [PCMU, EVENT])).ring().answer(sdp(call.callee.media, other)).ack()
    digits(wire, call.caller.media, call.callee.media, 0xA0000 + call._serial(), call.at + 3, payload_type=96)
    digits(wire, call.callee.media, call.caller.media, 0xB0000 + call._serial(), call.at + 4, payload_type=101)
    call.talk(8).bye()


def crypto(tag: int, key: str, suite: str = "AES_CM_128_HMAC_SHA1_80") -> list[str]:
    return [f"crypto:{tag} {suite} inline:{key}"]


def secured(wire: Wire, answer: list[str], **talk: dict[str, object]) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [PCMU, EVENT], extra=crypto(1, KEY_A), profile="RTP/SAVP")).ring()
    call.answer(sdp(call.callee.media, [PCMU, EVENT], extra=answer, profile="RTP/SAVP")).ack()
    call.talk(8, **(talk or {"a": {"srtp": True}, "b": {"srtp": True}})).bye()


@fires("srtp-key-mismatch")
def the_answer_takes_a_tag_that_was_not_offered(wire: Wire) -> None:
    secured(wire, crypto(2, KEY_B, "AES_CM_128_HMAC_SHA1_32"))


@fires("srtp-key-mismatch")
def plain_audio_where_srtp_was_agreed(wire: Wire) -> None:
    secured(wire, crypto(1, KEY_B), a={"srtp": True}, b={})


@fires("srtp-key-mismatch")
def the_proxy_changed_the_key_but_not_the_address(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    lines = [sdp(call.caller.media, [PCMU], extra=crypto(1, key), profile="RTP/SAVP") for key in (KEY_A, KEY_B)]
    call.invite(lines[0], rewrite={1: lines[1]}).ring()
    call.answer(sdp(call.callee.media, [PCMU], extra=crypto(1, KEY_B), profile="RTP/SAVP")).ack()
    call.talk(8, a={"srtp": True}, b={"srtp": True}).bye()


@quiet("srtp-key-mismatch")
def srtp_as_it_should_be(wire: Wire) -> None:
    secured(wire, crypto(1, KEY_B), a={"srtp_key": KEY_A}, b={"srtp_key": KEY_B})


@fires("srtp-key-mismatch")
def packets_that_the_announced_key_does_not_open(wire: Wire) -> None:
    secured(wire, crypto(1, KEY_B), a={"srtp_key": KEY_A}, b={"srtp_key": KEY_A})


@quiet("srtp-key-mismatch")
def srtp_that_is_first_seen_after_its_sequence_numbers_began_again(wire: Wire) -> None:
    late = {"first_seq": 65_500, "lost": lambda number: number < 50}
    secured(wire, crypto(1, KEY_B), a={"srtp_key": KEY_A, **late}, b={"srtp_key": KEY_B, **late})
