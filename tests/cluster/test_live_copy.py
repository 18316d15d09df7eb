"""What every node knows of the others, and what outages of the engine cost."""

import pytest
from tests.cluster.rig import START, Rig, Skewed

from talkpath.base import limits
from talkpath.cluster.copy import State
from talkpath.cluster.envelope import Envelope, Place, packed
from talkpath.cluster.nodes import News
from talkpath.cluster.sealing import Unreadable


@pytest.fixture
def rig() -> Rig:
    return Rig("a", "b")


def test_what_one_node_says_the_others_know(rig: Rig) -> None:
    a, b = rig.nodes
    a.put("k", "one")
    assert b.values.told == ["k=one by a"]
    a.drop("k")
    assert b.values.told[-1] == "k gone by a"
    assert [node.copy.state for node in rig.nodes] == [State.LIVE, State.LIVE]
    assert a.copy.is_settled
    # Nobody is told of its own word.
    assert a.values.told == []


def test_a_node_that_comes_later_has_it_all(rig: Rig) -> None:
    a, _ = rig.nodes
    for number in range(50):
        a.put(f"k{number}", "x")
    a.drop("k7")
    late = rig.add("c")
    rig.wait(2)
    assert len(late.values.learnt_) == 49
    assert late.copy.state is State.LIVE


def test_without_a_leader_what_is_said_waits_and_goes_in_its_order(rig: Rig) -> None:
    a, b = rig.nodes
    rig.hub.is_writable = False
    rig.wait(4)
    assert a.copy.state is State.AWAY
    for key, text in (("k1", "old"), ("k2", "two"), ("k1", "new"), ("k3", "three")):
        a.put(key, text)
    rig.wait(7)
    assert b.values.told == []
    rig.hub.is_writable = True
    rig.wait(2.5)
    # The last word of each, in the order in which these were said.
    assert b.values.told == ["k2=two by a", "k1=new by a", "k3=three by a"]
    assert a.copy.state is State.LIVE
    assert a.copy.is_settled


def test_what_was_on_its_way_when_the_leader_died_is_written_again(rig: Rig) -> None:
    a, b = rig.nodes
    rig.hub.is_writable = False
    a.put("k", "lost on its way")
    rig.hub.is_writable = True
    rig.wait(5)
    assert b.values.told == ["k=lost on its way by a"]
    assert a.copy.counters["written_again"] == 1


def test_a_silent_watcher_is_set_up_anew_where_it_was(rig: Rig) -> None:
    a, b = rig.nodes
    a.put("k1", "one")
    b.engine.is_watching = False
    a.put("k2", "two")
    assert b.values.told == ["k1=one by a"]
    rig.wait(4)
    # Writing went on, and what was known was not read again.
    assert b.values.told == ["k1=one by a", "k2=two by a"]
    assert b.copy.state is State.LIVE


def test_a_node_that_was_cut_off_reads_before_it_writes(rig: Rig) -> None:
    a, b = rig.nodes
    a.put("phone", "at a")
    rig.hub.cut(a.engine)
    a.put("phone", "still at a")
    rig.wait(5)
    b.put("phone", "moved to b")
    rig.wait(5)
    rig.hub.mend(a.engine)
    rig.wait(3)
    assert a.values.learnt_ == {"phone": b"moved to b"}
    assert b.values.told == ["phone=at a by a"]
    assert a.copy.counters["let_go"] == 1


def test_what_was_said_later_stays_when_both_wrote(rig: Rig) -> None:
    a, b = rig.nodes
    b.put("phone", "at b")
    rig.hub.cut(a.engine)
    rig.wait(1)
    a.put("phone", "came to a")
    rig.hub.mend(a.engine)
    rig.wait(3)
    assert b.values.learnt_ == {"phone": b"came to a"}


def test_an_engine_that_lost_everything_is_told_again(rig: Rig) -> None:
    a, b = rig.nodes
    a.put("k1", "one")
    b.put("k2", "two")
    for node in rig.nodes:
        rig.hub.cut(node.engine)
    rig.hub.records.clear()
    rig.hub.last = 0
    for node in rig.nodes:
        rig.hub.mend(node.engine)
    rig.wait(4)
    assert {place.key for place in rig.hub.records if place.kind == "value"} == {"k1", "k2"}
    late = rig.add("c")
    rig.wait(2)
    assert late.values.learnt_ == {"k1": b"one", "k2": b"two"}


