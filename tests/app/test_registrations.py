"""`talkpath registrations`: who is registered, who is not let in, and what changes."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.edge.lab import Lab

from talkpath.app.node.control import ControlClient, ControlServer
from talkpath.app.registrations import words as texts
from talkpath.app.registrations.news import (
    Missed,
    Refusal,
    RegistrationChange,
    RegistrationNews,
    ToldBindings,
)
from talkpath.app.registrations.rows import PhoneRow, rows_of
from talkpath.base import limits
from talkpath.base.address import Transport
from talkpath.base.texts import Language
from talkpath.edge.core import Core


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.behind_nat("1002", nat_s=1e9)
    lab.registered("1001", "198.51.100.7")
    open_one, closed = (lab.phone("1003", "198.51.100.9", port, Transport.TCP) for port in (40000, 40001))
    for phone in (open_one, closed):
        phone.register()
    lab.close(closed)
    lab.wait(30)
    return lab


def phones(lab: Lab, user: str = "", *, only_failing: bool = False) -> list[PhoneRow]:
    rows = rows_of(lab.edge.core, lambda flow: 0.0123, lab.now, user, only_failing=only_failing)
    return [row for row in rows if row is not None]


@pytest.fixture
async def state(lab: Lab, tmp_path: Path) -> AsyncIterator[Path]:
    def rows(user: str, only_failing: bool) -> Iterator[PhoneRow | None]:
        return rows_of(lab.edge.core, lambda flow: 0.0123, lab.now, user, only_failing=only_failing)

    server = ControlServer(lab.ledger, tmp_path, rows)
    await server.start()
    yield tmp_path
    await server.stop()


def test_each_phone_is_shown_with_what_is_known_of_its_way(lab: Lab) -> None:
    rows = {(row.user, row.health): row for row in phones(lab)}
    assert [user for user, _ in rows] == ["1001", "1002", "1003", "1003"]
    assert {health for _, health in rows} == {"unasked", "answers", "closed", "open"}
    natted = rows["1002", "answers"]
    assert (natted.address, natted.is_behind_nat) == ("203.0.113.7:40001", True)
    assert natted.answered_at > 0
    assert rows["1003", "open"].rtt_s == 0.0123


def test_a_phone_of_another_node_is_shown_as_such(lab: Lab) -> None:
    binding = next(lab.edge.core.registrar.held())
    lab.edge.core.registrar.learn(replace(binding, node="b"), lab.now)
    rows = {row.node: row for row in phones(lab)}
    # There is no such node.
    assert rows["b"].health == "lost"
    assert texts.HEALTH["lost"].say(Language.EN, node="b") == "node b is gone"


def test_who_is_not_let_in_stands_last_and_who_is_has_his_last_failure(lab: Lab) -> None:
    lab.phone("1001", "203.0.113.9").register(password="guess")
    lab.phone("4711", "203.0.113.9", 5070).register()
    rows = phones(lab)
    assert [(row.user, row.health) for row in rows[-2:]] == [("1001", "refused"), ("4711", "refused")]
    first = rows[0]
    assert (first.user, first.failure, first.failures, first.failed_from) == (
        "1001",
        "wrong-password",
        1,
        "203.0.113.9",
    )
    assert [row.failure for row in phones(lab, only_failing=True)] == ["wrong-password", "unknown-user"]
    assert [(row.user, row.health) for row in phones(lab, "4711")] == [("4711", "refused")]


def test_who_got_in_after_all_is_no_longer_shown_as_refused(lab: Lab) -> None:
    phone = lab.phone("1001", "203.0.113.9")
    phone.register(password="guess")
    phone.register()
    assert phones(lab, only_failing=True) == []
    assert {row.failure for row in phones(lab, "1001")} == {"wrong-password"}


async def _run(state: Path, *arguments: str, name: str = "registrations") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", name, "--state", str(state)]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return await asyncio.to_thread(
        subprocess.run, [*command, *arguments], capture_output=True, text=True, env=environ, check=False
    )


async def test_the_command_prints_lines_and_json(state: Path, lab: Lab) -> None:
    lab.phone("4711", "203.0.113.9").register(extra="User-Agent: \x1b[31mred")
    lines = (await _run(state)).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1001", "1002", "1003", "1003", "4711"]
    assert lines[1].split("\t")[1:4] == ["UDP 203.0.113.7:40001", "NAT", "answers"]
    assert sorted(line.split("\t")[4] for line in lines[2:4]) == ["", "12.3 ms"]
    assert "\x1b" not in lines[4]
    assert "no such user (1 times)" in lines[4]
    rows = json.loads((await _run(state, "1002", "--json")).stdout)
    assert [row["user"] for row in rows] == ["1002"]
    failing = json.loads((await _run(state, "--failing", "--json")).stdout)
    assert [(row["user"], row["failure"]) for row in failing] == [("4711", "unknown-user")]
    assert json.loads((await _run(state, "nobody", "--json")).stdout) == []


async def test_the_older_name_of_the_command_does_the_same(state: Path) -> None:
    assert (await _run(state, "--json", name="phones")).stdout == (await _run(state, "--json")).stdout


async def test_without_an_edge_it_says_so(tmp_path: Path) -> None:
    done = await _run(tmp_path)
    assert done.returncode == 1
    assert "No edge is running here" in done.stderr


# --- following


@pytest.fixture
def told(lab: Lab) -> RegistrationNews:
    store = ToldBindings(lab.bindings, lambda: lab.now)
    lab.edge.core.registrar._store = store
    return RegistrationNews(store, lab.guard)


def changes(told: RegistrationNews) -> list[tuple[str, str]]:
    return [(one.change, one.user) for one in told.take() if isinstance(one, RegistrationChange)]


def test_what_changes_is_told_as_it_happens(lab: Lab, told: RegistrationNews) -> None:
    phone = lab.phone("1001", "198.51.100.44", 40_000, Transport.TCP)
    phone.register()
    phone.register()
    phone.reconnect(40_001)
    phone.register()
    phone.register(expires=0)
    assert changes(told) == [
        ("registered", "1001"),
        ("renewed", "1001"),
        ("moved", "1001"),
        ("removed", "1001"),
    ]
    lab.wait(700)
    assert set(changes(told)) == {("over", "1001"), ("over", "1003")}


def test_who_is_not_let_in_is_told_once_a_minute(lab: Lab, told: RegistrationNews) -> None:
    phone = lab.phone("4711", "203.0.113.9")
    times = []
    for _ in range(100):
        phone.register()
        times += [one.refused.times for one in told.take() if isinstance(one, Refusal)]
        lab.now += 1
    assert times == [1, 61]


def test_a_follower_that_is_slow_is_told_how_much_it_missed(
    lab: Lab, told: RegistrationNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FOLLOWED", 3)
    phone = lab.phone("1001", "198.51.100.44")
    for _ in range(5):
        phone.register()
    news = list(told.take())
    assert len(news) == 4
    assert news[-1] == Missed(2)


def test_nothing_is_kept_for_a_follower_who_left(lab: Lab, told: RegistrationNews) -> None:
    told.close()
    lab.phone("1001", "198.51.100.44").register()
    assert list(told.take()) == []


# --- many


def _many(count: int) -> Core:
    """An edge with so many registrations."""
    lab = Lab()
    lab.registered("1001", "198.51.100.7")
    registrar = lab.edge.core.registrar
    binding = registrar.bindings("1001", lab.now)[0]
    registrar.load(
        (replace(binding, user=f"u{number}", expires_at=lab.now + 1e6) for number in range(count)), lab.now
    )
    return lab.edge.core


def test_many_come_in_order_and_with_pauses() -> None:
    core = _many(5_000)
    rows = list(rows_of(core, lambda flow: 0.0, 1_000_000.0))
    users = [row.user for row in rows if row is not None]
    assert users == sorted(users)
    assert len(users) == 5_001
    assert sum(row is None for row in rows) >= 5


async def test_many_are_streamed(tmp_path: Path) -> None:
    core = _many(20_000)
    server = ControlServer(
        Lab().ledger, tmp_path, lambda user, only_failing: rows_of(core, lambda flow: 0.0, 1_000_000.0, user)
    )
    await server.start()
    try:
        rows = ControlClient(tmp_path).phones()
        assert rows is not None
        decode = msgspec.json.Decoder(PhoneRow).decode
        assert await asyncio.to_thread(lambda: len({decode(row).user for row in rows})) == 20_001
    finally:
        await server.stop()
