"""A node dies, and another that has its addresses goes on with its calls."""

from dataclasses import replace

import msgspec
import pytest
from tests.edge.carrier import Carrier, gateway, house, named
from tests.edge.lab import HOME, OFFER, REALM, Lab, Phone, call
from tests.edge.test_phones_of_other_nodes import Around
from tests.edge.test_recording import BEEP, NOTICE, Recorder, heard, play_out

from talkpath.base.address import Address, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.calls.build import call_of
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.calls.recording import Verb
from talkpath.edge.nodes.keeping import Known
from talkpath.edge.nodes.record import VERSION, decoded, encoded
from talkpath.edge.settings import EdgeSettings, RecordingSettings, Which
from talkpath.media.engine import Advanced
from talkpath.sip.message import Message


def pair(lab: Lab, transport: Transport = Transport.UDP) -> tuple[Phone, Phone]:
    lab.share()
    phones = [lab.phone(f"100{n}", f"198.51.100.{n}", transport=transport) for n in (1, 2)]
    for phone in phones:
        phone.register()
    return phones[0], phones[1]


def talking(lab: Lab, transport: Transport = Transport.UDP) -> tuple[Phone, Phone, Message, Message]:
    a, b = pair(lab, transport)
    invite, ok = call(a, b)
    lab.shared()
    return a, b, invite, ok


def running(lab: Lab) -> RunningCall:
    (one,) = lab.edge.core.calls.values()
    return one


# --- what is told


def test_a_call_is_told_once_it_is_answered_and_once_it_is_over() -> None:
    lab = Lab()
    a, b = pair(lab)
    a.invite(f"sip:1002@{HOME}")
    assert lab.shared() == []
    invite = b.last()
    b.answer(invite, 200, "OK")
    ((key, known),) = lab.shared()
    assert key == ("c1", "tag1001")
    assert known is not None
    assert known.record.callees[0].is_confirmed
    assert lab.shared() == []
    a.in_dialog("BYE", a.last())
    b.answer(b.last(), 200, "OK")
    assert lab.shared() == [(key, None)]
    assert lab.shared() == []


def test_that_somebody_talks_and_that_a_call_is_over_is_told_at_once() -> None:
    lab = Lab()
    a, b = pair(lab)
    hurried: list[float] = []
    keeping = lab.edge.keeping
    keeping.begin(lambda: hurried.append(lab.now))
    a.invite(f"sip:1002@{HOME}")
    b.answer(b.last(), 180, "Ringing")
    b.answer(next(one for one in b.inbox if one.method == "INVITE"), 200, "OK")
    assert hurried == [], "who answers repeats it until the ACK comes"
    ok = a.last()
    a.ack(ok, b.contact)
    a.ack(ok, b.contact)
    assert len(hurried) == 1
    ((key, known),) = keeping.take_urgent(lab.now)
    assert known is not None
    assert known.record.callees[0].is_acknowledged
    assert keeping.take_urgent(lab.now) == lab.shared() == []
    a.in_dialog("BYE", ok)
    assert len(hurried) == 1
    b.answer(b.last(), 200, "OK")
    assert len(hurried) == 2
    assert keeping.take_urgent(lab.now) == [(key, None)]
    assert lab.shared() == []


def test_a_request_that_changes_nothing_is_not_told() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    a.in_dialog("INFO", ok)
    b.answer(b.last(), 200, "OK")
    assert len(lab.shared()) == 1, "the CSeq of the caller is another"
    lab.edge.core.touch(running(lab))
    assert lab.shared() == []


def test_a_call_that_nobody_answers_is_never_told() -> None:
    lab = Lab()
    a, b = pair(lab)
    a.invite(f"sip:1002@{HOME}")
    b.answer(b.last(), 486, "Busy Here")
    assert lab.shared() == []


def test_nothing_is_marked_where_nobody_wants_to_know() -> None:
    lab = Lab()
    call(lab.registered("1001", "198.51.100.1"), lab.registered("1002", "198.51.100.2"))
    assert lab.edge.core.touched is None
    assert lab.edge.keeping.take_changed(lab.now) == []


# --- the record


