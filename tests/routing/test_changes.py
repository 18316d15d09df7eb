"""What a script sees of a call, and what it changes: headers, the caller, descriptions."""

import pytest
from tests.routing.desk import OFFER, Asked, Desk, invite

from talkpath.edge.forwarding.changes import Changes
from talkpath.sdp import SessionDescription

FROM = 'From: "Anna" <sip:anna@example.com>;tag=a1'


def changed(desk: Desk, body: str, **fields: object) -> Changes:
    asked = seen(desk, f"{body}\nreturn users('bob')", **fields)
    changes = asked.plan.changes
    assert changes is not None, asked.moments
    return changes


def seen(desk: Desk, body: str, **fields: object) -> Asked:
    desk.on_call(body)
    return desk.ask(**fields)


def noted(desk: Desk, expression: str, **fields: object) -> str:
    asked = seen(desk, f"call.note(({expression}))\nreturn drop()", **fields)
    return str(asked.said("script.note")["text"])


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("call.id", "c1"),
        ("call.source", "192.0.2.7"),
        ("call.transport", "UDP"),
        ("call.number", "1001"),
        ("call.uri.host", "example.com"),
        ("call.caller.name, call.caller.number, call.caller.domain", "('Anna', 'anna', 'example.com')"),
        ("call.comes_from('192.0.2.0/24'), call.comes_from('192.0.2.8', '2001:db8::/32')", "(True, False)"),
        ("call.headers['subject'], call.headers.get('X-None', 'none')", "('Hello', 'none')"),
        ("call.headers.all('X-Way'), 'x-way' in call.headers", "(['a', 'b'], True)"),
        ("[c.name for c in call.offer.audio.codecs]", "['PCMU', 'PCMA', 'speex', 'opus']"),
        ("call.identity.asserted", "sip:boss@example.com"),
        ("call.identity.privacy", "('id', 'user')"),
        ("call.identity.diversions", "['sip:one@example.com', 'sip:two@example.com']"),
        ("call.identity.history", "['sip:old@example.com']"),
        ("bool(call.offer), call.is_dry, call.user, call.gateway", "(True, False, '', '')"),
        ("bool(call.gateway), call.gateway.group", "(False, '')"),
    ],
)
async def test_what_a_script_sees(desk: Desk, expression: str, text: str) -> None:
    headers = (
        "s: Hello\r\nX-Way: a\r\nX-Way: b\r\nP-Asserted-Identity: <sip:boss@example.com>\r\nPrivacy: id;user\r\n"
        "Diversion: <sip:one@example.com>, <sip:two@example.com>\r\nHistory-Info: <sip:old@example.com>;index=1\r\n"
    )
    assert noted(desk, expression, message=invite(headers=headers)) == text


@pytest.mark.parametrize(
    ("dialled", "region", "e164", "country"),
    [
        ("+49 30 123456", "", "+4930123456", "DE"),
        ("030123456", "DE", "+4930123456", "DE"),
        ("030123456", "", "", ""),
        ("0033142685300", "DE", "+33142685300", "FR"),
        ("+12125550123", "", "+12125550123", "US"),
        ("anna", "DE", "", ""),
        ("+" + "1" * 10_000, "DE", "", ""),
        # Extensions: where a country wants a prefix before its numbers, and where it wants none.
        ("1001", "DE", "", ""),
        ("30123", "DE", "", ""),
        ("30123456", "DE", "", ""),
        ("1001", "US", "", ""),
        ("10086", "CN", "", ""),
        ("01701234567", "DE", "+491701234567", "DE"),
        ("4930123456", "DE", "+4930123456", "DE"),
        ("2125550123", "US", "+12125550123", "US"),
        ("12125550123", "US", "+12125550123", "US"),
        ("13912345678", "CN", "+8613912345678", "CN"),
        ("02112345678", "CN", "+862112345678", "CN"),
        ("0236618300", "IT", "+390236618300", "IT"),
        ("info030123456", "DE", "", ""),
        ("*2103012345678", "DE", "", ""),
    ],
)
async def test_a_number_in_full(desk: Desk, dialled: str, region: str, e164: str, country: str) -> None:
    desk.settings = type(desk.settings)(region=region)
    message = invite(f"sip:{dialled.replace(' ', '')}@example.com")
    assert noted(desk, "(call.number.e164, call.number.country)", message=message) == str((e164, country))


