"""The running edge's side of the ledger: which messages make a call, when it is given out, and its caps."""

import pytest

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.build import summary_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side
from talkpath.calls.trace import pack_second, unpacked
from talkpath.capture.records import SECOND, Second

_PHONE = Flow(Transport.UDP, Address("192.0.2.1", 5060), Address("192.0.2.11", 5060))


def _sip(start: str, call_id: str = "a@x", cseq: str = "1 INVITE", tag: str = "f1", to: str = "") -> bytes:
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK{cseq[0]}\r\n"
        f"From: <sip:1001@x>;tag={tag}\r\nTo: <sip:1002@x>{to}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\n\r\n"
    ).encode()


def _invite(call_id: str = "a@x", cseq: int = 1, tag: str = "f1") -> bytes:
    return _sip("INVITE sip:1002@x SIP/2.0", call_id, f"{cseq} INVITE", tag)


def _bye(call_id: str = "a@x") -> bytes:
    return _sip("BYE sip:1002@x SIP/2.0", call_id, "2 BYE", to=";tag=t1")


def test_an_invite_begins_a_call_and_the_end_gives_it_out_after_a_linger() -> None:
    ledger = Ledger()
    ledger.written(10.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.written(12.0, _PHONE, "a@x", _bye(), sent=False)
    ledger.ended(12.0, "a@x", Side.CALLER, "bye")
    ledger.expire(12.1)
    assert ledger.drain() == []
    assert ledger.deadline() == 12.0 + limits.CALL_LINGER_S
    ledger.written(12.2, _PHONE, "a@x", _sip("SIP/2.0 200 OK", cseq="2 BYE"))
    ledger.expire(12.0 + limits.CALL_LINGER_S)
    (trace,) = ledger.drain()
    assert [row[0] for row in trace.live] == [10.0, 12.0, 12.2]
    assert (trace.ended_by, trace.ended_how) == (Side.CALLER, "bye")
    assert list(ledger.running()) == []


def test_of_refused_calls_only_so_many_linger_and_the_next_attempt_still_finds_its_own() -> None:
    """A flood that is challenged holds no more of them; whoever tries again within a second of it goes on."""
    ledger, refused = Ledger(), limits.LEDGER_REFUSED

    def challenged(name: str, now: float) -> None:
        ledger.written(now, _PHONE, name, _invite(name), sent=False)
        ledger.ended(now, name, Side.SERVER, "refused")

    for number in range(3 * refused):
        challenged(f"{number}@x", 10.0 + number / 2_000)
        if number == 2 * refused:
            challenged("mine@x", 12.0)
    assert len(list(ledger.running())) == refused
    assert len(ledger.drain()) == 2 * refused + 1
    assert ledger.deadline() is not None
    ledger.written(13.1, _PHONE, "mine2@x", _invite("mine2@x"), sent=False)
    ledger.ended(13.1, "mine2@x", Side.SERVER, "refused")
    ledger.written(13.2, _PHONE, "mine2@x", _invite("mine2@x", cseq=2), sent=False)
    ledger.expire(19.0)
    (mine,) = ledger.running()
    assert (len(mine.live), mine.ended_at) == (2, None)
    ledger.ended(20.0, "mine2@x", Side.CALLER, "bye")
    ledger.expire(26.0)
    assert list(ledger.running()) == []


def test_what_would_be_lost_is_what_goes_on_and_what_just_ended() -> None:
    ledger = Ledger()
    for name in ("a@x", "b@x"):
        ledger.written(10.0, _PHONE, name, _invite(name), sent=False)
    ledger.joined("b@x", "c@us")
    ledger.ended(11.0, "a@x", Side.CALLER, "bye")
    assert [trace.call_ids for trace in ledger.to_keep()] == [["a@x"], ["b@x", "c@us"]]
    assert [trace.call_ids for trace in ledger.to_keep()] == [["b@x", "c@us"]]


def test_of_many_calls_that_go_on_so_many_are_given_at_a_time() -> None:
    ledger = Ledger()
    names = [f"{number}@x" for number in range(5)]
    for name in names:
        ledger.written(10.0, _PHONE, name, _invite(name), sent=False)
    rounds: list[list[str]] = []
    for _ in range(2):
        rounds.append([trace.call_ids[0] for trace in ledger.to_keep(2)])
        assert ledger.is_keeping
    ledger.ended(11.0, "0@x", Side.CALLER, "bye")
    ledger.bequeathed("4@x")
    rounds.append([trace.call_ids[0] for trace in ledger.to_keep(2)])
    assert rounds == [names[:2], names[2:4], ["0@x"]]
    assert not ledger.is_keeping
    assert [trace.call_ids[0] for trace in ledger.to_keep()] == names[1:4]


def test_what_was_compressed_is_what_was_said() -> None:
    ledger = Ledger()
    ledger.written(10.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.written(10.25, _PHONE, "a@x", _sip("SIP/2.0 200 OK", "a@x", "1 INVITE"))
    ledger.moment(10.5, "a@x", "route.user", user="1001", status=200, share=0.5, known=True, why=None)
    trace = ledger.trace("a@x")
    assert trace is not None
    live, moments, rows, told = trace.live, trace.moments, trace.rows, summary_of(trace)
    trace.settle()
    assert trace.is_settled
    assert (trace.live, trace.moments, trace.rows, trace.messages, trace.start) == (live, moments, rows, 2, 10.0)
    assert summary_of(trace) == told
    standing = trace.standing(11.0)
    assert (standing.live, standing.moments) == (live, moments)
    assert trace.is_settled
    ledger.moment(12.0, "a@x", "route.user", user="1002")
    assert not trace.is_settled
    trace.settle()
    ledger.written(13.0, _PHONE, "a@x", _sip("BYE sip:x SIP/2.0", "a@x", "2 BYE"), sent=False)
    assert [row[0] for row in trace.live] == [10.0, 10.25, 13.0]
    assert [moment.values["user"] for moment in trace.moments] == ["1001", "1002"]
    assert (standing.live, standing.moments) == (live, moments)


def test_what_cannot_be_compressed_stays_as_it_is() -> None:
    ledger = Ledger()
    ledger.written(10.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.moment(10.5, "a@x", "route.user", user=2**70)
    trace = ledger.trace("a@x")
    assert trace is not None
    trace.settle()
    assert not trace.is_settled
    assert len(trace.live) == 1


def test_the_first_word_on_the_end_counts() -> None:
    ledger = Ledger()
    ledger.written(10.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.ended(11.0, "a@x", Side.SERVER, "media-timeout")
    ledger.ended(12.0, "a@x", Side.CALLER, "bye")
    trace = ledger.trace("a@x")
    assert trace is not None
    assert (trace.ended_at, trace.ended_how) == (11.0, "media-timeout")


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "BYE", "NOTIFY"])
def test_a_request_without_a_call_makes_none(method: str) -> None:
    ledger = Ledger()
    ledger.written(1.0, _PHONE, "r@x", _sip(f"{method} sip:x SIP/2.0", "r@x", f"1 {method}"), sent=False)
    ledger.written(1.1, _PHONE, "r@x", _sip("SIP/2.0 200 OK", "r@x", f"1 {method}"))
    assert list(ledger.running()) == []


def test_a_call_id_used_again_after_the_end_is_another_call() -> None:
    ledger = Ledger()
    ledger.written(1.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.ended(2.0, "a@x", Side.CALLER, "bye")
    ledger.written(3.0, _PHONE, "a@x", _invite(cseq=7, tag="f2"), sent=False)
    (first,) = ledger.drain()
    second = ledger.trace("a@x")
    assert second is not None
    assert (first.start, second.start) == (1.0, 3.0)
    ledger.expire(2.0 + limits.CALL_LINGER_S)
    assert ledger.trace("a@x") is second


def test_a_late_retransmission_begins_no_call() -> None:
    ledger = Ledger()
    ledger.written(1.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.ended(2.0, "a@x", Side.CALLEE, "refused")
    ledger.written(2.5, _PHONE, "a@x", _invite(), sent=False)
    assert len(list(ledger.running())) == 1
    assert ledger.drain() == []


def test_the_invite_with_credentials_goes_on_with_the_refused_call() -> None:
    ledger = Ledger()
    ledger.written(1.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.ended(1.1, "a@x", Side.SERVER, "refused")
    ledger.written(1.2, _PHONE, "a@x", _invite(cseq=2), sent=False)
    ledger.expire(1.1 + limits.CALL_LINGER_S)
    (trace,) = ledger.running()
    assert trace.ended_at is None
    assert len(trace.live) == 2


def test_a_full_ledger_closes_its_oldest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEDGER_CALLS", 2)
    ledger = Ledger()
    for number in range(3):
        ledger.written(float(number), _PHONE, f"{number}@x", _invite(f"{number}@x"), sent=False)
    (oldest,) = ledger.drain()
    assert (oldest.call_ids, oldest.ended_how) == (["0@x"], "ledger-full")


def test_messages_beyond_the_cap_of_a_call_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALL_MESSAGES", 2)
    ledger = Ledger()
    for second in range(5):
        ledger.written(float(second), _PHONE, "a@x", _invite(), sent=False)
    trace = ledger.trace("a@x")
    assert trace is not None
    assert (len(trace.live), trace.left_out) == (2, 3)


def test_a_call_nobody_ended_is_closed_after_half_a_day() -> None:
    ledger = Ledger()
    ledger.written(0.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.expire(limits.CALL_FORGOTTEN_S - 1)
    assert ledger.drain() == []
    ledger.expire(limits.CALL_FORGOTTEN_S + 120)
    (trace,) = ledger.drain()
    assert trace.ended_how == "forgotten"
    assert trace.ended_at == 0.0


def test_two_call_ids_of_ours_are_one_call() -> None:
    ledger = Ledger()
    ledger.written(0.0, _PHONE, "a@x", _invite(), sent=False)
    ledger.joined("a@x", "b@us")
    ledger.written(0.1, _PHONE, "b@us", _invite("b@us"))
    (trace,) = ledger.running()
    assert trace.call_ids == ["a@x", "b@us"]
    assert len(trace.live) == 2
    ledger.ended(1.0, "b@us", Side.CALLEE, "bye")
    ledger.close_all(1.0)
    assert ledger.drain() == [trace]
    assert ledger.trace("b@us") is None


def test_meters_keep_the_last_hours_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAM_SECONDS", 3)
    ledger = Ledger()
    ledger.written(0.0, _PHONE, "a@x", _invite(), sent=False)
    key = (_PHONE.remote, _PHONE.local, 7)
    for second in range(5):
        row = Second(float(second), 50, 0, 0, 0.5, 20, -30.0, 0, 0, 0, 0, 8000)
        ledger.media(second + 1.0, "a@x", key, pack_second(row))
    trace = ledger.trace("a@x")
    assert trace is not None
    assert [row[0] for row in SECOND.iter_unpack(trace.seconds[key])] == [2.0, 3.0, 4.0]


def test_a_packet_that_came_when_its_second_was_over_was_not_lost() -> None:
    ledger = Ledger()
    ledger.written(0.0, _PHONE, "a@x", _invite(), sent=False)
    key = (_PHONE.remote, _PHONE.local, 7)
    for second, lost, found in ((0, 3, 0), (1, 0, 2), (2, 0, 9), (3, 1, 0)):
        row = Second(float(second), 50, lost, 0, 0.5, 20, -30.0, 0, 0, 0, 0, 8000)
        ledger.media(second + 1.0, "a@x", key, pack_second(row), found=found)
    trace = ledger.trace("a@x")
    assert trace is not None
    assert [one.lost for one in unpacked(trace.seconds[key])] == [1, 0, 0, 1]
