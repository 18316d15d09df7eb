"""What happens when something dies: a phone, the edge, or the edge on purpose."""

import signal

import pytest

from harness.agent import Agent, connect, hang_up
from harness.edge import Edge, Identity
from harness.process import wait_until
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live


@pytest.fixture
def own_edge(request, tmp_path):
    """An edge for one test, which may break it."""
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about how our edge stops and starts")
    settings, media = getattr(request, "param", ("", "timeout_s = 3"))
    with Edge(tmp_path / "edge", settings=settings, media=media) as edge:
        yield edge
        assert not edge.complaints()


def test_a_call_whose_phones_both_died_is_ended_and_one_that_lives_gets_the_bye(own_edge, own_phones) -> None:
    """The other phone falls silent too (we stop listening to it), so no media flows and both sides get a BYE."""
    first, second = own_phones.baresip("udp"), own_phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 1)
    first.kill()
    assert second.closed(25) is not None


def test_media_timeout_says_why_to_both_sides(own_edge, own_agents) -> None:
    alice, bob = own_agents.agent("udp"), own_agents.agent("tcp")
    talkers = own_agents.talker(seconds=1), own_agents.talker(seconds=1)
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    talkers[0].start(call.answer.body)
    talkers[1].start(incoming.invite.body)
    for bye in (call.dialog.wait_bye(15), incoming.dialog.wait_bye(15)):
        assert bye.first("reason"), bye.fields


def test_kill_and_restart_keeps_accounts_and_registrations(own_edge, own_agents, own_phones) -> None:
    """The phone does nothing in between: it is called through what the edge kept (on disk 50 ms later)."""
    desk, alice = own_phones.baresip("udp"), own_agents.agent("udp")
    alice.endpoint.pause(0.3)
    own_edge.kill()
    own_edge.start()
    talker = own_agents.talker()
    call = alice.dial(desk.identity.user, talker.offer())
    desk.accept()
    talker.start(call.established())
    desk.established()
    talker.wait_received(50)
    assert call.bye().status == 200
    desk.closed()


def test_calls_that_ran_when_the_node_was_killed_are_in_the_history(own_edge, own_agents) -> None:
    """Also while no edge runs; the one that was answered with its ladder, until when it was seen."""
    alice, bob = own_agents.agent("udp"), own_agents.agent("tcp")
    talkers = own_agents.talker(), own_agents.talker()
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    talkers[0].start(call.answer.body)
    talkers[1].start(incoming.invite.body)
    ringing = bob.dial(alice.identity.user, own_agents.talker().offer())
    alice.incoming().ring()
    ringing.provisional()
    talkers[0].wait_received(150)
    own_edge.kill()
    for is_running in (False, True):
        if is_running:
            own_edge.start()
        talk, ring = (own_edge.calls(one.invite.call_id) for one in (call, ringing))
        assert (talk["result"], talk["ended_how"], ring["result"], ring["ended_how"]) == (
            "answered",
            "node-died",
            "failed",
            "node-died",
        )
        assert 1.0 < talk["talk_s"] < 30.0
        assert {"media.first-packet", "media.answered"} <= {moment["kind"] for moment in talk["moments"]}
        listed = [row for row in own_edge.calls() if row["call_ids"] == [call.invite.call_id]]
        assert [(row["state"], row["talk_s"]) for row in listed] == [("ended", talk["talk_s"])]
    text = own_edge.command("calls", call.invite.call_id, "--lang", "zh")
    assert "节点异常终止" in text


def test_hang_up_after_a_restart_reaches_the_other_phone(own_edge, own_agents) -> None:
    """In-dialog requests carry their own route, so a BYE needs no memory of the node that is gone."""
    alice, bob = own_agents.agent("udp"), own_agents.agent("udp")
    call, incoming = connect(alice, bob, own_agents.talker().offer(), own_agents.talker().offer())
    alice.endpoint.pause(0.3)
    own_edge.kill()
    own_edge.start()
    hang_up(call.dialog, incoming.dialog)


def test_the_first_start_makes_two_accounts_that_keep_their_passwords_and_show_them_once(tmp_path) -> None:
    with Edge(tmp_path, users=0) as edge:
        shown = edge.ready_accounts()
        assert set(shown) == {"1001", "1002"}
        kept = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir() if file.is_file())
        assert [password for password in shown.values() if password.encode() in kept] == []
        edge.stop()
        edge.start()
        assert edge.ready_accounts() == {}
        for user, password in shown.items():
            with Agent(Identity(user, password, edge.host, edge.doors.udp)) as agent:
                assert agent.register().status == 200


def test_what_others_could_read_is_closed_and_said(tmp_path) -> None:
    """As under systemd, whose `StateDirectory=` makes the directory 0755, with files of a careless umask."""
    with Edge(tmp_path, users=0) as edge:
        edge.kill()
        state = tmp_path / "state"
        state.chmod(0o755)
        for file in state.iterdir():
            file.chmod(0o644)
        edge.start()
        assert "(mode 0755). Now only its owner can." in edge.process.text
        assert "others could read talkpath.sqlite," in edge.process.text
        assert state.stat().st_mode & 0o777 == 0o700
        assert {file.name: oct(file.stat().st_mode & 0o177) for file in state.iterdir()} == {
            file.name: "0o0" for file in state.iterdir()
        }


@pytest.mark.parametrize("own_edge", [("drain_timeout_s = 20", "")], indirect=True)
def test_sigterm_drains(own_edge, own_agents, own_phones) -> None:
    """No new call; the running one goes on with its audio until it ends, and then so does the edge."""
    first, second = own_phones.baresip("udp"), own_phones.linphone("tcp")
    begin(first, second)
    caller = own_agents.agent()
    own_edge.process.send(signal.SIGTERM)
    own_edge.process.wait_for("No new calls")
    refused = caller.dial(first.identity.user, own_agents.talker().offer()).final()
    assert refused.status == 503
    listen(first, second)
    end(first, second)
    assert own_edge.process.wait_ended(10) == 0
    assert_both_hear(first, second)


@pytest.mark.parametrize("own_edge", [("drain_timeout_s = 2", "")], indirect=True)
def test_draining_has_an_end_and_says_goodbye(own_edge, own_agents) -> None:
    alice, bob = own_agents.agent("udp"), own_agents.agent("tcp")
    call, incoming = connect(alice, bob, own_agents.talker().offer(), own_agents.talker().offer())
    own_edge.process.send(signal.SIGTERM)
    incoming.dialog.wait_bye(8)
    call.dialog.wait_bye(8)
    assert own_edge.process.wait_ended(10) == 0


def test_a_user_added_by_command_registers_within_seconds(own_edge) -> None:
    own_edge.command("users", "add", "1003", "--password", "third secret")
    who = own_edge.identity()
    with Agent(type(who)("1003", "third secret", who.host, who.port)) as agent:
        assert wait_until(lambda: agent.register().status == 200, 5)
