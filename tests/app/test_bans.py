"""`talkpath bans`: the file of bans added by hand, what the running edge makes of it, and what followers are told."""

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble
from talkpath.app.log.guard import GuardLog
from talkpath.app.node.control import ControlClient, ControlServer, News
from talkpath.app.users import bans
from talkpath.app.users.bans import OwnBans
from talkpath.base.address import Address, Flow, Transport
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.edge.admission.guard import Guard
from talkpath.edge.settings import GuardSettings
from talkpath.sip.message import Message

NOW = 1_000_000.0
HOME = Address("192.0.2.1", 5060)


@pytest.fixture
def guard() -> Guard:
    return Guard(GuardSettings(), (), b"g" * 16, NOW)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(state=State(directory=str(tmp_path)))


def flow(host: str, port: int = 5060) -> Flow:
    return Flow(Transport.UDP, HOME, Address(host, port))


def register(user: str) -> Message:
    text = (
        f"REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1\r\n"
        f"From: <sip:{user}@x>;tag=1\r\nTo: <sip:{user}@x>\r\n"
        f"Call-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    )
    return Message.parse(text.encode())


def is_heard(guard: Guard, host: str, now: float = NOW) -> bool:
    return guard.look(flow(host), b"OPTIONS sip:x SIP/2.0\r\n", now)


def test_bans_by_hand_outlive_a_restart_and_are_followed(config: Config, tmp_path: Path, guard: Guard) -> None:
    bans.add(config, ["203.0.113.0/24", "2001:db8::7"], "", "not ours", Language.EN)
    own = OwnBans(tmp_path)
    own.follow(guard, NOW)
    assert [ban.source for ban in guard.bans(NOW)] == ["203.0.113.0/24", "2001:db8::7"]
    assert not is_heard(guard, "203.0.113.200")
    bans.lift(config, ["203.0.113.0/24"], Language.EN)
    own.follow(guard, NOW)
    assert is_heard(guard, "203.0.113.200")
    assert oct((tmp_path / "bans.json").stat().st_mode)[-3:] == "600"


def test_commands_at_once_lose_no_ban(config: Config, tmp_path: Path) -> None:
    sources = [f"203.0.113.{number}" for number in range(1, 41)]
    with ThreadPoolExecutor(8) as hands:
        for _ in hands.map(lambda source: bans.add(config, [source], "", "", Language.EN), sources):
            pass
    assert {ban.source for ban in OwnBans(tmp_path).read(NOW)} == set(sources)


def test_a_ban_by_hand_may_end_by_itself(config: Config, tmp_path: Path) -> None:
    bans.add(config, ["203.0.113.7"], "2h", "", Language.EN)
    own = OwnBans(tmp_path)
    assert [ban.source for ban in own.read(time.time() + 7_100)] == ["203.0.113.7"]
    assert own.read(time.time() + 7_300) == []


def test_what_is_no_network_is_said(config: Config) -> None:
    with pytest.raises(Misuse):
        bans.add(config, ["nobody"], "", "", Language.EN)
    with pytest.raises(Misuse):
        bans.add(config, ["203.0.113.7"], "soon", "", Language.EN)
    with pytest.raises(Trouble):
        bans.lift(config, ["203.0.113.7"], Language.EN)


def test_a_file_that_nobody_can_read_bans_nobody(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "bans.json").write_bytes(b"{")
    OwnBans(tmp_path).follow(guard, NOW)
    assert guard.bans(NOW) == []


def test_the_list_shows_why_also_as_json(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    bans.add(config, ["203.0.113.7"], "", "rings at night", Language.EN)
    bans.print_bans(config, Language.EN, as_json=False)
    assert "rings at night" in capsys.readouterr().out
    bans.print_bans(config, Language.EN, as_json=True)
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["source"], shown["until"], shown["code"]) == ("203.0.113.7", None, "")


def test_brackets_that_somebody_wrote_mean_nothing_to_a_terminal(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bans.add(config, ["203.0.113.7"], "", "[/b] [red]no[/red]", Language.EN)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    bans.print_bans(config, Language.EN, as_json=False)
    assert "[/b] [red]no[/red]" in capsys.readouterr().out


async def test_the_running_edge_is_asked_for_its_bans(tmp_path: Path, guard: Guard) -> None:
    flood(guard, "203.0.113.9")
    guard.wrong(register("1001"), "1001", flow("203.0.113.10"), True, NOW)
    server = ControlServer(Ledger(), tmp_path, door=guard, now=lambda: NOW)
    await server.start()
    client = ControlClient(tmp_path)
    try:
        (ban,) = await asyncio.to_thread(client.bans) or []
        assert (ban.source, ban.code) == ("203.0.113.9:5060", "scanner")
        (refused,) = await asyncio.to_thread(client.refused)
        assert (refused.user, refused.source, refused.times) == ("1001", "203.0.113.10", 1)
        assert await asyncio.to_thread(client.lift, "203.0.113.9")
        assert await asyncio.to_thread(client.bans) == []
    finally:
        await server.stop()


def flood(guard: Guard, host: str, port: int = 5060) -> None:
    for _ in range(100):
        guard.look(flow(host, port), b"INVITE sip:x SIP/2.0\r\n", NOW)
    guard.expire(NOW)


def test_followers_hear_of_each_ban_once_and_of_wrong_passwords_once_a_minute(guard: Guard) -> None:
    news = News(guard, NOW)
    flood(guard, "203.0.113.9")
    told = []
    for second in range(90):
        guard.wrong(register("1001"), "1001", flow("203.0.113.10"), True, NOW + second)
        told += [type(one).__name__ for one in news.take(NOW + second)]
    assert told.count("Refused") == 2
    assert told.count("Ban") >= 1
    assert list(news.take(NOW + 90)) == []


def test_the_log_has_a_line_for_each_ban_and_one_a_minute_for_the_flood(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    log = GuardLog(guard, Language.EN)
    log.tell(NOW)
    with caplog.at_level(logging.WARNING, "talkpath.guard"):
        for host in range(1, 40):
            flood(guard, f"198.51.{host}.1")
            log.count_turned_away()
            log.tell(NOW + host)
        log.tell(NOW + 61)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("is banned for" in line for line in lines) == 10
    assert any("29 more sources" in line for line in lines)
    assert sum("turned away" in line for line in lines) == 1
    assert len(lines) == 12