def test_a_record_survives_its_bytes_whatever_the_peers_wrote() -> None:
    lab = Lab()
    a, b = pair(lab)
    call(a, b, call_id="odd\udcff")
    ((_, known),) = lab.shared()
    assert known is not None
    record = known.record
    assert decoded(encoded(record)) == record
    assert record.key == ("odd\udcff", "tag1001")


def test_what_a_later_version_adds_is_passed_over() -> None:
    lab = Lab()
    talking(lab)
    (data, *_), *_ = lab.copies.values()
    later = {**msgspec.msgpack.decode(data), "weather": {"sky": "blue"}}
    assert decoded(msgspec.msgpack.encode(later)) == decoded(data)


@pytest.mark.parametrize("change", [{"version": VERSION + 1}, {"callees": 7}, {"hung_up_by": "the cat"}])
def test_a_record_that_cannot_be_understood_is_refused(change: dict[str, object]) -> None:
    lab = Lab()
    talking(lab)
    (data, *_), *_ = lab.copies.values()
    with pytest.raises(Malformed):
        decoded(msgspec.msgpack.encode({**msgspec.msgpack.decode(data), **change}))


def test_a_record_that_is_cut_is_refused() -> None:
    lab = Lab()
    talking(lab)
    (data, *_), *_ = lab.copies.values()
    for length in range(len(data)):
        with pytest.raises(Malformed):
            decoded(data[:length])


# --- the other node


@pytest.mark.parametrize("by_caller", [True, False])
def test_either_side_hangs_up_at_the_other_node(by_caller: bool) -> None:
    lab = Lab()
    a, b, invite, ok = talking(lab)
    lab.die()
    (a if by_caller else b).in_dialog("BYE", ok if by_caller else invite)
    other = b if by_caller else a
    assert other.methods() == ["BYE"]
    other.answer(other.last(), 200, "OK")
    assert (a if by_caller else b).statuses() == [200]
    assert not lab.edge.core.calls
    trace = lab.ledger.trace("c1")
    assert trace is not None
    story = call_of(trace)
    assert (str(story.ended_by), story.ended_how) == ("caller" if by_caller else "callee", "bye")
    assert story.answered_at is not None, "the story begins at the node that died"
    assert "node.taken-over" in [moment.kind for moment in story.moments]


def test_a_call_that_is_over_is_not_taken_over() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    a.in_dialog("BYE", ok)
    b.answer(b.last(), 200, "OK")
    lab.shared()
    lab.die()
    assert not lab.edge.core.calls


def test_a_phone_whose_connection_died_with_the_node_gets_its_bye_when_it_is_back() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab, Transport.WSS)
    lab.die()
    a.reconnect(50_001)
    a.register()
    a.in_dialog("BYE", ok)
    assert b.inbox == []
    b.reconnect(50_002)
    b.register()
    lab.wait(1.0)
    assert b.methods() == ["BYE"]


def test_a_call_taken_over_is_taken_over_again() -> None:
    lab = Lab()
    a, b, _, ok = talking(lab)
    lab.die()
    lab.share()
    a.in_dialog("INVITE", ok)
    b.answer(b.last(), 200, "OK")
    lab.shared()
    lab.die()
    b.inbox.clear()
    a.in_dialog("BYE", ok)
    assert b.methods() == ["BYE"]


def test_a_call_that_runs_here_is_not_taken_over() -> None:
    lab = Lab()
    talking(lab)
    (data, ports, seen), *_ = lab.copies.values()
    here = running(lab)
    assert lab.edge.keeping.take_over(Known(decoded(data), ports, seen), "b", 0.6, lab.now) is None
    assert running(lab) is here


def test_a_call_that_nobody_speaks_of_any_more_ends_at_the_other_node_too() -> None:
    lab = Lab()
    a, b, _, _ = talking(lab)
    lab.die()
    lab.wait(900.0)
    assert not lab.edge.core.calls
    assert a.methods()[-1] == b.methods()[-1] == "BYE"


