"""The page of a call: its ladder, in words, without secrets and without anything a peer could do to a terminal."""

import json
from time import process_time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls.build import call_of, summarised
from talkpath.calls.captured import CaptureLedger
from talkpath.calls.drawing import Style, draw_call, draw_ladder, draw_messages
from talkpath.calls.facts import facts_of, facts_of_summary, story_of
from talkpath.calls.ladder import Arrow, Note, ladder_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Call, Side
from talkpath.calls.redacted import redacted
from talkpath.capture.records import SipSeen
from talkpath.sip.message import Message

from .talk import DESK, EDGE, PHONE, Caught, Talk, flow, sdp
from .test_captured import calls_of, place, through_a_proxy

OTHER = Address("192.0.2.13", 5060)
PHONE_A, PHONE_B = Address("10.0.1.1", 5060), Address("10.0.2.2", 5060)


def _forked() -> Call:
    """PHONE calls through us, DESK rings, another phone refuses; every message comes twice from the caller."""
    ledger = Ledger()

    def note(now: float, raw: bytes, remote: Address, *, sent: bool) -> None:
        ledger.written(now, flow(remote), "a@x", raw, sent)

    one, two, three = Talk(), Talk(vias=("p1", "z9hG4bK-a1")), Talk(vias=("p2", "z9hG4bK-a1"), to_tag="t2")
    for again in (0.0, 0.5):
        note(10.0 + again, one.invite(sdp(Address("192.0.2.11", 4000), "8 0", "sendonly")), PHONE, sent=False)
    ledger.moment(10.01, "a@x", "route.user", user="1002")
    note(10.02, two.invite(), DESK, sent=True)
    note(10.02, three.invite(), OTHER, sent=True)
    note(10.2, three.answer(486, "Busy \x1b[2JHere"), OTHER, sent=False)
    note(10.3, two.answer(180, "Ringing"), DESK, sent=False)
    note(10.31, one.answer(180, "Ringing"), PHONE, sent=True)
    return call_of(next(ledger.running()))


def test_the_columns_are_the_boxes_on_the_path_in_their_order() -> None:
    ladder = ladder_of(_forked())
    assert [(column.addresses, column.name) for column in ladder.columns] == [
        ((PHONE,), ""),
        ((EDGE,), "talkpath"),
        ((DESK,), ""),
        ((OTHER,), ""),
    ]


def test_what_goes_past_the_middle_box_is_drawn_from_end_to_end() -> None:
    caught = Caught()
    through_a_proxy(caught)
    caught.see(111.0, PHONE_A, PHONE_B, Talk(vias=("a9",)).request("INFO", cseq=9))
    caught.see(111.1, PHONE_B, PHONE_A, Talk(vias=("a9",)).answer(200, "OK", "INFO", cseq=9))
    (call,) = calls_of(caught)
    arrows = [step for step in ladder_of(call).steps if isinstance(step, Arrow) and "INFO" in step.text]
    assert [(arrow.tail, arrow.head) for arrow in arrows] == [(0, 2), (2, 0)]


def test_arrows_and_moments_stand_in_the_order_of_time() -> None:
    steps = ladder_of(_forked()).steps
    assert [step.moment.kind if isinstance(step, Note) else (step.tail, step.head, step.text) for step in steps] == [
        (0, 1, "INVITE"),
        "route.user",
        (1, 2, "INVITE"),
        (1, 3, "INVITE"),
        (3, 1, "486 Busy \x1b[2JHere"),
        (2, 1, "180 Ringing"),
        (1, 0, "180 Ringing"),
    ]
    first = steps[0]
    assert isinstance(first, Arrow)
    assert len(first.seen.retransmitted) == 1


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_ladder_is_drawn_at_any_width(width: int) -> None:
    lines = [line.text for line in draw_ladder(ladder_of(_forked()), Language.EN, width)]
    assert any("INVITE ×2" in line and "▶" in line for line in lines)
    assert any("Busy" in line and "◀" in line for line in lines)
    assert any("Routed to the user 1002." in line for line in lines)
    assert any("audio 192.0.2.11:4000 PCMA PCMU sendonly" in line for line in lines)
    bars = {line.index("│") for line in lines if "│" in line}
    assert len(bars) == 1


def test_what_is_pinned_stands_under_its_arrow() -> None:
    lines = [
        line.text.strip() for line in draw_ladder(ladder_of(_forked()), Language.EN, 100, {4: ["here it broke"]})
    ]
    at = next(number for number, line in enumerate(lines) if "486 Busy" in line)
    assert lines[at + 1] == "here it broke"


def test_no_peer_can_talk_to_the_terminal() -> None:
    call = _forked()
    text = "".join(line.text for line in (*draw_call(call, Language.EN), *draw_messages(call)))
    assert "\x1b" not in text
    assert printable("a\x1b[31mb\u202ec\n") == "a·[31mb·c·"


def test_a_page_is_said_in_chinese() -> None:
    text = "\n".join(line.text for line in draw_call(_forked(), Language.ZH))
    assert "路由到用户 1002。" in text
    assert "呼叫中" in text


def test_a_refusal_is_coloured_as_one() -> None:
    styles = {line.style for line in draw_ladder(ladder_of(_forked()), Language.EN) if "486" in line.text}
    assert styles == {Style.BAD}


