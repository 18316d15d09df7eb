"""What a script changes of requests within a call: once, by a hook, or in every offer, as the first one said."""

import pytest
from tests.edge.lab import OFFER, Phone
from tests.routing.house import URI, House

from talkpath.sdp import SessionDescription
from talkpath.sip.message import Message

VIDEO = b"m=video 4002 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
BOTH = OFFER + VIDEO
ROUTE = "@edge.on_call\nasync def route(call):\n    {first}\n    return users('1002')\n"
HOOK = "@edge.on_request('INVITE', 'INFO')\nasync def within(call, request):\n{lines}\n"


def begun(house: House, script: str) -> tuple[Message, Message]:
    """A call with audio and video that runs: the INVITE as Bob got it, the 200 as Anna got it."""
    house.script(script)
    house.anna.invite(URI, body=BOTH)
    invite = house.bob.take()
    house.bob.answer(invite, 200, body=invite.sdp)
    ok = house.anna.last()
    house.anna.ack(ok, house.bob.contact)
    house.anna.inbox.clear()
    house.bob.inbox.clear()
    return invite, ok


def hooked(lines: str, first: str = "pass") -> str:
    body = "\n".join(f"    {line}" for line in lines.split("\n"))
    return ROUTE.format(first=first) + HOOK.format(lines=body)


def offered(phone: Phone) -> SessionDescription:
    return SessionDescription.parse(phone.last().sdp)


def names(description: SessionDescription) -> list[str]:
    return [codec.name for codec in description.audio.codecs.voice]


async def test_a_hook_changes_a_later_offer_its_answer_and_headers(house: House) -> None:
    _, ok = begun(
        house,
        hooked(
            "request.offer.video.reject()\nrequest.offer.audio.codecs.keep('PCMA')\n"
            "request.headers['X-Way'] = 'hook'\n"
            "request.answer.audio.limit_bandwidth(64)\nrequest.answer_headers['X-Back'] = 'hook'"
        ),
    )
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    again = house.bob.last()
    assert again.first("X-Way") == "hook"
    assert offered(house.bob).video.is_rejected
    assert names(offered(house.bob)) == ["PCMA"]
    house.bob.answer(again, 200, body=again.sdp)
    answer = house.anna.last()
    assert answer.first("X-Back") == "hook"
    assert SessionDescription.parse(answer.sdp).audio.bandwidth_kbps == 64
    assert house.moments()[-1] == "script.changed"


async def test_a_hook_that_looks_at_an_offer_changes_nothing(house: House) -> None:
    _, ok = begun(house, hooked("call.note(len(request.offer.media))"))
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    assert [section.is_rejected for section in offered(house.bob).media] == [False, False]
    assert house.moments()[-1] == "script.note"


async def test_a_hook_changes_the_headers_of_what_brings_no_offer(house: House) -> None:
    invite, _ = begun(house, hooked("request.headers['X-Way'] = str(bool(request.offer))"))
    house.bob.in_dialog("INFO", invite)
    assert house.anna.last().first("X-Way") == "False"


async def test_what_is_said_of_every_offer_holds_for_both_sides(house: House) -> None:
    first = "call.every_offer.video.reject(); call.every_offer.audio.codecs.keep('PCMA')"
    invite, ok = begun(house, ROUTE.format(first=first))
    assert SessionDescription.parse(invite.sdp).video.is_rejected
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    assert offered(house.bob).video.is_rejected
    assert names(offered(house.bob)) == ["PCMA"]
    house.bob.answer(house.bob.last(), 200, body=house.bob.last().sdp)
    house.anna.ack(house.anna.last(), house.bob.contact)
    house.bob.in_dialog("INVITE", invite, body=BOTH.replace(b"198.51.100.7", b"198.51.100.8"))
    assert offered(house.anna).video.is_rejected
    assert names(offered(house.anna)) == ["PCMA"]
    assert house.moments().count("script.changed") == 2


async def test_what_is_said_of_an_offer_alone_holds_for_that(house: House) -> None:
    invite, ok = begun(house, ROUTE.format(first="call.offer.video.reject()"))
    assert SessionDescription.parse(invite.sdp).video.is_rejected
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    assert not offered(house.bob).video.is_rejected


async def test_a_hook_sees_an_offer_as_it_will_be(house: House) -> None:
    _, ok = begun(
        house, hooked("call.note(request.offer.video.is_rejected)", first="call.every_offer.video.reject()")
    )
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    (note,) = [moment for moment in house.told() if moment.kind == "script.note"]
    assert note.values["text"] == "True"


async def test_a_call_that_is_over_is_forgotten(house: House) -> None:
    _, ok = begun(house, ROUTE.format(first="call.every_offer.video.reject()"))
    house.anna.in_dialog("BYE", ok)
    house.bob.answer(house.bob.last(), 200)
    assert house.router._known == {}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("request.headers['X-A'] = 'a\\r\\nX-B: c'", "line break"),
        ("request.headers['CSeq'] = '7 INVITE'", "CSeq can not be changed"),
        ("request.offer.audio.codecs.add('opus/48000/2')", "an offer says what the caller can do"),
        ("request.offer.media.pop()", "an answer needs every section"),
        ("request.offer.audio.direction = 'sideways'", "'sideways' is no direction"),
        ("request.offer.audio.bandwidth_kbps = -1", "-1 is no limit"),
    ],
)
async def test_an_edit_that_makes_no_sense_costs_that_request_and_says_where(
    house: House, line: str, error: str
) -> None:
    _, ok = begun(house, hooked(line))
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    assert house.anna.last().status == 500
    assert house.bob.inbox == []
    (told,) = [moment for moment in house.told() if moment.kind == "script.failed"]
    assert error in str(told.values["error"])
    assert str(told.values["place"]).startswith("routing.py:")
    house.anna.in_dialog("BYE", ok)
    assert house.bob.methods() == ["BYE"]


async def test_what_a_script_says_of_an_answer_and_can_not_be_done_is_told(house: House) -> None:
    house.script(ROUTE.format(first="call.answer.change(lambda answer: 1 / 0)"))
    house.anna.invite(URI, body=OFFER)
    house.bob.answer(house.bob.take(), 200, body=OFFER)
    assert house.anna.last().status == 200
    assert "script.edit-failed" in house.moments()


async def test_a_refusal_of_a_hook_brings_its_headers(house: House) -> None:
    _, ok = begun(house, hooked("return reject(488, headers={'Warning': '304 here \"No video\"'})"))
    house.anna.in_dialog("INVITE", ok, body=BOTH)
    assert house.anna.last().first("Warning") == '304 here "No video"'