def test_what_is_said_before_anybody_knows_that_a_node_is_gone_reaches_the_phone_at_the_address_that_moved() -> None:
    around = Around()
    lab = Lab(nodes=around, node="b")
    a, b, _, ok = talking(lab)
    lab.die()
    around.ways["a"] = Target(Transport.TCP, Address("192.0.2.99", 5060))
    for binding in list(lab.edge.core.registrar.held()):
        lab.edge.core.registrar.learn(replace(binding, node="a"), lab.now)
    b.inbox.clear()
    a.in_dialog("BYE", ok)
    assert b.methods() == ["BYE"]


# --- what the call takes


def test_a_gateway_counts_its_channel_and_an_account_its_call_at_the_other_node_too() -> None:
    lab = house(gateway("one", "203.0.113.1", channels=1), outbound=frozenset({"1001"}))
    carrier = Carrier(lab, "203.0.113.1")
    lab.wait(0.1)
    lab.share()
    phone = lab.registered("1001", "198.51.100.1")
    phone.invite(f"sip:+493012345@{HOME}")
    carrier.answer(carrier.asked("INVITE")[-1], 200, "OK")
    ok = phone.last()
    phone.ack(ok, carrier.contact)
    lab.shared()
    lab.die()
    assert named(lab, "one").channels == 1
    assert lab.guard.toll.counted(running(lab)) == ("1001", False)
    phone.in_dialog("BYE", ok)
    assert [one.first("Call-ID") for one in carrier.asked("BYE")] == ["c1"]
    assert named(lab, "one").channels == 0
    assert not lab.edge.core.calls


def test_a_gateway_that_the_other_node_does_not_have_is_no_obstacle() -> None:
    lab = house(gateway("one", "203.0.113.1"), outbound=frozenset({"1001"}))
    carrier = Carrier(lab, "203.0.113.1")
    lab.wait(0.1)
    lab.share()
    phone = lab.registered("1001", "198.51.100.1")
    phone.invite(f"sip:+493012345@{HOME}")
    carrier.answer(carrier.asked("INVITE")[-1], 200, "OK")
    ok = phone.last()
    phone.ack(ok, carrier.contact)
    lab.shared()
    lab.settings = replace(lab.settings, gateways=())
    lab.die()
    phone.in_dialog("BYE", ok)
    assert [one.first("Call-ID") for one in carrier.asked("BYE")] == ["c1"]


def test_two_calls_with_one_name_are_two_at_the_other_node_too() -> None:
    lab = Lab()
    a, b, _, first = talking(lab)
    c = lab.registered("1003", "198.51.100.3")
    a.invite(f"sip:1003@{HOME}", call_id="c1")
    c.answer(c.last(), 200, "OK")
    second = a.last()
    a.ack(second, c.contact)
    lab.shared()
    assert len(lab.copies) == 2
    lab.die()
    assert len(lab.edge.core.calls) == 2
    b.inbox.clear()
    a.in_dialog("BYE", first)
    b.answer(b.last(), 200, "OK")
    assert len(lab.edge.core.calls) == 1
    a.in_dialog("BYE", second)
    assert c.methods()[-1] == "BYE"


# --- its media


def speaking(lab: Lab) -> tuple[Phone, Phone, Message, Message]:
    a, b = pair(lab)
    invite, ok = call(a, b, body=OFFER)
    lab.shared()
    return a, b, invite, ok


def test_media_goes_on_at_the_same_ports_and_ends_with_the_call() -> None:
    lab = Lab()
    a, b, _, ok = speaking(lab)
    before = [(port.host, port.rtp) for port in lab.engine.open_ports]
    assert len(before) == 2
    lab.die()
    assert [(port.host, port.rtp) for port in lab.engine.open_ports] == before
    a.in_dialog("INVITE", ok, body=OFFER.replace(b"1 1 IN", b"1 2 IN") + b"a=sendonly\r\n")
    hold = b.last()
    assert f"m=audio {before[1][1]} ".encode() in hold.body
    assert b"a=sendonly" in hold.body
    b.answer(hold, 200, "OK", body=OFFER.replace(b"100.7", b"100.8") + b"a=recvonly\r\n")
    assert f"m=audio {before[0][1]} ".encode() in a.last().body
    a.ack(a.last(), b.contact)
    a.in_dialog("BYE", ok)
    b.answer(b.last(), 200, "OK")
    assert lab.engine.open_ports == []