@pytest.mark.parametrize(
    ("body", "removed", "added"),
    [
        ("call.headers['X-A'] = '1'", ("X-A",), "X-A: 1\r\n"),
        ("call.headers.add('X-Way', 'c')", ("X-Way",), "X-Way: a\r\nX-Way: b\r\nX-Way: c\r\n"),
        ("call.headers.put_first('X-Way', 'c')", ("X-Way",), "X-Way: c\r\nX-Way: a\r\nX-Way: b\r\n"),
        ("call.headers.remove('X-Way', 's')", ("X-Way", "Subject"), ""),
        ("call.headers['s'] = 'Call'", ("Subject",), "Subject: Call\r\n"),
        (
            "call.identity.asserted = 'tel:+4930555'",
            ("P-Asserted-Identity",),
            "P-Asserted-Identity: <tel:+4930555>\r\n",
        ),
        (
            "call.identity.divert('sip:anna@example.com', 'user-busy')",
            ("Diversion",),
            "Diversion: <sip:anna@example.com>;reason=user-busy\r\n",
        ),
        (
            "call.identity.remember('sip:a@x.org')\ncall.identity.remember('sip:b@x.org')",
            ("History-Info",),
            "History-Info: <sip:a@x.org>;index=1\r\nHistory-Info: <sip:b@x.org>;index=1.1\r\n",
        ),
    ],
)
async def test_header_fields_that_are_changed(desk: Desk, body: str, removed: tuple[str, ...], added: str) -> None:
    message = invite(headers="Subject: Hello\r\nX-Way: a\r\nX-Way: b\r\n")
    changes = changed(desk, body, message=message)
    assert (changes.removed, changes.added, changes.sender) == (removed, added, "")


async def test_what_is_changed_is_seen_at_once(desk: Desk) -> None:
    body = (
        "call.headers['X-A'] = '1'\ncall.headers.add('x-a', '2')\ncall.note(call.headers.all('X-A'))\nreturn drop()"
    )
    assert seen(desk, body).said("script.note")["text"] == "['1', '2']"


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        ("call.caller.number = '+4930555'", '"Anna" <sip:+4930555@example.com>'),
        ("call.caller.name = 'The \"Shop\"'", '"The \\"Shop\\"" <sip:anna@example.com>'),
        ("call.caller.name = ''", "<sip:anna@example.com>"),
        ("call.caller.number = 'a@b>c'", '"Anna" <sip:a%40b%3Ec@example.com>'),
        ("call.identity.hide()", '"Anonymous" <sip:anonymous@anonymous.invalid>'),
    ],
)
async def test_the_caller_is_shown_otherwise(desk: Desk, body: str, sender: str) -> None:
    changes = changed(desk, body)
    assert changes.sender == sender
    assert changes.added == ("Privacy: id\r\n" if "hide" in body else "")


async def test_answers_get_and_lose_fields(desk: Desk) -> None:
    body = (
        "call.answer_headers['X-A'] = '1'\ncall.answer_headers.remove('Server')\ncall.answer_headers.add('X-B', '2')"
    )
    changes = changed(desk, body)
    assert changes.answer_removed == ("X-A", "Server")
    assert changes.answer_added == "X-A: 1\r\nX-B: 2\r\n"


def codecs(description: bytes, at: int = 0) -> list[str]:
    return [codec.name for codec in SessionDescription.parse(description).media[at].codecs]


