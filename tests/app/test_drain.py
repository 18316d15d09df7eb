"""A node gives way: what it hands over and still takes, who hears of it, and what the command says."""

import pytest

from talkpath.app.cluster import drain as command
from talkpath.app.cluster.rows import ClusterRow, NodeRow
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble
from talkpath.base.texts import Language


def row(state: str, calls: int = 0, **went_to: int) -> NodeRow:
    return NodeRow("a", state, "TCP 192.0.2.1:5060", calls, 0, 0.001, 0, 1e9, "1", went_to)


class Client:
    """An edge that says one thing after the other."""

    def __init__(self, answer: str | None, *rows: NodeRow | None) -> None:
        self.answer = answer
        self.rows = list(rows)
        self.asked: list[tuple[str, bool]] = []

    def drain(self, node: str, *, undo: bool) -> str | None:
        self.asked.append((node, undo))
        return self.answer

    def cluster(self) -> list[ClusterRow]:
        nodes = [one for one in (self.rows.pop(0) if len(self.rows) > 1 else self.rows[0],) if one is not None]
        return [ClusterRow("office", "b", "live", 0.0, "", "", 3, 0.0, 0, 0, nodes)]


def drained(client: Client, monkeypatch: pytest.MonkeyPatch, timeout_s: float = 60.0) -> Client:
    monkeypatch.setattr(command, "ControlClient", lambda path: client)
    monkeypatch.setattr(command, "_LOOK_S", 0.0)
    monkeypatch.setattr(command, "_ANSWER_S", 0.01)
    command.drain_node(Config(), "a", timeout_s, Language.EN)
    return client


def test_it_says_how_many_calls_are_left_and_where_they_went(monkeypatch, capsys) -> None:
    rows = row("there", 3), row("drains", 3), row("drains", 3), row("drains", 1, b=2), row("drains", 0, b=2, c=1)
    assert drained(Client("", *rows), monkeypatch).asked == [("a", False)]
    assert capsys.readouterr().err.splitlines() == [
        "a: calls left: 3. Went over: none.",
        "a: calls left: 1. Went over: 2 to b.",
        "a: calls left: 0. Went over: 2 to b, 1 to c.",
        "a has no calls any more. It can be stopped.",
    ]


def test_a_node_that_stops_meanwhile_is_done(monkeypatch, capsys) -> None:
    drained(Client("", row("drains", 2), row("drains", 2), None), monkeypatch)
    assert capsys.readouterr().err.splitlines()[-1] == "a has stopped."


@pytest.mark.parametrize(
    ("answer", "rows", "timeout_s", "code"),
    [
        (None, (None,), 60, "no-edge"),
        ("unknown", (None,), 60, "drain-unknown"),
        ("gone", (None,), 60, "drain-gone"),
        ("alone", (None,), 60, "drain-alone"),
        ("", (row("there", 2),), 60, "drain-unheard"),
        ("", (row("drains", 2),), 0.01, "drain-timeout"),
    ],
)
def test_what_hinders_it_is_said(monkeypatch, answer, rows, timeout_s, code) -> None:
    with pytest.raises(Trouble) as told:
        drained(Client(answer, *rows), monkeypatch, timeout_s)
    assert told.value.code == code