def test_an_echo_goes_on() -> None:
    lab = Lab()
    a, _ = pair(lab)
    a.invite(f"sip:echo@{HOME}", body=OFFER)
    ok = a.last()
    assert lab.shared() == [], "nobody knows yet whether the caller has the answer"
    a.ack(ok, f"sip:echo@{HOME}")
    lab.shared()
    lab.die()
    a.inbox.clear()
    a.in_dialog("INVITE", ok, body=OFFER.replace(b"1 1 IN", b"1 2 IN"))
    assert a.last().status == 200
    a.ack(a.last(), f"sip:echo@{HOME}")
    a.in_dialog("BYE", ok)
    assert a.last().status == 200
    assert lab.engine.open_ports == []


def test_a_call_whose_media_cannot_go_on_is_ended_on_both_sides() -> None:
    lab = Lab()
    a, b, _, _ = speaking(lab)
    lab.die(HOME)
    assert a.methods() == b.methods() == ["BYE"]
    assert not lab.edge.core.calls
    assert "node.media-lost" in lab.kinds("c1")
    assert lab.engine.open_ports == []


def test_the_ports_are_told_again_when_what_was_told_is_old() -> None:
    lab = Lab()
    speaking(lab)
    (port, *_) = lab.engine.open_ports
    here = running(lab)
    assert here.media is not None
    here.media.receive(Advanced(port.id, lab.now), lab.now)
    lab.edge.check_media(here, lab.now)
    assert len(lab.shared()) == 1
    lab.edge.check_media(here, lab.now)
    assert lab.shared() == []


def recording(recorder: Recorder, calls: Which, **more: object) -> Lab:
    settings = RecordingSettings(calls, **more)  # type: ignore[arg-type]
    return Lab(EdgeSettings(own_hosts=frozenset({HOME}), realm=REALM, recording=settings), recorder=recorder)


def test_a_recording_goes_on_in_another_file() -> None:
    recorder = Recorder()
    lab = recording(recorder, Which.ALL)
    a, b, _, ok = speaking(lab)
    lab.die()
    assert recorder.why == ["all", "all"]
    assert [tape.continues for tape in recorder.tapes] == ["", "tape0"]
    assert ("offer", "callee") in recorder.tapes[1].said, "what is in force stands in it"
    a.in_dialog("BYE", ok)
    b.answer(b.last(), 200, "OK")
    assert recorder.tapes[1].said[-1] == ("close", "call-ended", "caller")


def test_a_recording_that_was_paused_stays_so_until_somebody_resumes_it() -> None:
    recorder = Recorder()
    lab = recording(recorder, Which.ALL)
    speaking(lab)
    assert lab.edge.core.recordings.command(running(lab), Verb.PAUSE, "operator", lab.now) == ""
    lab.shared()
    lab.die()
    assert recorder.tapes[1].said[0] == ("pause", "operator"), "before anything is in it"
    assert "recording.paused" in lab.kinds("c1")
    lab.share()
    assert lab.edge.core.recordings.command(running(lab), Verb.RESUME, "operator", lab.now) == ""
    assert recorder.tapes[1].said[-1] == ("resume",)
    lab.shared()
    lab.die()
    assert ("pause", "operator") not in recorder.tapes[2].said
    assert recorder.tapes[2].continues == "tape1"


def test_who_was_told_of_the_recording_is_not_told_again_by_the_heir() -> None:
    lab = recording(Recorder(), Which.ALL, announcement=NOTICE, beep=BEEP, beep_every_s=15.0)
    speaking(lab)
    assert heard(lab) == [NOTICE, NOTICE]
    play_out(lab)
    lab.edge.check_media(running(lab), lab.now)
    lab.shared()
    lab.die()
    assert heard(lab) == [None, None]
    lab.wait(16)
    assert heard(lab) == [BEEP, BEEP], "it is still recorded"


def test_who_had_not_heard_the_announcement_to_its_end_hears_it_from_the_heir() -> None:
    lab = recording(Recorder(), Which.ALL, announcement=NOTICE)
    speaking(lab)
    assert heard(lab) == [NOTICE, NOTICE]
    lab.die()
    assert heard(lab) == [NOTICE, NOTICE]
