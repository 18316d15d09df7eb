"""Which calls are recorded, from when on, and by whose word; in memory, where a recording is a list of words."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from tests.edge.carrier import gateway
from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone
from tests.edge.test_questions import Script, users

from talkpath.edge.calls.call import RunningCall
from talkpath.edge.calls.recording import Verb
from talkpath.edge.calls.tape import Announcement, Facts
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.gateways.settings import GatewaySettings, ProbeSettings
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToService
from talkpath.edge.settings import EdgeSettings, RecordingSettings, RoutingSettings, Which
from talkpath.media.service import Service

NUMBER = "+493012345"


@dataclass(eq=False)
class File:
    """What the engine is given for a recording."""

    packets: int = 0
    dropped: int = 0

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class Tape:
    """A recording that remembers what it was told."""

    name: str
    why: str
    facts: Facts
    recording: File = field(default_factory=File)
    said: list[tuple[str, ...]] = field(default_factory=list)
    descriptions: list[bytes] = field(default_factory=list)
    continues: str = ""

    def describe(self, mode: str, side: str, sdp: bytes, at: float) -> None:
        self.said.append((mode, side))
        self.descriptions.append(sdp)

    def learn(self, facts: Facts, now: float) -> None:
        self.facts = facts

    def pause(self, by: str, now: float) -> None:
        self.said.append(("pause", by))

    def resume(self, now: float) -> None:
        self.said.append(("resume",))

    def close(self, facts: Facts, end: str, by: str, now: float) -> None:
        self.facts = facts
        self.said.append(("close", end, by))


class Recorder:
    """Makes tapes."""

    def __init__(self) -> None:
        self.tapes: list[Tape] = []

    def open(self, facts: Facts, why: str, now: float, continues: str = "") -> Tape:
        self.tapes.append(Tape(f"tape{len(self.tapes)}", why, facts, continues=continues))
        return self.tapes[-1]

    @property
    def why(self) -> list[str]:
        return [tape.why for tape in self.tapes]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


Make = Callable[..., Lab]


@pytest.fixture
def make(recorder: Recorder) -> Make:
    def lab(calls: Which = Which.NONE, recorded: tuple[str, ...] = (), *gateways: GatewaySettings) -> Lab:
        settings = EdgeSettings(
            own_hosts=frozenset({HOME, "localhost"}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            gateways=gateways,
            routing=RoutingSettings("carriers", {NUMBER: "1002"}),
            recording=RecordingSettings(calls, frozenset(recorded)),
        )
        made = Lab(settings, recorder=recorder)
        made.accounts.outbound = frozenset({"1001"})
        made.wait(0.1)
        return made

    return lab


def carrier(*, records: bool = False) -> GatewaySettings:
    return gateway("first", "203.0.113.1", records=records, probe=ProbeSettings(interval_s=0))


def talk(lab: Lab, caller: Phone, callee: Phone, uri: str = f"sip:1002@{HOME}") -> None:
    """A call from its INVITE to the end."""
    caller.invite(uri, body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    caller.in_dialog("BYE", ok)
    callee.answer(callee.last(), 200)


def phones(lab: Lab) -> tuple[Phone, Phone]:
    return lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")


def test_all_calls_are_recorded_from_the_first_offer_to_the_end(make: Make, recorder: Recorder) -> None:
    lab = make(Which.ALL)
    talk(lab, *phones(lab))
    (tape,) = recorder.tapes
    assert tape.why == "all"
    assert tape.said == [("offer", "callee"), ("answer", "caller"), ("close", "call-ended", "caller")]
    assert tape.facts.is_answered
    assert tape.facts.how == "bye"
    assert [(one.side, one.user) for one in tape.facts.parties] == [("caller", "1001"), ("callee", "1002")]
    assert [kind for kind in lab.kinds("c1") if kind.startswith("recording.")] == ["recording.started"]


def test_by_default_none_is(make: Make, recorder: Recorder) -> None:
    lab = make()
    talk(lab, *phones(lab))
    assert recorder.tapes == []


@pytest.mark.parametrize("user", ["1001", "1002"])
def test_calls_of_an_account_are_whoever_calls(make: Make, recorder: Recorder, user: str) -> None:
    lab = make(Which.NONE, (user,))
    talk(lab, *phones(lab))
    assert recorder.why == [f"user {user}"]


@pytest.mark.parametrize(("calls", "why"), [(Which.INBOUND, []), (Which.OUTBOUND, ["outbound"])])
def test_calls_that_leave_are_outbound(make: Make, recorder: Recorder, calls: Which, why: list[str]) -> None:
    lab = make(calls, (), carrier())
    caller, callee = phones(lab)
    talk(lab, caller, lab.phone("first", "203.0.113.1"), f"sip:{NUMBER}9@{HOME}")
    caller.inbox.clear()
    talk(lab, caller, callee)
    assert recorder.why == why


@pytest.mark.parametrize(("calls", "why"), [(Which.INBOUND, ["inbound"]), (Which.OUTBOUND, [])])
def test_calls_that_a_gateway_brings_are_inbound(
    make: Make, recorder: Recorder, calls: Which, why: list[str]
) -> None:
    lab = make(calls, (), carrier())
    _, callee = phones(lab)
    talk(lab, lab.phone("first", "203.0.113.1"), callee, f"sip:{NUMBER}@{HOME}")
    assert recorder.why == why
    assert [one.gateway for tape in recorder.tapes for one in tape.facts.parties] == ["first", ""] * len(why)


def test_calls_of_a_gateway_are_in_both_directions(make: Make, recorder: Recorder) -> None:
    lab = make(Which.NONE, (), carrier(records=True))
    caller, callee = phones(lab)
    outside = lab.phone("first", "203.0.113.1")
    talk(lab, caller, outside, f"sip:{NUMBER}9@{HOME}")
    talk(lab, outside, callee, f"sip:{NUMBER}@{HOME}")
    assert recorder.why == ["gateway first"] * 2


@pytest.mark.parametrize("is_service", [False, True])
def test_what_the_script_wants_recorded_is(make: Make, recorder: Recorder, is_service: bool) -> None:
    lab = make()
    script = Script()
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    caller, callee = phones(lab)
    plan = Plan([Group([ToService(Service.ECHO)])]) if is_service else users("1002")
    plan.changes = Changes(record=True)
    script.verdict = plan
    caller.invite(f"sip:anybody@{HOME}", body=OFFER)
    assert recorder.why == ["script"]
    assert recorder.tapes[0].said == ([("answer", "caller")] if is_service else [("offer", "callee")])
    assert ("INVITE" in callee.methods()) != is_service


def test_descriptions_stand_there_as_they_were_sent(make: Make, recorder: Recorder) -> None:
    """Without the codecs that the script and the gateway take off in the end."""
    settings = replace(carrier(records=True), codecs=("PCMA", "PCMU"))
    lab = make(Which.NONE, (), settings)
    script = Script()
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    caller, _ = phones(lab)
    outside = lab.phone("first", "203.0.113.1")
    script.verdict = plan = Plan([Group([ToGateways("carriers")])])
    plan.changes = Changes(codecs=lambda sdp: sdp.replace(b" RTP/AVP 0 8 9", b" RTP/AVP 8 9"))
    caller.invite(f"sip:{NUMBER}9@{HOME}", body=OFFER)
    invite = outside.take()
    assert b" RTP/AVP 8\r\n" in invite.body
    (tape,) = recorder.tapes
    assert tape.descriptions == [invite.body]
    # Also where recording begins in the middle.
    recordings, call = lab.edge.core.recordings, running(lab)
    assert [recordings.command(call, verb, "operator", lab.now) for verb in (Verb.STOP, Verb.START)] == ["", ""]
    assert recorder.tapes[1].descriptions == [invite.body]


def running(lab: Lab) -> RunningCall:
    (call,) = lab.edge.core.calls.values()
    return call


def test_by_hand_it_begins_in_the_middle_with_what_is_in_force_and_each_start_is_new(
    make: Make, recorder: Recorder
) -> None:
    lab = make()
    caller, callee = phones(lab)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    recordings, call = lab.edge.core.recordings, running(lab)

    def do(verb: Verb) -> str:
        return recordings.command(call, verb, "operator", lab.now)

    assert [do(verb) for verb in (Verb.PAUSE, Verb.RESUME, Verb.STOP)] == ["not-running"] * 3
    assert [do(verb) for verb in (Verb.START, Verb.START, Verb.RESUME)] == ["", "running", "not-paused"]
    assert [do(verb) for verb in (Verb.PAUSE, Verb.PAUSE, Verb.RESUME, Verb.STOP, Verb.START)] == [
        "",
        "paused",
        "",
        "",
        "",
    ]
    first, second = recorder.tapes
    in_force = [("offer", "callee"), ("answer", "caller")]
    assert first.said == [*in_force, ("pause", "operator"), ("resume",), ("close", "stopped", "operator")]
    assert second.said == in_force
    assert {port.recording for port in lab.engine.open_ports} == {second.recording}
    assert [kind for kind in lab.kinds("c1") if kind.startswith("recording.")] == [
        f"recording.{what}" for what in ("started", "paused", "resumed", "stopped", "started")
    ]


def test_what_was_stopped_by_hand_does_not_begin_by_itself(make: Make, recorder: Recorder) -> None:
    lab = make(Which.ALL)
    caller, callee = phones(lab)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    assert lab.edge.core.recordings.command(running(lab), Verb.STOP, "operator", lab.now) == ""
    callee.answer(callee.take(), 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    assert len(recorder.tapes) == 1
    assert {port.recording for port in lab.engine.open_ports} == {None}


def test_early_media_of_every_branch_is_in_it_and_who_did_not_answer_is_no_party(
    make: Make, recorder: Recorder
) -> None:
    lab = make(Which.ALL)
    caller, first = phones(lab)
    second = lab.registered("1002", "198.51.100.9")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invites = [phone.take() for phone in (first, second)]
    first.answer(invites[0], 183, tag="one", body=OFFER)
    second.answer(invites[1], 183, tag="two", body=OFFER)
    assert len(lab.engine.open_ports) == 3
    assert {port.recording for port in lab.engine.open_ports} == {recorder.tapes[0].recording}
    assert len(recorder.tapes[0].facts.parties) <= 3
    second.answer(invites[1], 200, tag="two", body=OFFER)
    assert [one.remote for one in recorder.tapes[0].facts.parties] == [
        str(caller.flow.remote),
        str(second.flow.remote),
    ]


def test_an_edge_without_a_recorder_says_so() -> None:
    lab = Lab()
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    assert lab.edge.core.recordings.command(running(lab), Verb.START, "operator", lab.now) == "off"


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_a_description_that_had_to_be_smaller_stands_in_the_recording_as_it_went(
    make: Make, recorder: Recorder, is_by_hand: bool
) -> None:
    lab = make(Which.NONE if is_by_hand else Which.ALL)
    lab = Lab(replace(lab.edge.core.settings, diet=("a=label",)), recorder=recorder)
    caller, callee = phones(lab)
    offer = OFFER.replace(b"a=rtpmap:0", b"a=label:1\r\na=rtpmap:0")
    caller.invite(f"sip:1002@{HOME}", body=offer, extra="X-Padding: " + "p" * 1300)
    invite = callee.take()
    if is_by_hand:
        assert lab.edge.core.recordings.command(running(lab), Verb.START, "operator", lab.now) == ""
    assert b"a=label" not in invite.body
    assert b"a=rtpmap:0" in invite.body
    assert recorder.tapes[0].descriptions == [invite.body]


@dataclass
class Clip:
    """A sound, in memory."""

    seconds: float


NOTICE, BEEP = Clip(3.2), Clip(0.2)


def telling(make: Make, recorder: Recorder, calls: Which = Which.ALL, **more: object) -> Lab:
    core = make(calls).edge.core
    settings = replace(core.settings.recording, **({"announcement": NOTICE} | more))  # type: ignore[arg-type]
    lab = Lab(replace(core.settings, recording=settings), recorder=recorder)
    lab.accounts.outbound = frozenset({"1001"})
    return lab


def answered(lab: Lab) -> tuple[Phone, Phone]:
    caller, callee = phones(lab)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    return caller, callee


def heard(lab: Lab) -> list[object]:
    return [port.clip for port in lab.engine.open_ports]


def play_out(lab: Lab) -> None:
    call = running(lab)
    assert call.media is not None
    for port in lab.engine.open_ports:
        call.media.receive(lab.engine.play_out(port, lab.now), lab.now)
    lab.edge.core.recordings.described(call, lab.now)


def test_both_sides_are_told_when_the_call_is_answered_and_not_before(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder)
    caller, callee = phones(lab)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    callee.answer(invite, 183, body=OFFER)
    assert heard(lab) == [None, None]
    callee.answer(invite, 200, body=OFFER)
    assert heard(lab) == [NOTICE, NOTICE]


def test_they_are_told_of_a_recording_that_begins_later_and_of_each_anew(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder, Which.NONE)
    answered(lab)
    assert heard(lab) == [None, None]
    recordings, call = lab.edge.core.recordings, running(lab)
    recordings.command(call, Verb.START, "operator", lab.now)
    assert heard(lab) == [NOTICE, NOTICE]
    play_out(lab)
    for verb in (Verb.PAUSE, Verb.RESUME):
        recordings.command(call, verb, "operator", lab.now)
    assert heard(lab) == [None, None], "what goes on was told"
    for verb in (Verb.STOP, Verb.START):
        recordings.command(call, verb, "operator", lab.now)
    assert heard(lab) == [NOTICE, NOTICE]


def test_one_side_alone_is_told_where_the_other_need_not_be(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder, told=("caller",))
    answered(lab)
    assert heard(lab).count(NOTICE) == 1


def test_a_beep_is_heard_every_so_often_but_not_in_a_pause(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder, announcement=None, beep=BEEP, beep_every_s=15.0)
    answered(lab)
    recordings, call = lab.edge.core.recordings, running(lab)
    lab.wait(14)
    assert heard(lab) == [None, None]
    lab.wait(2)
    assert heard(lab) == [BEEP, BEEP]
    play_out(lab)
    recordings.command(call, Verb.PAUSE, "operator", lab.now)
    lab.wait(60)
    assert heard(lab) == [None, None]
    recordings.command(call, Verb.RESUME, "operator", lab.now)
    lab.wait(15)
    assert heard(lab) == [BEEP, BEEP]
    play_out(lab)
    recordings.command(call, Verb.STOP, "operator", lab.now)
    lab.wait(60)
    assert heard(lab) == [None, None]
    assert lab.kinds("c1").count("recording.beeps") == 1


def test_a_call_that_nobody_records_hears_nothing(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder, Which.NONE, beep=BEEP, beep_every_s=15.0)
    answered(lab)
    lab.wait(60)
    assert heard(lab) == [None, None]


OF_CALLER, OF_CALLEE, OF_GATEWAY = Clip(1.1), Clip(1.2), Clip(1.3)


@pytest.mark.parametrize(
    ("of_users", "expected"),
    [
        ({"1001": OF_CALLER}, OF_CALLER),
        ({"1002": OF_CALLEE}, OF_CALLEE),
        ({"1001": OF_CALLER, "1002": OF_CALLEE}, OF_CALLER),
        ({"1003": OF_CALLEE}, NOTICE),
    ],
)
@pytest.mark.parametrize("is_for_all", [True, False])
def test_calls_of_a_user_may_have_an_announcement_of_their_own(
    make: Make, recorder: Recorder, of_users: dict[str, Clip], expected: Clip, is_for_all: bool
) -> None:
    lab = telling(make, recorder, of_users=of_users, **({} if is_for_all else {"announcement": None}))
    answered(lab)
    told = expected if is_for_all or expected is not NOTICE else None
    assert heard(lab) == [told, told]


@pytest.mark.parametrize("brings", [True, False])
def test_calls_through_a_gateway_may_have_an_announcement_of_their_own(
    make: Make, recorder: Recorder, brings: bool
) -> None:
    own = gateway("g", "203.0.113.1", announcement=OF_GATEWAY, probe=ProbeSettings(interval_s=0))
    core = make(Which.ALL, (), own).edge.core
    told = replace(core.settings.recording, announcement=NOTICE)  # type: ignore[arg-type]
    lab = Lab(replace(core.settings, recording=told), recorder=recorder)
    lab.accounts.outbound = frozenset({"1001"})
    lab.wait(0.1)
    carrier, phone = lab.phone("carrier", "203.0.113.1"), lab.registered("1001", "198.51.100.7")
    caller, callee = (carrier, phone) if brings else (phone, carrier)
    caller.invite(f"sip:{'1001' if brings else '+493012345'}@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    assert heard(lab) == [OF_GATEWAY, OF_GATEWAY]


def test_a_service_tells_its_caller(make: Make, recorder: Recorder) -> None:
    lab = telling(make, recorder)
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    assert heard(lab) == [NOTICE]


@pytest.mark.parametrize(
    ("said", "expected"), [(None, NOTICE), (Announcement(Clip(1.0)), Clip(1.0)), (Announcement(None), None)]
)
def test_a_script_says_what_is_said(
    make: Make, recorder: Recorder, said: Announcement | None, expected: Clip | None
) -> None:
    lab = telling(make, recorder, Which.NONE)
    script = Script()
    lab.edge.core.world = replace(lab.edge.core.world, router=script)
    caller, callee = phones(lab)
    plan = users("1002")
    plan.changes = Changes(record=True, announcement=said)
    script.verdict = plan
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER)
    assert heard(lab) == [expected, expected]