async def test_codecs_that_are_dropped_go_before_media_and_in_the_end(desk: Desk) -> None:
    changes = changed(desk, "call.offer.audio.codecs.prefer('opus', 'PCMA').drop('speex')")
    assert changes.offer is not None
    assert changes.codecs is not None
    assert codecs(changes.offer(OFFER.encode())) == ["opus", "PCMA", "PCMU"]
    written_by_media = OFFER.replace("192.0.2.7", "203.0.113.1").encode()
    assert codecs(changes.codecs(written_by_media)) == ["opus", "PCMA", "PCMU"]


async def test_a_codec_of_a_converter_may_be_all_that_is_kept(desk: Desk) -> None:
    changes = changed(desk, "call.offer.audio.codecs.keep('G722')")
    assert changes.codecs is not None
    assert changes.offer is None, "our media gets what the caller speaks"
    converted = OFFER.replace("RTP/AVP 0 8 110 96", "RTP/AVP 0 8 110 96 9").encode()
    assert codecs(changes.codecs(converted)) == ["G722"]


async def test_video_goes_and_other_edits_are_made_once(desk: Desk) -> None:
    body = (
        "call.offer.video.reject()\ncall.offer.audio.direction = 'sendonly'\n"
        "call.offer.audio.bandwidth_kbps = 64\ncall.offer.attributes.add('tool', 'talkpath')"
    )
    changes = changed(desk, body)
    assert changes.codecs is None
    assert changes.offer is not None
    there = SessionDescription.parse(changes.offer(OFFER.encode()))
    assert there.media[1].is_rejected
    assert (there.audio.direction, there.audio.bandwidth_kbps) == ("sendonly", 64)
    assert there.encode() == SessionDescription.parse(there.encode()).encode()
    assert changes.offer(b"v=0\r\nanother") == b"v=0\r\nanother"


async def test_looking_at_an_offer_changes_nothing(desk: Desk) -> None:
    asked = seen(
        desk, "call.offer.audio.codecs.voice\ncall.headers.all('Via')\ncall.caller.name\nreturn users('bob')"
    )
    assert asked.plan.changes is None


@pytest.mark.parametrize("body", ["", OFFER[: OFFER.index("m=audio")] + "m=image 4000 udptl t38\r\n"])
async def test_edits_of_what_the_caller_does_not_offer_change_nothing(desk: Desk, body: str) -> None:
    text = (
        "call.offer.audio.codecs.prefer('opus').drop('speex').keep('PCMA')\ncall.offer.video.reject()\n"
        "call.note(bool(call.offer))\nreturn users('bob')"
    )
    asked = seen(desk, text, message=invite(body=body))
    assert asked.plan.changes is None
    assert asked.said("script.note")["text"] == str(bool(body))


async def test_edits_of_an_answer_wait_for_it(desk: Desk) -> None:
    changes = changed(
        desk,
        "audio = call.answer.audio\naudio.codecs.prefer('PCMA').drop('speex')\naudio.attributes.set('ptime', '30')\n"
        "audio.set_direction('recvonly')\naudio.limit_bandwidth(80)\ncall.answer.video.reject()\n"
        "call.answer.change(lambda answer: answer.attributes.add('tool', 'x'))",
    )
    assert changes.answer is not None
    there = SessionDescription.parse(changes.answer(OFFER.encode()))
    assert [codec.name for codec in there.audio.codecs] == ["PCMA", "PCMU", "opus"]
    assert (there.audio.ptime_ms, there.audio.direction, there.audio.bandwidth_kbps) == (30, "recvonly", 80)
    assert there.media[1].is_rejected
    assert there.attributes.first("tool") == "x"


async def test_a_second_attempt_takes_what_was_changed_since(desk: Desk) -> None:
    from talkpath.edge.routing.inquiry import Outcome

    desk.on_call(
        "call.headers['X-Try'] = '1'\nawait call.to(users('a'))\ncall.headers['X-Try'] = '2'\nreturn users('b')"
    )
    asked = Asked()
    asked.outcomes = [Outcome(480)]
    desk.ask(asked)
    first = asked.attempts[0][0].changes
    assert first is not None
    assert first.added == "X-Try: 1\r\n"
    assert asked.plan.changes is not None
    assert asked.plan.changes.added == "X-Try: 2\r\n"