@pytest.mark.parametrize(
    "secret",
    [
        'Authorization: Digest username="a", nonce="n", response="SECRET", uri="sip:x"',
        'proxy-authorization: Digest response=SECRET, username="a"',
        'Authentication-Info: qop=auth, rspauth="SECRET"',
        "Authorization: Bearer SECRET",
        "Authorization: Basic SECRET",
        "Contact: <sip:1001:SECRET@192.0.2.1>",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20|1:32",
        "a=ice-pwd:SECRET",
        "k=base64:SECRET",
        "a=key-mgmt:mikey SECRET",
    ],
)
def test_secrets_are_taken_out(secret: str) -> None:
    text = redacted(f"INVITE sip:x SIP/2.0\r\nVia: y\r\n{secret}\r\nCall-ID: z\r\n\r\n".encode())
    assert "SECRET" not in text
    assert "***" in text
    assert "Call-ID: z" in text


def test_who_called_whom_is_no_secret() -> None:
    raw = Talk(headers=("Contact: <sip:1001@192.0.2.1:5060;transport=tcp>",)).invite(sdp(PHONE))
    assert redacted(raw) == raw.decode()


def test_facts_are_json_with_the_names_of_the_contract() -> None:
    caught = Caught()
    through_a_proxy(caught)
    (call,) = calls_of(caught)
    facts = json.loads(msgspec.json.encode(facts_of(call)))
    assert {"id", "call_ids", "from", "to", "start", "result", "status", "ring_s", "answer_s", "talk_s"} < set(facts)
    assert (facts["from"], facts["to"], facts["result"], facts["ended_by"]) == ("1001", "1002", "answered", "callee")
    row = json.loads(msgspec.json.encode(facts_of_summary(summarised(call))))
    assert {name: row[name] for name in ("id", "start", "talk_s", "end")} == {
        name: facts[name] for name in ("id", "start", "talk_s", "end")
    }
    story = json.loads(msgspec.json.encode(story_of(call, Language.EN, with_messages=True)))
    assert [leg["parent"] for leg in story["legs"]] == [None, 0]
    assert story["messages"][0]["raw"].startswith("INVITE ")
    assert story["messages"][0]["frames"] == [1]


# --- hostile input

_WORDS = st.sampled_from(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "z9",
        "a@x",
        "tag=",
        "SIP/2.0 200 OK",
        "SIP/2.0 487 X",
        ";branch=z1",
        "\r\n",
        "\0",
        "é",
        "<",
        '"',
        "0 0",
    ]
)


def _mutated(raw: bytes, at: int, word: str, cut: int) -> bytes:
    at %= len(raw)
    return raw[:at] + word.encode() + raw[at + cut :]


@given(changes=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 800), _WORDS, st.integers(0, 30)), max_size=8))
@settings(max_examples=settings.default.max_examples * 2, deadline=None)
def test_whatever_peers_send_can_be_read_and_drawn(changes: list[tuple[int, int, str, int]]) -> None:
    caught = Caught()
    through_a_proxy(caught)
    raws = [record.raw for record in caught.records]
    for number, at, word, cut in changes:
        raws[number] = _mutated(raws[number], at, word, cut)
    captured, live = CaptureLedger(), Ledger()
    for record, raw in zip(caught.records, raws, strict=True):
        changed = SipSeen(
            record.frame, record.time, record.src, record.dst, record.transport, raw, (record.frame,), 1, 0,
            False, False, False, len(raw), None,
        )  # fmt: skip
        captured.take([changed])
        try:
            live.written(record.time, flow(record.src), Message.parse(raw).call_id, raw, sent=False)
        except Malformed:
            continue
    for call in (*captured.calls(), *map(call_of, live.running())):
        assert draw_call(call, Language.EN)
        assert msgspec.json.encode(story_of(call, Language.ZH, with_messages=True))


def test_a_call_between_two_hosts_only_has_two_columns() -> None:
    caught = Caught()
    place(caught, Talk())
    (call,) = calls_of(caught)
    assert len(ladder_of(call).columns) == 2


def test_what_only_looks_like_a_password_is_read_in_one_pass() -> None:
    raw = b"MESSAGE sip:x SIP/2.0\r\n\r\n" + b"sip:a:" * 5_000
    began = process_time()
    assert redacted(raw) == raw.decode()
    assert process_time() - began < 1, "milliseconds are enough; what is tried in many ways takes many seconds"


def test_a_phone_that_is_asked_twice_is_one_column() -> None:
    ledger, one, again = Ledger(), Talk(), Talk(vias=("p2", "z9hG4bK-a1"))
    ledger.written(10.0, flow(PHONE), "a@x", one.invite(), False)
    for at, asked in ((10.1, Talk(vias=("p1", "z9hG4bK-a1"))), (10.3, again)):
        ledger.written(at, flow(DESK), "a@x", asked.invite(), True)
        ledger.written(at + 0.1, flow(DESK), "a@x", asked.answer(488), False)
    ladder = ladder_of(call_of(next(ledger.running())))
    assert [column.addresses for column in ladder.columns] == [(PHONE,), (EDGE,), (DESK,)]


def test_a_call_that_was_given_up_is_not_told_by_the_last_thing_that_was_heard() -> None:
    ledger, talk = Ledger(), Talk()
    ledger.written(10.0, flow(PHONE), "a@x", talk.invite(), False)
    ledger.written(10.1, flow(PHONE), "a@x", talk.answer(100, "Trying"), True)
    ledger.ended(12.0, "a@x", Side.CALLER, "cancel")
    page = [line.text for line in draw_call(call_of(next(ledger.running())), Language.EN)]
    assert "Result: cancelled" in page
