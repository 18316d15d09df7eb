"""What every node knows of the others, and what outages of the engine cost."""

from collections import deque

import pytest
from tests.cluster.rig import START, Rig, Skewed

from talkpath.base import limits
from talkpath.cluster.copy import State
from talkpath.cluster.envelope import Envelope, Place, packed
from talkpath.cluster.memory import Hub
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


# --- an engine that is slow, and one that hears us or is heard by us alone


class SlowHub(Hub):
    """Writes what it is given `delay_s` later."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.delay_s = 0.0
        self._clock = rig.clock
        self._taken: deque[tuple[float, Place, bytes]] = deque()
        self.__dict__.update(records=rig.hub.records, last=rig.hub.last, members=rig.hub.members)
        for node in rig.nodes:
            node.hub = node.engine.hub = self
        rig.hub = self

    def write(self, place: Place, data: bytes) -> None:
        self._taken.append((self._clock.now + self.delay_s, place, data))

    def work(self) -> None:
        while self._taken and self._taken[0][0] <= self._clock.now:
            _, place, data = self._taken.popleft()
            super().write(place, data)


def pass_slowly(rig: Rig, hub: SlowHub, seconds: float) -> list[State]:
    """Let time pass; gives in which states the first node was meanwhile."""
    seen = []
    for _ in range(round(seconds * 10)):
        hub.work()
        rig.wait(0.1)
        seen.append(rig.nodes[0].copy.state)
    return seen


def test_an_engine_that_takes_two_seconds_is_late_and_otherwise_well(rig: Rig) -> None:
    a, b = rig.nodes
    hub = SlowHub(rig)
    hub.delay_s = 2.0
    pass_slowly(rig, hub, 4)
    a.put("k", "one")
    assert set(pass_slowly(rig, hub, 20)) == {State.LIVE}
    assert b.values.learnt_ == {"k": b"one"}
    assert 1.9 <= a.copy.health().lag_s <= 2.3
    assert b.nodes.way_to("a") is not None
    assert a.copy.counters["written_again"] == 0


def test_an_engine_that_is_slower_than_a_beat_may_be_is_away_and_loses_nothing(rig: Rig) -> None:
    a, b = rig.nodes
    hub = SlowHub(rig)
    hub.delay_s = 6.0
    pass_slowly(rig, hub, 8)
    for number in range(5):
        a.put(f"k{number}", "said")
        assert State.AWAY in pass_slowly(rig, hub, 10)
    hub.delay_s = 0.0
    pass_slowly(rig, hub, 12)
    assert sorted(b.values.learnt_) == [f"k{number}" for number in range(5)]
    assert a.copy.is_settled
    assert (a.copy.state, b.copy.state) == (State.LIVE, State.LIVE)
    assert a.nodes.way_to("b") is not None
    assert b.nodes.way_to("a") is not None


@pytest.mark.parametrize("is_deaf", [False, True], ids=["nothing of ours arrives there", "nothing comes from there"])
def test_a_way_to_the_engine_that_is_cut_in_one_direction(rig: Rig, monkeypatch: pytest.MonkeyPatch, is_deaf) -> None:
    a, b = rig.nodes
    cut = ("tell", "watch") if is_deaf else ("publish",)
    with monkeypatch.context() as patch:
        for verb in cut:
            patch.setattr(a.engine, verb, lambda *_: None)
        a.engine.is_watching = not is_deaf
        rig.wait(10)
        a.put("mine", "of a")
        b.put("theirs", "of b")
        rig.wait(10)
        assert a.copy.state is State.AWAY, "it says so, and takes nobody for gone"
        assert a.nodes.way_to("b") is not None
        assert b.copy.state is State.LIVE
        assert ("theirs" in a.values.learnt_) is not is_deaf
        assert "mine" not in b.values.learnt_
    rig.wait(11)
    assert a.copy.state is State.LIVE
    assert b.values.learnt_ == {"mine": b"of a"}
    assert a.values.learnt_ == {"theirs": b"of b"}
    assert b.nodes.way_to("a") is not None


def test_a_watcher_that_never_says_that_all_is_read_is_set_up_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on telling what is new."""
    a, b = rig.nodes
    watch = b.engine.watch
    with monkeypatch.context() as patch:
        patch.setattr(b, "read_whole", lambda: None)
        rig.hub.cut(b.engine)
        rig.hub.mend(b.engine)
        b.pump()
        rig.wait(5)
        a.put("k", "one")
        assert b.values.learnt_ == {"k": b"one"}
        assert b.copy.state is not State.LIVE
    assert b.engine.watch == watch
    rig.wait(57)
    assert b.copy.state is State.LIVE