def test_more_than_can_wait_is_written_when_the_engine_is_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLUSTER_WAITING", 3)
    a, b = rig.nodes
    rig.hub.cut(a.engine)
    for number in range(5):
        a.put(f"k{number}", "x")
    assert a.copy.health().waiting == 3
    assert a.copy.counters["left_out"] == 2
    monkeypatch.undo()
    rig.hub.mend(a.engine)
    rig.wait(3)
    assert sorted(b.values.learnt_) == ["k0", "k1", "k2", "k3", "k4"]


def test_what_ran_out_while_it_waited_is_not_written(rig: Rig) -> None:
    a, b = rig.nodes
    rig.hub.cut(a.engine)
    a.copy.put(Place("value", "k"), b"short", START + 5, rig.clock.now)
    rig.wait(10)
    rig.hub.mend(a.engine)
    rig.wait(3)
    assert b.values.told == []
    assert a.copy.is_settled


def test_a_node_is_gone_when_it_is_not_heard_and_nobody_is_while_we_hear_nothing(rig: Rig) -> None:
    a, b = rig.nodes
    assert [event.news for event in a.nodes.take_news()] == [News.JOINED]
    assert a.nodes.way_to("b") is not None
    rig.hub.cut(a.engine)
    rig.wait(10)
    # It may be us who are cut off.
    assert a.nodes.take_news() == []
    assert a.nodes.way_to("b") is not None
    assert not a.nodes.is_heard()
    rig.hub.mend(a.engine)
    rig.stop(b)
    rig.wait(6)
    assert [event.news for event in a.nodes.take_news()] == [News.GONE]
    assert a.nodes.way_to("b") is None


def test_who_leaves_says_so(rig: Rig) -> None:
    a, b = rig.nodes
    a.nodes.take_news()
    b.copy.drop(Place("node", "b"), rig.clock.now)
    b.pump()
    assert [event.news for event in a.nodes.take_news()] == [News.LEFT]


def test_of_two_processes_with_one_name_the_later_writes_nothing(rig: Rig) -> None:
    a, b = rig.nodes
    twin = rig.add("a")
    rig.wait(3)
    assert twin.copy.is_fenced
    assert not a.copy.is_fenced
    assert [event.news for event in twin.nodes.take_news() if event.record.name == "a"] == [News.FENCED]
    twin.put("k", "of the wrong one")
    rig.wait(5)
    assert b.values.told == []
    # It reads on.
    b.put("k2", "of b")
    assert twin.values.learnt_ == {"k2": b"of b"}


def test_another_secret_reads_nothing_and_disturbs_nobody(rig: Rig) -> None:
    a, b = rig.nodes
    a.put("k", "one")
    stranger = rig.add("x", "another secret altogether")
    rig.wait(3)
    assert set(stranger.unreadable) == {Unreadable.FOREIGN}
    assert stranger.values.told == []
    b.put("k2", "two")
    assert a.values.learnt_ == {"k2": b"two"}
    assert a.nodes.way_to("x") is None


def test_a_newer_or_mangled_record_is_left_alone(rig: Rig) -> None:
    a, b = rig.nodes
    place = Place("value", "k")
    a.put("k", "good")
    good = rig.hub.records[place][1]
    for data in (b"", b"\x01", bytes((2,)) + good[1:], good[:-1] + bytes((good[-1] ^ 1,)), good[:20]):
        rig.hub.write(place, data)
    number, sealed = a.copy._seal.seal(place, b"no envelope")
    rig.hub.write(place, sealed)
    assert number
    rig.hub.write(place, b.copy._seal.seal(place, packed(Envelope("b", rig.clock.now, START + 10, b"mangled")))[1])
    assert b.values.told == ["k=good by a"]
    assert b.unreadable.count(Unreadable.NEWER) == 1
    assert b.unreadable.count(Unreadable.FOREIGN) == 5
    # In the place of another record it is no record.
    rig.hub.write(Place("value", "k2"), good)
    assert "k2" not in b.values.learnt_
    a.put("k", "better")
    assert b.values.told[-1] == "k=better by a"


def test_a_node_speaks_for_itself_only(rig: Rig) -> None:
    a, b = rig.nodes
    record = rig.hub.records[Place("node", "a")][1]
    rig.hub.write(Place("node", "c"), record)
    assert b.nodes.way_to("c") is None
    assert a.copy.state is State.LIVE


def test_clocks_may_be_minutes_apart(rig: Rig) -> None:
    a, _ = rig.nodes
    early = rig.add("c", clock=Skewed(rig.clock, -300))
    rig.wait(2)
    # What it says lies in the past of the others; that it is heard counts.
    assert a.nodes.way_to("c") is not None
    assert early.nodes.way_to("a") is not None
    early.put("k", "one")
    assert a.values.learnt_ == {"k": b"one"}
